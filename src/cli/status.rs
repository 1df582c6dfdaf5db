//! `amiwright status [KEY…]`: what the statuses in the bucket say.

pub(super) mod details;
pub(super) mod stack;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::connection::Aside;
use super::hints::{cannot_load, cannot_read};
use super::json as output;
use super::list::{self, Kind, Known, Row, Table, Time, Usual};
use super::options::{Format, Options};
use super::target::{self, Target};
use super::terminal::Terminal;
use super::text::plain;
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::manifest::location::s3_uri;
use crate::reconcile::Context;
use crate::status_store::{self, Listed, Loaded};

pub use super::list::Selection;

/// How many statuses are read at once.
const READS_AT_ONCE: usize = 16;

/// Arguments of `amiwright status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keys of manifests, s3://BUCKET/KEY, patterns such as 'golden/*', or ids of AMIs; all by default. All that is known
    /// is shown of a single one
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Only images in progress
    #[arg(long)]
    open: bool,
    /// Only images that did not become available
    #[arg(long)]
    failed: bool,
    /// All images, also those that a terminal has no room for
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    target: Target,
}

/// Which images are shown, and how.
#[derive(Debug, Clone)]
pub struct View {
    /// Which ones.
    pub selection: Selection,
    /// What it is written to.
    pub terminal: Terminal,
    /// In which form.
    pub form: Form,
    /// Whether available images are shown that a terminal has no room for.
    pub all: bool,
    /// Whether only the images are shown.
    pub quiet: bool,
}

/// In which form images are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As text.
    Text,
    /// As text, nothing cut off.
    Wide,
    /// As JSON.
    Json,
}

impl View {
    /// The images with these names, as text that is not for a terminal.
    #[must_use]
    pub fn of(names: &[impl AsRef<str>]) -> Self {
        Self {
            selection: Selection::of(names),
            terminal: Terminal::PLAIN,
            form: Form::Text,
            all: false,
            quiet: false,
        }
    }

    /// The same as JSON.
    #[must_use]
    pub fn as_json(self) -> Self {
        Self {
            form: Form::Json,
            ..self
        }
    }
}

/// Where and when statuses are shown.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    /// The manifest bucket.
    bucket: &'a str,
    region: &'a str,
    now: Timestamp,
}

/// Shows one status or several.
///
/// # Errors
/// If no bucket or Region is given, the bucket cannot be read, or there is no such status.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let (config, keys) = args.target.config_for_all(&args.keys).await?;
    let aws = args.target.connect(&config, Aside::new(options)).await;
    let view = View {
        selection: Selection::of(&keys).only(args.open, args.failed),
        terminal: options.terminal(),
        form: match options.format() {
            Format::Text => Form::Text,
            Format::Wide => Form::Wide,
            Format::Json => Form::Json,
        },
        all: args.all,
        quiet: options.is_quiet(),
    };
    let found_all = show(Context::new(&aws, &config, now), &view, out).await?;
    Ok(if found_all { Exit::Done } else { Exit::Failed }.into())
}

/// Writes the statuses that are selected. Returns whether each that was named by its key was found; the errors of the
/// others are on standard error.
///
/// # Errors
/// If the bucket cannot be read, or there is no status of the only one that was named.
pub async fn show(context: Context<'_>, view: &View, out: &mut dyn Write) -> Result<bool, Error> {
    let selection = &view.selection;
    let place = Place {
        bucket: &context.config.bucket,
        region: &context.config.region,
        now: context.now,
    };
    if let Some(keys) = selection.keys() {
        if let [key] = keys.as_slice() {
            let loaded = target::load(context, key).await?;
            write_one(place, view, key, loaded, out)?;
            return Ok(true);
        }
        let (found, missing) = load_all(context, &keys).await;
        write_list(place, view, &found, keys.len(), out)?;
        for error in &missing {
            write!(std::io::stderr(), "{}", error.report())?;
        }
        return Ok(missing.is_empty());
    }
    let listed = status_store::list_statuses(context.aws, context.config)
        .await
        .map_err(|error| cannot_read(context.config, &error))?;
    if listed.is_empty() {
        stack::check(context).await?;
    }
    let total = listed.len();
    let is_named = |listed: &Listed| {
        let status = listed.status.as_ref().ok();
        selection.names(&listed.manifest_key, status.map(|loaded| &loaded.status))
    };
    let mut named: Vec<Listed> = listed.into_iter().filter(is_named).collect();
    if let (Some(image), true) = (selection.image(), view.form != Form::Json) {
        if named.is_empty() {
            let bucket = s3_uri(&context.config.state_bucket, "");
            return Err(Error::new(format!("no status in {bucket} has {image}"))
                .with_hint("AMIs of the last ten versions of each manifest are known"));
        }
        if named.len() == 1
            && let Some(only) = named.pop()
        {
            let loaded = only
                .status
                .map_err(|error| cannot_load(context.config, &error));
            write_one(place, view, &only.manifest_key, loaded?, out)?;
            return Ok(true);
        }
    }
    write_list(place, view, &named, total, out)?;
    Ok(true)
}

