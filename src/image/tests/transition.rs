use super::{
    REGION, accepted, after, available, awaiting_bundle, bundle, manifest, opened, registered,
    seen, told, waiting,
};
use crate::image::NoticeKind;
use crate::image::observed::ObservedParts;
use crate::image::status::{State, Status, Step};
use crate::image::transition::{
    Identity, PartsVerdict, bundle_complete, cleaned_up, image_seen, judge_parts, open, reject,
    wait,
};
use crate::manifest::Problem;

#[test]
fn a_life_leaves_its_history() {
    let status = available();
    let places: Vec<&str> = status
        .history
        .iter()
        .map(|change| change.to.as_str())
        .collect();
    assert_eq!(
        places,
        [
            "working/check-manifest",
            "working/register-image",
            "working/await-image",
            "available"
        ]
    );
    assert_eq!(told(&status), [NoticeKind::Completed]);
    assert_eq!(status.images[REGION].snapshots, ["snap-1"]);
    assert_eq!(status.began_at(), after(0));
}

#[test]
fn a_new_version_remembers_the_ami_before_it_and_keeps_its_notices() {
    let status = open(Some(available()), manifest("bbbb"), after(5));
    assert_eq!(status.place(), "working/check-manifest");
    assert_eq!(status.previous[REGION], "ami-1");
    assert_eq!(told(&status), [NoticeKind::Completed]);
    assert_eq!((status.step_since, status.began_at()), (after(5), after(5)));

    // A version that came to nothing does not hide the one before it.
    let mut rejected = status;
    reject(&mut rejected, vec![Problem::new("no")], after(6));
    let third = open(Some(rejected), manifest("cccc"), after(7));
    assert_eq!(third.previous[REGION], "ami-1");
    assert!(third.problems.is_empty());
}

#[test]
fn another_bundle_at_the_same_place_invalidates_the_ami_before() {
    let registered_from = |sha256: &str, before: Option<Status>| {
        let mut status = open(before, manifest("aaaa"), after(0));
        let identity = Identity {
            name: format!("web-{sha256}"),
            digest: sha256.to_owned(),
        };
        bundle_complete(&mut status, bundle(sha256), identity, after(0));
        status.images = registered().images;
        status
    };
    let first = registered_from("b1", None);
    assert!(!first.invalidates_previous());
    let second = registered_from("b2", Some(first.clone()));
    assert!(second.invalidates_previous());
    assert!(!registered_from("b1", Some(first)).invalidates_previous());
}

#[test]
fn waiting_is_news_once_and_told_once_a_step() {
    let mut status = awaiting_bundle();
    assert!(wait(&mut status, waiting("a part"), after(1)));
    assert!(!wait(&mut status, waiting("a part"), after(15)));
    assert!(wait(&mut status, waiting("a part"), after(16)));
    assert!(!wait(&mut status, waiting("a part"), after(600)));
    assert_eq!(told(&status), [NoticeKind::WaitingLong]);
    assert!(wait(&mut status, waiting("another part"), after(601)));
    assert_eq!(told(&status), [NoticeKind::WaitingLong]);
}

#[test]
fn unknown_states_are_kept_and_waited_on() {
    for state in ["pending", "transient", "disabled", "quantum"] {
        let mut status = registered();
        image_seen(&mut status, REGION, Some(&seen(state)), after(1));
        assert_eq!(status.state, State::Working, "{state}");
        assert_eq!(status.images[REGION].state, state);
        // Nothing new: nothing to save.
        assert!(
            !image_seen(&mut status, REGION, Some(&seen(state)), after(2)),
            "{state}"
        );
    }
}

