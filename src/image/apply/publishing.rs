//! How the AMI becomes what its manifest says, and what is known of that.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::arrival::note_repetition;
use super::changes::{
    all_told, move_to, next_step, note, record_change, record_notice, stop_waiting, wait,
};
use super::copies::{copied, next_attempt, next_attempt_beside};
use super::lately::forget_retired;
use super::polled::keep;
use super::{adopted, conditions, copies, earlier, release, retiring, told};
use crate::image::message;
use crate::image::outcome::{PublishIntent, PublishObserved, PublishPerformed, Publishing};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{
    Action, Applied, Failure, ManifestVersion, RegionAction, RegionStatus, Retiring, Status,
    StoreRequest, Waiting,
};
use crate::image::words::{FailureKind, NoticeKind, State, Step, WaitReason};

/// How often it is written down that EC2 still takes nothing.
const NOT_TAKEN: SignedDuration = SignedDuration::from_hours(1);

/// How the manifest wants its AMI published.
pub(super) fn accept(status: &mut Status, publishing: Publishing) {
    status.manifest.publish_digest = Some(publishing.digest);
    // What it stopped naming has to be said.
    let named = status.release.named().next().is_some();
    status.publishes |= publishing.publishes || named;
    status.replaces = publishing.replaces.is_some();
    status.deregisters_previous = publishing.replaces.is_some_and(|it| it.deregister);
    status.on_delete = publishing.on_delete;
    // What was stored in another bucket before stays there.
    let asked_at = status
        .store
        .take()
        .filter(|known| Some(&known.bucket) == publishing.store.as_ref())
        .and_then(|known| known.asked_at);
    status.store = publishing
        .store
        .map(|bucket| StoreRequest { bucket, asked_at });
}

/// The manifest of an AMI that exists was uploaded with other settings: it is changed.
pub fn republish(
    status: &mut Status,
    upload: ManifestVersion,
    publishing: Publishing,
    now: Timestamp,
) {
    note_repetition(status, upload);
    accept(status, publishing);
    begin_again(status, "settings changed in the manifest", now);
}

/// Publishes an AMI once more, with the settings that it has: a new attempt was requested.
pub fn publish_again(status: &mut Status, now: Timestamp) {
    status.retry = None;
    // A finished copy that somebody has deregistered is made again if a person asks for that.
    let drift = status.drift.take();
    let is_gone = |region: &str, image: &RegionStatus| {
        let failure = image.failure.as_ref();
        let is_deregistered =
            |it: &Failure| matches!(it.kind, FailureKind::ImageDeregistered { .. });
        failure.is_some_and(is_deregistered)
            || drift.as_ref().is_some_and(|it| it.is_deregistered(region))
    };
    let copies = &mut status.copies;
    // One that cannot be used is made again once somebody has deregistered it.
    for (region, image) in &status.regions {
        let failure = image.failure.as_ref();
        let is_unusable = |it: &Failure| matches!(it.kind, FailureKind::CopyUnusable { .. });
        if let Some(copy) = copies.get_mut(region) {
            copy.is_unusable |= failure.is_some_and(is_unusable);
        }
    }
    status.regions.retain(|region, image| {
        let Some(copy) = copies.get_mut(region).filter(|_| is_gone(region, image)) else {
            return true;
        };
        next_attempt(copy);
        false
    });
    begin_again(status, "a new attempt to publish it was asked for", now);
}

pub(super) fn begin_again(status: &mut Status, why: &str, now: Timestamp) {
    retiring::interrupted(status, now);
    status.drift = None;
    status.looked_at_again = false;
    status.publishes = true;
    told::forget_told(status);
    forget_retired(status, now);
    status.build.failure = None;
    for region in status.regions.values_mut() {
        region.failure = None;
        if let Some(intended) = &mut region.applied.intended {
            intended.since = now;
        }
    }
    for (region, copy) in &mut status.copies {
        copy.failed = 0;
        copy.waiting = None;
        let unanswered_at = copy.last_unanswered().filter(|_| copy.may_have_begun());
        let is_failed = copy.failure.take().is_some() && !status.regions.contains_key(region);
        // What EC2 was asked for a moment ago it may not show yet: the same token begins no other copy.
        let is_fresh = |at| now.duration_since(at) <= VISIBILITY_GRACE;
        // What it refused is asked for anew: another token, and what the manifest says now.
        if is_failed && !unanswered_at.is_some_and(is_fresh) {
            next_attempt_beside(copy, unanswered_at);
        }
    }
    status.release = std::mem::take(&mut status.release).for_next();
    move_to(status, State::Working, Step::Publish, why, now);
    // Also where it was published before.
    *status = status.unverified(now);
    conditions::update(status, now);
}

