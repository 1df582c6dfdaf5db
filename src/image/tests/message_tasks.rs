//! The exact words of the mails about EC2's tasks: what happened, what was removed, what to do.

use serde_json::json;

use super::{after, newest, opened, seen_task, started, storing, to_be_started};
use crate::image::NoticeKind;
use crate::image::notice::Message;
use crate::image::observed::ObservedTask;
use crate::image::status::{CancelBy, Ending, Failure, Left, SourceObject, Status};
use crate::image::task::TaskKind;
use crate::image::transition::{
    ask_cancel, cleaned_up, could_not_remove, found_leftovers, give_up, task_seen,
};

/// The disk `web.vmdk` is being imported.
fn importing() -> Status {
    let mut status = started(TaskKind::ImportSnapshot);
    status.object = Some(SourceObject {
        bucket: "images".to_owned(),
        key: "golden/web.vmdk".to_owned(),
        etag: "\"89ab\"".to_owned(),
        size: 1_073_741_824,
    });
    let seen = ObservedTask {
        progress: Some(42),
        message: Some("converting".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "active")
    };
    task_seen(&mut status, Some(&seen), after(5));
    status
}

/// Ended so, with this found and this not removed.
fn ended(mut status: Status, found: &[&str], left: &[&str]) -> Message {
    let found: Vec<String> = found.iter().map(|id| (*id).to_owned()).collect();
    found_leftovers(&mut status, &found);
    for what in left {
        let left = Left {
            what: (*what).to_owned(),
            why: "UnauthorizedOperation: You are not authorized to perform this operation."
                .to_owned(),
        };
        could_not_remove(&mut status, left);
    }
    cleaned_up(&mut status, after(30));
    newest(&status)
}

#[test]
fn begun() {
    let mut status = to_be_started("disk");
    status.tell(NoticeKind::Started, after(0));
    let message = newest(&status);
    assert_eq!(message.subject, "AMI started: web");
    assert_eq!(
        message.text,
        "\
The manifest passed the checks: the image web is being made.

  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     disk
  Took       0s (2026-11-21T10:00:00Z to 2026-11-21T10:00:00Z)

There is nothing to do: you are told how it ends.
"
    );
    assert_eq!(message.attributes["event"], "started");
}

#[test]
fn cancelled_by_command_with_what_was_removed() {
    let mut status = importing();
    ask_cancel(&mut status, CancelBy::Command, after(6)).unwrap();
    let seen = ObservedTask {
        message: Some("User initiated task cancellation".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "deleted")
    };
    task_seen(&mut status, Some(&seen), after(7));
    let message = ended(status, &["snap-1", "snap-2"], &[]);
    assert_eq!(message.subject, "AMI cancelled: web");
    assert_eq!(
        message.text,
        "\
The image web was cancelled: somebody ran amiwright cancel.

  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     disk
  Object     s3://images/golden/web.vmdk (1073741824 bytes)
  Task       import-snapshot import-snap-1: deleted
  Removed    snap-1, snap-2
  Took       30m (2026-11-21T10:00:00Z to 2026-11-21T10:30:00Z)

What had been made for it in AWS was removed again (see Removed).

To make the image after all, upload its manifest again.
"
    );
    assert_eq!(message.data["cancel"]["by"], "command");
    assert_eq!(message.data["removed"], json!(["snap-1", "snap-2"]));
}

#[test]
fn cancelled_by_removal_with_what_is_left() {
    let mut status = started(TaskKind::CopyImage);
    ask_cancel(&mut status, CancelBy::ManifestRemoved, after(6)).unwrap();
    give_up(&mut status, Ending::Cancelled, None, after(7));
    let message = ended(status, &["ami-2", "snap-1"], &["ami-2"]);
    assert_eq!(
        message.text,
        "\
The image web was cancelled: its manifest was removed.

  AMI        ami-2 in us-east-1 (pending)
  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     image
  Task       copy-image ami-2: pending
  Removed    snap-1
  Took       30m (2026-11-21T10:00:00Z to 2026-11-21T10:30:00Z)

These may be left in AWS and could not be removed. Remove them by hand, AMIs before their snapshots:
  - ami-2: UnauthorizedOperation: You are not authorized to perform this operation.

To make the image after all, upload its manifest again.
"
    );
}

#[test]
fn cancelled_before_anything_was_made() {
    let mut status = opened();
    ask_cancel(&mut status, CancelBy::Command, after(1)).unwrap();
    give_up(&mut status, Ending::Cancelled, None, after(1));
    assert!(
        newest(&status)
            .text
            .contains("\nNothing had been made for it in AWS.\n")
    );
}

#[test]
fn stalled() {
    let mut status = importing();
    let seen = ObservedTask {
        progress: Some(42),
        message: Some("converting".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "active")
    };
    assert!(task_seen(&mut status, Some(&seen), after(66)));
    let message = newest(&status);
    assert_eq!(message.subject, "AMI stalled: web");
    assert_eq!(
        message.text,
        "\
Nothing has changed about the image web since 2026-11-21T10:05:00Z.

  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     disk
  Object     s3://images/golden/web.vmdk (1073741824 bytes)
  Task       import-snapshot import-snap-1: active, 42 %, converting
  Took       1h 6m (2026-11-21T10:00:00Z to 2026-11-21T11:06:00Z)

Nothing is given up: amiwright goes on looking, and the image goes on by itself when EC2 does.
You are told again when it has been as long once more.
To end it, remove the manifest or run:
  amiwright cancel s3://images/golden/web.image.yaml
"
    );
    assert_eq!(message.data["tasks"][0]["progress"], 42);
}