#[test]
fn final_states_of_ec2_fail_with_its_reason() {
    for state in ["failed", "invalid", "error", "deregistered"] {
        let mut status = registered();
        let mut image = seen(state);
        image.reason = Some(("Client.Broken".to_owned(), "it broke".to_owned()));
        assert!(image_seen(&mut status, REGION, Some(&image), after(1)));
        // What is left of it goes first.
        assert_eq!(status.place(), "working/clean-up", "{state}");
        cleaned_up(&mut status, after(1));
        assert_eq!(status.state, State::Failed, "{state}");
        assert_eq!(told(&status), [NoticeKind::Failed]);
        let failure = status.failure.unwrap();
        assert_eq!(failure.code.as_deref(), Some("Client.Broken"));
        assert_eq!(failure.message, "it broke");
    }
}

#[test]
fn an_ami_is_lost_when_it_was_unseen_for_long_not_when_it_was_pending_for_long() {
    let mut status = registered();
    image_seen(&mut status, REGION, Some(&seen("pending")), after(100));
    assert!(image_seen(&mut status, REGION, None, after(101)));
    assert!(!image_seen(&mut status, REGION, None, after(110)));
    assert_eq!(status.state, State::Working);
    image_seen(&mut status, REGION, Some(&seen("pending")), after(111));
    assert_eq!(status.images[REGION].unseen_since, None);

    image_seen(&mut status, REGION, None, after(112));
    assert!(!image_seen(&mut status, REGION, None, after(127)));
    assert!(image_seen(&mut status, REGION, None, after(128)));
    cleaned_up(&mut status, after(128));
    assert_eq!(status.state, State::Failed);
    assert_eq!(told(&status), [NoticeKind::Stalled, NoticeKind::Lost]);
    let failure = status.failure.unwrap();
    assert_eq!(
        failure.message,
        "EC2 gave the id ami-1 but has not listed the AMI since 2026-11-21T11:52:00Z"
    );
}

#[test]
fn parts_are_complete_waited_for_or_wrong() {
    let status = awaiting_bundle();
    let part = |name: &str| (name.to_owned(), 10);
    let mut parts = ObservedParts {
        present: vec![part("p0")],
        missing: vec!["p1".to_owned(), "p2".to_owned()],
    };
    let PartsVerdict::Wait(waiting) = judge_parts(&status, &parts, 30, after(600)) else {
        panic!("missing parts are waited for");
    };
    assert_eq!(
        waiting.message,
        "2 of 3 parts not uploaded yet: p1 and 1 more"
    );
    assert_eq!(waiting.missing_key.as_deref(), Some("p1"));

    parts.missing.clear();
    assert_eq!(
        judge_parts(&status, &parts, 10, after(0)),
        PartsVerdict::Complete
    );
    // However long the parts were missing before, a wrong size is given its time from when it was first seen.
    let PartsVerdict::Wait(waiting) = judge_parts(&status, &parts, 11, after(60)) else {
        panic!("an upload over older parts may still be running");
    };
    let mut status = status;
    wait(&mut status, waiting, after(60));
    assert!(matches!(
        judge_parts(&status, &parts, 11, after(75)),
        PartsVerdict::Wait(_)
    ));
    assert!(matches!(
        judge_parts(&status, &parts, 11, after(76)),
        PartsVerdict::Wrong(_)
    ));
}

#[test]
fn a_rejection_keeps_a_hundred_problems_and_counts_the_others() {
    let mut status = opened();
    let problems = (0..150)
        .map(|number| Problem::new(format!("{number}: {}", "x".repeat(9999))))
        .collect();
    reject(&mut status, problems, after(0));
    assert_eq!(status.problems.len(), 101);
    assert_eq!(status.problems[100].message, "and 50 problems more");
    assert!(status.problems[0].message.len() < 500);
    assert_eq!(
        status.history.last().unwrap().why,
        "150 problems in the manifest"
    );
}

#[test]
fn the_history_is_bounded() {
    let mut status = accepted();
    for minute in 0..300 {
        status = open(Some(status), manifest("dddd"), after(minute));
    }
    assert_eq!(status.history.len(), 100);
    assert_eq!(status.step, Step::CheckManifest);
    assert_eq!(status.began_at(), after(299));
}
