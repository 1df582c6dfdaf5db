//! How what was seen changes what is known. Every change of state records its notice in the same value,
//! so that one conditional write saves both.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::notice::NoticeKind;
use super::observed::{ObservedImage, ObservedParts};
use super::plan::{SIZE_GRACE, VISIBILITY_GRACE, WAITING_LONG, step_exceeds};
use super::status::{BundleVersion, Failure, Image, ManifestVersion, State, Status, Step, Waiting};
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

/// The manifest passed the checks.
pub fn accept(status: &mut Status, accepted: Accepted, now: Timestamp) {
    status.source = Some(accepted.source);
    match accepted.identity {
        Some(identity) => {
            set_identity(status, identity);
            status.move_to(
                State::Working,
                Step::RegisterImage,
                "the manifest passed the checks",
                now,
            );
        }
        None => status.move_to(
            State::Working,
            Step::CheckBundle,
            "the manifest passed the checks",
            now,
        ),
    }
}

fn set_identity(status: &mut Status, identity: Identity) {
    status.name = Some(identity.name);
    status.digest = Some(identity.digest);
}

/// The manifest, or the bundle it names, did not pass the checks.
pub fn reject(status: &mut Status, mut problems: Vec<Problem>, now: Timestamp) {
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
    if step_exceeds(status, WAITING_LONG, now)
        && !status.told_since(NoticeKind::WaitingLong, status.step_since)
    {
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

/// EC2 has the AMI: just registered, or found where an earlier try had registered it.
pub fn registered(status: &mut Status, region: &str, image: Image, why: &str, now: Timestamp) {
    let why = format!("{why}: {} in {region}", image.id);
    status.images.insert(region.to_owned(), image);
    status.move_to(State::Working, Step::AwaitImage, why, now);
}

/// The AMI was looked at; `seen` is none where EC2 does not list it. Returns whether anything changed.
pub fn image_seen(
    status: &mut Status,
    region: &str,
    seen: Option<&ObservedImage>,
    now: Timestamp,
) -> bool {
    let Some(seen) = seen else {
        return image_unseen(status, region, now);
    };
    let before = status.images.get(region).cloned();
    let mut image = Image {
        id: seen.id.clone(),
        state: seen.state.clone(),
        unseen_since: None,
        snapshots: seen.snapshots.clone(),
    };
    if image.snapshots.is_empty() {
        image.snapshots = before
            .as_ref()
            .map(|before| before.snapshots.clone())
            .unwrap_or_default();
    }
    let changed = before.as_ref() != Some(&image);
    status.images.insert(region.to_owned(), image);
    match seen.state.as_str() {
        "available" => {
            status.move_to(
                State::Available,
                Step::AwaitImage,
                format!("{} is available", seen.id),
                now,
            );
            status.tell(NoticeKind::Completed, now);
            true
        }
        "failed" | "invalid" | "error" | "deregistered" => {
            fail(status, image_failure(seen), now);
            true
        }
        // `pending`, `transient`, `disabled` and words that EC2 may add: shown, and waited on.
        other => {
            let waiting = Waiting::new(format!("{} is {other}", seen.id));
            wait(status, waiting, now) || changed
        }
    }
}

/// One empty answer is no proof, whenever it comes: EC2's answers are eventually consistent.
fn image_unseen(status: &mut Status, region: &str, now: Timestamp) -> bool {
    let Some(image) = status.images.get_mut(region) else {
        return false;
    };
    let Some(since) = image.unseen_since else {
        image.unseen_since = Some(now);
        return true;
    };
    if now.duration_since(since) <= VISIBILITY_GRACE {
        return false;
    }
    let id = &image.id;
    let failure = Failure {
        doing: format!("waiting for {id} in {region}"),
        code: Some("InvalidAMIID.NotFound".to_owned()),
        message: format!("EC2 registered {id} but has not listed it since {since}"),
        request_id: None,
        hint: "somebody may have deregistered it: see DeregisterImage in CloudTrail; \
               change the manifest (a comment will do) and upload it again to register it anew"
            .to_owned(),
    };
    fail(status, failure, now);
    true
}

fn image_failure(seen: &ObservedImage) -> Failure {
    let (code, message) = match &seen.reason {
        Some((code, message)) => (Some(code.clone()), message.clone()),
        None => (
            None,
            format!(
                "EC2 says that {} is {} and gives no reason",
                seen.id, seen.state
            ),
        ),
    };
    let hint = match seen.state.as_str() {
        "deregistered" => "somebody deregistered it: see DeregisterImage in CloudTrail".to_owned(),
        _ => format!(
            "mend what the message names, deregister {} to free its name, change the manifest and upload it again",
            seen.id
        ),
    };
    Failure {
        doing: format!("waiting for {} to become available", seen.id),
        code,
        message,
        request_id: None,
        hint,
    }
}

/// The image will not come to be.
pub fn fail(status: &mut Status, failure: Failure, now: Timestamp) {
    let why = match &failure.code {
        Some(code) => format!("{}: {code}: {}", failure.doing, failure.message),
        None => format!("{}: {}", failure.doing, failure.message),
    };
    status.failure = Some(failure);
    status.move_to(State::Failed, status.step, why, now);
    status.tell(NoticeKind::Failed, now);
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
