//! The manifest of an AMI that exists is removed: the AMI is kept, deprecated or deregistered, as the manifest had said.

use std::path::PathBuf;

use localaws::ec2::{Image, TaskKind};
use localaws::faults::Fault;
use localaws::world::Builder;
use serde_json::Value;

use crate::support::{REGION, TestStack, changes_since, faults, minutes, vmdk};

pub(super) const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
pub(super) const DEREGISTER: &str = "onDelete: deregister\n";
pub(super) const DEPRECATE: &str = "onDelete: deprecate\n";
/// A disk, whose snapshot is made for its AMI.
const DISK: &str = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";

pub(super) async fn stack() -> TestStack {
    TestStack::built(allowed).await
}

fn allowed(builder: Builder) -> Builder {
    builder
        .parameter("AllowRetire", "true")
        .parameter("CopyRegions", OREGON)
        .parameter("ParameterPrefix", "/images")
}

/// An AMI whose manifest says this of its end.
pub(super) async fn made(stack: &TestStack, on_delete: &str) -> Image {
    let manifest = format!("{}{on_delete}", stack.manifest("web-{digest}"));
    stack.drop_and_rest(KEY, manifest).await;
    stack.only_image()
}

pub(super) async fn remove(stack: &TestStack) {
    stack.remove(KEY).await;
    stack.rest().await;
}

/// Removes the manifest; its event is lost.
pub(super) fn remove_silently(stack: &TestStack) {
    std::fs::remove_file(path(stack)).unwrap();
}

/// The file that localaws keeps the manifest in.
fn path(stack: &TestStack) -> PathBuf {
    let root = stack.world.directory().join("s3");
    root.join(&stack.bucket).join(KEY)
}

/// Calls of the functions that change something in EC2.
pub(super) fn changes(stack: &TestStack) -> Vec<String> {
    let calls = changes_since(stack, 0).into_iter();
    calls.map(|call| call.action).collect()
}

pub(super) fn count(stack: &TestStack, action: &str) -> usize {
    changes(stack).iter().filter(|it| *it == action).count()
}

/// The image is deleted, and whatever comes later changes nothing more.
pub(super) async fn is_at_rest(stack: &TestStack) -> Value {
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "deleted", "{status:#}");
    assert_eq!(stack.open().await, [""; 0]);
    let (before, emails) = (changes(stack), stack.emails().len());
    stack.world.run_for(minutes(61)).await;
    stack.rest().await;
    assert_eq!(changes(stack), before);
    assert_eq!(stack.emails().len(), emails);
    assert_eq!(stack.status(KEY).await, status);
    status
}

