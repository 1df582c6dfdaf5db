//! AMIs that have to go before the new one can be registered.

use super::emails::assert_email;
use super::retire::{DEREGISTER, free, seen_as};
use super::*;
use crate::image::message::failures;
use crate::image::outcome::{Claim, PublishIntent, Retired};
use crate::image::publish::Observation;
use crate::image::publish::in_place::{Because, Next, next, of_bundle, of_name};
use crate::image::publish::retire::{InUse, Pending, Seen, Shown, Target};
use crate::image::status::{Action, KeptReason, Protection, RegionAction};
use crate::image::words::{FailureKind, State};
use crate::manifest::Problem;

/// About to be registered, after a version whose AMI is `ami-old`.
fn to_replace() -> Status {
    let mut status = accepted(SourceKind::Snapshot);
    let old = RegionStatus::pending("ami-old".to_owned());
    status.previous = vec![earlier_version(old)];
    status
}

fn target(status: &Status) -> Target {
    of_name(status, REGION, Some("ami-old")).remove(0)
}

fn decided(because: Because, seen: Seen) -> Next {
    next(
        because,
        DEREGISTER,
        &[(target(&to_replace()), seen)],
        after(10),
    )
}

/// The AMI is deregistered, and that is recorded.
fn make_room(status: &mut Status) {
    let action = Action::DeregisterPrevious {
        image: "ami-old".to_owned(),
        snapshots: vec!["snap-old".to_owned()],
        delete: false,
    };
    let what = RegionAction {
        region: REGION.to_owned(),
        action,
    };
    let intent = PublishIntent {
        actions: vec![what.clone()],
        ..PublishIntent::default()
    };
    apply(
        status,
        StepOutcome::Claim(Claim::Publish(intent)),
        after(10),
    );
    let known = &status.previous[0].regions[REGION];
    assert_eq!(known.snapshots, ["snap-old"], "known before it goes");
    let done = Retired {
        done: vec![what],
        ..Retired::default()
    };
    advance(status, Evidence::Retired(done), 10);
}

#[test]
fn what_is_free_goes_and_what_is_in_use_keeps_its_name() {
    let in_use = || Seen {
        in_use: InUse::Yes(KeptReason::Launched { at: after(1) }),
        ..free()
    };
    assert!(matches!(decided(Because::Name, free()), Next::Do(..)));
    assert!(matches!(decided(Because::Name, in_use()), Next::Stays(..)));
    let foreign = seen_as(Shown::default());
    assert!(matches!(
        decided(Because::Name, foreign.clone()),
        Next::Stays(_, KeptReason::Unproven)
    ));
    // Its name is its own: nothing waits for it.
    assert_eq!(decided(Because::Bundle, foreign), Next::Register);
}

#[test]
fn what_is_not_known_is_waited_for_and_what_is_gone_is_not() {
    let unknown = Seen {
        image: Observation::Unknown,
        ..free()
    };
    assert!(matches!(
        decided(Because::Name, unknown),
        Next::Wait(_, Pending::Unknown)
    ));
    let absent = Seen {
        image: Observation::Absent,
        ..free()
    };
    assert_eq!(decided(Because::Name, absent), Next::Register);
}

/// After a crash nobody knows whether EC2 has heard the request.
#[test]
fn a_request_whose_answer_is_not_known_is_sent_again() {
    let mut status = to_replace();
    assert_eq!(of_name(&status, REGION, None), []);
    let known = status.previous[0].regions.get_mut(REGION).unwrap();
    known.retiring.asked_at = Some(after(9));
    assert_eq!(of_name(&status, REGION, None).len(), 1);
}

#[test]
fn only_an_ami_whose_bundle_was_overwritten_goes_unasked() {
    let mut status = available_from_bundle();
    assert_eq!(of_bundle(&status, REGION), []);
    status.previous = status.handed_on().1;
    assert_eq!(of_bundle(&status, REGION), [], "the same bundle");
    status.build.bundle.as_mut().unwrap().sha256 = "other".to_owned();
    assert_eq!(of_bundle(&status, REGION).len(), 1);
    status.build.bundle.as_mut().unwrap().key = "elsewhere.manifest.xml".to_owned();
    assert_eq!(of_bundle(&status, REGION), [], "another place");
}

