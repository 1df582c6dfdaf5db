//! Differences: what is asked for, what was applied, what EC2 shows.

mod sequences;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::image::publish::{Desired, Difference, Shown, confirm, difference, intend};
use crate::image::status::{Action, Applied, Grantee, Protection};
use crate::image::words::Blocker;

pub(super) const SNAPSHOT: &str = "snap-1";

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn at(hours: i64) -> Timestamp {
    start() + SignedDuration::from_hours(hours)
}

pub(super) fn account(id: &str) -> Grantee {
    Grantee::Account(id.to_owned())
}

pub(super) fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    tags.iter().map(owned).collect()
}

/// An AMI, as EC2 keeps it, with what amiwright has noted.
#[derive(Debug, Clone)]
pub(super) struct Ami {
    pub(super) shown: Shown,
    pub(super) applied: Applied,
    pub(super) now: Timestamp,
}

impl Ami {
    pub(super) fn new() -> Self {
        let shown = Shown {
            grants: Some(BTreeSet::new()),
            snapshots: BTreeMap::from([(SNAPSHOT.to_owned(), BTreeSet::new())]),
            protection: "disabled".to_owned(),
            ..Shown::default()
        };
        Self {
            shown,
            applied: Applied::default(),
            now: start(),
        }
    }

    pub(super) fn plan(&self, desired: &Desired) -> Difference {
        difference(desired, &self.applied, &self.shown, self.now)
    }

    /// Does what is ready, until nothing is; returns all that was done.
    pub(super) fn bring_to(&mut self, desired: &Desired) -> Vec<Action> {
        let mut done = Vec::new();
        for _ in 0..10 {
            let plan = self.plan(desired);
            if plan.is_empty() {
                self.applied = confirm(&self.applied, desired);
            }
            if plan.ready.is_empty() {
                return done;
            }
            self.claim(&plan.ready);
            for action in &plan.ready {
                self.perform(action);
            }
            done.extend(plan.ready);
            self.now += SignedDuration::from_mins(1);
        }
        panic!("it never ends: {done:#?}");
    }

    /// Writes down what is about to be done.
    pub(super) fn claim(&mut self, ready: &[Action]) {
        self.applied = intend(&self.applied, ready, Some(&self.shown), self.now);
    }

    /// What EC2 does.
    pub(super) fn perform(&mut self, action: &Action) {
        let shown = &mut self.shown;
        match action.clone() {
            Action::CopyImage { .. } | Action::RemoveFailedCopy { .. } => {
                panic!("one AMI is not copied")
            }
            Action::SetDescription { text } => shown.description = Some(text),
            Action::SetTags { tags } => shown.tags.extend(tags),
            Action::SetProductCode { code } => {
                assert_eq!(shown.product_codes, Some(BTreeSet::new()));
                shown.product_codes = Some(code.into_iter().collect());
            }
            Action::RemoveTags { tags } => {
                for (key, value) in tags {
                    if shown.tags.get(&key) == Some(&value) {
                        shown.tags.remove(&key);
                    }
                }
            }
            Action::ShareSnapshot { snapshot, accounts } => {
                shown.snapshots.get_mut(&snapshot).unwrap().extend(accounts);
            }
            Action::RevokeSnapshot { snapshot, accounts } => {
                let shared = shown.snapshots.get_mut(&snapshot).unwrap();
                shared.retain(|account| !accounts.contains(account));
            }
            Action::ChangeGrants { add, remove } => {
                let grants = shown.grants.as_mut().unwrap();
                grants.extend(add);
                grants.retain(|grantee| !remove.contains(grantee));
                shown.public = grants.contains(&Grantee::Public);
            }
            Action::SetDeprecation { at } => shown.deprecate_at = at,
            Action::SetProtection { protection } => {
                shown.protection = match protection {
                    None => "disabled",
                    Some(Protection::On) => "enabled-without-cooldown",
                    Some(Protection::WithCooldown) => "enabled-with-cooldown",
                }
                .to_owned();
            }
            Action::DeprecatePrevious { .. }
            | Action::UnprotectPrevious { .. }
            | Action::ProtectPrevious { .. }
            | Action::DeregisterPrevious { .. }
            | Action::RevokePrevious { .. }
            | Action::DeleteSnapshot { .. }
            | Action::LeaveShare { .. }
            | Action::PutParameter { .. }
            | Action::LeaveParameter { .. } => panic!("about another AMI: {action:?}"),
        }
    }
}

