//! Updates of the stack: one parameter each, which is often set back later.

use super::{Generator, PAUSES};
use crate::simulation::script::{
    COPY_REGIONS, Change, Event, Move, ORGANIZATION, PARTNERS, Stack, UNIT,
};

impl Generator {
    /// The stack's owner opens something, or closes it.
    pub(super) fn update(&mut self) -> Event {
        let Some(given) = self.given.clone() else {
            return self.drop();
        };
        let region = self.random.usize(..COPY_REGIONS.len());
        let whom = [
            "*".to_owned(),
            String::new(),
            PARTNERS[0].to_owned(),
            PARTNERS[1].to_owned(),
            format!("{},{ORGANIZATION}", PARTNERS[0]),
            format!("{ORGANIZATION},{UNIT}"),
        ];
        let mut whom = whom.to_vec();
        whom.retain(|it| *it != given.share_with);
        let whom = self.pick(&whom);
        let keys = match given.tag_keys.as_str() {
            "owner" => "",
            _ => "owner",
        };
        let change = self.weighted(&[
            (4, Change::ShareWith(whom)),
            (1, Change::Public(!given.public)),
            (4, Change::Retire(!given.retire)),
            (3, Change::Copies(!given.copies)),
            (2, Change::OnlyRegion(region)),
            (3, Change::Parameters(!given.parameters)),
            (1, Change::Keys(!given.keys)),
            (1, Change::Stores(!given.stores)),
            (1, Change::NotifyStarted(!given.notify_started)),
            (2, Change::TagKeys(keys.to_owned())),
            (1, Change::SourceBuckets(!given.source_buckets)),
            (1, Change::SourceOwners(!given.source_owners)),
        ]);
        Event::Update { change }
    }

    /// Who has updated the stack often takes that back; then somebody asks for what was refused meanwhile.
    pub(super) fn updated_again(&mut self, event: &Event) -> Vec<Move> {
        let (Event::Update { change }, Some(given)) = (event, self.given.clone()) else {
            return Vec::new();
        };
        if !self.chance(50) {
            self.given = Some(given.with(change));
            return Vec::new();
        }
        let change = undone(&given, change);
        let pause = self.pick(&PAUSES);
        let mut moves = vec![Move {
            pause,
            event: Event::Update { change },
        }];
        if self.chance(60) {
            let event = match self.chance(50) {
                true => self.retry(),
                false => self.drop_same(),
            };
            let pause = self.pick(&PAUSES);
            moves.push(Move { pause, event });
        }
        moves
    }
}

/// What brings a stack back to how it was before a change.
fn undone(before: &Stack, change: &Change) -> Change {
    match change {
        Change::ShareWith(_) => Change::ShareWith(before.share_with.clone()),
        Change::Public(_) => Change::Public(before.public),
        Change::Retire(_) => Change::Retire(before.retire),
        Change::Copies(_) | Change::OnlyRegion(_) => match before.only_region {
            Some(at) if before.copies => Change::OnlyRegion(at),
            _ => Change::Copies(before.copies),
        },
        Change::Parameters(_) => Change::Parameters(before.parameters),
        Change::Keys(_) => Change::Keys(before.keys),
        Change::Stores(_) => Change::Stores(before.stores),
        Change::TagKeys(_) => Change::TagKeys(before.tag_keys.clone()),
        Change::SourceBuckets(_) => Change::SourceBuckets(before.source_buckets),
        Change::SourceOwners(_) => Change::SourceOwners(before.source_owners),
        Change::NotifyStarted(_) => Change::NotifyStarted(before.notify_started),
    }
}