#[tokio::test(start_paused = true)]
async fn an_ami_is_kept_unless_its_manifest_says_otherwise() {
    for on_delete in ["", "onDelete: keep\n"] {
        let stack = stack().await;
        let image = made(&stack, on_delete).await;
        let before = changes(&stack);
        remove(&stack).await;
        let status = is_at_rest(&stack).await;
        assert_eq!(stack.only_image(), image);
        assert_eq!(status["regions"][REGION]["image"], image.id.as_str());
        assert_eq!(changes(&stack), before);
        assert_eq!(stack.emails().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_is_deprecated_once_its_manifest_is_removed() {
    let stack = TestStack::new().await;
    let image = made(&stack, DEPRECATE).await;
    remove(&stack).await;
    is_at_rest(&stack).await;
    assert!(stack.only_image().deprecation_time.is_some());
    let email = stack.last_email();
    assert!(email.starts_with("Manifest removed: web-"), "{email}");
    assert!(
        email.contains(&format!("{} deprecated", image.id)),
        "{email}"
    );
    assert!(!email.contains("was not seen to be set"), "{email}");
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_ami_is_deregistered_once_its_manifest_is_removed() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    remove(&stack).await;
    let status = is_at_rest(&stack).await;
    assert!(stack.images().is_empty());
    assert_eq!(status["regions"], Value::Null);
    assert_eq!(count(&stack, "DeregisterImage"), 1);
    let email = stack.last_email();
    assert!(
        email.contains(&format!("{} deregistered", image.id)),
        "{email}"
    );
    let kept = format!("{} kept: the manifest does not ask", stack.snapshot);
    assert!(email.contains(&kept), "{email}");
}

#[tokio::test(start_paused = true)]
async fn its_copies_and_the_snapshots_that_were_made_for_it_go_with_it() {
    let stack = stack().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let settings =
        format!("regions: {{{OREGON}: {{}}}}\nreplaces: {{snapshots: delete}}\n{DEREGISTER}");
    stack.drop_and_rest(KEY, format!("{DISK}{settings}")).await;
    assert_eq!(stack.snapshots().len(), 2);
    remove(&stack).await;
    is_at_rest(&stack).await;
    let ec2 = stack.world.ec2();
    assert!(stack.images().is_empty() && ec2.images(OREGON).is_empty());
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
    assert!(ec2.snapshots(OREGON).is_empty());
    assert_eq!(count(&stack, "DeregisterImage"), 2);
    assert_eq!(count(&stack, "DeleteSnapshot"), 2);
}

/// A copy's snapshot is there before DescribeImages tells of it: deregistered meanwhile, the AMI would leave one that nothing
/// names.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_under_way_goes_once_its_snapshot_is_known() {
    for (snapshots, left) in [("keep", 1), ("delete", 0)] {
        // Without versions, a manifest that is removed is not finished.
        let template = TestStack::template_without_versions();
        let stack = TestStack::built(|it| allowed(it.template(&template))).await;
        let ec2 = stack.world.ec2();
        ec2.set_task_time(TaskKind::CopyImage, minutes(30));
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        let settings =
            format!("regions: {{{OREGON}: {{}}}}\nreplaces: {{snapshots: {snapshots}}}\n");
        stack
            .drop_file(KEY, format!("{DISK}{settings}{DEREGISTER}"))
            .await;
        while stack.count("CopyImage") == 0 {
            stack.world.run_for(minutes(1)).await;
        }
        let copied = ec2.images(OREGON);
        stack.remove(KEY).await;
        stack.world.run_for(minutes(20)).await;
        assert_eq!(ec2.images(OREGON), copied);
        assert!(stack.images().is_empty());

        stack.rest().await;
        is_at_rest(&stack).await;
        assert!(ec2.images(OREGON).is_empty());
        assert_eq!(count(&stack, "DeregisterImage"), 2);
        let kept = ec2.snapshots(OREGON);
        assert_eq!(kept.len(), left, "{kept:#?}");
        let email = stack.last_email();
        assert!(kept.iter().all(|it| email.contains(&it.id)), "{email}");
    }
}

/// `ObjectRemoved` is a hint.
#[tokio::test(start_paused = true)]
async fn a_removal_whose_event_was_lost_is_swept_up() {
    let stack = stack().await;
    made(&stack, DEREGISTER).await;
    stack.minute().await;
    remove_silently(&stack);
    stack.world.run_for(minutes(16)).await;
    stack.rest().await;
    is_at_rest(&stack).await;
    assert!(stack.images().is_empty());
    assert_eq!(stack.emails().len(), 2);
}

/// A status of which nothing is to be done is read once by a process, however often it sweeps.
#[tokio::test(start_paused = true)]
async fn a_sweep_reads_what_was_removed_only_once() {
    let stack = stack().await;
    made(&stack, "").await;
    remove(&stack).await;
    stack.world.run_for(minutes(61)).await;
    let before = stack.count("GetObject");
    stack.world.run_for(minutes(121)).await;
    assert_eq!(stack.count("GetObject"), before);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_dropped_again_makes_exactly_one_ami() {
    for on_delete in ["", DEPRECATE, DEREGISTER] {
        let stack = stack().await;
        let old = made(&stack, on_delete).await;
        remove(&stack).await;
        stack.world.run_for(minutes(2)).await;
        let new = made(&stack, on_delete).await;
        assert_eq!(new.id == old.id, on_delete != DEREGISTER);
        assert_eq!(new.deprecation_time, None);
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["regions"][REGION]["image"], new.id.as_str());
        assert!(stack.last_email().starts_with("Available"));

        // And removed once more.
        remove(&stack).await;
        is_at_rest(&stack).await;
        assert_eq!(stack.images().is_empty(), on_delete == DEREGISTER);
    }
}

/// Neither event came before the manifest was there again.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_there_again_before_anybody_looks_retires_nothing() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    stack.minute().await;
    let before = changes(&stack);
    let content = format!("{}{DEREGISTER}", stack.manifest("web-{digest}"));
    remove_silently(&stack);
    stack.drop_file(KEY, content).await;
    stack.world.run_for(minutes(31)).await;
    stack.rest().await;
    assert_eq!(stack.only_image(), image);
    assert_eq!(changes(&stack), before);
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.emails().len(), 1);
}

/// Each call that the removal needs, in each way in which it can fail.
#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_once_it_goes_once_and_is_reported_once() {
    let calls = [
        ("s3", "GetObject"),
        ("s3", "PutObject"),
        ("ec2", "DescribeImages"),
        ("ec2", "DescribeImageReferences"),
        ("ec2", "DeregisterImage"),
        ("ec2", "DescribeSnapshots"),
        ("ec2", "DeleteSnapshot"),
    ];
    for fault in faults() {
        for (service, action) in calls {
            // Every call of a tick goes through S3; EC2's are few.
            let times = if service == "s3" { 3 } else { 1 };
            for nth in 1..=times {
                removed_in_spite_of(service, action, nth, fault.clone()).await;
            }
        }
    }
}

async fn removed_in_spite_of(service: &str, action: &str, nth: u64, fault: Fault) {
    let about = format!("{action} {nth} {fault:?}");
    let stack = stack().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let settings = format!("replaces: {{snapshots: delete}}\n{DEREGISTER}");
    stack.drop_and_rest(KEY, format!("{DISK}{settings}")).await;
    stack.world.faults().on(service, action, nth, fault);
    stack.remove(KEY).await;
    stack.world.run_for(minutes(31)).await;
    assert_eq!(stack.world.faults().pending(), 0, "{about} did not come");
    stack.rest().await;
    is_at_rest(&stack).await;
    assert!(stack.images().is_empty(), "{about}");
    assert_eq!(
        stack.snapshots(),
        std::slice::from_ref(&stack.snapshot),
        "{about}"
    );
    let emails = stack.emails();
    let removed = emails
        .iter()
        .filter(|it| it.subject.starts_with("Manifest removed"));
    assert_eq!(removed.count(), 1, "{about}");
}

/// EC2 has answered the request for it, and amiwright has deregistered it.
#[tokio::test(start_paused = true)]
async fn a_copy_that_was_deregistered_is_told_as_that_alone() {
    let stack = stack().await;
    let manifest = stack.manifest("web-{digest}");
    let manifest = format!("{manifest}{DEREGISTER}regions: {{{OREGON}: {{}}}}\n");
    stack.drop_and_rest(KEY, manifest).await;
    let copy = stack.world.ec2().images(OREGON)[0].id.clone();
    remove(&stack).await;
    let email = stack.last_email();
    assert!(email.contains(&format!("{copy} deregistered")), "{email}");
    assert!(!email.contains("answer was lost"), "{email}");
    is_at_rest(&stack).await;
}
