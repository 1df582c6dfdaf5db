//! Images over time: pending, then available or failed, with EC2's event for each step.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Inner;
use super::bundle_task::{self, BundleTask};
use super::import::{self, ImportTask};
use super::model::{ImageState, SnapshotState};
use super::store::{Record, Region};
use super::stored::{self, StoreTask};
use crate::ACCOUNT;
use crate::bus::Event;

/// One step of an image, to be told on the bus.
#[derive(Debug, Default)]
pub(super) struct Step {
    region: String,
    image_id: String,
    request_id: String,
    state: &'static str,
    error: String,
}

impl Step {
    /// An image comes to this state; where, the caller says.
    pub(super) fn of(image_id: String, request_id: &str, state: &'static str) -> Self {
        Self {
            image_id,
            request_id: request_id.to_owned(),
            state,
            ..Self::default()
        }
    }

    /// The same, in this Region.
    pub(super) fn in_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }
}

impl Inner {
    /// Moves on all whose time has come. Whoever comes first does it: a request, or the task of [`Inner::arm`]. Says
    /// whether there was anything to look at: among thousands of tasks it is not done for nothing.
    pub(super) fn settle(&self) -> bool {
        let now = self.clock.now();
        let mut steps = Vec::new();
        let mut store = self.store();
        if store.quiet_until.is_some_and(|until| now < until) {
            return false;
        }
        for (name, region) in &mut store.regions {
            region.held_names.retain(|held| held.until > now);
            let due = |record: &&Record| {
                record.image.state == ImageState::Pending && record.settles_at <= now
            };
            let due: Vec<String> = region
                .images
                .values()
                .filter(due)
                .map(|record| record.image.id.clone())
                .collect();
            steps.extend(due.iter().filter_map(|id| settle(name, region, id)));
            fill_snapshots(region, now);
            stored::settle(region, now);
            bundle_task::settle(region, now);
            steps.extend(import::settle(name, region, &self.ids, now));
        }
        let next = store.regions.values().map(|region| region.quiet_until(now));
        store.quiet_until = Some(next.min().unwrap_or(Timestamp::MAX));
        drop(store);
        for step in steps {
            self.tell(step);
        }
        true
    }

    /// Has images settle at `at` even if nobody asks, so that the event is raised in time.
    pub(super) fn arm(self: &Arc<Self>, at: Timestamp) {
        // Without a runtime there is nobody to tell in time; the next request settles what is due.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (world, clock) = (Arc::downgrade(self), self.clock);
        runtime.spawn(async move {
            clock.sleep_until(at).await;
            if let Some(world) = world.upgrade() {
                world.progress().await;
            }
        });
    }

    /// Arms all that is under way, after the state was loaded.
    pub(super) fn rearm(self: &Arc<Self>) {
        let due: Vec<Timestamp> = self
            .store()
            .regions
            .values()
            .flat_map(Region::due)
            .collect();
        for at in due {
            self.arm(at);
        }
    }

    /// The world's time in so long.
    pub(super) fn later(&self, delay: Duration) -> Timestamp {
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        self.clock
            .now()
            .checked_add(delay)
            .unwrap_or(Timestamp::MAX)
    }

    /// Tells of an image that a request has brought into this state.
    pub(super) fn tell_state(
        &self,
        region: &str,
        image_id: &str,
        request_id: &str,
        state: &'static str,
    ) {
        self.tell(Step {
            region: region.to_owned(),
            image_id: image_id.to_owned(),
            request_id: request_id.to_owned(),
            state,
            error: String::new(),
        });
    }

