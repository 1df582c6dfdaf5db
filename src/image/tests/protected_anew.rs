//! AMIs that somebody protects while they are about to go: that stays as it was set, and so do they.

use super::retire::{DEPRECATE, DEREGISTER, free, seen_as};
use super::*;
use crate::image::outcome::{Claim, PublishIntent, Retired};
use crate::image::publish::in_place::{self, Because};
use crate::image::publish::retire::{InUse, Pending, Plan, Seen, Shown, Target, plan, targets};
use crate::image::publish::withdraw::withdraw;
use crate::image::status::{Action, KeptReason, Protection, RetireOutcome, Retiring};
use crate::image::words::{State, Step};

/// An earlier AMI with this protection, which was switched off at minute 0.
fn retiring(protection: Protection) -> Status {
    let mut known = RegionStatus::pending("ami-old".to_owned());
    known.applied.settings.protection = Some(protection);
    known.retiring = Box::new(Retiring {
        protection: Some(protection),
        unprotected_at: Some(after(0)),
        has_cooldown: protection == Protection::WithCooldown,
        ..Retiring::default()
    });
    let mut status = available();
    status.replaces = true;
    (status.state, status.build.step) = (State::Working, Step::Retire);
    status.previous = vec![earlier_version(known)];
    status
}

fn target(protection: Protection) -> Target {
    targets(&retiring(protection)).remove(0)
}

fn shown(protection: &str) -> Seen {
    seen_as(Shown {
        is_ours: true,
        protection: protection.to_owned(),
        ..Shown::default()
    })
}

/// Whatever else is so of it.
fn whatever(seen: &Seen) -> [Seen; 4] {
    let in_use = Seen {
        in_use: InUse::Yes(KeptReason::Launched { at: after(1) }),
        ..seen.clone()
    };
    let last = Seen {
        is_last: true,
        ..seen.clone()
    };
    let alone = Seen {
        has_successor: false,
        ..seen.clone()
    };
    [seen.clone(), in_use, last, alone]
}

/// Another kind than amiwright's is on after amiwright's was switched off.
const OTHERS: [(Protection, &str); 2] = [
    (Protection::WithCooldown, "enabled-without-cooldown"),
    (Protection::On, "enabled-with-cooldown"),
];

fn is_kept(plan: &Plan) {
    assert!(plan.ready.is_empty() && plan.pending.is_empty(), "{plan:?}");
    let ended = plan.ended.iter().map(|it| (it.outcome, it.why.clone()));
    let ended: Vec<_> = ended.collect();
    let expected = (RetireOutcome::Kept, Some(KeptReason::ProtectedAgain));
    assert_eq!(ended, [expected]);
}

#[test]
fn what_somebody_protects_in_another_way_is_kept_and_no_other_protection_is_switched_on() {
    for (ours, theirs) in OTHERS {
        for seen in whatever(&shown(theirs)) {
            let seen = [(target(ours), seen)];
            is_kept(&plan(DEREGISTER, &seen, after(10)));
            is_kept(&withdraw(&seen, &KeptReason::NotAskedAnyMore, after(10)));
            let next = in_place::next(Because::Name, DEREGISTER, &seen, after(10));
            let stays = in_place::Next::Stays("ami-old".to_owned(), KeptReason::ProtectedAgain);
            assert_eq!(next, stays);
        }
    }
}

#[test]
fn people_are_not_told_that_its_protection_may_be_off() {
    let mut status = retiring(Protection::WithCooldown);
    let seen = (
        target(Protection::WithCooldown),
        shown("enabled-without-cooldown"),
    );
    let ended = plan(DEREGISTER, &[seen], after(10)).ended;
    let retired = Retired {
        ended,
        is_finished: true,
        ..Retired::default()
    };
    advance(&mut status, Evidence::Retired(retired), 10);
    assert!(!status.retired[0].unprotected);
    let text = of_now(status).text;
    assert!(text.contains("somebody has switched"), "{text}");
    assert!(!text.contains("may be off"), "{text}");
}

