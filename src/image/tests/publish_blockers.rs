//! What EC2 would refuse to share is told before anything is changed.

use std::collections::{BTreeMap, BTreeSet};

use super::publish::{Ami, account};
use super::publish_overlaps::{OTHER_REGION, asked, published, seen_at};
use super::{REGION, after};
use crate::image::publish::{
    AccountSettings, Blocker, Desired, Observation, Plan, PublicBlock, plan,
};
use crate::image::status::{Action, Grantee};
use crate::image::words::UnshareableReason as Why;

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
        Blocker::Public => panic!("nothing is deprecated"),
    };
    let blocked = plan.blocked.iter();
    blocked
        .map(|(what, blocker)| (what.region.as_str(), why(blocker)))
        .collect()
}

#[test]
fn what_cannot_be_shared_changes_nothing() {
    let none = AccountSettings::default();
    let closed = AccountSettings {
        public_block: Some(PublicBlock::Account),
        ..none
    };
    let by_policy = AccountSettings {
        public_block: Some(PublicBlock::Policy),
        ..none
    };
    let encrypting = AccountSettings {
        encrypts_by_default: true,
        has_managed_key: true,
        ..none
    };
    let plain = |_: &mut Ami| {};
    let encrypted = |ami: &mut Ami| ami.shown.is_encrypted = true;
    let paid = |ami: &mut Ami| ami.shown.has_product_code = true;
    type Change = fn(&mut Ami);
    let everybody = || Grantee::Public;
    let partner = || account("111122223333");
    let cases: [(
        Grantee,
        bool,
        Change,
        AccountSettings,
        Option<Why>,
        Option<Why>,
    ); 11] = [
        (everybody(), false, plain, none, None, None),
        (
            everybody(),
            false,
            plain,
            closed,
            Some(Why::PublicBlocked),
            Some(Why::PublicBlocked),
        ),
        (
            everybody(),
            false,
            plain,
            by_policy,
            Some(Why::PublicBlockedByPolicy),
            Some(Why::PublicBlockedByPolicy),
        ),
        (
            everybody(),
            false,
            encrypted,
            closed,
            Some(Why::Encrypted),
            Some(Why::Encrypted),
        ),
        (
            everybody(),
            false,
            paid,
            none,
            Some(Why::ProductCode),
            Some(Why::ProductCode),
        ),
        (
            everybody(),
            false,
            plain,
            encrypting,
            None,
            Some(Why::Encrypted),
        ),
        (everybody(), true, plain, none, None, Some(Why::Encrypted)),
        // Block public access stops no account, organization or unit.
        (partner(), false, plain, closed, None, None),
        (partner(), false, paid, none, None, None),
        (
            partner(),
            false,
            encrypted,
            encrypting,
            None,
            Some(Why::ManagedKey),
        ),
        (partner(), true, encrypted, encrypting, None, None),
    ];
    for (grantee, own_key, change, account, at_home, of_copy) in cases {
        let plan = planned(grantee.clone(), own_key, change, account);
        let case = format!("{grantee:?}, own key: {own_key}, {account:?}: {plan:?}");
        let blocked = blocked(&plan);
        assert_eq!(blocked.get(REGION), at_home.as_ref(), "{case}");
        assert_eq!(blocked.get(OTHER_REGION), of_copy.as_ref(), "{case}");
        for (region, why) in [(REGION, at_home), (OTHER_REGION, of_copy)] {
            let is_changed = plan.ready.iter().any(|what| what.region == region);
            assert_eq!(is_changed, why.is_none(), "{region}, {case}");
        }
    }
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
