//! What EC2 imports for attempts of which no status is left is looked for until an attempt has looked, however those before it ended.

use std::time::Duration;

use amiwright::reconcile::{Context, reconcile};
use futures_util::FutureExt;
use localaws::faults::{Call, Fault};
use serde_json::{Value, json};

use super::status_lost::{IMPORTS, Lost, imports, is_made, lose, remove_ami, swept};
use crate::support::{
    Before, REGION, TestStack, making, minutes, refused, starting_call, whole_seconds,
};

const KEY: &str = "golden/web.image.yaml";

const BROKEN: &str = "ClientError: Disk validation failed";

/// The calls that list imports, of each kind.
const LISTS: [&str; 2] = ["DescribeImportSnapshotTasks", "DescribeImportImageTasks"];

/// The upload after the loss is rejected at the import itself, before anybody could look: the stack's owner has closed what it asks
/// for.
#[tokio::test(start_paused = true)]
async fn an_import_is_taken_up_after_an_upload_was_rejected_at_the_import() {
    const TAG_KEYS: &str = "AMIWRIGHT_TAG_KEYS";
    for (kind, list) in IMPORTS.into_iter().zip(LISTS) {
        let (stack, manifest) = making(kind).await;
        let manifest = match manifest.contains("tags:") {
            true => manifest,
            false => manifest + "tags: {team: web}\n",
        };
        let before = Before::of(&stack);
        stack.world.ec2().set_task_time(kind, minutes(30));
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(5)).await;
        lose(&stack, Lost::StatusAndMarker).await;

        let faults = stack.world.faults();
        faults.always("ec2", list, Fault::Throttle);
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(1)).await;
        assert_eq!(stack.status(KEY).await["build"]["step"], "start-task");
        stack.update(TAG_KEYS, "cost");
        faults.clear();
        stack.world.run_for(minutes(20)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "rejected", "{status:#}");
        assert_eq!(status["build"]["step"], "start-task", "{status:#}");

        stack.update(TAG_KEYS, "team");
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.count(starting_call(kind)), 1, "{kind:?}");
        is_made(&stack, &manifest, &before, 1).await;
    }
}

/// Nothing else can have begun one since: that would be a call for each of them.
#[tokio::test(start_paused = true)]
async fn a_version_after_one_that_has_looked_does_not_look() {
    for (kind, list) in IMPORTS.into_iter().zip(LISTS) {
        let (stack, manifest) = making(kind).await;
        stack.drop_and_rest(KEY, &manifest).await;
        let status = stack.status(KEY).await;
        let looked = status["build"]["lookedForImportsAt"].clone();
        assert!(looked.is_string(), "{status:#}");

        let before = stack.world.faults().count();
        let next = manifest.replacen("name: web", "name: next", 1);
        stack.drop_and_rest(KEY, next).await;
        let calls = stack.world.calls().into_iter();
        let calls = calls.filter(|it| it.number > before).map(|it| it.action);
        let mut until_begun = calls.take_while(|it| it != starting_call(kind));
        assert!(until_begun.all(|it| it != list), "{kind:?}");
        assert_eq!(stack.count(starting_call(kind)), 2, "{kind:?}");
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["build"]["lookedForImportsAt"], looked, "{kind:?}");
    }
}

/// The same upload is looked at again, also where the rate of requests of this action is used up. What it waits for then.
async fn look_again(stack: &TestStack, used_up: Option<&'static str>) -> Value {
    let status = visit(stack, used_up).await;
    assert_eq!(status["build"]["step"], "start-task", "{status:#}");
    status["build"]["waiting"]["reason"].clone()
}

/// Looks after an image once, by a process that has used up the rate of requests of this action. Its status then.
pub(super) async fn visit(stack: &TestStack, used_up: Option<&'static str>) -> Value {
    let (aws, config) = (stack.aws(), stack.config());
    let limiter = aws.rate_limiter();
    let longest = Duration::from_secs(3);
    if let Some(action) = used_up {
        let acquired = || {
            limiter
                .acquire_within(REGION, action, longest)
                .now_or_never()
        };
        while !matches!(acquired(), Some(Err(_))) {}
    }
    let now = whole_seconds(stack.world.clock().now());
    let looked = reconcile(Context::new(&aws, &config, now), KEY, None).await;
    assert!(looked.is_ok(), "{used_up:?}");
    stack.status(KEY).await
}

