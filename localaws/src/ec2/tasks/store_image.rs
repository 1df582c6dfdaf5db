//! Images stored in S3: their tasks over time, and the objects that they make
//! ("Store and restore an AMI using Amazon S3", EC2 User Guide).

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ec2::model::image::Image;
use crate::ec2::model::region::Region;
use crate::ec2::model::snapshot::Snapshot;
use crate::ec2::model::timers::Timer;
use crate::ec2::wire::error::{Failure, invalid_value};

/// The first field of an object: it must not be taken for EC2's own, which has the disks in it.
const FORMAT: &str = "localaws stored image, version 1; EC2 cannot restore it";

/// Fails a task that is to fail, and forgets one that is not listed any more. The others end when their object is
/// written, see [`super::Service::progress`].
pub(crate) fn advance(region: &mut Region, order: usize, now: Timestamp) {
    let Some(task) = region.store_tasks.get_mut(order) else {
        return;
    };
    if !task.ended && task.timeline.ends_at <= now {
        if task.failure.is_some() {
            task.ended = true;
        } else {
            region.to_write.insert(Timer::StoreImage(order));
        }
    }
    if task.is_past(now) {
        region.store_tasks.remove(order);
    }
}

/// What such an object holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredImage {
    format: String,
    pub(crate) image: Image,
    pub(crate) snapshots: Vec<Snapshot>,
}

impl StoredImage {
    pub(crate) fn new(image: Image, snapshots: Vec<Snapshot>) -> Self {
        let format = FORMAT.to_owned();
        Self {
            format,
            image,
            snapshots,
        }
    }

    /// The object's text. Its parts are texts and numbers: JSON can always say them.
    pub(crate) fn write(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// What is in an object, if this world has written it.
    pub(crate) fn read(object: &Bytes, key: &str) -> Result<Self, Failure> {
        let stored: Option<Self> = serde_json::from_slice(object).ok();
        stored
            .filter(|stored| stored.format == FORMAT)
            .ok_or_else(|| invalid_value(format!("The object {key} is not a stored AMI")))
    }
}
