//! The life of one image, as values.

mod advice;
mod arrival;
mod audit;
mod billing;
mod came_back;
mod cancelled_until;
mod conditions;
mod deprecated_before;
mod emails;
mod emails_failed;
mod emails_previous;
mod endings;
mod forged;
mod forgotten;
mod in_place;
mod migration;
mod notice;
mod of_tasks;
mod ownership;
mod plan;
mod product_codes;
mod properties;
mod protected_anew;
mod publish;
mod publish_blockers;
mod publish_ours;
mod publish_overlaps;
mod publish_public_date;
mod publish_shares;
mod release;
mod removed;
mod requests;
mod retire;
mod retire_shares;
mod schema;
mod status;
mod storing;
mod task;
mod tasks;
mod texts;
mod transitions;
mod waiting;
mod workflow;

use super::billing::Billing;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::apply::{apply, open, republish, request_cancel};
use super::message::{Sender, compose};
use super::notice::Message;
use super::observed::{DIGEST_TAG, MANIFEST_TAG, ObservedImage, ObservedTask};
use super::outcome::{
    Accepted, Evidence, Identity, Imported, Origin, PublishObserved, Publishing, StepOutcome,
};
use super::status::{
    Applied, BundleVersion, ManifestVersion, Orphan, OrphanReason, PreviousVersion, RegionStatus,
    Settings, SourceObject, Status,
};
use super::task::{Task, TaskKind};
use super::words::{CancelBy, NoticeKind, SourceKind};
use of_tasks::*;

const REGION: &str = "us-east-1";
const DIGEST: &str = "aaaa0000aaaa";

/// So many minutes after the upload.
fn after(minutes: i64) -> Timestamp {
    let uploaded: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    uploaded + SignedDuration::from_mins(minutes)
}

fn manifest(sha256: &str) -> ManifestVersion {
    ManifestVersion {
        bucket: "images".to_owned(),
        key: "golden/web.image.yaml".to_owned(),
        etag: "\"0123\"".to_owned(),
        version_id: None,
        sha256: sha256.to_owned(),
        publish_digest: None,
        uploaded_at: after(0),
        repeated_at: None,
    }
}

/// Writes what a step has found out or done. Returns whether that is worth saving.
fn advance(status: &mut Status, evidence: Evidence, minutes: i64) -> bool {
    apply(status, StepOutcome::Advance(evidence), after(minutes))
}

/// Just uploaded.
fn opened() -> Status {
    open(None, manifest(DIGEST), after(0))
}

fn identity() -> Identity {
    Identity {
        name: "web".to_owned(),
        digest: DIGEST.to_owned(),
    }
}

fn to_accept(source: SourceKind, store: bool) -> Accepted {
    let in_s3 = [
        SourceKind::Bundle,
        SourceKind::Disk,
        SourceKind::Vm,
        SourceKind::Stored,
    ];
    Accepted {
        source,
        identity: (!in_s3.contains(&source)).then(identity),
        publishing: publishing("ffff", store),
        created_with: Settings::default(),
        notify_started: false,
    }
}

/// Settings that an AMI gets when it is made.
fn publishing(digest: &str, store: bool) -> Publishing {
    Publishing {
        digest: digest.to_owned(),
        publishes: false,
        store: store.then(|| "archive".to_owned()),
        replaces: None,
        on_delete: None,
    }
}

/// Other settings were uploaded, and the AMI is changed.
fn change_settings(status: &mut Status, upload: ManifestVersion, minutes: i64) {
    republish(status, upload, publishing("eeee", false), after(minutes));
    let seen = PublishObserved::default();
    advance(status, Evidence::PublishObserved(seen), minutes);
}

/// Its manifest passed the checks.
fn accepted(source: SourceKind) -> Status {
    let mut status = opened();
    advance(
        &mut status,
        Evidence::ManifestAccepted(to_accept(source, false)),
        0,
    );
    status
}

fn object() -> SourceObject {
    SourceObject {
        bucket: "images".to_owned(),
        key: "golden/web.vmdk".to_owned(),
        etag: "\"89ab\"".to_owned(),
        size: 1_073_741_824,
        is_replaced: false,
        further: Vec::new(),
    }
}

fn bundle(sha256: &str) -> BundleVersion {
    BundleVersion {
        bucket: "images".to_owned(),
        key: "golden/web.manifest.xml".to_owned(),
        etag: "\"4567\"".to_owned(),
        sha256: sha256.to_owned(),
        virtualization_type: "hvm".to_owned(),
    }
}

fn bundle_checked(sha256: &str) -> Evidence {
    Evidence::BundleChecked {
        bundle: bundle(sha256),
        identity: identity(),
    }
}

