//! The one writer of statuses: turns what a step came to into a changed status, with its notice and its history entry,
//! so that one conditional write saves all of it.

mod adopted;
mod arrival;
mod audited;
mod changes;
mod conditions;
mod copies;
mod earlier;
mod ending;
mod late;
mod lately;
mod polled;
mod publishing;
mod release;
mod removed;
mod requested;
mod retiring;
mod shares;
mod told;

use jiff::Timestamp;

pub use arrival::{note_repetition, open, recover};
pub use audited::{Audit, Compared, audited};
pub use conditions::complete as complete_conditions;
pub use copies::remember_done;
pub use ending::{NotCancellable, NotRetryable, request_cancel, request_retry, withdraw_retry};
pub use late::{look_again, made_late};
pub use polled::note_stalled;
pub use publishing::{publish_again, republish};
pub use removed::{can_be_removed, remove};
pub use requested::{Ignored, cancel_again, follow};

use self::changes::{move_to, next_step, note, record_notice, stop_waiting, wait};
use super::message::{failures, problems};
use super::outcome::{Accepted, Claim, Evidence, Identity, Imported, Origin, Resumed, StepOutcome};
use super::status::{PROBLEMS_KEPT, RegionStatus, Status, check};
use super::task::{Phase, Task};
use super::words::{NoticeKind, State, Step, TerminalReason};
use crate::manifest::Problem;
use crate::manifest::key;
use crate::manifest::location::s3_uri;

/// Writes into the status what a step came to. Returns whether that is worth saving. What has ended stays as it is:
/// only a new version or attempt replaces it ([`open`]). What was seen for another step changes nothing.
pub fn apply(status: &mut Status, outcome: StepOutcome, now: Timestamp) -> bool {
    let step = status.build.step;
    let is_elsewhere = matches!(&outcome, StepOutcome::Advance(it) if !it.is_of(step));
    if status.state.is_final() || is_elsewhere {
        return false;
    }
    let changed = match outcome {
        StepOutcome::Advance(evidence) => advance_readably(status, evidence, now),
        StepOutcome::Wait(reason) => wait(status, reason, now),
        StepOutcome::NotBegun(reason) => {
            let store = status.store.as_mut();
            let was_claimed = store.is_some_and(|store| store.asked_at.take().is_some());
            wait(status, reason, now) | was_claimed
        }
        StepOutcome::Reject(problems) => {
            reject(status, problems, now);
            true
        }
        StepOutcome::Fail(failure) => {
            ending::fail(status, failure, now);
            true
        }
        StepOutcome::Claim(claim) => {
            self::claim(status, claim, now);
            true
        }
        StepOutcome::Unchanged => false,
    };
    if changed {
        conditions::update(status, now);
    }
    changed
}

/// Nothing is written that could not be read again, or asked for: an EC2-compatible service may have ids of another
/// form.
fn advance_readably(status: &mut Status, evidence: Evidence, now: Timestamp) -> bool {
    let before = status.clone();
    let changed = advance(status, evidence, now);
    if let Err(problem) = check(status) {
        *status = before;
        ending::fail(status, failures::answer_unusable(&problem), now);
        return true;
    }
    changed
}

