//! The status as it is written and read.

use serde_json::{Value, json};

use super::*;
use crate::image::apply::note_stalled;
use crate::image::status::{
    Cancel, Failure, PreviousVersion, RequestVersion, Retry, SCHEMA, StoreRequest, Unreadable,
    Waiting, parse,
};
use crate::image::words::{FailureKind, State, Step, TerminalReason, WaitReason};
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
    assert!(note_stalled(&mut status, after(60)));
    status.manifest.version_id = Some("v1".to_owned());
    status.manifest.repeated_at = Some(after(1));
    status.previous = vec![PreviousVersion {
        copies: BTreeMap::new(),
        digest: Some("b1".to_owned()),
        regions: status.regions.clone(),
        bundle: Some(bundle("b1")),
        is_dealt_with: false,
        is_only_deprecated: false,
    }];
    let asked_at = Some(after(1));
    status.store = Some(StoreRequest {
        bucket: "archive".to_owned(),
        asked_at,
    });
    status.cancel = Some(Cancel {
        asked_at: after(2),
        by: CancelBy::ManifestRemoved,
        uploaded_at: after(0),
    });
    status.retry = Some(Retry { asked_at: after(2) });
    status.answered = Some(RequestVersion {
        etag: "\"req\"".to_owned(),
        written_at: after(2),
    });
    status.problems = vec![Problem::new("no").at(7, 13).with_path("register.bootMode")];
    status.problems_omitted = 50;
    status.regions.get_mut(REGION).unwrap().unseen_since = Some(after(4));
    status.open_marker = Some("\"cdef\"".to_owned());
    let build = &mut status.build;
    build.attempt = 3;
    build.bundle = Some(bundle("b2"));
    build.object = Some(SourceObject {
        size: u64::MAX,
        is_replaced: false,
        further: Vec::new(),
        ..object()
    });
    build.progress = Some(42);
    build.tasks = TaskKind::ALL.map(full_task).into();
    build.ending = Some(TerminalReason::Lost);
    build.deleted = vec!["snap-1".to_owned()];
    build.orphans = vec![orphan("ami-1", "OperationNotPermitted")];
    build.stalls = 3;
    let (code, message) = (Some("RequestLimitExceeded".to_owned()), "slow".to_owned());
    build.waiting = Some(Waiting {
        reason: WaitReason::Retrying { code, message },
        since: after(1),
    });
    build.failure = Some(Failure {
        code: Some("InvalidManifest".to_owned()),
        request_id: Some("3ab4".to_owned()),
        ..Failure::new(
            FailureKind::RequestRefused {
                action: "RegisterImage".to_owned(),
            },
            "registering",
            "no",
        )
    });
    status.claim_notice(after(5));
    status
}

fn read_again(status: &Status) -> Status {
    parse(&serde_json::to_vec(status).unwrap()).unwrap()
}

#[test]
fn everything_survives_being_written_and_read() {
    for status in [
        full(),
        to_be_started(SourceKind::Disk),
        started(TaskKind::CopyImage),
        storing(),
        available(),
    ] {
        assert_eq!(read_again(&status), status);
    }
}

/// The whole document, for whoever reads statuses with another program.
#[test]
fn a_status_is_written_as_it_is_documented() {
    let mut status = full();
    status.notices.clear();
    insta::assert_snapshot!("document", serde_json::to_string_pretty(&status).unwrap());
}

#[test]
fn every_word_is_the_same_for_people_and_in_the_status() {
    let word = |value: Value| value.as_str().unwrap().to_owned();
    for state in [
        State::Working,
        State::Available,
        State::Failed,
        State::Cancelled,
        State::Rejected,
        State::Superseded,
        State::Deleted,
    ] {
        assert_eq!(word(json!(state)), state.to_string());
    }
    for step in Step::ALL {
        assert_eq!(word(json!(step)), step.to_string());
    }
    for source in SourceKind::ALL {
        assert_eq!(word(json!(source)), source.to_string());
    }
    for kind in NoticeKind::ALL {
        assert_eq!(word(json!(kind)), kind.to_string());
    }
}

#[test]
fn what_is_not_there_is_not_written() {
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let written = serde_json::to_value(registered()).unwrap();
    assert_eq!(
        keys(&written),
        [
            "schema",
            "manifest",
            "state",
            "build",
            "regions",
            "conditions",
            "history"
        ]
    );
    assert_eq!(
        keys(&written["build"]),
        ["digest", "source", "name", "step", "stepSince", "startedAt"]
    );
}

#[test]
fn a_status_of_a_newer_schema_is_refused() {
    let mut written = serde_json::to_value(available()).unwrap();
    written["schema"] = json!(SCHEMA + 1);
    assert_eq!(
        parse(written.to_string().as_bytes()),
        Err(Unreadable::Newer(u64::from(SCHEMA) + 1))
    );
    // Also one of which nothing else is as we know it.
    assert_eq!(
        parse(br#"{"schema": 4000000000000}"#),
        Err(Unreadable::Newer(4_000_000_000_000))
    );
}

#[test]
fn what_is_not_a_status_is_invalid() {
    for content in [
        &b""[..],
        b"{",
        b"[]",
        b"{}",
        b"null",
        br#"{"schema": "2"}"#,
        br#"{"schema": 3}"#,
        br#"{"schema": 2}"#,
        br#"{"schema": 1}"#,
        b"\xff",
    ] {
        let parsed = parse(content);
        assert!(
            matches!(parsed, Err(Unreadable::Invalid(_))),
            "{content:?}: {parsed:?}"
        );
    }
}

#[test]
fn a_status_with_ids_not_in_ec2s_form_is_refused() {
    let full = serde_json::to_value(full()).unwrap();
    for (pointer, value) in [
        ("/build/tasks/0/id", "import-ami-1"),
        ("/build/tasks/0/id", "import-snap-1 or 2"),
        ("/build/tasks/1/image", "snap-1"),
        ("/build/tasks/1/snapshots/0", "vol-1"),
        ("/regions/us-east-1/image", "ami-"),
        ("/regions/us-east-1/snapshots/0", "snap-1\n"),
        ("/previous/0/regions/us-east-1/image", "x"),
        ("/build/name", "web\nPay now"),
        ("/build/digest", "aa bb"),
        ("/manifest/etag", "\"a b\""),
        ("/notices/0/facts/regions/us-east-1/image", "x"),
        ("/notices/0/facts/manifest/key", "other.image.yaml"),
    ] {
        let mut forged = full.clone();
        *forged.pointer_mut(pointer).unwrap() = json!(value);
        let parsed = parse(forged.to_string().as_bytes());
        assert!(
            matches!(parsed, Err(Unreadable::Invalid(_))),
            "{pointer}: {parsed:?}"
        );
    }
    assert!(parse(full.to_string().as_bytes()).is_ok());
}
