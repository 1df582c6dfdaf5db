//! CreateStoreImageTask.

use std::collections::VecDeque;
use std::sync::Arc;

use http::StatusCode;

use super::agenda::Item;
use super::copy_image::{check_available, snapshots_of};
use super::error::{Failure, invalid_value, refuse, unavailable};
use super::model::{Image, RootDeviceType};
use super::store::Store;
use super::stored::{StoreTask, Stored};
use super::tags::Tags;
use super::task::TaskKind;
use super::xml::Xml;
use super::{Call, Inner, Place, tags};

pub(super) async fn answer(world: &Arc<Inner>, mut call: Call) -> Result<String, Failure> {
    let image_id = call.fields.required("ImageId")?;
    let bucket = call.fields.required("Bucket")?;
    let tags = tags::read_named(&mut call.fields, "S3ObjectTag")?;
    world.permit(&call.action, call.fields)?;
    let place = Place {
        region: &call.region,
        bucket: &bucket,
        key: "",
    };
    let found = world.objects.bucket(place).await;
    found.map_err(|status| no_bucket(status, &bucket))?;
    let key = world.store_image(&call.region, &image_id, bucket, tags)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("objectKey", key);
    }))
}

/// What is wrong with a bucket that must be in the Region of the request.
pub(super) fn no_bucket(status: StatusCode, bucket: &str) -> Failure {
    match status {
        status if status.is_server_error() => unavailable(),
        StatusCode::MOVED_PERMANENTLY => invalid_value(format!(
            "The bucket {bucket} is not in the Region of the request"
        )),
        _ => invalid_value(format!("The bucket {bucket} does not exist")),
    }
}

impl Inner {
    fn store_image(
        self: &Arc<Self>,
        region: &str,
        image_id: &str,
        bucket: String,
        tags: Tags,
    ) -> Result<String, Failure> {
        let course = self.course(TaskKind::StoreImage);
        let visible_at = self.later(self.settings().visibility_delay);
        let mut guard = self.store();
        let Store {
            regions,
            task_failures,
            ..
        } = &mut *guard;
        let region = regions.entry(region.to_owned()).or_default();
        let image = region.image_mut(image_id, course.started_at)?.image.clone();
        check_image(&image)?;
        let key = format!("{image_id}.bin");
        let running = region
            .store_tasks
            .of(image_id)
            .any(|task| !task.ended && task.bucket == bucket);
        if running {
            let message =
                format!("A task that stores {image_id} in the bucket {bucket} is in progress");
            return Err(refuse("InvalidRequest", message));
        }
        let snapshots = snapshots_of(&image, region);
        let failures = task_failures.get_mut(&TaskKind::StoreImage);
        region.store_tasks.insert(StoreTask {
            image_id: image_id.to_owned(),
            bucket,
            key: key.clone(),
            tags,
            object: Stored::new(image, snapshots).write(),
            course,
            visible_at,
            failure: failures.and_then(VecDeque::pop_front),
            ended: false,
            hidden: false,
            said: None,
            order: region.stored,
        });
        let item = Item::Stored(region.stored);
        region.agenda.note(course.ends_at, item);
        region.stored += 1;
        drop(guard);
        self.arm(course.ends_at);
        Ok(key)
    }
}

/// "AMIs must be EBS-backed", "PV AMIs are not supported".
fn check_image(image: &Image) -> Result<(), Failure> {
    check_available(image)?;
    let ebs = image.root_device_type == RootDeviceType::Ebs;
    if ebs && image.virtualization_type == "hvm" {
        return Ok(());
    }
    let message = format!(
        "The image {} cannot be stored: it is {} and {}, not ebs and hvm",
        image.id, image.root_device_type, image.virtualization_type
    );
    Err(refuse("InvalidRequest", message))
}
