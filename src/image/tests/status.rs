//! The status as it is written and read.

use serde_json::{Value, json};

use super::{
    REGION, after, available, bundle, registered, seen_task, started, storing, to_be_started,
};
use crate::image::observed::ObservedTask;
use crate::image::status::{
    Cancel, CancelBy, Ending, Failure, Left, SourceObject, State, Status, Step, Waiting,
};
use crate::image::task::{Task, TaskKind};
use crate::image::{NoticeKind, transition};
use crate::manifest::Problem;

/// A task with all that can be known of one.
fn full_task(kind: TaskKind) -> Task {
    let seen = ObservedTask {
        progress: Some(42),
        message: Some("converting".to_owned()),
        code: Some("Client.Broken".to_owned()),
        snapshots: vec!["snap-1".to_owned()],
        image: Some("ami-1".to_owned()),
        object: Some("s3://archive/ami-1.bin".to_owned()),
        ..seen_task(kind, "active")
    };
    Task {
        unseen_since: Some(after(2)),
        cancel_sent_at: Some(after(3)),
        ..Task::started(kind, REGION, &seen, after(1))
    }
}

/// A status with everything in it, whether or not that can be at once.
fn full() -> Status {
    let mut status = available();
    status.manifest.version_id = Some("v1".to_owned());
    status.manifest.repeated_at = Some(after(1));
    status.bundle = Some(bundle("b2"));
    status.previous_bundle = Some(bundle("b1"));
    status
        .previous
        .insert(REGION.to_owned(), "ami-0".to_owned());
    status.object = Some(SourceObject {
        bucket: "images".to_owned(),
        key: "golden/web.vmdk".to_owned(),
        etag: "\"89ab\"".to_owned(),
        size: u64::MAX,
    });
    status.store = Some("archive".to_owned());
    status.progress = Some(42);
    status.tasks = TaskKind::ALL.map(full_task).into();
    status.cancel = Some(Cancel {
        asked_at: after(2),
        by: CancelBy::ManifestRemoved,
        uploaded_at: after(0),
    });
    status.ending = Some(Ending::Lost);
    status.removed = vec!["snap-1".to_owned()];
    status.left = vec![Left {
        what: "ami-1".to_owned(),
        why: "OperationNotPermitted".to_owned(),
    }];
    status.stalls = 3;
    status.waiting = Some(Waiting {
        missing_key: Some("golden/web.part.1".to_owned()),
        code: Some("RequestLimitExceeded".to_owned()),
        since: Some(after(1)),
        ..Waiting::new("a part")
    });
    status.problems = vec![Problem::new("no").at(7, 13).with_path("register.bootMode")];
    status.failure = Some(Failure {
        doing: "registering the image".to_owned(),
        code: Some("InvalidManifest".to_owned()),
        message: "no".to_owned(),
        request_id: Some("3ab4".to_owned()),
        hint: "mend it".to_owned(),
    });
    status.images.get_mut(REGION).unwrap().unseen_since = Some(after(4));
    for kind in [NoticeKind::Started, NoticeKind::Stalled, NoticeKind::Lost] {
        status.tell(kind, after(5));
    }
    status.take_notice(after(5));
    status
}

fn read_again(status: &Status) -> Status {
    serde_json::from_str(&serde_json::to_string(status).unwrap()).unwrap()
}

#[test]
fn everything_survives_being_written_and_read() {
    for status in [
        full(),
        to_be_started("disk"),
        started(TaskKind::CopyImage),
        storing(),
    ] {
        assert_eq!(read_again(&status), status);
    }
}

#[test]
fn states_and_steps_are_named_alike_for_people_and_in_the_status() {
    let word = |value: Value| value.as_str().unwrap().to_owned();
    for state in [
        State::Working,
        State::Available,
        State::Failed,
        State::Cancelled,
        State::Rejected,
        State::Superseded,
    ] {
        assert_eq!(word(json!(state)), state.to_string());
    }
    for step in [
        Step::CheckManifest,
        Step::CheckBundle,
        Step::CheckObject,
        Step::StartTask,
        Step::AwaitTask,
        Step::TagImported,
        Step::RegisterImage,
        Step::AwaitImage,
        Step::StoreImage,
        Step::CleanUp,
    ] {
        assert_eq!(word(json!(step)), step.to_string());
    }
    for kind in [
        NoticeKind::Rejected,
        NoticeKind::Completed,
        NoticeKind::Failed,
        NoticeKind::WaitingLong,
        NoticeKind::Started,
        NoticeKind::Cancelled,
        NoticeKind::Stalled,
        NoticeKind::Lost,
    ] {
        assert_eq!(word(json!(kind)), kind.to_string());
    }
}

