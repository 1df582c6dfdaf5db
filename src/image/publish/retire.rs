//! The last stage: AMIs that are deprecated or deregistered because another one replaces them (`replaces`), or because
//! their manifest was removed (`onDelete`). Nothing is retired before all else is verified and released.
//!
//! What is to be done is decided anew at every visit, from what EC2 shows then: an AMI that came into use while its
//! protection ran out is kept. What EC2 does not tell is not taken for "not in use".

mod gone;
mod next;
mod protection;
mod seen;
mod shares;
pub(super) mod stay;
mod targets;

use jiff::{SignedDuration, Timestamp};

use super::copy::is_unseen_for_long;
use super::difference::STALE_READS;
use super::observation::Observation;
use super::protect::soon;
use crate::image::status::{
    Action, KeptReason, Lasting, RegionAction, Retire, RetireOutcome, Retirement,
};
use next::end;

pub use gone::given_up;
use next::Next;
pub use next::{protect_again, retirement};
use protection::cooldown;
pub(super) use protection::{Anew, is_protected_by_others, protected_anew};
pub use protection::{COOLDOWN, may_be_protected};
pub use seen::{InUse, Pending, Seen, SharesSeen, Shown, SnapshotSeen};
use shares::Going;
pub use shares::{NotShown, PassedOn, granted, not_shown};
pub(super) use targets::of_previous;
pub use targets::{Target, is_due, targets};

/// How long after its last launch a shared AMI counts as in use. EC2 does not tell which instances of other accounts run;
/// a month covers groups that scale now and then. LastLaunchedTime itself is a day late.
pub const LAUNCHED_RECENTLY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is to be done about AMIs that are to be retired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be done now, in this order.
    pub ready: Vec<RegionAction>,
    /// The shares that other AMIs have from those that are deregistered now, or whose end this is.
    pub passed_on: Vec<PassedOn>,
    /// What was asked of EC2 earlier, and counts as done, though its answer is not known.
    pub done: Vec<RegionAction>,
    /// What came to its end.
    pub ended: Vec<Retirement>,
    /// What is to be looked at again, by Region and AMI.
    pub pending: Vec<(String, String, Pending)>,
}

/// Whether it has to be asked whether the AMI is in use.
#[must_use]
pub fn needs_guard(asked: Retire, target: &Target, shown: &Shown, now: Timestamp) -> bool {
    let is_begun = target.known.retiring.deregistered_at.is_some();
    let may_go = shown.is_ours && !shown.is_pending && cooldown(target, shown, now).is_none();
    asked.deregister && !is_begun && may_go
}

impl Plan {
    /// The AMIs that are deregistered now.
    fn going(&self) -> Going {
        let images = self.ready.iter().filter_map(|it| match &it.action {
            Action::DeregisterPrevious { image, .. } => Some(image.clone()),
            _ => None,
        });
        images.collect()
    }
}

/// What is to be done about these AMIs, each with what was seen of it.
#[must_use]
pub fn plan(asked: Retire, seen: &[(Target, Seen)], now: Timestamp) -> Plan {
    let plan = |going: &Going| collect(seen, |of, seen| next(asked, of, (seen, going), now));
    // Which of them go does not depend on what goes with them.
    let going = plan(&Going::new()).going();
    let mut plan = plan(&going);
    let ends = |target: &Target| {
        let is_gone = target.known.retiring.deregistered_at.is_some();
        is_gone && plan.ended.iter().any(|it| it.image == target.known.image)
    };
    let goes = seen
        .iter()
        .filter(|(target, _)| going.contains(&target.known.image) || ends(target));
    plan.passed_on = goes
        .flat_map(|(target, seen)| shares::passed_on(target, seen))
        .collect();
    plan
}

