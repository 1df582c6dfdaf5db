//! What a day may have: everything in it is chosen before it begins.

use localaws::faults::Fault;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::faults;

/// The accounts that manifests share with.
pub(super) const PARTNERS: [&str; 2] = ["111122223333", "444455556666"];
/// One that no manifest names.
pub(super) const STRANGER: &str = "999988887777";
/// The Regions that get copies.
pub(super) const COPY_REGIONS: [&str; 2] = ["eu-west-1", "us-west-2"];
/// The manifests.
pub(super) const KEYS: [&str; 2] = ["golden/web.image.yaml", "data.image.yaml"];

/// A day.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) moves: Vec<Move>,
}

/// What happens, so many seconds after what happened before.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) pause: u64,
    pub(super) event: Event,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// Somebody uploads a manifest.
    Drop {
        key: &'static str,
        manifest: Manifest,
        arrival: Arrival,
    },
    /// Somebody uploads the disk of a manifest, with this content.
    DropDisk { key: &'static str, content: u8 },
    /// Somebody removes a manifest.
    Remove { key: &'static str },
    /// An operator asks to cancel.
    Cancel { key: &'static str },
    /// An operator asks for a new attempt.
    Retry { key: &'static str },
    /// A call from now on fails: this many calls later.
    Fail { later: u64, fault: Fault },
    /// All calls of an action are throttled for a while.
    ThrottleAll {
        service: &'static str,
        action: &'static str,
    },
    /// That ends.
    ThrottleNone,
    /// The next copy or registration fails at EC2.
    FailNext { registration: bool },
    /// Reads lag behind by this many seconds.
    StaleReads { seconds: u64 },
    /// New things are found only this many seconds later.
    LateVisibility { seconds: u64 },
    /// Finished AMIs are audited.
    Audit,
    /// Somebody shares every AMI of ours with an account of his own.
    GrantToStranger,
}

/// How the event of an upload arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Once,
    Lost,
    Twice,
}

/// A manifest, by what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) from_disk: bool,
    pub(super) fixed_name: bool,
    pub(super) mistake: bool,
    pub(super) accounts: Vec<&'static str>,
    pub(super) copy: bool,
    pub(super) exact: bool,
    pub(super) regions: Vec<&'static str>,
    pub(super) team: Option<&'static str>,
    pub(super) description: Option<&'static str>,
    pub(super) protect: bool,
    pub(super) deprecate: bool,
    pub(super) replaces: Replaces,
    pub(super) parameter: bool,
    pub(super) on_delete: OnDelete,
    pub(super) repair: bool,
}

/// What becomes of the AMI once its manifest is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDelete {
    Keep,
    Deprecate,
    Deregister,
}

/// What becomes of the AMIs of earlier versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaces {
    Keep,
    Deprecate,
    Deregister,
    DeregisterWithSnapshots,
}

impl Manifest {
    /// Its text, in the way of `key`: each has names of its own.
    pub(super) fn text(&self, key: &str, snapshot: &str) -> String {
        let short = short(key);
        let name = if self.fixed_name { "" } else { "-{digest}" };
        let source = if self.from_disk {
            format!("{{disk: {{object: {}, format: vmdk}}}}", disk_name(key))
        } else {
            format!("{{snapshot: {{id: {snapshot}}}}}")
        };
        let mut text = format!("name: {short}{name}\nsource: {source}\n");
        if self.mistake {
            text += "acess: {}\n";
        }
        if !self.accounts.is_empty() {
            let accounts: Vec<_> = self.accounts.iter().map(|it| format!("'{it}'")).collect();
            let (copy, exact) = (self.copy, self.exact);
            let accounts = accounts.join(", ");
            text += &format!("access: {{accounts: [{accounts}], copy: {copy}, exact: {exact}}}\n");
        }
        if !self.regions.is_empty() {
            let regions: Vec<_> = self
                .regions
                .iter()
                .map(|it| format!("{it}: {{}}"))
                .collect();
            text += &format!("regions: {{{}}}\n", regions.join(", "));
        }
        if let Some(team) = self.team {
            text += &format!("tags: {{team: {team}}}\n");
        }
        if let Some(description) = self.description {
            text += &format!("description: {description}\n");
        }
        if self.protect {
            text += "protect: true\n";
        }
        if self.deprecate {
            text += "deprecate: {after: 90d}\n";
        }
        text += match self.replaces {
            Replaces::Keep => "",
            Replaces::Deprecate => "replaces: {previous: deprecate}\n",
            Replaces::Deregister => "replaces: {previous: deregister}\n",
            Replaces::DeregisterWithSnapshots => {
                "replaces: {previous: deregister, snapshots: delete}\n"
            }
        };
        if self.parameter {
            text += &format!("parameters: [{}]\n", parameter(key));
        }
        text += match self.on_delete {
            OnDelete::Keep => "",
            OnDelete::Deprecate => "onDelete: deprecate\n",
            OnDelete::Deregister => "onDelete: deregister\n",
        };
        if self.repair {
            text += "repair: true\n";
        }
        text
    }
}

