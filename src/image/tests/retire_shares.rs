//! The shares of AMIs that are retired: what ends, and what is waited for.

use std::collections::{BTreeMap, BTreeSet};

use super::retire::{DEREGISTER, free, only, planned, target, waits_for};
use super::*;
use crate::image::publish::rehearse_retiring;
use crate::image::publish::retire::{Pending, Seen, SharesSeen};
use crate::image::publish::withdraw::withdraw;
use crate::image::status::{Action, Intended, KeptReason, Settings};

/// A status may name a snapshot that the AMI does not have.
#[test]
fn a_share_of_a_snapshot_that_the_ami_does_not_have_is_not_waited_for() {
    let mut target = target();
    let granted = &mut target.known.applied.settings.snapshots;
    let accounts = BTreeSet::from(["210987654321".to_owned()]);
    granted.insert("snap-9".to_owned(), accounts);
    let seen = Seen {
        shares: BTreeMap::from([("snap-9".to_owned(), SharesSeen::NotIts)]),
        ..free()
    };
    let rehearsed = rehearse_retiring(DEREGISTER, &[(target, seen)], after(10));
    assert_eq!(rehearsed.pending, []);
    assert_eq!(rehearsed.planned.len(), 2, "{rehearsed:#?}");
}

/// A snapshot that one answer does not show may be there, and shared.
#[test]
fn a_share_of_a_snapshot_that_is_not_shown_is_waited_for() {
    let accounts = BTreeSet::from(["210987654321".to_owned()]);
    let mut gone = target();
    let granted = &mut gone.known.applied.settings.snapshots;
    granted.insert("snap-1".to_owned(), accounts.clone());
    gone.known.retiring.deregistered_at = Some(after(9));
    let with = |shares| Seen {
        shares: BTreeMap::from([("snap-1".to_owned(), shares)]),
        ..free()
    };
    let not_shown = Pending::SnapshotNotShown("snap-1".to_owned());
    let why = KeptReason::NotAskedAnyMore;
    for delete in [true, false] {
        let mut gone = gone.clone();
        gone.known.retiring.snapshots = vec!["snap-1".to_owned(); usize::from(delete)];
        let plan = planned(DEREGISTER, gone.clone(), with(SharesSeen::Absent));
        assert_eq!(waits_for(&plan), &not_shown);
        let seen = [(gone, with(SharesSeen::Absent))];
        assert_eq!(waits_for(&withdraw(&seen, &why, after(10))), &not_shown);
    }
    let ours = SharesSeen::Ours {
        accounts: accounts.clone(),
        needed_by: BTreeMap::new(),
    };
    let plan = planned(DEREGISTER, gone.clone(), with(ours));
    assert!(matches!(only(&plan), Action::RevokePrevious { .. }));
    // What is not there for long is shared with nobody.
    gone.known.retiring.deregistered_at = Some(after(-60));
    let plan = planned(DEREGISTER, gone.clone(), with(SharesSeen::Absent));
    assert_eq!(waits_for(&plan), &not_shown);
    let since = &mut gone.known.retiring.not_shown_since;
    since.insert("snap-1".to_owned(), after(-6));
    let plan = planned(DEREGISTER, gone, with(SharesSeen::Absent));
    let ended = &plan.ended[0];
    assert!(ended.revoked.is_empty() && ended.shared.is_empty());
}

/// The read may be older than the request for the share.
#[test]
fn a_share_that_was_just_asked_for_and_does_not_show_is_waited_for() {
    let accounts = BTreeSet::from(["111122223333".to_owned(), "210987654321".to_owned()]);
    let asked_at = |minutes| {
        let mut target = target();
        let applied = &mut target.known.applied;
        let granted = &mut applied.settings.snapshots;
        granted.insert("snap-1".to_owned(), accounts.clone());
        applied.intended = Some(Intended {
            at: after(minutes),
            since: after(minutes),
            settings: applied.settings.clone(),
            revokes: BTreeSet::new(),
            earlier: Vec::new(),
            gone: Settings::default(),
        });
        target
    };
    let with = |shares| Seen {
        shares: BTreeMap::from([("snap-1".to_owned(), shares)]),
        ..free()
    };
    let some = || BTreeSet::from(["210987654321".to_owned()]);
    let seen = with(SharesSeen::Ended);
    let needed_by = |image: &str| BTreeMap::from([(image.to_owned(), some())]);
    let ours = |needed_by| SharesSeen::Ours {
        accounts: some(),
        needed_by,
    };
    let mut gone = asked_at(9);
    for is_gone in [false, true] {
        gone.known.retiring.deregistered_at = is_gone.then(|| after(9));
        for shares in [
            SharesSeen::Ended,
            SharesSeen::Kept(some()),
            ours(needed_by("ami-5")),
        ] {
            let plan = planned(DEREGISTER, gone.clone(), with(shares));
            assert_eq!(waits_for(&plan), &Pending::Settling);
        }
    }
    // What shows can end while the rest is waited for, but not before the AMI goes.
    let plan = planned(DEREGISTER, gone, with(ours(BTreeMap::new())));
    assert!(matches!(only(&plan), Action::RevokePrevious { .. }));
    let plan = planned(DEREGISTER, asked_at(9), with(ours(BTreeMap::new())));
    assert_eq!(waits_for(&plan), &Pending::Settling);
    let mut gone = asked_at(4);
    gone.known.retiring.deregistered_at = Some(after(9));
    let plan = planned(DEREGISTER, gone, seen);
    assert!(plan.ended[0].revoked.contains_key("snap-1"));
}

/// Two AMIs of one snapshot, of which each has the share on record: it ends once, before the snapshot is deleted.
#[test]
fn a_share_that_two_amis_have_on_record_is_planned_to_end_once() {
    let accounts = BTreeSet::from(["210987654321".to_owned()]);
    let of = |image: &str, other: &str| {
        let mut target = target();
        image.clone_into(&mut target.known.image);
        let granted = &mut target.known.applied.settings.snapshots;
        granted.insert("snap-1".to_owned(), accounts.clone());
        let ours = SharesSeen::Ours {
            accounts: accounts.clone(),
            needed_by: BTreeMap::from([(other.to_owned(), accounts.clone())]),
        };
        let seen = Seen {
            shares: BTreeMap::from([("snap-1".to_owned(), ours)]),
            ..free()
        };
        (target, seen)
    };
    let both = [of("ami-1", "ami-2"), of("ami-2", "ami-1")];
    let rehearsed = rehearse_retiring(DEREGISTER, &both, after(10));
    let revoked = rehearsed.planned.iter();
    let revoked = revoked.filter(|it| matches!(it.action, Action::RevokePrevious { .. }));
    assert_eq!(revoked.count(), 1, "{rehearsed:#?}");
    let last = rehearsed.planned.last().unwrap();
    assert!(matches!(last.action, Action::DeleteSnapshot { .. }));
}