/// Every field with two values: what it is created with, and what it is changed to.
pub(super) fn fields() -> Vec<(&'static str, Desired, Desired)> {
    let with = |change: fn(&mut Desired)| {
        let mut desired = Desired::default();
        change(&mut desired);
        desired
    };
    vec![
        (
            "description",
            with(|it| it.description = Some("one".to_owned())),
            with(|it| it.description = Some("two".to_owned())),
        ),
        (
            "tags",
            with(|it| it.tags = tags(&[("team", "web"), ("env", "dev")])),
            with(|it| it.tags = tags(&[("team", "db"), ("cost", "1")])),
        ),
        (
            "access",
            with(|it| it.grants = BTreeSet::from([account("111122223333"), Grantee::Public])),
            with(|it| it.grants = BTreeSet::from([account("444455556666")])),
        ),
        (
            "access with copy",
            with(|it| {
                it.copy = true;
                it.grants = BTreeSet::from([account("111122223333")]);
            }),
            with(|it| {
                it.copy = true;
                it.grants = BTreeSet::from([account("444455556666")]);
            }),
        ),
        (
            "deprecate",
            with(|it| it.deprecate_at = Some(at(48))),
            with(|it| it.deprecate_at = Some(at(96))),
        ),
        (
            "protect",
            with(|it| it.protection = Some(Protection::On)),
            with(|it| it.protection = Some(Protection::WithCooldown)),
        ),
    ]
}

#[test]
fn every_field_is_added_changed_removed_and_set_back() {
    let mut said = String::new();
    for (field, one, other) in fields() {
        let none = Desired::default();
        let mut ami = Ami::new();
        for (what, desired) in [
            ("created with", &one),
            ("again", &one),
            ("changed", &other),
            ("set back", &one),
            ("removed", &none),
            ("again", &none),
            ("added later", &one),
        ] {
            let done = ami.bring_to(desired);
            assert!(ami.plan(desired).is_empty(), "{field}, {what}: {ami:#?}");
            assert_eq!(done.is_empty(), what == "again", "{field}, {what}");
            said += &format!("{field}, {what}: {done:?}\n");
        }
    }
    insta::assert_snapshot!("publish", said);
}

#[test]
fn what_somebody_else_has_set_stays() {
    let mut ami = Ami::new();
    let mut desired = Desired {
        grants: BTreeSet::from([account("111122223333")]),
        ..Desired::default()
    };
    ami.bring_to(&desired);
    let by_hand = account("999999999999");
    ami.shown.grants.as_mut().unwrap().insert(by_hand.clone());
    ami.shown.tags.insert("owner".to_owned(), "them".to_owned());
    ami.shown.description = Some("theirs".to_owned());
    ami.now = at(1);
    assert!(ami.plan(&desired).is_empty());
    desired.grants.clear();
    ami.bring_to(&desired);
    assert_eq!(ami.shown.grants, Some(BTreeSet::from([by_hand])));
    desired.exact = true;
    ami.bring_to(&desired);
    assert_eq!(ami.shown.grants, Some(BTreeSet::new()));
    assert_eq!(ami.shown.tags, tags(&[("owner", "them")]));
    assert_eq!(ami.shown.description.as_deref(), Some("theirs"));
}

#[test]
fn a_tag_that_somebody_changed_since_is_not_removed() {
    let mut ami = Ami::new();
    let desired = Desired {
        tags: tags(&[("team", "web")]),
        ..Desired::default()
    };
    ami.bring_to(&desired);
    ami.shown.tags = tags(&[("team", "theirs")]);
    ami.now = at(1);
    assert_eq!(ami.bring_to(&Desired::default()), []);
}

