//! Statuses of images in each state.

use jiff::Timestamp;

use crate::image::Status;
use crate::image::observed::ObservedTask;
use crate::image::status::{
    BundleVersion, Cancel, Change, Condition, ConditionKind, ConditionStatus, Failure,
    ManifestVersion, Notice, Orphan, OrphanReason, PreviousVersion, RegionStatus, SourceObject,
    Waiting,
};
use crate::image::task::{Task, TaskKind};
use crate::image::words::{
    CancelBy, ConditionReason, FailureKind, NoticeKind, SourceKind, State, Step, TerminalReason,
    WaitReason,
};
use crate::manifest::Problem;
use crate::status_store::{Listed, Loaded};

const REGION: &str = "us-east-1";

pub(super) fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().unwrap()
}

pub(super) fn status(name: &str, source: SourceKind, state: State, step: Step) -> Status {
    let manifest = ManifestVersion::sample(&format!("{name}.image.yaml"), at("09:00:00"));
    let mut status = Status::new(manifest, at("09:00:01"));
    status.state = state;
    status.build.step = step;
    status.build.source = Some(source);
    status.build.name = Some(format!("{name}-1"));
    status
}

fn import_snapshot(state: &str, message: &str) -> Task {
    let seen = ObservedTask {
        id: "import-snap-1".to_owned(),
        state: state.to_owned(),
        progress: Some(42),
        message: Some(message.to_owned()),
        snapshots: vec!["snap-1".to_owned()],
        ..ObservedTask::default()
    };
    Task::started(TaskKind::ImportSnapshot, REGION, &seen, at("09:00:02"))
}

pub(super) fn available(image: &str, snapshot: &str) -> RegionStatus {
    RegionStatus {
        image_state: "available".to_owned(),
        snapshots: vec![snapshot.to_owned()],
        ..RegionStatus::pending(image.to_owned())
    }
}

pub(super) fn importing() -> Status {
    let mut status = status(
        "importing",
        SourceKind::Disk,
        State::Working,
        Step::AwaitTask,
    );
    status.build.object = Some(SourceObject {
        bucket: "disks".to_owned(),
        key: "web.raw".to_owned(),
        etag: "\"2\"".to_owned(),
        size: 1_073_741_824,
        is_replaced: false,
        further: Vec::new(),
    });
    let task = import_snapshot("active", "converting\x1b[2J\u{202e}");
    (status.build.progress, status.build.stalls) = (task.progress, 1);
    status.build.tasks.push(task);
    status
}

pub(super) fn waiting() -> Status {
    let mut status = status(
        "waiting",
        SourceKind::Bundle,
        State::Working,
        Step::CheckBundle,
    );
    let reason = WaitReason::PartsMissing {
        missing: 2,
        of: 5,
        first: "web.part.3".to_owned(),
    };
    let since = at("09:00:02");
    status.build.waiting = Some(Waiting { reason, since });
    status
}

pub(super) fn failed() -> Status {
    let mut status = status("failed", SourceKind::Disk, State::Failed, Step::CleanUp);
    let message = "Unsupported VMDK File Format";
    status.build.tasks.push(import_snapshot("deleted", message));
    status.build.ending = Some(TerminalReason::Failed);
    status.build.deleted = vec!["snap-1".to_owned()];
    let doing = "importing the disk s3://disks/web.vmdk";
    let mut failure = Failure::new(FailureKind::TaskFailed, doing, message);
    failure.code = Some("ClientError".to_owned());
    failure.request_id = Some("request-1".to_owned());
    status.build.failure = Some(failure);
    status
}

pub(super) fn cancelled() -> Status {
    let mut status = status(
        "cancelled",
        SourceKind::Disk,
        State::Cancelled,
        Step::CleanUp,
    );
    status.cancel = Some(Cancel {
        asked_at: at("09:05:00"),
        by: CancelBy::Command,
        uploaded_at: at("09:00:00"),
    });
    status.build.ending = Some(TerminalReason::Cancelled);
    status.build.deleted = vec!["ami-1".to_owned(), "snap-1".to_owned()];
    status.build.orphans.push(Orphan {
        what: "snap-2".to_owned(),
        reason: OrphanReason::Refused {
            code: Some("UnauthorizedOperation".to_owned()),
            message: "not allowed\nto delete it".to_owned(),
            request_id: None,
        },
    });
    status
}

