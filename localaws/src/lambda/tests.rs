//! Invocations as Lambda runs them: retries, time-outs, giving up, side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::FunctionError;
use super::FunctionRunner;
use crate::world::World;
use crate::world::tests::{TEMPLATE, handler, start};

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_after_one_and_two_minutes_then_given_up() {
    let world = start(
        TEMPLATE,
        handler(|_| async { Err(FunctionError::new("Boom", "no luck")) }),
    )
    .await;
    world.s3().put("images", "a.txt", "x").await.unwrap();
    world.settle().await;
    assert_eq!(world.invocations().len(), 1);
    assert!(world.dead_letters().is_empty());
    world.run_for(Duration::from_secs(200)).await;
    let invocations = world.invocations();
    let first = invocations[0].at;
    let after: Vec<i64> = invocations
        .iter()
        .map(|record| record.at.duration_since(first).as_secs())
        .collect();
    assert_eq!(after, [0, 60, 180]);
    assert!(
        invocations
            .iter()
            .all(|record| record.request_id == invocations[0].request_id)
    );

    let letters = world.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].destination, world.stack().queues[0].arn);
    let record = &letters[0].record;
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["requestPayload"]["detail"]["object"]["key"], "a.txt");
    assert_eq!(
        record["responseContext"],
        json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"})
    );
    assert_eq!(
        record["responsePayload"],
        json!({"errorMessage": "no luck", "errorType": "Boom"})
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_got_too_old_is_given_up() {
    let template = TEMPLATE.replace(
        "EventInvokeConfig:\n",
        "EventInvokeConfig:\n        MaximumEventAgeInSeconds: 90\n",
    );
    let world = start(
        &template,
        handler(|_| async { Err(FunctionError::new("Boom", "no luck")) }),
    )
    .await;
    world.s3().put("images", "a.txt", "x").await.unwrap();
    world.run_for(Duration::from_secs(600)).await;
    assert_eq!(world.invocations().len(), 2);
    assert_eq!(
        world.dead_letters()[0].record["requestContext"]["condition"],
        "EventAgeExceeded"
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_that_takes_too_long_is_dropped() {
    struct Dropped(Arc<AtomicU32>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&dropped);
    let world = start(
        TEMPLATE,
        handler(move |_| {
            let guard = Dropped(Arc::clone(&seen));
            async move {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                drop(guard);
                Ok(Value::Null)
            }
        }),
    )
    .await;
    let before = world.clock().now();
    let error = world.invoke("Work", json!({})).await.unwrap_err();
    assert_eq!(error.kind, "Sandbox.Timedout");
    assert!(
        error
            .message
            .ends_with("Task timed out after 10.00 seconds"),
        "{error}"
    );
    assert_eq!(world.clock().now().duration_since(before).as_secs(), 10);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_invocation() {
    let world = start(TEMPLATE, handler(|_| async { panic!("out of {}", "luck") })).await;
    let error = world.invoke("Work", json!({})).await.unwrap_err();
    assert_eq!(
        error,
        FunctionError::new("Panic", "Lambda panicked: out of luck")
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_function_is_an_error() {
    let world = start(TEMPLATE, handler(|_| async { Ok(Value::Null) })).await;
    assert_eq!(
        world.invoke("Nobody", json!({})).await.unwrap_err().kind,
        "ResourceNotFoundException"
    );
}

/// A world whose function takes a second, and a counter of the most that ran at once.
async fn slow(template: &str) -> (World, Arc<AtomicU32>) {
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (running, highest) = (Arc::clone(&now), Arc::clone(&most));
    let world = start(
        template,
        handler(move |_| {
            let (running, highest) = (Arc::clone(&running), Arc::clone(&highest));
            async move {
                highest.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(Value::Null)
            }
        }),
    )
    .await;
    (world, most)
}

/// The template with this much reserved for its function.
fn reserving(concurrency: u32) -> String {
    let reserved = format!("Timeout: 10\n      ReservedConcurrentExecutions: {concurrency}");
    TEMPLATE.replace("Timeout: 10", &reserved)
}

async fn put(world: &World, keys: &[&str]) {
    for key in keys {
        world.s3().put("images", key, "x").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn events_run_side_by_side() {
    let (world, most) = slow(TEMPLATE).await;
    put(&world, &["a.txt", "b.txt", "c.txt"]).await;
    world.settle().await;
    assert_eq!(world.invocations().len(), 3);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn events_beyond_the_reserved_concurrency_are_throttled_and_not_lost() {
    let (world, most) = slow(&reserving(1)).await;
    put(&world, &["a.txt", "b.txt", "c.txt", "d.txt"]).await;
    world.settle().await;
    assert_eq!(world.invocations().len(), 1);
    // Tried again after 1, 3, 7, 15, … seconds. One that comes in the meantime may be faster.
    world.run_for(Duration::from_secs(60)).await;
    assert_eq!(world.invocations().len(), 4);
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert!(world.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_function_with_no_concurrency_never_runs() {
    let (world, _) = slow(&reserving(0)).await;
    let refused = world.invoke("Work", json!({})).await.unwrap_err();
    assert_eq!(refused.kind, "TooManyRequestsException");
    put(&world, &["a.txt"]).await;
    world.run_for(Duration::from_secs(6 * 60 * 60 + 1)).await;
    assert!(world.invocations().is_empty());
    let letters = world.dead_letters();
    assert_eq!(
        letters[0].record["requestContext"]["condition"],
        "EventAgeExceeded"
    );
}

#[tokio::test(start_paused = true)]
async fn more_than_the_account_has_to_give_cannot_be_reserved() {
    start(&reserving(900), FunctionRunner::Nothing).await;
    let world = World::builder().template(&reserving(901)).start().await;
    let error = world.unwrap_err().to_string();
    assert!(error.contains("function `local-Work`"), "{error}");
    assert!(
        error.contains("below its minimum value of [100]"),
        "{error}"
    );
}
