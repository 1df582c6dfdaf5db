//! Changes that overlap: what was claimed and is still on its way, was refused, or was undone meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::publish::{Ami, account, fields};
use super::*;
use crate::image::apply::{made_late, remember_done};
use crate::image::outcome::PublishPerformed;
use crate::image::publish::{Asked, AskedRegion, Desired, Observation, Observed, plan};
use crate::image::status::{Action, CopyRequest, Grantee, PreviousVersion, RegionAction};
use crate::image::words::Step;

pub(super) const OTHER_REGION: &str = "us-west-2";

fn minute(ami: &mut Ami) {
    ami.now += SignedDuration::from_mins(1);
}

#[test]
fn what_another_invocation_is_about_to_set_is_waited_for_and_removed() {
    for (field, one, _) in fields() {
        let mut ami = Ami::new();
        let before = ami.shown.clone();
        let claimed = ami.plan(&one).ready;
        ami.claim(&claimed);
        minute(&mut ami);
        // The manifest no longer asks for it, and it does not show yet.
        let plan = ami.plan(&Desired::default());
        assert!(
            !plan.is_empty() && plan.ready.is_empty(),
            "{field}: {plan:?}"
        );
        claimed.iter().for_each(|action| ami.perform(action));
        ami.bring_to(&Desired::default());
        ami.shown.description = ami.shown.description.filter(|text| !text.is_empty());
        assert_eq!(ami.shown, before, "{field}");
    }
}

/// Reads of the AMI may be older than those of its snapshots.
#[test]
fn a_snapshot_is_not_revoked_before_a_grant_that_does_not_show_yet() {
    let shared = Desired {
        copy: true,
        grants: BTreeSet::from([account("111122223333")]),
        ..Desired::default()
    };
    let mut ami = Ami::new();
    let claimed = ami.plan(&shared).ready;
    ami.claim(&claimed);
    claimed.iter().for_each(|action| ami.perform(action));
    minute(&mut ami);
    let grants = ami.shown.grants.replace(BTreeSet::new());
    let plan = ami.plan(&Desired::default());
    assert!(plan.is_settling && plan.ready.is_empty(), "{plan:?}");
    ami.shown.grants = grants;
    let done = ami.bring_to(&Desired::default());
    let [Action::ChangeGrants { .. }, Action::RevokeSnapshot { .. }] = done.as_slice() else {
        panic!("{done:?}");
    };
}

#[test]
fn what_another_invocation_is_about_to_remove_is_waited_for_and_set_again() {
    for (field, one, _) in fields() {
        let mut ami = Ami::new();
        ami.bring_to(&one);
        let set = ami.shown.clone();
        minute(&mut ami);
        let claimed = ami.plan(&Desired::default()).ready;
        if claimed.is_empty() {
            // Of a public AMI, EC2 does not take the deprecation back.
            continue;
        }
        ami.claim(&claimed);
        minute(&mut ami);
        let plan = ami.plan(&one);
        assert!(
            !plan.is_empty() && plan.ready.is_empty(),
            "{field}: {plan:?}"
        );
        claimed.iter().for_each(|action| ami.perform(action));
        ami.bring_to(&one);
        assert_eq!(ami.shown, set, "{field}");
    }
}

#[test]
fn a_grant_that_was_refused_is_not_taken_for_ours_when_others_make_it() {
    let asked = Desired {
        grants: BTreeSet::from([account("111122223333")]),
        ..Desired::default()
    };
    let mut ami = Ami::new();
    let ready = ami.plan(&asked).ready;
    ami.claim(&ready);
    ami.now += SignedDuration::from_hours(1);
    ami.bring_to(&Desired::default());
    ami.shown.grants = Some(asked.grants.clone());
    let described = Desired {
        description: Some("web".to_owned()),
        ..Desired::default()
    };
    ami.bring_to(&described);
    assert_eq!(ami.shown.grants, Some(asked.grants));
}

#[test]
fn a_grant_that_exact_could_not_revoke_is_left_when_exact_is_undone() {
    let theirs = BTreeSet::from([account("444455556666")]);
    let exact = Desired {
        grants: BTreeSet::from([Grantee::Organization("arn:bad".to_owned())]),
        exact: true,
        ..Desired::default()
    };
    let mut ami = Ami::new();
    ami.shown.grants = Some(theirs.clone());
    let ready = ami.plan(&exact).ready;
    assert!(!ready.is_empty());
    ami.claim(&ready);
    ami.now += SignedDuration::from_hours(1);
    assert_eq!(ami.bring_to(&Desired::default()), []);
    assert_eq!(ami.shown.grants, Some(theirs));
}

