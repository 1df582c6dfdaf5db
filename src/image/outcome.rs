//! What a step comes to, as a value. Steps return these; [`super::apply`] alone writes them into a status.

use std::collections::{BTreeMap, BTreeSet};

use super::observed::{ObservedImage, ObservedParameter, ObservedTask};
use super::ownership::Attempt;
use super::publish::retire::{NotShown, PassedOn};
use super::status::{
    Applied, BundleVersion, CopyRequest, Failure, KeptSnapshot, Orphan, Owners, ParameterId,
    ParameterPut, RegionAction, RegionStatus, Retire, Retirement, Settings, SourceObject,
};
use super::task::Task;
use super::words::{SourceKind, Step, WaitReason};
use crate::manifest::Problem;

/// What a step comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// It has what it was for.
    Advance(Evidence),
    /// It cannot proceed yet.
    Wait(WaitReason),
    /// What it claimed has begun nothing, as it was not sent or was refused before any effect: the claim is over, and it
    /// waits.
    NotBegun(WaitReason),
    /// The upload does not pass the checks.
    Reject(Vec<Problem>),
    /// The image will not come to be.
    Fail(Failure),
    /// It is about to do something that EC2 would not recognise as a repetition: that is written down first, which only
    /// one invocation can do, and then the step is called again.
    Claim(Claim),
    /// There is nothing to write.
    Unchanged,
}

/// What a step has found out or done.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// The manifest passed the checks.
    ManifestAccepted(Accepted),
    /// An image manifest beside the bundle describes it instead.
    DecidedElsewhere {
        /// Its key.
        image_manifest: String,
    },
    /// The object that the image is made from is there and is what it should be.
    ObjectChecked {
        /// The object.
        object: SourceObject,
        /// What it makes this version.
        identity: Identity,
    },
    /// The object was replaced before the task was started: it has to be checked again.
    ObjectReplaced,
    /// The bundle and all its parts are there.
    BundleChecked {
        /// The bundle.
        bundle: BundleVersion,
        /// What it makes this version.
        identity: Identity,
    },
    /// EC2 has the task.
    TaskStarted {
        /// The task.
        task: Task,
        /// Whether it was just started.
        origin: Origin,
        /// Whose it is what the manifest names; empty where that was not looked at.
        owners: Owners,
    },
    /// EC2 has the task of an attempt of which no status is left.
    TaskResumed(Resumed),
    /// EC2 knows the client token of this attempt, of which no status was left, by something that has ended or does not show.
    AttemptEnded {
        /// The task that has ended.
        task: Option<String>,
        /// The number of the attempt that comes next.
        next: u32,
    },
    /// The task was polled; none where EC2 does not list it.
    TaskPolled(Option<ObservedTask>),
    /// What was imported has its tags.
    ImportTagged(Imported),
    /// EC2 has the AMI.
    ImageRegistered {
        /// The Region.
        region: String,
        /// The AMI.
        image: Box<RegionStatus>,
        /// Whether it was just registered.
        origin: Origin,
        /// Whose it is what the manifest names; empty where that was not looked at.
        owners: Owners,
    },
    /// Whose it is what the manifest of an AMI that is there names.
    OwnersSeen(Owners),
    /// The AMI was polled; none where EC2 does not list it.
    ImagePolled {
        /// The Region.
        region: String,
        /// The AMI.
        image: Option<Box<ObservedImage>>,
    },
    /// What the AMI is like in each Region, compared with what its manifest says.
    PublishObserved(PublishObserved),
    /// Changes were made.
    PublishPerformed(PublishPerformed),
    /// AMIs were, or were not, retired.
    Retired(Retired),
    /// EC2 was asked to cancel the task that runs; where it refused, why.
    CancelSent(Option<WaitReason>),
    /// Nothing runs any more of what was to be cancelled.
    Cancelled {
        /// What may be there and is not to be deleted.
        orphans: Vec<Orphan>,
    },
    /// EC2 and S3 have deleted these.
    Deleted(Vec<String>),
    /// These could not be deleted.
    NotDeleted(Vec<Orphan>),
    /// Nothing is left that could be deleted.
    CleanedUp {
        /// What could not.
        orphans: Vec<Orphan>,
    },
}

impl Evidence {
    /// Whether a step may come to this. Observations come at any time, as EC2's events do: what was seen for another step
    /// says nothing about this one.
    #[must_use]
    pub fn is_of(&self, step: Step) -> bool {
        match self {
            Self::TaskPolled(_) => matches!(step, Step::AwaitTask | Step::AwaitStore),
            Self::ImagePolled { .. } => step == Step::AwaitImage,
            Self::AttemptEnded { .. } => step == Step::StartTask,
            Self::PublishObserved(_) | Self::PublishPerformed(_) => step.publishes(),
            Self::OwnersSeen(_) => step.publishes() || step == Step::StoreImage,
            // An AMI may have to go before this one is registered.
            Self::Retired(_) => step.retires() || step == Step::RegisterImage,
            _ => true,
        }
    }
}