#[test]
fn a_task_is_written_as_the_design_has_it() {
    let mut status = started(TaskKind::ImportSnapshot);
    let seen = ObservedTask {
        progress: Some(42),
        message: Some("converting".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "active")
    };
    transition::task_seen(&mut status, Some(&seen), after(1));
    let written = serde_json::to_value(&status).unwrap();
    assert_eq!(
        written["tasks"],
        json!([{
            "kind": "import-snapshot", "id": "import-snap-1", "region": "us-east-1",
            "state": "active", "progress": 42, "message": "converting",
            "startedAt": "2026-11-21T10:00:00Z", "updatedAt": "2026-11-21T10:01:00Z",
        }])
    );
    assert_eq!(written["progress"], 42);
}

/// A status as the version wrote it that knew no tasks: registered from a bundle, after a version before it.
fn written_before_there_were_tasks() -> Value {
    let manifest = json!({
        "bucket": "images", "key": "golden/web.image.yaml", "etag": "\"0123\"", "versionId": "v1",
        "sha256": "aaaa0000aaaa", "uploadedAt": "2026-11-21T10:00:00Z", "repeatedAt": "2026-11-21T10:05:00Z",
    });
    let bundle = |sha256: &str| {
        json!({
            "bucket": "images", "key": "golden/web.manifest.xml", "etag": "\"4567\"", "sha256": sha256,
            "virtualizationType": "hvm",
        })
    };
    let at = "2026-11-21T10:00:00Z";
    json!({
        "schema": 1, "manifest": manifest, "source": "bundle", "digest": "dddd", "name": "web",
        "state": "working", "step": "await-image", "stepSince": at,
        "bundle": bundle("b2"), "previousBundle": bundle("b1"),
        "waiting": {"message": "a part", "missingKey": "golden/web.part.1", "code": "NoSuchKey", "since": at},
        "images": {"us-east-1": {"id": "ami-1", "state": "pending", "unseenSince": at, "snapshots": ["snap-1"]}},
        "previous": {"us-east-1": "ami-0"},
        "failure": {"doing": "registering", "code": "C", "message": "m", "requestId": "r", "hint": "h"},
        "notices": [
            {"seq": 1, "kind": "completed", "at": at, "takenAt": at, "attempts": 1, "sentAt": at, "messageId": "m-1"},
            {"seq": 2, "kind": "waiting-long", "at": at,
             "message": {"subject": "s", "text": "t", "data": {"event": "waiting-long"}, "attributes": {"event": "waiting-long"}}},
        ],
        "history": [{"at": at, "from": "working/register-image", "to": "working/await-image", "why": "registered"}],
    })
}

#[test]
fn a_status_from_before_there_were_tasks_is_read_and_stays_as_it_is() {
    let written = written_before_there_were_tasks();
    let status: Status = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(status.images[REGION].id, "ami-1");
    assert_eq!((status.tasks.len(), status.stalls), (0, 0));
    assert_eq!(
        (status.cancel, status.ending, status.progress),
        (None, None, None)
    );
    assert_eq!(serde_json::to_value(&status).unwrap(), written);
}

#[test]
fn an_image_from_before_there_were_tasks_goes_on() {
    let mut status: Status = serde_json::from_value(written_before_there_were_tasks()).unwrap();
    let seen = super::seen("available");
    assert!(transition::image_seen(
        &mut status,
        REGION,
        Some(&seen),
        after(3)
    ));
    assert_eq!(status.state, State::Available);
}

#[test]
fn what_is_not_there_is_not_written() {
    let written = serde_json::to_value(registered()).unwrap();
    let fields: Vec<&String> = written.as_object().unwrap().keys().collect();
    let expected = [
        "schema",
        "manifest",
        "source",
        "digest",
        "name",
        "state",
        "step",
        "stepSince",
        "images",
        "history",
    ];
    assert_eq!(fields.len(), expected.len(), "{fields:?}");
    assert!(
        expected.iter().all(|name| written.get(name).is_some()),
        "{fields:?}"
    );
}
