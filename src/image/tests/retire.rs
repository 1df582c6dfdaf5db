//! AMIs that are retired: what is done about one, from what is seen of it.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::*;
use crate::image::outcome::{Claim, PublishIntent, Retired};
use crate::image::publish::Observation;
use crate::image::publish::retire::{
    COOLDOWN, InUse, Pending, Plan, Seen, Shown, SnapshotSeen, Target, needs_guard, not_shown,
    plan, retirement, targets,
};
use crate::image::status::{
    Action, KeptReason, KeptSnapshot, PreviousVersion, Protection, Retire, RetireOutcome,
    SnapshotKept,
};
use crate::image::words::{State, Step};

pub(super) const DEREGISTER: Retire = Retire {
    deregister: true,
    delete_snapshots: true,
};
pub(super) const DEPRECATE: Retire = Retire {
    deregister: false,
    delete_snapshots: false,
};

pub(super) fn target() -> Target {
    Target {
        region: REGION.to_owned(),
        known: RegionStatus::pending("ami-1".to_owned()),
        digest: Some(DIGEST.to_owned()),
        is_dealt_with: false,
    }
}

/// Ours, unprotected, not in use, with an AMI that replaces it.
pub(super) fn free() -> Seen {
    seen_as(Shown {
        is_ours: true,
        is_pending: false,
        protection: "disabled".to_owned(),
        deprecate_at: None,
        snapshots: vec!["snap-1".to_owned()],
    })
}

pub(super) fn seen_as(shown: Shown) -> Seen {
    Seen {
        is_closed: false,
        image: Observation::Seen(shown),
        in_use: InUse::No,
        has_successor: true,
        is_last: false,
        snapshots: BTreeMap::new(),
        shares: BTreeMap::new(),
    }
}

pub(super) fn planned(asked: Retire, target: Target, seen: Seen) -> Plan {
    plan(asked, &[(target, seen)], after(10))
}

pub(super) fn only(plan: &Plan) -> &Action {
    assert_eq!((plan.ready.len(), plan.ended.len()), (1, 0), "{plan:?}");
    &plan.ready[0].action
}

pub(super) fn waits_for(plan: &Plan) -> &Pending {
    let is_idle = plan.ready.is_empty() && plan.ended.is_empty();
    assert!(is_idle && plan.pending.len() == 1, "{plan:?}");
    &plan.pending[0].2
}

#[test]
fn what_is_free_is_deregistered_and_only_then_its_snapshots_are_deleted() {
    let plan = planned(DEREGISTER, target(), free());
    assert!(matches!(only(&plan), Action::DeregisterPrevious { .. }));

    let mut gone = target();
    gone.known.retiring.asked_at = Some(after(9));
    gone.known.retiring.deregistered_at = Some(after(9));
    gone.known.retiring.snapshots = vec!["snap-1".to_owned()];
    let with = |snapshot| Seen {
        snapshots: BTreeMap::from([("snap-1".to_owned(), snapshot)]),
        ..free()
    };
    let plan = planned(DEREGISTER, gone.clone(), with(SnapshotSeen::Free));
    assert!(matches!(only(&plan), Action::DeleteSnapshot { .. }));
    let plan = planned(DEREGISTER, gone.clone(), with(SnapshotSeen::Unknown));
    assert_eq!(waits_for(&plan), &Pending::Unknown);
    // Another answer may show it.
    let plan = planned(DEREGISTER, gone.clone(), with(SnapshotSeen::Absent));
    let not_shown = Pending::SnapshotNotShown("snap-1".to_owned());
    assert_eq!(waits_for(&plan), &not_shown);
    // However long the AMI is gone: what counts is for how long it does not show.
    gone.known.retiring.deregistered_at = Some(after(-60));
    let plan = planned(DEREGISTER, gone.clone(), with(SnapshotSeen::Absent));
    assert_eq!(waits_for(&plan), &not_shown);
    let since = &mut gone.known.retiring.not_shown_since;
    since.insert("snap-1".to_owned(), after(-6));
    let plan = planned(DEREGISTER, gone.clone(), with(SnapshotSeen::Absent));
    assert_eq!(plan.ended[0].outcome, RetireOutcome::Deregistered);
    // It may be another account's, which does not share it any more.
    let not_shown = KeptSnapshot {
        snapshot: "snap-1".to_owned(),
        why: SnapshotKept::NotShown,
    };
    assert_eq!(plan.ended[0].deleted, [""; 0]);
    assert_eq!(plan.ended[0].kept, [not_shown]);
    // EC2 was asked to delete it, and has: it was this manifest's.
    gone.known.retiring.deleting = vec!["snap-1".to_owned()];
    let plan = planned(DEREGISTER, gone, with(SnapshotSeen::Absent));
    assert_eq!(plan.ended[0].deleted, ["snap-1"]);
    assert_eq!(plan.ended[0].kept, []);
}

