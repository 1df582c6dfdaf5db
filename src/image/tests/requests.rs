//! Requests to cancel and to retry, and why each is refused.

use super::*;
use crate::image::apply::{Ignored, NotCancellable, NotRetryable, follow, request_retry};
use crate::image::message::failures;
use crate::image::request::{Ask, Malformed, Request, parse};
use crate::image::status::{Cancel, Failure, RequestVersion, Retry};
use crate::image::words::{FailureKind, State, WaitReason};
use crate::manifest::Problem;

fn ending() -> Status {
    let mut status = started(TaskKind::ImportSnapshot);
    poll(&mut status, TaskKind::ImportSnapshot, "failed", 1);
    assert_eq!(status.place(), "working/clean-up");
    status
}

fn failed() -> Status {
    let mut status = ending();
    clean_up(&mut status, 1);
    status
}

fn rejected() -> Status {
    let mut status = opened();
    apply(
        &mut status,
        StepOutcome::Reject(vec![Problem::new("no")]),
        after(1),
    );
    status
}

fn superseded() -> Status {
    let mut status = opened();
    let image_manifest = "golden/web.image.yaml".to_owned();
    advance(
        &mut status,
        Evidence::DecidedElsewhere { image_manifest },
        1,
    );
    status
}

fn not_stored() -> Status {
    let mut status = storing();
    poll(&mut status, TaskKind::StoreImage, "Failed", 9);
    status
}

fn cancelled() -> Status {
    let mut status = cancelled_by(opened(), CancelBy::Command, 1);
    advance(
        &mut status,
        Evidence::Cancelled {
            orphans: Vec::new(),
        },
        2,
    );
    status
}

#[test]
fn a_request_to_cancel_is_news_once() {
    let mut status = started(TaskKind::ImportSnapshot);
    let by = CancelBy::ManifestRemoved;
    assert_eq!(request_cancel(&mut status, by, after(1)), Ok(true));
    assert_eq!(
        last_change(&status),
        "the manifest was removed, so it is cancelled"
    );
    // The first request stays.
    assert_eq!(
        request_cancel(&mut status, CancelBy::Command, after(2)),
        Ok(false)
    );
    let first = Cancel {
        asked_at: after(1),
        by,
        uploaded_at: after(0),
    };
    assert_eq!(status.cancel, Some(first));
    assert_eq!(status.place(), "working/await-task");
    assert_eq!(kinds(&status), []);
}

#[test]
fn a_request_to_cancel_remembers_the_last_upload() {
    let mut status = opened();
    status.manifest.repeated_at = Some(after(3));
    let status = cancelled_by(status, CancelBy::ManifestRemoved, 4);
    assert_eq!(status.cancel.unwrap().uploaded_at, after(3));
}

#[test]
fn what_has_ended_or_is_made_is_not_cancelled_and_the_error_says_why() {
    let stored =
        "its AMI is already available and is being stored, for which EC2 has no cancellation";
    let cases = [
        (
            available(),
            NotCancellable::Ended(State::Available),
            "it is already available",
        ),
        (
            failed(),
            NotCancellable::Ended(State::Failed),
            "it is already failed",
        ),
        (
            rejected(),
            NotCancellable::Ended(State::Rejected),
            "it is already rejected",
        ),
        (
            cancelled(),
            NotCancellable::Ended(State::Cancelled),
            "it is already cancelled",
        ),
        (
            superseded(),
            NotCancellable::Ended(State::Superseded),
            "it is already superseded",
        ),
        (
            ending(),
            NotCancellable::Ending,
            "it has already failed, and what was made for it is being deleted",
        ),
        (to_be_stored(), NotCancellable::Stored, stored),
        (storing(), NotCancellable::Stored, stored),
    ];
    for (mut status, error, words) in cases {
        let before = status.clone();
        let refused = request_cancel(&mut status, CancelBy::Command, after(2)).unwrap_err();
        assert_eq!(refused, error);
        assert_eq!(refused.to_string(), words);
        assert_eq!(status, before);
    }
}

#[test]
fn a_new_attempt_is_asked_for_once() {
    for mut status in [failed(), cancelled()] {
        assert_eq!(request_retry(&mut status, after(3)), Ok(true));
        assert_eq!(last_change(&status), "an operator asked for a new attempt");
        assert_eq!(request_retry(&mut status, after(4)), Ok(false));
        assert_eq!(status.retry, Some(Retry { asked_at: after(3) }));
        assert!(status.state.is_final());
    }
}