#[test]
fn what_is_only_not_shown_yet_blocks_nothing() {
    let mut ami = Ami::new();
    let soon = ami.now + SignedDuration::from_hours(24);
    let public = Desired {
        grants: BTreeSet::from([Grantee::Public]),
        deprecate_at: Some(soon),
        ..Desired::default()
    };
    ami.bring_to(&public);
    minute(&mut ami);
    let private = Desired {
        deprecate_at: Some(soon + SignedDuration::from_hours(24)),
        ..Desired::default()
    };
    let ready = ami.plan(&private).ready;
    ami.claim(&ready);
    // A read from before: it is still public.
    assert_eq!(
        crate::image::publish::plan(&asked(&private), &published(&ami), &seen_at(&ami), ami.now)
            .blocked,
        []
    );
}

/// The AMI of the stack's Region alone.
pub(super) fn asked(desired: &Desired) -> Asked {
    let region = AskedRegion {
        required: true,
        kms_key_id: None,
        desired: desired.clone(),
    };
    Asked {
        home: REGION.to_owned(),
        regions: BTreeMap::from([(REGION.to_owned(), region)]),
        parameters: BTreeMap::new(),
    }
}

/// A status that knows of this AMI.
pub(super) fn published(ami: &Ami) -> Status {
    let mut status = available();
    change_settings_begin(&mut status, 1);
    let known = status.regions.get_mut(REGION).unwrap();
    known.applied = ami.applied.clone();
    status
}

fn change_settings_begin(status: &mut Status, minutes: i64) {
    let settings = publishing("eeee", false);
    republish(status, manifest("bbbb"), settings, after(minutes));
}

pub(super) fn seen_at(ami: &Ami) -> Observed {
    let shown = crate::image::publish::Shown {
        is_available: true,
        state: "available".to_owned(),
        ..ami.shown.clone()
    };
    Observed {
        regions: BTreeMap::from([(REGION.to_owned(), Observation::Seen(shown))]),
        ..Observed::default()
    }
}

#[test]
fn an_image_is_not_complete_while_a_copy_is_to_be_made_of_an_ami_that_is_not_seen() {
    let mut status = available();
    change_settings_begin(&mut status, 1);
    status.regions.get_mut(REGION).unwrap().verified_at = Some(after(2));
    let request = CopyRequest::default();
    status.copies.insert(OTHER_REGION.to_owned(), request);
    let mut asked = asked(&Desired::default());
    let home = asked.regions[REGION].clone();
    asked.regions.insert(OTHER_REGION.to_owned(), home);
    for observation in [Observation::Unknown, Observation::Absent] {
        let regions = BTreeMap::from([(REGION.to_owned(), observation)]);
        let seen = Observed {
            regions,
            ..Observed::default()
        };
        let plan = plan(&asked, &status, &seen, after(3));
        assert!(!plan.is_empty(), "{plan:?}");
    }
}

#[test]
fn settings_that_changed_are_compared_though_another_invocation_has_a_later_clock() {
    let mut status = available();
    change_settings_begin(&mut status, 1);
    status.regions.get_mut(REGION).unwrap().verified_at = Some(after(3));
    change_settings_begin(&mut status, 2);
    assert!(!status.is_verified_now(REGION));
}

/// An invocation begins to publish and verifies within one second: the next one need not look again. What changes within
/// that second is looked at.
#[test]
fn what_is_verified_in_the_second_in_which_publishing_begins_is_verified() {
    let mut status = available();
    change_settings_begin(&mut status, 1);
    assert!(!status.is_verified_now(REGION));
    let since = status.build.step_since;
    status.regions.get_mut(REGION).unwrap().verified_at = Some(since);
    assert!(status.is_verified_now(REGION));
    assert!(!status.unverified(since).is_verified_now(REGION));
    change_settings_begin(&mut status, 1);
    assert!(!status.is_verified_now(REGION));
}

/// The removal was claimed and not made, and is not asked for any more: what is there is still ours to revoke.
#[test]
fn what_was_not_removed_stays_ours() {
    let asked = |accounts: &[&str]| Desired {
        grants: accounts.iter().map(|id| account(id)).collect(),
        ..Desired::default()
    };
    let (both, one) = (
        asked(&["111122223333", "444455556666"]),
        asked(&["111122223333"]),
    );
    let mut ami = Ami::new();
    ami.bring_to(&both);
    minute(&mut ami);
    let claimed = ami.plan(&one).ready;
    assert!(!claimed.is_empty());
    ami.claim(&claimed);
    ami.now += SignedDuration::from_hours(1);
    ami.bring_to(&both);
    ami.now += SignedDuration::from_hours(1);
    ami.bring_to(&one);
    assert_eq!(ami.shown.grants, Some(one.grants));
}

