//! An AMI whose protection was switched off, so that it could be deregistered, is the current one again; or it had to stay before
//! its successor is registered. What was switched off is not forgotten before it is on again, or was told.

use std::collections::BTreeSet;

use super::retire::DEREGISTER;
use super::*;
use crate::image::apply::{Audit, Compared, audited, remove};
use crate::image::message::failures;
use crate::image::outcome::{Claim, PublishIntent, PublishPerformed, Retired};
use crate::image::publish::audit::Audited;
use crate::image::publish::in_place;
use crate::image::publish::retire::{is_due, retirement, targets};
use crate::image::publish::{Asked, Observation, Observed, Shown, plan};
use crate::image::status::{
    Action, KeptReason, PreviousVersion, Protection, RegionAction, RetireOutcome, Retiring,
};
use crate::image::words::State;
use crate::manifest::image::PublishSpec;

/// Its protection was switched off a minute before.
fn off() -> Retiring {
    Retiring {
        protection: Some(Protection::WithCooldown),
        unprotected_at: Some(after(-1)),
        has_cooldown: true,
        ..Retiring::default()
    }
}

/// An earlier version's AMI that was about to be deregistered.
fn going(image: &str) -> PreviousVersion {
    let mut known = RegionStatus::pending(image.to_owned());
    known.applied.settings.protection = Some(Protection::WithCooldown);
    known.retiring = Box::new(Retiring {
        deprecate_at: Some(after(60)),
        ..off()
    });
    PreviousVersion {
        digest: Some(DIGEST.to_owned()),
        ..earlier_version(known)
    }
}

/// `ami-1` was about to be deregistered, and is the current one again.
fn came_back() -> Status {
    let mut status = to_be_registered();
    status.previous = vec![going("ami-1")];
    advance(&mut status, image_registered(), 0);
    assert_eq!(*own(&status).retiring, off());
    assert!(status.previous[0].regions[REGION].retiring.is_empty());
    status
}

fn own(status: &Status) -> &RegionStatus {
    status.image_in(REGION).unwrap()
}

/// The same, about to be published.
fn to_be_published() -> Status {
    let mut status = came_back();
    poll_image(&mut status, Some(&seen("available")), 1);
    assert_eq!(status.place(), "working/publish");
    status
}

fn verified() -> Evidence {
    Evidence::PublishObserved(PublishObserved {
        verified: BTreeMap::from([(REGION.to_owned(), Applied::default())]),
        ..PublishObserved::default()
    })
}

/// Ended before it was seen to be as its manifest says.
fn ended() -> Vec<Status> {
    let mut cancelled = cancelled_by(came_back(), CancelBy::ManifestRemoved, 1);
    let orphans = Vec::new();
    advance(&mut cancelled, Evidence::Cancelled { orphans }, 1);
    clean_up(&mut cancelled, 1);
    let mut failed = came_back();
    poll_image(&mut failed, Some(&seen("disabled")), 1);
    let mut incomplete = to_be_published();
    let gone = StepOutcome::Fail(failures::settings_gone());
    apply(&mut incomplete, gone, after(2));
    let all = vec![cancelled, failed, incomplete];
    let states: Vec<State> = all.iter().map(|it| it.state).collect();
    assert_eq!(states, [State::Cancelled, State::Failed, State::Incomplete]);
    all
}

fn says_so(status: &Status) -> bool {
    let text = of_now(status.clone()).text;
    let line = "ami-1 was to be deregistered, and is kept; its protection against deregistration";
    text.contains(line) && text.contains("may be off: check it")
}

#[test]
fn a_protection_is_known_to_be_off_until_the_ami_is_as_its_manifest_says() {
    let mut status = to_be_published();
    advance(&mut status, verified(), 2);
    assert_eq!(status.state, State::Available);
    assert!(own(&status).retiring.is_empty());
    assert!(!says_so(&status));

    let mut incomplete = ended().remove(2);
    let audit = Audit {
        about: Compared::of(&incomplete),
        audited: Audited {
            verified: BTreeSet::from([REGION.to_owned()]),
            ..Audited::default()
        },
        seen: BTreeMap::new(),
        repair: false,
    };
    assert_eq!(audited(&mut incomplete, &audit, after(60)), Ok(true));
    assert!(own(&incomplete).retiring.is_empty());
}