#[test]
fn nothing_is_retired_before_its_successor_is_seen_or_while_its_use_is_not_known() {
    for asked in [DEREGISTER, DEPRECATE] {
        let alone = Seen {
            has_successor: false,
            ..free()
        };
        let plan = planned(asked, target(), alone);
        assert_eq!(waits_for(&plan), &Pending::NoSuccessor);
    }
    let unknown = Seen {
        in_use: InUse::Unknown,
        ..free()
    };
    let plan = planned(DEREGISTER, target(), unknown);
    assert_eq!(waits_for(&plan), &Pending::Unknown);
}

#[test]
fn what_is_in_use_is_deprecated_instead_and_what_is_not_ours_stays() {
    let why = KeptReason::InUse {
        by: vec!["arn:aws:ec2:::instance/i-1".to_owned()],
        omitted: 0,
    };
    let used = Seen {
        in_use: InUse::Yes(why),
        ..free()
    };
    let plan = planned(DEREGISTER, target(), used);
    assert!(matches!(only(&plan), Action::DeprecatePrevious { .. }));

    let foreign = seen_as(Shown {
        protection: "disabled".to_owned(),
        ..Shown::default()
    });
    for asked in [DEREGISTER, DEPRECATE] {
        let plan = planned(asked, target(), foreign.clone());
        assert_eq!(plan.ended[0].why, Some(KeptReason::Unproven));
    }
}

#[test]
fn what_is_still_being_copied_is_waited_for_and_nothing_is_asked_about_its_use() {
    let copying = Shown {
        is_ours: true,
        is_pending: true,
        protection: "disabled".to_owned(),
        ..Shown::default()
    };
    assert!(!needs_guard(DEREGISTER, &target(), &copying, after(10)));
    for asked in [DEREGISTER, DEPRECATE] {
        let plan = planned(asked, target(), seen_as(copying.clone()));
        assert_eq!(waits_for(&plan), &Pending::ImagePending);
    }
}

#[test]
fn a_protection_is_switched_off_first_and_its_cooldown_waited_for() {
    let shown = |protection: &str| {
        seen_as(Shown {
            is_ours: true,
            protection: protection.to_owned(),
            ..Shown::default()
        })
    };
    let mut unprotected = target();
    unprotected.known.applied.settings.protection = Some(Protection::WithCooldown);
    let plan = planned(
        DEREGISTER,
        unprotected.clone(),
        shown("enabled-with-cooldown"),
    );
    assert!(matches!(
        only(&plan),
        Action::UnprotectPrevious { cooldown: true, .. }
    ));
    unprotected.known.retiring.unprotected_at = Some(after(9));
    unprotected.known.retiring.has_cooldown = true;
    for protection in ["enabled-with-cooldown", "disabled after later"] {
        let plan = planned(DEREGISTER, unprotected.clone(), shown(protection));
        let Pending::Cooldown(until) = waits_for(&plan) else {
            panic!("{plan:?}");
        };
        assert_eq!(until.duration_since(after(9)), COOLDOWN, "{protection}");
    }
    // Without a cooldown, a read from before our request does not make us ask again and again.
    unprotected.known.retiring.has_cooldown = false;
    unprotected.known.applied.settings.protection = Some(Protection::On);
    let plan = planned(DEREGISTER, unprotected, shown("enabled-without-cooldown"));
    assert_eq!(waits_for(&plan), &Pending::Settling);
}

