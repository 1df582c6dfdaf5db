//! The manifest of an AMI that exists is removed: what becomes of the AMI.

use super::emails::assert_email;
use super::retire::{DEPRECATE, DEREGISTER};
use super::*;
use crate::image::apply::{can_be_removed, remove, request_cancel, request_retry};
use crate::image::outcome::Retired;
use crate::image::publish::retire::{retirement, targets};
use crate::image::status::{ConditionKind, ConditionStatus, KeptReason, Retire, RetireOutcome};
use crate::image::words::{CancelBy, State, Step};

fn superseded() -> Status {
    let mut status = opened();
    let image_manifest = "golden/image.image.yaml".to_owned();
    advance(
        &mut status,
        Evidence::DecidedElsewhere { image_manifest },
        1,
    );
    status
}

/// An image whose manifest says this, once it is removed.
fn removed(on_delete: Option<Retire>) -> Status {
    let mut status = available();
    status.on_delete = on_delete;
    remove(&mut status, after(20));
    status
}

/// All of its AMIs came to this.
fn ended(mut status: Status, outcome: RetireOutcome, why: Option<&KeptReason>) -> Status {
    let ended = targets(&status);
    let ended = ended
        .iter()
        .map(|it| retirement(it, outcome, why.cloned(), after(21)));
    let seen = Retired {
        ended: ended.collect(),
        is_finished: true,
        ..Retired::default()
    };
    advance(&mut status, Evidence::Retired(seen), 21);
    status
}

fn built(status: &Status) -> ConditionStatus {
    let mut conditions = status.conditions.iter();
    let built = conditions.find(|it| it.kind == ConditionKind::Built);
    built.unwrap().status
}

#[test]
fn an_ami_is_kept_unless_its_manifest_said_otherwise() {
    let status = removed(None);
    assert_eq!(status.place(), "deleted");
    assert_eq!(kinds(&status), [NoticeKind::Completed]);
    assert_eq!(status.regions, available().regions);
    assert_eq!(built(&status), ConditionStatus::True);
    let is_about = |kind| status.conditions.iter().any(|it| it.kind == kind);
    assert!(!is_about(ConditionKind::Published) && !is_about(ConditionKind::Retired));

    let mut again = status.clone();
    assert!(!can_be_removed(&again));
    remove(&mut again, after(30));
    assert_eq!(again, status);
}

#[test]
fn its_own_amis_are_retired_and_not_those_of_earlier_versions() {
    let mut status = available();
    status.previous = status.handed_on().1;
    (status.on_delete, status.replaces) = (Some(DEREGISTER), true);
    let old = RegionStatus::pending("ami-0".to_owned());
    status.previous[0].regions.insert(REGION.to_owned(), old);
    remove(&mut status, after(20));
    assert_eq!(status.place(), "working/retire");
    let images: Vec<String> = targets(&status)
        .into_iter()
        .map(|it| it.known.image)
        .collect();
    assert_eq!(images, [status.image_in(REGION).unwrap().image.clone()]);
    // Those are still to be retired, should it be uploaded again, or to be told.
    let status = ended(status, RetireOutcome::Deregistered, None);
    assert_eq!(status.place(), "deleted");
    assert!(!status.previous[0].is_dealt_with);
}

#[test]
fn what_is_not_available_is_not_removed_with_its_manifest() {
    for before in [accepted(SourceKind::Snapshot), superseded()] {
        let mut status = before.clone();
        remove(&mut status, after(20));
        assert_eq!(status, before);
    }
}

#[test]
fn the_email_says_what_became_of_each_ami() {
    let gone = ended(removed(Some(DEREGISTER)), RetireOutcome::Deregistered, None);
    assert_eq!(gone.place(), "deleted");
    assert!(gone.regions.is_empty());
    assert_eq!(built(&gone), ConditionStatus::False);
    assert_email("removed_deregistered", &gone);

    let deprecated = ended(removed(Some(DEPRECATE)), RetireOutcome::Deprecated, None);
    assert_eq!(built(&deprecated), ConditionStatus::True);
    assert_email("removed_deprecated", &deprecated);

    let in_use = KeptReason::InUse {
        by: vec!["arn:aws:ec2:us-east-2:123456789012:instance/i-1".to_owned()],
        omitted: 2,
    };
    let kept = ended(
        removed(Some(DEREGISTER)),
        RetireOutcome::Deprecated,
        Some(&in_use),
    );
    assert_email("removed_in_use", &kept);
    let retired = kept.conditions.iter();
    let mut retired = retired.filter(|it| it.kind == ConditionKind::Retired);
    assert_eq!(retired.next().unwrap().status, ConditionStatus::False);
}

/// What was deprecated before needs no change, and is named all the same.
#[test]
fn an_ami_that_was_deprecated_before_is_reported() {
    let mut status = removed(Some(DEPRECATE));
    let seen = Retired {
        is_finished: true,
        ..Retired::default()
    };
    advance(&mut status, Evidence::Retired(seen), 21);
    assert_eq!(status.place(), "deleted");
    assert_eq!(status.retired.len(), 1);
    assert_eq!(kinds(&status).last(), Some(&NoticeKind::Retired));
}

#[test]
fn a_manifest_that_comes_back_starts_a_version_of_its_own() {
    let mut status = removed(Some(DEREGISTER));
    let region = status.regions.get_mut(REGION).unwrap();
    region.retiring.asked_at = Some(after(21));
    region.retiring.deregistered_at = Some(after(21));
    region.retiring.snapshots = vec!["snap-1".to_owned()];
    let opened = open(Some(status), manifest("aaaa"), after(22));
    assert!(!opened.is_removed());
    assert_eq!(opened.previous, []);
    assert_eq!(opened.place(), "working/check-manifest");
    assert_email("removed_and_uploaded_again", &opened);
}

#[test]
fn neither_a_cancellation_nor_a_retry_makes_sense_then() {
    let mut under_way = removed(Some(DEREGISTER));
    let refused = request_cancel(&mut under_way, CancelBy::Command, after(21)).unwrap_err();
    assert!(refused.to_string().ends_with("upload the manifest again"));
    let mut ended = removed(None);
    // What failed or was cancelled before stays that.
    let [mut failed, mut cancelled] = [State::Failed, State::Cancelled].map(|state| Status {
        state,
        ..ended.clone()
    });
    for status in [&mut ended, &mut failed, &mut cancelled] {
        let refused = request_retry(status, after(21)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "its manifest was removed: upload it again"
        );
        assert!(status.retry.is_none());
    }
    assert_eq!(under_way.build.step, Step::Retire);
    assert_eq!(ended.state, State::Deleted);
}