fn advance(status: &mut Status, evidence: Evidence, now: Timestamp) -> bool {
    note_owners(status, &evidence);
    match evidence {
        Evidence::ManifestAccepted(accepted) => accept(status, accepted, now),
        Evidence::DecidedElsewhere { image_manifest } => {
            let why = format!("{image_manifest} beside the bundle describes it");
            // There is nothing to report: that manifest has an image and notices of its own.
            move_to(status, State::Superseded, status.build.step, why, now);
        }
        Evidence::ObjectChecked { object, identity } => {
            let why = format!("found {}", s3_uri(&object.bucket, &object.key));
            status.build.object = Some(object);
            set_identity(status, identity);
            next_step(status, why, now);
        }
        Evidence::ObjectReplaced => {
            status.build.object = None;
            let why = "the object was replaced or removed since it was checked";
            move_to(status, State::Working, Step::CheckObject, why, now);
        }
        Evidence::BundleChecked { bundle, identity } => {
            status.build.bundle = Some(bundle);
            set_identity(status, identity);
            next_step(status, "the bundle and all its parts are there", now);
        }
        Evidence::TaskStarted { task, origin, .. } => task_started(status, task, origin, now),
        Evidence::TaskResumed(found) => task_resumed(status, found, now),
        Evidence::AttemptEnded { task, next } => attempt_ended(status, task, next, now),
        Evidence::TaskPolled(seen) => return polled::task(status, seen.as_ref(), now),
        Evidence::ImportTagged(imported) => import_tagged(status, imported, now),
        Evidence::ImageRegistered {
            region,
            image,
            origin,
            ..
        } => image_registered(status, region, *image, origin, now),
        Evidence::OwnersSeen(_) => stop_waiting(status, now),
        Evidence::ImagePolled { region, image } => {
            return polled::image(status, &region, image.as_deref(), now);
        }
        Evidence::PublishObserved(seen) => return publishing::observed(status, seen, now),
        Evidence::PublishPerformed(performed) => {
            return publishing::performed(status, performed, now);
        }
        Evidence::Retired(seen) => return retiring::retired(status, seen, now),
        Evidence::CancelSent(refused) => return ending::cancel_sent(status, refused, now),
        Evidence::Cancelled { orphans } => {
            orphans.into_iter().for_each(|it| ending::keep(status, it));
            ending::abort(status, TerminalReason::Cancelled, None, now);
        }
        Evidence::Deleted(names) => {
            stop_waiting(status, now);
            let deleting = &mut status.build.deleting;
            deleting.retain(|it| !names.contains(it));
        }
        Evidence::NotDeleted(orphans) => {
            // What was waited for, deleting it, is over.
            stop_waiting(status, now);
            orphans.into_iter().for_each(|it| ending::keep(status, it));
        }
        Evidence::CleanedUp { orphans } => {
            orphans.into_iter().for_each(|it| ending::keep(status, it));
            ending::cleaned_up(status, now);
        }
    }
    true
}

fn accept(status: &mut Status, accepted: Accepted, now: Timestamp) {
    status.build.source = Some(accepted.source);
    status.build.created_with = accepted.created_with;
    publishing::accept(status, accepted.publishing);
    if let Some(identity) = accepted.identity {
        set_identity(status, identity);
    }
    next_step(status, "the manifest passed the checks", now);
    if accepted.notify_started {
        record_notice(status, NoticeKind::Started, now);
    }
}

/// Whose the sources are does not change: what was not looked at again is known from before.
fn note_owners(status: &mut Status, evidence: &Evidence) {
    if let Evidence::TaskStarted { owners, .. }
    | Evidence::ImageRegistered { owners, .. }
    | Evidence::OwnersSeen(owners) = evidence
        && !owners.is_empty()
    {
        status.build.source_owners.clone_from(owners);
    }
}

fn set_identity(status: &mut Status, identity: Identity) {
    status.build.name = Some(identity.name);
    status.build.digest = Some(identity.digest);
}

/// The upload that this status was started for only repeats that of an attempt which goes on.
fn task_resumed(status: &mut Status, found: Resumed, now: Timestamp) {
    let (manifest, build) = (&mut status.manifest, &mut status.build);
    let last = manifest.last_uploaded_at();
    manifest.uploaded_at = found.attempt.uploaded_at;
    manifest.repeated_at = (last > manifest.uploaded_at).then_some(last);
    build.attempt = found.attempt.number;
    build.name = Some(found.name);
    task_started(status, found.task, Origin::Found, now);
}

/// What is begun now has other tags and another client token.
fn attempt_ended(status: &mut Status, task: Option<String>, next: u32, now: Timestamp) {
    stop_waiting(status, now);
    status.build.attempt = next;
    // What the token began may still come into sight.
    if task.is_none() {
        status.build.looked_for_imports_at = None;
    }
    let why = match task {
        Some(task) => format!("{task}, begun for the same upload before, has ended"),
        None => "EC2 knows the client token, and shows nothing that was begun with it".to_owned(),
    };
    note(status, why + ": another attempt begins", now);
}

fn task_started(status: &mut Status, task: Task, origin: Origin, now: Timestamp) {
    let what = format!("{} {} in {}", task.kind, task.id, task.region);
    let why = match origin {
        Origin::Created => format!("started {what}"),
        Origin::Found => format!("found {what}, started by an earlier request"),
    };
    // One that was found may have been found without a look for others.
    if task.kind.is_import() && origin == Origin::Created {
        let looked_at = status.build.looked_for_imports_at;
        status.build.looked_for_imports_at = looked_at.or(Some(now));
    }
    if task.kind.is_image() {
        let image = RegionStatus {
            image_state: task.state.clone(),
            snapshots: task.snapshots.clone(),
            ..RegionStatus::pending(task.id.clone())
        };
        let image = adopted::adopted(status, &task.region, image, now);
        status.regions.insert(task.region.clone(), image);
    }
    let has_ended = matches!(task.phase(), Phase::Complete | Phase::Failed);
    let is_image = task.kind.is_image();
    status.build.tasks.push(task);
    next_step(status, why, now);
    if has_ended && !is_image {
        polled::judge(status, now);
    }
}