/// Neither what was never set nor what somebody has made another one.
#[test]
fn a_protection_that_is_not_ours_keeps_the_ami() {
    for (ours, shown) in [
        (None, "enabled-without-cooldown"),
        (None, "enabled-with-cooldown"),
        (Some(Protection::On), "enabled-with-cooldown"),
    ] {
        let mut protected = target();
        protected.known.applied.settings.protection = ours;
        let seen = seen_as(Shown {
            is_ours: true,
            protection: shown.to_owned(),
            ..Shown::default()
        });
        let plan = planned(DEREGISTER, protected, seen);
        let Action::DeprecatePrevious { why, .. } = only(&plan) else {
            panic!("{plan:?}");
        };
        assert_eq!(*why, Some(KeptReason::Protected));
    }
}

/// An AMI of before is deregistered, and others are waited for, when settings or a version are uploaded.
#[test]
fn what_was_retired_is_reported_before_something_else_begins() {
    let mut status = available();
    status.state = State::Working;
    status.build.step = Step::Retire;
    status.retired = vec![retirement(
        &target(),
        RetireOutcome::Deregistered,
        None,
        after(5),
    )];
    let mut changed = status.clone();
    republish(
        &mut changed,
        manifest("bbbb"),
        publishing("eeee", false),
        after(6),
    );
    let opened = open(Some(status), manifest("cccc"), after(6));
    for status in [changed, opened] {
        assert_eq!(kinds(&status), [NoticeKind::Completed, NoticeKind::Retired]);
        assert!(newest(&status).text.contains("ami-1 deregistered"));
        assert_eq!(status.retired, []);
    }
}

#[test]
fn the_email_says_first_whether_the_previous_amis_are_kept() {
    for (outcomes, subject, line) in [
        (
            &[RetireOutcome::Deregistered, RetireOutcome::Kept][..],
            "Previous AMIs retired: web (us-east-1)",
            "Its previous AMIs: 1 AMI deregistered, 1 AMI kept.",
        ),
        (
            &[RetireOutcome::Kept],
            "Previous AMIs kept: web (us-east-1)",
            "Its previous AMIs: 1 AMI kept.",
        ),
    ] {
        let mut status = available();
        (status.state, status.build.step) = (State::Working, Step::Retire);
        let retired = outcomes.iter();
        let retired = retired.map(|outcome| retirement(&target(), *outcome, None, after(5)));
        status.retired = retired.collect();
        let status = open(Some(status), manifest("cccc"), after(6));
        let email = newest(&status);
        assert_eq!(email.subject, subject);
        assert!(email.text.contains(line), "{}", email.text);
    }
}

/// EC2's answers are eventually consistent: one that does not show an AMI does not make it gone.
#[test]
fn an_ami_that_one_answer_does_not_show_is_not_forgotten() {
    let absent = Seen {
        image: Observation::Absent,
        ..free()
    };
    let plan = planned(DEREGISTER, target(), absent.clone());
    assert_eq!(waits_for(&plan), &Pending::NotShown);

    // Our own request may have been heard, or not. Nothing is sent about what EC2 does not show, however long ago that was.
    let mut asked = target();
    asked.known.retiring.asked_at = Some(after(10) - SignedDuration::from_mins(1));
    let plan = planned(DEREGISTER, asked.clone(), absent.clone());
    assert_eq!(waits_for(&plan), &Pending::AskedAndNotShown);
    asked.known.retiring.asked_at = Some(after(10) - SignedDuration::from_mins(16));
    let plan = planned(DEREGISTER, asked.clone(), absent.clone());
    assert_eq!(waits_for(&plan), &Pending::AskedAndNotShown);
    assert!(plan.done.is_empty());
    asked.known.unseen_since = Some(after(-4));
    let plan = planned(DEREGISTER, asked.clone(), absent.clone());
    assert!(plan.done.is_empty());
    asked.known.unseen_since = Some(after(-6));
    let plan = planned(DEREGISTER, asked, absent);
    assert!(plan.ready.is_empty() && plan.ended.is_empty());
    let heard = &plan.done[0].action;
    assert!(matches!(heard, Action::DeregisterPrevious { .. }));
}