#[test]
fn a_version_that_ends_before_that_says_so_and_the_next_one_protects_the_ami_again() {
    for status in ended() {
        let about = status.state;
        assert!(says_so(&status), "{about}");
        assert_eq!(*own(&status).retiring, off(), "{about}");

        let mut next = open(Some(status), manifest("bbbb"), after(10));
        let accepted = to_accept(SourceKind::Snapshot, false);
        advance(&mut next, Evidence::ManifestAccepted(accepted), 10);
        next.build.digest = Some("bbbb".to_owned());
        let image = Evidence::ImageRegistered {
            region: REGION.to_owned(),
            image: Box::new(RegionStatus::pending("ami-2".to_owned())),
            origin: Origin::Created,
            owners: Default::default(),
        };
        advance(&mut next, image, 10);
        poll_image(&mut next, Some(&seen_copy("available")), 11);
        assert_eq!(next.place(), "working/retire", "{about}");
        let targets = targets(&next);
        assert_eq!(targets.len(), 1, "{about}");
        assert_eq!(*targets[0].known.retiring, off(), "{about}");
    }
}

/// It is the current one once more, and ends once more.
#[test]
fn a_version_that_is_uploaded_again_knows_it_too() {
    for status in ended() {
        let about = status.state;
        let mut again = open(Some(status), manifest("bbbb"), after(10));
        let accepted = to_accept(SourceKind::Snapshot, false);
        advance(&mut again, Evidence::ManifestAccepted(accepted), 10);
        advance(&mut again, image_registered(), 10);
        assert_eq!(*own(&again).retiring, off(), "{about}");
        // Another invocation has found it as well.
        advance(&mut again, image_registered(), 10);
        assert_eq!(*own(&again).retiring, off(), "{about}");
        poll_image(&mut again, Some(&seen("disabled")), 11);
        assert!(says_so(&again), "{about}");
    }
}

/// Once EC2 was asked for another protection, which one is on is not known before the answer.
#[test]
fn a_protection_that_the_manifest_asks_for_takes_the_place_of_the_one_before() {
    let mut status = to_be_published();
    let protects = RegionAction {
        region: REGION.to_owned(),
        action: Action::SetProtection {
            protection: Some(Protection::On),
        },
    };
    let intent = PublishIntent {
        actions: vec![protects.clone()],
        ..PublishIntent::default()
    };
    let claim = StepOutcome::Claim(Claim::Publish(intent));
    apply(&mut status, claim, after(2));
    let retiring = &own(&status).retiring;
    assert_eq!(retiring.protection, Some(Protection::On));
    assert_eq!(retiring.unprotected_at, None);

    let performed = PublishPerformed {
        done: vec![protects],
        ..PublishPerformed::default()
    };
    advance(&mut status, Evidence::PublishPerformed(performed), 2);
    assert!(own(&status).retiring.is_empty());
}

/// The manifest asks for none, and its AMI still showed one.
#[test]
fn a_protection_that_publishing_has_switched_off_is_not_switched_on_again() {
    let mut status = to_be_published();
    let performed = PublishPerformed {
        done: vec![RegionAction {
            region: REGION.to_owned(),
            action: Action::SetProtection { protection: None },
        }],
        ..PublishPerformed::default()
    };
    advance(&mut status, Evidence::PublishPerformed(performed), 2);
    assert!(own(&status).retiring.is_empty());
    apply(
        &mut status,
        StepOutcome::Fail(failures::settings_gone()),
        after(3),
    );
    assert!(!says_so(&status));
}