pub(super) fn collect(seen: &[(Target, Seen)], next: impl Fn(&Target, &Seen) -> Next) -> Plan {
    let mut plan = Plan::default();
    for (target, seen) in seen {
        let in_region = |action| RegionAction {
            region: target.region.clone(),
            action,
        };
        match next(target, seen) {
            Next::Nothing => {}
            Next::Do(actions) => plan.ready.extend(actions.into_iter().map(in_region)),
            Next::Done(what) => plan.done.extend(what),
            Next::End(ended) => plan.ended.push(*ended),
            Next::Wait(why) => {
                let (region, image) = (target.region.clone(), target.known.image.clone());
                plan.pending.push((region, image, why));
            }
        }
    }
    // A snapshot may be that of several of them: its shares end after the last.
    plan.ready
        .sort_by_key(|it| matches!(it.action, Action::RevokePrevious { .. }));
    shares::end_once(&mut plan.ready);
    plan
}

/// What is next for an AMI. EC2 may have heard that it is to be deregistered although its answer was lost, and show it yet: nothing
/// else is done about it, or told of it, before reads cannot be that old.
fn next(asked: Retire, target: &Target, seen: (&Seen, &Going), now: Timestamp) -> Next {
    let next = judged(asked, target, seen, now);
    let retiring = &target.known.retiring;
    let is_stale = |at: Timestamp| now.duration_since(at).abs() < STALE_READS;
    let may_be_gone = retiring.deregistered_at.is_none()
        && retiring.asked_at.is_some_and(is_stale)
        && !seen.0.is_closed;
    let is_other = match &next {
        Next::Do(actions) => {
            let mut actions = actions.iter();
            !actions.any(|it| matches!(it, Action::DeregisterPrevious { .. }))
        }
        Next::End(_) => true,
        Next::Nothing | Next::Done(_) | Next::Wait(_) => false,
    };
    match may_be_gone && is_other {
        true => Next::Wait(Pending::Settling),
        false => next,
    }
}

fn judged(asked: Retire, target: &Target, (seen, going): (&Seen, &Going), now: Timestamp) -> Next {
    let retiring = &target.known.retiring;
    if seen.is_closed {
        // People know that it stays.
        if retiring.told.is_some() && !retiring.is_begun() {
            return Next::Nothing;
        }
        return stay::next(target, seen, &KeptReason::RegionClosed, now);
    }
    if retiring.deregistered_at.is_some() {
        return gone::next(asked, target, (seen, going), now);
    }
    let shown = match &seen.image {
        Observation::Unknown => return Next::Wait(Pending::Unknown),
        Observation::Absent if retiring.asked_at.is_some() => {
            let heard = heard(target).filter(|_| is_unseen_for_long(&target.known, now));
            let wait = Next::Wait(Pending::AskedAndNotShown);
            return heard.map_or(wait, |it| Next::Done(vec![it]));
        }
        Observation::Absent => return Next::Wait(Pending::NotShown),
        Observation::Seen(shown) => shown,
    };
    if !shown.is_ours {
        return end(target, RetireOutcome::Kept, Some(KeptReason::Unproven), now);
    }
    if let Some(next) = of_others(asked, target, (seen, shown), now) {
        return next;
    }
    if seen.is_last {
        if let Some(action) = protect_again(target) {
            return Next::Do(vec![action]);
        }
        // People know.
        if retiring.told == Some(Lasting::NoSuccessor) && !retiring.is_begun() {
            return Next::Nothing;
        }
        return end(
            target,
            RetireOutcome::Kept,
            Some(KeptReason::NoSuccessor),
            now,
        );
    }
    if !seen.has_successor {
        return Next::Wait(Pending::NoSuccessor);
    }
    if shown.is_pending {
        return Next::Wait(Pending::ImagePending);
    }
    if !asked.deregister {
        return deprecate(target, shown, None, now);
    }
    if let Some(until) = cooldown(target, shown, now) {
        return Next::Wait(Pending::Cooldown(until));
    }
    match &seen.in_use {
        InUse::Unknown => Next::Wait(Pending::Unknown),
        InUse::Yes(why) => deprecate(target, shown, Some(why.clone()), now),
        InUse::No if is_protected_by_others(target, shown) => {
            deprecate(target, shown, Some(KeptReason::Protected), now)
        }
        InUse::No => {
            let shares = shares::end(target, seen, going, now);
            deregister(asked, target, (shown, shares), now)
        }
    }
}