/// For how long EC2 did not show it before tells nothing of a request that came later.
#[test]
fn an_ami_counts_as_unseen_from_the_request_to_deregister_it_on() {
    let absent = Seen {
        image: Observation::Absent,
        ..free()
    };
    let mut known = target().known;
    known.unseen_since = Some(after(-600));
    let mut status = available();
    status.previous = vec![earlier_version(known)];
    status.replaces = true;
    (status.state, status.build.step) = (State::Working, Step::Retire);
    let actions = planned(DEREGISTER, target(), free()).ready;
    let intent = PublishIntent {
        actions,
        ..PublishIntent::default()
    };
    let claim = StepOutcome::Claim(Claim::Publish(intent));
    apply(&mut status, claim, after(10));
    let asked = Target {
        known: status.previous[0].regions[REGION].clone(),
        ..target()
    };
    assert!(asked.known.retiring.asked_at.is_some());
    let plan = planned(DEREGISTER, asked.clone(), absent.clone());
    assert_eq!(waits_for(&plan), &Pending::AskedAndNotShown);
    let seen = not_shown(&asked, &absent, after(10)).unwrap();
    assert!(seen.is_image);

    // A time to come, by a clock that is off, or forged, is put right.
    let mut ahead = asked;
    ahead.known.unseen_since = Some(after(60));
    assert!(not_shown(&ahead, &absent, after(10)).is_some());
    ahead.known.unseen_since = Some(after(9));
    assert_eq!(not_shown(&ahead, &absent, after(10)), None);
}

/// A version whose only AMI has this number.
fn version(number: usize, snapshots: usize) -> PreviousVersion {
    let mut known = target().known;
    known.image = format!("ami-{number}");
    known.snapshots = (0..snapshots).map(|it| format!("snap-{it:017}")).collect();
    earlier_version(known)
}

/// All AMIs of earlier versions are in use: they are deprecated and kept.
fn keep_all(status: &mut Status) {
    status.replaces = true;
    (status.state, status.build.step) = (State::Working, Step::Retire);
    let in_use = KeptReason::InUse {
        by: vec!["i-1".to_owned()],
        omitted: 0,
    };
    let ended = targets(status).into_iter().map(|target| {
        let deprecated = RetireOutcome::Deprecated;
        retirement(&target, deprecated, Some(in_use.clone()), after(5))
    });
    let retired = Retired {
        ended: ended.collect(),
        is_finished: true,
        ..Retired::default()
    };
    advance(status, Evidence::Retired(retired), 5);
}

/// A status has no room for all AMIs that are ever in use.
#[test]
fn of_too_many_that_are_kept_the_oldest_are_given_up_and_named() {
    let mut status = available();
    status.previous = (100..152).map(|it| version(it, 1)).collect();
    keep_all(&mut status);
    assert_eq!(status.previous.len(), 50);
    let forgotten = status.retired.iter().filter(|it| it.forgotten);
    let forgotten: Vec<&str> = forgotten.map(|it| it.image.as_str()).collect();
    assert_eq!(forgotten, ["ami-100", "ami-101"]);
    let text = &newest(&status).text;
    assert!(text.contains("ami-100 deprecated"), "{text}");
    assert!(text.contains("deregister it manually"), "{text}");
    // They stay with the versions that come after.
    let next = open(Some(status), manifest("cccc"), after(6));
    assert_eq!(next.previous.len(), 51);
}

/// Much may be known of a few.
#[test]
fn what_is_kept_of_earlier_versions_is_bounded_in_bytes() {
    let mut status = available();
    status.previous = (100..120).map(|it| version(it, 400)).collect();
    keep_all(&mut status);
    let size = serde_json::to_vec_pretty(&status.previous).unwrap().len();
    assert!((1..=64 * 1024).contains(&size), "{size}");
    let forgotten = status.retired.iter().filter(|it| it.forgotten).count();
    assert_eq!(forgotten, 20 - status.previous.len());
    assert!(forgotten > 0 && status.previous.len() > 1, "{forgotten}");
}
