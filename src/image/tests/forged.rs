//! Emails of statuses that were forged to speak in amiwright's name.

use serde_json::{Value, json};

use super::*;
use crate::image::status::{Notice, parse};

/// What is to be read as amiwright's advice.
const SENTENCE: &str = "ami-1 (Your AWS account is suspended. Call us)";

fn with(build: &Value) -> Value {
    let mut status = json!(storing());
    for (field, value) in build.as_object().unwrap() {
        status["build"][field] = value.clone();
    }
    status
}

/// A status of every kind of failure, of every reason to wait, and of what was left over.
fn statuses() -> Vec<Value> {
    let at = "2026-11-21T10:00:00Z";
    let mut all = vec![with(&json!({
        "deleted": ["snap-1"],
        "orphans": [
            {"what": "snap-2", "reason": "refused", "code": "InUse", "message": "no", "requestId": "r-1"},
            {"what": "snap-3", "reason": "needed-by", "by": "ami-2"},
        ],
    }))];
    for mut failure in [
        json!({"kind": "name-taken", "image": "ami-9", "earlierVersion": false}),
        json!({"kind": "several-images", "images": ["ami-9"]}),
        json!({"kind": "request-refused", "action": "RegisterImage"}),
        json!({"kind": "unproven", "what": "snap-9"}),
        json!({"kind": "image-failed", "image": "ami-9"}),
        json!({"kind": "image-deregistered", "image": "ami-9"}),
        json!({"kind": "image-lost", "image": "ami-9"}),
        json!({"kind": "task-failed"}),
        json!({"kind": "source-unreadable", "why": "access-denied"}),
        json!({"kind": "other"}),
    ] {
        failure["doing"] = "doing it".into();
        failure["code"] = "Client.InvalidManifest".into();
        failure["message"] = "no".into();
        failure["requestId"] = "r-1".into();
        let mut status = with(&json!({"failure": failure}));
        all.push(status.clone());
        status["regions"] = json!({});
        status["build"]["step"] = "clean-up".into();
        all.push(status);
    }
    for mut waiting in [
        json!({"reason": "object-missing", "bucket": "images", "key": "a"}),
        json!({"reason": "bundle-manifest-missing", "bucket": "images", "key": "a"}),
        json!({"reason": "parts-missing", "missing": 1, "of": 2, "first": "a"}),
        json!({"reason": "rate-limited", "action": "RegisterImage"}),
        json!({"reason": "retrying", "code": "Throttled", "message": "no"}),
        json!({"reason": "instance-busy", "instance": "i-1", "task": "bun-1"}),
        json!({"reason": "store-unanswered", "image": "ami-1", "askedAt": at}),
        json!({"reason": "cancel-refused", "code": "IncorrectState", "message": "no"}),
        json!({"reason": "unproven", "what": "snap-1"}),
        json!({"reason": "image-not-visible", "image": "ami-1"}),
    ] {
        waiting["since"] = at.into();
        all.push(with(&json!({"waiting": waiting})));
    }
    let mut other = with(&json!({"step": "publish"}));
    other["problems"] = json!([{"message": "no", "hint": "do it", "rule": "a rule"}]);
    other["drift"] = json!({"since": at, "found": [
        {"region": REGION, "image": "ami-1", "difference": "not-available", "state": "disabled"},
        {"region": REGION, "image": "ami-1", "difference": "parameter", "name": "/images/web", "value": "ami-2"},
    ]});
    all.push(other);
    all
}

