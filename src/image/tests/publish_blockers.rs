//! What EC2 would refuse to share is told before anything is changed.

use std::collections::{BTreeMap, BTreeSet};

use super::publish::{Ami, account};
use super::publish_overlaps::{OTHER_REGION, asked, published, seen_at};
use super::{REGION, after};
use crate::image::publish::{AccountSettings, Desired, Observation, Plan, PublicBlock, plan};
use crate::image::status::{Action, Grantee};
use crate::image::words::{Blocker, UnshareableReason as Why};

/// The plan for an AMI with these properties that is to be shared so, in the stack's Region and copied to another; both
/// with these settings of the account.
fn planned(
    grantee: Grantee,
    own_key: bool,
    change: impl FnOnce(&mut Ami),
    account: AccountSettings,
) -> Plan {
    let desired = Desired {
        description: Some("Web".to_owned()),
        grants: BTreeSet::from([grantee]),
        ..Desired::default()
    };
    let mut asked = asked(&desired);
    let mut copy = asked.regions[REGION].clone();
    copy.kms_key_id = own_key.then(|| "alias/own".to_owned());
    asked.regions.insert(OTHER_REGION.to_owned(), copy);
    let mut ami = Ami::new();
    change(&mut ami);
    let mut seen = seen_at(&ami);
    let absent = Observation::Absent;
    seen.regions.insert(OTHER_REGION.to_owned(), absent);
    for region in [REGION, OTHER_REGION] {
        seen.accounts.insert(region.to_owned(), account);
    }
    plan(&asked, &published(&ami), &seen, after(3))
}

/// Why each Region is blocked.
fn blocked(plan: &Plan) -> BTreeMap<&str, Why> {
    let why = |blocker: &Blocker| match blocker {
        Blocker::NotShareable(why) => *why,
        Blocker::Public | Blocker::ProductCode | Blocker::DeprecatedTooLate { .. } => {
            panic!("nothing of that is set")
        }
    };
    let blocked = plan.blocked.iter();
    blocked
        .map(|(what, blocker)| (what.region.as_str(), why(blocker)))
        .collect()
}

/// Checks that just these Regions are blocked, for these reasons, and that nothing is changed there.
fn check(plan: &Plan, at_home: Option<Why>, of_copy: Option<Why>) {
    let blocked = blocked(plan);
    for (region, why) in [(REGION, at_home), (OTHER_REGION, of_copy)] {
        assert_eq!(blocked.get(region), why.as_ref(), "{plan:?}");
        let is_changed = plan.ready.iter().any(|what| what.region == region);
        assert_eq!(is_changed, why.is_none(), "{region}: {plan:?}");
    }
}

const NONE: AccountSettings = AccountSettings {
    public_block: None,
    encrypts_by_default: false,
    has_managed_key: false,
};
const CLOSED: AccountSettings = AccountSettings {
    public_block: Some(PublicBlock::Account),
    ..NONE
};
const ENCRYPTING: AccountSettings = AccountSettings {
    encrypts_by_default: true,
    has_managed_key: true,
    ..NONE
};

fn plain(_: &mut Ami) {}

fn encrypted(ami: &mut Ami) {
    ami.shown.is_encrypted = true;
}

fn paid(ami: &mut Ami) {
    ami.shown.has_product_code = true;
}

#[test]
fn what_cannot_be_public_changes_nothing() {
    let public =
        |own_key, change: fn(&mut Ami), account| planned(Grantee::Public, own_key, change, account);
    check(&public(false, plain, NONE), None, None);
    let why = Some(Why::PublicBlocked);
    check(&public(false, plain, CLOSED), why, why);
    let by_policy = AccountSettings {
        public_block: Some(PublicBlock::Policy),
        ..NONE
    };
    let why = Some(Why::PublicBlockedByPolicy);
    check(&public(false, plain, by_policy), why, why);
    let why = Some(Why::Encrypted);
    check(&public(false, encrypted, CLOSED), why, why);
    check(&public(false, plain, ENCRYPTING), None, why);
    check(&public(true, plain, NONE), None, why);
    let why = Some(Why::ProductCode);
    check(&public(false, paid, NONE), why, why);
}

/// Block public access stops no account, organization or unit.
#[test]
fn what_could_not_be_shared_with_an_account_is_not_copied() {
    let shared = |own_key, change: fn(&mut Ami), account_settings| {
        planned(account("111122223333"), own_key, change, account_settings)
    };
    check(&shared(false, plain, CLOSED), None, None);
    check(&shared(false, paid, NONE), None, None);
    check(&shared(true, encrypted, ENCRYPTING), None, None);
    let why = Some(Why::ManagedKey);
    check(&shared(false, encrypted, ENCRYPTING), None, why);
    check(&shared(false, plain, ENCRYPTING), None, why);
}

/// What is public already stays so, whatever is blocked since.
#[test]
fn what_is_shared_already_is_not_blocked() {
    let closed = AccountSettings {
        public_block: Some(PublicBlock::Account),
        ..AccountSettings::default()
    };
    let public = |ami: &mut Ami| {
        ami.shown.public = true;
        ami.shown.grants = Some(BTreeSet::from([Grantee::Public]));
    };
    let plan = planned(Grantee::Public, false, public, closed);
    assert_eq!(blocked(&plan).get(REGION), None, "{plan:?}");
    let mut at_home = plan.ready.iter().filter(|what| what.region == REGION);
    let is_description = |what: &crate::image::status::RegionAction| {
        matches!(what.action, Action::SetDescription { .. })
    };
    assert!(at_home.all(is_description), "{plan:?}");
}

/// A copy that was asked for is there, or will be: its key is not judged again.
#[test]
fn a_copy_that_was_asked_for_is_not_blocked() {
    let desired = Desired {
        grants: BTreeSet::from([account("111122223333")]),
        ..Desired::default()
    };
    let mut asked = asked(&desired);
    let copy = asked.regions[REGION].clone();
    asked.regions.insert(OTHER_REGION.to_owned(), copy);
    let mut ami = Ami::new();
    ami.shown.is_encrypted = true;
    let mut status = published(&ami);
    let request = status.copies.entry(OTHER_REGION.to_owned()).or_default();
    request.asked_at = Some(after(1));
    let mut seen = seen_at(&ami);
    let absent = Observation::Absent;
    seen.regions.insert(OTHER_REGION.to_owned(), absent);
    let managed = AccountSettings {
        has_managed_key: true,
        ..AccountSettings::default()
    };
    seen.accounts.insert(OTHER_REGION.to_owned(), managed);
    let plan = plan(&asked, &status, &seen, after(3));
    assert_eq!(plan.blocked, []);
}
