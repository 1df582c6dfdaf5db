//! Which images one Describe call answers for: as many of a kind as it takes.

use std::collections::{BTreeMap, BTreeSet};

use super::polling_history::PollingHistory;
use super::read_ahead::Awaiting;
use crate::aws::{FILTER_VALUES_MAX, STORED_IDS_MAX};
use crate::image::Status;
use crate::image::task::TaskKind;
use crate::image::words::Step;

/// What one Describe call polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Images,
    Tasks(TaskKind),
    /// AMIs of all Regions that are being published: the last, because much may be done for them.
    Published,
}

impl Kind {
    /// The tasks that store AMIs.
    pub(super) const STORED: Self = Self::Tasks(TaskKind::StoreImage);

    pub(super) fn of(status: &Status) -> Self {
        match (status.build.step, status.build.tasks.last()) {
            (Step::AwaitTask | Step::AwaitStore, Some(task)) => Self::Tasks(task.kind),
            (Step::Publish, _) => Self::Published,
            _ => Self::Images,
        }
    }
}

/// Images that one Describe call answers for.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) kind: Kind,
    pub(super) images: Vec<Awaiting>,
}

impl Batch {
    /// The ids that EC2 knows by which what they wait for.
    pub(super) fn ids(&self, home: &str) -> Vec<String> {
        let ids = self.images.iter();
        let ids = ids.filter_map(|image| awaited_id(home, &image.loaded.status));
        ids.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The images of a tick that wait until there are as many of their kind as one call can describe.
#[derive(Debug, Default)]
pub(super) struct Batches(BTreeMap<Kind, Vec<Awaiting>>);

impl Batches {
    /// Adds an image. Returns the batch that is full then.
    pub(super) fn add(&mut self, image: Awaiting) -> Option<Batch> {
        let kind = Kind::of(&image.loaded.status);
        let images = self.0.entry(kind).or_default();
        images.push(image);
        // Who comes first of those that store is only known once all are there.
        let is_full = images.len() >= FILTER_VALUES_MAX && kind != Kind::STORED;
        is_full.then(|| Batch {
            kind,
            images: std::mem::take(images),
        })
    }

    /// All that wait, however few they are, if they are of such a kind.
    pub(super) fn take_all(
        &mut self,
        home: &str,
        history: &PollingHistory,
        is_meant: impl Fn(Kind) -> bool,
    ) -> Vec<Batch> {
        let mut batches = Vec::new();
        for (kind, images) in std::mem::take(&mut self.0) {
            if !is_meant(kind) {
                self.0.insert(kind, images);
            } else if kind == Kind::STORED {
                batches.extend(stored(images, home, history));
            } else if !images.is_empty() {
                batches.push(Batch { kind, images });
            }
        }
        batches
    }
}

/// EC2 takes one call for 20 tasks every other second, and its list has a month's: where that is too few for all, those
/// that were not polled for the longest come first.
fn stored(mut images: Vec<Awaiting>, home: &str, history: &PollingHistory) -> Vec<Batch> {
    images.sort_by_cached_key(|image| {
        awaited_id(home, &image.loaded.status).and_then(|id| history.last_poll(&id))
    });
    let mut batches = Vec::new();
    while !images.is_empty() {
        let rest = images.split_off(images.len().min(STORED_IDS_MAX));
        batches.push(Batch {
            kind: Kind::STORED,
            images: std::mem::replace(&mut images, rest),
        });
    }
    batches
}

/// The id that EC2 knows by which what is waited for.
pub(super) fn awaited_id(home: &str, status: &Status) -> Option<String> {
    match Kind::of(status) {
        Kind::Tasks(_) => status.build.tasks.last().map(|task| task.id.clone()),
        Kind::Published => None,
        Kind::Images => status.image_in(home).map(|it| it.image.clone()),
    }
}
