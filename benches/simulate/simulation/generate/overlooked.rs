//! What is easily overlooked, each by itself and of a manifest that has nothing else to do by then: what an earlier attempt has
//! set, what an operator asks for as nobody can write it down, what EC2 does not show for a moment, or what is replaced while it
//! waits.
//!
//! It is chosen apart from the rest of a script, which is the same with it and without.

use super::Generator;
use super::manifests::coherent;
use super::unheard::at_once;
use crate::simulation::script::{
    Arrival, Event, KEYS, Manifest, Meant, Move, Object, Source, Task, Wrong,
};

/// How many scripts of a hundred have something of it.
const PERCENT: u32 = 10;

/// When an audit looks at an AMI that was uploaded so many seconds before: after its grace, by clocks that are off.
const AUDITED: [u64; 2] = [1_200, 5_400];

/// How long after an audit the next one believes what both have seen, in seconds.
const BELIEVED: u64 = 1_200;

/// Makes what happens to a manifest.
type Episode = fn(&mut Generator, usize) -> Vec<Move>;

impl Generator {
    /// Something of it, about another manifest than that of the first event.
    pub(super) fn overlooked(&mut self, seed: u64, first: &Event) -> Vec<Move> {
        let own = fastrand::Rng::with_seed(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5bd1);
        let usual = std::mem::replace(&mut self.random, own);
        let dropped = self.dropped.clone();
        let moves = match self.chance(PERCENT) {
            true => self.overlooked_of(first),
            false => Vec::new(),
        };
        (self.random, self.dropped) = (usual, dropped);
        moves
    }

    fn overlooked_of(&mut self, first: &Event) -> Vec<Move> {
        let Event::Drop { key: busy, .. } = first else {
            return Vec::new();
        };
        let key = (busy + 1 + self.random.usize(..2)) % KEYS.len();
        let mut episodes: Vec<Episode> = vec![
            Self::retried_with_parameter,
            Self::request_unwritten,
            Self::audited_undescribed,
            Self::audited_unlisted,
            Self::audited_before_it_shows,
            Self::polled_unlisted,
            Self::stored_elsewhere,
        ];
        let keeps_versions = self.given.as_ref().is_none_or(|it| it.versions);
        if !keeps_versions {
            // What a manifest said that is gone, nobody can read.
            episodes.extend([Self::begun_and_forgotten as Episode; 3]);
        }
        if self.classic {
            episodes.extend([Self::bundle_replaced as Episode; 2]);
        }
        let episode = self.pick(&episodes);
        episode(self, key)
    }

    /// A manifest that the stack allows, and whose AMI is there within seconds.
    fn easy(&mut self) -> Manifest {
        let like = self.manifest();
        at_once(&self.possible(&like))
    }

    /// The first version has set a parameter, and the second, which fails or is cancelled, is tried again.
    fn retried_with_parameter(&mut self, key: usize) -> Vec<Move> {
        let first = Manifest {
            parameter: true,
            take_over: false,
            ..self.easy()
        };
        if !self.is_allowed(&first) {
            return Vec::new();
        }
        let next = Manifest {
            source: Source::Snapshot(1),
            ..first.clone()
        };
        let [first, next] = [first, next].map(|it| self.upload(key, it));
        let mut moves = vec![self.after(&[0], first)];
        if self.chance(30) {
            moves.push(self.after(&[200, 1_200], next));
            moves.push(self.after(&[1, 2], Event::Cancel { key }));
        } else {
            let (kind, message) = (None, self.random.usize(..4));
            moves.push(self.after(&[200, 1_200], Event::FailNext { kind, message }));
            moves.push(self.after(&[0], next));
        }
        moves.push(self.after(&[200, 600], Event::Retry { key }));
        moves
    }

    /// An operator asks for something just as it cannot be written down, or as who hears of it dies.
    fn request_unwritten(&mut self, key: usize) -> Vec<Move> {
        let (action, fault) = self.pick(&[
            ("PutObject", Wrong::Throttled),
            ("PutObject", Wrong::Unavailable),
            ("PutObject", Wrong::Denied),
            ("DeleteObject", Wrong::CrashAfter),
        ]);
        let easy = self.easy();
        let mut moves = Vec::new();
        let (wish, asked) = if self.chance(50) {
            // It waits for its disk.
            let disk = Manifest {
                source: Source::Disk,
                ..easy
            };
            (coherent(disk), Event::Cancel { key })
        } else {
            let fails = Event::FailNext {
                kind: None,
                message: 0,
            };
            moves.push(self.after(&[0], fails));
            (easy, Event::Retry { key })
        };
        moves.push(self.prompt(key, wish));
        moves.push(self.after(&[200, 600], storm("s3", action, fault, 60)));
        moves.push(self.after(&[0], asked));
        moves
    }

    /// Two audits cannot see something of an AMI that is there.
    fn audited_undescribed(&mut self, key: usize) -> Vec<Move> {
        let shared = coherent(Manifest {
            accounts: vec![0],
            copy: self.chance(50),
            public: false,
            ..self.easy()
        });
        if !self.is_allowed(&shared) {
            return Vec::new();
        }
        let action = match shared.copy && self.chance(50) {
            true => "DescribeSnapshotAttribute",
            false => "DescribeImageAttribute",
        };
        let fault = self.pick(&[Wrong::Denied, Wrong::Denied, Wrong::Unavailable]);
        let audit = || Event::Run { task: Task::Audit };
        vec![
            self.prompt(key, shared),
            self.after(&AUDITED, storm("ec2", action, fault, 3_600)),
            self.after(&[0], audit()),
            self.after(&[BELIEVED], audit()),
        ]
    }