fn available_from_bundle() -> Status {
    let mut status = accepted(SourceKind::Bundle);
    advance(&mut status, bundle_checked("aaaa"), 2);
    let image = RegionStatus::pending("ami-1".to_owned());
    status.regions.insert(REGION.to_owned(), image);
    status
}

#[test]
fn the_failure_after_it_says_that_there_is_no_ami_any_more() {
    let mut status = to_replace();
    make_room(&mut status);
    assert_eq!(status.previous, [], "without `replaces`, that was all");
    let failure = failures::name_kept(&status, "ami-new", &KeptReason::Unproven);
    apply(&mut status, StepOutcome::Fail(failure), after(11));
    assert_email("failed_after_replacing", &status);
}

#[test]
fn the_failure_says_why_an_earlier_ami_had_to_go() {
    let (name, overwritten) = ("to make room for this one", "its bundle was overwritten");
    for (before, replaces, why) in [
        ("b0b0", true, overwritten),
        ("b0b0", false, overwritten),
        ("b1b1", true, name),
    ] {
        let mut status = to_replace();
        status.replaces = replaces;
        status.previous[0].bundle = Some(bundle(before));
        status.build.bundle = Some(bundle("b1b1"));
        make_room(&mut status);
        let failure = failures::name_kept(&status, "ami-new", &KeptReason::Unproven);
        apply(&mut status, StepOutcome::Fail(failure), after(11));
        let text = of_now(status).text;
        assert!(text.contains(why), "{before} {replaces}: {text}");
    }
}

/// A rejection says that nothing was changed in AWS.
#[test]
fn what_is_not_allowed_any_more_after_it_fails_and_is_not_rejected() {
    let asked = || {
        let mut status = to_replace();
        let known = status.previous[0].regions.get_mut(REGION).unwrap();
        known.retiring.asked_at = Some(after(9));
        status
    };
    let mut gone = to_replace();
    make_room(&mut gone);
    for mut status in [gone, asked()] {
        let closed = Problem::new("the parameter AllowRetire is not true");
        apply(&mut status, StepOutcome::Reject(vec![closed]), after(11));
        assert_eq!(status.state, State::Failed);
        let failure = status.build.failure.as_ref().unwrap();
        assert_eq!(failure.kind, FailureKind::ManifestNotAllowed);
        assert!(failure.message.contains("AllowRetire"), "{failure:?}");
        assert_eq!(status.notices.len(), 1);
        assert_eq!(status.notices[0].kind, NoticeKind::Failed);
    }
}

/// What an earlier version began is not this one's, for which nothing was changed.
#[test]
fn a_version_for_which_nothing_was_begun_is_rejected() {
    let mut status = to_replace();
    let known = status.previous[0].regions.get_mut(REGION).unwrap();
    known.retiring.asked_at = Some(after(-1));
    let closed = Problem::new("the parameter AllowRetire is not true");
    apply(&mut status, StepOutcome::Reject(vec![closed]), after(11));
    assert_eq!(status.state, State::Rejected);
}

/// Nobody is told that an AMI is kept which may be gone, or which was left without its protection.
#[test]
fn a_failure_says_what_was_begun_and_not_finished() {
    let mut status = to_replace();
    status.previous[0].regions = ["asked", "both", "kept", "unprotected"]
        .into_iter()
        .map(|name| {
            let mut known = RegionStatus::pending(format!("ami-{name}"));
            let is_asked = matches!(name, "asked" | "both");
            known.retiring.asked_at = is_asked.then(|| after(9));
            let is_off = matches!(name, "both" | "unprotected");
            known.retiring.protection = is_off.then_some(Protection::WithCooldown);
            (format!("{REGION}-{name}"), known)
        })
        .collect();
    let failure = failures::name_kept(&status, "ami-new", &KeptReason::Unproven);
    apply(&mut status, StepOutcome::Fail(failure), after(11));
    assert_email("failed_while_replacing", &status);
}

#[test]
fn with_replaces_its_snapshots_are_dealt_with_in_the_end() {
    let mut status = to_replace();
    status.replaces = true;
    make_room(&mut status);
    let known = &status.previous[0].regions[REGION];
    assert_eq!(known.retiring.deregistered_at, Some(after(10)));
    assert_eq!(status.replaced.len(), 1);
    assert_eq!(status.retired, []);
}
