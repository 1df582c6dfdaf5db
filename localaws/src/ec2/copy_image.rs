//! CopyImage.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::{Failure, refuse};
use super::model::{Image, ImageState, RootDeviceType, Snapshot, SnapshotState, StateReason};
use super::registration::{check_description, check_name};
use super::store::{Record, Region, Store};
use super::tags::{self, TagSpecifications};
use super::task::{ClientToken, Course, TaskKind, check_key};
use super::xml::Xml;
use super::{Call, Inner};

/// Parameters of CopyImage that EC2 knows and this world does not.
const NOT_BUILT: [&str; 4] = [
    "DestinationOutpostArn",
    "DestinationAvailabilityZone",
    "DestinationAvailabilityZoneId",
    "SnapshotCopyCompletionDurationMinutes",
];

struct Copy {
    source_image_id: String,
    source_region: String,
    name: String,
    description: Option<String>,
    encrypted: bool,
    kms_key_id: Option<String>,
    with_tags: bool,
    tags: TagSpecifications,
}

pub(super) fn answer(world: &Arc<Inner>, mut call: Call) -> Result<String, Failure> {
    let token = ClientToken::read(&call.action, &mut call.fields);
    for name in NOT_BUILT {
        if call.fields.text(name).is_some() {
            return Err(Failure::NotBuilt(format!("CopyImage with {name}")));
        }
    }
    let copy = Copy {
        source_image_id: call.fields.required("SourceImageId")?,
        source_region: call.fields.required("SourceRegion")?,
        name: call.fields.required("Name")?,
        description: call.fields.text("Description"),
        encrypted: call.fields.flag("Encrypted")?.unwrap_or(false),
        kms_key_id: call.fields.text("KmsKeyId"),
        with_tags: call.fields.flag("CopyImageTags")?.unwrap_or(false),
        tags: tags::read_specifications(&mut call.fields)?,
    };
    world.permit(&call.action, call.fields)?;
    check_name(&copy.name)?;
    check_description(copy.description.as_deref())?;
    check_key(copy.encrypted, copy.kms_key_id.as_deref())?;
    let id = world.copy(&call.region, &call.request_id, &copy, token)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("imageId", id);
    }))
}

impl Inner {
    fn copy(
        self: &Arc<Self>,
        region: &str,
        request_id: &str,
        copy: &Copy,
        token: Option<ClientToken>,
    ) -> Result<String, Failure> {
        let course = self.course(TaskKind::CopyImage);
        let visible_at = self.later(self.settings().visibility_delay);
        let mut guard = self.store();
        let store = &mut *guard;
        if let Some(id) = store.region(region).made_before(token.as_ref())? {
            return Ok(id);
        }
        let source = store
            .region(&copy.source_region)
            .image_mut(&copy.source_image_id, course.started_at)?;
        let source = source.image.clone();
        check_source(&source)?;
        let snapshots = snapshots_of(&source, store.region(&copy.source_region));
        let Store {
            regions,
            task_failures,
            ..
        } = store;
        let failure = task_failures
            .get_mut(&TaskKind::CopyImage)
            .and_then(VecDeque::pop_front);
        let target = regions.entry(region.to_owned()).or_default();
        let id = target.new_image_id(&self.ids);
        let mut image = copy.image(&source, &id, course);
        for snapshot in snapshots {
            let new = target.new_snapshot_id(&self.ids);
            replace(&mut image, &snapshot.id, &new, copy.encrypted);
            let snapshot = copy.snapshot(&snapshot, &new, &id, course);
            target.fill(snapshot, course);
        }
        target.made_now(token, &id);
        let record = Record {
            image,
            visible_at,
            settles_at: course.ends_at,
            failure: failure.map(StateReason::from_words),
            order: target.registered(),
            request_id: request_id.to_owned(),
        };
        target.add_image(record);
        drop(guard);
        self.arm(course.ends_at);
        Ok(id)
    }
}

fn check_source(source: &Image) -> Result<(), Failure> {
    if source.root_device_type == RootDeviceType::InstanceStore {
        return Err(Failure::NotBuilt(
            "CopyImage of an instance store image".to_owned(),
        ));
    }
    check_available(source)
}

/// `InvalidAMIID.Unavailable` for an image that is not ready.
pub(super) fn check_available(image: &Image) -> Result<(), Failure> {
    if image.state == ImageState::Available {
        return Ok(());
    }
    let message = format!(
        "The AMI ID '{}' is currently {} and may not be used for this operation",
        image.id, image.state
    );
    Err(refuse("InvalidAMIID.Unavailable", message))
}

/// The snapshots that an image needs, as far as they are still there.
pub(super) fn snapshots_of(image: &Image, region: &Region) -> Vec<Snapshot> {
    let volumes = image.block_device_mappings.iter();
    let ids = volumes.filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_ref());
    ids.filter_map(|id| region.snapshots.get(id).cloned())
        .collect()
}

/// Puts the new snapshot in the place of the old one.
pub(super) fn replace(image: &mut Image, old: &str, new: &str, encrypted: bool) {
    let volumes = image.block_device_mappings.iter_mut();
    for ebs in volumes.filter_map(|mapping| mapping.ebs.as_mut()) {
        if ebs.snapshot_id.as_deref() == Some(old) {
            ebs.snapshot_id = Some(new.to_owned());
            ebs.encrypted |= encrypted;
        }
    }
}

impl Copy {
    fn image(&self, source: &Image, id: &str, course: Course) -> Image {
        let mut tags = if self.with_tags {
            source.tags.clone()
        } else {
            tags::Tags::new()
        };
        tags.extend(self.tags.image.clone());
        Image {
            id: id.to_owned(),
            name: self.name.clone(),
            description: self.description.clone(),
            location: format!("{}/{}", crate::ACCOUNT, self.name),
            state: ImageState::Pending,
            created_at: course.started_at,
            source_image_id: Some(source.id.clone()),
            source_image_region: Some(self.source_region.clone()),
            tags,
            ..source.clone()
        }
    }

    fn snapshot(&self, source: &Snapshot, id: &str, image_id: &str, course: Course) -> Snapshot {
        Snapshot {
            id: id.to_owned(),
            state: SnapshotState::Pending,
            description: format!(
                "Copied for DestinationAmi {image_id} from SourceAmi {} for SourceSnapshot {}.",
                self.source_image_id, source.id
            ),
            encrypted: source.encrypted || self.encrypted,
            kms_key_id: self.kms_key_id.clone(),
            tags: self.tags.snapshot.clone(),
            started_at: course.started_at,
            ..source.clone()
        }
    }
}