/// The manifest asks for none, and something else of that Region failed.
#[test]
fn an_ami_that_is_to_be_unprotected_and_is_stays_so_whatever_else_fails() {
    let failed = |minutes, shown: &str| {
        let mut status = to_be_published();
        let asked = Asked::of(&PublishSpec::default(), REGION, None);
        let shown = Shown {
            is_available: true,
            protection: shown.to_owned(),
            ..Shown::default()
        };
        let observed = Observed {
            regions: BTreeMap::from([(REGION.to_owned(), Observation::Seen(shown))]),
            ..Observed::default()
        };
        let failure = failures::settings_gone();
        status.regions.get_mut(REGION).unwrap().failure = Some(failure);
        let plan = plan(&asked, &status, &observed, after(minutes));
        let seen = PublishObserved {
            unprotected: plan.unprotected,
            ..PublishObserved::default()
        };
        advance(&mut status, Evidence::PublishObserved(seen), minutes);
        assert_eq!(status.state, State::Incomplete);
        status
    };
    let off = failed(10, "disabled");
    assert!(own(&off).retiring.is_empty() && !says_so(&off));
    // The read may be older than the request that switched it off; or it is on.
    for (minutes, shown) in [(2, "disabled"), (10, "enabled-with-cooldown")] {
        let status = failed(minutes, shown);
        assert!(!own(&status).retiring.is_empty() && says_so(&status));
    }
}

/// Nothing tells what became of it before the new AMI is registered.
#[test]
fn an_ami_that_has_to_stay_before_its_successor_is_registered_is_protected_again() {
    let mut status = to_be_registered();
    status.previous = vec![going("ami-0")];
    let target = &targets(&status)[0];
    let why = Some(KeptReason::Refused {
        code: None,
        message: "No".to_owned(),
    });
    let seen_to = Retired {
        ended: vec![retirement(target, RetireOutcome::Kept, why, after(1))],
        ..Retired::default()
    };
    advance(&mut status, Evidence::Retired(seen_to), 1);
    assert_eq!(status.retired.len(), 1);
    // If the version fails now.
    assert_eq!(in_place::unprotected(&status, REGION).len(), 1);
    let mut failed = status.clone();
    let failure = failures::name_kept(&failed, "ami-0", &KeptReason::Unproven);
    apply(&mut failed, StepOutcome::Fail(failure), after(2));
    let text = of_now(failed).text;
    assert!(text.contains("may be off: check it"), "{text}");

    // If it does not.
    assert!(is_due(&status));
    advance(&mut status, image_registered(), 2);
    poll_image(&mut status, Some(&seen("available")), 3);
    assert_eq!(status.place(), "working/retire");
    assert_eq!(targets(&status).len(), 1);
}

/// A removed manifest's AMI is retired from where it was.
#[test]
fn an_ami_that_came_back_and_is_removed_again_is_known_to_be_unprotected() {
    let mut incomplete = ended().remove(2);
    incomplete.on_delete = Some(DEREGISTER);
    remove(&mut incomplete, after(20));
    assert_eq!(incomplete.place(), "working/retire");
    assert_eq!(*targets(&incomplete)[0].known.retiring, off());
}

/// Whatever it had said of its removal: the version that has it again did not become available.
#[test]
fn an_ami_that_came_back_and_was_not_published_is_told_once_to_stay_when_its_manifest_goes() {
    let mut failed = ended().remove(1);
    failed.on_delete = Some(DEREGISTER);
    let copy = RegionStatus::pending("ami-2".to_owned());
    let earlier = &mut failed.previous[0].regions;
    earlier.insert("us-west-2".to_owned(), copy);
    remove(&mut failed, after(20));
    let kept = failed.retired.iter().map(|it| (&*it.image, it.unprotected));
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept, [("ami-1", true), ("ami-2", false)]);
    assert_eq!(failed.state, State::Failed);
}

/// That it is lost, or could not be deleted, was told.
#[test]
fn an_ami_that_was_told_to_be_lost_or_left_over_is_not_told_to_stay() {
    let mut lost = ended().remove(1);
    lost.on_delete = Some(DEREGISTER);
    let mut left_over = lost.clone();
    lost.build.failure = Some(failures::image_lost("ami-1", REGION, after(1)));
    left_over.build.orphans = vec![Orphan {
        what: "ami-1".to_owned(),
        reason: OrphanReason::Unproven,
    }];
    for mut status in [lost, left_over] {
        remove(&mut status, after(20));
        assert!(!status.is_removed());
        assert!(status.retired.is_empty());
    }
}
