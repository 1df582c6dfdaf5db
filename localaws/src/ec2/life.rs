//! Images over time: pending, then available or failed, with EC2's event for each step.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Inner;
use super::bundle_task::BundleTask;
use super::model::{ImageState, SnapshotState};
use super::store::{Record, Region};
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
    /// Moves on all whose time has come. Whoever comes first does it: a request, or the task of [`Inner::arm`].
    pub(super) fn settle(&self) {
        let now = self.clock.now();
        let mut store = self.store();
        let regions = store.regions.iter_mut();
        let steps: Vec<Step> = regions
            .flat_map(|(name, region)| region.settle(name, &self.ids, now))
            .collect();
        drop(store);
        for step in steps {
            self.tell(step);
        }
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
    pub(super) fn tell(&self, step: Step) {
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
        let bundles = self.bundle_tasks.values().flat_map(BundleTask::due_at);
        pending
            .chain(imports)
            .chain(stored)
            .chain(bundles)
            .collect()
    }
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

/// Settles an image that is pending, if its time has come.
pub(super) fn settle(name: &str, region: &mut Region, id: &str, now: Timestamp) -> Option<Step> {
    let record = region.images.get_mut(id);
    let record = record
        .filter(|record| record.image.state == ImageState::Pending && record.settles_at <= now)?;
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
