//! Audits: what differs from the manifest, told once, and what is not a difference.

use std::collections::BTreeMap;

use super::emails::assert_email;
use super::*;
use crate::image::apply::{Audit, Compared, audited};
use crate::image::message::{failures, quoted};
use crate::image::plan::{Next, next};
use crate::image::publish::audit::{Audited, audit, compare, is_auditable};
use crate::image::publish::{Asked, AskedRegion, Desired, Observation, Observed, Shown};
use crate::image::status::{
    Action, ConditionKind, ConditionStatus, Deviation, Difference, Drift, ParameterId,
    ParameterPut, ParameterStatus, RegionAction, Settings,
};
use crate::image::words::State;

/// What the manifest says.
fn asked() -> Asked {
    let desired = Desired {
        description: Some("Web tier".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        ..Desired::default()
    };
    let region = AskedRegion {
        required: true,
        kms_key_id: None,
        desired,
    };
    Asked {
        home: REGION.to_owned(),
        regions: BTreeMap::from([(REGION.to_owned(), region)]),
        parameters: BTreeMap::new(),
    }
}

/// As the manifest says.
fn right() -> Shown {
    Shown {
        description: Some("Web tier".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        protection: "disabled".to_owned(),
        state: "available".to_owned(),
        is_available: true,
        ..Shown::default()
    }
}

fn wrong() -> Shown {
    Shown {
        description: Some("Mine".to_owned()),
        ..right()
    }
}

/// Audits a status that shows this, so many minutes after the start; where that is in doubt at first, also five minutes before.
/// Returns whether it changed.
fn look(status: &mut Status, seen: Observation<Shown>, repair: bool, minutes: i64) -> bool {
    let mut before = status.clone();
    look_once(&mut before, seen.clone(), repair, minutes - 5);
    if before.doubted_at().is_some() {
        *status = before;
    }
    look_once(status, seen, repair, minutes)
}

/// Looks at it once.
fn look_once(status: &mut Status, seen: Observation<Shown>, repair: bool, minutes: i64) -> bool {
    let observed = Observed {
        regions: BTreeMap::from([(REGION.to_owned(), seen)]),
        ..Observed::default()
    };
    let comparison = compare(
        &asked(),
        &status.unverified(after(minutes)),
        &observed,
        after(minutes),
    );
    let audit = Audit {
        about: Compared::of(status),
        audited: audit(&comparison, status, &observed, after(minutes)),
        seen: BTreeMap::new(),
        repair,
    };
    audited(status, &audit, after(minutes)).unwrap()
}

fn in_sync(status: &Status) -> ConditionStatus {
    let mut conditions = status.conditions.iter();
    let found = conditions.find(|it| it.kind == ConditionKind::InSync);
    found.unwrap().status
}

#[test]
fn drift_is_told_once_and_is_over_when_it_is_set_back() {
    let mut status = available();
    assert!(look(&mut status, Observation::Seen(right()), false, 60));
    assert_eq!(status.regions[REGION].verified_at, Some(after(60)));

    assert!(look(&mut status, Observation::Seen(wrong()), false, 420));
    assert_eq!(in_sync(&status), ConditionStatus::False);
    assert_eq!(kinds(&status), [NoticeKind::Completed, NoticeKind::Drifted]);
    assert_email("drifted", &status);
    let drift = status.drift.clone().unwrap();
    assert_eq!(drift.found[0].verified_at, Some(after(60)));

    assert!(!look(&mut status, Observation::Seen(wrong()), false, 780));
    // What cannot be seen is as it was.
    assert!(!look(&mut status, Observation::Unknown, false, 1140));
    assert_eq!(status.drift.as_ref(), Some(&drift));

    assert!(look(&mut status, Observation::Seen(right()), false, 1500));
    assert_eq!(in_sync(&status), ConditionStatus::True);
    assert_eq!(kinds(&status).len(), 2);
}

#[test]
fn what_differs_in_addition_is_told_too() {
    let mut status = available();
    look(&mut status, Observation::Seen(wrong()), false, 60);
    let mut worse = wrong();
    worse.tags.clear();
    look(&mut status, Observation::Seen(worse), false, 420);
    look(&mut status, Observation::Seen(wrong()), false, 780);
    let drifted = [NoticeKind::Drifted; 2];
    assert_eq!(kinds(&status)[1..], drifted);
    assert_eq!(status.drift.unwrap().since, after(60));
}

/// Everybody has heard of it.
fn finalized() -> Status {
    let mut status = available();
    assert!(status.notice_sent(1, "m-1", after(2)));
    assert_eq!(next(&status, after(3)), Next::Finalize);
    status
}

#[test]
fn a_setting_differs_only_when_it_is_seen_to_twice() {
    for repair in [false, true] {
        let mut status = finalized();
        look(&mut status, Observation::Seen(right()), false, 60);
        let before = status.clone();
        assert!(look_once(
            &mut status,
            Observation::Seen(wrong()),
            repair,
            420
        ));
        assert_eq!(
            (status.state, status.drift.as_ref()),
            (State::Available, None)
        );
        assert_eq!(next(&status, after(421)), Next::LookAgain);
        assert!(!is_auditable(&status, after(424)));
        // It was what had been before.
        let mut is_right = status.clone();
        assert!(look_once(
            &mut is_right,
            Observation::Seen(right()),
            repair,
            425
        ));
        assert_eq!(next(&is_right, after(425)), Next::Finalize);
        is_right.regions.get_mut(REGION).unwrap().verified_at = Some(after(60));
        assert_eq!(is_right, before);
        // Nobody answers: the next audit is the second look.
        look_once(&mut status, Observation::Unknown, repair, 425);
        assert_eq!(next(&status, after(449)), Next::LookAgain);
        assert_eq!(next(&status, after(450)), Next::Finalize);
        assert!(look_once(
            &mut status,
            Observation::Seen(wrong()),
            repair,
            780
        ));
        assert!(status.drift.is_some());
        assert_eq!(status.regions[REGION].doubted_at, None);
    }
}

/// What was published since is looked at twice again.
#[test]
fn what_was_published_since_is_not_in_doubt() {
    let mut status = finalized();
    look_once(&mut status, Observation::Seen(wrong()), false, 60);
    status.build.step_since = after(61);
    assert_eq!(next(&status, after(62)), Next::Finalize);
    look_once(&mut status, Observation::Seen(wrong()), false, 80);
    assert_eq!(status.drift, None);
    assert_eq!(status.doubted_at(), Some(after(80)));
}

#[test]
fn what_is_repaired_is_published_again() {
    let mut status = available();
    assert!(look(&mut status, Observation::Seen(wrong()), true, 60));
    assert_eq!(status.place(), "working/publish");
    assert_eq!(in_sync(&status), ConditionStatus::Unknown);
    assert_eq!(kinds(&status), [NoticeKind::Completed]);
    assert!(last_change(&status).contains(&quoted("Mine")));
}

/// Where EC2 refuses to set it back, people learn what others have changed.
#[test]
fn what_could_not_be_repaired_is_told_with_what_differed() {
    let mut status = available();
    look(&mut status, Observation::Seen(wrong()), true, 60);
    status.notices.last_mut().unwrap().kind = NoticeKind::Incomplete;
    let text = of_now(status).text;
    let differed = "description is \"Mine\", the manifest says \"Web tier\"";
    assert!(text.contains(differed), "{text}");
}

#[test]
fn an_ami_is_gone_only_when_it_was_missed_twice_and_is_not_repaired() {
    let mut status = available();
    assert!(look(&mut status, Observation::Absent, true, 60));
    assert_eq!(status.drift, None);
    assert!(look(&mut status, Observation::Absent, true, 420));
    let drift = status.drift.clone().unwrap();
    assert!(matches!(
        drift.found[0].what,
        Difference::Deregistered { .. }
    ));
    assert_eq!(status.state, State::Available);
    assert_email("drifted-deregistered", &status);
    assert!(!look(&mut status, Observation::Absent, true, 780));
}

#[test]
fn a_disabled_ami_is_told_with_the_command_that_enables_it() {
    let mut status = available();
    let disabled = Shown {
        state: "disabled".to_owned(),
        is_available: false,
        ..wrong()
    };
    look(&mut status, Observation::Seen(disabled), true, 60);
    assert_email("drifted-disabled", &status);
    for state in ["pending", "transient"] {
        let mut status = available();
        let changing = Shown {
            state: state.to_owned(),
            is_available: false,
            ..right()
        };
        assert!(!look(&mut status, Observation::Seen(changing), true, 60));
    }
}

#[test]
fn what_is_new_or_in_progress_is_not_audited() {
    let status = available();
    assert!(!is_auditable(&status, after(3)));
    assert!(is_auditable(&status, after(60)));
    assert!(!is_auditable(&registered(), after(60)));

    // Something else was begun, or another audit was faster.
    let mut status = available();
    let audit = Audit {
        about: Compared::of(&status),
        audited: Audited {
            verified: [REGION.to_owned()].into(),
            ..Audited::default()
        },
        seen: BTreeMap::new(),
        repair: false,
    };
    let mut changed = status.clone();
    change_settings(&mut changed, manifest("other"), 60);
    assert_eq!(audited(&mut changed, &audit, after(61)), Ok(false));
    assert_eq!(audited(&mut status, &audit, after(61)), Ok(true));
    assert_eq!(audited(&mut status, &audit, after(90)), Ok(false));
}

/// Settings that the stack did not allow, or whose manifest was missing, were changed by nobody; that an AMI is gone is told.
#[test]
fn what_an_ami_never_got_has_not_drifted() {
    let mut status = available();
    look(&mut status, Observation::Seen(right()), false, 60);
    status.state = State::Incomplete;
    status.build.failure = Some(failures::manifest_not_allowed("it is closed".to_owned()));
    // What was not allowed was to set it right: it had all settings before.
    let mut repaired = status.clone();
    look(&mut repaired, Observation::Seen(wrong()), false, 420);
    assert!(repaired.drift.is_some());

    status.manifest.repeated_at = Some(after(100));
    look(&mut status, Observation::Seen(wrong()), false, 420);
    assert_eq!(status.drift, None);
    look(&mut status, Observation::Absent, false, 780);
    look(&mut status, Observation::Absent, false, 1140);
    let drift = status.drift.unwrap();
    assert!(drift.is_deregistered(REGION), "{drift:?}");
}

fn deviation(number: usize, what: Difference) -> Deviation {
    Deviation {
        region: format!("us-east-{number}"),
        image: "ami-1".to_owned(),
        verified_at: None,
        what,
    }
}

fn parameter(number: usize, blocked: bool) -> Difference {
    Difference::Parameter {
        name: format!("/images/{number}"),
        value: None,
        blocked,
    }
}

/// What is somebody else's is not set back by a new attempt either: no email advises that.
#[test]
fn a_parameter_of_others_is_not_said_to_be_set_back_by_a_retry() {
    let mut status = available();
    look(&mut status, Observation::Seen(wrong()), false, 60);
    let mut text = |found: Vec<Deviation>| {
        status.drift = Some(Drift::of(after(60), found));
        of_now(status.clone()).text
    };
    let advice = ["amiwright retry", "repair: true", "takeOver: true"];
    let said = |text: &str| advice.map(|it| text.contains(it));
    let (own, theirs) = (parameter(1, false), parameter(2, true));
    let (own, theirs) = (deviation(1, own), deviation(2, theirs));
    assert_eq!(said(&text(vec![theirs.clone()])), [false, false, true]);
    assert_eq!(said(&text(vec![own.clone()])), [true, true, false]);
    assert_eq!(said(&text(vec![own, theirs])), [true; 3]);
}

/// What is not kept, because so much differs, decides too.
#[test]
fn what_cannot_be_repaired_is_kept_first() {
    let parameter = |number| deviation(number, parameter(number, false));
    let mut found: Vec<Deviation> = (0..40).map(parameter).collect();
    assert!(Drift::of(after(1), found.clone()).is_repairable());
    found.push(deviation(1, Difference::Untagged));
    let drift = Drift::of(after(1), found);
    assert!(!drift.is_repairable());
    assert_eq!(drift.omitted, 21);
}

/// Parameters are written last. Where an AMI differs, those that are somebody else's keep nothing of it from being set back.
#[test]
fn parameters_decide_only_where_no_ami_differs() {
    let what = RegionAction {
        region: "us-east-1".to_owned(),
        action: Action::SetDescription {
            text: "Web tier".to_owned(),
        },
    };
    let setting = deviation(1, Difference::setting(&what, Settings::default(), None));
    let mut found: Vec<Deviation> = (0..40)
        .map(|it| deviation(it, parameter(it, true)))
        .collect();
    assert!(!Drift::of(after(1), found.clone()).is_repairable());
    found.push(setting);
    let drift = Drift::of(after(1), found.clone());
    assert!(drift.is_repairable());
    assert_eq!(drift.omitted, 21);
    found.push(deviation(1, Difference::Untagged));
    assert!(!Drift::of(after(1), found).is_repairable());
}

#[test]
fn a_parameter_has_shown_only_what_it_was_last_asked_to_hold() {
    let id = ParameterId {
        region: REGION.to_owned(),
        name: "/images/web".to_owned(),
    };
    let holds = |value: Option<&str>, put: Option<&str>| {
        let known = ParameterStatus {
            value: value.map(str::to_owned),
            put: put.map(|value| ParameterPut {
                value: value.to_owned(),
                ..ParameterPut::default()
            }),
            ..ParameterStatus::default()
        };
        let mut status = available();
        status.release.parameters.insert(id.clone(), known);
        status.release.has_shown(&id, "ami-1")
    };
    assert!(holds(Some("ami-1"), None));
    assert!(holds(Some("ami-1"), Some("ami-1")));
    assert!(!holds(Some("ami-1"), Some("ami-2")));
    assert!(!holds(Some("ami-2"), Some("ami-1")));
    assert!(!holds(None, Some("ami-1")));
    assert!(!holds(None, None));
}
