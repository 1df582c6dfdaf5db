//! AMIs that are deregistered: what is left of them, and what becomes of that.

use jiff::Timestamp;

use super::next::{Next, retirement};
use super::seen::{Pending, Seen, SharesSeen, SnapshotSeen};
use super::shares::{self, Going};
use super::targets::Target;
use crate::image::status::{
    Action, KeptReason, KeptSnapshot, Retire, RetireOutcome, Retirement, SnapshotKept,
};

/// Its shares end first, and then its snapshots are deleted.
pub(super) fn next(
    asked: Retire,
    target: &Target,
    (seen, going): (&Seen, &Going),
    now: Timestamp,
) -> Next {
    match shares::end(target, seen, going, now) {
        Err(why) => return Next::Wait(why),
        Ok(actions) if !actions.is_empty() => return Next::Do(actions),
        Ok(_) => {}
    }
    let ended = shares::ended(target, seen);
    if !ended.is_empty() {
        return Next::Done(ended);
    }
    let retiring = &target.known.retiring;
    let mut actions = Vec::new();
    let (mut deleted, mut kept) = (retiring.deleted.clone(), retiring.kept.clone());
    let at = retiring.deregistered_at.unwrap_or(now);
    let is_long = |snapshot: &String| shares::is_long_gone(target, snapshot, now);
    let (mut is_unknown, mut not_shown) = (false, None);
    let is_asked = |snapshot| retiring.deleting.contains(snapshot);
    for snapshot in &retiring.snapshots {
        match seen.snapshots.get(snapshot) {
            // By a request whose answer was lost.
            Some(SnapshotSeen::Absent) if is_long(snapshot) && is_asked(snapshot) => {
                deleted.push(snapshot.clone());
            }
            // It may be another account's, which does not share it any more.
            Some(SnapshotSeen::Absent) if is_long(snapshot) => kept.push(KeptSnapshot {
                snapshot: snapshot.clone(),
                why: SnapshotKept::NotShown,
            }),
            // One answer that does not show it does not make it gone: it would be told as deleted, and stay.
            Some(SnapshotSeen::Absent) => not_shown = Some(snapshot.clone()),
            Some(SnapshotSeen::Kept(why)) => kept.push(KeptSnapshot {
                snapshot: snapshot.clone(),
                why: why.clone(),
            }),
            // The manifest that deregistered the AMI asked for that; the one of now does not.
            Some(SnapshotSeen::Free) if !asked.delete_snapshots => kept.push(KeptSnapshot {
                snapshot: snapshot.clone(),
                why: SnapshotKept::NotAsked,
            }),
            Some(SnapshotSeen::Free) => actions.push(Action::DeleteSnapshot {
                image: target.known.image.clone(),
                snapshot: snapshot.clone(),
            }),
            Some(SnapshotSeen::Unknown) | None => is_unknown = true,
        }
    }
    if !actions.is_empty() {
        return Next::Do(actions);
    }
    if is_unknown {
        return Next::Wait(Pending::Unknown);
    }
    if let Some(snapshot) = not_shown {
        return Next::Wait(Pending::SnapshotNotShown(snapshot));
    }
    // Whoever has deregistered the AMI has deleted these, too.
    kept.retain(|it| {
        it.why != SnapshotKept::DeregisteredByOthers
            || seen.shares.get(&it.snapshot) != Some(&SharesSeen::Absent)
    });
    let shares = shares::in_the_end(target, Some(seen));
    Next::End(Box::new(Retirement {
        deleted,
        kept,
        revoked: shares.revoked,
        shared: shares.shared,
        ..retirement(target, gone_as(target), None, at)
    }))
}

/// What has become of an AMI that is not there any more.
fn gone_as(target: &Target) -> RetireOutcome {
    match target.known.retiring.was_not_asked() {
        true => RetireOutcome::Gone,
        false => RetireOutcome::Deregistered,
    }
}

/// What becomes of an AMI of which nothing more is tried: it is kept, or, if it is deregistered already, its snapshots are.
#[must_use]
pub fn given_up(
    target: &Target,
    seen: Option<&Seen>,
    why: &KeptReason,
    now: Timestamp,
) -> Retirement {
    let retiring = &target.known.retiring;
    let Some(at) = retiring.deregistered_at else {
        return retirement(target, RetireOutcome::Kept, Some(why.clone()), now);
    };
    let shares = shares::in_the_end(target, seen);
    let left = retiring.snapshots.iter().map(|snapshot| KeptSnapshot {
        snapshot: snapshot.clone(),
        why: SnapshotKept::GivenUp {
            why: Box::new(why.clone()),
        },
    });
    Retirement {
        deleted: retiring.deleted.clone(),
        kept: retiring.kept.iter().cloned().chain(left).collect(),
        revoked: shares.revoked,
        shared: shares.shared,
        ..retirement(target, gone_as(target), None, at)
    }
}
