//! CreateStoreImageTask.

use std::sync::Arc;

use crate::ec2::model::image::{Image, RootDeviceType};
use crate::ec2::model::objects::ObjectRef;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::store_task::StoreTask;
use crate::ec2::model::timeline::TaskKind;
use crate::ec2::model::timers::Timer;
use crate::ec2::tasks::store_image::StoredImage;
use crate::ec2::wire::error::{Failure, invalid_value, refuse, wrong_bucket};
use crate::ec2::wire::tags::{self, Tags};
use crate::ec2::wire::xml::Xml;
use crate::s3::{MOST_TAGS, is_text};

pub(crate) async fn answer(service: &Arc<Service>, mut call: Call) -> Result<String, Failure> {
    let image_id = call.fields.required("ImageId")?;
    let bucket = call.fields.required("Bucket")?;
    let tags = tags::read_named(&mut call.fields, "S3ObjectTag")?;
    service.permit(&call.action, call.fields)?;
    check_object_tags(&tags)?;
    let place = ObjectRef {
        region: &call.region,
        bucket: &bucket,
        key: "",
    };
    let found = service.objects.bucket(place).await;
    found.map_err(|status| wrong_bucket(status, &bucket))?;
    let key = service.store_image(&call.region, &image_id, bucket, tags)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("objectKey", key);
    }))
}

/// They are tags of an object, with its rules ("Categorizing your storage using tags", S3 User Guide). What EC2 answers is
/// not documented.
fn check_object_tags(tags: &Tags) -> Result<(), Failure> {
    if tags.len() > MOST_TAGS {
        let message = format!("An object can have {MOST_TAGS} tags at most");
        return Err(invalid_value(message));
    }
    match tags
        .iter()
        .find(|(key, value)| !is_text(key) || !is_text(value))
    {
        Some((key, _)) => Err(invalid_value(format!(
            "The tag {key} has characters that tags of objects cannot have"
        ))),
        None => Ok(()),
    }
}

impl Service {
    fn store_image(
        self: &Arc<Self>,
        region: &str,
        image_id: &str,
        bucket: String,
        tags: Tags,
    ) -> Result<String, Failure> {
        let timeline = self.timeline(TaskKind::StoreImage);
        let visible_at = self.later(self.settings().visibility_delay);
        let mut store = self.store();
        let state = store.region(region);
        let image = state
            .own_image_mut(image_id, timeline.started_at)?
            .image
            .clone();
        check_image(&image)?;
        let key = format!("{image_id}.bin");
        let running = state
            .store_tasks
            .of(image_id)
            .any(|task| !task.ended && task.bucket == bucket);
        if running {
            let message =
                format!("A task that stores {image_id} in the bucket {bucket} is in progress");
            return Err(refuse("InvalidRequest", message));
        }
        let snapshots = state.snapshots_of(&image);
        let failure = store.next_failure(TaskKind::StoreImage);
        let state = store.region(region);
        state.store_tasks.insert(StoreTask {
            image_id: image_id.to_owned(),
            bucket,
            key: key.clone(),
            tags,
            object: StoredImage::new(image, snapshots).write(),
            timeline,
            visible_at,
            failure,
            ended: false,
            hidden: false,
            state_override: None,
            order: state.stored,
        });
        let timer = Timer::StoreImage(state.stored);
        state.timers.set(timeline.ends_at, timer);
        state.stored += 1;
        drop(store);
        self.wake_at(timeline.ends_at);
        Ok(key)
    }
}

/// "AMIs must be EBS-backed", "PV AMIs are not supported".
fn check_image(image: &Image) -> Result<(), Failure> {
    image.check_available()?;
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
