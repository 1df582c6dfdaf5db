//! What is done about a parameter: what the manifest says, what was written, and what SSM shows.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::image::observed::ObservedParameter;
use crate::image::outcome::ReleaseObserved;
use crate::image::publish::{
    Asked, AskedRegion, ConflictReason, Observation, Observed, PUTS_MAX, Plan, Shown, VALIDATION,
    intend_put, plan,
};
use crate::image::status::{
    Action, ParameterId, ParameterPut, ParameterStatus, ParameterType, PossibleValue,
};
use crate::image::words::{State, Step};

const NAME: &str = "/images/web";
const OTHER: &str = "ami-9";
const ELSEWHERE: &str = "us-west-2";

/// What is to be done, in short.
#[derive(Debug, PartialEq)]
enum Do {
    Nothing,
    Set,
    Put(u64, ParameterType),
    Wait,
    Conflict(ConflictReason),
    GiveUp,
}

fn id() -> ParameterId {
    ParameterId {
        region: REGION.to_owned(),
        name: NAME.to_owned(),
    }
}

/// A verified AMI, and its id.
fn verified() -> (Status, String) {
    let mut status = available();
    let known = status.regions.get_mut(REGION).unwrap();
    known.verified_at = Some(after(2));
    let image = known.image.clone();
    (status, image)
}

fn asked(take_over: bool) -> Asked {
    let region = AskedRegion {
        required: true,
        ..AskedRegion::default()
    };
    Asked {
        home: REGION.to_owned(),
        regions: BTreeMap::from([(REGION.to_owned(), region)]),
        parameters: BTreeMap::from([(NAME.to_owned(), take_over)]),
    }
}

fn holds(value: &str, version: u64) -> ObservedParameter {
    ObservedParameter {
        kind: "String".to_owned(),
        data_type: "aws:ec2:image".to_owned(),
        value: value.to_owned(),
        version,
    }
}

fn planned(status: &Status, asked: &Asked, seen: Observation<ObservedParameter>) -> Plan {
    let home = Shown {
        is_available: true,
        state: "available".to_owned(),
        ..Shown::default()
    };
    let observed = Observed {
        regions: BTreeMap::from([(REGION.to_owned(), Observation::Seen(home))]),
        parameters: BTreeMap::from([(id(), seen)]),
        ..Observed::default()
    };
    plan(asked, status, &observed, after(10))
}

/// What comes of a parameter of which this is known.
fn next(ours: ParameterStatus, take_over: bool, seen: Observation<ObservedParameter>) -> Do {
    let (mut status, _) = verified();
    status.release.parameters.insert(id(), ours);
    let plan = planned(&status, &asked(take_over), seen);
    let release = &plan.release;
    assert!(!release.is_held);
    if let [what] = plan.ready.as_slice() {
        let Action::PutParameter {
            after, data_type, ..
        } = &what.action
        else {
            panic!("{what:?}");
        };
        return Do::Put(*after, *data_type);
    }
    assert_eq!(plan.ready, []);
    match release.conflicts.as_slice() {
        [conflict] => Do::Conflict(conflict.why.clone()),
        _ if release.set.contains_key(&id()) => Do::Set,
        _ if release.pending.contains_key(&id()) => Do::Wait,
        _ if release.not_validated.contains(&id()) => Do::GiveUp,
        _ => Do::Nothing,
    }
}

fn unknown() -> ParameterStatus {
    ParameterStatus::default()
}

/// Seen with this value in this version.
fn wrote(value: &str, version: u64) -> ParameterStatus {
    ParameterStatus {
        value: Some(value.to_owned()),
        version: Some(version),
        ..unknown()
    }
}

/// Written over this version, so many minutes ago.
fn writing(value: &str, after_version: u64, minutes_ago: i64) -> ParameterPut {
    ParameterPut {
        value: value.to_owned(),
        after: after_version,
        asked_at: Some(after(10 - minutes_ago)),
        attempts: 1,
        ..ParameterPut::default()
    }
}

fn with_put(known: ParameterStatus, put: ParameterPut) -> ParameterStatus {
    ParameterStatus {
        put: Some(put),
        ..known
    }
}

#[test]
fn a_parameter_is_compared_before_it_is_written() {
    let all = [read(), written(), set_back()];
    for (case, ours, take_over, seen, expected) in all.into_iter().flatten() {
        assert_eq!(next(ours, take_over, seen), expected, "{case}");
    }
}