/// The functions stood still, or the AMI was another version's meanwhile: EC2 is asked again before anything is given up.
#[test]
fn what_was_asked_for_long_ago_is_asked_for_again() {
    let asked_for = Desired {
        description: Some("web".to_owned()),
        ..Desired::default()
    };
    let asked_each_hour_for = |hours, then| {
        let mut ami = Ami::new();
        for _ in 0..hours {
            let ready = ami.plan(&asked_for).ready;
            ami.claim(&ready);
            ami.now += SignedDuration::from_mins(59);
        }
        ami.now += SignedDuration::from_hours(then);
        let again = plan(
            &asked(&asked_for),
            &published(&ami),
            &seen_at(&ami),
            ami.now,
        );
        (again.ready.len(), again.in_vain.len())
    };
    assert_eq!(asked_each_hour_for(1, 48), (1, 0));
    assert_eq!(asked_each_hour_for(4, 4), (1, 0));
    assert_eq!(asked_each_hour_for(8, 0), (0, 1));
}

fn performed(action: Action) -> Evidence {
    let region = OTHER_REGION.to_owned();
    Evidence::PublishPerformed(PublishPerformed {
        done: vec![RegionAction { region, action }],
        ..PublishPerformed::default()
    })
}

/// Two invocations find it failed, and the slower one writes what it did once the next copy was begun.
#[test]
fn a_failed_copy_that_was_removed_twice_has_failed_once() {
    let copy = |attempt, image: &str| {
        performed(Action::CopyImage {
            attempt,
            kms_key_id: None,
            image: Some(image.to_owned()),
            was_there: false,
        })
    };
    let removed = || {
        performed(Action::RemoveFailedCopy {
            image: "ami-2".to_owned(),
            reason: "it failed".to_owned(),
        })
    };
    let mut status = registered();
    status.build.step = Step::Publish;
    advance(&mut status, copy(0, "ami-2"), 1);
    advance(&mut status, removed(), 2);
    advance(&mut status, copy(1, "ami-3"), 3);
    advance(&mut status, removed(), 3);
    assert_eq!(status.regions[OTHER_REGION].image, "ami-3");
    let request = &status.copies[OTHER_REGION];
    assert_eq!((request.attempt, request.failed), (1, 1));
    assert_eq!(request.removed, ["ami-2"]);
    assert_eq!(request.failure, None);
}

/// Two invocations find it, or only one does, whose settings are changed before it has written that.
#[test]
fn a_copy_of_an_earlier_version_that_is_found_is_listed_once_and_not_as_made() {
    let action = Action::CopyImage {
        attempt: 0,
        kms_key_id: None,
        image: Some("ami-9".to_owned()),
        was_there: false,
    };
    let region = OTHER_REGION.to_owned();
    let mut copy = RegionStatus::pending("ami-9".to_owned());
    copy.applied.settings.grants = BTreeSet::from([account("111122223333")]);
    let version = PreviousVersion {
        digest: Some("0000".to_owned()),
        regions: BTreeMap::from([(region.clone(), copy.clone())]),
        copies: BTreeMap::new(),
        bundle: None,
        is_dealt_with: false,
        is_only_deprecated: false,
    };
    let found = RegionAction {
        region,
        action: action.clone(),
    };
    for is_found_twice in [true, false] {
        let mut status = available();
        status.previous = vec![version.clone()];
        change_settings_begin(&mut status, 1);
        if is_found_twice {
            advance(&mut status, performed(action.clone()), 2);
        }
        change_settings_begin(&mut status, 3);
        let digest = status.build.digest.clone();
        let done = std::slice::from_ref(&found);
        assert!(remember_done(
            &mut status,
            digest.as_deref(),
            done,
            after(4)
        ));
        made_late(&mut status, done, after(4));
        assert_eq!((status.changes.len(), status.untold), (1, 1));
        assert_eq!(status.regions[OTHER_REGION].applied, copy.applied);
        let why = "us-west-2: ami-9, which was there, belongs to it again";
        let told = status.history.iter().filter(|it| it.why == why);
        assert_eq!(told.count(), 1, "{:?}", status.history);
    }
}
