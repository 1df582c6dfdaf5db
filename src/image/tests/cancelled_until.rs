//! Which uploads an operator's request to cancel is about: those before it, by S3's clock, whoever had heard of them.

use super::*;
use crate::image::apply::{cancel_again, follow};
use crate::image::request::{Ask, Request};
use crate::image::status::RequestVersion;

/// The request that was written then.
fn written(at: Timestamp) -> RequestVersion {
    RequestVersion {
        etag: "\"req\"".to_owned(),
        written_at: at,
    }
}

fn second() -> SignedDuration {
    SignedDuration::from_secs(1)
}

/// Somebody asks once more then; whether that is new.
fn again(status: &mut Status, at: Timestamp, request: &Request) -> bool {
    cancel_again(status, &written(at), request, after(9))
}

/// Until when uploads are cancelled by a request that was written then.
fn until(mut status: Status, at: Timestamp) -> Timestamp {
    let request = Request::about(&status, Ask::Cancel, after(0));
    let answer = follow(&mut status, &written(at), Ok(&request), after(9));
    assert_eq!(answer, Ok(true));
    status.cancel.unwrap().uploaded_at
}

#[test]
fn uploads_before_the_request_are_cancelled_and_no_others() {
    let status = started(TaskKind::ImportSnapshot);
    assert_eq!(status.manifest.uploaded_at, after(0));
    // Of the same second it is not known which came first.
    assert_eq!(until(status.clone(), after(5)), after(5) - second());
    // This attempt is of an upload before the request, whatever the clocks of S3 show.
    for early in [after(0), after(-1)] {
        assert_eq!(until(status.clone(), early), after(0));
    }
    // The same was uploaded again, and that was heard of before the request.
    for (repeated_at, is_cancelled) in [(after(3), true), (after(5), false), (after(6), false)] {
        let mut status = status.clone();
        status.manifest.repeated_at = Some(repeated_at);
        let until = until(status, after(5));
        assert_eq!(repeated_at <= until, is_cancelled, "{repeated_at} {until}");
    }
}

#[test]
fn who_asks_again_cancels_what_was_uploaded_meanwhile() {
    let mut status = started(TaskKind::ImportSnapshot);
    let request = Request::about(&status, Ask::Cancel, after(0));
    // While nobody has asked, who asks again is late.
    let before = status.clone();
    assert!(!again(&mut status, after(4), &request));
    assert_eq!(status, before);

    let answer = follow(&mut status, &written(after(5)), Ok(&request), after(5));
    assert_eq!(answer, Ok(true));
    assert!(again(&mut status, after(7), &request));
    let until = status.cancel.unwrap().uploaded_at;
    assert_eq!(until, after(7) - second());
    // It cannot be deleted, or an earlier one is answered late.
    for late in [after(7), after(6)] {
        assert!(!again(&mut status, late, &request));
    }
    let mut other = request;
    other.about.attempt += 1;
    assert!(!again(&mut status, after(8), &other));
}

/// The manifest may be back as an old version: nothing is known of when it was removed.
#[test]
fn an_image_whose_manifest_was_removed_is_cancelled_for_that() {
    let mut status = cancelled_by(
        started(TaskKind::ImportSnapshot),
        CancelBy::ManifestRemoved,
        1,
    );
    let before = status.cancel;
    let request = Request::about(&status, Ask::Cancel, after(0));
    let answer = follow(&mut status, &written(after(5)), Ok(&request), after(5));
    assert_eq!(answer, Ok(false));
    assert!(!again(&mut status, after(6), &request));
    assert_eq!(status.cancel, before);

    // It was uploaded again, and that is known.
    status.manifest.repeated_at = Some(after(4));
    assert!(again(&mut status, after(3), &request));
    let cancel = status.cancel.unwrap();
    assert_eq!((cancel.by, cancel.asked_at), (CancelBy::Command, after(1)));
    assert!(cancel.uploaded_at < after(4), "{cancel:?}");
    assert!(again(&mut status, after(5), &request));
    assert!(status.cancel.unwrap().uploaded_at > after(4));
}