#[test]
fn a_new_attempt_that_makes_no_sense_is_refused_with_the_reason() {
    let cases = [
        (
            opened(),
            NotRetryable::Working,
            "it is in progress: wait for its end, or cancel it first",
        ),
        (
            storing(),
            NotRetryable::Working,
            "it is in progress: wait for its end, or cancel it first",
        ),
        (
            ending(),
            NotRetryable::Working,
            "it is in progress: wait for its end, or cancel it first",
        ),
        (
            available(),
            NotRetryable::Available,
            "its AMI is available: there is nothing to retry",
        ),
        (
            not_stored(),
            NotRetryable::NotStored,
            "its AMI is available, and only storing it failed: store it manually (aws ec2 create-store-image-task)",
        ),
        (
            rejected(),
            NotRetryable::Rejected,
            "its manifest was rejected: fix the manifest and upload it again",
        ),
        (
            superseded(),
            NotRetryable::Superseded,
            "the image manifest beside this bundle decides: retry that one",
        ),
    ];
    for (mut status, error, words) in cases {
        let before = status.clone();
        let refused = request_retry(&mut status, after(3)).unwrap_err();
        assert_eq!(refused, error);
        assert_eq!(refused.to_string(), words);
        assert_eq!(status, before);
    }
}

#[test]
fn what_is_lost_can_be_retried_and_the_attempt_is_counted() {
    let mut status = started(TaskKind::ImportSnapshot);
    let lost = failures::task_lost(&status.build.tasks[0]);
    apply(&mut status, StepOutcome::Fail(lost), after(60));
    clean_up(&mut status, 61);
    assert_eq!(request_retry(&mut status, after(62)), Ok(true));
    let again = open(Some(status), manifest(DIGEST), after(63));
    assert_eq!((again.build.attempt, again.retry), (1, None));
    assert_eq!(last_change(&again), "a new attempt was asked for");
    assert_eq!(again.build.failure, None);
    assert!(again.build.tasks.is_empty());
}

/// The first line of the email, should it fail now.
fn first_line_if_failed(status: &mut Status, minutes: i64) -> String {
    let broken = Failure::new(FailureKind::Other, "registering the image", "it broke");
    apply(status, StepOutcome::Fail(broken), after(minutes));
    newest(status).text.lines().next().unwrap().to_owned()
}

/// A version that comes after another one is nobody's second attempt.
#[test]
fn a_new_attempt_is_said_to_have_begun_only_where_one_was_asked_for() {
    let mut first = opened();
    assert_eq!(
        first_line_if_failed(&mut first, 10),
        "web.image.yaml failed, 10m after golden/web.image.yaml was uploaded."
    );
    for (is_retry, began) in [
        (true, "a new attempt of golden/web.image.yaml began"),
        (false, "this version of golden/web.image.yaml was started"),
    ] {
        let mut before = first.clone();
        if is_retry {
            assert_eq!(request_retry(&mut before, after(11)), Ok(true));
        }
        let mut next = open(Some(before), manifest("bbbb"), after(20));
        assert_eq!(
            first_line_if_failed(&mut next, 25),
            format!("web.image.yaml failed, 5m after {began}.")
        );
    }
}

#[test]
fn a_refused_cancellation_is_reported_since_its_first_refusal_until_the_task_ends() {
    let refused = || {
        let message = "too late".to_owned();
        let code = Some("IncorrectState".to_owned());
        Evidence::CancelSent(Some(WaitReason::CancelRefused { code, message }))
    };
    let mut status = cancelled_by(importing(), CancelBy::Command, 6);
    advance(&mut status, refused(), 6);
    let running = seen_task(TaskKind::ImportSnapshot, "active");
    poll_task(&mut status, Some(&running), 7);
    assert_eq!(status.build.waiting.as_ref().unwrap().since, after(6));
    advance(&mut status, refused(), 17);
    assert_eq!(status.build.waiting.as_ref().unwrap().since, after(6));
    poll_task(&mut status, Some(&completed(TaskKind::ImportSnapshot)), 18);
    assert_eq!(status.place(), "working/clean-up");
    assert_eq!(status.build.waiting, None);
}

#[test]
fn what_could_not_be_deleted_is_no_longer_waited_for() {
    let mut status = cancelled_by(registered(), CancelBy::Command, 1);
    let orphans = Vec::new();
    advance(&mut status, Evidence::Cancelled { orphans }, 1);
    let (code, message) = (None, "in use".to_owned());
    let wait = StepOutcome::Wait(WaitReason::Retrying { code, message });
    apply(&mut status, wait, after(2));
    advance(
        &mut status,
        Evidence::NotDeleted(vec![orphan("ami-1", "no")]),
        3,
    );
    assert_eq!(status.build.waiting, None);
}

