//! Operators ask for a cancellation or a new attempt by an object of its own; the functions record that in the status.

use std::time::Duration;

use amiwright::keys;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;
use serde_json::{Value, json};

use crate::support::{DISK, TestStack, minutes, refused, vmdk};

pub(super) const KEY: &str = "golden/web.image.yaml";

/// A stack with an import that takes an hour, two and a half minutes on its way.
pub(super) async fn importing() -> TestStack {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(60));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(150)).await;
    stack
}

/// An image whose registration was refused, for a reason that has passed.
pub(super) async fn failed() -> TestStack {
    let stack = TestStack::new().await;
    let refused = refused("UnauthorizedOperation");
    stack.world.faults().on("ec2", "RegisterImage", 1, refused);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    stack
}

/// A request about the version that the status is about now.
pub(super) async fn request(stack: &TestStack, ask: &str) -> Value {
    let status = stack.status(KEY).await;
    let attempt = &status["build"]["attempt"];
    json!({
        "ask": ask,
        "askedAt": "2026-11-21T10:00:00Z",
        "about": {
            "sha256": status["manifest"]["sha256"],
            "attempt": if attempt.is_null() { json!(0) } else { attempt.clone() },
        },
    })
}

/// Writes a request as a client's PUT.
pub(super) async fn put(stack: &TestStack, key: &str, request: &impl ToString) {
    let content = request.to_string().into_bytes();
    let key = keys::request_key(key);
    let s3 = stack.world.s3();
    s3.put(&stack.state_bucket, &key, content).await.unwrap();
}

/// Writes a request whose event is lost.
fn put_silently(stack: &TestStack, key: &str, request: &impl ToString) {
    stack.write_state(&keys::request_key(key), request.to_string());
}

async fn why(stack: &TestStack) -> Vec<String> {
    let status = stack.status(KEY).await;
    let history = status["history"].as_array().unwrap().iter();
    let why = history.map(|change| change["why"].as_str().unwrap().to_owned());
    why.collect()
}

/// How often something is in the history.
pub(super) async fn times(stack: &TestStack, what: &str) -> usize {
    let why = why(stack).await;
    why.iter().filter(|line| line.contains(what)).count()
}

pub(super) const ASKED: &str = "an operator cancelled it";
pub(super) const ASKED_AGAIN: &str = "an operator asked for a new attempt";
pub(super) const IGNORED: &str = "was ignored";

