//! The AMI: registered, or begun by a task, and looked at until it is available.

use jiff::Timestamp;

use super::endings::{fail, give_up};
use super::tasks::stalled;
use crate::image::notice::NoticeKind;
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Ending, Failure, Image, State, Status, Step};

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
    let mut changed = keep(status, region, seen) | status.waiting.take().is_some();
    if let Some(task) = status.tasks.last_mut().filter(|task| task.kind.is_image()) {
        let before = task.updated_at;
        changed |= task.see(&as_task(seen), now);
        if task.updated_at != before {
            status.stalls = 0;
        }
    }
    match seen.state.as_str() {
        "available" => {
            available(status, seen, now);
            true
        }
        "failed" | "invalid" | "error" | "deregistered" => {
            fail(status, image_failure(seen), now);
            true
        }
        // `pending`, `transient`, `disabled` and words that EC2 may add: shown, and waited on.
        _ => stalled(status, now) || changed,
    }
}

/// Keeps what was seen of the AMI. Returns whether anything is new.
fn keep(status: &mut Status, region: &str, seen: &ObservedImage) -> bool {
    let before = status.images.get(region);
    let mut image = Image {
        id: seen.id.clone(),
        state: seen.state.clone(),
        unseen_since: None,
        snapshots: seen.snapshots.clone(),
    };
    if image.snapshots.is_empty() {
        image.snapshots = before
            .map(|before| before.snapshots.clone())
            .unwrap_or_default();
    }
    let changed = before != Some(&image);
    status.images.insert(region.to_owned(), image);
    changed
}

/// A copy and a restoration are seen by their AMI alone.
fn as_task(seen: &ObservedImage) -> ObservedTask {
    let (code, message) = seen.reason.clone().unzip();
    ObservedTask {
        id: seen.id.clone(),
        state: seen.state.clone(),
        code,
        message,
        snapshots: seen.snapshots.clone(),
        image: Some(seen.id.clone()),
        ..ObservedTask::default()
    }
}

fn available(status: &mut Status, seen: &ObservedImage, now: Timestamp) {
    let why = format!("{} is available", seen.id);
    if status.store.is_some() {
        status.move_to(State::Working, Step::StoreImage, why, now);
    } else {
        status.move_to(State::Available, Step::AwaitImage, why, now);
        status.tell(NoticeKind::Completed, now);
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
        message: format!("EC2 gave the id {id} but has not listed the AMI since {since}"),
        request_id: None,
        hint: "somebody may have deregistered it: see DeregisterImage in CloudTrail; \
               change the manifest (a comment will do) and upload it again to make it anew"
            .to_owned(),
    };
    give_up(status, Ending::Lost, Some(failure), now);
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
        _ => "mend what the message names, then change the manifest (a comment will do) and upload it again"
            .to_owned(),
    };
    Failure {
        doing: format!("waiting for {} to become available", seen.id),
        code,
        message,
        request_id: None,
        hint,
    }
}
