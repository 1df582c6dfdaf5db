//! What a status knows of AMIs that are retired: those of earlier versions (`replaces`), and its own once its manifest is
//! removed (`onDelete`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::protection::Protection;
use crate::image::words::is_zero;

/// What is asked for: of the AMIs of earlier versions by `replaces`, of its own by `onDelete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retire {
    /// Whether the AMIs are deregistered, and not only deprecated.
    pub deregister: bool,
    /// Whether the snapshots of what is deregistered are deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete_snapshots: bool,
}

/// How far an AMI is retired. All of it is written down before EC2 is asked: once an AMI is deregistered, nothing in EC2
/// leads to its snapshots. Of an AMI that is the current one again it is only what is known of its protection, until that is seen
/// to be as the manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Retiring {
    /// When it was last to be retired, and was kept because something uses it, or for another reason that may pass: its
    /// version is not forgotten for that it is an old one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_at: Option<Timestamp>,
    /// Why it was kept, where that may last for many versions: it is told once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<Lasting>,
    /// The deregistration protection that it had, from before EC2 is asked to switch it off until it is on again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
    /// Whether EC2 refused to switch that on again. The next version tries that once more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stays_unprotected: bool,
    /// When its deregistration protection was last switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unprotected_at: Option<Timestamp>,
    /// Whether that protection holds on for its cooldown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_cooldown: bool,
    /// When it is deprecated, from before EC2 is asked for that until it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecate_at: Option<Timestamp>,
    /// When EC2 was first asked to deregister it, or was about to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_since: Option<Timestamp>,
    /// When EC2 was last asked to deregister it, or was about to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// Whether EC2 was asked for that before, too: it may have heard that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_asked_again: bool,
    /// When it was deregistered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deregistered_at: Option<Timestamp>,
    /// Its snapshots that are to be deleted then, and were not yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<String>,
    /// Those of them that EC2 was asked to delete, or was about to be: its tags had proven whose they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleting: Vec<String>,
    /// Since when EC2 does not show these of its snapshots, once it is deregistered.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub not_shown_since: BTreeMap<String, Timestamp>,
    /// Its snapshots that are deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// Its snapshots that stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptSnapshot>,
    /// The accounts that its snapshots were shared with by amiwright, and are not any more.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked: BTreeMap<String, BTreeSet<String>>,
    /// The accounts that its snapshots stay shared with: EC2 refused to end that.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shared: BTreeMap<String, BTreeSet<String>>,
}

impl Retiring {
    /// Whether nothing was begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something was begun that has to be brought to an end, even where nothing is to be retired any more: it may be
    /// deregistered or deprecated, or its protection may be off.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.deprecate_at.is_some() || self.is_deregistration_begun()
    }

    /// Whether EC2 was asked to deprecate it, and for nothing else that has to be brought to an end.
    #[must_use]
    pub fn is_only_deprecation_begun(&self) -> bool {
        self.deprecate_at.is_some() && !self.is_deregistration_begun()
    }

    /// Whether EC2 was asked to deregister it, or for what that needs.
    fn is_deregistration_begun(&self) -> bool {
        self.asked_at.is_some() || self.deregistered_at.is_some() || self.protection.is_some()
    }

    /// Forgets that its protection was switched off: somebody else has protected it since.
    pub(in crate::image) fn forget_protection(&mut self) {
        (self.protection, self.unprotected_at) = (None, None);
        (self.stays_unprotected, self.has_cooldown) = (false, false);
    }

    /// What is known of its protection if that was switched off, and of nothing else: it is not to go any more, and should it be
    /// again, that begins anew.
    #[must_use]
    pub(in crate::image) fn of_protection(&self) -> Self {
        if self.protection.is_none() {
            return Self::default();
        }
        Self {
            protection: self.protection,
            stays_unprotected: self.stays_unprotected,
            unprotected_at: self.unprotected_at,
            has_cooldown: self.has_cooldown,
            ..Self::default()
        }
    }

    /// Whether EC2 was not asked to deregister it: if it is not there any more, somebody else has done so.
    #[must_use]
    pub fn was_not_asked(&self) -> bool {
        self.asked_at.is_none()
    }
}

/// An AMI of an earlier version that had to go before this one could be registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// The Region.
    pub region: String,
    /// The AMI.
    pub image: String,
    /// When it was deregistered.
    pub at: Timestamp,
    /// Since when there is one again; none while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What became of an AMI that was to be retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retirement {
    /// The Region.
    pub region: String,
    /// The AMI.
    pub image: String,
    /// What it is now.
    pub outcome: RetireOutcome,
    /// When that was so.
    pub at: Timestamp,
    /// Why it is not what was asked for, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<KeptReason>,
    /// Whether it is there without the deregistration protection that it had: that was switched off in order to deregister
    /// it, and could not be switched on again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unprotected: bool,
    /// Whether it is kept and may be deprecated all the same: EC2 was asked for that before, and no answer is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_be_deprecated: bool,
    /// Whether it is not tried again: too many AMIs are kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
    /// Its snapshots that were deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// Its snapshots that stay after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptSnapshot>,
    /// The accounts that its snapshots were shared with by amiwright, and are not any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked: BTreeMap<String, BTreeSet<String>>,
    /// The accounts that amiwright shared its snapshots with, and that keep that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shared: BTreeMap<String, BTreeSet<String>>,
}