/// The statuses with these keys, and the errors of those that there are not.
async fn load_all(context: Context<'_>, keys: &[&str]) -> (Vec<Listed>, Vec<Error>) {
    let loaded = stream::iter(keys.iter().copied())
        .map(|key| async move { (key, target::load(context, key).await) })
        .buffered(READS_AT_ONCE);
    let loaded: Vec<_> = loaded.collect().await;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (key, loaded) in loaded {
        match loaded {
            Ok(loaded) => found.push(Listed {
                manifest_key: key.to_owned(),
                modified_at: list::changed_at(&loaded.status),
                status: Ok(loaded),
            }),
            Err(error) => missing.push(error),
        }
    }
    (found, missing)
}

/// Writes all that is known of one image.
fn write_one(
    place: Place<'_>,
    view: &View,
    key: &str,
    loaded: Loaded,
    out: &mut dyn Write,
) -> Result<(), Error> {
    if view.form == Form::Json {
        let listed = Listed {
            manifest_key: key.to_owned(),
            modified_at: list::changed_at(&loaded.status),
            status: Ok(loaded),
        };
        return write_list(place, view, &[listed], 1, out);
    }
    details::write(&loaded.status, place.now, out)?;
    Ok(())
}

/// Writes images as a list. `total` is how many there are, selected or not.
fn write_list(
    place: Place<'_>,
    view: &View,
    listed: &[Listed],
    total: usize,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let statuses = listed
        .iter()
        .filter_map(|listed| listed.status.as_ref().ok());
    let usual = Usual::of(statuses.map(|loaded| &loaded.status));
    let is_kind = |kind| match (view.selection.open, view.selection.failed) {
        (false, false) => true,
        (open, failed) => (open && kind == Kind::Open) || (failed && kind == Kind::Failed),
    };
    let rows = listed.iter().map(|listed| row(listed, &usual, place.now));
    let (rows, listed): (Vec<Row>, Vec<&Listed>) = rows
        .zip(listed)
        .filter(|(row, _)| is_kind(row.kind))
        .unzip();
    let Place { bucket, region, .. } = place;
    if view.form == Form::Json {
        let facts = json!({
            "bucket": bucket,
            "region": region,
            "summary": list::summary(&rows),
        });
        let items = listed.into_iter().map(to_json).collect();
        output::write("status", facts, items, out)?;
        return Ok(());
    }
    if total == 0 {
        let bucket = s3_uri(bucket, "");
        writeln!(
            out,
            "No images yet. Upload a manifest to {bucket} to create one."
        )?;
        return Ok(());
    }
    if !view.quiet {
        let heading = plain(&heading((bucket, region), &rows, view, total));
        let width = view.terminal.width.unwrap_or(usize::MAX);
        writeln!(out, "{}", list::shorten(&heading, width))?;
    }
    if rows.is_empty() {
        return Ok(());
    }
    let table = Table {
        terminal: view.terminal,
        is_wide: view.form == Form::Wide,
        all: view.all,
        time: Time::Age,
    };
    if !view.quiet {
        writeln!(out)?;
    }
    for line in list::table(&rows, table, place.now) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// How many images there are: `amiwright-bucket · us-east-1 · 60 images: 2 open, 1 failed, 57 available`.
fn heading((bucket, region): (&str, &str), rows: &[Row], view: &View, total: usize) -> String {
    let count = match rows.len() {
        1 if total == 1 => "1 image".to_owned(),
        all if view.selection.is_all() => format!("{all} images"),
        some => format!("{some} of {total} images"),
    };
    let counts = list::counts(rows).join(", ");
    let counts = if counts.is_empty() {
        counts
    } else {
        format!(": {counts}")
    };
    format!("{bucket} · {region} · {count}{counts}")
}

/// The row of a listed status, also of one that cannot be read.
pub(super) fn row(listed: &Listed, usual: &Usual, now: Timestamp) -> Row {
    let reason;
    let known = match &listed.status {
        Ok(loaded) => Known::Status(&loaded.status),
        Err(error) => {
            reason = error.to_string();
            Known::Unreadable(&reason)
        }
    };
    Row {
        changed_at: Some(listed.modified_at),
        ..Row::of(&listed.manifest_key, known, usual, now)
    }
}

/// A listed status for machines; one that cannot be read has `error` instead of `status`.
fn to_json(listed: &Listed) -> Value {
    let (key, changed_at) = (&listed.manifest_key, listed.modified_at);
    match &listed.status {
        Ok(loaded) => json!({
            "key": key,
            "state": loaded.status.state,
            "changedAt": changed_at,
            "status": loaded.status,
        }),
        Err(error) => json!({"key": key, "changedAt": changed_at, "error": error.to_string()}),
    }
}
