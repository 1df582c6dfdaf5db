//! How the AMI becomes what its manifest says, and what is known of that.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::arrival::note_repetition;
use super::changes::{move_to, next_step, note, record_notice, wait};
use super::conditions;
use crate::image::message;
use crate::image::outcome::{PublishIntent, PublishObserved, Publishing};
use crate::image::status::{
    AppliedChange, Failure, ManifestVersion, RegionAction, Status, StoreRequest,
};
use crate::image::words::{NoticeKind, State, Step, WaitReason};

/// Changes that a status keeps; the oldest go first.
const CHANGES_KEPT: usize = 200;

/// How the manifest wants its AMI published.
pub(super) fn accept(status: &mut Status, publishing: Publishing) {
    status.manifest.publish_digest = Some(publishing.digest);
    status.publishes |= publishing.publishes;
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
    begin_again(status, "a new attempt to publish it was asked for", now);
}

fn begin_again(status: &mut Status, why: &str, now: Timestamp) {
    status.publishes = true;
    status.changes.clear();
    status.build.failure = None;
    for region in status.regions.values_mut() {
        region.failure = None;
    }
    for copy in status.copies.values_mut() {
        copy.failure = None;
    }
    move_to(status, State::Working, Step::Publish, why, now);
    conditions::update(status, now);
}

/// This is about to be changed.
pub(super) fn intend(status: &mut Status, intent: PublishIntent) {
    for (region, applied) in intent.applied {
        if let Some(known) = status.regions.get_mut(&region) {
            known.applied = applied;
        }
    }
}

/// Changes were made. Returns whether that is worth saving.
pub(super) fn performed(
    status: &mut Status,
    done: &[RegionAction],
    failed: BTreeMap<String, Failure>,
    later: Option<WaitReason>,
    now: Timestamp,
) -> bool {
    let mut changed = !done.is_empty() | keep_failures(status, failed);
    status.build.waiting = None;
    for what in done {
        note(status, message::change_line(what), now);
        status.changes.push(AppliedChange::of(what));
    }
    let surplus = status.changes.len().saturating_sub(CHANGES_KEPT);
    status.changes.drain(..surplus);
    if let Some(reason) = later {
        changed |= wait(status, reason, now);
    }
    changed
}

/// The AMI was compared with what its manifest says. Returns whether that is worth saving.
pub(super) fn observed(status: &mut Status, seen: PublishObserved, now: Timestamp) -> bool {
    let mut changed = keep_failures(status, seen.failed);
    for (region, applied) in seen.verified {
        let Some(known) = status.regions.get_mut(&region) else {
            continue;
        };
        if known.verified_at.is_none() || known.applied != applied {
            known.verified_at = Some(now);
            known.applied = applied;
            changed = true;
        }
    }
    if let Some(reason) = seen.pending {
        return wait(status, reason, now) | changed;
    }
    let regions = status.regions.values().map(|it| &it.failure);
    let copies = status.copies.values().map(|it| &it.failure);
    if regions.chain(copies).any(Option::is_some) {
        incomplete(status, now);
    } else {
        next_step(status, "the AMI is as the manifest says", now);
    }
    true
}

/// A Region, or a setting, failed for good: nothing more is tried.
fn incomplete(status: &mut Status, now: Timestamp) {
    let why = message::incomplete(status);
    move_to(status, State::Incomplete, status.build.step, why, now);
    record_notice(status, NoticeKind::Incomplete, now);
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
