//! What often follows: the same thing once more, the opposite, or what comes in between.

use super::manifests::coherent;
use super::{Generator, PAUSES};
use crate::simulation::script::{Edit, Event, Manifest, Meant, Move, Source, Task, Wrong};

impl Generator {
    /// What follows an event at times.
    pub(super) fn follows(&mut self, event: &Event) -> Vec<Move> {
        let mut moves = self.edited_again(event);
        moves.extend(self.updated_again(event));
        moves.extend(self.dropped_again(event));
        moves.extend(self.cancelled_unseen(event));
        moves.extend(self.hindered(event));
        moves.extend(self.aimed(event));
        moves.extend(self.unheard(event));
        moves
    }

    /// Somebody who edits an AMI often does so again, or sets it back, once the first edit was noticed.
    fn edited_again(&mut self, event: &Event) -> Vec<Move> {
        match *event {
            Event::Edit { key, region, edit } if self.chance(25) => {
                let opposite = opposite(edit).filter(|_| self.chance(50));
                let edit = opposite.unwrap_or_else(|| self.what_to_edit());
                let pause = self.pick(&PAUSES);
                let audit = Event::Run { task: Task::Audit };
                let again = Event::Edit { key, region, edit };
                [(pause, audit), (60, again)]
                    .map(|(pause, event)| Move { pause, event })
                    .into()
            }
            _ => Vec::new(),
        }
    }

    /// Another version comes, and the one before again, while EC2 is slow to do what the first asks for.
    fn dropped_again(&mut self, event: &Event) -> Vec<Move> {
        let Event::Drop { key, manifest, .. } = event else {
            return Vec::new();
        };
        if !self.chance(4) {
            return Vec::new();
        }
        let action = self.pick(&["ModifyImageAttribute", "CreateTags"]);
        let storm = Event::Storm {
            what: Meant::Action("ec2".to_owned(), action.to_owned()),
            fault: Wrong::Slow(self.pick(&[20, 70])),
            seconds: 600,
        };
        let other = self.changed(manifest);
        let mut moves = vec![Move {
            pause: self.pick(&[100, 600, 1_200]),
            event: storm,
        }];
        for manifest in [other, manifest.clone()] {
            let event = self.upload(*key, manifest);
            let pause = self.pick(&[1, 3, 6]);
            moves.push(Move { pause, event });
        }
        moves
    }

    /// Somebody cancels an image while EC2's lists do not show its task.
    fn cancelled_unseen(&mut self, event: &Event) -> Vec<Move> {
        let Event::Drop { key, manifest, .. } = event else {
            return Vec::new();
        };
        let has_task = matches!(
            manifest.source,
            Source::Disk | Source::Vm | Source::Image | Source::Stored | Source::Instance
        );
        if !has_task || !self.chance(8) {
            return Vec::new();
        }
        let key = *key;
        let mut moves = Vec::new();
        if self.chance(60) {
            let pause = self.pick(&[1, 20, 70]);
            let event = Event::HideTask { key };
            moves.push(Move { pause, event });
        }
        let pause = self.pick(&[0, 1, 70, 200]);
        let event = Event::Cancel { key };
        moves.push(Move { pause, event });
        moves
    }

    /// An AMI is to be copied to a name that another manifest's has had for long.
    pub(super) fn namesakes(&mut self) -> Vec<Move> {
        let pauses: [&[u64]; 2] = [&[0], &[1_300, 5_400]];
        let sources = [Source::Snapshot(0), Source::Image];
        let mut moves = Vec::new();
        for (key, (source, pauses)) in sources.into_iter().zip(pauses).enumerate() {
            let manifest = coherent(Manifest {
                source,
                mistake: None,
                shared_name: true,
                ..self.manifest()
            });
            let upload = self.upload(key, manifest);
            moves.push(self.after(pauses, upload));
        }
        moves
    }

    /// Two manifests share one snapshot with the same account, which loses it from one after the other.
    pub(super) fn twins(&mut self) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut add = |it: &mut Self, key: usize, manifest: Manifest, pauses: &[u64]| {
            let event = it.upload(key, manifest);
            let pause = it.pick(pauses);
            moves.push(Move { pause, event });
        };
        let manifests: Vec<(usize, Manifest)> = (0..2).map(|key| (key, self.sharing())).collect();
        for (key, manifest) in &manifests {
            add(self, *key, manifest.clone(), &[0, 70, 600]);
        }
        for (key, manifest) in manifests {
            let alone = Manifest {
                accounts: Vec::new(),
                copy: false,
                ..manifest
            };
            add(self, key, alone, &[0, 70, 600, 1_200]);
        }
        moves
    }
}

/// What undoes an edit.
fn opposite(edit: Edit) -> Option<Edit> {
    match edit {
        Edit::Grant | Edit::Offer => Some(Edit::Revoke),
        Edit::Tag => Some(Edit::Untag),
        Edit::Untag => Some(Edit::Tag),
        Edit::Protect => Some(Edit::Unprotect),
        Edit::Unprotect => Some(Edit::Protect),
        Edit::Disable => Some(Edit::Enable),
        _ => None,
    }
}
