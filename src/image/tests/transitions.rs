//! What each piece of evidence makes of a status.

use super::*;
use crate::image::apply::look_again;
use crate::image::words::{State, Step, TerminalReason, WaitReason};
use crate::manifest::Problem;

fn reject(status: &mut Status, problems: Vec<Problem>, minutes: i64) -> bool {
    apply(status, StepOutcome::Reject(problems), after(minutes))
}

#[test]
fn an_image_leaves_its_history() {
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
    assert_eq!(kinds(&status), [NoticeKind::Completed]);
    assert_eq!(status.regions[REGION].snapshots, ["snap-1"]);
    assert_eq!(status.build.started_at, after(0));
}

#[test]
fn an_accepted_manifest_leads_to_the_first_step_of_its_source() {
    for (source, step) in [
        (SourceKind::Snapshot, Step::RegisterImage),
        (SourceKind::Bundle, Step::CheckBundle),
        (SourceKind::Disk, Step::CheckObject),
        (SourceKind::Vm, Step::CheckObject),
        (SourceKind::Instance, Step::StartTask),
        (SourceKind::Stored, Step::CheckObject),
        (SourceKind::Image, Step::StartTask),
    ] {
        let status = accepted(source);
        assert_eq!(status.build.step, step, "{source}");
        assert_eq!(status.build.source, Some(source));
        assert_eq!(status.manifest.publish_digest.as_deref(), Some("ffff"));
        assert_eq!(last_change(&status), "the manifest passed the checks");
        assert_eq!(status.store, None);
    }
}

#[test]
fn the_start_is_notified_only_if_enabled() {
    for notify_started in [false, true] {
        let mut status = opened();
        let accepted = Accepted {
            notify_started,
            ..to_accept(SourceKind::Disk, true)
        };
        advance(&mut status, Evidence::ManifestAccepted(accepted), 0);
        assert_eq!(status.place(), "working/check-object");
        let store = status.store.clone().unwrap();
        assert_eq!((store.bucket.as_str(), store.asked_at), ("archive", None));
        let expected: &[NoticeKind] = if notify_started {
            &[NoticeKind::Started]
        } else {
            &[]
        };
        assert_eq!(kinds(&status), expected);
    }
}

#[test]
fn an_object_that_was_checked_leads_to_the_task_and_back_when_it_was_replaced() {
    let mut status = accepted(SourceKind::Disk);
    let (object, identity) = (object(), identity());
    let checked = Evidence::ObjectChecked {
        object: object.clone(),
        identity,
    };
    assert!(advance(&mut status, checked, 1));
    assert_eq!(status.place(), "working/start-task");
    assert_eq!(status.build.object, Some(object));
    assert_eq!(status.build.digest.as_deref(), Some(DIGEST));
    assert_eq!(status.build.name.as_deref(), Some("web"));
    assert_eq!(last_change(&status), "found s3://images/golden/web.vmdk");

    assert!(advance(&mut status, Evidence::ObjectReplaced, 2));
    assert_eq!(status.place(), "working/check-object");
    assert_eq!(
        (status.build.object.clone(), status.build.step_since),
        (None, after(2))
    );
}

#[test]
fn a_bundle_beside_an_image_manifest_is_superseded_without_a_notice() {
    let mut status = opened();
    let image_manifest = "golden/web.image.yaml".to_owned();
    assert!(advance(
        &mut status,
        Evidence::DecidedElsewhere { image_manifest },
        1
    ));
    assert_eq!(status.state, State::Superseded);
    assert_eq!(kinds(&status), []);
    assert_eq!(
        last_change(&status),
        "golden/web.image.yaml beside the bundle describes it"
    );
}

#[test]
fn a_checked_bundle_is_registered() {
    let mut status = accepted(SourceKind::Bundle);
    assert!(advance(&mut status, bundle_checked("b1"), 1));
    assert_eq!(status.place(), "working/register-image");
    assert_eq!(status.build.bundle, Some(bundle("b1")));
    assert_eq!(status.build.name.as_deref(), Some("web"));
}

#[test]
fn a_found_ami_is_noted_as_registered_by_an_earlier_request() {
    let found = |status: &mut Status| {
        let evidence = Evidence::ImageRegistered {
            region: REGION.to_owned(),
            image: Box::new(RegionStatus::pending("ami-1".to_owned())),
            origin: Origin::Found,
            owners: Default::default(),
        };
        assert!(advance(status, evidence, 3));
        assert_eq!(
            last_change(status),
            "found ami-1 in us-east-1, registered by an earlier request"
        );
        assert_eq!(status.place(), "working/await-image");
    };
    found(&mut to_be_registered());
    // Also where it is there before the task that makes it was found.
    found(&mut to_be_started(SourceKind::Disk));
}

