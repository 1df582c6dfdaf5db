//! What must hold for every text: nothing foreign does anything in it, and all of it fits.

use serde_json::json;

use super::*;
use crate::image::apply::note_stalled;
use crate::manifest::Problem;

fn rejected(mut status: Status, problems: Vec<Problem>) -> Message {
    apply(&mut status, StepOutcome::Reject(problems), after(0));
    newest(&status)
}

#[test]
fn a_notice_has_the_same_for_machines() {
    let message = newest(&available());
    assert_eq!(
        json!(message.attributes),
        json!({"event": "completed", "imageName": "web", "sourceKind": "snapshot"})
    );
    let data = &message.data;
    assert_eq!(
        (&data["event"], &data["seconds"]),
        (&json!("completed"), &json!(60))
    );
    assert_eq!(data["id"], "s3://images/golden/web.image.yaml#1");
    assert_eq!(data["regions"][REGION]["image"], "ami-1");
    assert_eq!(data["source"], "snapshot");
    assert_eq!(data["previousInvalid"], false);

    let mut status = cancelled_by(importing(), CancelBy::Command, 6);
    poll(&mut status, TaskKind::ImportSnapshot, "deleted", 7);
    clean_up(&mut status, 8);
    let data = newest(&status).data;
    assert_eq!(data["cancel"]["by"], "command");
    assert_eq!(data["tasks"][0]["progress"], 42);

    let mut failed = registered();
    let mut image = seen("failed");
    image.reason = Some(("Client.Broken".to_owned(), "it broke".to_owned()));
    poll_image(&mut failed, Some(&image), 1);
    clean_up(&mut failed, 2);
    let failure = &newest(&failed).data["failure"];
    assert_eq!(
        (&failure["kind"], &failure["code"]),
        (&json!("image-failed"), &json!("Client.Broken"))
    );
    assert!(
        failure["hint"]
            .as_str()
            .unwrap()
            .contains("amiwright retry")
    );
}

#[test]
fn a_subject_is_short_printable_ascii() {
    let mut version = manifest("aaaa");
    version.key = format!("w\u{e9}b\n\u{202e}{}.image.yaml", "x".repeat(200));
    let message = rejected(open(None, version, after(0)), vec![Problem::new("no")]);
    assert!(
        message.subject.starts_with("Rejected: \"w?b ?xxx"),
        "{}",
        message.subject
    );
    let end = "xxx... (us-east-1): 1 problem";
    assert!(message.subject.ends_with(end), "{}", message.subject);
    assert_eq!(message.subject.len(), 99, "{}", message.subject);
    // Nor does a key turn the text around, or break its line.
    assert!(
        message.text.contains("w\u{e9}b \u{fffd}xxx"),
        "{}",
        message.text
    );
    assert!(!message.attributes["imageName"].contains(['\n', '\u{202e}']));
}

#[test]
fn every_subject_is_short() {
    let mut stalled = storing();
    stalled.build.name = Some("w\u{e9}\n".repeat(60));
    let mut lost = stalled.clone();
    let failure = crate::image::message::failures::task_lost(&lost.build.tasks[0]);
    apply(&mut lost, StepOutcome::Fail(failure), after(300));
    let mut failed = stalled.clone();
    poll(&mut failed, TaskKind::StoreImage, "Failed", 300);
    let mut completed = stalled.clone();
    poll(&mut completed, TaskKind::StoreImage, "Completed", 300);
    assert!(note_stalled(&mut stalled, after(300)));
    for status in [stalled, lost, failed, completed] {
        let subject = newest(&status).subject;
        assert!(subject.len() < 100, "{subject}");
        assert!(
            subject
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        );
    }
}

#[test]
fn hostile_problems_leave_room() {
    for text in ["\"\\", "\u{1f4a3}", "\u{1}"] {
        let problem = || Problem::new(text.repeat(400)).with_path(text.repeat(400));
        let message = rejected(opened(), (0..100).map(|_| problem()).collect());
        let body = json!({"default": message.data.to_string(), "email": message.text}).to_string();
        assert!(body.len() <= 60 * 1024, "{text:?}: {}", body.len());
        assert!(message.text.contains("all in the status"));
        assert_eq!(message.data["problemCount"], 100);
    }
}

#[test]
fn a_command_in_an_email_does_nothing_but_what_it_says() {
    let mut status = importing();
    status.manifest.key = "a b'; rm -rf ~.image.yaml".to_owned();
    assert!(note_stalled(&mut status, after(200)));
    let text = newest(&status).text;
    assert!(
        text.contains("\n  amiwright cancel 's3://images/a b'\\''; rm -rf ~.image.yaml'\n"),
        "{text}"
    );
}

#[test]
fn what_ec2_says_cannot_fake_a_line() {
    let mut status = importing();
    status.build.tasks[0].message = Some("ok\n  Deleted    nothing\u{202e}".to_owned());
    assert!(note_stalled(&mut status, after(200)));
    let text = newest(&status).text;
    assert!(
        text.contains("\"ok   Deleted    nothing\u{fffd}\""),
        "{text}"
    );

    poll(&mut status, TaskKind::ImportSnapshot, "failed", 201);
    let orphans = vec![orphan("ami-1", "no\nTo do: pay")];
    advance(&mut status, Evidence::CleanedUp { orphans }, 202);
    let text = newest(&status).text;
    assert!(text.contains("  - ami-1: \"no To do: pay\"\n"), "{text}");
}
