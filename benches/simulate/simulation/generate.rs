//! Makes scripts of seeds. Each script has some kinds of events and lacks others, so that rare ones are not always drowned by
//! frequent ones.

use std::collections::BTreeMap;

use super::script::{
    Arrival, COPY_REGIONS, Edit, Event, KEYS, Kind, Manifest, Meant, Move, Object, PARTNERS,
    Protect, Retire, Script, Source, Stack, Task, Wrong,
};

/// The most moves of a script.
const MOVES: usize = 22;

/// Pauses between moves, in seconds.
const PAUSES: [u64; 12] = [0, 0, 0, 1, 5, 20, 45, 70, 200, 600, 1_200, 5_400];

/// Rules that are switched off at times: of uploads, requests, ticks, sweeps, audits, states of AMIs, due markers.
const RULES: [&str; 7] = [
    "RegisterImageManifest",
    "RegisterImageRequest",
    "AdvanceTasksAdvance",
    "AdvanceTasksSweep",
    "AdvanceTasksAudit",
    "AdvanceTasksImageStateChange",
    "NotifyDue",
];

/// Actions that storms are about.
const ACTIONS: [(&str, &str); 22] = [
    ("ec2", "DescribeImages"),
    ("ec2", "DescribeSnapshots"),
    ("ec2", "DescribeImageAttribute"),
    ("ec2", "DescribeImageReferences"),
    ("ec2", "RegisterImage"),
    ("ec2", "ImportSnapshot"),
    ("ec2", "CopyImage"),
    ("ec2", "CreateTags"),
    ("ec2", "ModifyImageAttribute"),
    ("ec2", "ModifySnapshotAttribute"),
    ("ec2", "EnableImageDeprecation"),
    ("ec2", "EnableImageDeregistrationProtection"),
    ("ec2", "DeregisterImage"),
    ("ec2", "DeleteSnapshot"),
    ("s3", "PutObject"),
    ("s3", "GetObject"),
    ("s3", "HeadObject"),
    ("s3", "ListObjectsV2"),
    ("s3", "DeleteObject"),
    ("sns", "Publish"),
    ("ssm", "PutParameter"),
    ("ssm", "GetParameters"),
];

/// Makes what may happen, at random.
pub(crate) struct Generator {
    random: fastrand::Rng,
    /// What was dropped so far.
    dropped: BTreeMap<usize, Vec<Manifest>>,
    classic: bool,
}

/// The script of a seed.
pub(crate) fn script(seed: u64) -> Script {
    // Seeds that are close are to have little in common.
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    random.u64(..);
    let mut generator = Generator {
        random,
        dropped: BTreeMap::new(),
        classic: false,
    };
    generator.script(seed)
}