/// What is next for an AMI that somebody else has protected since its protection was switched off. It may be deprecated.
fn of_others(
    asked: Retire,
    target: &Target,
    (seen, shown): (&Seen, &Shown),
    now: Timestamp,
) -> Option<Next> {
    let why = Some(KeptReason::ProtectedAgain);
    let may_be_deprecated = !asked.deregister && seen.has_successor && !seen.is_last;
    match protected_anew(target, shown, now) {
        Anew::No => None,
        Anew::Unclear(why) => Some(Next::Wait(why)),
        Anew::Yes if may_be_deprecated => Some(deprecate(target, shown, why, now)),
        Anew::Yes => Some(end(target, RetireOutcome::Kept, why, now)),
    }
}

/// A request to deregister an AMI which EC2 does not show: its answer was lost, or could not be saved. It is not sent again,
/// as nothing proves any more that the AMI is this manifest's.
#[must_use]
pub fn heard(target: &Target) -> Option<RegionAction> {
    let retiring = &target.known.retiring;
    retiring.asked_at.map(|_| RegionAction {
        region: target.region.clone(),
        action: Action::DeregisterPrevious {
            image: target.known.image.clone(),
            snapshots: target.known.snapshots.clone(),
            delete: !retiring.snapshots.is_empty(),
        },
    })
}

/// The shares of its snapshots end right after it: while EC2 shows it, it proves that they are its own.
fn deregister(
    asked: Retire,
    target: &Target,
    (shown, shares): (&Shown, Result<Vec<Action>, Pending>),
    now: Timestamp,
) -> Next {
    let image = target.known.image.clone();
    if !shown.protection.starts_with("enabled") {
        // Once it is gone, nothing may prove any more that they are its own.
        let shares = match shares {
            Ok(shares) => shares,
            Err(why) => return Next::Wait(why),
        };
        let mut actions = vec![Action::DeregisterPrevious {
            image,
            snapshots: shown.snapshots.clone(),
            delete: asked.delete_snapshots,
        }];
        actions.extend(shares);
        return Next::Do(actions);
    }
    match target.known.retiring.unprotected_at {
        // A read that is older than our request shows it as it was.
        Some(off) if now.duration_since(off) < STALE_READS => {
            return Next::Wait(Pending::Settling);
        }
        // Whoever has done that wants to keep it.
        Some(_) => {
            let why = Some(KeptReason::ProtectedAgain);
            return end(target, RetireOutcome::Kept, why, now);
        }
        None => {}
    }
    let cooldown = shown.protection == "enabled-with-cooldown";
    Next::Do(vec![Action::UnprotectPrevious { image, cooldown }])
}

/// Deprecates it, if it is not deprecated yet. `why` it is not deregistered. It stays: a protection that was switched off
/// before is switched on again first, unless somebody else has protected it.
fn deprecate(target: &Target, shown: &Shown, why: Option<KeptReason>, now: Timestamp) -> Next {
    let is_off = why != Some(KeptReason::ProtectedAgain);
    if let Some(action) = protect_again(target).filter(|_| is_off) {
        return Next::Do(vec![action]);
    }
    // One that was asked for before is not put off, which EC2 refuses for a public AMI.
    let asked = target.known.retiring.deprecate_at;
    let at = asked.filter(|at| *at > now).unwrap_or_else(|| soon(now));
    if shown.deprecate_at.is_none_or(|known| known > at) {
        let image = target.known.image.clone();
        return Next::Do(vec![Action::DeprecatePrevious { image, at, why }]);
    }
    // That of an earlier request, whose answer was lost or could not be saved.
    let is_ours = target.known.retiring.deprecate_at.is_some();
    match why {
        // Else people were told that it is retired, and wait for how that ends.
        None if !is_ours && target.is_dealt_with => Next::Nothing,
        why => end(target, RetireOutcome::Deprecated, why, now),
    }
}