/// This is about to be changed.
pub(super) fn intend(status: &mut Status, intent: PublishIntent, now: Timestamp) {
    for (region, image) in &intent.seen {
        keep(status, region, image);
    }
    adopted::adopt(status, intent.adopted, now);
    adopted::left_unprotected(status, &intent.unprotected);
    verified(status, intent.verified, &intent.left, now);
    let is_known = status.is_known_to_people();
    for (region, applied) in intent.applied {
        let before = status.applied_in(&region).settings;
        if let Some(known) = status.regions.get_mut(&region) {
            // Of what is made for the first time, the email names all.
            if is_known {
                let actions = intent.actions.iter().filter(|it| it.region == region);
                let actions: Vec<&Action> = actions.map(|it| &it.action).collect();
                told::remember(&mut known.told, before, &actions);
            }
            known.applied = applied;
        }
    }
    for what in &intent.actions {
        adopted::protects(status, what);
        // EC2 has not shown the copy before for long: it is made again.
        if let Action::CopyImage { .. } = what.action
            && let Some(lost) = status.regions.remove(&what.region)
        {
            let why = format!("EC2 does not show {} in {}", lost.image, what.region);
            note(status, why, now);
        }
    }
    status.copies.extend(intent.copies);
    release::intend(status, intent.parameters);
}

/// Changes were made. Returns whether that is worth saving.
pub(super) fn performed(status: &mut Status, performed: PublishPerformed, now: Timestamp) -> bool {
    let PublishPerformed {
        done,
        unanswered,
        not_begun,
        mut failed,
        later,
        release,
        earlier,
    } = performed;
    // Whoever has other settings meanwhile is found out by saving.
    let mut changed = !done.is_empty() || !unanswered.is_empty();
    for (region, sent) in not_begun {
        let request = status.copies.get_mut(&region);
        if let Some(request) = request.filter(|it| it.is_request(&sent)) {
            request.is_refused = true;
            changed = true;
        } else {
            // Another invocation has asked since, and may have been heard: what its request comes to decides.
            failed.remove(&region);
        }
    }
    changed |= keep_failures(status, failed);
    changed |= release::performed(status, release.written, now);
    changed |= release::shown(status, &release.shown, now);
    changed |= earlier::searched(status, &BTreeSet::new(), earlier, now);
    stop_waiting(status, now);
    for what in &done {
        copies::record(status, what, now);
        copied(status, what, now);
        // It may have been an earlier version's of the same content, too: nobody else has deregistered it.
        if let Action::RemoveFailedCopy { image, .. } = &what.action {
            retiring::forget_previous(status, &what.region, image);
        }
        adopted::protected(status, what);
    }
    let is_heard = |region: &String| {
        unanswered
            .iter()
            .chain(&done)
            .any(|it| it.region == *region)
    };
    // What is not found, or does not show, need not come into sight.
    let refused = later
        .iter()
        .filter(|(region, reason)| !is_heard(region) && reason.is_refusal());
    changed |= not_in_vain(status, refused.map(|it| it.0), now);
    changed |= wait_for(status, &later, release.later, now);
    changed
}

/// EC2 has taken nothing of what it was asked for in these Regions: what it does not show then is not asked for in vain. Returns
/// whether that is worth saving, as it is now and then.
fn not_in_vain<'a>(
    status: &mut Status,
    regions: impl Iterator<Item = &'a String>,
    now: Timestamp,
) -> bool {
    let mut changed = false;
    for region in regions {
        let known = status.regions.get_mut(region);
        let intended = known.and_then(|known| known.applied.intended.as_mut());
        if let Some(it) = intended.filter(|it| now.duration_since(it.since) > NOT_TAKEN) {
            it.since = now;
            changed = true;
        }
    }
    changed
}

/// Remembers what is waited for in which Region. Returns whether anything is new.
fn keep_waits(status: &mut Status, waits: &BTreeMap<String, WaitReason>, now: Timestamp) -> bool {
    let mut changed = false;
    for (region, copy) in &mut status.copies {
        let known = copy.waiting.as_ref().map(|it| &it.reason);
        let is_same = match (known, waits.get(region)) {
            (Some(known), Some(reason)) => known.is_same(reason),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            let reason = waits.get(region).cloned();
            copy.waiting = reason.map(|reason| Waiting { reason, since: now });
            changed = true;
        }
    }
    changed
}