/// The request that was written at this minute.
fn written(minute: i64) -> RequestVersion {
    RequestVersion {
        etag: "\"req\"".to_owned(),
        written_at: after(minute),
    }
}

/// A request about the version of this status.
fn about(status: &Status, ask: Ask) -> Request {
    Request::about(status, ask, after(5))
}

#[test]
fn a_request_is_read_as_it_is_written_and_nothing_else_is() {
    let request = about(&failed(), Ask::Retry);
    let written = serde_json::to_value(&request).unwrap();
    let read = |it: &serde_json::Value| parse(it.to_string().as_bytes());
    assert_eq!(read(&written), Ok(request));
    for (field, value) in [
        ("ask", serde_json::json!("delete")),
        ("askedAt", serde_json::json!("now")),
        ("about", serde_json::json!({})),
        ("state", serde_json::json!("available")),
    ] {
        let mut wrong = written.clone();
        wrong[field] = value;
        let reason = read(&wrong).unwrap_err().to_string();
        assert!(
            reason.starts_with("it is not a request (line 1, "),
            "{reason}"
        );
    }
}

#[test]
fn a_request_about_what_its_asker_saw_is_followed() {
    let mut status = started(TaskKind::ImportSnapshot);
    let cancel = about(&status, Ask::Cancel);
    let (first, second) = (written(5), written(6));
    assert_eq!(follow(&mut status, &first, Ok(&cancel), after(6)), Ok(true));
    let mut asked = status.clone();
    assert_eq!(asked.cancel.unwrap().by, CancelBy::Command);
    assert_eq!(
        follow(&mut status, &second, Ok(&cancel), after(7)),
        Ok(false)
    );
    assert_eq!(status.answered.replace(first), Some(second));
    // Of what was uploaded in that minute, too.
    let until = status.cancel.unwrap().uploaded_at;
    asked.cancel.as_mut().unwrap().uploaded_at = until;
    assert_eq!(status, asked);

    let mut status = failed();
    let retry = about(&status, Ask::Retry);
    let answer = follow(&mut status, &written(5), Ok(&retry), after(6));
    assert_eq!(answer, Ok(true));
    let asked_at = after(6);
    assert_eq!(status.retry, Some(Retry { asked_at }));
}

#[test]
fn a_request_is_answered_once_also_where_it_would_make_sense_again() {
    let mut status = failed();
    let retry = about(&status, Ask::Retry);
    let answer = follow(&mut status, &written(5), Ok(&retry), after(6));
    assert_eq!(answer, Ok(true));
    // What was asked for is done, and has ended as before.
    status.retry = None;
    let done = status.clone();
    let answer = follow(&mut status, &written(5), Ok(&retry), after(7));
    assert_eq!(answer, Ok(false));
    assert_eq!(status, done);
    let answer = follow(&mut status, &written(7), Ok(&retry), after(8));
    assert_eq!(answer, Ok(true));
}

#[test]
fn a_request_that_is_ignored_leaves_one_line_and_changes_nothing_else() {
    let mut other = about(&failed(), Ask::Retry);
    other.about.attempt += 1;
    let mut of_another = about(&failed(), Ask::Cancel);
    of_another.about.sha256.clear();
    let cancel = about(&failed(), Ask::Cancel);
    let (is_other, not_a_request) = (
        Err(Ignored::OtherVersion),
        Err(Malformed::NotARequest { line: 1, column: 2 }),
    );
    for (request, expected) in [
        (Ok(&other), is_other),
        (Ok(&of_another), is_other),
        (
            Ok(&cancel),
            Err(NotCancellable::Ended(State::Failed).into()),
        ),
        (Err(Malformed::TooLarge), Err(Malformed::TooLarge.into())),
        (not_a_request, Err(not_a_request.unwrap_err().into())),
    ] {
        let before = failed();
        let mut status = before.clone();
        for at in [5, 6] {
            let answer = follow(&mut status, &written(at), request, after(at));
            assert_eq!(answer, expected);
            let again = follow(&mut status, &written(at), request, after(at));
            assert_eq!(again, Ok(false));
        }
        let line = status.history.pop().unwrap();
        assert!(line.why.contains("was ignored: it "), "{}", line.why);
        assert_eq!((line.at, line.from), (after(5), line.to));
        assert_eq!(status.answered.take(), Some(written(6)));
        assert_eq!(status, before);
    }
}
