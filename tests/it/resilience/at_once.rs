//! Very many uploads at once: Lambda runs a process for each, and none knows of the others. EC2 throttles them, and what is
//! throttled is waited out.

use std::collections::BTreeSet;

use amiwright::metrics::Meter;
use amiwright::register_image;
use futures_util::future::join_all;
use localaws::ec2::Image;

use crate::support::{TestStack, minutes, whole_seconds};

/// How many processes there are at once.
const PROCESSES: usize = 150;

/// In this time all are available: EC2 takes five RegisterImage calls a second, and what no process has begun is found by the
/// next sweep.
const ALL_MINUTES: usize = 20;

/// Handles each upload once, in a process of its own. Whatever fails is forgotten: Lambda would try it again.
async fn upload_at_once(stack: &TestStack, keys: &[String]) -> usize {
    let now = whole_seconds(stack.world.clock().now());
    let uploads = keys.iter().map(|key| async move {
        // With a rate limiter that nobody shares.
        let (aws, config, event) = (stack.aws(), stack.config(), stack.object_created(key));
        Box::pin(register_image::handle(
            &aws,
            &config,
            event,
            now,
            &Meter::default(),
        ))
        .await
    });
    let answers = join_all(uploads).await;
    answers.into_iter().filter(Result::is_err).count()
}

#[tokio::test(start_paused = true)]
async fn processes_that_do_not_know_of_each_other_are_throttled_and_each_image_is_made_once() {
    let stack = TestStack::new().await;
    stack.world.ec2().set_request_limits(true);
    let keys: Vec<String> = (0..PROCESSES)
        .map(|number| format!("many/web-{number:03}.image.yaml"))
        .collect();
    for key in &keys {
        let name = &key["many/".len()..key.len() - ".image.yaml".len()];
        stack.drop_silently(key, stack.manifest(name));
    }
    upload_at_once(&stack, &keys).await;
    let refused = stack.world.ec2().refused_by_limits();
    assert!(refused > 0, "so many are not throttled");

    let mut left = usize::MAX;
    for minute in 0.. {
        assert!(minute < ALL_MINUTES, "{left} are not available");
        stack.minute().await;
        let images = stack.images();
        let is_available = |image: &&Image| image.state.to_string() == "available";
        let available = images.iter().filter(is_available);
        left = PROCESSES - available.count();
        if left == 0 && stack.open().await.is_empty() {
            break;
        }
    }
    let names: BTreeSet<String> = stack.images().into_iter().map(|it| it.name).collect();
    assert_eq!((names.len(), stack.images().len()), (PROCESSES, PROCESSES));
    assert_eq!(stack.emails().len(), PROCESSES);
    for key in &keys {
        assert_eq!(stack.status(key).await["state"], "available", "{key}");
    }
    // One process alone keeps below the limits: the ticks that did the rest were hardly throttled.
    let calls = stack.world.calls();
    let made = calls
        .iter()
        .filter(|call| call.action == "RegisterImage" && call.done);
    assert_eq!(made.count(), PROCESSES);

    // Nothing is left to be done.
    let before = stack.images();
    stack.world.run_for(minutes(20)).await;
    assert_eq!(stack.images().len(), before.len());
    assert_eq!(stack.emails().len(), PROCESSES);
    assert_eq!(stack.failed_events(), "");
}
