//! What is to be done about AMIs that are there, and is made difficult right then: they are taken out of service or lose their
//! tags, an action is refused by its name, or their manifest is gone for some seconds.

use super::manifests::coherent;
use super::{Generator, MADE_FOR_LONG};
use crate::simulation::script::{
    Arrival, COPY_REGIONS, Edit, Event, Manifest, Meant, Move, Protect, Retire, Source, Task, Wrong,
};

impl Generator {
    /// What follows the upload of a manifest that the stack allows.
    pub(super) fn hindered(&mut self, event: &Event) -> Vec<Move> {
        let Event::Drop { key, manifest, .. } = event else {
            return Vec::new();
        };
        let mut given = self.given.iter();
        if given.any(|it| manifest.is_refused(it)) {
            return Vec::new();
        }
        let away = if manifest.on_delete == Retire::Keep {
            3
        } else {
            15
        };
        match self.random.u32(..100) {
            0..6 => self.taken_out(*key, manifest),
            6..14 => self.denied_next(*key, manifest),
            14..18 => self.unshared(*key, manifest),
            roll if roll < 18 + away => self.away(*key, manifest),
            _ => Vec::new(),
        }
    }

    /// After a time.
    pub(super) fn after(&mut self, pauses: &[u64], event: Event) -> Move {
        let pause = self.pick(pauses);
        Move { pause, event }
    }

    /// Somebody takes the AMIs of a manifest out of service, or amiwright's tags from them.
    fn taken_out(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let region = match self.chance(60) {
            true => 0,
            false => self.region(),
        };
        let edit = self.pick(&[Edit::Disown, Edit::Disown, Edit::Disable]);
        let mut moves = vec![self.after(&MADE_FOR_LONG, Event::Edit { key, region, edit })];
        if edit == Edit::Disable && self.chance(60) {
            let edit = Edit::Enable;
            moves.push(self.after(&MADE_FOR_LONG, Event::Edit { key, region, edit }));
        }
        if self.chance(70) {
            let wish = self.next_wish(key, manifest);
            moves.push(self.after(&[0, 70, 1_200], wish));
        }
        moves
    }

    /// A policy refuses an action as it is to be done about the AMIs of a manifest.
    fn denied_next(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let denial = match self.chance(25) {
            true => self.unseen(),
            false => self.denial(),
        };
        let wish = match &denial {
            Event::Storm {
                what: Meant::Action(_, action),
                ..
            } => self.asking_for(action, manifest),
            _ => None,
        };
        let wish = match wish {
            Some(wish) => self.upload(key, wish),
            None => self.next_wish(key, manifest),
        };
        let mut moves = vec![self.after(&MADE_FOR_LONG, denial)];
        moves.push(self.after(&[1, 20, 70], wish));
        moves
    }

    /// A policy refuses to show AMIs, or all that there is in a Region.
    fn unseen(&mut self) -> Event {
        let region = self.random.usize(1..=COPY_REGIONS.len());
        let images = Meant::Action("ec2".to_owned(), "DescribeImages".to_owned());
        Event::Storm {
            what: self.pick(&[images, Meant::Region(region)]),
            fault: Wrong::Denied,
            seconds: self.pick(&[130, 900, 1_800]),
        }
    }

    /// A manifest that differs by what takes an action; none if no setting does.
    pub(super) fn asking_for(&mut self, action: &str, manifest: &Manifest) -> Option<Manifest> {
        let mut wish = manifest.clone();
        match action {
            "ModifyImageAttribute" => match wish.accounts.is_empty() {
                true => wish.accounts.push(0),
                false => wish.accounts.clear(),
            },
            "ModifySnapshotAttribute" => {
                wish.copy = !wish.copy;
                wish.accounts = vec![0];
                wish.public = false;
            }
            "CreateTags" | "DeleteTags" => {
                let team = wish.team.is_none().then(|| "web".to_owned());
                wish.team = team;
            }
            "EnableImageDeprecation" | "DisableImageDeprecation" => {
                wish.deprecate = wish.deprecate.is_none().then_some(90);
                wish.deprecate_at = None;
            }
            "EnableImageDeregistrationProtection" | "DisableImageDeregistrationProtection" => {
                wish.protect = wish.protect.is_none().then_some(Protect::On);
            }
            "CopyImage" => {
                let at = self.random.usize(..COPY_REGIONS.len());
                wish.regions = vec![(at, self.chance(70))];
                wish.keys.clear();
            }
            "PutParameter" | "GetParameters" => wish.parameter = !wish.parameter,
            _ => return None,
        }
        Some(coherent(wish))
    }