/// Nothing is asked any more, and more of the same time changes nothing.
pub(super) async fn at_rest(stack: &TestStack) {
    assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0]);
    let (puts, images, emails) = (stack.count("PutObject"), stack.images(), stack.emails());
    stack.world.run_for(minutes(20)).await;
    assert_eq!(stack.count("PutObject"), puts);
    assert_eq!((stack.images(), stack.emails()), (images, emails));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_recorded_at_once_and_done_by_the_next_tick() {
    let stack = importing().await;
    put(&stack, KEY, &request(&stack, "cancel").await).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["cancel"]["by"], "command");
    assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0]);
    assert_eq!(stack.count("CancelImportTask"), 0);
    stack.world.run_for(Duration::from_secs(60)).await;
    assert_eq!(stack.count("CancelImportTask"), 1);
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    assert_eq!(
        stack.only_email().subject,
        "Cancelled: web-2026-11-21 (us-east-1)"
    );
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_event_is_lost_is_found_by_the_next_tick() {
    let stack = importing().await;
    put_silently(&stack, KEY, &request(&stack, "cancel").await);
    stack.world.run_for(Duration::from_secs(60)).await;
    assert_eq!(stack.count("CancelImportTask"), 1, "by the same tick");
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    at_rest(&stack).await;

    let stack = failed().await;
    put_silently(&stack, KEY, &request(&stack, "retry").await);
    stack.minute().await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.images().len(), 1);
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_request_twice_is_one() {
    let stack = importing().await;
    let cancel = request(&stack, "cancel").await;
    put(&stack, KEY, &cancel).await;
    put(&stack, KEY, &cancel).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    put(&stack, KEY, &cancel).await;
    stack.rest().await;
    assert_eq!(times(&stack, ASKED).await, 1);
    assert_eq!(times(&stack, IGNORED).await, 0);
    assert_eq!(stack.count("CancelImportTask"), 1);
    assert_eq!(stack.emails().len(), 1);
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_is_recorded_whoever_else_writes_the_status_meanwhile() {
    let stack = importing().await;
    let cancel = request(&stack, "cancel").await;
    // Its status was read when the open marker is written, the answer of which is late.
    let late = Fault::Slow(Duration::from_secs(10));
    stack.world.faults().on("s3", "PutObject", 2, late);
    put(&stack, KEY, &cancel).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    let mut status = stack.status(KEY).await;
    assert_eq!(status.get("cancel"), None, "not recorded yet");
    status["history"][0]["why"] = json!("written by somebody else");
    stack.write_state(&keys::status_key(KEY), status.to_string());
    stack.world.run_for(Duration::from_secs(10)).await;
    assert_eq!(times(&stack, "written by somebody else").await, 1);
    assert_eq!(times(&stack, ASKED).await, 1);
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_dies_before_it_deletes_a_request_asks_for_nothing_twice() {
    for fault in [Fault::CrashBefore, Fault::Crash] {
        let stack = importing().await;
        let faults = stack.world.faults();
        faults.on("s3", "DeleteObject", 1, fault.clone());
        put(&stack, KEY, &request(&stack, "cancel").await).await;
        stack.rest().await;
        assert_eq!(stack.status(KEY).await["state"], "cancelled");
        assert_eq!(times(&stack, ASKED).await, 1);
        assert_eq!(stack.count("CancelImportTask"), 1);
        assert_eq!(stack.emails().len(), 1);
        at_rest(&stack).await;

        let stack = failed().await;
        stack.world.faults().on("s3", "DeleteObject", 1, fault);
        put(&stack, KEY, &request(&stack, "retry").await).await;
        stack.minute().await;
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available");
        assert_eq!(status["build"]["attempt"], 1);
        assert_eq!(times(&stack, ASKED_AGAIN).await, 1);
        assert_eq!(stack.only_image().name, "web");
        at_rest(&stack).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_made_while_another_is_answered_is_not_lost() {
    let stack = importing().await;
    let (cancel, retry) = (
        request(&stack, "cancel").await,
        request(&stack, "retry").await,
    );
    let late = Fault::Slow(Duration::from_secs(10));
    stack.world.faults().on("s3", "PutObject", 3, late);
    put(&stack, KEY, &cancel).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    put_silently(&stack, KEY, &retry);
    stack.world.run_for(Duration::from_secs(10)).await;
    assert_eq!(times(&stack, ASKED).await, 1);
    stack.rest().await;
    let ignored = "a request to retry was ignored: it is in progress";
    assert_eq!(times(&stack, ignored).await, 1, "{:#?}", why(&stack).await);
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_does_not_hit_a_later_version_than_its_asker_saw() {
    let stack = failed().await;
    let (cancel, retry) = (
        request(&stack, "cancel").await,
        request(&stack, "retry").await,
    );
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(20));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.minute().await;
    for request in [&cancel, &retry] {
        put(&stack, KEY, request).await;
        stack.minute().await;
    }
    let other = "it is about another version or attempt";
    assert_eq!(times(&stack, other).await, 2, "{:#?}", why(&stack).await);
    let status = stack.status(KEY).await;
    assert_eq!((status.get("cancel"), status.get("retry")), (None, None));
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.count("CancelImportTask"), 0);
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_makes_no_sense_any_more_changes_nothing_and_says_so() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let before = stack.status(KEY).await;
    for (ask, reason) in [
        ("cancel", "it is already available"),
        ("retry", "its AMI is available: there is nothing to retry"),
    ] {
        put(&stack, KEY, &request(&stack, ask).await).await;
        stack.minute().await;
        let line = format!("a request to {ask} was ignored: {reason}");
        assert_eq!(times(&stack, &line).await, 1, "{:#?}", why(&stack).await);
    }
    let mut after = stack.status(KEY).await;
    after["history"] = before["history"].clone();
    let answered = after.as_object_mut().unwrap().remove("answered");
    assert!(answered.is_some(), "for as long as it cannot be deleted");
    assert_eq!(after, before);
    assert_eq!(stack.open().await, [""; 0]);
    assert_eq!((stack.images().len(), stack.emails().len()), (1, 1));
    at_rest(&stack).await;
}

/// Its event was lost: until a sweep finds it, nothing may be written into the status that says that it is known.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_ignored_does_not_hide_a_version_that_nobody_has_seen() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    let next = stack.manifest("web-{digest}") + "register: {imdsSupport: v2.0}\n";
    stack.drop_silently(KEY, next);
    stack.world.run_for(minutes(3)).await;
    for ask in ["cancel", "retry"] {
        put(&stack, KEY, &request(&stack, ask).await).await;
        stack.world.run_for(Duration::from_secs(5)).await;
        assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0]);
    }
    assert_eq!(stack.images().len(), 1, "it was found already");
    stack.world.run_for(minutes(16)).await;
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
    assert_eq!(stack.status(KEY).await["state"], "available");
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_request_is_removed_and_nothing_of_it_is_repeated() {
    let stack = importing().await;
    let good = request(&stack, "cancel").await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed.to_string()
    };
    let huge = with(&|it| it["evil"] = json!("x".repeat(1024 * 1024)));
    let malformed = [
        String::new(),
        "evil".to_owned(),
        "[]".to_owned(),
        with(&|it| it["ask"] = json!("evil\u{1b}[2J")),
        with(&|it| it["evil\u{202e}"] = json!(1)),
        with(&|it| it["about"]["evil"] = json!(1)),
        with(&|it| it["about"] = json!("evil")),
        with(&|it| it["about"]["attempt"] = json!(-1)),
        with(&|it| it["askedAt"] = json!("evil")),
        format!("{good}{good}"),
        huge,
    ];
    for content in &malformed {
        put(&stack, KEY, content).await;
        stack.world.run_for(Duration::from_secs(5)).await;
        assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0]);
        let why = why(&stack).await.pop().unwrap();
        let reason = why.strip_prefix("a request was ignored: it ");
        assert!(reason.is_some(), "{why}: {content:.100}");
    }
    let status = stack.status(KEY).await;
    assert!(!status.to_string().contains("evil"), "{status:#}");
    assert_eq!((status.get("cancel"), status.get("retry")), (None, None));
    assert_eq!(times(&stack, "it has more than 1024 bytes").await, 1);

    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert!(!stack.only_email().text.contains("evil"));
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_about_no_image_is_removed() {
    let stack = importing().await;
    let good = request(&stack, "cancel").await.to_string();
    let before = stack.status(KEY).await;
    // Of a manifest without a status, of one whose status nobody can read, and keys that are not of requests at all.
    stack.write_state(&keys::status_key("broken.image.yaml"), "{");
    let long = "k".repeat(keys::MANIFEST_KEY_MAX + 1);
    let others = ["none.image.yaml", "broken.image.yaml", &long].map(keys::request_key);
    let junk = [
        "open-requests/",
        "open-requests/.json",
        "open-requests/x",
        "open-requests/a b+c%2B",
    ];
    let all = others.iter().map(String::as_str).chain(junk);
    let s3 = stack.world.s3();
    for key in all {
        let content = good.clone().into_bytes();
        if s3.put(&stack.state_bucket, key, content).await.is_err() {
            continue;
        }
        stack.world.run_for(Duration::from_secs(70)).await;
        assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0], "{key}");
    }
    let statuses = stack.state_keys(keys::STATUSES).await;
    assert_eq!(statuses.len(), 2, "{statuses:?}");
    assert_eq!(stack.status(KEY).await["history"], before["history"]);
    assert_eq!(stack.failed_events(), "");
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_before_a_tick_looks_at_images_and_never_take_all_of_it() {
    let stack = importing().await;
    let count = amiwright::limits::REQUESTS_A_TICK + 20;
    for n in 0..count {
        stack.write_state(&keys::request_key(&format!("junk/{n:04}.image.yaml")), "{}");
    }
    put_silently(&stack, "zz.image.yaml", &"{}");
    stack.world.run_for(Duration::from_secs(60)).await;
    let left = stack.state_keys(keys::REQUESTS).await;
    assert_eq!(left.len(), 21, "{left:?}");
    stack.world.run_for(Duration::from_secs(60)).await;
    assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0]);
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}
