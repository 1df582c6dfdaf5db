//! Images over time: pending, then available or failed, with EC2's event for each step.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Inner;
use super::model::ImageState;
use super::store::Record;
use crate::ACCOUNT;
use crate::bus::Event;

/// One step of an image, to be told on the bus.
struct Step {
    region: String,
    image_id: String,
    request_id: String,
    state: &'static str,
    error: String,
}

impl Inner {
    /// Moves on every image whose time has come. Whoever comes first does it: a request, or the task of [`Inner::arm`].
    pub(super) fn settle(&self) {
        let now = self.clock.now();
        let mut steps = Vec::new();
        for (region, state) in &mut self.store().regions {
            state.held_names.retain(|held| held.until > now);
            let due = |record: &&mut Record| {
                record.image.state == ImageState::Pending && record.settles_at <= now
            };
            steps.extend(
                state
                    .images
                    .values_mut()
                    .filter(due)
                    .map(|record| settle(region, record)),
            );
        }
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
                world.settle();
            }
        });
    }

    /// Arms every pending image, after the state was loaded.
    pub(super) fn rearm(self: &Arc<Self>) {
        let pending: Vec<Timestamp> = self
            .store()
            .regions
            .values()
            .flat_map(|region| region.images.values())
            .filter(|record| record.image.state == ImageState::Pending)
            .map(|record| record.settles_at)
            .collect();
        for at in pending {
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

fn settle(region: &str, record: &mut Record) -> Step {
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