    /// Those who may copy an AMI are not to keep its snapshots once it is gone.
    fn unshared(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let source = self.pick(&[Source::Snapshot(0), Source::Disk, Source::Image]);
        let shared = coherent(Manifest {
            source,
            accounts: vec![0, 1],
            public: false,
            copy: true,
            replaces: Retire::Deregister,
            on_delete: Retire::Deregister,
            parameter: false,
            shared_parameter: false,
            ..manifest.clone()
        });
        let upload = self.upload(key, shared.clone());
        let mut moves = vec![self.after(&[0, 70], upload)];
        let wish = match self.chance(50) {
            true => Event::Remove {
                key,
                arrival: self.arrival(),
            },
            false => {
                let imds = !shared.imds;
                // Of the same snapshot, whoever has it keeps it: the next AMI needs that, too.
                let source = match shared.source {
                    Source::Snapshot(_) if self.chance(70) => shared.source,
                    _ => Source::Snapshot(1),
                };
                let next = coherent(Manifest {
                    imds,
                    source,
                    ..shared
                });
                self.upload(key, next)
            }
        };
        moves.push(self.after(&MADE_FOR_LONG, wish));
        moves
    }

    /// A manifest is removed, and is there again within seconds. At times a function comes by in between, and what it does takes
    /// longer than that.
    fn away(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let mut moves = Vec::new();
        let region = self.random.usize(1..=COPY_REGIONS.len());
        let slow = |action: &str| Event::Storm {
            what: Meant::Action("ec2".to_owned(), action.to_owned()),
            fault: Wrong::Slow(3),
            seconds: 130,
        };
        let throttled = Event::Storm {
            what: Meant::Region(region),
            fault: Wrong::Throttled,
            seconds: 130,
        };
        let hindrance = match self.random.u32(..4) {
            0 | 1 => vec![slow("DescribeImages"), slow("DescribeImageReferences")],
            2 => vec![throttled],
            _ => Vec::new(),
        };
        let (is_throttled, is_slow) = (hindrance.len() == 1, hindrance.len() == 2);
        let arrival = self.weighted(&[(4, Arrival::Once), (1, Arrival::Twice), (1, Arrival::Lost)]);
        moves.push(self.after(
            &MADE_FOR_LONG,
            Event::Run {
                task: Task::Advance,
            },
        ));
        moves.extend(hindrance.into_iter().map(|event| Move { pause: 0, event }));
        moves.push(self.after(&[0, 1], Event::Remove { key, arrival }));
        if self.chance(40) {
            let task = self.pick(&[Task::Sweep, Task::Sweep, Task::Advance]);
            moves.push(self.after(&[0, 1], Event::Run { task }));
        }
        let mut again = self.upload(key, manifest.clone());
        // Whoever acts for the removal then has to see for itself that the manifest is there again.
        if let Event::Drop { arrival, .. } = &mut again
            && is_slow
            && self.chance(60)
        {
            *arrival = Arrival::Lost;
        }
        let pauses: &[u64] = if is_throttled {
            &[2, 3, 70]
        } else {
            &[0, 1, 2]
        };
        moves.push(self.after(pauses, again));
        moves
    }

    /// What somebody wants next of the AMIs of a manifest: others, other settings, none, or that they are as before.
    fn next_wish(&mut self, key: usize, manifest: &Manifest) -> Event {
        match self.random.u32(..10) {
            0..6 => {
                let manifest = self.changed(manifest);
                self.upload(key, manifest)
            }
            6 | 7 => Event::Remove {
                key,
                arrival: self.arrival(),
            },
            8 => Event::Run { task: Task::Audit },
            _ => Event::Retry { key },
        }
    }
}
