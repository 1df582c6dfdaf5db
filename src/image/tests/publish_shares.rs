//! A share that ended with an AMI is shown for minutes after that, and is none of another AMI's.

use std::collections::{BTreeMap, BTreeSet};

use super::publish::{Ami, SNAPSHOT, account};
use super::publish_overlaps::{asked, published, seen_at};
use super::*;
use crate::image::publish::{Desired, Pending, plan, rehearse};
use crate::image::status::{Action, Replaced, RetireOutcome, Retirement, Retiring};

const PARTNER: &str = "111122223333";

fn shared() -> Desired {
    Desired {
        copy: true,
        grants: BTreeSet::from([account(PARTNER)]),
        ..Desired::default()
    }
}

/// An AMI that may be launched as it is to be, and whose snapshot is shown to be shared; nobody has recorded that.
fn shown() -> Ami {
    let mut ami = Ami::new();
    ami.shown.grants = Some(BTreeSet::from([account(PARTNER)]));
    let readers = BTreeSet::from([PARTNER.to_owned()]);
    ami.shown.snapshots.insert(SNAPSHOT.to_owned(), readers);
    ami
}

/// What a status knows of an earlier AMI, by what has become of it at this minute.
type Note = fn(&mut Status, Timestamp);

const NOTES: [(&str, Note); 4] = [
    ("retired before these settings", |status, at| {
        let gone = Retirement::of(REGION, "ami-0", RetireOutcome::Deregistered, at);
        status.retired = vec![gone];
    }),
    ("retired before this version", |status, at| {
        let gone = BTreeMap::from([("ami-0".to_owned(), at)]);
        status.build.deregistered_before = gone;
    }),
    ("replaced in place", |status, at| {
        status.replaced = vec![Replaced {
            region: REGION.to_owned(),
            image: "ami-0".to_owned(),
            at,
            until: Some(at),
        }];
    }),
    ("about to be deregistered", |status, at| {
        let mut known = RegionStatus::pending("ami-0".to_owned());
        known.retiring = Box::new(Retiring {
            asked_at: Some(at),
            ..Retiring::default()
        });
        status.previous = vec![earlier_version(known)];
    }),
];

#[test]
fn a_share_that_may_be_of_an_ami_that_is_gone_is_waited_for() {
    let ami = shown();
    let asked = asked(&shared());
    for (what, note) in NOTES {
        let mut status = published(&ami);
        note(&mut status, after(2));
        republish(
            &mut status,
            manifest("cccc"),
            publishing("ffff", false),
            after(3),
        );
        let now = plan(&asked, &status, &seen_at(&ami), after(4));
        assert!(now.verified.is_empty(), "{what}: {now:#?}");
        let waits = now.pending.get(REGION);
        assert_eq!(waits, Some(&Pending::Settling), "{what}");

        // Reads are newer than that by now: somebody else has shared it.
        let later = plan(&asked, &status, &seen_at(&ami), after(8));
        assert!(later.verified.contains(REGION), "{what}: {later:#?}");
    }
    // Another manifest may be about to end it, and not know of this AMI's need before it began to be published.
    let begun = published(&ami).build.step_since;
    let after_it = |minutes| begun + SignedDuration::from_mins(minutes);
    let none = |now| plan(&asked, &published(&ami), &seen_at(&ami), now);
    assert!(none(after_it(4)).verified.is_empty());
    assert!(none(after_it(6)).verified.contains(REGION));
}

#[test]
fn a_share_that_does_not_show_any_more_is_made_again_and_a_preview_takes_it_for_its_own() {
    let ami = Ami::new();
    let asked = asked(&shared());
    let mut status = published(&ami);
    let gone = BTreeMap::from([("ami-0".to_owned(), after(3))]);
    status.build.deregistered_before = gone;
    let id = |_: &str| "ami-1".to_owned();
    let rehearsed = rehearse(&asked, &status, &seen_at(&ami), id, after(4));
    let is_shared = rehearsed.planned.iter().any(|it| {
        matches!(&it.what.action, Action::ShareSnapshot { snapshot, .. } if snapshot == SNAPSHOT)
    });
    assert!(is_shared, "{rehearsed:#?}");
    assert!(rehearsed.rest.verified.contains(REGION), "{rehearsed:#?}");
}
