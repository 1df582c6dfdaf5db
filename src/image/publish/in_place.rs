//! Replacing in place, the one exception to "nothing is retired before its successor is there": an AMI of an earlier version
//! has to go first where it has the name that the new one is to have (a name is one AMI's until that is deregistered), or
//! where its bundle was overwritten by the new one ("any modifications … invalidates its registration", RegisterImage).
//!
//! It is only deregistered here. Its snapshots stay until `retire`, after all else.

use super::observation::Observation;
use super::retire::{
    Anew, InUse, PassedOn, Pending, Plan, Seen, Target, heard, is_protected_by_others, of_previous,
    plan, protect_again, protected_anew,
};
use crate::image::status::{KeptReason, RegionAction, RegionStatus, Retire, Status};
use jiff::Timestamp;

/// Why an AMI has to go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// It has the name, and the manifest says `replaces.previous: deregister`.
    Name,
    /// Its bundle was overwritten.
    Bundle,
}

/// What is to be done before the new AMI is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it can be registered.
    Register,
    /// This, and then it is looked at again. Other AMIs have these shares from then on.
    Do(Vec<RegionAction>, Vec<PassedOn>),
    /// It has to be waited: for this AMI.
    Wait(String, Pending),
    /// This AMI stays, so that there is no room for the new one.
    Stays(String, KeptReason),
}

/// The earlier AMI of a Region that has this id, and those that EC2 was asked to deregister for this version and of which no
/// answer is known.
#[must_use]
pub fn of_name(status: &Status, region: &str, taken: Option<&str>) -> Vec<Target> {
    of_previous(status, |_, of, known| {
        let retiring = &known.retiring;
        let is_asked = |at| at >= status.build.started_at;
        let is_begun =
            retiring.asked_at.is_some_and(is_asked) && retiring.deregistered_at.is_none();
        of == region && (taken == Some(&known.image) || is_begun)
    })
}

/// The earlier AMIs of a Region that are without the protection that was switched off, so that they can go, and are not
/// deregistered.
#[must_use]
pub fn unprotected(status: &Status, region: &str) -> Vec<Target> {
    let is_there = |known: &RegionStatus| known.retiring.deregistered_at.is_none();
    let mut targets = of_previous(status, |_, of, known| of == region && is_there(known));
    targets.retain(|it| protect_again(it).is_some());
    targets
}

/// The earlier AMIs of a Region whose bundle the new one has overwritten, without those that are gone or had to stay.
#[must_use]
pub fn of_bundle(status: &Status, region: &str) -> Vec<Target> {
    let Some(now) = &status.build.bundle else {
        return Vec::new();
    };
    let is_done = |image: &str| status.retired.iter().any(|it| it.image == image);
    of_previous(status, |version, of, known| {
        let is_overwritten = version.is_overwritten(&now.bucket, &now.key, &now.sha256);
        let is_gone = known.retiring.deregistered_at.is_some();
        of == region && is_overwritten && !is_gone && !is_done(&known.image)
    })
}

/// What is next, from what was seen of those that have to go. What is in use by name stays: nobody would expect that a
/// launch template breaks because a name is wanted again.
#[must_use]
pub fn next(because: Because, asked: Retire, seen: &[(Target, Seen)], now: Timestamp) -> Next {
    // An answer that is older than our request: what is deregistered has no name any more.
    let is_gone = |target: &Target| target.known.retiring.deregistered_at.is_some();
    if let Some((target, _)) = seen.iter().find(|(target, _)| is_gone(target)) {
        return Next::Wait(target.known.image.clone(), Pending::Unknown);
    }
    for (target, seen) in seen {
        // What was begun of it is over, whatever else keeps it.
        if let (Because::Name, Observation::Seen(shown)) = (because, &seen.image)
            && shown.is_ours
        {
            let image = || target.known.image.clone();
            match protected_anew(target, shown, now) {
                Anew::No => {}
                Anew::Unclear(why) => return Next::Wait(image(), why),
                Anew::Yes => return Next::Stays(image(), KeptReason::ProtectedAgain),
            }
        }
        if let (Because::Name, InUse::Yes(why)) = (because, &seen.in_use) {
            return Next::Stays(target.known.image.clone(), why.clone());
        }
        if let (Because::Name, Observation::Seen(shown)) = (because, &seen.image)
            && shown.is_ours
            && is_protected_by_others(target, shown)
        {
            return Next::Stays(target.known.image.clone(), KeptReason::Protected);
        }
    }
    let is_absent = |seen: &Seen| seen.image == Observation::Absent;
    let mut absent = seen.iter().filter(|(_, seen)| is_absent(seen));
    if let Some((target, _)) = absent.find(|(target, _)| heard(target).is_some()) {
        return Next::Wait(target.known.image.clone(), Pending::AskedAndNotShown);
    }
    let Plan {
        ready,
        passed_on,
        ended,
        pending,
        ..
    } = plan(asked, seen, now);
    let mut pending = pending
        .into_iter()
        .filter(|(_, _, why)| !matches!(why, Pending::NotShown | Pending::AskedAndNotShown));
    if !ready.is_empty() {
        Next::Do(ready, passed_on)
    } else if let Some((_, image, why)) = pending.next() {
        Next::Wait(image, why)
    } else if let (Because::Name, Some(kept)) = (because, ended.into_iter().next()) {
        let why = kept.why.unwrap_or(KeptReason::Unproven);
        Next::Stays(kept.image, why)
    } else {
        Next::Register
    }
}