/// Its name, what is known, whether it may be taken over, what is seen, what is to be done.
type Case = (
    &'static str,
    ParameterStatus,
    bool,
    Observation<ObservedParameter>,
    Do,
);

fn seen(value: &str, version: u64) -> Observation<ObservedParameter> {
    Observation::Seen(holds(value, version))
}

fn put(after: u64) -> Do {
    Do::Put(after, ParameterType::Image)
}

fn changed(value: &str, version: u64) -> Do {
    Do::Conflict(ConflictReason::Changed {
        value: value.to_owned(),
        version,
    })
}

/// Nothing is being written.
fn read() -> Vec<Case> {
    let (_, image) = verified();
    let not_ours = || Do::Conflict(ConflictReason::NotOurs);
    vec![
        (
            "there is none",
            unknown(),
            false,
            Observation::Absent,
            put(0),
        ),
        ("not seen", unknown(), true, Observation::Unknown, Do::Wait),
        (
            "as it should be",
            unknown(),
            false,
            seen(&image, 7),
            Do::Set,
        ),
        ("somebody's", unknown(), false, seen(OTHER, 7), not_ours()),
        ("taken over", unknown(), true, seen(OTHER, 7), put(7)),
        ("ours", wrote("ami-2", 3), false, seen("ami-2", 3), put(3)),
        (
            "deleted",
            wrote("ami-2", 3),
            false,
            Observation::Absent,
            put(0),
        ),
        (
            "changed",
            wrote("ami-2", 3),
            false,
            seen(OTHER, 4),
            changed("ami-2", 3),
        ),
        (
            "changed and back",
            wrote("ami-2", 3),
            false,
            seen("ami-2", 5),
            changed("ami-2", 3),
        ),
    ]
}

/// Something is being written.
fn written() -> Vec<Case> {
    let (_, image) = verified();
    let raced = ParameterPut {
        version: Some(4),
        ..writing(&image, 3, 1)
    };
    let earlier = |after, last| ParameterStatus {
        possible: vec![possible("ami-2", after, last, 60)],
        ..with_put(unknown(), writing(&image, 3, 6))
    };
    vec![
        (
            "validated",
            with_put(wrote("ami-2", 3), writing(&image, 3, 1)),
            false,
            seen("ami-2", 3),
            Do::Wait,
        ),
        (
            "not validated",
            with_put(wrote("ami-2", 3), writing(&image, 3, 6)),
            false,
            seen("ami-2", 3),
            put(3),
        ),
        (
            "written, and then by somebody else",
            with_put(wrote("ami-2", 3), raced),
            false,
            seen(OTHER, 5),
            changed(&image, 4),
        ),
        (
            "of a version before, whose answer was lost",
            with_put(unknown(), writing("ami-2", 0, 6)),
            false,
            seen("ami-2", 1),
            put(1),
        ),
        (
            "of a version before, which shows late",
            earlier(3, 4),
            false,
            seen("ami-2", 4),
            put(4),
        ),
        (
            "of a version before, which showed when this one was written, and still does",
            earlier(2, 3),
            false,
            seen("ami-2", 3),
            put(3),
        ),
        (
            "what somebody else had written when this one was written",
            earlier(2, 3),
            false,
            seen(OTHER, 3),
            Do::Conflict(ConflictReason::NotOurs),
        ),
    ]
}

/// It shows the value, and SSM may still validate another one.
fn set_back() -> Vec<Case> {
    let (_, image) = verified();
    let put = |minutes_ago| with_put(wrote(&image, 3), writing("ami-2", 3, minutes_ago));
    let before = |last, minutes_ago| ParameterStatus {
        possible: vec![possible("ami-2", 3, last, minutes_ago)],
        ..with_put(wrote(&image, 3), writing(&image, 3, 1))
    };
    let case = |case, ours, expected| (case, ours, false, seen(&image, 3), expected);
    vec![
        case("another was written just now", put(1), Do::Wait),
        case("another was written a while ago", put(19), Do::Wait),
        case("another was written long ago", put(21), Do::Set),
        case(
            "this one again, soon after another",
            before(4, 19),
            Do::Wait,
        ),
        case("this one again, long after another", before(4, 21), Do::Set),
        case("another cannot show any more", before(3, 1), Do::Set),
        case(
            "another, long ago and just now",
            ParameterStatus {
                possible: vec![possible("ami-2", 3, 4, 60)],
                ..put(1)
            },
            Do::Wait,
        ),
    ]
}

