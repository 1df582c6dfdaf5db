//! Tasks as EC2 shows them, and statuses that have one.

use super::*;

/// The kinds of tasks that make an AMI, with the source that asks for each.
pub(super) const MAKERS: [(TaskKind, SourceKind); 5] = [
    (TaskKind::ImportSnapshot, SourceKind::Disk),
    (TaskKind::ImportImage, SourceKind::Vm),
    (TaskKind::BundleInstance, SourceKind::Instance),
    (TaskKind::CopyImage, SourceKind::Image),
    (TaskKind::RestoreImage, SourceKind::Stored),
];

/// The makers that EC2 shows as a task of its own.
pub(super) fn own_tasks() -> impl Iterator<Item = TaskKind> {
    MAKERS
        .into_iter()
        .map(|(kind, _)| kind)
        .filter(|kind| !kind.is_image())
}

/// EC2's id of the task of this kind.
pub(super) fn task_id(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::ImportSnapshot => "import-snap-1",
        TaskKind::ImportImage => "import-ami-1",
        TaskKind::BundleInstance => "bun-1",
        TaskKind::CopyImage | TaskKind::RestoreImage => "ami-2",
        TaskKind::StoreImage => "ami-1",
    }
}

/// EC2's word for a task of this kind that has just begun.
pub(super) fn first_state(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::ImportSnapshot | TaskKind::ImportImage => "active",
        TaskKind::BundleInstance | TaskKind::CopyImage | TaskKind::RestoreImage => "pending",
        TaskKind::StoreImage => "InProgress",
    }
}

/// The task of this kind, seen in this state.
pub(super) fn seen_task(kind: TaskKind, state: &str) -> ObservedTask {
    ObservedTask {
        id: task_id(kind).to_owned(),
        state: state.to_owned(),
        ..ObservedTask::default()
    }
}

/// The task, complete, with all that it made.
pub(super) fn completed(kind: TaskKind) -> ObservedTask {
    let none = ObservedTask::default();
    let (state, made) = match kind {
        TaskKind::ImportSnapshot => ("completed", none),
        TaskKind::ImportImage => (
            "completed",
            ObservedTask {
                image: Some("ami-1".to_owned()),
                ..none
            },
        ),
        TaskKind::StoreImage => (
            "Completed",
            ObservedTask {
                object: Some("s3://archive/ami-1.bin".to_owned()),
                ..none
            },
        ),
        _ => ("complete", none),
    };
    let imports = matches!(kind, TaskKind::ImportSnapshot | TaskKind::ImportImage);
    let snapshots = if imports {
        vec!["snap-1".to_owned()]
    } else {
        Vec::new()
    };
    ObservedTask {
        snapshots,
        image: made.image,
        object: made.object,
        ..seen_task(kind, state)
    }
}

/// About to start its task.
pub(super) fn to_be_started(source: SourceKind) -> Status {
    let mut status = accepted(source);
    if status.place() == "working/check-object" {
        let (object, identity) = (object(), identity());
        advance(&mut status, Evidence::ObjectChecked { object, identity }, 0);
    }
    assert_eq!(status.place(), "working/start-task");
    status
}

pub(super) fn start(status: &mut Status, kind: TaskKind, minutes: i64) {
    let seen = seen_task(kind, first_state(kind));
    let task = Task::started(kind, REGION, &seen, after(minutes));
    let origin = Origin::Created;
    advance(
        status,
        Evidence::TaskStarted {
            task,
            origin,
            owners: Default::default(),
        },
        minutes,
    );
}

/// Its task was started, and nothing was seen of it since.
pub(super) fn started(kind: TaskKind) -> Status {
    let (_, source) = MAKERS
        .into_iter()
        .find(|(maker, _)| *maker == kind)
        .unwrap();
    let mut status = to_be_started(source);
    start(&mut status, kind, 0);
    status
}

/// The disk `web.vmdk` is being imported.
pub(super) fn importing() -> Status {
    let mut status = started(TaskKind::ImportSnapshot);
    let seen = ObservedTask {
        progress: Some(42),
        message: Some("converting".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "active")
    };
    poll_task(&mut status, Some(&seen), 5);
    status
}

/// `ami-1` is available after one minute, and is to be stored in the bucket `archive`.
pub(super) fn to_be_stored() -> Status {
    let mut status = opened();
    let accepted = to_accept(SourceKind::Snapshot, true);
    advance(&mut status, Evidence::ManifestAccepted(accepted), 0);
    advance(&mut status, image_registered(), 0);
    poll_image(&mut status, Some(&seen("available")), 1);
    status
}

/// EC2 stores `ami-1` since the first minute.
pub(super) fn storing() -> Status {
    let mut status = to_be_stored();
    start(&mut status, TaskKind::StoreImage, 1);
    status
}