/// People were told that it is kept for that: the next version does not switch it off either, also where it is of amiwright's kind.
#[test]
fn what_was_kept_for_somebodys_protection_is_theirs_from_then_on() {
    for protection in ["enabled-with-cooldown", "enabled-without-cooldown"] {
        let mut status = retiring(Protection::WithCooldown);
        let seen = (target(Protection::WithCooldown), shown(protection));
        let ended = plan(DEREGISTER, &[seen], after(25 * 60)).ended;
        let retired = Retired {
            ended,
            ..Retired::default()
        };
        advance(&mut status, Evidence::Retired(retired), 25 * 60);
        status.retired.clear();
        let seen = [(targets(&status).remove(0), shown(protection))];
        let again = plan(DEREGISTER, &seen, after(26 * 60));
        let is_left = |it: &Action| !matches!(it, Action::UnprotectPrevious { .. });
        assert!(
            again.ready.iter().all(|it| is_left(&it.action)),
            "{again:?}"
        );
    }
}

/// The read may be older than the request that switched off whatever was on.
#[test]
fn nothing_is_done_before_it_is_clear_whether_somebody_has_protected_it() {
    for (ours, theirs) in OTHERS {
        for seen in whatever(&shown(theirs)) {
            let seen = [(target(ours), seen)];
            let plans = [
                plan(DEREGISTER, &seen, after(1)),
                withdraw(&seen, &KeptReason::NotAskedAnyMore, after(1)),
            ];
            for plan in plans {
                assert!(plan.ready.is_empty() && plan.ended.is_empty(), "{plan:?}");
                let why = &plan.pending[0].2;
                assert!(
                    matches!(
                        why,
                        Pending::Unknown | Pending::Settling | Pending::Cooldown(_)
                    ),
                    "{why:?}"
                );
            }
            let next = in_place::next(Because::Name, DEREGISTER, &seen, after(1));
            assert!(matches!(next, in_place::Next::Wait(..)), "{next:?}");
        }
    }
}

/// A protection does not keep it from being deprecated.
#[test]
fn what_is_to_be_deprecated_is_and_keeps_their_protection() {
    let mut status = retiring(Protection::WithCooldown);
    let seen = (
        target(Protection::WithCooldown),
        shown("enabled-without-cooldown"),
    );
    let ready = plan(DEPRECATE, &[seen], after(10)).ready;
    let [what] = ready.as_slice() else {
        panic!("{ready:?}");
    };
    let why = match &what.action {
        Action::DeprecatePrevious { why, .. } => why.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(why, Some(KeptReason::ProtectedAgain));
    let intent = PublishIntent {
        actions: ready.clone(),
        ..PublishIntent::default()
    };
    let claim = StepOutcome::Claim(Claim::Publish(intent));
    apply(&mut status, claim, after(10));
    let known = &status.previous[0].regions[REGION];
    assert_eq!(known.retiring.protection, None);
}

/// That kind is amiwright's: it may be on by a request whose answer was lost.
#[test]
fn the_kind_that_it_had_is_switched_on_where_it_has_to_stay() {
    let why = KeptReason::Launched { at: after(1) };
    let seen = Seen {
        in_use: InUse::Yes(why),
        ..shown("enabled-with-cooldown")
    };
    let seen = [(target(Protection::WithCooldown), seen)];
    let ready = plan(DEREGISTER, &seen, after(10)).ready;
    assert!(
        matches!(ready[0].action, Action::ProtectPrevious { .. }),
        "{ready:?}"
    );
    let seen = [(target(Protection::WithCooldown), free())];
    let ready = plan(DEREGISTER, &seen, after(2000)).ready;
    assert!(
        matches!(ready[0].action, Action::DeregisterPrevious { .. }),
        "{ready:?}"
    );
}
