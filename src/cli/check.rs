//! `amiwright check FILE…`: says what is wrong with manifests, before anything is uploaded.

use std::{
    fs,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;

use crate::manifest::{
    Problem, bundle, image,
    key::{self, Kind},
};

/// Most bytes read of a file: more than any manifest may have, so that the check itself can refuse it.
const MOST_BYTES: u64 = (1 << 20) + 1;

/// Longest line that is drawn, in bytes.
const LONGEST_LINE: usize = 1000;

/// Check manifests without AWS.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image manifests (NAME.image.yaml, .yml, .json) and bundle manifests (NAME.manifest.xml); `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// What standard input would be called as a file: the ending tells the kind of manifest.
    #[arg(long, value_name = "FILE", default_value = "stdin.image.yaml")]
    pub name: String,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: each problem with its line of the file.
    Text,
    /// For machines: one array with an object for each file.
    Json,
}

/// One file, looked at.
struct Checked {
    name: String,
    text: String,
    problems: Vec<Problem>,
}

/// Checks the files; whether all of them are good.
///
/// `now` is needed because manifests name dates that must lie ahead. A file that cannot be read counts as not good.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(args: &Args, now: Timestamp, out: &mut impl Write, color: bool) -> io::Result<bool> {
    let checked: Vec<Checked> = args
        .files
        .iter()
        .map(|file| check(file, &args.name, now))
        .collect();
    match args.format {
        Format::Text => checked.iter().try_for_each(|file| draw(file, out, color))?,
        Format::Json => {
            let files: Vec<_> = checked.iter().map(as_json).collect();
            writeln!(out, "{:#}", serde_json::Value::from(files))?;
        }
    }
    Ok(checked.iter().all(|file| file.problems.is_empty()))
}

fn check(file: &Path, stdin_name: &str, now: Timestamp) -> Checked {
    let from_stdin = file == Path::new("-");
    let name = if from_stdin {
        stdin_name.to_owned()
    } else {
        file.display().to_string()
    };
    let bytes = match if from_stdin {
        limited(io::stdin())
    } else {
        fs::File::open(file).and_then(limited)
    } {
        Ok(bytes) => bytes,
        Err(error) => {
            let problem = Problem::new(format!("cannot read the file: {error}"));
            return Checked {
                name,
                text: String::new(),
                problems: vec![problem],
            };
        }
    };
    let found = match kind(&name) {
        Some(Kind::Image) => image::parse(&name, &bytes, now).map(|_| ()),
        Some(Kind::Bundle) => bundle::parse(&bytes).map(|_| ()),
        None => {
            let hint =
                "name it NAME.image.yaml, NAME.image.yml, NAME.image.json or NAME.manifest.xml";
            Err(vec![
                Problem::new("the file's name is not that of a manifest").with_hint(hint),
            ])
        }
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Checked {
        name,
        text,
        problems: found.err().unwrap_or_default(),
    }
}

/// A file on a disk lies under no state prefix, and its name alone counts.
fn kind(name: &str) -> Option<Kind> {
    let name = Path::new(name).file_name()?.to_str()?;
    key::kind(name, "")
}

fn limited(from: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn as_json(file: &Checked) -> serde_json::Value {
    json!({"file": file.name, "ok": file.problems.is_empty(), "problems": file.problems})
}

fn draw(file: &Checked, out: &mut impl Write, color: bool) -> io::Result<()> {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    // A byte-order mark takes no column, and a carriage return would be drawn.
    let text = file
        .text
        .strip_prefix('\u{feff}')
        .unwrap_or(&file.text)
        .replace("\r\n", "\n");
    for problem in &file.problems {
        draw_problem(&file.name, &text, problem, &renderer, out)?;
    }
    match file.problems.len() {
        0 => writeln!(out, "{}: good", file.name),
        1 => writeln!(out, "{}: 1 problem", file.name),
        count => writeln!(out, "{}: {count} problems", file.name),
    }
}

fn draw_problem(
    name: &str,
    text: &str,
    problem: &Problem,
    renderer: &Renderer,
    out: &mut impl Write,
) -> io::Result<()> {
    let title = match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("{path}: {}", problem.message),
    };
    let mut group = Group::with_title(Level::ERROR.primary_title(title.as_str()));
    if let Some((line, source)) = source_line(text, problem.line) {
        let span = span(&source, problem.column.unwrap_or(1));
        let snippet = Snippet::source(source).line_start(line).path(name);
        group = group.element(snippet.annotation(AnnotationKind::Primary.span(span)));
    }
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    if let Some(rule) = &problem.rule {
        group = group.element(Level::NOTE.message(rule.as_str()));
    }
    writeln!(out, "{}\n", renderer.render(&[group]))
}

/// The line, with what a terminal would act on made visible; none if it is too long to be drawn.
fn source_line(text: &str, line: Option<usize>) -> Option<(usize, String)> {
    let line = line?;
    let source = text.split('\n').nth(line.checked_sub(1)?)?;
    let visible = |c: char| {
        if c.is_control() && c != '\t' {
            '\u{fffd}'
        } else {
            c
        }
    };
    (source.len() <= LONGEST_LINE).then(|| (line, source.chars().map(visible).collect()))
}

/// The bytes of the word at this column (from 1, in characters).
fn span(source: &str, column: usize) -> std::ops::Range<usize> {
    let start = source
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(source.len(), |(at, _)| at);
    let word = source[start..]
        .find([' ', ',', ':', '}', ']', '\t'])
        .unwrap_or(source.len() - start);
    let first = source[start..].chars().next().map_or(0, char::len_utf8);
    start..start + word.max(first)
}

#[cfg(test)]
mod tests;
