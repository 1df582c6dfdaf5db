//! The life of one image, as values.

mod advice;
mod endings;
mod look;
mod message;
mod message_made;
mod message_tasks;
mod notice;
mod plan;
mod plan_tasks;
mod status;
mod storing;
mod task;
mod tasks;
mod transition;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::NoticeKind;
use super::notice::Message;
use super::observed::{DIGEST_TAG, MANIFEST_TAG, ObservedImage, ObservedTask};
use super::status::{BundleVersion, Image, ManifestVersion, Status, Step, Waiting};
use super::task::{Task, TaskKind};
use super::transition::{self as becomes, Accepted, Identity};

const REGION: &str = "us-east-1";

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
        uploaded_at: after(0),
        repeated_at: None,
    }
}

/// Just uploaded.
fn opened() -> Status {
    becomes::open(None, manifest("aaaa0000aaaa"), after(0))
}

/// Checked, and about to be registered as `web`.
fn accepted() -> Status {
    let mut status = opened();
    let identity = Identity {
        name: "web".to_owned(),
        digest: status.manifest.sha256.clone(),
    };
    let accepted = Accepted {
        source: "snapshot".to_owned(),
        identity: Some(identity),
        store: None,
        first: Step::RegisterImage,
    };
    becomes::accept(&mut status, accepted, false, after(0));
    status
}

/// Checked, and waiting for its bundle.
fn awaiting_bundle() -> Status {
    let mut status = opened();
    let accepted = Accepted {
        source: "bundle".to_owned(),
        identity: None,
        store: None,
        first: Step::CheckBundle,
    };
    becomes::accept(&mut status, accepted, false, after(0));
    status
}

/// Registered as `ami-1`.
fn registered() -> Status {
    let mut status = accepted();
    let image = Image {
        id: "ami-1".to_owned(),
        state: "pending".to_owned(),
        unseen_since: None,
        snapshots: Vec::new(),
    };
    becomes::registered(&mut status, REGION, image, "registered", after(0));
    status
}

/// Available after one minute.
fn available() -> Status {
    let mut status = registered();
    assert!(becomes::image_seen(
        &mut status,
        REGION,
        Some(&seen("available")),
        after(1)
    ));
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
            (
                MANIFEST_TAG.to_owned(),
                "s3://images/golden/web.image.yaml".to_owned(),
            ),
            (DIGEST_TAG.to_owned(), "aaaa0000aaaa".to_owned()),
        ]),
        snapshots: vec!["snap-1".to_owned()],
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

fn waiting(message: &str) -> Waiting {
    Waiting::new(message)
}

/// The kinds of tasks that make an AMI, with the `source` that asks for each.
const MAKERS: [(TaskKind, &str); 5] = [
    (TaskKind::ImportSnapshot, "disk"),
    (TaskKind::ImportImage, "vm"),
    (TaskKind::BundleInstance, "instance"),
    (TaskKind::CopyImage, "image"),
    (TaskKind::RestoreImage, "stored"),
];

/// EC2's id of the task of this kind.
fn task_id(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::ImportSnapshot => "import-snap-1",
        TaskKind::ImportImage => "import-ami-1",
        TaskKind::BundleInstance => "bun-1",
        TaskKind::CopyImage | TaskKind::RestoreImage => "ami-2",
        TaskKind::StoreImage => "ami-1",
    }
}

/// EC2's word for a task of this kind that has just begun.
fn first_state(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::ImportSnapshot | TaskKind::ImportImage => "active",
        TaskKind::BundleInstance | TaskKind::CopyImage | TaskKind::RestoreImage => "pending",
        TaskKind::StoreImage => "InProgress",
    }
}

/// The task of this kind, seen in this state.
fn seen_task(kind: TaskKind, state: &str) -> ObservedTask {
    ObservedTask {
        id: task_id(kind).to_owned(),
        state: state.to_owned(),
        ..ObservedTask::default()
    }
}

/// Checked, and about to start its task.
fn to_be_started(source: &str) -> Status {
    let mut status = opened();
    let identity = Identity {
        name: "web".to_owned(),
        digest: status.manifest.sha256.clone(),
    };
    let accepted = Accepted {
        source: source.to_owned(),
        identity: Some(identity),
        store: None,
        first: Step::StartTask,
    };
    becomes::accept(&mut status, accepted, false, after(0));
    status
}

fn start(status: &mut Status, kind: TaskKind, minutes: i64) {
    let seen = seen_task(kind, first_state(kind));
    let task = Task::started(kind, REGION, &seen, after(minutes));
    becomes::task_started(status, task, "started", after(minutes));
}

/// Its task was started, and nothing was seen of it since.
fn started(kind: TaskKind) -> Status {
    let source = MAKERS.iter().find(|(maker, _)| *maker == kind);
    let mut status = to_be_started(source.map(|(_, source)| *source).unwrap());
    start(&mut status, kind, 0);
    status
}

/// `ami-1` is available after one minute, and is to be stored in the bucket `archive`.
fn to_be_stored() -> Status {
    let mut status = registered();
    status.store = Some("archive".to_owned());
    becomes::image_seen(&mut status, REGION, Some(&seen("available")), after(1));
    status
}

/// EC2 stores `ami-1` since the first minute.
fn storing() -> Status {
    let mut status = to_be_stored();
    start(&mut status, TaskKind::StoreImage, 1);
    status
}

fn told(status: &Status) -> Vec<NoticeKind> {
    status.notices.iter().map(|notice| notice.kind).collect()
}

/// The newest notice's message.
fn newest(status: &Status) -> Message {
    status.notices.last().unwrap().message.clone().unwrap()
}
