//! `amiwright retry` is interrupted at each of its calls, or its answers are lost; whoever asked asks again. There is one new
//! attempt.

use amiwright::cli::retry::retry;
use amiwright::reconcile::Context;
use localaws::faults::Fault;
use serde_json::Value;

use crate::support::{TestStack, changes_since, refused, whole_seconds};

const KEY: &str = "golden/web.image.yaml";

async fn ask(stack: &TestStack) -> Result<String, String> {
    let (aws, config) = (stack.aws(), stack.config());
    let now = whole_seconds(stack.world.clock().now());
    let asked = retry(Context::new(&aws, &config, now), KEY).await;
    asked.map_err(|error| error.report())
}

/// An image that failed, or of which only the copy did, for a reason that has passed.
#[derive(Debug, Clone, Copy)]
enum Ended {
    Failed,
    Incomplete,
}

async fn ended(how: Ended) -> TestStack {
    let stack = TestStack::built(|builder| builder.parameter("CopyRegions", "us-west-2")).await;
    let (action, settings, state) = match how {
        Ended::Failed => ("RegisterImage", "", "failed"),
        Ended::Incomplete => ("CopyImage", "regions: {us-west-2: {}}\n", "incomplete"),
    };
    let fault = refused("UnauthorizedOperation");
    stack.world.faults().on("ec2", action, 1, fault);
    let manifest = stack.manifest("web-{digest}") + settings;
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.status(KEY).await["state"], state);
    stack
}

/// What has come of it, without ids.
async fn seen(stack: &TestStack) -> (Value, Value, usize, usize) {
    let status = stack.status(KEY).await;
    let ec2 = stack.world.ec2();
    let images = ["us-east-1", "us-west-2"].map(|region| ec2.images(region).len());
    (
        status["state"].clone(),
        status["build"]["attempt"].clone(),
        images.iter().sum(),
        stack.emails().len(),
    )
}

async fn interrupted(how: Ended) {
    let quiet = ended(how).await;
    let first = quiet.world.faults().count();
    ask(&quiet).await.unwrap();
    let mut own: Vec<(u64, String)> = quiet
        .world
        .calls()
        .into_iter()
        .filter(|call| call.number > first && call.function.is_none())
        .map(|call| (call.number, call.action))
        .collect();
    let writes = own.iter().filter(|(_, action)| action == "PutObject");
    assert_eq!(writes.count(), 1, "{own:?}");
    // What it reads after its request was made is the same again and again.
    let asked = own.iter().position(|(_, action)| action == "PutObject");
    own.truncate(asked.unwrap() + 2);
    quiet.rest().await;
    let expected = seen(&quiet).await;
    assert_eq!(expected.0, "available");

    for (number, action) in &own {
        for fault in [
            Fault::CrashBefore,
            Fault::Crash,
            Fault::LoseAnswer,
            Fault::Throttle,
            refused("InternalError"),
        ] {
            for is_asked_again in [false, true] {
                let what = format!("{how:?}: {action} {fault:?}, asked again: {is_asked_again}");
                let stack = ended(how).await;
                assert_eq!(stack.world.faults().count(), first);
                stack.world.faults().at(*number, fault.clone());
                let answer = ask(&stack).await;
                assert_eq!(stack.world.faults().pending(), 0, "{what}");
                if is_asked_again {
                    let again = ask(&stack).await;
                    assert!(again.is_ok(), "{what}: {answer:?} {again:?}");
                }
                stack.rest().await;
                let is_made = is_asked_again || answer.is_ok();
                let seen = seen(&stack).await;
                // What was not said to be made may have been made.
                if is_made || seen.0 == "available" {
                    assert_eq!(seen, expected, "{what}: {answer:?}");
                }
                assert_eq!(stack.state_keys("open-requests/").await, [""; 0], "{what}");
                let calls = stack.world.faults().count();
                stack.world.run_for(crate::support::minutes(30)).await;
                assert_eq!(changes_since(&stack, calls), [], "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_interrupted_makes_one_attempt() {
    interrupted(Ended::Failed).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_a_copy_that_is_interrupted_makes_one_copy() {
    interrupted(Ended::Incomplete).await;
}
