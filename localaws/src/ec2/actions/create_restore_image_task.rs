//! CreateRestoreImageTask.

use std::sync::Arc;

use http::StatusCode;

use crate::ACCOUNT;
use crate::ec2::model::image::{Image, ImageState, StateReason};
use crate::ec2::model::objects::ObjectRef;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::snapshot::{Snapshot, SnapshotState};
use crate::ec2::model::timeline::TaskKind;
use crate::ec2::tasks::store_image::StoredImage;
use crate::ec2::wire::checks::check_name;
use crate::ec2::wire::error::{Failure, invalid_value, wrong_bucket};
use crate::ec2::wire::tags::{self, TagSpecifications};
use crate::ec2::wire::xml::Xml;

pub(crate) async fn answer(service: &Arc<Service>, mut call: Call) -> Result<String, Failure> {
    let bucket = call.fields.required("Bucket")?;
    let key = call.fields.required("ObjectKey")?;
    let name = call.fields.text("Name");
    let tags = tags::read_specifications(&mut call.fields)?;
    service.permit(&call.action, call.fields)?;
    let place = ObjectRef {
        region: &call.region,
        bucket: &bucket,
        key: &key,
    };
    let found = service.objects.bucket(place).await;
    found.map_err(|status| wrong_bucket(status, &bucket))?;
    let object = service.objects.fetch(place).await;
    let object = object.map_err(|status| match status {
        StatusCode::NOT_FOUND => {
            invalid_value(format!("There is no object {key} in the bucket {bucket}"))
        }
        status => wrong_bucket(status, &bucket),
    })?;
    let mut stored = StoredImage::read(&object, &key)?;
    if let Some(name) = name {
        stored.image.name = name;
    }
    check_name(&stored.image.name)?;
    let id = service.restore(&call.region, &call.request_id, stored, &tags)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("imageId", id);
    }))
}

impl Service {
    fn restore(
        self: &Arc<Self>,
        region: &str,
        request_id: &str,
        stored: StoredImage,
        tags: &TagSpecifications,
    ) -> Result<String, Failure> {
        let timeline = self.timeline(TaskKind::RestoreImage);
        let visible_at = self.later(self.settings().visibility_delay);
        let StoredImage {
            image, snapshots, ..
        } = stored;
        let mut store = self.store();
        let target = store.region(region);
        target.check_name_is_free(&image.name, timeline.started_at)?;
        let failure = store.next_failure(TaskKind::RestoreImage);
        let target = store.region(region);
        let id = target.new_image_id(&self.ids);
        let mut image = Image {
            id: id.clone(),
            location: format!("{ACCOUNT}/{}", image.name),
            state: ImageState::Pending,
            created_at: timeline.started_at,
            ..image
        };
        image.tags.extend(tags.image.clone());
        for snapshot in snapshots {
            let new = target.new_snapshot_id(&self.ids);
            let is_encrypted = target.account.encrypts_by_default;
            image.restore_snapshot(&snapshot.id, &new, is_encrypted);
            let key = target.account.own_key(region);
            let mut snapshot = Snapshot {
                id: new,
                state: SnapshotState::Pending,
                encrypted: is_encrypted,
                kms_key_id: key.filter(|_| is_encrypted),
                started_at: timeline.started_at,
                ..snapshot
            };
            snapshot.tags.extend(tags.snapshot.clone());
            target.fill(snapshot, timeline, visible_at);
        }
        let failure = failure.map(StateReason::from_words);
        target.add_image(image, visible_at, timeline.ends_at, failure, request_id);
        drop(store);
        self.wake_at(timeline.ends_at);
        Ok(id)
    }
}
