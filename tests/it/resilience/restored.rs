//! Statuses without an open marker, as somebody leaves them who restores one that was deleted: the audit, which reads all of
//! them, sees to it that ticks come to what is not finished.

use std::time::Duration;

use amiwright::keys;
use localaws::faults::Fault;
use serde_json::json;

use crate::support::{DISK, TestStack, importing, minutes, vmdk};

const KEY: &str = "golden/web.image.yaml";
const MARKER: &str = "open/golden/web.image.yaml.open";

async fn audit(stack: &TestStack) {
    let tick = json!({"task": "audit"});
    stack.world.invoke("AdvanceTasks", tick).await.unwrap();
}

/// The next audit finds nothing to be done.
async fn another_audit_does_nothing(stack: &TestStack) {
    let (puts, emails) = (stack.count("PutObject"), stack.emails());
    let (open, status) = (stack.open().await, stack.status(KEY).await);
    audit(stack).await;
    assert_eq!(stack.count("PutObject"), puts);
    assert_eq!(stack.open().await, open);
    assert_eq!(stack.status(KEY).await, status);
    assert_eq!(stack.emails(), emails);
}

#[tokio::test(start_paused = true)]
async fn an_image_in_progress_goes_on() {
    let stack = importing(KEY).await;
    another_audit_does_nothing(&stack).await;

    stack.remove_state(MARKER).await;
    stack.world.run_for(minutes(10)).await;
    assert_eq!(stack.open().await, [""; 0]);
    audit(&stack).await;
    assert_eq!(stack.open().await, [MARKER]);
    another_audit_does_nothing(&stack).await;

    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.count("ImportSnapshot"), 1);
    let image = stack.only_image().id;
    assert_eq!(status["regions"]["us-east-1"]["image"], image);
    assert_eq!(stack.emails().len(), 1);
    another_audit_does_nothing(&stack).await;
}

/// One listing shows the markers of all images: only those that it lacks are looked for.
#[tokio::test(start_paused = true)]
async fn the_markers_of_all_images_are_listed_once() {
    let stack = importing(KEY).await;
    for number in 0..5 {
        let key = format!("golden/{number}.image.yaml");
        let manifest = DISK.replace("web-", &format!("web-{number}-"));
        stack.drop_file(&key, manifest).await;
    }
    stack.minute().await;
    assert_eq!(stack.open().await.len(), 6);
    let counts = || ["HeadObject", "ListObjectsV2", "PutObject"].map(|it| stack.count(it));
    let [heads, lists, puts] = counts();
    audit(&stack).await;
    // The other list is that of the statuses.
    assert_eq!(counts(), [heads, lists + 2, puts]);

    stack.remove_state(MARKER).await;
    audit(&stack).await;
    // The marker is written, and its ETag in the status.
    assert_eq!(counts(), [heads + 1, lists + 4, puts + 2]);
    assert_eq!(stack.open().await.len(), 6);
    stack.rest().await;
    assert_eq!(stack.images().len(), 6);
    assert_eq!(stack.emails().len(), 6);
}

/// Nothing is listed where every image is finished.
#[tokio::test(start_paused = true)]
async fn no_marker_is_asked_for_where_every_image_is_finished() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let counts = || ["HeadObject", "ListObjectsV2"].map(|it| stack.count(it));
    let [heads, lists] = counts();
    audit(&stack).await;
    assert_eq!(counts(), [heads, lists + 1]);
}

/// A marker that was written since the markers were listed is left as it is.
#[tokio::test(start_paused = true)]
async fn a_marker_that_is_written_after_the_list_is_kept() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.settle().await;
    stack.remove_state(MARKER).await;

    // First the audit lists the statuses, then the markers.
    let faults = stack.world.faults();
    let slow = Fault::Slow(Duration::from_secs(6));
    faults.on("s3", "ListObjectsV2", 2, slow);
    let lists = stack.count("ListObjectsV2");
    let tick = json!({"task": "audit"});
    stack.world.invoke_later("AdvanceTasks", tick);
    while stack.count("ListObjectsV2") < lists + 2 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    stack.write_state(MARKER, "another one");
    let (puts, status) = (stack.count("PutObject"), stack.status(KEY).await);
    stack.world.run_for(Duration::from_secs(20)).await;
    stack.world.settle().await;
    let s3 = stack.world.s3();
    let marker = s3.get(&stack.state_bucket, MARKER).await.unwrap();
    assert_eq!(marker.as_deref(), Some(b"another one".as_slice()));
    assert_eq!(stack.count("PutObject"), puts);
    assert_eq!(stack.status(KEY).await, status);
}

/// What was restored is from before its notice was sent.
#[tokio::test(start_paused = true)]
async fn a_notice_that_is_not_sent_is_sent() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let mut status = stack.status(KEY).await;
    let notice = status["notices"][0].as_object_mut().unwrap();
    assert!(notice.remove("sentAt").is_some() && notice.remove("messageId").is_some());
    stack.write_state(&keys::status_key(KEY), status.to_string());
    stack.world.run_for(minutes(20)).await;
    assert_eq!(stack.emails().len(), 1);

    audit(&stack).await;
    assert_eq!(stack.open().await, [MARKER]);
    stack.rest().await;
    let subjects = stack.subjects();
    assert_eq!((subjects.len(), &subjects[0]), (2, &subjects[1]));
    another_audit_does_nothing(&stack).await;
    stack.only_image();
}

/// An image is finalized between the reading of its status and the look for its marker.
#[tokio::test(start_paused = true)]
async fn what_is_finalized_meanwhile_is_not_begun_again() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    let faults = stack.world.faults();
    faults.always("sns", "Publish", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(60)).await;
    faults.clear();
    assert_eq!(stack.open().await, [MARKER]);

    // First the audit reads where another one has stopped, then the status.
    faults.on("s3", "GetObject", 2, Fault::Slow(Duration::from_secs(6)));
    let reads = stack.count("GetObject");
    let tick = json!({"task": "audit"});
    stack.world.invoke_later("AdvanceTasks", tick);
    while stack.count("GetObject") < reads + 2 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    let s3 = stack.world.s3();
    let due = keys::due_key(KEY);
    s3.put(&stack.state_bucket, &due, vec![]).await.unwrap();
    stack.world.run_for(Duration::from_secs(3)).await;
    assert_eq!(stack.emails().len(), 1);
    assert_eq!(stack.open().await, [""; 0]);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available");
    stack.world.run_for(Duration::from_secs(20)).await;
    assert_eq!(stack.open().await, [MARKER]);

    stack.world.run_for(minutes(6)).await;
    let tick = json!({"task": "advance"});
    stack.world.invoke("AdvanceTasks", tick).await.unwrap();
    stack.world.settle().await;
    assert_eq!(stack.open().await, [""; 0]);
    let after = stack.status(KEY).await;
    for field in ["state", "notices", "history", "openMarker"] {
        assert_eq!(after[field], status[field], "{field}");
    }
    assert_eq!(stack.emails().len(), 1);
    stack.only_image();
}
