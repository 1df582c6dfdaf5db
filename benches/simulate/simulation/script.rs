//! A script: everything that happens in a history, chosen before it is played. As JSON it can be kept, shortened and given
//! back.

mod stack;
mod storm;

use serde::{Deserialize, Serialize};

pub(crate) use self::stack::{Change, Stack};
pub(crate) use self::storm::{Meant, SILENT, Wrong, starts_work};

/// A state of tasks that EC2 does not document.
pub(crate) const UNDOCUMENTED: &str = "halfway";

/// A parameter is given up if SSM takes as long to validate it, in seconds: it is written twice, and five minutes are waited each
/// time.
pub(crate) const VALIDATED: u64 = 600;

/// The manifests. Two of them may want the same name and the same parameter.
pub(crate) const KEYS: [&str; 3] = [
    "golden/web.image.yaml",
    "data.image.yaml",
    "team/a=b/api.image.yml",
];
/// Regions that get copies. The first is one that an account has to enable, and so can disable.
pub(crate) const COPY_REGIONS: [&str; 2] = ["eu-south-1", "us-west-2"];
/// The accounts that manifests share with.
pub(crate) const PARTNERS: [&str; 2] = ["111122223333", "444455556666"];
/// One that no manifest names.
pub(crate) const STRANGER: &str = "999988887777";
/// An organization that manifests share with.
pub(crate) const ORGANIZATION: &str =
    "arn:aws:organizations::111122223333:organization/o-exampleorgid";

/// A unit of it.
pub(crate) const UNIT: &str =
    "arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-11111111";
/// What an AMI elsewhere is tagged with, which copies of it may have, too.
pub(crate) const ORIGIN: (&str, &str) = ("origin", "elsewhere");
/// What stored AMIs may be tagged with.
pub(crate) const STORE_TAG: (&str, &str) = ("kind", "golden");
/// A bucket for stored AMIs that is not the manifests'.
pub(crate) const ARCHIVE: &str = "archive-of-images";
/// A bucket with disks and machines that is not the manifests'.
pub(crate) const OTHER_BUCKET: &str = "disks-of-others";
/// Who shares a snapshot with the account.
pub(crate) const VENDOR: &str = "777788889999";

/// A history to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Script {
    /// Where all ids, tokens and pauses come from.
    pub(crate) seed: u64,
    pub(crate) stack: Stack,
    /// The manifest whose status is deleted once everything rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lost: Option<usize>,
    pub(crate) moves: Vec<Move>,
}

/// What happens, so many seconds after what happened before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Move {
    #[serde(default)]
    pub(crate) pause: u64,
    pub(crate) event: Event,
}

/// One thing that happens. Manifests are named by their place in [`KEYS`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Event {
    /// Somebody uploads a manifest.
    Drop {
        key: usize,
        manifest: Manifest,
        arrival: Arrival,
    },
    /// Somebody uploads a manifest to the other stack of the account.
    DropBeside {
        key: usize,
        manifest: Manifest,
        arrival: Arrival,
    },
    /// Somebody uploads what a manifest's image is made from: a disk, a machine, or the parts of a bundle.
    DropObject {
        key: usize,
        what: Object,
        content: u8,
    },
    /// Somebody removes a manifest.
    Remove { key: usize, arrival: Arrival },
    /// Somebody deletes the newest version of a manifest for good, or its delete marker: what was there before is there again.
    SetBack { key: usize, arrival: Arrival },
    /// An operator asks to cancel.
    Cancel { key: usize },
    /// An operator asks for a new attempt.
    Retry { key: usize },
    /// Somebody edits all AMIs of a manifest in a Region by hand.
    Edit {
        key: usize,
        region: usize,
        edit: Edit,
    },
    /// The stack's owner updates it. What runs ends as it began.
    Update { change: Change },
    /// Somebody lets a schedule's task run besides.
    Run { task: Task },
    /// A call from now on fails: this many calls later.
    Fail { later: u64, fault: Wrong },
    /// Everything that is meant fails for a while.
    Storm {
        what: Meant,
        fault: Wrong,
        seconds: u64,
    },
    /// An invocation is killed where it waits for the `polls`th time: this many invocations later.
    Kill { later: u64, polls: u64 },
    /// An event or a tick, this many later, arrives once for each of these delays.
    Deliver {
        tick: bool,
        later: u64,
        delays: Vec<u64>,
    },
    /// The machines' clocks are ahead by so many seconds.
    Ahead { seconds: i64 },
    /// A rule of the stack is switched off, and on again in the end.
    RuleOff { rule: String },
    /// Reads lag behind.
    StaleReads { seconds: u64 },
    /// New things are found only later.
    LateVisibility { seconds: u64 },
    /// Tasks of a kind that begin from now on take so long; `None` is registration.
    TaskTime { kind: Option<Kind>, seconds: u64 },
    /// The next task of a kind fails; `None` is registration.
    FailNext { kind: Option<Kind>, message: usize },
    /// EC2's lists forget the task of a manifest's image.
    HideTask { key: usize },
    /// EC2's lists show the task of a manifest's image in a state that nobody knows, until the end.
    ShowTask { key: usize, state: String },
    /// EC2 does not show the snapshots that were made with a manifest's AMIs in a Region, for so long.
    HideSnapshots {
        key: usize,
        region: usize,
        seconds: u64,
    },
    /// EC2 lists no AMI of a manifest in a Region for so long, or shows them without their settings, as they were first.
    HideImages {
        key: usize,
        region: usize,
        only_settings: bool,
        seconds: u64,
    },
    /// A Region is switched off or on, if the account can do that.
    OptIn { region: usize, on: bool },
    /// Quotas are lower.
    Quota { shares: usize, copies: usize },
    /// How long SSM's validation takes.
    Validation { seconds: u64, fails: bool },
    /// New copies in a Region are encrypted, with the key that AWS manages.
    Encrypts { region: usize, on: bool },
}

