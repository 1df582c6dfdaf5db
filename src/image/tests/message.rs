//! The exact words of every kind of mail.

use serde_json::json;

use super::{
    REGION, after, available, awaiting_bundle, bundle, manifest, newest, opened, registered,
};
use crate::image::notice::Message;
use crate::image::status::Failure;
use crate::image::transition::{fail, image_seen, open, reject, wait};
use crate::manifest::Problem;

fn rejected(problems: Vec<Problem>) -> Message {
    let mut status = opened();
    reject(&mut status, problems, after(0));
    newest(&status)
}

#[test]
fn completed() {
    let message = newest(&available());
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
  Source     snapshot
  Took       1m (2026-11-21T10:00:00Z to 2026-11-21T10:01:00Z)
"
    );
    assert_eq!(
        json!(message.attributes),
        json!({"event": "completed", "imageName": "web", "sourceKind": "snapshot"})
    );
    assert_eq!(message.data["seconds"], 60);
    assert_eq!(message.data["id"], "s3://images/golden/web.image.yaml#1");
}

#[test]
fn completed_names_the_ami_before() {
    let mut status = registered();
    status
        .previous
        .insert(REGION.to_owned(), "ami-0".to_owned());
    let mut invalid = status.clone();
    let seen = super::seen("available");
    image_seen(&mut status, REGION, Some(&seen), after(1));
    assert!(
        newest(&status)
            .text
            .ends_with("\nThe AMI of the version before is kept: ami-0 in us-east-1.\n")
    );
    (invalid.bundle, invalid.previous_bundle) = (Some(bundle("b2")), Some(bundle("b1")));
    image_seen(&mut invalid, REGION, Some(&seen), after(1));
    let message = newest(&invalid);
    assert!(message.text.ends_with(
        "\nThe AMI of the version before, ami-0 in us-east-1, was registered from the same bundle. That has changed,\n\
         so its registration is no longer valid (RegisterImage): deregister it.\n"
    ));
    assert_eq!(message.data["previousInvalid"], true);
}

#[test]
fn failed() {
    let mut status = super::accepted();
    let failure = Failure {
        doing: "registering the image web".to_owned(),
        code: Some("InvalidSnapshot.NotFound".to_owned()),
        message: "The snapshot 'snap-1' does not exist.\nWhat to do:  send money".to_owned(),
        request_id: Some("3ab4".to_owned()),
        hint: "check that the snapshot exists".to_owned(),
    };
    fail(&mut status, failure, after(2));
    let message = newest(&status);
    assert_eq!(message.subject, "AMI failed: web");
    assert_eq!(
        message.text,
        "\
The image web failed.

  Name       web
  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     snapshot
  Took       2m (2026-11-21T10:00:00Z to 2026-11-21T10:02:00Z)

What failed: registering the image web
AWS said:    InvalidSnapshot.NotFound: The snapshot 'snap-1' does not exist. What to do:  send money
Request id:  3ab4
What to do:  check that the snapshot exists
"
    );
    assert_eq!(message.data["failure"]["code"], "InvalidSnapshot.NotFound");
}

#[test]
fn a_rejected_bundle_invalidates_the_ami_of_the_one_it_was_uploaded_over() {
    let mut status = opened();
    status
        .previous
        .insert(REGION.to_owned(), "ami-0".to_owned());
    status.previous_bundle = Some(bundle("b1"));
    let mut over_it = status.clone();
    let before = over_it.previous_bundle.clone().unwrap();
    (over_it.manifest.bucket, over_it.manifest.key) = (before.bucket, before.key);
    for (mut status, words) in [(status, "is kept"), (over_it, "is no longer valid")] {
        reject(&mut status, vec![Problem::new("not XML")], after(0));
        let message = newest(&status);
        assert!(message.text.contains("ami-0"), "{}", message.text);
        assert!(message.text.contains(words), "{}", message.text);
    }
}