#[test]
fn stalled_where_nobody_can_or_need_end_it() {
    let text = |mut status: Status| {
        status.tell(NoticeKind::Stalled, after(200));
        newest(&status).text
    };
    let storing = text(storing());
    assert!(
        storing.ends_with(
            "\nThe AMI is available already; EC2 has no way to cancel that it is stored.\n"
        ),
        "{storing}"
    );
    let mut cancelled = importing();
    ask_cancel(&mut cancelled, CancelBy::Command, after(6)).unwrap();
    let cancelled = text(cancelled);
    assert!(
        cancelled.ends_with(
            "\nIt was cancelled at 2026-11-21T10:06:00Z: EC2 is asked to end it until it does.\n"
        ),
        "{cancelled}"
    );
}

#[test]
fn a_command_in_a_mail_does_nothing_but_what_it_says() {
    let mut status = importing();
    status.manifest.key = "a b'; rm -rf ~.image.yaml".to_owned();
    status.tell(NoticeKind::Stalled, after(200));
    assert!(
        newest(&status)
            .text
            .ends_with("\n  amiwright cancel 's3://images/a b'\\''; rm -rf ~.image.yaml'\n")
    );
}

#[test]
fn lost() {
    let mut status = importing();
    task_seen(&mut status, None, after(10));
    let failure = Failure {
        doing: "following import-snapshot import-snap-1".to_owned(),
        code: None,
        message: "EC2 has not listed the task since 2026-11-21T10:10:00Z; it was active at 42 %"
            .to_owned(),
        request_id: None,
        hint: "look for it in CloudTrail".to_owned(),
    };
    give_up(&mut status, Ending::Lost, Some(failure), after(26));
    let message = ended(status, &[], &[]);
    assert_eq!(message.subject, "AMI lost: web");
    assert_eq!(
        message.text,
        "\
The image web is lost: EC2 no longer knows of it.

  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     disk
  Object     s3://images/golden/web.vmdk (1073741824 bytes)
  Task       import-snapshot import-snap-1: active, 42 %, converting (not listed since 2026-11-21T10:10:00Z)
  Took       30m (2026-11-21T10:00:00Z to 2026-11-21T10:30:00Z)

What failed: following import-snapshot import-snap-1
Reason:      EC2 has not listed the task since 2026-11-21T10:10:00Z; it was active at 42 %
What to do:  look for it in CloudTrail

Nothing of it was left in AWS.
"
    );
}

#[test]
fn a_failed_task_with_its_hint() {
    let mut status = importing();
    let seen = ObservedTask {
        message: Some(
            "ClientError: Disk validation failed [Unsupported VMDK File Format]".to_owned(),
        ),
        ..seen_task(TaskKind::ImportSnapshot, "deleted")
    };
    task_seen(&mut status, Some(&seen), after(7));
    let message = ended(status, &["snap-1"], &[]);
    assert_eq!(message.subject, "AMI failed: web");
    assert_eq!(
        message.text,
        "\
The image web failed.

  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     disk
  Object     s3://images/golden/web.vmdk (1073741824 bytes)
  Task       import-snapshot import-snap-1: deleted
  Removed    snap-1
  Took       30m (2026-11-21T10:00:00Z to 2026-11-21T10:30:00Z)

What failed: following import-snapshot import-snap-1
AWS said:    ClientError: Disk validation failed [Unsupported VMDK File Format]
What to do:  a VMDK has to be stream-optimized: export it anew, or convert it to raw (qemu-img convert -O raw) and say \
`format: raw`; then change the manifest (a comment will do) and upload it again

What had been made for it in AWS was removed again (see Removed).
"
    );
}

#[test]
fn what_ec2_says_cannot_fake_a_line() {
    let mut status = importing();
    status.tasks[0].message = Some("ok\n  Removed    nothing\u{202e}".to_owned());
    status.left = vec![Left {
        what: "ami-1\n".to_owned(),
        why: "no\nTo do: pay".to_owned(),
    }];
    status.tell(NoticeKind::Lost, after(9));
    let message = newest(&status);
    assert!(
        message.text.contains("ok   Removed    nothing "),
        "{}",
        message.text
    );
    assert!(
        message.text.contains("  - ami-1 : no To do: pay\n"),
        "{}",
        message.text
    );
}

#[test]
fn every_subject_is_short() {
    for kind in [
        NoticeKind::Started,
        NoticeKind::Stalled,
        NoticeKind::Cancelled,
        NoticeKind::Lost,
        NoticeKind::Failed,
    ] {
        let mut status = storing();
        status.name = Some("w\u{e9}\n".repeat(60));
        status.tell(kind, after(9));
        let subject = newest(&status).subject;
        assert!(subject.len() < 100, "{subject}");
        assert!(
            subject
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        );
    }
}
