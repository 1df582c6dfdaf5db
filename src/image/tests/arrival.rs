//! A version of a manifest arrives.

use super::*;
use crate::image::apply::note_repetition;
use crate::image::status::{ConditionKind, ConditionStatus, Owners};
use crate::image::words::{State, Step};
use crate::manifest::Problem;
use crate::manifest::guardrails::Owner;

fn upload(sha256: &str, minutes: i64) -> ManifestVersion {
    ManifestVersion {
        etag: format!("\"{sha256}\""),
        version_id: Some("v2".to_owned()),
        uploaded_at: after(minutes),
        ..manifest(sha256)
    }
}

#[test]
fn a_new_version_remembers_the_previous_ami_and_keeps_its_notices() {
    let status = open(Some(available()), manifest("bbbb"), after(5));
    assert_eq!(status.place(), "working/check-manifest");
    assert_eq!(
        last_change(&status),
        "a new version replaces the one with SHA-256 aaaa0000"
    );
    assert_eq!(status.history.last().unwrap().from, "available");
    assert_eq!(status.previous[0].regions[REGION].image, "ami-1");
    assert_eq!(status.previous[0].digest.as_deref(), Some(DIGEST));
    assert_eq!(kinds(&status), [NoticeKind::Completed]);
    assert_eq!(
        (status.build.step_since, status.build.started_at),
        (after(5), after(5))
    );
    assert_eq!(
        (status.build.attempt, status.build.digest.clone()),
        (1, None)
    );

    // A version that came to nothing does not hide the one before it.
    let mut rejected = status;
    apply(
        &mut rejected,
        StepOutcome::Reject(vec![Problem::new("no")]),
        after(6),
    );
    let third = open(Some(rejected), manifest("cccc"), after(7));
    assert_eq!(third.previous.len(), 1);
    assert_eq!(third.previous[0].regions[REGION].image, "ami-1");
    assert!(third.problems.is_empty());
}

/// What is uploaded later is judged by it, and an AMI that is found was not looked at.
#[test]
fn a_new_version_knows_whose_the_sources_are() {
    let owners = |id: &str| {
        let owner = Owner {
            id: id.to_owned(),
            alias: None,
        };
        Owners::from([("snap-1".to_owned(), owner)])
    };
    let known = |status: &Status| status.build.source_owners.clone();
    let made = |owners: Owners| Evidence::ImageRegistered {
        region: REGION.to_owned(),
        image: Box::new(RegionStatus::pending("ami-1".to_owned())),
        origin: Origin::Found,
        owners,
    };
    let mut status = to_be_registered();
    advance(&mut status, made(owners("111122223333")), 0);
    let mut next = open(Some(status), manifest("bbbb"), after(5));
    assert_eq!(known(&next), owners("111122223333"));

    let accepted = to_accept(SourceKind::Snapshot, false);
    advance(&mut next, Evidence::ManifestAccepted(accepted), 5);
    let mut seen = next.clone();
    advance(&mut next, made(Owners::new()), 6);
    assert_eq!(known(&next), owners("111122223333"));
    advance(&mut seen, made(owners("444455556666")), 6);
    assert_eq!(known(&seen), owners("444455556666"));
}

#[test]
fn a_new_version_asks_again_for_what_was_cancelled() {
    let cancelled = cancelled_by(accepted(SourceKind::Disk), CancelBy::ManifestRemoved, 1);
    let again = open(Some(cancelled), upload("bbbb", 3), after(3));
    assert_eq!((again.cancel, again.state), (None, State::Working));
}

#[test]
fn another_bundle_at_the_same_place_invalidates_the_previous_ami() {
    let registered_from = |sha256: &str, before: Option<Status>| {
        let mut status = open(before, manifest(DIGEST), after(0));
        let accepted = to_accept(SourceKind::Bundle, false);
        advance(&mut status, Evidence::ManifestAccepted(accepted), 0);
        advance(&mut status, bundle_checked(sha256), 0);
        advance(&mut status, image_registered(), 0);
        // Each has another id.
        status.regions.get_mut(REGION).unwrap().image = format!("ami-{}", status.previous.len());
        status
    };
    let first = registered_from("b1", None);
    assert!(!first.invalidates_previous());
    let second = registered_from("b2", Some(first.clone()));
    assert!(second.invalidates_previous());
    assert!(!registered_from("b1", Some(first)).invalidates_previous());
}

#[test]
fn the_same_once_more_is_only_noted() {
    let mut status = available();
    let before = status.clone();
    note_repetition(&mut status, upload("bbbb", 9));
    assert_eq!(status.manifest.repeated_at, Some(after(9)));
    assert_eq!(status.manifest.last_uploaded_at(), after(9));
    // `{date}` and the attempt stay those of the first upload.
    assert_eq!(status.manifest.uploaded_at, after(0));
    assert_eq!(status.manifest.etag, "\"bbbb\"");
    assert_eq!(status.manifest.version_id.as_deref(), Some("v2"));
    status.manifest = before.manifest.clone();
    assert_eq!(status, before);
}

fn in_sync(status: &Status) -> (ConditionStatus, Timestamp) {
    let mut conditions = status.conditions.iter();
    let found = conditions.find(|it| it.kind == ConditionKind::InSync);
    found.map(|it| (it.status, it.since)).unwrap()
}

#[test]
fn changed_settings_are_applied_to_the_ami_that_exists() {
    let mut status = available();
    let regions = status.regions.clone();
    republish(
        &mut status,
        upload("bbbb", 9),
        publishing("eeee", false),
        after(9),
    );
    assert_eq!(status.place(), "working/publish");
    assert_eq!(in_sync(&status), (ConditionStatus::Unknown, after(9)));
    let seen = PublishObserved {
        verified: BTreeMap::from([(REGION.to_owned(), Applied::default())]),
        ..PublishObserved::default()
    };
    advance(&mut status, Evidence::PublishObserved(seen), 10);
    assert_eq!(status.state, State::Available);
    assert_eq!(status.manifest.publish_digest.as_deref(), Some("eeee"));
    assert_eq!(kinds(&status), [NoticeKind::Completed, NoticeKind::Changed]);
    assert_eq!(in_sync(&status), (ConditionStatus::True, after(10)));
    let image = &status.regions[REGION];
    assert_eq!(image.image, regions[REGION].image);
    assert_eq!(image.verified_at, Some(after(10)));
}

/// An AMI that somebody has disabled is found, and given up, by each attempt.
#[test]
fn attempts_that_find_the_same_ami_are_one_previous_version() {
    let mut status = available();
    for minute in 0..3 {
        status.regions = available().regions;
        status = open(Some(status), manifest("dddd"), after(minute));
        status.build.digest = Some(DIGEST.to_owned());
    }
    assert_eq!(status.previous.len(), 1);
    assert!(status.last_previous().is_some());
    status.regions = available().regions;
    assert!(status.last_previous().is_none());
}

#[test]
fn the_history_and_the_previous_versions_are_bounded() {
    let mut status = available();
    for minute in 0..300 {
        status.regions = available().regions;
        status.regions.get_mut(REGION).unwrap().image = format!("ami-{minute}");
        status = open(Some(status), manifest("dddd"), after(minute));
    }
    assert_eq!(status.history.len(), 100);
    assert_eq!(status.previous.len(), 10);
    assert_eq!(status.build.step, Step::CheckManifest);
    assert_eq!(status.build.started_at, after(299));
    assert_eq!(status.build.attempt, 300);
}