/// An attempt of which no status was left: this is that attempt again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// Which it is.
    pub attempt: Attempt,
    /// The AMI's name: that of the attempt's upload.
    pub name: String,
    /// Its task.
    pub task: Task,
}

/// What an import has made, as EC2's own task names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The AMI, of a virtual machine.
    pub image: Option<String>,
    /// The snapshots.
    pub snapshots: Vec<String>,
    /// Whether the manifest could not be read, or asks for what it may not: they have no tags but those that prove whose they
    /// are.
    pub lacks_tags: bool,
    /// The addresses of what was replaced meanwhile.
    pub replaced: BTreeSet<String>,
}

/// How far an AMI is as its manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishObserved {
    /// The Regions in which it is, with what of it is ours.
    pub verified: BTreeMap<String, Applied>,
    /// The Regions in which the AMI came back and is without protection, as it is to be.
    pub unprotected: BTreeSet<String>,
    /// What is ours of AMIs that were found without a record of it, by Region.
    pub adopted: BTreeMap<String, Applied>,
    /// What is left as it is in those, although the manifest asks for it no more.
    pub left: Vec<RegionAction>,
    /// The Regions in which it will not be.
    pub failed: BTreeMap<String, Failure>,
    /// What is waited for in which Region; empty if there is nothing left to do.
    pub pending: BTreeMap<String, WaitReason>,
    /// The AMIs that EC2 showed, by Region.
    pub seen: BTreeMap<String, ObservedImage>,
    /// The Regions whose AMI EC2 did not show.
    pub unseen: BTreeSet<String>,
    /// The Regions that are not asked for any more.
    pub unlisted: BTreeSet<String>,
    /// Those of them in which EC2 was asked for a copy, and made none.
    pub not_made: BTreeSet<String>,
    /// What came of copies that were asked for earlier versions.
    pub earlier: Vec<EarlierCopy>,
    /// How far the image is released.
    pub release: ReleaseObserved,
}

/// What came of a copy that was asked for an earlier version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierCopy {
    /// The digest of that version.
    pub digest: Option<String>,
    /// The Region.
    pub region: String,
    /// The copy; none if EC2 made none.
    pub image: Option<ObservedImage>,
}

/// How far the parameters point to the AMI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseObserved {
    /// All that the manifest names.
    pub named: BTreeSet<ParameterId>,
    /// Those that it stopped naming.
    pub left: BTreeSet<ParameterId>,
    /// Those that are as they should be.
    pub set: BTreeMap<ParameterId, ObservedParameter>,
    /// Those that will not be.
    pub failed: BTreeMap<ParameterId, Failure>,
    /// Whether a Region that is required keeps the image from being released.
    pub is_held: bool,
    /// What is waited for; none if nothing is left to do, or is kept back by a Region.
    pub pending: Option<WaitReason>,
}

/// What became of changes that were to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishPerformed {
    /// Those that EC2 took. A copy is named by them.
    pub done: Vec<RegionAction>,
    /// Those that were sent and that EC2 may have taken: its answer was lost, or says nothing about that.
    pub unanswered: Vec<RegionAction>,
    /// The requests that have begun no copy, as they were written down before: they were refused, or not sent.
    pub not_begun: BTreeMap<String, CopyRequest>,
    /// Why a Region will not become as it should be.
    pub failed: BTreeMap<String, Failure>,
    /// What keeps others from being made now, Region by Region.
    pub later: BTreeMap<String, WaitReason>,
    /// What became of the parameters that were to be written.
    pub release: ReleasePerformed,
    /// What came of copies that were asked for earlier versions.
    pub earlier: Vec<EarlierCopy>,
}

impl PublishPerformed {
    /// What EC2 has, or may have, taken.
    pub fn sent(&self) -> impl Iterator<Item = &RegionAction> {
        self.done.iter().chain(&self.unanswered)
    }
}

/// What became of parameters that were to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleasePerformed {
    /// Each of them.
    pub written: BTreeMap<ParameterId, Written>,
    /// Those that were written before, and show it now.
    pub shown: BTreeMap<ParameterId, ObservedParameter>,
    /// What is waited for: even what SSM took is only read on later ticks.
    pub later: Option<WaitReason>,
}