/// The import was begun once more, with the next number.
async fn is_begun_anew(stack: &TestStack, manifest: &str, before: &Before) {
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["attempt"], 1, "{status:#}");
    is_made(stack, manifest, before, 2).await;
}

/// The first look comes later, and is one.
#[tokio::test(start_paused = true)]
async fn an_import_that_failed_is_begun_anew_where_the_first_look_had_to_wait() {
    for kind in IMPORTS {
        let (stack, manifest) = making(kind).await;
        let before = Before::of(&stack);
        stack.world.ec2().fail_next_task(kind, BROKEN);
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.status(KEY).await["state"], "failed");
        lose(&stack, Lost::StatusAndMarker).await;
        let waits_for = look_again(&stack, Some(starting_call(kind))).await;
        assert_eq!(waits_for, "rate-limited", "{kind:?}");
        is_begun_anew(&stack, &manifest, &before).await;
    }
}

/// Nothing is sent while it may still show: the request rate does not matter then.
#[tokio::test(start_paused = true)]
async fn an_ami_that_somebody_has_removed_is_imported_anew_whatever_the_request_rate_is() {
    for kind in IMPORTS {
        let (stack, manifest) = making(kind).await;
        let before = Before::of(&stack);
        stack.drop_and_rest(KEY, &manifest).await;
        remove_ami(&stack, &before).await;
        lose(&stack, Lost::StatusAndMarker).await;
        for used_up in [None, Some(starting_call(kind))] {
            let waits_for = look_again(&stack, used_up).await;
            assert_eq!(waits_for, "unproven", "{kind:?} {used_up:?}");
        }
        is_begun_anew(&stack, &manifest, &before).await;
    }
}

/// EC2 knows the number that comes after it, too: by an import that was begun while this one did not show.
#[tokio::test(start_paused = true)]
async fn an_import_that_fails_after_it_was_taken_up_is_begun_anew_with_a_new_number() {
    for kind in IMPORTS {
        let (stack, manifest) = making(kind).await;
        let (ec2, faults, call) = (stack.world.ec2(), stack.world.faults(), starting_call(kind));
        faults.on("ec2", call, 1, Fault::Crash);
        ec2.fail_next_task(kind, BROKEN);
        ec2.set_task_time(kind, minutes(120));
        ec2.set_visibility_delay(minutes(40));
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(Duration::from_secs(10)).await;
        let asked = stack.world.calls().into_iter().find(|it| it.action == call);
        let token = asked.unwrap().field("ClientToken").map(str::to_owned);
        let is_same = move |it: &Call| it.field("ClientToken") == token.as_deref();
        let is_first = move |it: &Call| it.action == call && is_same(it);
        faults.each(is_first, refused("IdempotentParameterMismatch"));
        ec2.set_visibility_delay(Duration::ZERO);
        ec2.set_task_time(kind, Duration::from_secs(5));
        ec2.fail_next_task(kind, BROKEN);
        stack.world.run_for(minutes(35)).await;
        let status = stack.status(KEY).await;
        let ended = (&status["state"], &status["build"]["attempt"]);
        assert_eq!(ended, (&json!("failed"), &json!(1)), "{status:#}");
        faults.clear();

        swept(&stack).await;
        let status = stack.status(KEY).await;
        let ended = (&status["state"], &status["build"]["attempt"]);
        assert_eq!(ended, (&json!("failed"), &Value::Null), "{status:#}");
        assert_eq!(imports(&stack).await, 2, "{status:#}");

        stack.retry(KEY).await;
        let status = stack.status(KEY).await;
        let ended = (&status["state"], &status["build"]["attempt"]);
        assert_eq!(ended, (&json!("available"), &json!(2)), "{status:#}");
        assert_eq!(imports(&stack).await, 3, "{status:#}");
    }
}
