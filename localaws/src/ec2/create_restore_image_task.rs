//! CreateRestoreImageTask.

use std::collections::VecDeque;
use std::sync::Arc;

use http::StatusCode;

use super::copy_image::replace;
use super::create_store_image_task::no_bucket;
use super::error::{Failure, invalid_value, refuse};
use super::model::{Image, ImageState, Snapshot, SnapshotState, StateReason};
use super::registration::check_name;
use super::store::{Record, Store};
use super::stored::Stored;
use super::tags::{self, TagSpecifications};
use super::task::TaskKind;
use super::xml::Xml;
use super::{Call, Inner, Place};
use crate::ACCOUNT;

pub(super) async fn answer(world: &Arc<Inner>, mut call: Call) -> Result<String, Failure> {
    let bucket = call.fields.required("Bucket")?;
    let key = call.fields.required("ObjectKey")?;
    let name = call.fields.text("Name");
    let tags = tags::read_specifications(&mut call.fields)?;
    world.permit(&call.action, call.fields)?;
    let place = Place {
        region: &call.region,
        bucket: &bucket,
        key: &key,
    };
    let found = world.objects.bucket(place).await;
    found.map_err(|status| no_bucket(status, &bucket))?;
    let object = world.objects.fetch(place).await;
    let object = object.map_err(|status| match status {
        StatusCode::NOT_FOUND => {
            invalid_value(format!("There is no object {key} in the bucket {bucket}"))
        }
        status => no_bucket(status, &bucket),
    })?;
    let mut stored = Stored::read(&object, &key)?;
    if let Some(name) = name {
        stored.image.name = name;
    }
    check_name(&stored.image.name)?;
    let id = world.restore(&call.region, &call.request_id, stored, &tags)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("imageId", id);
    }))
}

impl Inner {
    fn restore(
        self: &Arc<Self>,
        region: &str,
        request_id: &str,
        stored: Stored,
        tags: &TagSpecifications,
    ) -> Result<String, Failure> {
        let course = self.course(TaskKind::RestoreImage);
        let visible_at = self.later(self.settings().visibility_delay);
        let mut guard = self.store();
        let Store {
            regions,
            task_failures,
            ..
        } = &mut *guard;
        let region = regions.entry(region.to_owned()).or_default();
        let Stored {
            image, snapshots, ..
        } = stored;
        if let Some(holder) = region.holder_of(&image.name, course.started_at) {
            let message = format!("AMI name {} is already in use by AMI {holder}", image.name);
            return Err(refuse("InvalidAMIName.Duplicate", message));
        }
        let id = region.new_image_id(&self.ids);
        let mut image = Image {
            id: id.clone(),
            location: format!("{ACCOUNT}/{}", image.name),
            state: ImageState::Pending,
            created_at: course.started_at,
            ..image
        };
        image.tags.extend(tags.image.clone());
        for snapshot in snapshots {
            let new = region.new_snapshot_id(&self.ids);
            replace(&mut image, &snapshot.id, &new, false);
            let mut snapshot = Snapshot {
                id: new,
                state: SnapshotState::Pending,
                started_at: course.started_at,
                ..snapshot
            };
            snapshot.tags.extend(tags.snapshot.clone());
            region.fill(snapshot, course);
        }
        let failures = task_failures.get_mut(&TaskKind::RestoreImage);
        let failure = failures.and_then(VecDeque::pop_front);
        let record = Record {
            image,
            visible_at,
            settles_at: course.ends_at,
            failure: failure.map(StateReason::from_words),
            order: region.registered(),
            request_id: request_id.to_owned(),
        };
        region.add_image(record);
        drop(guard);
        self.arm(course.ends_at);
        Ok(id)
    }
}
