//! What goes wrong right as an image is made or set: its task takes long, or fails and is asked for again, an invocation dies
//! between two uploads, a Region is switched off, or somebody cancels what is another attempt by then.

use super::manifests::coherent;
use super::{Generator, MADE_FOR_LONG};
use crate::simulation::script::{Event, Kind, Manifest, Meant, Move, Source, Task, Wrong};

/// What sets something of an AMI, and what ends that.
const SETTING: [(&str, &str); 5] = [
    ("CreateTags", "DeleteTags"),
    ("EnableImageDeprecation", "DisableImageDeprecation"),
    (
        "EnableImageDeregistrationProtection",
        "DisableImageDeregistrationProtection",
    ),
    ("ModifyImageAttribute", "ModifyImageAttribute"),
    ("ModifySnapshotAttribute", "ModifySnapshotAttribute"),
];

impl Generator {
    /// One of these, as what an image is made from allows.
    pub(super) fn waylaid(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        match self.random.u32(..18) {
            0..2 => self.slowly_made(manifest),
            2..5 => self.retried(key, manifest),
            5..7 => self.set_back_unheard(key, manifest),
            7..10 => self.switched_off(key, manifest),
            _ => match manifest.source {
                Source::Disk | Source::Vm => self.cancelled_late(key, manifest),
                _ => Vec::new(),
            },
        }
    }

    /// Making its AMI takes so long that people are told; of imports EC2 shows how far they are.
    fn slowly_made(&mut self, manifest: &Manifest) -> Vec<Move> {
        let (kind, seconds) = match made_by(manifest.source) {
            None | Some(Kind::ImportSnapshot | Kind::ImportImage) => (None, 10_000),
            kind => (kind, 40_000),
        };
        let slow = Event::TaskTime { kind, seconds };
        let usual = Event::TaskTime { kind, seconds: 40 };
        vec![self.after(&[0], slow), self.after(&[200, 600], usual)]
    }

    /// It fails to be made, and an operator tries again.
    fn retried(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let fails = Event::FailNext {
            kind: made_by(manifest.source),
            message: self.random.usize(..4),
        };
        let retry = Event::Retry { key };
        vec![self.after(&[0], fails), self.after(&[200, 600], retry)]
    }

    /// The invocation that sets something else dies before it hears of that, and the manifest is set back before it shows.
    fn set_back_unheard(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let (sets, ends) = self.pick(&SETTING);
        let Some(other) = self.asking_for(sets, manifest) else {
            return Vec::new();
        };
        let dies = |action: &str| Event::Storm {
            what: Meant::Action("ec2".to_owned(), action.to_owned()),
            fault: Wrong::CrashAfter,
            seconds: 20,
        };
        let stale = |seconds| Event::StaleReads { seconds };
        let mut moves = vec![
            self.after(&MADE_FOR_LONG, stale(150)),
            self.after(&[0], dies(sets)),
        ];
        if ends != sets {
            moves.push(self.after(&[0], dies(ends)));
        }
        let other = self.upload(key, other);
        let again = self.upload(key, manifest.clone());
        moves.push(self.after(&[0], other));
        moves.push(self.after(&[3, 6, 20], again));
        moves.push(self.after(&[200], stale(0)));
        moves
    }

    /// The account disables a Region in which it has a copy, of which something else is asked for then.
    fn switched_off(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        if matches!(manifest.source, Source::Instance | Source::Bundle) {
            return Vec::new();
        }
        let (mut moves, mut wish) = (Vec::new(), manifest.clone());
        if wish.regions.iter().all(|(at, _)| *at != 0) {
            wish.regions.push((0, self.chance(50)));
            wish = coherent(wish);
            let upload = self.upload(key, wish.clone());
            moves.push(self.after(&[0, 70], upload));
        }
        let switch = |on| Event::OptIn { region: 1, on };
        moves.push(self.after(&MADE_FOR_LONG, switch(false)));
        let (action, _) = self.pick(&SETTING);
        if let Some(next) = self.asking_for(action, &wish) {
            let upload = self.upload(key, next);
            moves.push(self.after(&[1, 20, 70], upload));
        }
        if self.chance(60) {
            moves.push(self.after(&[70, 1_200, 5_400], switch(true)));
        }
        moves
    }