#[test]
fn unknown_states_are_kept_and_waited_on() {
    for state in ["pending", "transient", "quantum"] {
        let mut status = registered();
        poll_image(&mut status, Some(&seen(state)), 1);
        assert_eq!(status.place(), "working/await-image", "{state}");
        assert_eq!(status.regions[REGION].image_state, state);
        // Nothing new: nothing to save.
        let before = status.clone();
        assert!(!poll_image(&mut status, Some(&seen(state)), 2), "{state}");
        assert_eq!(status, before);
    }
}

/// Whoever disabled it may enable it again.
#[test]
fn an_ami_that_is_disabled_ends_its_image_and_is_not_deleted() {
    let mut status = registered();
    poll_image(&mut status, Some(&seen("disabled")), 1);
    assert_eq!(status.state, State::Failed);
    assert_eq!(status.regions[REGION].image_state, "disabled");
    assert_eq!(status.build.deleted, [""; 0]);
}

#[test]
fn snapshots_that_are_known_are_not_forgotten() {
    let mut status = registered();
    poll_image(&mut status, Some(&seen("pending")), 1);
    let mut silent = seen("pending");
    silent.snapshots.clear();
    assert!(!poll_image(&mut status, Some(&silent), 2));
    assert_eq!(status.regions[REGION].snapshots, ["snap-1"]);
}

#[test]
fn final_states_of_ec2_fail_with_its_reason() {
    for state in ["failed", "invalid", "error", "deregistered"] {
        let mut status = registered();
        let mut image = seen(state);
        image.reason = Some(("Client.Broken".to_owned(), "it broke".to_owned()));
        assert!(poll_image(&mut status, Some(&image), 1));
        // What is left of it goes first.
        assert_eq!(status.place(), "working/clean-up", "{state}");
        clean_up(&mut status, 1);
        assert_eq!(status.state, State::Failed, "{state}");
        assert_eq!(kinds(&status), [NoticeKind::Failed]);
        let failure = status.build.failure.unwrap();
        assert_eq!(failure.code.as_deref(), Some("Client.Broken"));
        assert_eq!(failure.message, "it broke");
    }
}

#[test]
fn an_ami_is_lost_when_it_was_unlisted_for_long_not_when_it_was_pending_for_long() {
    let mut status = registered();
    poll_image(&mut status, Some(&seen("pending")), 100);
    assert!(poll_image(&mut status, None, 101));
    assert!(!poll_image(&mut status, None, 110));
    assert_eq!(status.state, State::Working);
    assert!(poll_image(&mut status, Some(&seen("pending")), 111));
    assert_eq!(status.regions[REGION].unseen_since, None);

    poll_image(&mut status, None, 112);
    assert!(!poll_image(&mut status, None, 127));
    assert!(poll_image(&mut status, None, 128));
    assert_eq!(status.build.ending, Some(TerminalReason::Lost));
    clean_up(&mut status, 128);
    assert_eq!(status.state, State::Failed);
    assert_eq!(kinds(&status), [NoticeKind::Stalled, NoticeKind::Lost]);
    assert_eq!(
        status.build.failure.unwrap().message,
        "EC2 gave the id ami-1 but has not listed an AMI of this id with our tags since 2026-11-21T11:52:00Z"
    );
}

#[test]
fn a_rejection_keeps_a_hundred_problems_and_counts_the_others() {
    let mut status = opened();
    let problems = (0..150)
        .map(|number| Problem::new(format!("{number}: {}", "x".repeat(9999))))
        .collect();
    assert!(reject(&mut status, problems, 0));
    assert_eq!(status.state, State::Rejected);
    assert_eq!(status.problems.len(), 100);
    assert_eq!((status.problems_omitted, status.problem_count()), (50, 150));
    assert!(status.problems[0].message.len() < 500);
    assert_eq!(last_change(&status), "150 problems in the manifest");
    assert_eq!(kinds(&status), [NoticeKind::Rejected]);
}

#[test]
fn a_bundle_that_ec2_made_wrong_fails_and_is_not_the_manifests_mistake() {
    let mut status = started(TaskKind::BundleInstance);
    poll(&mut status, TaskKind::BundleInstance, "complete", 1);
    reject(
        &mut status,
        vec![Problem::new("not XML"), Problem::new("no parts")],
        2,
    );
    assert_eq!(status.place(), "working/clean-up");
    let failure = status.build.failure.unwrap();
    assert_eq!(failure.doing, "checking what bundle-instance bun-1 made");
    assert_eq!(failure.message, "not XML; no parts");
}

