//! A plan on the screen, at a glance.

use std::io::{self, Write};

use annotate_snippets::renderer::{AnsiColor, Style};

use super::document::Document;
use super::lines::{Line, Sign};
use crate::cli::text::plain;
use crate::image::words::counted;
use crate::manifest::location::s3_uri;
use crate::reconcile::Meaning;

/// Widest column of what is changed: the key of a tag may be long.
const WHAT_MAX: usize = 24;

/// Writes a plan.
pub(in crate::cli) fn write(
    document: &Document,
    is_coloured: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let manifest = &document.manifest;
    let place = s3_uri(&manifest.bucket, &manifest.key);
    writeln!(out, "{} -> {}", plain(&manifest.file), plain(&place))?;
    writeln!(out, "{}", plain(&heading(document)))?;
    let home = &document.manifest.region;
    write_lines(home, &document.changes, is_coloured, out)?;
    if !document.drift.is_empty() {
        writeln!(
            out,
            "\nNot as the manifest says, and not changed by uploading it again:"
        )?;
        write_lines(home, &document.drift, is_coloured, out)?;
    }
    if !document.needs.is_empty() {
        writeln!(
            out,
            "\nThe stack has to allow (check its parameters with --parameter NAME=VALUE):"
        )?;
        for problem in &document.needs {
            let hint = problem.hint.as_deref().unwrap_or(&problem.message);
            writeln!(out, "  {}: {}", plain(&problem.path), plain(hint))?;
        }
    }
    if !document.notes.is_empty() {
        writeln!(out)?;
    }
    for note in &document.notes {
        writeln!(out, "Note: {}", plain(note))?;
    }
    writeln!(out, "\n{}", totals(document))
}

/// What the upload means.
pub(in crate::cli) fn heading(document: &Document) -> String {
    let state = document.state.as_deref().unwrap_or_default();
    match document.outcome {
        Meaning::Build if document.is_impossible() => {
            "A new AMI is asked for, and cannot be made.".to_owned()
        }
        Meaning::Build => "A new AMI is made.".to_owned(),
        Meaning::Change => "The AMI that exists is changed in place.".to_owned(),
        Meaning::Unchanged => "Nothing to do: it asks for nothing new.".to_owned(),
        Meaning::InProgress => {
            format!("What it asks for is in progress ({state}); this is still to be done.")
        }
        Meaning::Later => {
            format!("It starts once the version in progress ({state}) has ended.")
        }
        Meaning::Rejected => "It would be rejected.".to_owned(),
    }
}

/// The lines, under a heading for each AMI.
fn write_lines(
    home: &str,
    lines: &[Line],
    is_coloured: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut about = None;
    let width = lines.iter().map(|line| line.what.chars().count()).max();
    let width = width.unwrap_or(0).min(WHAT_MAX);
    for line in lines {
        let this = Some((&line.region, &line.image));
        if about != this {
            let new = if line.region == home {
                "a new AMI"
            } else {
                "a new copy"
            };
            let image = line.image.as_deref().unwrap_or(new);
            writeln!(out, "\n{}  {}", plain(&line.region), plain(image))?;
            about = this;
        }
        let style = if is_coloured {
            style(line.change)
        } else {
            Style::new()
        };
        let (what, values) = (plain(&line.what), values(line));
        let text = format!("{what:<width$}  {values}");
        let sign = line.change;
        writeln!(out, "  {style}{sign}{style:#} {}", text.trim_end())?;
    }
    Ok(())
}

fn style(sign: Sign) -> Style {
    let colour = match sign {
        Sign::Create => AnsiColor::Green,
        Sign::Change => AnsiColor::Yellow,
        Sign::Remove | Sign::Blocked => AnsiColor::Red,
        Sign::Conflict => AnsiColor::Magenta,
    };
    Style::new().fg_color(Some(colour.into()))
}

/// Old and new value, and why.
pub(in crate::cli) fn values(line: &Line) -> String {
    let values = match (&line.from, &line.to) {
        (Some(from), Some(to)) => format!("{} -> {}", plain(from), plain(to)),
        (Some(only), None) | (None, Some(only)) => plain(only),
        (None, None) => String::new(),
    };
    match (&line.why, line.change) {
        (None, _) => values,
        (Some(why), Sign::Blocked | Sign::Conflict) if values.is_empty() => {
            format!("because {}", plain(why))
        }
        (Some(why), Sign::Blocked | Sign::Conflict) => format!("{values}  because {}", plain(why)),
        (Some(why), _) => format!("{values}  ({})", plain(why)).trim().to_owned(),
    }
}

/// How much it is.
pub(in crate::cli) fn totals(document: &Document) -> String {
    let summary = &document.summary;
    let counts = [
        (summary.create, "to create"),
        (summary.change, "to change"),
        (summary.remove, "to remove"),
        (summary.blocked, "blocked"),
        (summary.conflict, "in conflict"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let calls = &document.calls;
    let names = calls.by_name.iter();
    let names: Vec<String> = names
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let total = counted(calls.total, "changing AWS call");
    match (counts.is_empty(), names.is_empty()) {
        (true, _) => "No changes.".to_owned(),
        (false, true) => format!("{}. {total}.", counts.join(", ")),
        (false, false) => format!("{}. {total}: {}.", counts.join(", "), names.join(", ")),
    }
}
