//! What is watched: the last known state of each image.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::aws::AwsError;
use crate::cli::progress::{Progress, Stage};
use crate::cli::regions;
use crate::cli::target::cannot_load;
use crate::cli::text::plain;
use crate::image::Status;
use crate::image::words::State;
use crate::manifest::location::s3_uri;
use crate::reconcile::{self, Context};
use crate::status_store::{self, StoreError};

/// How many statuses are read at once.
const READS_AT_ONCE: usize = 16;

/// All that is watched, by key.
#[derive(Debug)]
pub(super) struct Rows {
    rows: BTreeMap<String, Row>,
    /// Keys with an open marker.
    open: BTreeSet<String>,
    /// Whether all open images are watched, for no key was given.
    watches_all: bool,
}

/// What is known of one image.
#[derive(Debug)]
enum Row {
    /// No status yet.
    NoStatus,
    /// Its status. `is_finished` says that nothing more will happen to this version.
    Status {
        status: Box<Status>,
        is_finished: bool,
    },
    /// A status that this program cannot read.
    Unreadable(String),
}

impl Row {
    fn is_finished(&self) -> bool {
        match self {
            Self::NoStatus => false,
            Self::Status { is_finished, .. } => *is_finished,
            Self::Unreadable(_) => true,
        }
    }

    fn stage(&self, key: &str, is_open: bool) -> Stage {
        match self {
            Self::NoStatus if is_open => Stage::of(None, Some(true)),
            Self::NoStatus => Stage::new(0, format!("waiting for a status of {}", plain(key))),
            Self::Status {
                status,
                is_finished: false,
            } if status.state.is_final() && !is_open => {
                Stage::new(0, "waiting for the new version to start")
            }
            Self::Status { status, .. } => Stage::of(Some(status), is_open.then_some(true)),
            Self::Unreadable(reason) => Stage::new(100, plain(reason)),
        }
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
    pub(super) fn new(keys: &[String]) -> Self {
        Self {
            rows: keys
                .iter()
                .map(|key| (key.clone(), Row::NoStatus))
                .collect(),
            open: BTreeSet::new(),
            watches_all: keys.is_empty(),
        }
    }

    /// Reads the open markers, and the status of whatever has not finished.
    pub(super) async fn poll(&mut self, context: Context<'_>) -> Result<(), AwsError> {
        self.open = status_store::list_open(context.aws, context.config)
            .await?
            .into_iter()
            .map(|marker| marker.manifest_key)
            .collect();
        if self.watches_all {
            for key in &self.open {
                self.rows.entry(key.clone()).or_insert(Row::NoStatus);
            }
        }
        let due: Vec<String> = self
            .rows
            .iter()
            .filter(|(key, row)| {
                !row.is_finished() || (self.watches_all && self.open.contains(*key))
            })
            .map(|(key, _)| key.clone())
            .collect();
        let mut reads = stream::iter(due)
            .map(|key| async move {
                let row = read(context, &key).await;
                (key, row)
            })
            .buffered(READS_AT_ONCE);
        while let Some((key, row)) = reads.next().await {
            self.rows.insert(key, row?);
        }
        Ok(())
    }

    /// Shows what is new.
    pub(super) fn show(
        &self,
        progress: &mut Progress,
        elapsed: Duration,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.rows.iter().try_for_each(|(key, row)| {
            let stage = row.stage(key, self.open.contains(key));
            progress.show(key, &stage, elapsed, out)
        })
    }

    /// Whether there is nothing left to wait for.
    pub(super) fn are_finished(&self) -> bool {
        if !self.watches_all {
            return self.rows.values().all(Row::is_finished);
        }
        let is_unreadable = |key| matches!(self.rows.get(key), Some(Row::Unreadable(_)));
        // What is no longer open and has no status was not a manifest.
        let is_done = |row: &Row| row.is_finished() || matches!(row, Row::NoStatus);
        self.open.iter().all(is_unreadable) && self.rows.values().all(is_done)
    }

    /// Each image that has not finished, with its progress.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let unfinished = self.rows.iter().filter(|(_, row)| !row.is_finished());
        unfinished
            .map(|(key, row)| match row {
                Row::Status { status, .. } => {
                    let stage = Stage::of(Some(status), None);
                    format!("{key} is {}: {}", status.place(), stage.text)
                }
                Row::NoStatus | Row::Unreadable(_) => format!("{key} has no status"),
            })
            .collect()
    }