    /// Two audits do not find an AMI, and the one between them does.
    fn audited_unlisted(&mut self, key: usize) -> Vec<Move> {
        let wish = self.easy();
        let audit = || Event::Run { task: Task::Audit };
        let hide = || hidden(key, false, 1);
        vec![
            self.prompt(key, wish),
            self.after(&AUDITED, audit()),
            self.after(&[0], hide()),
            self.after(&[BELIEVED], audit()),
            self.after(&[BELIEVED], audit()),
            self.after(&[0], hide()),
        ]
    }

    /// An audit comes by minutes after an AMI was made or set, and EC2 shows it once more as it was before.
    fn audited_before_it_shows(&mut self, key: usize) -> Vec<Move> {
        let easy = self.easy();
        let wish = Manifest {
            description: Some("Web tier".to_owned()),
            repair: false,
            ..easy
        };
        let audit = Event::Run { task: Task::Audit };
        vec![
            self.prompt(key, wish),
            self.after(&[130, 200, 400], audit),
            self.after(&[0], hidden(key, true, 1)),
        ]
    }

    /// An AMI that takes long to be made is not listed twice, for some minutes each.
    fn polled_unlisted(&mut self, key: usize) -> Vec<Move> {
        let wish = self.easy();
        let time = |seconds| Event::TaskTime {
            kind: None,
            seconds,
        };
        // The longer it takes, the more seldom it is polled.
        let hide = |seconds| hidden(key, false, seconds);
        vec![
            self.after(&[0], time(4_000)),
            self.prompt(key, wish),
            self.after(&[1], time(40)),
            self.after(&[70], hide(130)),
            self.after(&[1_200], hide(310)),
        ]
    }

    /// What is stored in one bucket is to be in another one.
    fn stored_elsewhere(&mut self, key: usize) -> Vec<Move> {
        let stored = Manifest {
            store: true,
            ..self.easy()
        };
        if !self.is_allowed(&stored) {
            return Vec::new();
        }
        let archived = Manifest {
            archived: true,
            ..stored.clone()
        };
        let mut wishes = [stored, archived];
        if self.chance(30) {
            wishes.reverse();
        }
        let [first, next] = wishes.map(|it| self.upload(key, it));
        vec![
            self.after(&[0], first),
            // So soon it is not even stored in the first.
            self.after(&[20, 200, 1_200], next),
        ]
    }

    /// Whoever begins it dies, it does not show for minutes, and the manifest is gone or says something else by then.
    fn begun_and_forgotten(&mut self, key: usize) -> Vec<Move> {
        let easy = self.easy();
        let (source, action) = self.pick(&[
            (easy.source, "RegisterImage"),
            (easy.source, "RegisterImage"),
            (Source::Disk, "ImportSnapshot"),
        ]);
        let wish = coherent(Manifest {
            source,
            ..easy.clone()
        });
        let mut moves = Vec::new();
        moves.extend(self.object_of(key, &wish));
        // What begins then shows later than a draft counts as left behind.
        let seconds = self.pick(&[400, 600, 600]);
        moves.push(self.after(&[0], Event::LateVisibility { seconds }));
        moves.push(self.after(&[0], storm("ec2", action, Wrong::CrashAfter, 5)));
        moves.push(self.prompt(key, wish));
        moves.push(self.after(&[5], Event::LateVisibility { seconds: 0 }));
        let end = match self.chance(60) {
            true => Event::Remove {
                key,
                arrival: self.arrival(),
            },
            false => {
                let source = Source::Snapshot(1);
                self.upload(key, Manifest { source, ..easy })
            }
        };
        moves.push(self.after(&[0, 5, 70], end));
        moves
    }

    /// A bundle is replaced while EC2 does not register it yet.
    fn bundle_replaced(&mut self, key: usize) -> Vec<Move> {
        let bundled = coherent(Manifest {
            source: Source::Bundle,
            ..self.easy()
        });
        let first = self.random.u8(..2);
        let put = |content| {
            let both = [Object::BundlePart, Object::BundleManifest];
            both.map(|what| Event::DropObject { key, what, content })
        };
        let fault = self.pick(&[Wrong::Throttled, Wrong::Unavailable]);
        let seconds = self.pick(&[130, 300]);
        let mut moves: Vec<Move> = put(first).map(|it| self.after(&[0], it)).into();
        moves.push(self.after(&[0], storm("ec2", "RegisterImage", fault, seconds)));
        moves.push(self.prompt(key, bundled));
        let [part, manifest] = put(1 - first);
        moves.push(self.after(&[20, 70], part));
        moves.push(self.after(&[0], manifest));
        moves
    }

    /// Somebody uploads this, and that is heard at once.
    fn prompt(&mut self, key: usize, manifest: Manifest) -> Move {
        self.dropped.entry(key).or_default().push(manifest.clone());
        let arrival = Arrival::Once;
        let event = Event::Drop {
            key,
            manifest,
            arrival,
        };
        Move { pause: 0, event }
    }
}

/// EC2 does not show the AMIs of a manifest in the stack's Region, or only what was set on them, for so many seconds.
fn hidden(key: usize, only_settings: bool, seconds: u64) -> Event {
    Event::HideImages {
        key,
        region: 0,
        only_settings,
        seconds,
    }
}

/// A fault of an action, for so many seconds.
fn storm(service: &str, action: &str, fault: Wrong, seconds: u64) -> Event {
    Event::Storm {
        what: Meant::Action(service.to_owned(), action.to_owned()),
        fault,
        seconds,
    }
}
