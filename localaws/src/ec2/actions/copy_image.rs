//! CopyImage.

use std::sync::Arc;

use crate::ec2::model::client_token::ClientToken;
use crate::ec2::model::image::{Image, ImageState, RootDeviceType, StateReason};
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::snapshot::{Snapshot, SnapshotState};
use crate::ec2::model::timeline::{TaskKind, Timeline};
use crate::ec2::wire::checks::{check_description, check_key, check_name};
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::tags::{self, TagSpecifications};
use crate::ec2::wire::xml::Xml;

/// Parameters of CopyImage that EC2 knows and this service does not.
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

pub(crate) fn answer(service: &Arc<Service>, mut call: Call) -> Result<String, Failure> {
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
    service.permit(&call.action, call.fields)?;
    check_name(&copy.name)?;
    check_description(copy.description.as_deref())?;
    check_key(copy.encrypted, copy.kms_key_id.as_deref())?;
    let id = service.copy(&call.region, &call.request_id, &copy, token)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("imageId", id);
    }))
}

impl Service {
    fn copy(
        self: &Arc<Self>,
        region: &str,
        request_id: &str,
        copy: &Copy,
        token: Option<ClientToken>,
    ) -> Result<String, Failure> {
        let timeline = self.timeline(TaskKind::CopyImage);
        let visible_at = self.later(self.settings().visibility_delay);
        let mut store = self.store();
        if let Some(id) = store.region(region).tokens.find(token.as_ref())? {
            return Ok(id);
        }
        let origin = store.region(&copy.source_region);
        let source = origin.image_mut(&copy.source_image_id, timeline.started_at)?;
        let source = source.image.clone();
        check_source(&source)?;
        let snapshots = origin.snapshots_of(&source);
        let failure = store.next_failure(TaskKind::CopyImage);
        let target = store.region(region);
        let id = target.new_image_id(&self.ids);
        let mut image = copy.image(&source, &id, timeline);
        for snapshot in snapshots {
            let new = target.new_snapshot_id(&self.ids);
            image.replace_snapshot(&snapshot.id, &new, copy.encrypted);
            let snapshot = copy.snapshot(&snapshot, &new, &id, timeline);
            target.fill(snapshot, timeline);
        }
        target.tokens.record(token, &id);
        let failure = failure.map(StateReason::from_words);
        target.add_image(image, visible_at, timeline.ends_at, failure, request_id);
        drop(store);
        self.wake_at(timeline.ends_at);
        Ok(id)
    }
}

fn check_source(source: &Image) -> Result<(), Failure> {
    if source.root_device_type == RootDeviceType::InstanceStore {
        return Err(Failure::NotBuilt(
            "CopyImage of an instance store image".to_owned(),
        ));
    }
    source.check_available()
}

impl Copy {
    fn image(&self, source: &Image, id: &str, timeline: Timeline) -> Image {
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
            owner_id: crate::ACCOUNT.to_owned(),
            owner_alias: None,
            state: ImageState::Pending,
            created_at: timeline.started_at,
            source_image_id: Some(source.id.clone()),
            source_image_region: Some(self.source_region.clone()),
            tags,
            ..source.clone()
        }
    }

    fn snapshot(
        &self,
        source: &Snapshot,
        id: &str,
        image_id: &str,
        timeline: Timeline,
    ) -> Snapshot {
        Snapshot {
            id: id.to_owned(),
            owner_id: crate::ACCOUNT.to_owned(),
            shared: false,
            state: SnapshotState::Pending,
            description: format!(
                "Copied for DestinationAmi {image_id} from SourceAmi {} for SourceSnapshot {}.",
                self.source_image_id, source.id
            ),
            encrypted: source.encrypted || self.encrypted,
            kms_key_id: self.kms_key_id.clone(),
            tags: self.tags.snapshot.clone(),
            started_at: timeline.started_at,
            ..source.clone()
        }
    }
}
