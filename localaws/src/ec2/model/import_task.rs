//! Import tasks over time: a disk becomes a snapshot, a virtual machine an image
//! ("Monitor an import image task" and "Monitor an import snapshot task", VM Import/Export User Guide).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ACCOUNT;
use crate::ec2::model::account::AccountSettings;
use crate::ec2::model::disk::{Disk, DiskSource};
use crate::ec2::model::snapshot::{Snapshot, SnapshotState};
use crate::ec2::model::timeline::{TaskKind, Timeline};
use crate::ec2::wire::error::{Failure, refuse};
use crate::ec2::wire::tags::Tags;

/// How long tasks are listed after their end: AWS shows them for about a week.
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Percent at which a task that is to fail does so, and at which it is `deleted`.
pub(crate) const FAILS_AT: i32 = 40;
pub(crate) const FAILED_AT: i32 = 60;
/// Percent at which the snapshot begins to exist.
pub(crate) const SNAPSHOT_AT: u8 = 50;
/// What VM Import says when a disk is not what its format says.
const UNSUPPORTED: &str = "ClientError: Disk validation failed";

/// An import task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImportTask {
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) encrypted: bool,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) disks: Vec<Disk>,
    /// What ImportImage says beside the disks; none for ImportSnapshot.
    pub(crate) machine: Option<Machine>,
    pub(crate) tags: Tags,
    pub(crate) timeline: Timeline,
    pub(crate) visible_at: Timestamp,
    /// How it fails, if it is to fail.
    pub(crate) failure: Option<String>,
    /// How it came to a bad end.
    pub(crate) end: Option<End>,
    /// Whether all that it makes is there.
    pub(crate) complete: bool,
    pub(crate) image_id: Option<String>,
    /// Whether the listing has forgotten it before its time.
    pub(crate) hidden: bool,
    /// The state that the listings show in place of the true one.
    #[serde(default)]
    pub(crate) state_override: Option<String>,
    pub(crate) request_id: String,
}

/// What ImportImage says of the virtual machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) architecture: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) license_type: Option<String>,
    pub(crate) hypervisor: Option<String>,
    pub(crate) usage_operation: Option<String>,
    pub(crate) boot_mode: Option<String>,
    pub(crate) licenses: Vec<String>,
}

/// A bad end: `deleting`, then `deleted`, with a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) deleted_at: Timestamp,
    pub(crate) message: String,
}

/// What a listing shows of a task.
#[derive(Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) status: Cow<'static, str>,
    pub(crate) message: Option<String>,
    pub(crate) progress: Option<u8>,
}

/// From which percent on: status and message.
type Steps = &'static [(u8, &'static str, &'static str)];

const SNAPSHOT_STEPS: Steps = &[
    (0, "active", "pending"),
    (10, "active", "downloading/converting"),
    (50, "active", "converting"),
];

const IMAGE_STEPS: Steps = &[
    (0, "active", "pending"),
    (10, "validating", "validating"),
    (25, "validated", "validated"),
    (30, "converting", "converting"),
    (80, "updating", "preparing ami"),
];

pub(crate) type Snapshots = BTreeMap<String, Snapshot>;

impl ImportTask {
    pub(crate) fn kind(&self) -> TaskKind {
        if self.machine.is_some() {
            TaskKind::ImportImage
        } else {
            TaskKind::ImportSnapshot
        }
    }

    /// Status, message and progress by now, as they are shown.
    pub(crate) fn shown(&self, now: Timestamp) -> Shown {
        let mut shown = self.actual(now);
        if let Some(state) = &self.state_override {
            shown.status = Cow::Owned(state.clone());
        }
        shown
    }

