//! What begins, and nobody hears or sees of: EC2's answer is lost, or who asked dies, and lists show late what there is by then.
//! What is wanted next comes before it shows.

use super::manifests::coherent;
use super::{Generator, MADE};
use crate::simulation::script::{
    COPY_REGIONS, Event, Kind, Manifest, Meant, Move, Object, Retire, Source, Wrong,
};

/// For how long EC2 does not show what is new, in seconds: longer than the schedule waits to look again.
const LATE: [u64; 3] = [90, 200, 200];

impl Generator {
    /// What follows the upload of a manifest that the stack allows.
    pub(super) fn unheard(&mut self, event: &Event) -> Vec<Move> {
        let Event::Drop { key, manifest, .. } = event else {
            return Vec::new();
        };
        if !self.is_allowed(manifest) {
            return Vec::new();
        }
        match self.random.u32(..100) {
            0..6 => self.begun_unheard(*key, manifest),
            6..8 => self.copied_unheard(*key, manifest),
            8..10 => self.stored_unheard(*key, manifest),
            10..12 => self.imported_unlisted(*key, manifest),
            12..15 => self.set_back_at_once(*key, manifest),
            _ => Vec::new(),
        }
    }

    pub(super) fn is_allowed(&self, manifest: &Manifest) -> bool {
        let mut given = self.given.iter();
        !given.any(|it| manifest.is_refused(it))
    }

    /// The disk or machine that a manifest names, if it is beside it.
    pub(super) fn object_of(&mut self, key: usize, manifest: &Manifest) -> Option<Move> {
        let what = manifest.source.object();
        let what = what.filter(|it| *it != Object::BundlePart)?;
        let content = self.random.u8(..2);
        let event = Event::DropObject { key, what, content };
        (!manifest.elsewhere).then_some(Move { pause: 0, event })
    }

    /// Nobody hears that EC2 begins what is asked for, or who asked dies; then the manifest may go, or the image be cancelled.
    fn begun_unheard(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let action = match manifest.source {
            Source::Disk => "ImportSnapshot",
            Source::Vm => "ImportImage",
            Source::Image => "CopyImage",
            Source::Stored => "CreateRestoreImageTask",
            Source::Instance => "BundleInstance",
            Source::Snapshot(_) | Source::Theirs | Source::Bundle => "RegisterImage",
        };
        let fault = self.pick(&[Wrong::AnswerLost, Wrong::AnswerLost, Wrong::CrashAfter]);
        let mut moves = Vec::new();
        moves.extend(self.object_of(key, manifest));
        moves.push(self.storm_of(action, fault, &[5, 70, 130]));
        moves.push(self.late());
        let end = match self.random.u32(..10) {
            0..4 => {
                let arrival = self.arrival();
                Some(Event::Remove { key, arrival })
            }
            4..7 => Some(Event::Cancel { key }),
            _ => None,
        };
        let end = end.map(|it| self.after(&[1, 5, 20, 70], it));
        moves.extend(end);
        moves.push(self.in_time());
        moves
    }

    /// Nobody hears of the copy in a Region that is added, which is taken out again before it shows.
    fn copied_unheard(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let without = at_once(manifest);
        let at = self.random.usize(..COPY_REGIONS.len());
        let with = Manifest {
            regions: vec![(at, self.chance(70))],
            ..without.clone()
        };
        if !self.is_allowed(&with) {
            return Vec::new();
        }
        let fault = self.pick(&[Wrong::AnswerLost, Wrong::AnswerLost, Wrong::Slow(70)]);
        let first = self.upload(key, without.clone());
        let storm = self.storm_of("CopyImage", fault, &[70, 130]);
        let moves = [
            self.after(&[0], first),
            Move {
                pause: self.pick(&MADE),
                ..storm
            },
            self.late(),
        ];
        let added = self.upload(key, with);
        let again = self.upload(key, without);
        let [added, again] = [self.after(&[0], added), self.after(&[20, 45, 70], again)];
        moves
            .into_iter()
            .chain([added, again, self.in_time()])
            .collect()
    }

    /// Nobody hears that an AMI is being stored, which takes long and does not show.
    fn stored_unheard(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let stored = Manifest {
            store: true,
            ..next_of(manifest)
        };
        if !self.is_allowed(&stored) {
            return Vec::new();
        }
        let kind = Some(Kind::StoreImage);
        let seconds = self.pick(&[30, 900]);
        let fault = self.pick(&[Wrong::AnswerLost, Wrong::AnswerLost, Wrong::CrashAfter]);
        let upload = self.upload(key, stored);
        vec![
            self.after(&[0], Event::TaskTime { kind, seconds }),
            self.storm_of("CreateStoreImageTask", fault, &[40, 70]),
            self.after(&[0, 70], upload),
            // Its AMI is there by then, and shows.
            Move {
                pause: 3,
                ..self.late()
            },
            self.in_time(),
        ]
    }

    /// An import disappears from EC2's lists while it runs, and nobody wants what it makes, or it counts as lost.
    fn imported_unlisted(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let source = self.pick(&[Source::Disk, Source::Vm]);
        let imported = coherent(Manifest {
            source,
            ..manifest.clone()
        });
        let mut moves = Vec::new();
        moves.extend(self.object_of(key, &imported));
        let upload = self.upload(key, imported);
        moves.push(self.after(&[0], upload));
        moves.push(self.after(&[1, 5, 20], Event::HideTask { key }));
        if self.chance(60) {
            moves.push(self.after(&[5, 70, 200], Event::Cancel { key }));
        }
        moves
    }

    /// An AMI is deregistered for the next version, and EC2 shows it still when the version before is wanted again.
    fn set_back_at_once(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let first = at_once(manifest);
        let next = next_of(&first);
        if !self.is_allowed(&next) {
            return Vec::new();
        }
        let mut moves = Vec::new();
        for (wish, pauses) in [(&first, [0, 0, 0]), (&next, MADE)] {
            let upload = self.upload(key, wish.clone());
            moves.push(self.after(&pauses, upload));
        }
        // What takes its place is there by then, and shows.
        moves.push(Move {
            pause: 3,
            ..self.late()
        });
        let again = self.upload(key, first);
        moves.push(self.after(&[45, 70, 130], again));
        moves.push(self.in_time());
        moves
    }

    /// A fault of an action, for a while.
    fn storm_of(&mut self, action: &str, fault: Wrong, seconds: &[u64]) -> Move {
        let event = Event::Storm {
            what: Meant::Action("ec2".to_owned(), action.to_owned()),
            fault,
            seconds: self.pick(seconds),
        };
        Move { pause: 0, event }
    }

    /// EC2 shows late what is new from now on.
    fn late(&mut self) -> Move {
        let seconds = self.pick(&LATE);
        self.after(&[0], Event::LateVisibility { seconds })
    }

    /// It shows it at once again. What was begun has had its time.
    fn in_time(&mut self) -> Move {
        self.after(&[130, 200, 600], Event::LateVisibility { seconds: 0 })
    }
}

/// A manifest whose AMI is there within seconds, and can go as fast.
pub(super) fn at_once(manifest: &Manifest) -> Manifest {
    coherent(Manifest {
        source: Source::Snapshot(0),
        fixed_name: false,
        shared_name: false,
        shared_parameter: false,
        regions: Vec::new(),
        keys: Vec::new(),
        protect: None,
        store: false,
        ..manifest.clone()
    })
}

/// The next version of it, which takes its place.
fn next_of(manifest: &Manifest) -> Manifest {
    coherent(Manifest {
        source: Source::Snapshot(1),
        replaces: Retire::Deregister,
        ..at_once(manifest)
    })
}