/// The places of all strings in a JSON.
fn strings(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(place.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, &format!("{place}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                strings(field, &format!("{place}/{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn composed(status: &Status) -> Vec<Message> {
    let of = |kind| Notice {
        seq: 1,
        kind,
        at: after(9),
        facts: None,
        claimed_at: None,
        attempts: 0,
        attempt_failed: false,
        sent_at: None,
        message_id: None,
    };
    NoticeKind::ALL
        .map(|kind| compose(status, &of(kind), SENDER))
        .into()
}

/// The text without what stands between quotation marks: double ones, and a shell's single ones.
fn own_words(text: &str) -> String {
    let mut own = String::new();
    for line in text.lines() {
        let unquoted: String = line.split('"').step_by(2).collect();
        own.extend(
            unquoted
                .split(" '")
                .map(|it| it.rsplit('\'').next().unwrap_or(it)),
        );
        own.push('\n');
    }
    own
}

#[test]
fn no_forged_text_is_sent_in_amiwrights_name() {
    let mut read = 0;
    for status in statuses() {
        parse(status.to_string().as_bytes()).unwrap();
        let mut places = Vec::new();
        strings(&status, "", &mut places);
        for place in places {
            let mut forged = status.clone();
            *forged.pointer_mut(&place).unwrap() = SENTENCE.into();
            let Ok(forged) = parse(forged.to_string().as_bytes()) else {
                continue;
            };
            read += 1;
            for message in composed(&forged) {
                let hint = message.data["failure"]["hint"].as_str().unwrap_or_default();
                for text in [&message.subject, &message.text, hint] {
                    let own = own_words(text);
                    assert!(!own.contains("suspended"), "{place}: {text}");
                }
            }
        }
    }
    assert!(read > 100, "{read}");
}

/// A Region is a word, and a shell looks into what stands between double quotation marks.
#[test]
fn a_forged_region_runs_nothing_in_a_command_of_an_email() {
    const REGION: &str = "us-east-1$(touch${IFS}x)";
    let at = "2026-11-21T10:00:00Z";
    let disabled = json!({"kind": "image-disabled", "region": REGION, "image": "ami-1", "doing": "it", "message": "no"});
    let mut drifted = json!(storing());
    drifted["drift"] = json!({"since": at, "found": [
        {"region": REGION, "image": "ami-1", "difference": "not-available", "state": "disabled"},
    ]});
    let mut failed = with(&json!({"failure": disabled, "step": "clean-up"}));
    failed["regions"] = json!({});
    let mut commands = 0;
    for status in [drifted, failed] {
        let status = parse(status.to_string().as_bytes()).unwrap();
        for message in composed(&status) {
            let lines = message.text.lines();
            for line in lines.filter(|line| line.contains("enable-image")) {
                commands += 1;
                let region = format!("--region '{REGION}' --image-id ami-1");
                assert!(line.contains(&region), "{line}");
            }
        }
    }
    assert!(commands >= 2, "{commands}");
}

#[test]
fn an_id_of_another_form_is_unreadable() {
    for (index, status) in statuses().into_iter().enumerate() {
        let mut places = Vec::new();
        strings(&status["build"], "/build", &mut places);
        for place in places {
            let fields = ["image", "what", "by", "action", "instance", "task"];
            let is_id = fields.iter().any(|it| place.ends_with(&format!("/{it}")))
                || place.contains("/images/")
                || place.contains("/deleted/");
            let mut forged = status.clone();
            *forged.pointer_mut(&place).unwrap() = SENTENCE.into();
            let is_read = parse(forged.to_string().as_bytes()).is_ok();
            assert!(!(is_id && is_read), "{index}: {place}");
        }
    }
}

/// The bodies as they are sent, with room for the address of the status, may have 64 KiB: more cost another message.
fn sent_size(message: &Message) -> usize {
    json!({ "default": message.data.to_string(), "email": message.text })
        .to_string()
        .len()
}

/// Makes every list longer, and some texts.
fn inflate(value: &mut Value, count: usize, text: &str) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(|it| inflate(it, count, text));
            if let Some(first) = items.first().cloned() {
                items.resize(count, first);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if ["message", "doing", "first", "key", "requestId"].contains(&name.as_str()) {
                    *field = text.into();
                } else if name == "deleted" || name == "previous" || name == "problems" {
                    *field = match name.as_str() {
                        "deleted" => json!(vec![format!("s3://{text}"); count]),
                        "previous" => {
                            let region = json!({"image": "ami-1", "imageState": text});
                            json!(vec![json!({"regions": {"us-east-1": region}}); count])
                        }
                        _ => json!(vec![json!({"message": text}); count]),
                    };
                } else {
                    inflate(field, count, text);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn whatever_a_status_holds_its_email_can_be_sent() {
    let mut read = 0;
    for mut status in statuses().into_iter().step_by(5) {
        status["previous"] = json!([]);
        status["problems"] = json!([]);
        status["build"]["deleted"] = json!([]);
        for count in [1, 400] {
            for text in [
                "x",
                &"y ".repeat(495),
                &"\u{1}\"".repeat(2000),
                &"z".repeat(300_000),
            ] {
                // No status is larger than that one megabyte that may be read.
                if count * text.len() > 1_000_000 {
                    continue;
                }
                let mut large = status.clone();
                inflate(&mut large, count, text);
                let Ok(large) = parse(large.to_string().as_bytes()) else {
                    continue;
                };
                read += 1;
                for message in composed(&large) {
                    assert!(sent_size(&message) <= 60 * 1024, "{count}: {}", text.len());
                    assert!(!message.text.is_empty() && !message.subject.is_empty());
                }
            }
        }
    }
    assert!(read > 10, "{read}");
}

#[test]
fn what_a_long_list_leaves_out_is_counted() {
    let deleted: Vec<String> = (0..480).map(|it| format!("snap-{it}")).collect();
    let status = with(&json!({ "deleted": deleted }));
    let status = parse(status.to_string().as_bytes()).unwrap();
    let message = &composed(&status)[2];
    assert!(
        message
            .text
            .contains("snap-99, and 380 more, see the status")
    );
    assert_eq!(message.data["deleted"].as_array().unwrap().len(), 100);
    assert_eq!(message.data["truncated"], true);
}

#[test]
fn more_problems_than_a_status_is_written_with_are_not_read() {
    let mut status = json!(storing());
    let problems = |count| vec![json!({"message": ""}); count];
    status["problems"] = json!(problems(100));
    assert!(parse(status.to_string().as_bytes()).is_ok());
    status["problems"] = json!(problems(101));
    let unreadable = parse(status.to_string().as_bytes()).unwrap_err();
    assert!(
        format!("{unreadable:?}").contains("at most 100 problems"),
        "{unreadable:?}"
    );
}