fn image_registered(
    status: &mut Status,
    region: String,
    image: RegionStatus,
    origin: Origin,
    now: Timestamp,
) {
    let why = match origin {
        Origin::Created => format!("registered {} in {region}", image.image),
        Origin::Found => format!(
            "found {} in {region}, registered by an earlier request",
            image.image
        ),
    };
    let image = adopted::adopted(status, &region, image, now);
    status.regions.insert(region, image);
    // Also where it was found before the task that makes it was.
    move_to(status, State::Working, Step::AwaitImage, why, now);
}

/// A snapshot is registered, an AMI polled. What EC2's task names counts, whatever was known before.
fn import_tagged(status: &mut Status, imported: Imported, now: Timestamp) {
    let region = status.build.tasks.last().map(|task| task.region.clone());
    if let Some(object) = &mut status.build.object {
        object.note_replaced(&imported.replaced);
    }
    if imported.lacks_tags && imported.image.is_some() {
        let tags = std::mem::take(&mut status.build.created_with.tags);
        // They are left to publishing, which says so if they cannot be set.
        status.publishes |= !tags.is_empty();
    }
    if let (Some(region), Some(id)) = (region, &imported.image) {
        let mut image = RegionStatus::pending(id.clone());
        image.snapshots.clone_from(&imported.snapshots);
        let image = adopted::adopted(status, &region, image, now);
        status.regions.insert(region, image);
    }
    if let Some(task) = status.build.tasks.last_mut() {
        (task.image, task.snapshots) = (imported.image, imported.snapshots);
    }
    next_step(status, "what was imported is tagged", now);
}

/// The upload does not pass the checks. A bundle that EC2 made is not a mistake of the manifest: its image fails. So does
/// one for which something was changed in AWS: a rejection says that nothing was.
fn reject(status: &mut Status, found: Vec<Problem>, now: Timestamp) {
    if let Some(failure) = problems::of_begun(status, &found) {
        return ending::fail(status, failure, now);
    }
    let why = problems::summary(found.len());
    (status.problems, status.problems_omitted) = kept(found);
    move_to(status, State::Rejected, status.build.step, why, now);
    // It is no mistake of the manifest, which was not even checked.
    let kind = match key::kind(&status.manifest.key) {
        Some(_) => NoticeKind::Rejected,
        None => NoticeKind::Ignored,
    };
    record_notice(status, kind, now);
}

/// The problems that a status keeps, and how many it does not.
fn kept(mut found: Vec<Problem>) -> (Vec<Problem>, u32) {
    let surplus = found.len().saturating_sub(PROBLEMS_KEPT);
    found.truncate(PROBLEMS_KEPT);
    found.iter_mut().for_each(Problem::shorten);
    (found, u32::try_from(surplus).unwrap_or(u32::MAX))
}

/// Whether just these problems are what the image was rejected for.
#[must_use]
pub fn is_rejected_for(status: &Status, found: Vec<Problem>) -> bool {
    let (problems, omitted) = kept(found);
    status.state == State::Rejected
        && (&status.problems, status.problems_omitted) == (&problems, omitted)
}

fn claim(status: &mut Status, claim: Claim, now: Timestamp) {
    // What was waited for is over. A change of an AMI may be refused once more: that is waited for since the first time.
    if !matches!(claim, Claim::Publish(_)) {
        stop_waiting(status, now);
    }
    match claim {
        Claim::Store => {
            if let Some(store) = &mut status.store {
                store.asked_at = Some(now);
            }
        }
        Claim::Delete(names) => {
            let build = &mut status.build;
            for name in names {
                if !build.deleted.contains(&name) {
                    build.deleting.push(name.clone());
                    build.deleted.push(name);
                }
            }
        }
        Claim::Publish(intent) => {
            retiring::not_shown(status, &intent.not_shown, now);
            retiring::intend(status, &intent.actions, now);
            shares::pass_on(status, &intent.passed_on);
            publishing::intend(status, intent, now);
        }
    }
}