    /// The event's shape is that of "Monitor AMI events using Amazon EventBridge" (EC2 User Guide).
    fn tell(&self, step: Step) {
        let now = self.clock.now();
        self.bus.publish(Event {
            version: "0".to_owned(),
            id: self.ids.uuid(),
            detail_type: "EC2 AMI State Change".to_owned(),
            source: "aws.ec2".to_owned(),
            account: ACCOUNT.to_owned(),
            time: Timestamp::from_second(now.as_second()).unwrap_or(now),
            resources: vec![format!(
                "arn:aws:ec2:{}::image/{}",
                step.region, step.image_id
            )],
            region: step.region,
            detail: json!({
                "RequestId": step.request_id,
                "ImageId": step.image_id,
                "State": step.state,
                "ErrorMessage": step.error,
            }),
        });
    }
}

impl Region {
    /// Before this nothing changes by itself.
    fn quiet_until(&self, now: Timestamp) -> Timestamp {
        let moments = self.moments();
        // What is due and not done yet is being written into S3: then there is no quiet.
        let late = self.due().into_iter().any(|at| at <= now);
        let next = moments.into_iter().filter(|at| *at > now).min();
        if late {
            now
        } else {
            next.unwrap_or(Timestamp::MAX)
        }
    }

    /// When something changes by itself.
    fn moments(&self) -> Vec<Timestamp> {
        let filling = self.filling.values().map(|course| course.ends_at);
        let imports = self.import_tasks.values().flat_map(ImportTask::moments);
        let stored = self.store_tasks.iter().map(StoreTask::moment);
        let bundles = self.bundle_tasks.values().flat_map(BundleTask::moments);
        self.due()
            .into_iter()
            .chain(filling)
            .chain(imports)
            .chain(stored)
            .chain(bundles)
            .collect()
    }

    /// When something is to happen even if nobody asks.
    fn due(&self) -> Vec<Timestamp> {
        let pending = self
            .images
            .values()
            .filter(|record| record.image.state == ImageState::Pending)
            .map(|record| record.settles_at);
        let imports = self
            .import_tasks
            .values()
            .filter(|task| !task.complete && task.end.is_none())
            .map(|task| task.course.ends_at);
        let stored = self
            .store_tasks
            .iter()
            .filter(|task| !task.ended)
            .map(|task| task.course.ends_at);
        let bundles = self.bundle_tasks.values().filter_map(BundleTask::due_at);
        pending
            .chain(imports)
            .chain(stored)
            .chain(bundles)
            .collect()
    }
}

/// Completes the snapshots whose time has come.
fn fill_snapshots(region: &mut Region, now: Timestamp) {
    let Region {
        filling, snapshots, ..
    } = region;
    filling.retain(|id, course| {
        let full = course.ends_at <= now;
        if let Some(snapshot) = snapshots.get_mut(id).filter(|_| full) {
            snapshot.state = SnapshotState::Completed;
        }
        !full
    });
}

/// The snapshots that were being filled for an image that failed are of no use.
fn spoil_snapshots(region: &mut Region, image_id: &str) {
    let Region {
        filling,
        snapshots,
        images,
        ..
    } = region;
    let Some(record) = images.get(image_id) else {
        return;
    };
    let volumes = record.image.block_device_mappings.iter();
    for id in volumes.filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_ref()) {
        if filling.remove(id).is_some()
            && let Some(snapshot) = snapshots.get_mut(id)
        {
            snapshot.state = SnapshotState::Error;
        }
    }
}

fn settle(name: &str, region: &mut Region, id: &str) -> Option<Step> {
    let record = region.images.get_mut(id)?;
    let step = settle_record(name, record);
    if step.state == "failed" {
        spoil_snapshots(region, id);
    }
    Some(step)
}

fn settle_record(region: &str, record: &mut Record) -> Step {
    let image = &mut record.image;
    image.state_reason = record.failure.take();
    image.state = if image.state_reason.is_some() {
        ImageState::Failed
    } else {
        ImageState::Available
    };
    let error = image
        .state_reason
        .as_ref()
        .map(|reason| reason.message.clone())
        .unwrap_or_default();
    Step {
        region: region.to_owned(),
        image_id: image.id.clone(),
        request_id: record.request_id.clone(),
        state: if image.state_reason.is_some() {
            "failed"
        } else {
            "available"
        },
        error,
    }
}