/// Waits for Regions and for a parameter. For the image as a whole the parameter counts first: it shows within minutes, and
/// a copy may take hours; then the stack's Region, and last a copy that takes its time. Returns whether anything is new.
fn wait_for(
    status: &mut Status,
    regions: &BTreeMap<String, WaitReason>,
    release: Option<WaitReason>,
    now: Timestamp,
) -> bool {
    let changed = keep_waits(status, regions, now);
    let rank = |(region, reason): &(&String, &WaitReason)| {
        let is_slow = matches!(reason, WaitReason::CopyPending { .. });
        (status.copies.contains_key(*region), is_slow)
    };
    let first = || Some(regions.iter().min_by_key(rank)?.1.clone());
    match release.or_else(first) {
        Some(reason) => wait(status, reason, now) | changed,
        None => changed,
    }
}

/// The AMI was compared with what its manifest says. Returns whether that is worth saving.
pub(super) fn observed(status: &mut Status, seen: PublishObserved, now: Timestamp) -> bool {
    let mut changed = keep_failures(status, seen.failed);
    for (region, image) in &seen.seen {
        changed |= keep(status, region, image);
    }
    for region in &seen.unseen {
        let known = status.regions.get_mut(region);
        if let Some(known) = known.filter(|it| it.unseen_since.is_none()) {
            known.unseen_since = Some(now);
            changed = true;
        }
    }
    changed |= earlier::searched(status, &seen.not_made, seen.earlier, now);
    changed |= note_unlisted(status, &seen.unlisted, now);
    changed |= adopted::adopt(status, seen.adopted, now);
    changed |= adopted::left_unprotected(status, &seen.unprotected);
    changed |= verified(status, seen.verified, &seen.left, now);
    changed |= release::observed(status, &seen.release, now);
    let release = seen.release.pending.clone();
    if release.is_some() || !seen.pending.is_empty() {
        return wait_for(status, &seen.pending, release, now) | changed;
    }
    release::finish(status, &seen.release, now);
    for copy in status.copies.values_mut() {
        copy.waiting = None;
    }
    if status.failed_places().next().is_some() {
        incomplete(status, now);
    } else {
        next_step(status, "the AMI is as the manifest says", now);
    }
    true
}

/// In these Regions the AMI was seen to be as its manifest says, and what is left as it is there is told. Returns whether that
/// is new.
fn verified(
    status: &mut Status,
    seen: BTreeMap<String, Applied>,
    left: &[RegionAction],
    now: Timestamp,
) -> bool {
    let mut changed = false;
    for (region, applied) in seen {
        told::add_unanswered(status, &region, (&applied.settings, left), now);
        let is_now = status.is_verified_now(&region);
        let Some(known) = status.regions.get_mut(&region) else {
            continue;
        };
        if !is_now || known.applied != applied {
            known.verified_at = Some(now);
            known.doubted_at = None;
            known.applied = applied;
            *known.retiring = Retiring::default();
            changed = true;
            let left = left.iter().filter(|it| it.region == region);
            left.for_each(|it| record_change(status, it, now));
        }
    }
    changed
}

/// Remembers which Regions the manifest does not name any more: what is there is kept. Returns whether that is new.
fn note_unlisted(status: &mut Status, unlisted: &BTreeSet<String>, now: Timestamp) -> bool {
    let mut changed = false;
    for (region, image) in &mut status.regions {
        let is_unlisted = unlisted.contains(region);
        if image.unlisted_since.is_some() != is_unlisted {
            image.unlisted_since = is_unlisted.then_some(now);
            changed = true;
        }
    }
    let before = status.copies.len();
    let regions = &status.regions;
    let mut cleared = false;
    // What EC2 was asked for and has not answered may be there. A client token that was used for a copy that failed is not
    // used again, should the manifest name its Region once more.
    status.copies.retain(|region, request| {
        let is_left = unlisted.contains(region) && !regions.contains_key(region);
        if is_left && !request.is_unanswered() {
            cleared |= request.failure.take().is_some() | request.waiting.take().is_some();
        }
        !is_left || request.is_unanswered() || request.attempt > 0
    });
    changed | cleared | (status.copies.len() != before)
}

/// A Region, or a setting, failed for good: nothing more is tried.
fn incomplete(status: &mut Status, now: Timestamp) {
    let why = message::incomplete(status);
    move_to(status, State::Incomplete, status.build.step, why, now);
    // What failed may be something else than before.
    status.looked_at_again = false;
    all_told(status);
    record_notice(status, NoticeKind::Incomplete, now);
    status.drift = None;
}

/// Returns whether there is any.
fn keep_failures(status: &mut Status, failed: BTreeMap<String, Failure>) -> bool {
    let any = !failed.is_empty();
    for (region, failure) in failed {
        match status.regions.get_mut(&region) {
            Some(known) => known.failure = Some(failure),
            None => status.copies.entry(region).or_default().failure = Some(failure),
        }
    }
    any
}
