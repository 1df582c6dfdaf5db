//! An invocation asks for a copy late: another one has asked for it meanwhile. What EC2 answers to the late one says nothing about
//! the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use localaws::faults::{Call, Fault};

use super::side_by_side::{rest, tick_of};
use crate::support::{REGION, TestStack, refused};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
/// For how long an answer is held: not so long that the SDK asks once more.
const HELD: Duration = Duration::from_secs(7);

/// A stack in which nothing ticks by itself, at the moment when a function has written down that it asks for a copy, and looks
/// whether it is there already.
async fn about_to_copy(manifest: impl Fn(&TestStack) -> String) -> (TestStack, String) {
    let stack =
        TestStack::built(|builder| builder.schedules(false).parameter("CopyRegions", OREGON)).await;
    let held = Arc::new(AtomicBool::new(false));
    let once = held.clone();
    let is_look = move |call: &Call| {
        let is_meant = call.region == OREGON && call.action == "DescribeImages";
        is_meant && !once.swap(true, Ordering::SeqCst)
    };
    stack.world.faults().each(is_look, Fault::Slow(HELD));
    let manifest = manifest(&stack);
    stack.drop_file(KEY, &manifest).await;
    for _ in 0..1200 {
        if held.load(Ordering::SeqCst) {
            break;
        }
        stack.world.run_for(Duration::from_millis(100)).await;
    }
    assert!(held.load(Ordering::SeqCst), "the call did not come");
    (stack, manifest)
}

/// The function is refused, and the tick whose request was heard gets no answer.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_comes_late_is_not_taken_for_that_of_a_later_request() {
    for hidden in [0, 100] {
        let copied = |stack: &TestStack| {
            let manifest = stack.manifest("web-{digest}");
            format!("{manifest}regions: {{{OREGON}: {{}}}}\n")
        };
        let (stack, manifest) = about_to_copy(copied).await;
        let faults = stack.world.faults();
        let is_copy = |call: &Call, of_function: bool| {
            call.action == "CopyImage" && call.function.is_some() == of_function
        };
        faults.each(move |call| is_copy(call, false), Fault::LoseAnswer);
        faults.each(
            move |call| is_copy(call, true),
            refused("UnauthorizedOperation"),
        );
        let ec2 = stack.world.ec2();
        ec2.set_visibility_delay(Duration::from_secs(hidden));
        // Requests are told apart by the second.
        stack.world.run_for(Duration::from_secs(1)).await;
        tick_of(&stack, "advance").await;
        let asked = stack.count("CopyImage");
        assert!(asked > 0, "the tick has not asked");
        stack.world.run_for(2 * HELD).await;
        assert!(stack.count("CopyImage") > asked, "nothing was refused");
        rest(&stack).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{hidden}: {status:#}");
        for region in [REGION, OREGON] {
            let images = stack.world.ec2().images(region);
            let ids: Vec<&str> = images.iter().map(|it| &*it.id).collect();
            let known = &status["regions"][region]["image"];
            assert_eq!(ids, [known.as_str().unwrap()], "{hidden}");
        }
        let told = stack.subjects();
        assert!(
            matches!(&told[..], [end] if end.starts_with("Available")),
            "{hidden}: {told:?}"
        );

        let asked = stack.count("CopyImage");
        stack.drop_file(KEY, &manifest).await;
        rest(&stack).await;
        assert_eq!(stack.count("CopyImage"), asked, "{hidden}");
        assert_eq!(stack.subjects(), told, "{hidden}");
    }
}