impl Retirement {
    /// What became of an AMI, of whose snapshots nothing is known.
    #[must_use]
    pub fn of(region: &str, image: &str, outcome: RetireOutcome, at: Timestamp) -> Self {
        Self {
            region: region.to_owned(),
            image: image.to_owned(),
            outcome,
            at,
            why: None,
            unprotected: false,
            may_be_deprecated: false,
            forgotten: false,
            deleted: Vec::new(),
            kept: Vec::new(),
            revoked: BTreeMap::new(),
            shared: BTreeMap::new(),
        }
    }
}

/// What an AMI is after it was to be retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetireOutcome {
    /// Deprecated.
    Deprecated,
    /// Deregistered.
    Deregistered,
    /// Somebody else has deregistered it before.
    Gone,
    /// What it was.
    Kept,
}

/// Why an AMI is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "reason",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum KeptReason {
    /// It is in use (DescribeImageReferences).
    InUse {
        /// ARNs of instances, launch templates and parameters, the first ones.
        by: Vec<String>,
        /// How many more there are.
        #[serde(default, skip_serializing_if = "is_zero")]
        omitted: u32,
    },
    /// It is shared, and was launched a short time ago (DescribeImages, LastLaunchedTime).
    Launched {
        /// When it was last launched.
        at: Timestamp,
    },
    /// Its tags do not prove that it is this manifest's.
    Unproven,
    /// Somebody has switched its deregistration protection on again after it was switched off to deregister it.
    ProtectedAgain,
    /// It has a deregistration protection that amiwright has not set.
    Protected,
    /// The AMI that replaces it is not there, or not available.
    NoSuccessor,
    /// The stack's parameter `CopyRegions` does not list its Region: the role may change nothing there.
    RegionClosed,
    /// The manifest is gone, or the stack does not allow any more what it asks for.
    NotAllowed {
        /// What is in the way.
        message: String,
    },
    /// The manifest does not say `replaces` any more.
    NotAskedAnyMore,
    /// The manifest, which had been removed, was uploaded again.
    UploadedAgain,
    /// The manifest was removed, and the version that was uploaded last had not become available.
    NotCurrent,
    /// EC2 refused.
    Refused {
        /// EC2's error code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// EC2's message.
        message: String,
    },
    /// For hours it was not clear whether it can be deregistered.
    NotKnown {
        /// EC2's last answer.
        message: String,
    },
}

/// Why an AMI is kept for many versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lasting {
    /// No AMI replaces it.
    NoSuccessor,
    /// The stack's parameter `CopyRegions` does not list its Region.
    RegionClosed,
}

impl KeptReason {
    /// What is told once, as it may last for many versions.
    #[must_use]
    pub fn lasting(&self) -> Option<Lasting> {
        match self {
            Self::NoSuccessor => Some(Lasting::NoSuccessor),
            Self::RegionClosed => Some(Lasting::RegionClosed),
            _ => None,
        }
    }

    /// Whether an AMI that is kept for this is to be retired once this has passed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::InUse { .. }
            | Self::Launched { .. }
            | Self::ProtectedAgain
            | Self::Protected
            | Self::NoSuccessor
            | Self::RegionClosed
            | Self::Refused { .. }
            | Self::NotKnown { .. } => true,
            Self::Unproven
            | Self::NotAllowed { .. }
            | Self::NotAskedAnyMore
            | Self::UploadedAgain
            | Self::NotCurrent => false,
        }
    }
}

/// A snapshot that stays after its AMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptSnapshot {
    /// `snap-…`.
    pub snapshot: String,
    /// Why.
    #[serde(flatten)]
    pub why: SnapshotKept,
}

impl KeptSnapshot {
    /// Those of an AMI that somebody else has deregistered.
    pub(in crate::image) fn all_of_others(snapshots: &[String]) -> Vec<Self> {
        let kept = |snapshot: &String| Self {
            snapshot: snapshot.clone(),
            why: SnapshotKept::DeregisteredByOthers,
        };
        snapshots.iter().map(kept).collect()
    }
}

/// Why a snapshot stays after its AMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "reason",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum SnapshotKept {
    /// Nobody asked to delete it.
    NotAsked,
    /// Somebody else has deregistered its AMI, and may want to keep it.
    DeregisteredByOthers,
    /// Its tags do not prove that it was made for this manifest: it may be the one that the manifest names.
    Unproven,
    /// It could not be deleted, and is not tried any more.
    GivenUp {
        /// Why nothing more is tried.
        why: Box<KeptReason>,
    },
    /// EC2 does not show it any more: it is gone, or another account's, which does not share it any more.
    NotShown,
    /// Another AMI uses it.
    UsedBy {
        /// That AMI.
        image: String,
    },
    /// EC2 refused.
    Refused {
        /// EC2's error code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// EC2's message.
        message: String,
    },
}