impl Event {
    /// The same upload of a manifest to the other one of the account's two stacks; none if it is something else.
    pub(crate) fn beside(&self) -> Option<Self> {
        Some(match self.clone() {
            Self::Drop {
                key,
                manifest,
                arrival,
            } => Self::DropBeside {
                key,
                manifest,
                arrival,
            },
            Self::DropBeside {
                key,
                manifest,
                arrival,
            } => Self::Drop {
                key,
                manifest,
                arrival,
            },
            _ => return None,
        })
    }
}

/// How the event of an upload or a removal arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Arrival {
    Once,
    Lost,
    Twice,
}

/// What images are made from, as files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Object {
    Disk,
    Machine,
    BundleManifest,
    BundlePart,
}

/// What somebody does to an AMI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Edit {
    Grant,
    Revoke,
    Tag,
    Untag,
    Describe,
    Protect,
    Unprotect,
    Deprecate,
    Disable,
    /// What was disabled is enabled. Whoever it was shared with does not get it back.
    Enable,
    Deregister,
    Parameter,
    UseInTemplate,
    /// Nobody may copy its snapshots any more.
    Unshare,
    /// Another account launches an instance.
    Launch,
    /// It loses the tags that say whose it is.
    Disown,
    /// Somebody shares it with the first partner, as manifests may, too.
    Offer,
}

/// What the schedules let run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    Advance,
    Sweep,
    Audit,
}

/// EC2's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    ImportSnapshot,
    ImportImage,
    BundleInstance,
    CopyImage,
    StoreImage,
    RestoreImage,
}

/// A manifest, by what it says. What is left out it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Manifest {
    pub(crate) source: Source,
    /// A name that every version of it has.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) fixed_name: bool,
    /// A name that another manifest has, too.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) shared_name: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mistake: Option<usize>,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) large: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) accounts: Vec<usize>,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) organization: bool,
    /// Shares with [`UNIT`].
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) unit: bool,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) public: bool,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) copy: bool,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) exact: bool,
    /// Places in [`COPY_REGIONS`], and whether that Region is required.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) regions: Vec<(usize, bool)>,
    /// Places in [`COPY_REGIONS`] whose copies are encrypted with a KMS key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<usize>,
    /// Whether its disk, machine or AMI is encrypted with a KMS key.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) encrypted: bool,
    /// Whether instances have to use IMDSv2.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) imds: bool,
    /// GiB of a second volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volume: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protect: Option<Protect>,
    /// Days after which it is deprecated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deprecate: Option<u32>,
    /// Days from the beginning of time until it is deprecated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deprecate_at: Option<u32>,
    /// Whether a copy of an AMI gets its tags, too.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) copy_tags: bool,
    /// Minutes within which a copy of an AMI is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) minutes: Option<u32>,
    /// Whether its disk or machine is in [`OTHER_BUCKET`].
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) elsewhere: bool,
    #[serde(skip_serializing_if = "is_keep")]
    pub(crate) replaces: Retire,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) delete_snapshots: bool,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) parameter: bool,
    /// A parameter that another manifest sets, too.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) shared_parameter: bool,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) take_over: bool,
    #[serde(skip_serializing_if = "is_keep")]
    pub(crate) on_delete: Retire,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) repair: bool,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) store: bool,
    /// Whether it is stored in [`ARCHIVE`], and not in the manifests' bucket.
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) archived: bool,
    /// Whether what is stored gets [`STORE_TAG`].
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) store_tag: bool,
    #[serde(skip_serializing_if = "is_not")]
    pub(crate) product_code: bool,
}

/// What an image is made from; the number is which of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    Snapshot(usize),
    /// A snapshot of [`VENDOR`].
    Theirs,
    Disk,
    Vm,
    Image,
    Stored,
    Instance,
    Bundle,
}

impl Default for Source {
    fn default() -> Self {
        Self::Snapshot(0)
    }
}

impl Source {
    /// What is uploaded beside a manifest for this; of a bundle, a part of it.
    pub(crate) fn object(self) -> Option<Object> {
        match self {
            Self::Disk => Some(Object::Disk),
            Self::Vm => Some(Object::Machine),
            Self::Bundle => Some(Object::BundlePart),
            Self::Snapshot(_) | Self::Theirs | Self::Image | Self::Stored | Self::Instance => None,
        }
    }
}

/// How an AMI is protected from being deregistered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protect {
    On,
    WithCooldown,
}

/// What becomes of AMIs that are not wanted any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Retire {
    #[default]
    Keep,
    Deprecate,
    Deregister,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_not(it: &bool) -> bool {
    !it
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_keep(it: &Retire) -> bool {
    *it == Retire::Keep
}
