//! Events are hints, the schedule is the guarantee.

use std::time::Duration;

use crate::support::{TestStack, minutes, refused, vmdk};
use amiwright::image::status::SCHEMA;
use http::StatusCode;
use localaws::faults::{Call, Fault};
use serde_json::{Value, json};

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn a_manifest_whose_event_was_lost_is_swept_up() {
    let stack = TestStack::new().await;
    stack.drop_silently(KEY, stack.manifest("web"));
    assert!(stack.open().await.is_empty());
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails().len(), 1);

    // The next sweeps find nothing more to do.
    let before = stack.count("PutObject");
    stack.world.run_for(Duration::from_secs(60 * 60)).await;
    assert_eq!(stack.count("PutObject"), before);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_whose_event_was_lost_is_swept_up() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    stack.minute().await;
    stack.drop_silently(
        KEY,
        format!(
            "{}register: {{imdsSupport: v2.0}}\n",
            stack.manifest("web-{digest}")
        ),
    );
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_notice_without_its_event_is_sent_by_the_schedule() {
    let stack = TestStack::new().await;
    // `notify` fails for as long as Lambda retries; the schedule continues.
    let down = Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "We are down".to_owned(),
    };
    stack.world.faults().always("sns", "Publish", down);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(600)).await;
    assert_eq!(stack.emails(), []);
    assert_eq!(
        stack.open().await.len(),
        1,
        "an image whose notice was not sent is not final"
    );

    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(stack.emails().len(), 1);
    assert_eq!(stack.only_image().name, "web");

    // The due marker is of no use any more.
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    assert_eq!(due(&stack).await, [""; 0]);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_sns_refuses_is_sent_by_lambdas_next_try() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    faults.always("sns", "Publish", refused("AuthorizationError"));
    stack.drop_file(KEY, stack.manifest("web")).await;
    let notice = async || stack.status(KEY).await["notices"][0].clone();
    stack.world.run_for(Duration::from_secs(5)).await;
    for _ in 0..120 {
        if notice().await["attemptFailed"] == true {
            break;
        }
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    faults.clear();
    assert_eq!(stack.emails(), []);
    stack.world.run_for(Duration::from_secs(70)).await;
    assert_eq!(stack.emails().len(), 1);
    let sent = notice().await;
    assert_eq!(
        (&sent["attempts"], sent.get("attemptFailed")),
        (&json!(2), None)
    );
    stack.rest().await;
    assert_eq!(stack.emails().len(), 1);
}

/// Nobody can know that the sender is dead before the longest that it may run is over, by whichever clock.
#[tokio::test(start_paused = true)]
async fn a_notice_whose_sender_dies_is_sent_when_its_lease_ends() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    faults.on("sns", "Publish", 1, Fault::CrashBefore);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(4 * 60)).await;
    assert_eq!(stack.emails(), []);
    let notice = stack.status(KEY).await["notices"][0].clone();
    assert_eq!(
        (&notice["attempts"], notice.get("attemptFailed")),
        (&json!(1), None)
    );
    stack.world.run_for(Duration::from_secs(4 * 60)).await;
    assert_eq!(stack.emails().len(), 1);
    stack.rest().await;
    assert_eq!(stack.emails().len(), 1);
}

/// The keys of the due markers.
async fn due(stack: &TestStack) -> Vec<String> {
    stack.state_keys("due/").await
}

