//! What seldom comes together by chance, and is what much of the code is for.

use super::manifests::coherent;
use super::{Generator, MADE};
use crate::simulation::script::{
    Edit, Event, Manifest, Meant, Move, Object, PARTNERS, Protect, Retire, Source, Wrong,
};

/// What retiring an AMI takes.
const RETIRING: [&str; 8] = [
    "DeregisterImage",
    "DeregisterImage",
    "DeregisterImage",
    "DeleteSnapshot",
    "DisableImageDeregistrationProtection",
    "EnableImageDeprecation",
    "ModifySnapshotAttribute",
    "DescribeImageReferences",
];

impl Generator {
    /// What follows an edit, or the upload of a manifest, so that both matter.
    pub(super) fn aimed(&mut self, event: &Event) -> Vec<Move> {
        match event {
            Event::Edit { key, region, edit } => match self.random.u32(..100) {
                0..35 => self.after_edit(*key, *edit),
                35..50 => self.audited_unseen(*region),
                _ => Vec::new(),
            },
            // Few histories have an instance, and few of those call EC2 for it.
            Event::Drop { key, manifest, .. }
                if manifest.source == Source::Instance && self.chance(45) =>
            {
                match self.chance(60) {
                    true => self.not_bundled(),
                    false => self.bundled_in_vain(*key, manifest),
                }
            }
            Event::Drop { key, manifest, .. } => match self.random.u32(..100) {
                0..4 => self.object_replaced(*key, manifest),
                4..8 => self.copies_unanswered(*key, manifest),
                8..14 => self.retired_with_difficulty(*key, manifest),
                14..17 => self.kept_after_all(*key, manifest),
                17..33 => self.waylaid(*key, manifest),
                33..38 => self.edited_before(*key, manifest),
                38..40 => self.offered(*key, manifest),
                40..43 => self.failed_and_left(*key, manifest),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The version that an edit is about comes again, with the setting for which the edit matters.
    fn after_edit(&mut self, key: usize, edit: Edit) -> Vec<Move> {
        let last = self.dropped.get(&key).and_then(|it| it.last());
        let Some(last) = last.cloned() else {
            return Vec::new();
        };
        let wish = match edit {
            Edit::Grant => Manifest {
                exact: true,
                ..last
            },
            Edit::Launch | Edit::UseInTemplate | Edit::Protect => successor(last),
            Edit::Tag | Edit::Untag => Manifest { team: None, ..last },
            _ => return Vec::new(),
        };
        let upload = self.upload(key, coherent(wish));
        vec![self.after(&[0, 70, 600, 1_200], upload)]
    }

    /// Somebody edits an AMI by hand for which the next version matters.
    fn edited_before(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let region = 0;
        let before = self.possible(manifest);
        let upload = self.upload(key, before);
        let edit = self.pick(&[
            Edit::Grant,
            Edit::Grant,
            Edit::Launch,
            Edit::Launch,
            Edit::UseInTemplate,
            Edit::Protect,
            Edit::Tag,
            Edit::Untag,
        ]);
        let edited = Event::Edit { key, region, edit };
        let mut moves = vec![self.after(&[0, 70], upload), self.after(&MADE, edited)];
        moves.extend(self.after_edit(key, edit));
        moves
    }

    /// Somebody shares an AMI with whom the next version does so, too, and the one after that does not.
    fn offered(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let mut without = Manifest {
            exact: false,
            ..self.possible(manifest)
        };
        without.accounts.retain(|at| at % PARTNERS.len() != 0);
        let without = coherent(without);
        let mut with = without.clone();
        with.accounts.push(0);
        if ![&with, &without].into_iter().all(|it| self.is_allowed(it)) {
            return Vec::new();
        }
        let region = self.region();
        let edit = Edit::Offer;
        let offer = Event::Edit { key, region, edit };
        let [first, next, last] =
            [&without, &with, &without].map(|it| self.upload(key, it.clone()));
        vec![
            self.after(&[0, 70], first),
            self.after(&MADE, offer),
            self.after(&[70, 600], next),
            self.after(&MADE, last),
        ]
    }

    /// A manifest like this one, of which an AMI is made at once: of what is there, and with what the stack allows.
    pub(super) fn possible(&mut self, manifest: &Manifest) -> Manifest {
        let source = match manifest.source {
            Source::Snapshot(at) => Source::Snapshot(at),
            _ => Source::Snapshot(self.random.usize(..2)),
        };
        let like = coherent(Manifest {
            source,
            mistake: None,
            shared_name: false,
            ..manifest.clone()
        });
        let Some(given) = self.given.as_ref().filter(|it| like.is_refused(it)) else {
            return like;
        };
        let shares = |at: &usize| given.shares_with(PARTNERS[at % PARTNERS.len()]);
        // What the stack has no say in.
        coherent(Manifest {
            source,
            fixed_name: like.fixed_name,
            imds: like.imds,
            volume: like.volume,
            accounts: like.accounts.iter().copied().filter(shares).collect(),
            copy: like.copy,
            exact: like.exact,
            description: like.description,
            protect: like.protect,
            deprecate: like.deprecate,
            deprecate_at: like.deprecate_at,
            repair: like.repair,
            ..Manifest::default()
        })
    }

    /// What an image is made from is replaced while it is made, and the same manifest uploaded again.
    fn object_replaced(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let (source, what) = match (manifest.source, manifest.source.object()) {
            (source, Some(what)) => (source, what),
            (_, None) => self.pick(&[(Source::Disk, Object::Disk), (Source::Vm, Object::Machine)]),
        };
        let made = coherent(Manifest {
            source,
            elsewhere: false,
            ..manifest.clone()
        });
        if !self.is_allowed(&made) {
            return Vec::new();
        }
        let first = self.random.u8(..2);
        let put = |content| Event::DropObject { key, what, content };
        let mut moves = vec![self.after(&[0], put(first))];
        if made != *manifest {
            let upload = self.upload(key, made.clone());
            moves.push(self.after(&[0], upload));
        }
        let again = self.upload(key, made);
        moves.push(self.after(&[5, 20, 20, 70], put(1 - first)));
        moves.push(self.after(&[0, 1, 20], again));
        moves
    }

    /// Nobody hears whether EC2 makes copies, and the next settings name other Regions.
    fn copies_unanswered(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        if manifest.regions.is_empty() {
            return Vec::new();
        }
        let storm = Event::Storm {
            what: Meant::Action("ec2".to_owned(), "CopyImage".to_owned()),
            fault: self.pick(&[Wrong::AnswerLost, Wrong::AnswerLost, Wrong::Slow(70)]),
            seconds: self.pick(&[40, 130, 900]),
        };
        let mut other = manifest.clone();
        other.regions.pop();
        let upload = self.upload(key, coherent(other));
        vec![
            self.after(&[0, 1], storm),
            self.after(&[5, 45, 130], upload),
        ]
    }

    /// The next version takes the place of an AMI, and EC2 does not do what that takes; at times the new AMI is taken out of
    /// service before EC2 does.
    fn retired_with_difficulty(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let before = self.possible(manifest);
        let next = successor(before.clone());
        let [before, next] = [before, next].map(|wish| self.upload(key, wish));
        let mut moves = vec![self.after(&[0, 70], before), self.after(&MADE, next)];
        let is_taken = self.chance(40);
        let action = match is_taken {
            true => self.pick(&["DeregisterImage", "DescribeImageReferences"]),
            false => self.pick(&RETIRING),
        };
        let storm = Event::Storm {
            what: Meant::Action("ec2".to_owned(), action.to_owned()),
            fault: self.pick(&[
                Wrong::Throttled,
                Wrong::Throttled,
                Wrong::Unavailable,
                Wrong::AnswerLost,
            ]),
            seconds: self.pick(&[70, 130, 900]),
        };
        moves.push(self.after(&[0, 1], storm));
        if is_taken {
            let (region, edit) = (0, Edit::Disable);
            moves.push(self.after(&[20, 45], Event::Edit { key, region, edit }));
        }
        moves
    }

    /// An AMI with a cooldown is to go, and before that is over nobody asks for it any more, or the new AMI is taken out of service.
    fn kept_after_all(&mut self, key: usize, manifest: &Manifest) -> Vec<Move> {
        let protected = coherent(Manifest {
            protect: Some(Protect::WithCooldown),
            ..self.possible(manifest)
        });
        let is_taken = self.chance(40);
        let mut next = successor(protected.clone());
        if is_taken {
            next.protect = None;
        }
        let kept = coherent(Manifest {
            replaces: Retire::Keep,
            ..next.clone()
        });
        let [protected, next] = [protected, next].map(|wish| self.upload(key, wish));
        let mut moves = vec![self.after(&[0, 0, 70], protected), self.after(&MADE, next)];
        let last = if is_taken {
            let (region, edit) = (0, self.pick(&[Edit::Disable, Edit::Deregister]));
            Event::Edit { key, region, edit }
        } else {
            self.upload(key, kept)
        };
        moves.push(self.after(&MADE, last));
        moves
    }
}

/// The next version, which takes the place of this one.
fn successor(manifest: Manifest) -> Manifest {
    let source = match manifest.source {
        Source::Snapshot(at) => Source::Snapshot(1 - at.min(1)),
        _ => Source::Snapshot(0),
    };
    coherent(Manifest {
        source,
        replaces: Retire::Deregister,
        ..manifest
    })
}
