//! What `status` shows of images in each state.

use insta::assert_snapshot;
use jiff::Timestamp;

use super::{Form, Place, View, details, write_list};
use crate::cli::terminal::Terminal;
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

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().unwrap()
}

fn status(name: &str, source: SourceKind, state: State, step: Step) -> Status {
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

fn available(image: &str, snapshot: &str) -> RegionStatus {
    RegionStatus {
        image_state: "available".to_owned(),
        snapshots: vec![snapshot.to_owned()],
        ..RegionStatus::pending(image.to_owned())
    }
}

fn importing() -> Status {
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
        further: Vec::new(),
    });
    let task = import_snapshot("active", "converting\x1b[2J\u{202e}");
    (status.build.progress, status.build.stalls) = (task.progress, 1);
    status.build.tasks.push(task);
    status
}

fn waiting() -> Status {
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

fn failed() -> Status {
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

fn cancelled() -> Status {
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
fn available_with_previous(name: &str, previous_sha256: &str) -> Status {
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
    });
    status
}

fn rejected() -> Status {
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

fn detailed(status: &Status) -> String {
    let mut out = Vec::new();
    details::write(status, at("10:30:00"), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn listed() -> Vec<Listed> {
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

/// The list in a terminal of this size (columns, rows), or what is not a terminal.
fn list(listed: &[Listed], size: Option<(usize, usize)>, form: Form) -> String {
    let view = View {
        terminal: Terminal {
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            ..Terminal::PLAIN
        },
        form,
        ..View::of(&[""; 0])
    };
    let place = Place {
        bucket: "images",
        region: REGION,
        now: at("10:30:00"),
    };
    let (total, mut out) = (listed.len(), Vec::new());
    write_list(place, &view, listed, total, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_table_has_a_row_for_each_image() {
    assert_snapshot!(list(&listed(), None, Form::Text));
}

#[test]
fn the_json_in_examples_is_up_to_date() {
    let json = list(&listed(), None, Form::Json);
    let top = env!("CARGO_MANIFEST_DIR");
    let path = format!("{top}/examples/notices/status.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &json).unwrap();
    }
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(copy, json, "run with BLESS=1 to update {path}");
}

#[test]
fn the_table_fits_the_terminal() {
    for width in [60, 80, 100, 200] {
        let mut listed = listed();
        listed[4].manifest_key = format!("golden/{}.image.yaml", "web-".repeat(40));
        let text = list(&listed, Some((width, 24)), Form::Text);
        let widths = text.lines().map(console::measure_text_width);
        assert!(widths.max() <= Some(width), "{text}");
        assert!(
            text.contains("-.image.yaml"),
            "the end of a key is kept: {text}"
        );
    }
}

#[test]
fn a_wide_table_cuts_nothing_off() {
    let text = list(&listed(), Some((80, 24)), Form::Wide);
    assert!(text.contains("no change for 1 h"), "{text}");
    assert!(text.contains("9 problems: name: is missing"), "{text}");
    assert!(text.contains("ami-2"), "{text}");
}

#[test]
fn what_failed_is_listed_before_what_a_terminal_has_no_room_for() {
    let many = (0..60).map(|number| {
        let status = match number % 20 {
            0 => failed(),
            1 => importing(),
            _ => available_with_previous("available", "new"),
        };
        Listed {
            manifest_key: format!("image-{number:02}.image.yaml"),
            modified_at: at("10:00:00"),
            status: Ok(Loaded {
                status,
                etag: String::new(),
            }),
        }
    });
    let text = list(&many.collect::<Vec<_>>(), Some((80, 24)), Form::Text);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "images · us-east-1 · 60 images: 3 open, 3 failed, 54 available"
    );
    assert!(lines.len() < 24, "{text}");
    for number in ["00", "20", "40"] {
        assert!(
            text.contains(&format!("✗ image-{number}.image.yaml")),
            "{text}"
        );
    }
    assert!(
        lines.last().unwrap().contains("more available (--all)"),
        "{text}"
    );
}

#[test]
fn a_running_task_is_shown_with_its_progress() {
    assert_snapshot!(detailed(&importing()));
}

#[test]
fn what_is_waited_for_is_shown() {
    assert_snapshot!(detailed(&waiting()));
}

#[test]
fn a_failure_is_shown_with_what_to_do() {
    assert_snapshot!(detailed(&failed()));
}

#[test]
fn what_a_cancellation_deleted_and_did_not_is_shown() {
    assert_snapshot!(detailed(&cancelled()));
}

#[test]
fn previous_images_are_shown() {
    assert_snapshot!(detailed(&available_with_previous("available", "new")));
}

#[test]
fn previous_images_of_an_overwritten_bundle_are_no_longer_valid() {
    let text = detailed(&available_with_previous("available", "old"));
    assert!(
        text.contains("ami-1 in us-east-1 (no longer valid)"),
        "{text}"
    );
}

#[test]
fn all_problems_of_a_rejected_manifest_are_counted() {
    assert_snapshot!(detailed(&rejected()));
}

/// An AMI that was started at nine, and was available after an hour.
fn with_all_parts() -> Status {
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
fn notices() -> Vec<Notice> {
    let notice = |seq, kind| Notice {
        seq,
        kind,
        at: at("10:00:00"),
        facts: None,
        claimed_at: None,
        attempts: 0,
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

#[test]
fn conditions_notices_and_history_are_shown() {
    assert_snapshot!(detailed(&with_all_parts()));
}

#[test]
fn a_final_state_is_shown_since_it_was_reached() {
    let text = detailed(&with_all_parts());
    assert!(text.contains("Since      2026-11-21T10:00:00Z"), "{text}");
}