fn possible(value: &str, after_version: u64, last: u64, minutes_ago: i64) -> PossibleValue {
    PossibleValue {
        value: value.to_owned(),
        after: after_version,
        last,
        asked_at: after(10 - minutes_ago),
    }
}

/// A value of a version before was never seen, and this one showed then, in version 3.
#[test]
fn what_was_validated_late_is_ours_and_what_somebody_writes_later_is_not() {
    let (mut status, image) = verified();
    (status.state, status.build.step) = (State::Working, Step::Publish);
    let taken = ParameterPut {
        version: Some(5),
        ..writing("ami-2", 3, 20)
    };
    let mut known = wrote(&image, 3);
    known.may_come_of(&writing("ami-3", 3, 30), 3);
    let known = with_put(known, taken);
    status.release.parameters.insert(id(), known);
    let release = ReleaseObserved {
        named: BTreeSet::from([id()]),
        set: BTreeMap::from([(id(), holds(&image, 3))]),
        ..ReleaseObserved::default()
    };
    let published = PublishObserved {
        release,
        ..PublishObserved::default()
    };
    advance(&mut status, Evidence::PublishObserved(published), 10);
    let known = status.release.parameters[&id()].clone();
    assert_eq!(known.put, None);
    let of = |seen| next(known.clone(), false, seen);
    assert_eq!(of(seen("ami-2", 4)), put(4));
    assert_eq!(of(seen("ami-2", 5)), put(5));
    assert_eq!(of(seen("ami-3", 4)), put(4));
    assert_eq!(of(seen("ami-2", 6)), changed(&image, 3));
    assert_eq!(of(seen(OTHER, 4)), changed(&image, 3));
}

#[test]
fn a_text_parameter_stays_text_and_other_types_are_never_written() {
    let text = ObservedParameter {
        data_type: "text".to_owned(),
        ..holds(OTHER, 2)
    };
    let put = Do::Put(2, ParameterType::Text);
    assert_eq!(next(unknown(), true, Observation::Seen(text)), put);
    for kind in ["SecureString", "StringList", "NewType"] {
        let other = ObservedParameter {
            kind: kind.to_owned(),
            ..holds("", 2)
        };
        let conflict = Do::Conflict(ConflictReason::OtherType);
        assert_eq!(next(unknown(), true, Observation::Seen(other)), conflict);
    }
}

#[test]
fn a_value_is_written_so_often_and_no_more() {
    let (_, image) = verified();
    let mut known = unknown();
    let start = after(10) - VALIDATION * 20;
    for attempt in 1..=PUTS_MAX {
        let next_put = next(known.clone(), false, Observation::Absent);
        assert_eq!(next_put, Do::Put(0, ParameterType::Image), "{attempt}");
        let put = intend_put(Some(&known), &image, 0, start);
        assert_eq!((put.attempts, put.since), (attempt, Some(start)));
        known = with_put(known, put);
    }
    assert_eq!(next(known, false, Observation::Absent), Do::GiveUp);
}

#[test]
fn nothing_is_written_before_every_required_region_is_verified() {
    let (status, _) = verified();
    for required in [true, false] {
        let mut asked = asked(false);
        let elsewhere = AskedRegion {
            required,
            ..AskedRegion::default()
        };
        asked.regions.insert(ELSEWHERE.to_owned(), elsewhere);
        let plan = planned(&status, &asked, Observation::Absent);
        assert_eq!(plan.release.is_held, required);
        let mut ready = plan.ready.iter();
        let is_put = ready.any(|what| matches!(what.action, Action::PutParameter { .. }));
        assert_eq!(is_put, !required, "{plan:?}");
    }
}

#[test]
fn what_is_not_named_any_more_is_left() {
    let (mut status, _) = verified();
    status.release.parameters.insert(id(), wrote("ami-2", 3));
    let asked = Asked {
        parameters: BTreeMap::new(),
        ..asked(false)
    };
    let plan = planned(&status, &asked, Observation::Absent);
    assert_eq!(plan.ready, []);
    let left = BTreeMap::from([(id(), Some("ami-2".to_owned()))]);
    assert_eq!(plan.release.left, left);
}
