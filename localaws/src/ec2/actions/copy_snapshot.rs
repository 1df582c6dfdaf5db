//! CopySnapshot.

use std::collections::BTreeSet;

use crate::ACCOUNT;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::snapshot::{Snapshot, SnapshotState};
use crate::ec2::model::timeline::TaskKind;
use crate::ec2::wire::checks::{check_ascii, check_id, check_key};
use crate::ec2::wire::error::{Failure, refuse};
use crate::ec2::wire::tags::{self, Tags};
use crate::ec2::wire::xml::Xml;

/// Parameters that EC2 knows and this service does not.
const NOT_BUILT: [&str; 3] = [
    "DestinationOutpostArn",
    "DestinationAvailabilityZone",
    "CompletionDurationMinutes",
];
/// Why the copy of a snapshot that is not there fails. EC2 finds out only after it has answered; the words are ours.
const NO_SOURCE: &str = "The source snapshot does not exist in the source Region";

struct Copy {
    source_id: String,
    source_region: String,
    description: Option<String>,
    encrypted: bool,
    kms_key_id: Option<String>,
    tags: Tags,
}

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    for name in NOT_BUILT {
        if call.fields.text(name).is_some() {
            return Err(Failure::NotBuilt(format!("CopySnapshot with {name}")));
        }
    }
    // Only a signer needs them: the copy goes to the Region that the request is sent to. SDKs send them unasked.
    call.fields.text("PresignedUrl");
    call.fields.text("DestinationRegion");
    let mut tags = tags::read_specifications_of(&mut call.fields, &["snapshot"])?;
    let copy = Copy {
        source_id: call.fields.required("SourceSnapshotId")?,
        source_region: call.fields.required("SourceRegion")?,
        description: call.fields.text("Description"),
        encrypted: call.fields.flag("Encrypted")?.unwrap_or(false),
        kms_key_id: call.fields.text("KmsKeyId"),
        tags: tags.remove("snapshot").unwrap_or_default(),
    };
    service.permit(&call.action, call.fields)?;
    check_id(&copy.source_id, "snap", "InvalidSnapshotID.Malformed")?;
    check_key(copy.encrypted, copy.kms_key_id.as_deref())?;
    check_ascii("description", copy.description.as_deref())?;
    let id = service.copy_snapshot(&call.region, &copy)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("snapshotId", id);
        tags::write(xml, &copy.tags);
    }))
}

impl Service {
    /// Begins the copy; it takes as long as that of an image.
    fn copy_snapshot(&self, region: &str, copy: &Copy) -> Result<String, Failure> {
        let timeline = self.timeline(TaskKind::CopyImage);
        let visible_at = self.later(self.settings().visibility_delay);
        let mut store = self.store();
        let source = store.region(&copy.source_region);
        let source = source.snapshot(&copy.source_id).ok().cloned();
        if let Some(source) = &source
            && source.state != SnapshotState::Completed
        {
            let message = format!("Snapshot '{}' is not 'completed'.", source.id);
            return Err(refuse("IncorrectState", message));
        }
        let target = store.region(region);
        let id = target.new_snapshot_id(&self.ids);
        let lost = source.is_none();
        let snapshot = Snapshot {
            id: id.clone(),
            volume_size: source.as_ref().map_or(0, |it| it.volume_size),
            state: SnapshotState::Pending,
            state_message: None,
            description: copy.description.clone().unwrap_or_default(),
            owner_id: ACCOUNT.to_owned(),
            encrypted: copy.encrypted
                || target.account.encrypts_by_default
                || source.as_ref().is_some_and(|it| it.encrypted),
            kms_key_id: copy.kms_key_id.clone(),
            product_codes: source.map(|it| it.product_codes).unwrap_or_default(),
            // Whether a copy keeps it is not documented.
            billing: None,
            tags: copy.tags.clone(),
            started_at: timeline.started_at,
            create_volume_permissions: BTreeSet::new(),
        };
        target.fill(snapshot, timeline, visible_at);
        if lost {
            target.failing.insert(id.clone(), NO_SOURCE.to_owned());
        }
        Ok(id)
    }
}