    /// Writes how many images ended in which state, and each that did not become available, with the
    /// Regions of those that have several. Returns whether all did.
    pub(super) fn conclude(
        &self,
        bucket: &str,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        if self.rows.is_empty() {
            writeln!(out, "No images in progress in {}.", s3_uri(bucket, ""))?;
            return Ok(true);
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in self.rows.values() {
            let state = row.state().map(|state| state.to_string());
            let state = state.unwrap_or_else(|| "unreadable".to_owned());
            *counts.entry(state).or_default() += 1;
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        writeln!(out, "Finished: {}.", counts.join(", "))?;
        let mut all_available = true;
        for (key, row) in &self.rows {
            if !self.is_success(row) {
                all_available = false;
                writeln!(out, "  {}: {}", plain(key), row.stage(key, false).text)?;
            }
            let Row::Status { status, .. } = row else {
                continue;
            };
            if let Some(table) = regions::render(status, now) {
                writeln!(out, "\n{}", plain(key))?;
                for line in table.lines() {
                    writeln!(out, "  {line}")?;
                }
            }
        }
        Ok(all_available)
    }

    /// A superseded bundle counts as a success unless it was asked for by name: its image manifest is watched as well.
    /// So does an image whose manifest was removed: nobody waits for it.
    fn is_success(&self, row: &Row) -> bool {
        match row.state() {
            Some(State::Available) => true,
            Some(State::Superseded | State::Deleted) => self.watches_all,
            _ => false,
        }
    }
}

async fn read(context: Context<'_>, key: &str) -> Result<Row, AwsError> {
    let status = match status_store::load(context.aws, context.config, key).await {
        Ok(Some(loaded)) => Box::new(loaded.status),
        Ok(None) => return Ok(Row::NoStatus),
        Err(StoreError::Aws(error)) => return Err(error),
        Err(error) => {
            let reason = cannot_load(context.config, &error).to_string();
            return Ok(Row::Unreadable(reason));
        }
    };
    let is_notified = status.state.is_final() && status.unsent().next().is_none();
    // After the upload of a new version, that one is watched, not the end of the last one. If the manifest must not be
    // read, what the status says is shown.
    let is_finished = is_notified
        && !reconcile::is_outdated(context, &status)
            .await
            .unwrap_or(false);
    Ok(Row::Status {
        status,
        is_finished,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::status::{Cancel, ManifestVersion, RegionStatus};
    use crate::image::words::CancelBy;

    fn row(key: &str, state: State) -> (String, Row) {
        let uploaded_at = "2026-11-21T09:00:00Z".parse().unwrap();
        let manifest = ManifestVersion {
            bucket: "images".to_owned(),
            key: key.to_owned(),
            etag: "\"1\"".to_owned(),
            version_id: None,
            sha256: "0123456789abcdef".to_owned(),
            publish_digest: None,
            uploaded_at,
            repeated_at: None,
        };
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
        let row = Row::Status {
            status,
            is_finished,
        };
        (key.to_owned(), row)
    }

    #[test]
    fn the_conclusion_names_what_did_not_become_available() {
        let mut rows = Rows::new(&["later.image.yaml".to_owned()]);
        rows.rows.extend([
            row("web.image.yaml", State::Available),
            row("old.image.yaml", State::Cancelled),
            row("db\x1b.image.yaml", State::Working),
        ]);
        rows.open.insert("db\x1b.image.yaml".to_owned());
        let odd = Row::Unreadable("expected\nvalue".to_owned());
        rows.rows.insert("odd.image.yaml".to_owned(), odd);
        let mut out = Vec::new();
        let mut progress = Progress::new(false);
        rows.show(&mut progress, Duration::from_millis(1500), &mut out)
            .unwrap();
        assert!(!rows.are_finished());
        rows.rows.retain(|_, row| row.is_finished());
        let now = "2026-11-21T09:10:00Z".parse().unwrap();
        assert!(rows.are_finished());
        assert!(!rows.conclude("images", now, &mut out).unwrap());
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
