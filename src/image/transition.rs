//! How what was seen changes what is known. Every change of state records its notice in the same value,
//! so that one conditional write saves both.

mod endings;
mod images;
mod tasks;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use endings::{
    NotCancellable, ask_cancel, cancel_sent, cleaned_up, could_not_remove, fail, fail_as_it_is,
    found_leftovers, give_up,
};
pub use images::{image_seen, registered};
pub use tasks::{
    imported_is_tagged, object_checked, object_replaced, stalled, task_seen, task_started,
};

use super::notice::NoticeKind;
use super::observed::ObservedParts;
use super::plan::{SIZE_GRACE, WAITING_LONG, step_exceeds};
use super::status::{BundleVersion, Failure, ManifestVersion, State, Status, Step, Waiting};
use crate::manifest::Problem;

/// Problems that a status keeps: more than anybody reads, few enough for an object that is rewritten often.
const PROBLEMS_KEPT: usize = 100;

/// What a manifest that passed the checks asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What its `source` is: `snapshot`, `bundle`.
    pub source: String,
    /// The AMI's name and the version's digest; none while they depend on a bundle that was not read yet.
    pub identity: Option<Identity>,
    /// The bucket that the AMI is to be stored in.
    pub store: Option<String>,
    /// What is to be done first.
    pub first: Step,
}

/// What makes an AMI the one that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The AMI's name.
    pub name: String,
    /// The version's digest (see [`Status::digest`]).
    pub digest: String,
}

/// A version of a manifest is taken up: a new image, or a new version in place of `before`.
#[must_use]
pub fn open(before: Option<Status>, manifest: ManifestVersion, now: Timestamp) -> Status {
    let mut status = Status::new(manifest, now);
    let why = match before {
        None => "the manifest was uploaded".to_owned(),
        Some(before) => {
            let why = format!(
                "a new version replaces the one with SHA-256 {}",
                shortened(&before.manifest.sha256)
            );
            (status.previous, status.previous_bundle) = previous(&before);
            status.attempt = before.attempt.saturating_add(1);
            (status.state, status.step) = (before.state, before.step);
            (status.notices, status.history) = (before.notices, before.history);
            why
        }
    };
    status.step_since = now;
    status.move_to(State::Working, Step::CheckManifest, why, now);
    status
}

/// The AMIs that stay from before: the last version's, or, where that had none, those it found before it.
fn previous(before: &Status) -> (BTreeMap<String, String>, Option<BundleVersion>) {
    if before.images.is_empty() {
        return (before.previous.clone(), before.previous_bundle.clone());
    }
    let images = before
        .images
        .iter()
        .map(|(region, image)| (region.clone(), image.id.clone()))
        .collect();
    (images, before.bundle.clone())
}

/// The manifest passed the checks. `tell_started` says whether people want to be told already.
pub fn accept(status: &mut Status, accepted: Accepted, tell_started: bool, now: Timestamp) {
    status.source = Some(accepted.source);
    status.store = accepted.store;
    if let Some(identity) = accepted.identity {
        set_identity(status, identity);
    }
    let why = "the manifest passed the checks";
    status.move_to(State::Working, accepted.first, why, now);
    if tell_started {
        status.tell(NoticeKind::Started, now);
    }
}

fn set_identity(status: &mut Status, identity: Identity) {
    status.name = Some(identity.name);
    status.digest = Some(identity.digest);
}

/// The manifest, or the bundle it names, did not pass the checks. A bundle that EC2 made is nobody's mistake in the
/// manifest: its image fails.
pub fn reject(status: &mut Status, mut problems: Vec<Problem>, now: Timestamp) {
    if let Some(task) = status.tasks.last() {
        let messages: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
        let failure = Failure {
            doing: format!("checking what {} {} made", task.kind, task.id),
            code: None,
            message: messages.join("; "),
            request_id: None,
            hint: "change the manifest (a comment will do) and upload it again to make it anew"
                .to_owned(),
        };
        return fail(status, failure, now);
    }
    let why = format!("{} in the manifest", counted(problems.len(), "problem"));
    let left = problems.len().saturating_sub(PROBLEMS_KEPT);
    problems.truncate(PROBLEMS_KEPT);
    if left > 0 {
        problems.push(Problem::new(format!(
            "and {} more",
            counted(left, "problem")
        )));
    }
    problems.iter_mut().for_each(Problem::shorten);
    status.problems = problems;
    status.move_to(State::Rejected, status.step, why, now);
    status.tell(NoticeKind::Rejected, now);
}