/// What became of a request to write a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// SSM took it, and answered with this version.
    Taken(u64),
    /// SSM may have taken it: that is to be looked at.
    Unknown,
    /// The same, because its answer was lost or SSM failed: that says nothing of whether the value can be validated, however
    /// often it happens.
    Unanswered,
    /// SSM did not take it, and will later.
    NotTaken,
    /// SSM will not take it.
    Refused(Failure),
}

/// How far AMIs are retired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retired {
    /// The changes that EC2 took.
    pub done: Vec<RegionAction>,
    /// The snapshots that stay.
    pub kept: Vec<SnapshotStays>,
    /// The snapshots whose shares EC2 refuses to end.
    pub shared: Vec<StaysShared>,
    /// The AMIs whose protection EC2 refuses to switch on again.
    pub unprotected: Vec<StaysUnprotected>,
    /// The AMIs that are not there any more, without an answer of EC2 that says so: their snapshots are looked at next.
    pub gone: Vec<Gone>,
    /// What EC2 does not show of AMIs that are retired.
    pub not_shown: Vec<NotShown>,
    /// The shares that other AMIs have from those that are dealt with.
    pub passed_on: Vec<PassedOn>,
    /// The AMIs that are dealt with.
    pub ended: Vec<Retirement>,
    /// What is waited for.
    pub later: Option<WaitReason>,
    /// Whether nothing is left to do.
    pub is_finished: bool,
}

/// A snapshot that stays after its AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotStays {
    /// The Region.
    pub region: String,
    /// The AMI.
    pub image: String,
    /// The snapshot, and why it stays.
    pub kept: KeptSnapshot,
}

/// A snapshot that stays shared after its AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaysShared {
    /// The Region.
    pub region: String,
    /// The AMI.
    pub image: String,
    /// The snapshot.
    pub snapshot: String,
}

/// An AMI that is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The Region.
    pub region: String,
    /// The AMI.
    pub image: String,
}

/// An AMI that stays without the protection that it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaysUnprotected {
    /// The Region.
    pub region: String,
    /// The AMI.
    pub image: String,
}

/// What is about to be changed, and what is ours then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishIntent {
    /// The changes, in their order.
    pub actions: Vec<RegionAction>,
    /// What is ours of the AMI of each Region that is changed.
    pub applied: BTreeMap<String, Applied>,
    /// What is ours, before that, of AMIs that were found without a record of it, by Region.
    pub adopted: BTreeMap<String, Applied>,
    /// What is asked for in each Region that is to get a copy, or is to lose a failed one.
    pub copies: BTreeMap<String, CopyRequest>,
    /// The AMIs that EC2 showed, by Region.
    pub seen: BTreeMap<String, ObservedImage>,
    /// The Regions in which the AMI is as its manifest says, with what of it is ours.
    pub verified: BTreeMap<String, Applied>,
    /// The Regions in which the AMI came back and is without protection, as it is to be.
    pub unprotected: Box<BTreeSet<String>>,
    /// What is left as it is in those, although the manifest asks for it no more.
    pub left: Box<[RegionAction]>,
    /// The parameters that are written.
    pub parameters: BTreeMap<ParameterId, ParameterPut>,
    /// The shares that AMIs have from others that are deregistered.
    pub passed_on: Box<[PassedOn]>,
    /// What EC2 does not show of AMIs that are retired.
    pub not_shown: Box<[NotShown]>,
}

/// What is written down before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// EC2 is about to be asked to store the AMI.
    Store,
    /// These are about to be deleted: the notice names them whatever happens in between.
    Delete(Vec<String>),
    /// This is about to be changed.
    Publish(PublishIntent),
}

/// Where something comes from that EC2 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The call was just made.
    Created,
    /// It was found where an earlier call, whose answer was lost, had made it.
    Found,
}

/// What a manifest that passed the checks asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What the image is made from.
    pub source: SourceKind,
    /// The AMI's name and the version's digest; none while they depend on an object that was not checked yet.
    pub identity: Option<Identity>,
    /// How the AMI is published.
    pub publishing: Publishing,
    /// What the AMI gets when it is made.
    pub created_with: Settings,
    /// Whether people are notified now.
    pub notify_started: bool,
}

/// How an AMI is published, as far as the status has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publishing {
    /// SHA-256 of the publish half.
    pub digest: String,
    /// Whether anything is to be set that the AMI does not get when it is made.
    pub publishes: bool,
    /// The bucket that the AMI is to be stored in.
    pub store: Option<String>,
    /// What is to be done about the AMIs of earlier versions; none: they are kept.
    pub replaces: Option<Retire>,
    /// What is to be done about the AMI once the manifest is removed; none: it is kept.
    pub on_delete: Option<Retire>,
}

/// What makes an AMI the one that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The AMI's name.
    pub name: String,
    /// The version's digest (see [`super::status::Build::digest`]).
    pub digest: String,
}
