//! What is watched: the last known state of each image.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::look::{Read, Watched};
use crate::aws::AwsError;
use crate::cli::list::{self, Known, Row, Table, Time, Usual};
use crate::cli::progress_text::stage;
use crate::cli::regions;
use crate::cli::terminal::Terminal;
use crate::cli::text::plain;
use crate::image::Status;
use crate::image::words::State;
use crate::manifest::location::s3_uri;
use crate::reconcile::Context;
use crate::status_store;

/// How many statuses are read at once.
const READS_AT_ONCE: usize = 16;

/// All that is watched, by key.
#[derive(Debug)]
pub(super) struct Rows {
    rows: BTreeMap<String, Watched>,
    /// Keys with an open marker.
    open: BTreeSet<String>,
    /// Whether all open images are watched, for no key was given.
    watches_all: bool,
    /// The manifests that this program has just uploaded: their `ETag`s, by their keys.
    uploads: BTreeMap<String, String>,
    /// How long tasks usually take here.
    usual: Option<Usual>,
}

/// What one look at the bucket found.
#[derive(Debug)]
pub(super) struct Look {
    open: BTreeSet<String>,
    read: Vec<Read>,
}

impl Watched {
    fn is_finished(&self) -> bool {
        match self {
            Self::NoStatus => false,
            Self::Status { is_finished, .. } => *is_finished,
            Self::Unreadable(_) => true,
        }
    }

    /// Whether a new version is about to start, in place of the one whose end is known.
    fn is_before(&self, is_open: bool) -> bool {
        matches!(self, Self::Status { status, is_finished: false }
            if status.state.is_final() && !is_open && status.unsent().next().is_none())
    }

    /// What is said of it where each change is a line.
    fn line(&self, key: &str, is_open: bool) -> String {
        match self {
            Self::NoStatus if is_open => stage(None, Some(true)),
            Self::NoStatus => format!("waiting for a status of {}", plain(key)),
            Self::Status {
                status,
                is_finished: false,
            } if status.state.is_final() && !is_open => {
                "waiting for the new version to start".to_owned()
            }
            Self::Status { status, .. } => stage(Some(status), is_open.then_some(true)),
            Self::Unreadable(reason) => plain(reason),
        }
    }

    fn row(&self, key: &str, is_open: bool, usual: &Usual, now: Timestamp) -> Row {
        let known = match self {
            Self::NoStatus => Known::Nothing { is_open },
            Self::Status { .. } if self.is_before(is_open) => Known::Before,
            Self::Status { status, .. } => Known::Status(status),
            Self::Unreadable(reason) => Known::Unreadable(reason),
        };
        Row::of(key, known, usual, now)
    }

    fn state(&self) -> Option<State> {
        match self {
            Self::Status { status, .. } => Some(status.state),
            Self::NoStatus | Self::Unreadable(_) => None,
        }
    }
}

impl Rows {
    /// Nothing known yet; no keys stand for all open images.
    pub(super) fn new(keys: &[String], uploads: &BTreeMap<String, String>) -> Self {
        Self {
            rows: keys
                .iter()
                .map(|key| (key.clone(), Watched::NoStatus))
                .collect(),
            open: BTreeSet::new(),
            watches_all: keys.is_empty(),
            uploads: uploads.clone(),
            usual: None,
        }
    }

    /// Says how long tasks usually take.
    pub(super) fn expect(&mut self, usual: Usual) {
        self.usual = Some(usual);
    }

    /// Whether it was said.
    pub(super) fn knows_usual(&self) -> bool {
        self.usual.is_some()
    }

    /// Reads the open markers, and the status of whatever has not finished.
    pub(super) async fn look(&self, context: Context<'_>) -> Result<Look, AwsError> {
        let open: BTreeSet<String> = status_store::list_open(context.aws, context.config)
            .await?
            .into_iter()
            .map(|marker| marker.manifest_key)
            .collect();
        let is_due = |(_, row): &(&String, &Watched)| !row.is_finished();
        let unfinished = self.rows.iter().filter(is_due).map(|(key, _)| key);
        let mut due: BTreeSet<String> = unfinished.cloned().collect();
        if self.watches_all {
            due.extend(open.iter().cloned());
        }
        let (uploads, has_keys) = (&self.uploads, !self.watches_all);
        let reads = stream::iter(due).map(|key| Read::of(context, key, uploads, has_keys));
        let read = reads.buffered(READS_AT_ONCE).try_collect().await?;
        Ok(Look { open, read })
    }

    /// Takes over what was found.
    pub(super) fn update(&mut self, look: Look) {
        self.open = look.open;
        for Read { asked, key, row } in look.read {
            self.rows.remove(&asked);
            self.rows.insert(key, row);
        }
    }

