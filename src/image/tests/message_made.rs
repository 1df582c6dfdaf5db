//! The exact words of the mails about AMIs that a task has made or stored.

use super::{REGION, after, newest, seen, seen_task, started, storing};
use crate::image::observed::ObservedTask;
use crate::image::task::TaskKind;
use crate::image::transition::{image_seen, imported_is_tagged, task_seen};

fn stored(state: &str) -> ObservedTask {
    ObservedTask {
        object: Some("s3://archive/ami-1.bin".to_owned()),
        ..seen_task(TaskKind::StoreImage, state)
    }
}

#[test]
fn completed_with_a_stored_object() {
    let mut status = storing();
    task_seen(&mut status, Some(&stored("Completed")), after(9));
    let message = newest(&status);
    assert_eq!(message.subject, "AMI available: ami-1 web");
    assert_eq!(
        message.text,
        "\
The image web is registered, available, and stored in S3.

  AMI        ami-1 in us-east-1 (available)
  Snapshots  snap-1
  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     snapshot
  Task       store-image ami-1: Completed
  Stored     s3://archive/ami-1.bin
  Took       9m (2026-11-21T10:00:00Z to 2026-11-21T10:09:00Z)
"
    );
}

#[test]
fn an_ami_that_was_not_stored_is_told_of_as_available() {
    let mut failed = storing();
    let seen = ObservedTask {
        message: Some("Internal error".to_owned()),
        ..stored("Failed")
    };
    task_seen(&mut failed, Some(&seen), after(9));
    let message = newest(&failed);
    assert_eq!(message.subject, "AMI available but not stored: ami-1 web");
    assert_eq!(
        message.text,
        "\
The image web is registered and available, but storing it in S3 failed.

  AMI        ami-1 in us-east-1 (available)
  Snapshots  snap-1
  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     snapshot
  Task       store-image ami-1: Failed
  Took       9m (2026-11-21T10:00:00Z to 2026-11-21T10:09:00Z)

What failed: following store-image ami-1
AWS said:    Internal error
What to do:  the AMI ami-1 is available and was kept; mend what the message names and store it by hand (aws ec2 \
create-store-image-task)
"
    );
}

#[test]
fn an_imported_machine_says_where_its_name_is() {
    let mut status = started(TaskKind::ImportImage);
    let seen_complete = ObservedTask {
        message: Some("creating AMI".to_owned()),
        progress: Some(90),
        image: Some("ami-1".to_owned()),
        snapshots: vec!["snap-1".to_owned()],
        ..seen_task(TaskKind::ImportImage, "completed")
    };
    task_seen(&mut status, Some(&seen_complete), after(50));
    imported_is_tagged(&mut status, after(50));
    image_seen(&mut status, REGION, Some(&seen("available")), after(51));
    let message = newest(&status);
    assert_eq!(message.subject, "AMI available: ami-1 web");
    assert_eq!(
        message.text,
        "\
The image web is registered and available.

  AMI        ami-1 in us-east-1 (available)
  Snapshots  snap-1
  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     vm
  Task       import-image import-ami-1: completed
  Took       51m (2026-11-21T10:00:00Z to 2026-11-21T10:51:00Z)

EC2 named the AMI after its task, import-ami-1. The tag Name holds web, unless the manifest sets that tag.
"
    );
}
