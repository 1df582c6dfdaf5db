//! Images over time: pending, then available or failed, with EC2's event for each step.

use serde_json::json;

use jiff::Timestamp;

use crate::ACCOUNT;
use crate::bus::Event;
use crate::ec2::model::image::ImageState;
use crate::ec2::model::region::{Record, Region};
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::snapshot::SnapshotState;
use crate::ec2::wire::error::{Failure, refuse};

/// A change of an image, to be published on the bus.
#[derive(Debug, Default)]
pub(crate) struct StateChange {
    region: String,
    image_id: String,
    request_id: String,
    state: &'static str,
    error: String,
}

impl StateChange {
    /// An image comes to this state; where, the caller says.
    pub(crate) fn of(image_id: String, request_id: &str, state: &'static str) -> Self {
        Self {
            image_id,
            request_id: request_id.to_owned(),
            state,
            ..Self::default()
        }
    }

    /// The same, in this Region.
    pub(crate) fn in_region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }
}

impl Service {
    /// Brings an image from one state to the other, as a request asks.
    pub(crate) fn change_state(
        &self,
        call: &Call,
        id: &str,
        from: ImageState,
        to: ImageState,
    ) -> Result<(), Failure> {
        self.change_image(call, id, |image, _| {
            if image.state != from {
                let message = format!("The image '{id}' is {}, not {from}", image.state);
                return Err(refuse("IncorrectState", message));
            }
            image.state = to;
            // "all the accounts and organizations that the AMI was shared with lose access"; enabling brings none back.
            if to == ImageState::Disabled {
                image.launch_permissions.clear();
            }
            Ok(())
        })?;
        self.publish_state(call, id, to.as_str());
        Ok(())
    }

    /// Publishes the state that a request has brought an image into.
    pub(crate) fn publish_state(&self, call: &Call, image_id: &str, state: &'static str) {
        let change = StateChange::of(image_id.to_owned(), &call.request_id, state);
        self.publish(change.in_region(&call.region));
    }

    /// The event's shape is that of "Monitor AMI events using Amazon EventBridge" (EC2 User Guide).
    pub(crate) fn publish(&self, step: StateChange) {
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

/// The snapshots that were being filled for an image that failed fail, too.
fn fail_snapshots(region: &mut Region, image_id: &str) {
    let Region {
        filling,
        snapshots,
        images,
        ..
    } = region;
    let Some(record) = images.get(image_id) else {
        return;
    };
    for id in record.image.snapshot_ids() {
        if filling.remove(id).is_some()
            && let Some(snapshot) = snapshots.get_mut(id)
        {
            snapshot.state = SnapshotState::Error;
        }
    }
}

/// Settles an image that is pending, if its time has come.
pub(crate) fn advance(
    name: &str,
    region: &mut Region,
    id: &str,
    now: Timestamp,
) -> Option<StateChange> {
    let record = region.images.get_mut(id);
    let record = record
        .filter(|record| record.image.state == ImageState::Pending && record.settles_at <= now)?;
    let step = advance_record(name, record);
    if step.state == "failed" {
        fail_snapshots(region, id);
    }
    Some(step)
}

fn advance_record(region: &str, record: &mut Record) -> StateChange {
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
    StateChange {
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
