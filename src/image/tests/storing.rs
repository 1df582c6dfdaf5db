//! An AMI that is available and is kept in S3, too.

use super::{REGION, after, registered, seen, seen_task, storing, to_be_stored, told};
use crate::image::NoticeKind;
use crate::image::observed::ObservedTask;
use crate::image::status::{Ending, Failure, State};
use crate::image::task::TaskKind;
use crate::image::transition::{fail, give_up, image_seen, task_seen};

fn stored(state: &str) -> ObservedTask {
    ObservedTask {
        object: Some("s3://archive/ami-1.bin".to_owned()),
        ..seen_task(TaskKind::StoreImage, state)
    }
}

fn failure(message: &str) -> Failure {
    Failure {
        doing: "storing ami-1".to_owned(),
        code: None,
        message: message.to_owned(),
        request_id: None,
        hint: "store it by hand".to_owned(),
    }
}

#[test]
fn an_ami_is_stored_once_it_is_available_and_told_of_once_it_is_stored() {
    let mut status = registered();
    status.store = Some("archive".to_owned());
    image_seen(&mut status, REGION, Some(&seen("pending")), after(1));
    assert_eq!(status.place(), "working/await-image");
    image_seen(&mut status, REGION, Some(&seen("available")), after(1));
    assert_eq!(status.place(), "working/store-image");
    assert_eq!(told(&status), []);

    let mut status = storing();
    assert_eq!(status.place(), "working/await-task");
    assert!(task_seen(
        &mut status,
        Some(&stored("InProgress")),
        after(2)
    ));
    assert_eq!(told(&status), []);
    assert!(task_seen(&mut status, Some(&stored("Completed")), after(9)));
    assert_eq!(status.state, State::Available);
    assert_eq!(told(&status), [NoticeKind::Completed]);
    assert_eq!(
        status.tasks[0].object.as_deref(),
        Some("s3://archive/ami-1.bin")
    );
}

#[test]
fn an_ami_that_could_not_be_stored_is_kept() {
    let mut refused = to_be_stored();
    fail(&mut refused, failure("no such bucket"), after(2));
    let mut failed = storing();
    task_seen(&mut failed, Some(&stored("Failed")), after(2));
    let mut lost = storing();
    give_up(&mut lost, Ending::Lost, Some(failure("gone")), after(2));
    for (status, notice) in [
        (refused, NoticeKind::Failed),
        (failed, NoticeKind::Failed),
        (lost, NoticeKind::Lost),
    ] {
        // At once: nothing is cleaned up.
        assert_eq!(status.state, State::Failed);
        assert_eq!(told(&status), [notice]);
        assert_eq!(status.images[REGION].state, "available");
        assert!(status.removed.is_empty());
    }
}