    /// What is said of each image where each change is a line.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&String, String)> {
        let is_open = |key| self.open.contains(key);
        let rows = self.rows.iter();
        rows.map(move |(key, row)| (key, row.line(key, is_open(key))))
    }

    /// The rows of a screen.
    pub(super) fn rows(&self, now: Timestamp) -> Vec<Row> {
        let is_open = |key| self.open.contains(key);
        let usual = self.usual.clone().unwrap_or_default();
        let rows = self.rows.iter();
        rows.map(|(key, row)| row.row(key, is_open(key), &usual, now))
            .collect()
    }

    /// Whether there is nothing left to wait for.
    pub(super) fn are_finished(&self) -> bool {
        if !self.watches_all {
            return self.rows.values().all(Watched::is_finished);
        }
        let is_unreadable = |key| matches!(self.rows.get(key), Some(Watched::Unreadable(_)));
        // What is no longer open and has no status was not a manifest.
        let is_done = |row: &Watched| row.is_finished() || matches!(row, Watched::NoStatus);
        self.open.iter().all(is_unreadable) && self.rows.values().all(is_done)
    }

    /// Each image that has not finished, with its progress.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let unfinished = self.rows.iter().filter(|(_, row)| !row.is_finished());
        unfinished
            .map(|(key, row)| match row {
                Watched::Status { status, .. } => {
                    format!("{key} is {}: {}", status.place(), stage(Some(status), None))
                }
                Watched::NoStatus | Watched::Unreadable(_) => format!("{key} has no status"),
            })
            .collect()
    }

    /// Writes how many images ended in which state, and each that did not become available with its first problem; after
    /// a screen, which is gone, also those that did. Then the Regions of those that have several. Returns whether all
    /// became available.
    pub(super) fn conclude(
        &self,
        bucket: &str,
        terminal: Terminal,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        if self.rows.is_empty() {
            writeln!(out, "No images in progress in {}.", s3_uri(bucket, ""))?;
            return Ok(true);
        }
        let all = self.rows(now);
        writeln!(out, "Finished: {}.", list::counts(&all).join(", "))?;
        let succeeded: Vec<bool> = self.rows.values().map(|row| self.is_success(row)).collect();
        let shown = all.into_iter().zip(&succeeded);
        let shown = shown.filter(|(_, is_success)| terminal.live || !**is_success);
        let shown: Vec<Row> = shown.map(|(row, _)| row).collect();
        if !shown.is_empty() {
            let table = Table {
                terminal,
                is_wide: false,
                all: false,
                time: Time::Took,
            };
            writeln!(out)?;
            for line in list::table(&shown, table, now) {
                writeln!(out, "{line}")?;
            }
        }
        for (key, row) in &self.rows {
            let Watched::Status { status, .. } = row else {
                continue;
            };
            if let Some(table) = regions::render(status, now) {
                writeln!(out, "\n{}", plain(key))?;
                for line in table.lines() {
                    writeln!(out, "  {line}")?;
                }
            }
        }
        Ok(succeeded.into_iter().all(|is_success| is_success))
    }

    /// The statuses, for programs.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (&String, Result<&Status, &str>)> {
        self.rows.iter().map(|(key, row)| match row {
            Watched::Status { status, .. } => (key, Ok(&**status)),
            Watched::Unreadable(reason) => (key, Err(reason.as_str())),
            Watched::NoStatus => (key, Err("there is no status")),
        })
    }

    /// Whether all became available.
    pub(super) fn are_successful(&self) -> bool {
        self.rows.values().all(|row| self.is_success(row))
    }

    /// A superseded bundle counts as a success unless it was asked for by name: its image manifest is watched as well, or
    /// in its place, if it is still there. So does an image whose manifest was removed: nobody waits for it.
    fn is_success(&self, row: &Watched) -> bool {
        match row.state() {
            Some(State::Available) => true,
            Some(State::Superseded | State::Deleted) => self.watches_all,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::status::{Cancel, ManifestVersion, RegionStatus};
    use crate::image::words::CancelBy;

    fn row(key: &str, state: State) -> (String, Watched) {
        let uploaded_at = "2026-11-21T09:00:00Z".parse().unwrap();
        let manifest = ManifestVersion::sample(key, uploaded_at);
        let mut status = Status::new(manifest, uploaded_at);
        status.state = state;
        match state {
            State::Available => {
                let image = RegionStatus::pending("ami-1".to_owned());
                status.regions.insert("us-east-1".to_owned(), image);
            }
            State::Cancelled => {
                status.build.deleted = vec!["snap-1".to_owned()];
                status.cancel = Some(Cancel {
                    asked_at: uploaded_at,
                    by: CancelBy::Command,
                    uploaded_at,
                });
            }
            _ => {}
        }
        let status = Box::new(status);
        let is_finished = state.is_final();
        let row = Watched::Status {
            status,
            is_finished,
        };
        (key.to_owned(), row)
    }

    #[test]
    fn the_conclusion_names_what_did_not_become_available() {
        let mut rows = Rows::new(&["later.image.yaml".to_owned()], &BTreeMap::new());
        rows.rows.extend([
            row("web.image.yaml", State::Available),
            row("old.image.yaml", State::Cancelled),
            row("db\x1b.image.yaml", State::Working),
        ]);
        rows.open.insert("db\x1b.image.yaml".to_owned());
        let odd = Watched::Unreadable("expected\nvalue".to_owned());
        rows.rows.insert("odd.image.yaml".to_owned(), odd);
        let lines: Vec<String> = rows.lines().map(|(_, line)| line).collect();
        assert!(!rows.are_finished());
        rows.rows.retain(|_, row| row.is_finished());
        let now = "2026-11-21T09:10:00Z".parse().unwrap();
        assert!(rows.are_finished());
        let mut out = format!("{}\n", lines.join("\n")).into_bytes();
        let terminal = Terminal::PLAIN;
        assert!(!rows.conclude("images", terminal, now, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("waiting for a status of later.image.yaml"),
            "{text}"
        );
        assert!(
            text.contains("Finished: 1 cancelled, 1 unreadable, 1 available."),
            "{text}"
        );
        let (_, end) = text.split_once("Finished").unwrap();
        for (key, why) in [
            ("✗ odd.image.yaml", "expected value"),
            ("✗ old.image.yaml", "by amiwright cancel; deleted snap-1"),
        ] {
            let is_named = |line: &str| line.starts_with(key) && line.contains(why);
            assert!(end.lines().any(is_named), "{text}");
        }
        assert!(!end.contains("web.image.yaml"), "{text}");
    }
}
