//! The state moves on: whatever is due changes, and nothing else is touched. Ten thousand tasks under way cost a request
//! that finds nothing due no more than one does.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::ec2::model::bundle_task::BundleTask;
use crate::ec2::model::import_task::ImportTask;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::Service;
use crate::ec2::model::snapshot::SnapshotState;
use crate::ec2::model::store_task::StoreTask;
use crate::ec2::model::timers::Timer;
use crate::ec2::tasks::lifecycle::{self, StateChange};
use crate::ec2::tasks::{bundle, import, store_image};
use crate::ids::Ids;

impl Service {
    /// Does what is due. Either a request does it, or the task of [`Service::wake_at`].
    pub(crate) fn advance(&self) {
        let now = self.clock.now();
        let visible_at = self.later(self.settings().visibility_delay);
        let mut store = self.store();
        let regions = store.regions.iter_mut();
        let steps: Vec<StateChange> = regions
            .flat_map(|(name, region)| region.advance(name, &self.ids, (now, visible_at)))
            .collect();
        drop(store);
        for step in steps {
            self.publish(step);
        }
    }
}

impl Region {
    /// Moves on what is due, by now; gives the changes of images, to be published. Reads find what is made so at the second
    /// time.
    pub(crate) fn advance(
        &mut self,
        name: &str,
        ids: &Ids,
        (now, visible_at): (Timestamp, Timestamp),
    ) -> Vec<StateChange> {
        let (mut steps, mut forgotten) = (Vec::new(), BTreeSet::new());
        while let Some(item) = self.timers.next(now) {
            match item {
                Timer::Image(id) => steps.extend(lifecycle::advance(name, self, &id, now)),
                Timer::Snapshot(id) => self.advance_snapshot(&id, now),
                Timer::Import(id) => {
                    let step = import::advance(self, &id, ids, (now, visible_at));
                    steps.extend(step.map(|step| step.in_region(name)));
                    match self.import_tasks.get(&id).map(ImportTask::due_times) {
                        Some(due_times) => self.timers.set_next(due_times, now, Timer::Import(id)),
                        None => _ = forgotten.insert(id),
                    }
                }
                Timer::StoreImage(order) => {
                    store_image::advance(self, order, now);
                    let task = self.store_tasks.get(order);
                    let due_times = task.map(StoreTask::due_time).into_iter().collect();
                    self.timers
                        .set_next(due_times, now, Timer::StoreImage(order));
                }
                Timer::Bundle(id) => {
                    bundle::advance(self, &id, now);
                    let due_times = self.bundle_tasks.get(&id).map(BundleTask::due_times);
                    let due_times = due_times.unwrap_or_default();
                    self.timers.set_next(due_times, now, Timer::Bundle(id));
                }
            }
        }
        self.tokens.forget(&forgotten);
        steps
    }

    /// Completes a snapshot if its time has come.
    fn advance_snapshot(&mut self, id: &str, now: Timestamp) {
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
}