#[test]
fn however_many_problems_a_bundle_of_ec2_has_the_failure_stays_short() {
    let mut status = started(TaskKind::BundleInstance);
    poll(&mut status, TaskKind::BundleInstance, "complete", 1);
    reject(&mut status, vec![Problem::new("x".repeat(9999)); 1000], 2);
    let message = status.build.failure.unwrap().message;
    assert!(message.len() < 11_000, "{}", message.len());
    assert!(message.ends_with("; and 990 more problems"), "{message}");
}

#[test]
fn what_is_about_to_be_deleted_is_written_down_once() {
    let mut status = registered();
    let claim = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        StepOutcome::Claim(crate::image::outcome::Claim::Delete(names))
    };
    assert!(apply(&mut status, claim(&["ami-1"]), after(1)));
    assert!(apply(&mut status, claim(&["ami-1", "snap-1"]), after(1)));
    assert_eq!(status.build.deleted, ["ami-1", "snap-1"]);
    assert_eq!(status.build.deleting, ["ami-1", "snap-1"]);
    // Only what EC2 has answered is gone.
    let deleted = Evidence::Deleted(vec!["ami-1".to_owned()]);
    assert!(apply(&mut status, StepOutcome::Advance(deleted), after(1)));
    assert_eq!(status.build.deleting, ["snap-1"]);
    assert_eq!(status.build.deleted, ["ami-1", "snap-1"]);
}

#[test]
fn unchanged_changes_nothing() {
    for mut status in [opened(), importing(), available(), storing()] {
        let before = status.clone();
        assert!(!apply(&mut status, StepOutcome::Unchanged, after(600)));
        assert_eq!(status, before);
    }
}

/// Its answer may come late.
#[test]
fn no_outcome_of_a_step_changes_a_final_state() {
    let failed = failures_of_all_kinds();
    for mut status in failed.into_iter().chain([available()]) {
        assert!(status.state.is_final());
        let before = status.clone();
        let wait = WaitReason::CancelUnanswered;
        for outcome in [
            StepOutcome::Wait(wait),
            StepOutcome::Reject(vec![Problem::new("no")]),
            StepOutcome::Advance(Evidence::ImagePolled {
                region: REGION.to_owned(),
                image: Some(Box::new(seen("available"))),
            }),
            StepOutcome::Advance(Evidence::TaskPolled(Some(seen_task(
                TaskKind::ImportSnapshot,
                "failed",
            )))),
            StepOutcome::Advance(Evidence::CleanedUp {
                orphans: Vec::new(),
            }),
            StepOutcome::Advance(Evidence::Cancelled {
                orphans: Vec::new(),
            }),
        ] {
            assert!(!apply(&mut status, outcome, after(90)));
            assert_eq!(status, before);
        }
    }
}

fn failures_of_all_kinds() -> Vec<Status> {
    let mut failed = started(TaskKind::ImportSnapshot);
    poll(&mut failed, TaskKind::ImportSnapshot, "failed", 1);
    clean_up(&mut failed, 2);
    let mut cancelled = cancelled_by(opened(), CancelBy::Command, 1);
    advance(
        &mut cancelled,
        Evidence::Cancelled {
            orphans: Vec::new(),
        },
        2,
    );
    let mut rejected = opened();
    reject(&mut rejected, vec![Problem::new("no")], 1);
    vec![failed, cancelled, rejected]
}

/// That an AMI is available is told before others are retired, and not once more after a second look. What failed is told
/// again: it may be something else.
#[test]
fn a_second_look_is_told_unless_people_know_that_the_ami_is_available() {
    for (state, step, is_known) in [
        (State::Available, Step::Publish, true),
        (State::Working, Step::Retire, true),
        (State::Working, Step::Publish, false),
        (State::Incomplete, Step::Publish, false),
    ] {
        let mut status = available();
        status.state = state;
        status.build.step = step;
        look_again(&mut status, after(5));
        let case = format!("{state:?} {step:?}");
        assert_eq!(status.state, State::Working, "{case}");
        assert_eq!(status.looked_at_again, is_known, "{case}");
        let told = status.notices.len();
        let seen = Evidence::PublishObserved(PublishObserved::default());
        advance(&mut status, seen, 6);
        assert_eq!(status.state, State::Available, "{case}: {status:#?}");
        assert_eq!(
            status.notices.len() - told,
            usize::from(!is_known),
            "{case}"
        );
        assert!(!status.looked_at_again, "{case}");
    }
}