    fn actual(&self, now: Timestamp) -> Shown {
        if let Some(end) = &self.end {
            let deleted = now >= end.deleted_at;
            return Shown {
                status: Cow::Borrowed(if deleted { "deleted" } else { "deleting" }),
                message: Some(end.message.clone()),
                progress: None,
            };
        }
        if self.complete {
            return Shown {
                status: Cow::Borrowed("completed"),
                message: None,
                progress: None,
            };
        }
        let percent = self.timeline.percent(now).min(99);
        let steps = if self.machine.is_some() {
            IMAGE_STEPS
        } else {
            SNAPSHOT_STEPS
        };
        let step = steps.iter().rev().find(|(from, ..)| *from <= percent);
        let (_, status, message) = step.unwrap_or(&steps[0]);
        Shown {
            status: Cow::Borrowed(status),
            message: Some((*message).to_owned()),
            progress: Some(percent),
        }
    }

    /// When something changes by itself.
    pub(crate) fn due_times(&self) -> Vec<Timestamp> {
        let ended_at = match &self.end {
            Some(end) => Some(end.deleted_at),
            None => self.complete.then_some(self.timeline.ends_at),
        };
        if let Some(ended_at) = ended_at {
            return ended_at.checked_add(LISTED_FOR).into_iter().collect();
        }
        [FAILS_AT, i32::from(SNAPSHOT_AT), 100]
            .map(|percent| self.timeline.at(percent))
            .to_vec()
    }

    /// Whether it can be seen by now.
    pub(crate) fn is_visible(&self, now: Timestamp) -> bool {
        !self.hidden && self.visible_at <= now
    }

    /// Why it fails: because a test asked for it, or because a disk cannot be read.
    pub(crate) fn reason_to_fail(&self) -> Option<String> {
        let unreadable = self.disks.iter().find(|disk| !disk.readable);
        let format = unreadable.map(|disk| disk.format.as_deref().unwrap_or("disk"));
        let unsupported = format.map(|it| format!("{UNSUPPORTED} [Unsupported {it} File Format]"));
        self.failure.clone().or(unsupported)
    }

    /// Comes to a bad end; what is half made goes.
    pub(crate) fn end(
        &mut self,
        deleted_at: Timestamp,
        message: String,
        snapshots: &mut Snapshots,
    ) {
        let made = self
            .disks
            .iter_mut()
            .filter(|disk| !matches!(disk.source, DiskSource::Snapshot(_)));
        for id in made.filter_map(|disk| disk.snapshot_id.take()) {
            snapshots.remove(&id);
        }
        self.end = Some(End {
            deleted_at,
            message,
        });
    }

    /// When it is not listed any more, once it has ended.
    pub(crate) fn is_past(&self, now: Timestamp) -> bool {
        let ended_at = match &self.end {
            Some(end) => Some(end.deleted_at),
            None => self.complete.then_some(self.timeline.ends_at),
        };
        ended_at.is_some_and(|ended_at| Timeline::is_past(ended_at, LISTED_FOR, now))
    }

    /// Encrypts what it makes as the account says, where the request does not ("Encryption by default", EBS User Guide).
    pub(crate) fn encrypt(&mut self, account: &AccountSettings, region: &str) {
        self.encrypted |= account.encrypts_by_default;
        if self.encrypted && self.kms_key_id.is_none() {
            self.kms_key_id = account.own_key(region);
        }
    }

    pub(crate) fn snapshot(&self, id: &str, disk: &Disk, state: SnapshotState) -> Snapshot {
        Snapshot {
            id: id.to_owned(),
            volume_size: disk.gib,
            state,
            state_message: None,
            description: format!("Created by AWS-VMImport service for {}", self.id),
            owner_id: ACCOUNT.to_owned(),
            encrypted: self.encrypted,
            kms_key_id: self.kms_key_id.clone(),
            product_codes: Vec::new(),
            billing: None,
            tags: Tags::new(),
            started_at: self.timeline.started_at,
            create_volume_permissions: BTreeSet::new(),
        }
    }
}

/// `InvalidConversionTaskId.Malformed`, which is what EC2 answers for ids that it does not know, too.
pub(crate) fn import_task_not_found(ids: &[&str]) -> Failure {
    refuse(
        "InvalidConversionTaskId.Malformed",
        format!("The import task ids '[{}]' are invalid", ids.join(", ")),
    )
}