/// An image manifest beside the bundle decides in its place. There is nothing to tell: that one tells of the AMI.
pub fn leave_to(status: &mut Status, image_manifest: &str, now: Timestamp) {
    let why = format!("{image_manifest} beside the bundle decides about it");
    status.move_to(State::Superseded, status.step, why, now);
}

/// The step cannot go on yet. Returns whether that is news.
pub fn wait(status: &mut Status, waiting: Waiting, now: Timestamp) -> bool {
    let waiting = Waiting {
        since: Some(status.waits_since(&waiting, now)),
        ..waiting
    };
    let mut changed = status.waiting.as_ref() != Some(&waiting);
    status.waiting = Some(waiting);
    // Some steps wait for EC2 for hours, as is usual; then only what keeps them from looking counts.
    let is_long = match status.step {
        Step::AwaitTask | Step::AwaitImage => {
            let since = status.waiting.as_ref().and_then(|waiting| waiting.since);
            since.is_some_and(|since| now.duration_since(since) > WAITING_LONG)
        }
        _ => step_exceeds(status, WAITING_LONG, now),
    };
    if is_long && !status.told_since(NoticeKind::WaitingLong, status.step_since) {
        status.tell(NoticeKind::WaitingLong, now);
        changed = true;
    }
    changed
}

/// What the parts of a bundle that are there mean for the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartsVerdict {
    /// All there.
    Complete,
    /// Some are missing, or an upload over older parts is still running.
    Wait(Waiting),
    /// They cannot be this bundle's.
    Wrong(Problem),
}

/// Judges the parts of a bundle whose manifest says that they have `bundled_size` bytes.
#[must_use]
pub fn judge_parts(
    status: &Status,
    parts: &ObservedParts,
    bundled_size: u64,
    now: Timestamp,
) -> PartsVerdict {
    if let Some(first) = parts.missing.first() {
        let count = parts.missing.len();
        let all = count + parts.present.len();
        let others = if count == 1 {
            String::new()
        } else {
            format!(" and {} more", count - 1)
        };
        let message = format!(
            "{count} of {} not uploaded yet: {first}{others}",
            counted(all, "part")
        );
        return PartsVerdict::Wait(Waiting {
            missing_key: Some(first.clone()),
            ..Waiting::new(message)
        });
    }
    let size = parts.size();
    if size == bundled_size {
        return PartsVerdict::Complete;
    }
    let message =
        format!("the bundle's parts add up to {size} bytes, its manifest says {bundled_size}");
    let waiting = Waiting::new(message);
    if status.has_waited(&waiting, SIZE_GRACE, now) {
        let problem = Problem::new(waiting.message)
            .with_path("manifest.image.bundled_size")
            .with_hint(
                "upload the parts that belong to this manifest and then the manifest with a change \
                 (a blank at its end will do), or bundle the image anew",
            )
            .with_rule("AMI tools: bundled_size is the sum of the parts' sizes");
        return PartsVerdict::Wrong(problem);
    }
    PartsVerdict::Wait(waiting)
}

/// The bundle is complete.
pub fn bundle_complete(
    status: &mut Status,
    bundle: BundleVersion,
    identity: Identity,
    now: Timestamp,
) {
    status.bundle = Some(bundle);
    set_identity(status, identity);
    status.move_to(
        State::Working,
        Step::RegisterImage,
        "the bundle and all its parts are there",
        now,
    );
}

/// `1 part`, `2 parts`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// The first 8 digits of a digest, as people are shown it.
#[must_use]
pub fn shortened(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}
