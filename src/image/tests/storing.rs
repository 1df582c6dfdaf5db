//! An AMI that is available and is kept in S3, too.

use super::*;
use crate::image::message::failures;
use crate::image::publish::audit::is_auditable;
use crate::image::status::Failure;
use crate::image::words::{FailureKind, State};

#[test]
fn an_ami_is_stored_once_available_and_notified_once_stored() {
    let mut status = to_be_stored();
    assert_eq!(status.place(), "working/store-image");
    assert_eq!(kinds(&status), []);

    start(&mut status, TaskKind::StoreImage, 1);
    assert_eq!(status.place(), "working/await-store");
    let under_way = ObservedTask {
        object: Some("s3://archive/ami-1.bin".to_owned()),
        ..seen_task(TaskKind::StoreImage, "InProgress")
    };
    assert!(poll_task(&mut status, Some(&under_way), 2));
    assert_eq!(kinds(&status), []);
    assert!(poll_task(
        &mut status,
        Some(&completed(TaskKind::StoreImage)),
        9
    ));
    assert_eq!(status.state, State::Available);
    assert_eq!(kinds(&status), [NoticeKind::Completed]);
    let stored = status.build.tasks[0].object_address();
    assert_eq!(stored, Some(("archive", "ami-1.bin")));
}

#[test]
fn an_ami_that_could_not_be_stored_is_kept() {
    let mut refused = to_be_stored();
    let action = "CreateStoreImageTask".to_owned();
    let failure = Failure::new(
        FailureKind::RequestRefused { action },
        "storing ami-1",
        "no",
    );
    apply(&mut refused, StepOutcome::Fail(failure), after(2));
    let mut failed = storing();
    poll(&mut failed, TaskKind::StoreImage, "Failed", 2);
    let mut lost = storing();
    let failure = failures::task_lost(&lost.build.tasks[0]);
    apply(&mut lost, StepOutcome::Fail(failure), after(2));
    for status in [refused, failed, lost] {
        // At once: nothing is cleaned up.
        assert_eq!(status.state, State::Incomplete);
        assert_eq!(kinds(&status), [NoticeKind::Incomplete]);
        assert_eq!(status.regions[REGION].image_state, "available");
        assert!(status.build.deleted.is_empty());
        assert!(status.only_storing());
    }
}

/// It has all its settings: what somebody changes about it is found.
#[test]
fn an_ami_that_may_not_be_stored_any_more_is_audited() {
    let mut status = to_be_stored();
    let failure = failures::manifest_not_allowed("the bucket was closed".to_owned());
    apply(&mut status, StepOutcome::Fail(failure), after(2));
    assert_eq!(status.state, State::Incomplete);
    assert!(is_auditable(&status, after(120)));
}

/// It cannot be asked for any more, but may have been before.
#[test]
fn an_old_request_to_cancel_does_not_lose_what_is_stored() {
    let mut status = storing();
    status.cancel = cancelled_by(opened(), CancelBy::Command, 1).cancel;
    poll_task(&mut status, Some(&completed(TaskKind::StoreImage)), 9);
    assert_eq!(status.state, State::Available);
}
