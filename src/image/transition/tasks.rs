//! EC2's tasks: started, followed, ended.

use jiff::Timestamp;

use super::endings::{fail, give_up};
use crate::image::advice;
use crate::image::notice::NoticeKind;
use crate::image::observed::ObservedTask;
use crate::image::plan::{ENDING_GRACE, WAITING_LONG};
use crate::image::status::{Ending, Failure, Image, SourceObject, State, Status, Step};
use crate::image::task::{Phase, Task, TaskKind};

/// The object that the image is made from is there and is what it should be.
pub fn object_checked(status: &mut Status, object: SourceObject, now: Timestamp) {
    let why = format!("s3://{}/{} is there", object.bucket, object.key);
    status.object = Some(object);
    status.move_to(State::Working, Step::StartTask, why, now);
}

/// The object was replaced before the task was started.
pub fn object_replaced(status: &mut Status, now: Timestamp) {
    status.object = None;
    let why = "the object was replaced or removed since it was looked at";
    status.move_to(State::Working, Step::CheckObject, why, now);
}

/// EC2 has the task: just started, or found where an earlier try had started it.
pub fn task_started(status: &mut Status, task: Task, why: &str, now: Timestamp) {
    let why = format!("{why}: {} {} in {}", task.kind, task.id, task.region);
    let step = if task.kind.is_image() {
        let image = Image {
            id: task.id.clone(),
            state: task.state.clone(),
            unseen_since: None,
            snapshots: task.snapshots.clone(),
        };
        status.images.insert(task.region.clone(), image);
        Step::AwaitImage
    } else {
        Step::AwaitTask
    };
    status.tasks.push(task);
    status.move_to(State::Working, step, why, now);
}

/// The task that is followed was looked at; `seen` is none where EC2 does not list it. Returns whether anything changed.
pub fn task_seen(status: &mut Status, seen: Option<&ObservedTask>, now: Timestamp) -> bool {
    let Some(task) = status.tasks.last_mut() else {
        return false;
    };
    let Some(seen) = seen else {
        let news = task.unseen_since.is_none();
        task.unseen_since.get_or_insert(now);
        return news;
    };
    let updated_at = task.updated_at;
    let changed = task.see(seen, now) | status.waiting.take().is_some();
    if task.updated_at != updated_at {
        status.stalls = 0;
    }
    let task = task.clone();
    status.progress = task.progress;
    match task.phase() {
        Phase::Complete => complete(status, &task, now),
        Phase::Failed => failed(status, &task, now),
        Phase::Ending if now.duration_since(task.updated_at) > ENDING_GRACE => {
            failed(status, &task, now);
        }
        Phase::Ending | Phase::Running => return stalled(status, now) || changed,
    }
    true
}

fn complete(status: &mut Status, task: &Task, now: Timestamp) {
    let why = format!("{} {} is complete", task.kind, task.id);
    if status.cancel.is_some() && task.kind != TaskKind::StoreImage {
        return give_up(status, Ending::Cancelled, None, now);
    }
    match task.kind {
        TaskKind::ImportSnapshot if task.snapshots.is_empty() => {
            fail(status, made_nothing(task, "snapshot"), now);
        }
        TaskKind::ImportImage if task.image.is_none() => {
            fail(status, made_nothing(task, "AMI"), now);
        }
        TaskKind::ImportSnapshot | TaskKind::ImportImage => {
            status.move_to(State::Working, Step::TagImported, why, now);
        }
        TaskKind::BundleInstance => status.move_to(State::Working, Step::CheckBundle, why, now),
        TaskKind::StoreImage => {
            status.move_to(State::Available, Step::AwaitTask, why, now);
            status.tell(NoticeKind::Completed, now);
        }
        // Their AMI is looked at, not their task.
        TaskKind::CopyImage | TaskKind::RestoreImage => {}
    }
}

fn made_nothing(task: &Task, what: &str) -> Failure {
    Failure {
        doing: format!("following {} {}", task.kind, task.id),
        code: None,
        message: format!("EC2 says that it is {} but names no {what}", task.state),
        request_id: None,
        hint: "look at the task in the EC2 console, then change the manifest (a comment will do) and upload it again"
            .to_owned(),
    }
}

fn failed(status: &mut Status, task: &Task, now: Timestamp) {
    if status.cancel.is_some() && task.kind != TaskKind::StoreImage {
        return give_up(status, Ending::Cancelled, None, now);
    }
    let message = task
        .message
        .clone()
        .unwrap_or_else(|| format!("EC2 says that it is {} and gives no reason", task.state));
    let hint = advice::for_failed_task(task, &message);
    let failure = Failure {
        doing: format!("following {} {}", task.kind, task.id),
        code: task.code.clone(),
        message,
        request_id: None,
        hint,
    };
    fail(status, failure, now);
}

/// What was imported has its tags: a snapshot is registered, an AMI looked at.
pub fn imported_is_tagged(status: &mut Status, now: Timestamp) {
    let Some(task) = status.tasks.last().cloned() else {
        return;
    };
    let why = "what was imported is tagged";
    match task.image {
        Some(id) => {
            let image = Image {
                id,
                state: "pending".to_owned(),
                unseen_since: None,
                snapshots: task.snapshots,
            };
            super::images::registered(status, &task.region, image, why, now);
        }
        None => status.move_to(State::Working, Step::RegisterImage, why, now),
    }
}

/// Tells of silence: after a time that is named for each kind, then after twice that, and so on. Nothing is given up
/// for being slow. Returns whether there was something to tell.
#[must_use]
pub fn stalled(status: &mut Status, now: Timestamp) -> bool {
    // RegisterImage takes seconds.
    let limit = status
        .followed_task()
        .map_or(WAITING_LONG, |task| task.kind.stalled_after());
    let silence = now.duration_since(status.still_since());
    let told = status.stalls;
    // Nobody may have looked for long: then one notice stands for all that would have been told meanwhile.
    while limit
        .checked_mul(2_i32.saturating_pow(status.stalls))
        .is_some_and(|limit| silence > limit)
    {
        status.stalls += 1;
    }
    if status.stalls == told {
        return false;
    }
    status.tell(NoticeKind::Stalled, now);
    true
}
