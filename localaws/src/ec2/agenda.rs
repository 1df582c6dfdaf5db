//! What changes by itself, and when. The world looks at what is due and at nothing else: ten thousand tasks under way
//! cost a request that finds nothing due no more than one does.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::bundle_task::{self, BundleTask};
use super::import::{self, ImportTask};
use super::life::{self, Step};
use super::model::{ImageState, SnapshotState};
use super::store::{Region, Store};
use super::stored::{self, StoreTask};
use crate::ids::Ids;

/// Something that changes by itself. What is due at one moment is done in this order: an image that fails spoils its
/// snapshots before they are full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// An image that is pending, by its id.
    Image(String),
    /// A snapshot that is being filled, by its id.
    Snapshot(String),
    /// An import task, by its id.
    Import(String),
    /// A task that stores an image, by its order.
    Stored(usize),
    /// A bundle task, by its id.
    Bundle(String),
}

/// When to look at what. An entry is a hint: to look too often, or at what is gone, does no harm.
#[derive(Debug, Default)]
pub(super) struct Agenda(BTreeSet<(Timestamp, Item)>);

impl Agenda {
    /// Something is to be looked at then.
    pub(super) fn note(&mut self, at: Timestamp, item: Item) {
        self.0.insert((at, item));
    }

    /// Something is to be looked at at the first of these moments that is not over.
    fn note_next(&mut self, moments: Vec<Timestamp>, now: Timestamp, item: Item) {
        if let Some(at) = moments.into_iter().filter(|at| *at > now).min() {
            self.note(at, item);
        }
    }

    /// Takes out what is due first.
    fn next(&mut self, now: Timestamp) -> Option<Item> {
        let first = self.0.first().is_some_and(|(at, _)| *at <= now);
        first.then(|| self.0.pop_first()).flatten().map(|it| it.1)
    }
}

impl Store {
    /// Makes anew what is not saved: agendas and indexes.
    pub(super) fn reindex(&mut self) {
        self.regions.values_mut().for_each(Region::reindex);
    }
}

impl Region {
    /// Moves on what is due, by now; gives what is to be told of.
    pub(super) fn settle(&mut self, name: &str, ids: &Ids, now: Timestamp) -> Vec<Step> {
        let (mut steps, mut forgotten) = (Vec::new(), BTreeSet::new());
        while let Some(item) = self.agenda.next(now) {
            match item {
                Item::Image(id) => steps.extend(life::settle(name, self, &id, now)),
                Item::Snapshot(id) => self.settle_snapshot(&id, now),
                Item::Import(id) => {
                    let step = import::settle(self, &id, ids, now);
                    steps.extend(step.map(|step| step.in_region(name)));
                    match self.import_tasks.get(&id).map(ImportTask::moments) {
                        Some(moments) => self.agenda.note_next(moments, now, Item::Import(id)),
                        None => _ = forgotten.insert(id),
                    }
                }
                Item::Stored(order) => {
                    stored::settle(self, order, now);
                    let task = self.store_tasks.get(order);
                    let moments = task.map(StoreTask::moment).into_iter().collect();
                    self.agenda.note_next(moments, now, Item::Stored(order));
                }
                Item::Bundle(id) => {
                    bundle_task::settle(self, &id, now);
                    let moments = self.bundle_tasks.get(&id).map(BundleTask::moments);
                    let moments = moments.unwrap_or_default();
                    self.agenda.note_next(moments, now, Item::Bundle(id));
                }
            }
        }
        self.forget_tokens_of(&forgotten);
        steps
    }

    /// Completes a snapshot if its time has come.
    fn settle_snapshot(&mut self, id: &str, now: Timestamp) {
        let full = self.filling.get(id).is_some_and(|it| it.ends_at <= now);
        if full
            && self.filling.remove(id).is_some()
            && let Some(snapshot) = self.snapshots.get_mut(id)
        {
            snapshot.state_message = self.failing.remove(id);
            snapshot.state = match snapshot.state_message {
                Some(_) => SnapshotState::Error,
                None => SnapshotState::Completed,
            };
        }
    }

    fn reindex(&mut self) {
        self.names = self.images.values().map(|it| it.place_of_name()).collect();
        let bundles = self.bundle_tasks.values();
        let mut bundles: Vec<_> = bundles
            .map(|task| (task.course.started_at, &task.instance_id, &task.id))
            .collect();
        bundles.sort_unstable();
        let latest = bundles.into_iter();
        self.bundled_last = latest
            .map(|(_, instance, task)| (instance.clone(), task.clone()))
            .collect();
        let mut agenda = Agenda::default();
        let images = self.images.values();
        for record in images.filter(|record| record.image.state == ImageState::Pending) {
            agenda.note(record.settles_at, Item::Image(record.image.id.clone()));
        }
        for (id, course) in &self.filling {
            agenda.note(course.ends_at, Item::Snapshot(id.clone()));
        }
        // Whatever a task has missed, it makes up for when it is next looked at.
        let now = Timestamp::MIN;
        for task in self.import_tasks.values() {
            agenda.note_next(task.moments(), now, Item::Import(task.id.clone()));
        }
        for task in self.store_tasks.iter() {
            agenda.note(task.moment(), Item::Stored(task.order));
        }
        for task in self.bundle_tasks.values() {
            agenda.note_next(task.moments(), now, Item::Bundle(task.id.clone()));
        }
        self.agenda = agenda;
    }
}
