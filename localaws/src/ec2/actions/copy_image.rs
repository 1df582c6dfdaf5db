//! CopyImage.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::ACCOUNT;
use crate::ec2::model::client_token::ClientToken;
use crate::ec2::model::encryption::Encryption;
use crate::ec2::model::image::{Image, ImageState, RootDeviceType, StateReason};
use crate::ec2::model::protection::DeregistrationProtection;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::snapshot::{Snapshot, SnapshotState};
use crate::ec2::model::timeline::{TaskKind, Timeline};
use crate::ec2::wire::checks::{check_description, check_key, check_name};
use crate::ec2::wire::error::{Failure, invalid_value, refuse};
use crate::ec2::wire::tags::{self, TagSpecifications};
use crate::ec2::wire::xml::Xml;

/// Parameters of CopyImage that EC2 knows and this service does not.
const NOT_BUILT: [&str; 3] = [
    "DestinationOutpostArn",
    "DestinationAvailabilityZone",
    "DestinationAvailabilityZoneId",
];

/// "Specify a completion duration, in 15 minute increments" (CopyImage); 48 hours at most ("Time-based copies").
const DURATION_STEP: i64 = 15;
const LONGEST_DURATION: i64 = 48 * 60;

/// CopyImageRequest, EC2 API Reference.
const LONGEST_TOKEN: usize = 128;

struct Copy {
    source_image_id: String,
    source_region: String,
    name: String,
    description: Option<String>,
    encryption: Encryption,
    with_tags: bool,
    tags: TagSpecifications,
    /// Minutes within which it is complete.
    within: Option<i64>,
}

pub(crate) fn answer(service: &Arc<Service>, mut call: Call) -> Result<String, Failure> {
    let token = ClientToken::read(&call.action, &mut call.fields);
    for name in NOT_BUILT {
        if call.fields.text(name).is_some() {
            return Err(Failure::NotBuilt(format!("CopyImage with {name}")));
        }
    }
    check_token(token.as_ref())?;
    let source_region = call.fields.required("SourceRegion")?;
    let copy = Copy {
        encryption: Encryption {
            asked: call.fields.flag("Encrypted")?,
            key: call.fields.text("KmsKeyId"),
            same_region: source_region == call.region,
        },
        source_image_id: call.fields.required("SourceImageId")?,
        source_region,
        name: call.fields.required("Name")?,
        description: call.fields.text("Description"),
        with_tags: call.fields.flag("CopyImageTags")?.unwrap_or(false),
        tags: tags::read_specifications(&mut call.fields)?,
        within: call
            .fields
            .number("SnapshotCopyCompletionDurationMinutes")?,
    };
    service.permit(&call.action, call.fields)?;
    check_name(&copy.name)?;
    check_description(copy.description.as_deref())?;
    check_duration(copy.within)?;
    let encrypted = copy.encryption.asked.unwrap_or(false);
    check_key(encrypted, copy.encryption.key.as_deref())?;
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
        let timeline = copy.timeline(self.timeline(TaskKind::CopyImage));
        let settings = self.settings().clone();
        let visible_at = self.later(settings.visibility_delay);
        let mut store = self.store();
        if let Some(id) = store.region(region).tokens.find(token.as_ref())? {
            return Ok(id);
        }
        let origin = store.region(&copy.source_region);
        let source = origin.image_mut(&copy.source_image_id, timeline.started_at)?;
        let source = source.image.clone();
        let snapshots = origin.snapshots_of(&source);
        check_source(&source, &snapshots)?;
        copy.encryption.check(&snapshots)?;
        check_limit(store.region(region), settings.copies)?;
        let failure = store.next_failure(TaskKind::CopyImage);
        let target = store.region(region);
        let account = target.account.clone();
        let bad_key =
            copy.encryption
                .failure(&snapshots, &account, region, &settings.unusable_keys);
        let id = target.new_image_id(&self.ids);
        let mut image = copy.image(&source, &id, timeline);
        for source in snapshots {
            let new = target.new_snapshot_id(&self.ids);
            let snapshot = Snapshot {
                encrypted: copy.encryption.is_on(&source, &account),
                kms_key_id: copy.encryption.arn(&source, &account, region),
                ..copy.snapshot(&source, &new, &id, timeline)
            };
            image.replace_snapshot(&source.id, &new, snapshot.encrypted);
            target.fill(snapshot, timeline, visible_at);
        }
        target.tokens.record(token, &id);
        let failure = failure.map(StateReason::from_words).or(bad_key);
        target.add_image(image, visible_at, timeline.ends_at, failure, request_id);
        drop(store);
        self.wake_at(timeline.ends_at);
        Ok(id)
    }
}

