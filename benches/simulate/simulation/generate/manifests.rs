//! Manifests that are dropped.

use super::Generator;
use crate::simulation::script::{
    Arrival, COPY_REGIONS, Event, Manifest, Move, PARTNERS, Protect, Retire, Source, Task,
};

impl Generator {
    /// A manifest that is new, or differs a little from the last one, or is an earlier one again.
    pub(super) fn drop(&mut self) -> Event {
        let key = self.key();
        let before = self.dropped.get(&key).cloned().unwrap_or_default();
        let manifest = match (before.last(), self.random.u32(..10)) {
            (None, _) | (_, 0..3) => self.manifest(),
            (Some(last), 3..8) => self.changed(last),
            (Some(_), _) => self.pick(&before),
        };
        self.upload(key, manifest)
    }

    /// Somebody uploads this.
    pub(super) fn upload(&mut self, key: usize, manifest: Manifest) -> Event {
        self.dropped.entry(key).or_default().push(manifest.clone());
        let arrival = self.arrival();
        Event::Drop {
            key,
            manifest,
            arrival,
        }
    }

    /// The last manifest again.
    pub(super) fn drop_same(&mut self) -> Event {
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

    /// A manifest of the other stack.
    pub(super) fn drop_beside(&mut self) -> Event {
        let key = self.random.usize(1..3);
        let mut manifest = self.manifest();
        let which = self.random.usize(..2);
        manifest.source = Source::Snapshot(which);
        // Two stacks that set the same parameters have it so.
        manifest.parameter = false;
        manifest.store = false;
        Event::DropBeside {
            key,
            manifest: coherent(manifest),
            arrival: self.weighted(&[(6, Arrival::Once), (2, Arrival::Twice)]),
        }
    }

    /// Two manifests set one parameter, and take it from each other where they may.
    pub(super) fn contest(&mut self) -> Vec<Move> {
        let mut moves = Vec::new();
        for key in 0..2 {
            let source = Source::Snapshot(key);
            let manifest = coherent(Manifest {
                source,
                mistake: None,
                shared_name: false,
                shared_parameter: true,
                take_over: self.chance(80),
                repair: self.chance(80),
                ..self.manifest()
            });
            moves.push(self.upload(key, manifest));
        }
        moves.push(Event::Run { task: Task::Audit });
        moves.push(self.retry());
        moves.push(Event::Run { task: Task::Audit });
        let pause = |it: &mut Self| it.pick(&[0, 70, 600, 1_200]);
        let paused = moves.into_iter().map(|event| Move {
            pause: pause(self),
            event,
        });
        paused.collect()
    }

    /// A manifest that shares the first snapshot with the first partner.
    pub(super) fn sharing(&mut self) -> Manifest {
        let manifest = self.manifest();
        coherent(Manifest {
            source: Source::Snapshot(0),
            mistake: None,
            shared_name: false,
            public: false,
            copy: true,
            accounts: vec![0],
            ..manifest
        })
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
            (1, Source::Theirs),
        ])
    }

    pub(super) fn manifest(&mut self) -> Manifest {
        let is_public = self.chance(8);
        let mut manifest = Manifest {
            source: self.source(),
            fixed_name: self.chance(20),
            shared_name: self.chance(8),
            mistake: self.chance(5).then(|| self.random.usize(..4)),
            organization: self.chance(10),
            public: is_public,
            copy: !is_public && self.chance(40),
            exact: self.chance(15),
            team: self.pick(&[None, Some("web".to_owned()), Some("db".to_owned())]),
            description: self.pick(&[None, Some("Web tier".to_owned())]),
            protect: self.weighted(&[
                (6, None),
                (2, Some(Protect::On)),
                (1, Some(Protect::WithCooldown)),
            ]),
            deprecate: self.weighted(&[(3, None), (1, Some(90)), (1, Some(365))]),
            deprecate_at: self.weighted(&[(4, None), (1, Some(100)), (1, Some(300))]),
            unit: self.chance(6),
            copy_tags: self.chance(40),
            minutes: self.weighted(&[(3, None), (1, Some(15)), (1, Some(45))]),
            elsewhere: self.chance(20),
            store_tag: self.chance(50),
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
            encrypted: self.chance(8),
            imds: self.chance(10),
            volume: self.pick(&[None, None, None, Some(8), Some(9)]),
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
                if self.chance(15) {
                    manifest.keys.push(at);
                }
            }
        }
        coherent(manifest)
    }

    /// The same manifest with one thing different.
    pub(super) fn changed(&mut self, last: &Manifest) -> Manifest {
        let (mut manifest, other) = (last.clone(), self.manifest());
        manifest.mistake = None;
        match self.random.u32(..22) {
            18 => manifest.unit = !manifest.unit,
            19 => (manifest.copy_tags, manifest.minutes) = (other.copy_tags, other.minutes),
            20 => manifest.elsewhere = !manifest.elsewhere,
            17 => manifest.public = self.chance(50),
            0 => manifest.source = other.source,
            1 => manifest.fixed_name = !manifest.fixed_name,
            2 | 3 => manifest.accounts = other.accounts,
            4 => manifest.copy = !manifest.copy,
            5 => manifest.exact = !manifest.exact,
            6 | 7 => manifest.regions = other.regions,
            8 => manifest.team = other.team,
            9 => manifest.description = other.description,
            10 => manifest.protect = other.protect,
            11 => {
                manifest.deprecate = other.deprecate;
                manifest.deprecate_at = other.deprecate_at;
            }
            12 => manifest.parameter = !manifest.parameter,
            13 => manifest.replaces = other.replaces,
            14 => manifest.on_delete = other.on_delete,
            15 => (manifest.imds, manifest.volume) = (other.imds, other.volume),
            16 => manifest.keys = other.keys,
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
}

/// Without what the checks refuse of manifests that have nothing to do with the stack.
pub(super) fn coherent(mut manifest: Manifest) -> Manifest {
    // It says only one of the two names, and what is not said makes no other version.
    manifest.fixed_name &= !manifest.shared_name;
    let is_instance_store = matches!(manifest.source, Source::Instance | Source::Bundle);
    if is_instance_store {
        manifest.regions.clear();
        manifest.copy = false;
        manifest.store = false;
        manifest.delete_snapshots = false;
        manifest.volume = None;
    } else {
        manifest.product_code = false;
    }
    manifest.store_tag &= manifest.store;
    manifest.archived &= manifest.store;
    manifest.elsewhere &= matches!(manifest.source, Source::Disk | Source::Vm);
    manifest.copy_tags &= manifest.source == Source::Image;
    manifest.minutes = manifest
        .minutes
        .filter(|_| manifest.source == Source::Image);
    if manifest.deprecate.is_some() {
        manifest.deprecate_at = None;
    }
    // Whose snapshots they are decides who may have them.
    if manifest.source == Source::Theirs {
        (manifest.copy, manifest.public) = (false, false);
    }
    let regions = manifest.regions.iter().map(|(at, _)| *at);
    let regions: Vec<_> = regions.collect();
    manifest.keys.retain(|at| regions.contains(at));
    manifest.encrypted &= matches!(manifest.source, Source::Disk | Source::Vm | Source::Image);
    // They are registered by EC2 itself.
    if !matches!(
        manifest.source,
        Source::Snapshot(_) | Source::Theirs | Source::Disk | Source::Bundle | Source::Instance
    ) {
        (manifest.imds, manifest.volume) = (false, None);
    }
    // What is encrypted with the key that AWS manages cannot be shared.
    if manifest.encrypted {
        manifest.keys.clone_from(&regions);
    }
    manifest.public &= !manifest.encrypted && manifest.keys.is_empty();
    manifest.public &= !manifest.copy && !manifest.product_code;
    manifest.copy &= !manifest.accounts.is_empty() && !manifest.public;
    let retires =
        manifest.replaces == Retire::Deregister || manifest.on_delete == Retire::Deregister;
    manifest.delete_snapshots &= retires;
    manifest
}