fn bundle(sha256: &str) -> BundleVersion {
    BundleVersion {
        bucket: "images".to_owned(),
        key: "bundles/web.manifest.xml".to_owned(),
        etag: "\"3\"".to_owned(),
        sha256: sha256.to_owned(),
        virtualization_type: "hvm".to_owned(),
    }
}

/// A version that is registered from the same object as the previous one, which had this content then.
pub(super) fn available_with_previous(name: &str, previous_sha256: &str) -> Status {
    let mut status = status(name, SourceKind::Bundle, State::Available, Step::AwaitImage);
    status.build.bundle = Some(bundle("new"));
    let image = available("ami-2", "snap-2");
    status.regions.insert(REGION.to_owned(), image);
    let before = (REGION.to_owned(), available("ami-1", "snap-1"));
    status.previous.push(PreviousVersion {
        copies: std::collections::BTreeMap::new(),
        digest: None,
        regions: [before].into(),
        bundle: Some(bundle(previous_sha256)),
        is_dealt_with: false,
        is_only_deprecated: false,
    });
    status
}

pub(super) fn rejected() -> Status {
    let mut status = status(
        "rejected",
        SourceKind::Disk,
        State::Rejected,
        Step::CheckManifest,
    );
    (status.build.source, status.build.name) = (None, None);
    status.problems = vec![
        Problem::new("is missing").with_path("name"),
        Problem::new("unknown field `sorce`")
            .at(3, 1)
            .with_hint("did you mean `source`?"),
    ];
    status.problems_omitted = 7;
    status
}

pub(super) fn listed() -> Vec<Listed> {
    let statuses = [
        importing(),
        waiting(),
        failed(),
        cancelled(),
        available_with_previous("available", "new"),
        rejected(),
    ];
    let listed = statuses.map(|status| Listed {
        manifest_key: status.manifest.key.clone(),
        modified_at: at("10:00:00"),
        status: Ok(Loaded {
            status,
            etag: String::new(),
        }),
    });
    listed.into()
}

/// An AMI that was started at nine, and was available after an hour.
pub(super) fn with_all_parts() -> Status {
    let mut status = available_with_previous("complete", "new");
    let changes = [
        (
            "09:00:05",
            "working/check-bundle",
            "working/register-image",
            "the bundle is complete",
        ),
        (
            "09:01:00",
            "working/register-image",
            "working/await-image",
            "registered",
        ),
        (
            "10:00:00",
            "working/await-image",
            "available",
            "the AMI is available",
        ),
    ];
    status.history = changes
        .map(|(time, from, to, why)| Change {
            at: at(time),
            from: from.to_owned(),
            to: to.to_owned(),
            why: why.to_owned(),
        })
        .into();
    let condition = |kind, status, reason, message: &str| Condition {
        kind,
        status,
        since: at("10:00:00"),
        reason,
        message: message.to_owned(),
    };
    status.conditions = vec![
        condition(
            ConditionKind::Built,
            ConditionStatus::True,
            ConditionReason::ImageAvailable,
            "",
        ),
        condition(
            ConditionKind::InSync,
            ConditionStatus::False,
            ConditionReason::Incomplete,
            "the tags\ndiffer",
        ),
    ];
    status.notices = notices();
    status
}

/// One that was sent, and one that was not yet.
pub(super) fn notices() -> Vec<Notice> {
    let notice = |seq, kind| Notice {
        seq,
        kind,
        at: at("10:00:00"),
        facts: None,
        claimed_at: None,
        attempts: 0,
        attempt_failed: false,
        sent_at: None,
        message_id: None,
    };
    vec![
        Notice {
            attempts: 1,
            sent_at: Some(at("10:00:02")),
            message_id: Some("message-1".to_owned()),
            ..notice(1, NoticeKind::Completed)
        },
        Notice {
            attempts: 3,
            ..notice(2, NoticeKind::Changed)
        },
    ]
}