#[tokio::test(start_paused = true)]
async fn a_newer_due_marker_survives_the_event_of_an_older_one() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let marker = format!("due/{KEY}.due");
    stack.write_state(&marker, "a newer one, whose event is lost");
    let event = stack.state_created(&marker);
    let report = stack.world.invoke("Notify", event).await.unwrap();
    assert_eq!(
        (&report["statuses"], &report["sent"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(due(&stack).await, [marker]);
    stack.world.run_for(Duration::from_secs(31 * 60)).await;
    assert_eq!(due(&stack).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_due_marker_without_a_status_is_deleted() {
    let stack = TestStack::new().await;
    stack.write_state("due/gone.image.yaml.due", "");
    stack.world.run_for(Duration::from_secs(31 * 60)).await;
    assert_eq!(due(&stack).await, [""; 0]);
    assert_eq!(stack.emails(), []);
}

#[tokio::test(start_paused = true)]
async fn a_version_of_the_second_in_which_its_status_was_written_is_swept_up() {
    // S3's times have whole seconds, and nothing takes time here.
    let stack = TestStack::new().await;
    stack.drop_file(KEY, "name: web\n").await;
    stack.world.settle().await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");
    stack.drop_silently(KEY, stack.manifest("web"));
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
}

#[tokio::test(start_paused = true)]
async fn a_status_of_the_second_of_its_upload_is_read_by_one_sweep_and_no_more() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, "name: web\n").await;
    let reads = |stack: &TestStack| {
        let calls = stack.world.calls();
        let reads = calls.iter().filter(|call| call.action == "GetObject");
        reads.count()
    };
    let before = reads(&stack);
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    let after = reads(&stack);
    assert_eq!(after - before, 2, "the manifest and its status");
    stack.world.run_for(Duration::from_secs(5 * 3600)).await;
    assert_eq!(reads(&stack), after);
}

#[tokio::test(start_paused = true)]
async fn a_marker_without_a_status_or_a_manifest_is_deleted() {
    let stack = TestStack::new().await;
    stack.write_state("open/gone.image.yaml.open", "");
    // It may be that of an invocation that runs.
    stack.minute().await;
    assert_eq!(stack.open().await.len(), 1);
    stack.world.run_for(Duration::from_secs(330)).await;
    stack.world.settle().await;
    assert!(stack.open().await.is_empty());
    assert_eq!(stack.emails(), []);
}

/// Its images are those of the bucket before: nothing is built again under the same key, and the owner is told what to do.
#[tokio::test(start_paused = true)]
async fn a_status_of_another_manifest_bucket_is_reported_and_not_overwritten() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let mut status = stack.status(KEY).await;
    status["manifest"]["bucket"] = "before".into();
    stack.write_state(&format!("status/{KEY}.json"), status.to_string());
    let emails = stack.emails();
    stack.drop_file(KEY, stack.manifest("web-2")).await;
    let event = stack.object_created(KEY);
    let error = stack.world.invoke("RegisterImage", event).await;
    let message = error.unwrap_err().message;
    let about = format!("is about s3://before/{KEY}: the stack's manifest bucket was changed");
    assert!(message.contains(&about), "{message}");
    assert!(message.contains("BucketName"), "{message}");
    stack.world.run_for(minutes(20)).await;
    assert_eq!(stack.status(KEY).await, status);
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails(), emails);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_status_is_reported_and_not_overwritten() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let status = format!("status/{KEY}.json");
    stack.write_state(&status, "{ not json");
    let event = stack.object_created(KEY);
    let error = stack
        .world
        .invoke("RegisterImage", event)
        .await
        .unwrap_err();
    assert!(
        error.message.contains("is not a status") && error.message.contains(KEY),
        "{}",
        error.message
    );
    let content = stack
        .world
        .s3()
        .get(&stack.state_bucket, &status)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(content, "{ not json");

    stack.write_state(&status, json!({"schema": SCHEMA + 1}).to_string());
    let error = stack
        .world
        .invoke("RegisterImage", stack.object_created(KEY))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("deploy the newer version"),
        "{}",
        error.message
    );
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_version_that_came_while_a_repetition_was_noted_may_be_lost() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    stack.minute().await;
    // The same content again is read; before that is noted in the status, the next version comes, without an event.
    let slow = Fault::Slow(Duration::from_secs(5));
    // The status is read first.
    stack.world.faults().on("s3", "GetObject", 2, slow);
    stack.drop_file(KEY, stack.manifest("web-{digest}")).await;
    stack.world.run_for(Duration::from_secs(3)).await;
    let changed = format!(
        "{}register: {{imdsSupport: v2.0}}\n",
        stack.manifest("web-{digest}")
    );
    stack.drop_silently(KEY, changed);
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
}

/// The objects that an invocation reads about [`KEY`]: the answer about either may be the slow one.
fn read_for_an_event() -> [String; 2] {
    [KEY.to_owned(), format!("status/{KEY}.json")]
}

/// An event of the version at rest comes twice. S3's answer about this object takes 5 seconds, in which the next version comes.
/// Returns the status of that one before the answer comes.
async fn replaced_while_an_event_is_late(stack: &TestStack, slow: String, next: &str) -> Value {
    stack.drop_and_rest(KEY, stack.manifest("slow")).await;
    let faults = stack.world.faults();
    let is_slow = move |call: &Call| call.action == "GetObject" && call.key.as_ref() == Some(&slow);
    faults.each(is_slow, Fault::Slow(Duration::from_secs(5)));
    let event = stack.object_created(KEY);
    stack.world.invoke_later("RegisterImage", event);
    stack.world.run_for(Duration::from_secs(1)).await;
    faults.clear();
    stack.drop_file(KEY, next).await;
    stack.world.run_for(Duration::from_secs(3)).await;
    stack.status(KEY).await
}

fn subjects_with(stack: &TestStack, start: &str) -> usize {
    let subjects = stack.subjects().into_iter();
    subjects.filter(|it| it.starts_with(start)).count()
}

#[tokio::test(start_paused = true)]
async fn a_late_event_does_not_start_a_version_again_that_was_replaced_by_a_rejected_one() {
    for slow in read_for_an_event() {
        let stack = TestStack::new().await;
        let next = "name: fast\n";
        let status = replaced_while_an_event_is_late(&stack, slow.clone(), next).await;
        assert_eq!(status["state"], "rejected", "{slow}");
        stack.rest().await;
        assert_eq!(stack.status(KEY).await["state"], "rejected", "{slow}");
        assert_eq!(stack.only_image().name, "slow");
        assert_eq!(subjects_with(&stack, "Rejected"), 1, "{slow}");
        assert_eq!(subjects_with(&stack, "Available"), 1, "{slow}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_event_does_not_start_a_version_again_while_the_next_one_waits_for_its_disk() {
    for slow in read_for_an_event() {
        let stack = TestStack::new().await;
        let next = "name: fast\nsource:\n  disk: {object: web.vmdk, format: vmdk}\n";
        let status = replaced_while_an_event_is_late(&stack, slow.clone(), next).await;
        assert_eq!(status["build"]["step"], "check-object", "{slow}");
        stack.world.run_for(Duration::from_secs(5)).await;
        let later = stack.status(KEY).await;
        assert_eq!(later["manifest"], status["manifest"], "{slow}");
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        stack.rest().await;
        assert_eq!(stack.status(KEY).await["build"]["name"], "fast", "{slow}");
        assert_eq!(stack.images().len(), 2, "{slow}");
        assert_eq!(subjects_with(&stack, "Available"), 2, "{slow}");
    }
}