impl Generator {
    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.usize(..of.len())].clone()
    }

    /// One of these, more often the heavier ones.
    fn weighted<T: Clone>(&mut self, of: &[(u32, T)]) -> T {
        let all: u32 = of.iter().map(|(weight, _)| weight).sum();
        let mut at = self.random.u32(..all);
        for (weight, it) in of {
            match at.checked_sub(*weight) {
                Some(left) => at = left,
                None => return it.clone(),
            }
        }
        of[0].1.clone()
    }

    fn script(&mut self, seed: u64) -> Script {
        let all = PARTNERS.join(",");
        self.classic = self.chance(25);
        let stack = Stack {
            classic: self.classic,
            share_with: self.weighted(&[
                (8, "*".to_owned()),
                (2, all),
                (1, PARTNERS[0].to_owned()),
                (1, String::new()),
            ]),
            public: self.chance(30),
            retire: self.chance(85),
            copies: self.chance(90),
            parameters: self.chance(90),
            versions: self.chance(80),
            notify_started: self.chance(20),
        };
        let kinds = self.kinds();
        let count = 2 + self.random.usize(..MOVES - 1);
        let mut moves = vec![Move {
            pause: 0,
            event: self.drop(),
        }];
        for _ in 0..count {
            let kind = self.weighted(&kinds);
            let (pause, event) = (self.pick(&PAUSES), kind(self));
            moves.push(Move { pause, event });
        }
        Script { seed, stack, moves }
    }

    /// Which kinds of events a script has, and how often.
    fn kinds(&mut self) -> Vec<(u32, Make)> {
        let mut kinds: Vec<(u32, Make)> = vec![(12, Self::drop)];
        let others: [(u32, u32, Make); 23] = [
            (70, 4, Self::drop_object),
            (50, 3, Self::remove),
            (40, 2, Self::cancel),
            (60, 3, Self::retry),
            (40, 4, Self::edit),
            (40, 2, Self::run),
            (60, 8, Self::fail),
            (50, 4, Self::storm),
            (40, 5, Self::kill),
            (50, 5, Self::deliver),
            (20, 2, Self::ahead),
            (15, 1, Self::rule_off),
            (25, 2, Self::stale_reads),
            (25, 2, Self::late_visibility),
            (50, 3, Self::task_time),
            (35, 3, Self::fail_next),
            (15, 2, |it| Event::HideTask { key: it.key() }),
            (10, 1, Self::show_task),
            (15, 2, Self::opt_in),
            (10, 1, Self::quota),
            (25, 2, Self::validation),
            (10, 1, Self::encrypts),
            (30, 3, Self::drop_same),
        ];
        for (percent, weight, make) in others {
            if self.chance(percent) {
                kinds.push((weight, make));
            }
        }
        kinds
    }

    fn key(&mut self) -> usize {
        let keys = KEYS.len();
        self.weighted(&[(4, 0), (2, 1), (1, 2)]).min(keys - 1)
    }

    fn region(&mut self) -> usize {
        self.random.usize(..=COPY_REGIONS.len())
    }

    fn arrival(&mut self) -> Arrival {
        self.weighted(&[(6, Arrival::Once), (2, Arrival::Twice), (2, Arrival::Lost)])
    }

    /// A manifest that is new, or differs a little from the last one, or is an earlier one again.
    fn drop(&mut self) -> Event {
        let key = self.key();
        let before = self.dropped.get(&key).cloned().unwrap_or_default();
        let manifest = match (before.last(), self.random.u32(..10)) {
            (None, _) | (_, 0..3) => self.manifest(),
            (Some(last), 3..8) => self.changed(last),
            (Some(_), _) => self.pick(&before),
        };
        self.dropped.entry(key).or_default().push(manifest.clone());
        let arrival = self.arrival();
        Event::Drop {
            key,
            manifest,
            arrival,
        }
    }

    /// The last manifest again.
    fn drop_same(&mut self) -> Event {
        let key = self.key();
        let last = self.dropped.get(&key).and_then(|before| before.last());
        let Some(manifest) = last.cloned() else {
            return self.drop();
        };
        let arrival = self.arrival();
        Event::Drop {
            key,
            manifest,
            arrival,
        }
    }

    fn source(&mut self) -> Source {
        if self.classic && self.chance(50) {
            return self.pick(&[Source::Instance, Source::Bundle]);
        }
        self.weighted(&[
            (4, Source::Snapshot(0)),
            (3, Source::Snapshot(1)),
            (3, Source::Disk),
            (2, Source::Vm),
            (2, Source::Image),
            (1, Source::Stored),
        ])
    }

    fn manifest(&mut self) -> Manifest {
        let mut manifest = Manifest {
            source: self.source(),
            fixed_name: self.chance(20),
            shared_name: self.chance(8),
            mistake: self.chance(5).then(|| self.random.usize(..4)),
            organization: self.chance(10),
            public: self.chance(6),
            copy: self.chance(40),
            exact: self.chance(15),
            team: self.pick(&[None, Some("web".to_owned()), Some("db".to_owned())]),
            description: self.pick(&[None, Some("Web tier".to_owned())]),
            protect: self.weighted(&[
                (6, None),
                (2, Some(Protect::On)),
                (1, Some(Protect::WithCooldown)),
            ]),
            deprecate: self.weighted(&[(3, None), (1, Some(90)), (1, Some(365))]),
            replaces: self.weighted(&[
                (2, Retire::Keep),
                (1, Retire::Deprecate),
                (3, Retire::Deregister),
            ]),
            delete_snapshots: self.chance(40),
            parameter: self.chance(45),
            shared_parameter: self.chance(12),
            take_over: self.chance(40),
            on_delete: self.weighted(&[
                (2, Retire::Keep),
                (1, Retire::Deprecate),
                (2, Retire::Deregister),
            ]),
            repair: self.chance(30),
            store: self.chance(10),
            product_code: self.classic && self.chance(10),
            ..Manifest::default()
        };
        for at in 0..PARTNERS.len() {
            if self.chance(45) {
                manifest.accounts.push(at);
            }
        }
        for at in 0..COPY_REGIONS.len() {
            if self.chance(40) {
                manifest.regions.push((at, self.chance(80)));
            }
        }
        coherent(manifest)
    }

    /// The same manifest with one thing different.
    fn changed(&mut self, last: &Manifest) -> Manifest {
        let (mut manifest, other) = (last.clone(), self.manifest());
        manifest.mistake = None;
        match self.random.u32(..16) {
            0 => manifest.source = other.source,
            1 => manifest.fixed_name = !manifest.fixed_name,
            2 | 3 => manifest.accounts = other.accounts,
            4 => manifest.copy = !manifest.copy,
            5 => manifest.exact = !manifest.exact,
            6 | 7 => manifest.regions = other.regions,
            8 => manifest.team = other.team,
            9 => manifest.description = other.description,
            10 => manifest.protect = other.protect,
            11 => manifest.deprecate = other.deprecate,
            12 => manifest.parameter = !manifest.parameter,
            13 => manifest.replaces = other.replaces,
            14 => manifest.on_delete = other.on_delete,
            // A new version.
            _ => {
                manifest.source = match manifest.source {
                    Source::Snapshot(at) => Source::Snapshot(1 - at.min(1)),
                    _ => other.source,
                };
            }
        }
        coherent(manifest)
    }

    fn drop_object(&mut self) -> Event {
        let what = match self.classic {
            true => self.pick(&[
                Object::Disk,
                Object::BundleManifest,
                Object::BundlePart,
                Object::BundlePart,
            ]),
            false => self.pick(&[Object::Disk, Object::Disk, Object::Machine]),
        };
        let content = self.random.u8(..2);
        let key = self.key();
        Event::DropObject { key, what, content }
    }

    fn remove(&mut self) -> Event {
        let (key, arrival) = (self.key(), self.arrival());
        Event::Remove { key, arrival }
    }

    fn cancel(&mut self) -> Event {
        Event::Cancel { key: self.key() }
    }

    fn retry(&mut self) -> Event {
        Event::Retry { key: self.key() }
    }

    fn edit(&mut self) -> Event {
        let edit = self.pick(&[
            Edit::Grant,
            Edit::Revoke,
            Edit::Tag,
            Edit::Untag,
            Edit::Describe,
            Edit::Protect,
            Edit::Unprotect,
            Edit::Deprecate,
            Edit::Disable,
            Edit::Deregister,
            Edit::Parameter,
            Edit::UseInTemplate,
        ]);
        let (key, region) = (self.key(), self.region());
        Event::Edit { key, region, edit }
    }

    fn run(&mut self) -> Event {
        let task = self.pick(&[Task::Advance, Task::Sweep, Task::Audit]);
        Event::Run { task }
    }

    fn wrong(&mut self) -> Wrong {
        let seconds = self.pick(&[5, 30, 70, 900]);
        self.pick(&[
            Wrong::Throttled,
            Wrong::AnswerLost,
            Wrong::AnswerLost,
            Wrong::CrashAfter,
            Wrong::CrashAfter,
            Wrong::CrashBefore,
            Wrong::Slow(seconds),
            Wrong::InternalError,
        ])
    }

    fn fail(&mut self) -> Event {
        let (later, fault) = (1 + self.random.u64(..60), self.wrong());
        Event::Fail { later, fault }
    }

    fn storm(&mut self) -> Event {
        let (service, action) = self.pick(&ACTIONS);
        let action = || Meant::Action(service.to_owned(), action.to_owned());
        let region = self.random.usize(1..=COPY_REGIONS.len());
        let what = match self.random.u32(..10) {
            0 => Meant::Region(region),
            1 => Meant::Service("sns".to_owned()),
            2 => Meant::Service("ssm".to_owned()),
            3 => Meant::Service("ec2".to_owned()),
            4 => Meant::Service("s3".to_owned()),
            _ => action(),
        };
        let slow = self.pick(&[3, 20, 70]);
        let fault = self.pick(&[
            Wrong::Throttled,
            Wrong::Throttled,
            Wrong::Unavailable,
            Wrong::InternalError,
            Wrong::AnswerLost,
            Wrong::Slow(slow),
            Wrong::Denied,
        ]);
        let seconds = self.pick(&[5, 40, 130, 900, 5_000, 20_000]);
        Event::Storm {
            what,
            fault,
            seconds,
        }
    }

    fn kill(&mut self) -> Event {
        let (later, polls) = (1 + self.random.u64(..4), 1 + self.random.u64(..90));
        Event::Kill { later, polls }
    }

    fn deliver(&mut self) -> Event {
        let late = |it: &mut Self| it.pick(&[0, 1, 7, 40, 65, 130, 700]);
        let delays = match self.random.u32(..4) {
            0 => Vec::new(),
            1 => vec![late(self)],
            2 => vec![0, late(self)],
            _ => vec![0, 0, late(self)],
        };
        let (tick, later) = (self.chance(50), 1 + self.random.u64(..4));
        Event::Deliver {
            tick,
            later,
            delays,
        }
    }

    fn ahead(&mut self) -> Event {
        let seconds = self.pick(&[-120, -61, -5, 3, 30, 119, 0]);
        Event::Ahead { seconds }
    }

    fn rule_off(&mut self) -> Event {
        let rule = self.pick(&RULES).to_owned();
        Event::RuleOff { rule }
    }

    fn stale_reads(&mut self) -> Event {
        let seconds = self.pick(&[0, 5, 20, 60, 150]);
        Event::StaleReads { seconds }
    }

    fn late_visibility(&mut self) -> Event {
        let seconds = self.pick(&[0, 5, 20, 90, 200]);
        Event::LateVisibility { seconds }
    }

    fn kind(&mut self) -> Option<Kind> {
        self.pick(&[
            None,
            Some(Kind::ImportSnapshot),
            Some(Kind::ImportImage),
            Some(Kind::BundleInstance),
            Some(Kind::CopyImage),
            Some(Kind::CopyImage),
            Some(Kind::StoreImage),
            Some(Kind::RestoreImage),
        ])
    }

    fn task_time(&mut self) -> Event {
        let kind = self.kind();
        let seconds =
            self.weighted(&[(3, 1), (3, 30), (3, 100), (3, 900), (2, 4_000), (1, 40_000)]);
        Event::TaskTime { kind, seconds }
    }

    fn fail_next(&mut self) -> Event {
        let (kind, message) = (self.kind(), self.random.usize(..4));
        Event::FailNext { kind, message }
    }

    fn show_task(&mut self) -> Event {
        let state = self.pick(&["canceling", "error", "halfway"]).to_owned();
        let key = self.key();
        Event::ShowTask { key, state }
    }

    fn opt_in(&mut self) -> Event {
        let region = self.random.usize(1..=COPY_REGIONS.len());
        let on = self.chance(40);
        Event::OptIn { region, on }
    }

    fn quota(&mut self) -> Event {
        let (shares, copies) = (self.random.usize(..3), self.random.usize(..2));
        Event::Quota { shares, copies }
    }

    fn validation(&mut self) -> Event {
        let seconds = self.pick(&[1, 30, 200, 1_000]);
        let fails = self.chance(40);
        Event::Validation { seconds, fails }
    }

    fn encrypts(&mut self) -> Event {
        let (region, on) = (self.region(), self.chance(60));
        Event::Encrypts { region, on }
    }
}

/// Makes one event.
type Make = fn(&mut Generator) -> Event;

/// Without what the checks refuse of manifests that have nothing to do with the stack.
fn coherent(mut manifest: Manifest) -> Manifest {
    let is_instance_store = matches!(manifest.source, Source::Instance | Source::Bundle);
    if is_instance_store {
        manifest.regions.clear();
        manifest.copy = false;
        manifest.store = false;
        manifest.delete_snapshots = false;
    } else {
        manifest.product_code = false;
    }
    manifest.public &= !manifest.copy && !manifest.product_code;
    manifest.copy &= !manifest.accounts.is_empty() && !manifest.public;
    let retires =
        manifest.replaces == Retire::Deregister || manifest.on_delete == Retire::Deregister;
    manifest.delete_snapshots &= retires;
    manifest
}