/// About to be registered as `web`, from a snapshot.
fn to_be_registered() -> Status {
    accepted(SourceKind::Snapshot)
}

/// EC2 made `ami-1`.
fn image_registered() -> Evidence {
    Evidence::ImageRegistered {
        region: REGION.to_owned(),
        image: Box::new(RegionStatus::pending("ami-1".to_owned())),
        origin: Origin::Created,
        owners: Default::default(),
    }
}

/// Registered as `ami-1`.
fn registered() -> Status {
    let mut status = to_be_registered();
    advance(&mut status, image_registered(), 0);
    status
}

/// `ami-1` with its ownership tags, in this state.
fn seen(state: &str) -> ObservedImage {
    ObservedImage {
        id: "ami-1".to_owned(),
        name: "web".to_owned(),
        state: state.to_owned(),
        reason: None,
        tags: BTreeMap::from([
            (MANIFEST_TAG.to_owned(), manifest("").uri()),
            (DIGEST_TAG.to_owned(), DIGEST.to_owned()),
        ]),
        snapshots: vec!["snap-1".to_owned()],
        billing: Billing {
            platform_details: Some("Linux/UNIX".to_owned()),
            usage_operation: Some("RunInstances".to_owned()),
            product_codes: Vec::new(),
        },
        ..ObservedImage::default()
    }
}

/// The AMI of a copy or a restoration, in this state.
fn seen_copy(state: &str) -> ObservedImage {
    ObservedImage {
        id: "ami-2".to_owned(),
        ..seen(state)
    }
}

/// The AMI was polled.
fn poll_image(status: &mut Status, image: Option<&ObservedImage>, minutes: i64) -> bool {
    let region = REGION.to_owned();
    let image = image.cloned().map(Box::new);
    advance(status, Evidence::ImagePolled { region, image }, minutes)
}

/// The task was polled.
fn poll_task(status: &mut Status, task: Option<&ObservedTask>, minutes: i64) -> bool {
    advance(status, Evidence::TaskPolled(task.cloned()), minutes)
}

/// Polls what is awaited, a task or its AMI, and finds it in this state.
fn poll(status: &mut Status, kind: TaskKind, state: &str, minutes: i64) -> bool {
    if kind.is_image() {
        poll_image(status, Some(&seen_copy(state)), minutes)
    } else {
        poll_task(status, Some(&seen_task(kind, state)), minutes)
    }
}

/// Available after one minute.
fn available() -> Status {
    let mut status = registered();
    assert!(poll_image(&mut status, Some(&seen("available")), 1));
    status
}

/// What the import of this kind has made is tagged.
fn import_tagged(kind: TaskKind) -> Evidence {
    let ObservedTask {
        image, snapshots, ..
    } = completed(kind);
    Evidence::ImportTagged(Imported {
        image,
        snapshots,
        ..Imported::default()
    })
}

/// To be cancelled since the given minute.
fn cancelled_by(mut status: Status, by: CancelBy, minutes: i64) -> Status {
    assert_eq!(request_cancel(&mut status, by, after(minutes)), Ok(true));
    status
}

fn clean_up(status: &mut Status, minutes: i64) {
    let orphans = Vec::new();
    advance(status, Evidence::CleanedUp { orphans }, minutes);
}

fn orphan(what: &str, why: &str) -> Orphan {
    Orphan {
        what: what.to_owned(),
        reason: OrphanReason::Refused {
            code: None,
            message: why.to_owned(),
            request_id: None,
        },
    }
}

fn kinds(status: &Status) -> Vec<NoticeKind> {
    status.notices.iter().map(|notice| notice.kind).collect()
}

fn last_change(status: &Status) -> &str {
    &status.history.last().unwrap().why
}

/// The stack that sends.
const SENDER: Sender<'static> = Sender {
    partition: "aws",
    region: REGION,
    account: "111122223333",
};

/// An earlier version with this AMI in the stack's Region.
fn earlier_version(image: RegionStatus) -> PreviousVersion {
    PreviousVersion {
        digest: Some("old".to_owned()),
        regions: BTreeMap::from([(REGION.to_owned(), image)]),
        copies: BTreeMap::new(),
        bundle: None,
        is_dealt_with: false,
        is_only_deprecated: false,
    }
}

/// The last notice as it would be if it were recorded now.
fn of_now(mut status: Status) -> Message {
    status.notices.last_mut().unwrap().facts = None;
    newest(&status)
}

/// The newest notice's message.
fn newest(status: &Status) -> Message {
    compose(status, status.notices.last().unwrap(), SENDER)
}