    /// Somebody cancels an image that waits for its object. That is heard once another version has come, and the same again.
    fn cancelled_late(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let late = Event::Deliver {
            tick: false,
            later: 1,
            delays: self.pick(&[Vec::new(), vec![130]]),
        };
        let other = coherent(Manifest {
            fixed_name: !manifest.fixed_name,
            shared_name: false,
            mistake: None,
            ..manifest.clone()
        });
        let mut moves = vec![
            self.after(&[5, 20], late),
            self.after(&[0], Event::Cancel { key }),
        ];
        for manifest in [other, manifest.clone()] {
            let upload = self.upload(key, manifest);
            moves.push(self.after(&[1, 3], upload));
        }
        moves
    }

    /// EC2 does not bundle an instance at once.
    pub(super) fn not_bundled(&mut self) -> Vec<Move> {
        let storm = Event::Storm {
            what: Meant::Action("ec2".to_owned(), "BundleInstance".to_owned()),
            fault: self.pick(&[
                Wrong::Throttled,
                Wrong::Unavailable,
                Wrong::AnswerLost,
                Wrong::Denied,
            ]),
            seconds: self.pick(&[40, 130]),
        };
        vec![self.after(&[0], storm)]
    }

    /// Nothing comes of the next version, while the one before has an AMI, and its bundle.
    pub(super) fn bundled_in_vain(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let next = Manifest {
            imds: !manifest.imds,
            ..manifest.clone()
        };
        if !self.is_allowed(&next) {
            return Vec::new();
        }
        let upload = self.upload(key, next);
        if self.chance(33) {
            let cancel = Event::Cancel { key };
            return vec![
                self.after(&MADE_FOR_LONG, upload),
                self.after(&[5, 20, 70], cancel),
            ];
        }
        let kind = self.pick(&[Some(Kind::BundleInstance), None]);
        let fail = Event::FailNext { kind, message: 0 };
        vec![self.after(&MADE_FOR_LONG, fail), self.after(&[0], upload)]
    }

    /// An AMI fails, and what is left of it can not be deleted for a while.
    pub(super) fn failed_and_left(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let (source, kind) = self.pick(&[
            (Source::Disk, None),
            (Source::Disk, None),
            (Source::Image, Some(Kind::CopyImage)),
        ]);
        let next = coherent(Manifest {
            source,
            elsewhere: false,
            imds: !manifest.imds,
            ..manifest.clone()
        });
        if !self.is_allowed(&next) {
            return Vec::new();
        }
        let action = self.pick(&["DeregisterImage", "DeleteSnapshot"]);
        let storm = Event::Storm {
            what: Meant::Action("ec2".to_owned(), action.to_owned()),
            fault: self.pick(&[Wrong::Throttled, Wrong::AnswerLost, Wrong::Denied]),
            seconds: self.pick(&[130, 900, 5_000]),
        };
        let fail = Event::FailNext { kind, message: 0 };
        let mut moves = Vec::new();
        moves.extend(self.object_of(key, &next));
        moves.push(self.after(&[0, 600], fail));
        let upload = self.upload(key, next);
        moves.extend([storm, upload].map(|event| Move { pause: 0, event }));
        moves
    }

    /// An audit sees what somebody has changed by hand, and the next one does not see the Region.
    pub(super) fn audited_unseen(&mut self, region: usize) -> Vec<Move> {
        let audit = || Event::Run { task: Task::Audit };
        let storm = Event::Storm {
            what: Meant::Region(region),
            fault: self.pick(&[Wrong::Throttled, Wrong::Unavailable, Wrong::Denied]),
            seconds: 130,
        };
        vec![
            self.after(&[1_500], audit()),
            self.after(&[1_500], storm),
            self.after(&[0], audit()),
        ]
    }
}

/// The task that makes what is registered, or the AMI; none if EC2 registers what is there.
fn made_by(source: Source) -> Option<Kind> {
    match source {
        Source::Disk => Some(Kind::ImportSnapshot),
        Source::Vm => Some(Kind::ImportImage),
        Source::Image => Some(Kind::CopyImage),
        Source::Stored => Some(Kind::RestoreImage),
        Source::Instance => Some(Kind::BundleInstance),
        Source::Snapshot(_) | Source::Theirs | Source::Bundle => None,
    }
}
