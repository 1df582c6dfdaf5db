//! A public AMI is deprecated two years after it was made at the latest: that is told before anything is changed.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::after;
use super::publish::Ami;
use super::publish_overlaps::{asked, published, seen_at};
use crate::image::publish::{Desired, Pending, Plan, plan};
use crate::image::status::{Action, Grantee, Intended, Settings};
use crate::image::words::Blocker;

fn now() -> Timestamp {
    after(3)
}

fn months(months: i64) -> Timestamp {
    let now = now().to_zoned(TimeZone::UTC);
    now.checked_add(months.months()).unwrap().timestamp()
}

/// An AMI that was made so many months ago.
fn aged(age: i64) -> Ami {
    let mut ami = Ami::new();
    ami.shown.created_at = Some(months(-age));
    ami
}

fn public(mut ami: Ami) -> Ami {
    ami.shown.public = true;
    ami.shown.grants = Some(BTreeSet::from([Grantee::Public]));
    ami
}

fn shows(mut ami: Ami, date: Timestamp) -> Ami {
    ami.shown.deprecate_at = Some(date);
    ami
}

fn planned(ami: &Ami, is_public: bool, date: Option<Timestamp>) -> Plan {
    let grants = is_public.then_some(Grantee::Public);
    let desired = Desired {
        description: Some("Web".to_owned()),
        grants: grants.into_iter().collect(),
        exact: true,
        deprecate_at: date,
        ..Desired::default()
    };
    plan(&asked(&desired), &published(ami), &seen_at(ami), now())
}

/// Checks that nothing is changed, because of this change, and that this is the latest time.
fn refused(ami: &Ami, date: Option<Timestamp>, change: &Action, latest: Timestamp) {
    let plan = planned(ami, true, date);
    assert_eq!(plan.ready, [], "{date:?}");
    let blocked: Vec<_> = plan
        .blocked
        .iter()
        .map(|(what, why)| (&what.action, *why))
        .collect();
    let why = Blocker::DeprecatedTooLate { latest };
    assert_eq!(blocked, [(change, why)], "{date:?}");
}

fn taken(ami: &Ami, is_public: bool, date: Option<Timestamp>) {
    let plan = planned(ami, is_public, date);
    let is_late = |why: &Blocker| matches!(why, Blocker::DeprecatedTooLate { .. });
    assert!(
        !plan.blocked.iter().any(|(_, why)| is_late(why)),
        "{plan:?}"
    );
    assert_ne!(plan.ready, [], "{date:?}");
}

fn publishing() -> Action {
    Action::ChangeGrants {
        add: BTreeSet::from([Grantee::Public]),
        remove: BTreeSet::new(),
    }
}

#[test]
fn what_becomes_public_is_not_deprecated_later_than_two_years_after_it_was_made() {
    let (latest, minute) = (months(12), 1.minute());
    let later = latest.checked_add(minute).unwrap();
    refused(&aged(12), Some(later), &publishing(), latest);
    taken(&aged(12), true, Some(latest));
    taken(&aged(12), true, None);
    taken(&aged(12), false, Some(later));
    // When it was made is not known: EC2 says what it thinks of it.
    taken(&Ami::new(), true, Some(later));
}

#[test]
fn a_time_that_stays_set_counts_and_one_that_goes_does_not() {
    let (latest, later) = (months(12), months(60));
    let theirs = shows(aged(12), later);
    refused(&theirs, None, &publishing(), latest);
    taken(&theirs, true, Some(latest));
    let mut ours = theirs;
    ours.applied.settings.deprecate_at = Some(later);
    taken(&ours, true, None);
}

#[test]
fn what_is_public_gets_no_such_time_unless_it_becomes_private() {
    let (latest, later) = (months(12), months(23));
    let change = Action::SetDeprecation { at: Some(later) };
    refused(&public(aged(12)), Some(later), &change, latest);
    let dated = shows(public(aged(12)), latest);
    refused(&dated, Some(later), &change, latest);
    taken(&public(aged(12)), false, Some(later));
    // One that EC2 has let it keep is not asked for.
    taken(&shows(public(aged(12)), later), true, Some(later));
}

/// One that was made long ago gets a time that has passed by becoming public.
#[test]
fn a_time_that_has_passed_is_none_that_is_asked_for() {
    let passed = months(-6);
    taken(&shows(aged(36), passed), true, Some(passed));
    taken(&shows(aged(36), passed), true, None);
    taken(&aged(36), true, None);
    let latest = months(-12);
    refused(&aged(36), Some(months(1)), &publishing(), latest);
}

/// Its deprecation, which the manifest asks for no more, would be there for good.
#[test]
fn a_deprecation_is_put_off_before_the_ami_becomes_public() {
    let mut ami = shows(aged(1), months(1));
    ami.applied.settings.deprecate_at = Some(months(1));
    for at in [Some(months(6)), None] {
        let plan = planned(&ami, true, at);
        let actions: Vec<_> = plan.ready.iter().map(|it| &it.action).collect();
        assert_eq!(
            actions[..2],
            [&Action::SetDeprecation { at }, &publishing()]
        );
    }
}

#[test]
fn nothing_is_done_until_a_deprecation_that_was_put_off_shows() {
    let mut ami = shows(aged(1), months(1));
    let settings = Settings {
        deprecate_at: Some(months(6)),
        ..Settings::default()
    };
    ami.applied.settings = settings.clone();
    ami.applied.intended = Some(Intended {
        at: now(),
        since: now(),
        settings,
        revokes: BTreeSet::new(),
        earlier: Vec::new(),
        gone: Settings::default(),
    });
    let plan = planned(&ami, true, Some(months(6)));
    assert_eq!(plan.ready, []);
    assert_eq!(
        plan.pending.values().collect::<Vec<_>>(),
        [&Pending::Settling]
    );
    assert!(plan.verified.is_empty());
}