/// The parameter that points to a manifest's AMI.
pub(super) fn parameter(key: &str) -> String {
    format!("/images/{}", short(key))
}

/// What a manifest is about, for names.
fn short(key: &str) -> &str {
    let file = key.rsplit('/').next().unwrap();
    file.split('.').next().unwrap()
}

/// The name of a manifest's disk, which is beside it.
fn disk_name(key: &str) -> String {
    format!("{}.vmdk", short(key))
}

/// The key of a manifest's disk.
pub(super) fn disk_key(key: &str) -> String {
    match key.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{}", disk_name(key)),
        None => disk_name(key),
    }
}

fn any_manifest() -> impl Strategy<Value = Manifest> {
    let replaces = select(vec![
        Replaces::Keep,
        Replaces::Keep,
        Replaces::Deprecate,
        Replaces::Deregister,
        Replaces::DeregisterWithSnapshots,
    ]);
    let what = (
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.05),
    );
    let access = (
        subsequence(PARTNERS.to_vec(), 0..=2),
        any::<bool>(),
        prop::bool::weighted(0.2),
        subsequence(COPY_REGIONS.to_vec(), 0..=2),
    );
    let settings = (
        select(vec![None, Some("web"), Some("db")]),
        select(vec![None, Some("Web tier"), Some("Database")]),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        replaces,
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        select(vec![
            OnDelete::Keep,
            OnDelete::Keep,
            OnDelete::Deprecate,
            OnDelete::Deregister,
        ]),
    );
    (what, access, settings).prop_map(|(what, access, settings)| {
        let (from_disk, fixed_name, mistake) = what;
        let (accounts, copy, exact, regions) = access;
        let (team, description, protect, deprecate, replaces, parameter, repair, on_delete) =
            settings;
        Manifest {
            from_disk,
            fixed_name,
            mistake,
            copy: copy && !accounts.is_empty(),
            exact: exact && !accounts.is_empty(),
            accounts,
            regions,
            team,
            description,
            protect,
            deprecate,
            replaces,
            parameter,
            on_delete,
            repair,
        }
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let key = || select(KEYS.to_vec());
    let arrival = select(vec![
        Arrival::Once,
        Arrival::Once,
        Arrival::Once,
        Arrival::Twice,
        Arrival::Lost,
    ]);
    let throttled = select(vec![
        ("ec2", "DescribeImages"),
        ("ec2", "RegisterImage"),
        ("ec2", "CopyImage"),
        ("ec2", "ModifyImageAttribute"),
        ("ec2", "DeregisterImage"),
        ("s3", "PutObject"),
        ("sns", "Publish"),
        ("ssm", "PutParameter"),
        ("ssm", "GetParameters"),
    ]);
    prop_oneof![
        10 => (key(), any_manifest(), arrival)
            .prop_map(|(key, manifest, arrival)| Event::Drop { key, manifest, arrival }),
        2 => (key(), 0..2_u8).prop_map(|(key, content)| Event::DropDisk { key, content }),
        1 => key().prop_map(|key| Event::Remove { key }),
        1 => key().prop_map(|key| Event::Cancel { key }),
        2 => key().prop_map(|key| Event::Retry { key }),
        6 => (1..60_u64, select(faults())).prop_map(|(later, fault)| Event::Fail { later, fault }),
        1 => throttled.prop_map(|(service, action)| Event::ThrottleAll { service, action }),
        1 => Just(Event::ThrottleNone),
        1 => any::<bool>().prop_map(|registration| Event::FailNext { registration }),
        1 => select(vec![0, 20, 60]).prop_map(|seconds| Event::StaleReads { seconds }),
        1 => select(vec![0, 20, 90]).prop_map(|seconds| Event::LateVisibility { seconds }),
        1 => Just(Event::Audit),
        1 => Just(Event::GrantToStranger),
    ]
}

/// Any day.
pub(super) fn any_history() -> impl Strategy<Value = History> {
    let pause = select(vec![0, 0, 1, 5, 20, 70, 200, 1_200]);
    let moves = prop::collection::vec((pause, any_event()), 1..14);
    moves.prop_map(|moves| History {
        moves: moves
            .into_iter()
            .map(|(pause, event)| Move { pause, event })
            .collect(),
    })
}
