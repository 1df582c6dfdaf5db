//! Makes scripts of seeds. Each script has some kinds of events and lacks others, so that rare ones are not always drowned by
//! frequent ones.

mod aiming;
mod failing;
mod following;
mod hindering;
mod manifests;
mod overlooked;
mod unheard;
mod updates;
mod waylaying;

use std::collections::BTreeMap;

use super::script::{
    Arrival, COPY_REGIONS, Edit, Event, KEYS, Kind, Manifest, Move, Object, PARTNERS, Script,
    Stack, Task, UNDOCUMENTED,
};

/// The most moves of a script.
const MOVES: usize = 22;

/// Pauses between moves, in seconds.
const PAUSES: [u64; 12] = [0, 0, 0, 1, 5, 20, 45, 70, 200, 600, 1_200, 5_400];

/// When an AMI is there that is made of a snapshot, in seconds after the upload of its manifest.
const MADE: [u64; 3] = [70, 200, 1_200];

/// When most AMIs are there, and what else their manifests ask for is done.
const MADE_FOR_LONG: [u64; 3] = [200, 1_200, 5_400];

/// Makes what may happen, at random.
pub(crate) struct Generator {
    random: fastrand::Rng,
    /// What was dropped so far.
    dropped: BTreeMap<usize, Vec<Manifest>>,
    classic: bool,
    /// The stack's parameters by now.
    given: Option<Stack>,
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
        given: None,
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
            public: self.chance(40),
            unblocked: self.chance(60),
            retire: self.chance(85),
            copies: self.chance(90),
            only_region: None,
            parameters: self.chance(90),
            keys: self.chance(70),
            stores: true,
            tag_keys: self
                .weighted(&[(7, ""), (1, "team"), (1, "owner"), (1, "owner,team")])
                .to_owned(),
            source_buckets: self.chance(75),
            source_owners: self.chance(75),
            page: self.pick(&[None, None, Some(1), Some(2)]),
            versions: self.chance(80),
            notify_started: self.chance(20),
        };
        self.given = Some(stack.clone());
        let kinds = self.kinds();
        let count = 2 + self.random.usize(..MOVES - 1);
        let first = self.drop();
        let overlooked = self.overlooked(seed, &first);
        let mut moves: Vec<Move> = self.needed(&first).into_iter().collect();
        moves.push(Move {
            pause: 0,
            event: first,
        });
        if self.chance(5) {
            moves.extend(self.contest());
        }
        if self.chance(4) {
            moves.extend(self.twins());
        }
        if self.chance(3) {
            moves.extend(self.namesakes());
        }
        moves.extend(overlooked);
        for _ in 0..count {
            let kind = self.weighted(&kinds);
            let (pause, event) = (self.pick(&PAUSES), kind(self));
            moves.extend(self.needed(&event));
            let follows = self.follows(&event);
            moves.push(Move { pause, event });
            moves.extend(follows);
        }
        let lost = self.chance(15).then(|| self.key());
        Script {
            seed,
            stack,
            lost,
            moves,
        }
    }

    /// Which kinds of events a script has, and how often.
    fn kinds(&mut self) -> Vec<(u32, Make)> {
        let mut kinds: Vec<(u32, Make)> = vec![(12, Self::drop)];
        let others: [(u32, u32, Make); 28] = [
            (70, 4, Self::drop_object),
            (50, 3, Self::remove),
            (40, 2, Self::cancel),
            (60, 3, Self::retry),
            (50, 5, Self::edit),
            (40, 2, Self::run),
            (60, 8, Self::fail),
            (50, 4, Self::storm),
            (15, 2, Self::denial),
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
            (15, 1, Self::hide_snapshots),
            (20, 2, Self::hide_images),
            (15, 2, Self::opt_in),
            (10, 1, Self::quota),
            (25, 2, Self::validation),
            (10, 1, Self::encrypts),
            (30, 3, Self::drop_same),
            (15, 3, Self::drop_beside),
            (25, 4, Self::update),
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

    /// What a manifest names is often there before it: else all that is made of it is made once nothing goes wrong any more.
    fn needed(&mut self, event: &Event) -> Option<Move> {
        match event {
            Event::Drop { key, manifest, .. } if self.chance(60) => self.object_of(*key, manifest),
            _ => None,
        }
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
        let edit = self.what_to_edit();
        let (key, region) = (self.key(), self.region());
        Event::Edit { key, region, edit }
    }

    fn what_to_edit(&mut self) -> Edit {
        self.pick(&[
            Edit::Grant,
            Edit::Revoke,
            Edit::Tag,
            Edit::Untag,
            Edit::Describe,
            Edit::Protect,
            Edit::Unprotect,
            Edit::Deprecate,
            Edit::Disable,
            Edit::Enable,
            Edit::Deregister,
            Edit::Parameter,
            Edit::UseInTemplate,
            Edit::Unshare,
            Edit::Launch,
            Edit::Disown,
            Edit::Offer,
        ])
    }

    fn run(&mut self) -> Event {
        let task = self.pick(&[Task::Advance, Task::Sweep, Task::Audit]);
        Event::Run { task }
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
            self.weighted(&[(3, 1), (3, 30), (3, 100), (3, 900), (2, 4_000), (2, 40_000)]);
        Event::TaskTime { kind, seconds }
    }

    fn fail_next(&mut self) -> Event {
        let (kind, message) = (self.kind(), self.random.usize(..4));
        Event::FailNext { kind, message }
    }

    fn show_task(&mut self) -> Event {
        let state = self.pick(&["canceling", "error", UNDOCUMENTED]).to_owned();
        let key = self.key();
        Event::ShowTask { key, state }
    }

    fn opt_in(&mut self) -> Event {
        let on = self.chance(40);
        Event::OptIn { region: 1, on }
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
