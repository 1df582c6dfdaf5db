//! Calls that go wrong on purpose, and what becomes of the functions that make them.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::World;
use super::tests::{Door, TEMPLATE, handler, put, start};
use crate::faults::Fault;
use crate::lambda::{FunctionError, FunctionRunner};

/// A world whose function puts `out.bin`, with a fault on that call; what is in the bucket after the first attempt.
async fn putting_with(fault: Fault) -> (World, bool) {
    let door = Door::default();
    let inside = door.clone();
    let world = start(
        TEMPLATE,
        handler(move |_| {
            let door = inside.clone();
            async move {
                door.call(put("out.bin"))
                    .await
                    .map(|_| Value::Null)
                    .map_err(|lost| FunctionError::new("Lost", lost.to_string()))
            }
        }),
    )
    .await;
    let open = door.open(&world);
    world.faults().on("s3", "PutObject", 1, fault);
    world.s3().put("images", "a.txt", "x").await.unwrap();
    world.settle().await;
    let there = world.s3().get("images", "out.bin").await.unwrap().is_some();
    world.run_for(Duration::from_secs(61)).await;
    world.settle().await;
    drop(open);
    (world, there)
}

#[tokio::test(start_paused = true)]
async fn a_crash_kills_the_invocation_after_the_effect_and_lambda_tries_again() {
    let (world, there) = putting_with(Fault::Crash).await;
    assert!(there);
    let outcomes: Vec<bool> = world
        .invocations()
        .iter()
        .map(|record| record.outcome.is_ok())
        .collect();
    assert_eq!(outcomes, [false, true]);
    assert_eq!(
        world.invocations()[0].outcome.as_ref().unwrap_err().kind,
        "Runtime.ExitError"
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_leaves_no_effect() {
    let (world, there) = putting_with(Fault::CrashBefore).await;
    assert!(!there);
    assert_eq!(world.invocations().len(), 2);
    assert!(world.s3().get("images", "out.bin").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_seen_by_the_function_but_the_effect_is_there() {
    let (world, there) = putting_with(Fault::LoseAnswer).await;
    assert!(there);
    assert_eq!(
        world.invocations()[0].outcome.as_ref().unwrap_err().kind,
        "Lost"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_has_no_effect() {
    let world = start(TEMPLATE, FunctionRunner::Nothing).await;
    world.faults().at(1, Fault::Throttle);
    let answer = world.dispatch(put("a.txt")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8_lossy(answer.body()).contains("<Code>SlowDown</Code>"));
    assert!(world.s3().get("images", "a.txt").await.unwrap().is_none());
    assert_eq!(
        world.dispatch(put("a.txt")).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(world.faults().count(), 2);
}