/// "Up to 128 ASCII characters"; code and words are not documented.
fn check_token(token: Option<&ClientToken>) -> Result<(), Failure> {
    match token {
        Some(token) if token.len() > LONGEST_TOKEN => Err(invalid_value(format!(
            "ClientToken exceeds the maximum length of {LONGEST_TOKEN} characters"
        ))),
        _ => Ok(()),
    }
}

/// The limit is documented, its code is not; the words are those of CopySnapshot (copy-encrypted-ami issue 3).
fn check_limit(target: &Region, most: usize) -> Result<(), Failure> {
    let images = target.images.values().map(|record| &record.image);
    let copies =
        images.filter(|it| it.state == ImageState::Pending && it.source_image_id.is_some());
    if copies.count() < most {
        return Ok(());
    }
    let message = format!(
        "Too many AMI copies in progress. The limit is {most} for this destination region."
    );
    Err(refuse("ResourceLimitExceeded", message))
}

fn check_source(source: &Image, snapshots: &[Snapshot]) -> Result<(), Failure> {
    if source.root_device_type == RootDeviceType::InstanceStore {
        return Err(Failure::NotBuilt(
            "CopyImage of an instance store image".to_owned(),
        ));
    }
    source.check_available()?;
    if source.is_own() {
        return Ok(());
    }
    if source
        .product_codes
        .iter()
        .any(|code| code.kind == "marketplace")
    {
        let message = "Images from AWS Marketplace cannot be copied to another AWS account.";
        return Err(refuse("InvalidRequest", message));
    }
    if !snapshots.iter().all(Snapshot::is_usable) {
        let message = "You do not have permission to access the storage of this ami";
        return Err(refuse("InvalidRequest", message));
    }
    Ok(())
}

/// The words are not documented.
fn check_duration(minutes: Option<i64>) -> Result<(), Failure> {
    match minutes {
        Some(minutes)
            if minutes % DURATION_STEP != 0
                || !(DURATION_STEP..=LONGEST_DURATION).contains(&minutes) =>
        {
            Err(invalid_value(format!(
                "Value ({minutes}) for parameter SnapshotCopyCompletionDurationMinutes is invalid. It must be a multiple of \
                 {DURATION_STEP}, at most {LONGEST_DURATION}."
            )))
        }
        _ => Ok(()),
    }
}

impl Copy {
    /// It ends as usual, or when it was asked to be complete.
    fn timeline(&self, usual: Timeline) -> Timeline {
        let asked = self.within.map(SignedDuration::from_mins);
        let asked = asked.and_then(|within| usual.started_at.checked_add(within).ok());
        Timeline {
            ends_at: asked.map_or(usual.ends_at, |asked| asked.min(usual.ends_at)),
            ..usual
        }
    }

    fn image(&self, source: &Image, id: &str, timeline: Timeline) -> Image {
        // "User-defined tags … not aws: tags", and not those of other accounts.
        let mut tags = source.visible_tags().clone();
        tags.retain(|key, _| self.with_tags && !key.starts_with("aws:"));
        // Which of two tags of one key wins is not documented.
        tags.extend(self.tags.image.clone());
        Image {
            id: id.to_owned(),
            name: self.name.clone(),
            description: self.description.clone(),
            location: format!("{}/{}", ACCOUNT, self.name),
            owner_id: ACCOUNT.to_owned(),
            owner_alias: None,
            state: ImageState::Pending,
            created_at: timeline.started_at,
            source_image_id: Some(source.id.clone()),
            source_image_region: Some(self.source_region.clone()),
            tags,
            // Whom it was shared with, its deprecation and its protection stay behind.
            launch_permissions: BTreeSet::new(),
            deprecation_time: None,
            deregistration_protection: DeregistrationProtection::Disabled,
            last_launched_time: None,
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
            state: SnapshotState::Pending,
            description: format!(
                "Copied for DestinationAmi {image_id} from SourceAmi {} for SourceSnapshot {}.",
                self.source_image_id, source.id
            ),
            owner_id: ACCOUNT.to_owned(),
            create_volume_permissions: BTreeSet::new(),
            tags: self.tags.snapshot.clone(),
            started_at: timeline.started_at,
            ..source.clone()
        }
    }
}