#[test]
fn a_stale_read_is_waited_for_and_not_repeated() {
    for (field, one, _) in fields() {
        let mut ami = Ami::new();
        let before = ami.shown.clone();
        let ready = ami.plan(&one).ready;
        assert!(!ready.is_empty(), "{field}");
        ami.claim(&ready);
        ami.shown = before;
        ami.now += SignedDuration::from_mins(1);
        let plan = ami.plan(&one);
        assert!(
            plan.ready.is_empty() && plan.is_settling,
            "{field}: {plan:?}"
        );
        // The request was never heard: it is repeated.
        ami.now += SignedDuration::from_mins(5);
        assert_eq!(ami.plan(&one).ready, ready, "{field}");
    }
}

#[test]
fn snapshots_come_before_the_ami_and_go_after_it() {
    let mut ami = Ami::new();
    let shared = Desired {
        copy: true,
        grants: BTreeSet::from([account("111122223333")]),
        ..Desired::default()
    };
    let accounts = BTreeSet::from(["111122223333".to_owned()]);
    let snapshot = SNAPSHOT.to_owned();
    assert_eq!(
        ami.bring_to(&shared),
        [
            Action::ShareSnapshot {
                snapshot: snapshot.clone(),
                accounts: accounts.clone()
            },
            Action::ChangeGrants {
                add: shared.grants.clone(),
                remove: BTreeSet::new()
            },
        ]
    );
    assert_eq!(
        ami.bring_to(&Desired::default()),
        [
            Action::ChangeGrants {
                add: BTreeSet::new(),
                remove: shared.grants
            },
            Action::RevokeSnapshot { snapshot, accounts },
        ]
    );
}

#[test]
fn a_public_ami_is_deprecated_earlier_only() {
    let mut ami = Ami::new();
    let mut desired = Desired {
        grants: BTreeSet::from([Grantee::Public]),
        deprecate_at: Some(at(48)),
        ..Desired::default()
    };
    ami.bring_to(&desired);
    desired.deprecate_at = Some(at(24));
    assert_eq!(
        ami.bring_to(&desired),
        [Action::SetDeprecation { at: Some(at(24)) }]
    );
    desired.deprecate_at = Some(at(72));
    let plan = ami.plan(&desired);
    let later = Action::SetDeprecation { at: Some(at(72)) };
    assert_eq!(plan.blocked, [(later, Blocker::Public)]);
    assert_eq!(ami.bring_to(&desired), []);
}

#[test]
fn stages_come_in_their_order() {
    let desired = Desired {
        description: Some("web".to_owned()),
        grants: BTreeSet::from([account("111122223333")]),
        protection: Some(Protection::On),
        ..Desired::default()
    };
    let grants = Action::ChangeGrants {
        add: desired.grants.clone(),
        remove: BTreeSet::new(),
    };
    assert_eq!(
        Ami::new().plan(&desired).ready,
        [
            grants,
            Action::SetDescription {
                text: "web".to_owned()
            },
            Action::SetProtection {
                protection: Some(Protection::On)
            }
        ]
    );
}

#[test]
fn seconds_are_no_difference() {
    let mut ami = Ami::new();
    ami.shown.deprecate_at = Some(at(48));
    let desired = Desired {
        deprecate_at: Some(at(48) + SignedDuration::from_secs(29)),
        ..Desired::default()
    };
    assert!(ami.plan(&desired).is_empty());
}

/// EC2 takes no time in the past, which a manifest that is set back, or a short `after` of an old AMI, comes to.
#[test]
fn an_ami_that_should_be_deprecated_by_now_is() {
    let ago = |hours| Some(start() - SignedDuration::from_hours(hours));
    let wanted = Desired {
        deprecate_at: ago(24),
        ..Desired::default()
    };
    for (shown, is_deprecated) in [
        (None, false),
        (ago(48), true),
        (ago(1), true),
        (Some(at(48)), false),
    ] {
        let mut ami = Ami::new();
        ami.shown.deprecate_at = shown;
        let done = ami.bring_to(&wanted);
        let soon = start() + SignedDuration::from_mins(5);
        let expected = Action::SetDeprecation { at: Some(soon) };
        let expected: Vec<Action> = (!is_deprecated).then_some(expected).into_iter().collect();
        assert_eq!(done, expected, "{shown:?}");
        ami.now += SignedDuration::from_hours(1);
        assert!(ami.plan(&wanted).is_empty(), "{shown:?}");
    }
}