#[test]
fn failed_by_our_own_judgement() {
    let mut status = super::accepted();
    status
        .previous
        .insert(REGION.to_owned(), "ami-0".to_owned());
    let failure = Failure {
        doing: "reading the manifest".to_owned(),
        code: None,
        message: "the manifest was removed".to_owned(),
        request_id: None,
        hint: "upload it again".to_owned(),
    };
    fail(&mut status, failure, after(2));
    assert!(
        newest(&status).text.ends_with(
            "\n
What failed: reading the manifest
Reason:      the manifest was removed
What to do:  upload it again

The AMI of the version before is kept: ami-0 in us-east-1.
"
        ),
        "{}",
        newest(&status).text
    );
}

#[test]
fn rejected_with_its_problems() {
    let message = rejected(vec![
        Problem::new("`bios` is no boot mode")
            .at(7, 13)
            .with_path("register.bootMode")
            .with_hint("did you mean `legacy-bios`?")
            .with_rule("RegisterImage, BootMode"),
        Problem::new("the name is missing"),
    ]);
    assert_eq!(
        message.subject,
        "Manifest rejected (2 problems): golden/web.image.yaml"
    );
    assert_eq!(
        message.text,
        "\
The manifest was rejected: 2 problems. Nothing was changed in AWS.

  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Took       0s (2026-11-21T10:00:00Z to 2026-11-21T10:00:00Z)

What is wrong:
  - 7:13 register.bootMode: `bios` is no boot mode
    did you mean `legacy-bios`?
    [RegisterImage, BootMode]
  - the name is missing

Mend the manifest and upload it again.
"
    );
    assert_eq!(message.data["problemCount"], 2);
}

#[test]
fn waiting_long() {
    let mut status = awaiting_bundle();
    wait(
        &mut status,
        super::waiting("1 of 2 parts not uploaded yet: golden/web.part.1"),
        after(20),
    );
    let message = newest(&status);
    assert_eq!(message.subject, "AMI waits for long: golden/web.image.yaml");
    assert_eq!(
        message.text,
        "\
The image golden/web.image.yaml has been waiting since 2026-11-21T10:00:00Z.

  Manifest   s3://images/golden/web.image.yaml
  SHA-256    aaaa0000aaaa
  Source     bundle
  Waits for  1 of 2 parts not uploaded yet: golden/web.part.1
  Took       20m (2026-11-21T10:00:00Z to 2026-11-21T10:20:00Z)

Nothing is given up: the image goes on by itself when this is there.
"
    );
}

#[test]
fn a_subject_is_short_printable_ascii() {
    let mut version = manifest("aaaa");
    version.key = format!("w\u{e9}b\n\u{202e}{}.image.yaml", "x".repeat(200));
    let mut status = open(None, version, after(0));
    reject(&mut status, vec![Problem::new("no")], after(0));
    let message = newest(&status);
    assert!(
        message
            .subject
            .starts_with("Manifest rejected (1 problem): w?b??xxx"),
        "{}",
        message.subject
    );
    assert!(message.subject.ends_with("..."));
    assert_eq!(message.subject.len(), 99);
    // Nor does a key turn the text around, or break its line.
    assert!(message.text.contains("w\u{e9}b  xxx"), "{}", message.text);
    assert!(!message.attributes["imageName"].contains(['\n', '\u{202e}']));
}

#[test]
fn hostile_problems_leave_room() {
    for text in ["\"\\", "\u{1f4a3}", "\u{1}"] {
        let problem = || Problem::new(text.repeat(400)).with_path(text.repeat(400));
        let message = rejected((0..100).map(|_| problem()).collect());
        let body = json!({"default": message.data.to_string(), "email": message.text}).to_string();
        assert!(body.len() <= 60 * 1024, "{text:?}: {}", body.len());
        assert!(message.text.contains("all in the status"));
        assert_eq!(message.data["problemCount"], 100);
    }
}
