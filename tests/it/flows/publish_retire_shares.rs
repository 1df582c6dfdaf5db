//! The snapshots of an AMI that is deregistered stay, if nobody asks to delete them: but nobody keeps a share of them that
//! amiwright had granted for the sake of that AMI.

mod by_hand;
mod gone;
mod many;
mod named;
mod named_several;
mod set_back;
mod unseen;

use std::collections::BTreeSet;

use localaws::ec2::Image;
use localaws::faults::Fault;

use crate::support::{REGION, TestStack, minutes, refused, vmdk};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "210987654321";
/// Who was let in by hand.
const GUEST: &str = "444455556666";
const SHARED: &str = "access: {accounts: ['210987654321'], copy: true}\n";
const DEREGISTER: &str = "replaces: {previous: deregister}\n";
const DELETE: &str = "replaces: {previous: deregister, snapshots: delete}\n";
const ON_DELETE: &str = "onDelete: deregister\n";
const MODIFY: &str = "ModifySnapshotAttribute";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("AllowRetire", "true")
            .parameter("ShareWith", "*")
    })
    .await
}

/// The manifest's version of this number, from a disk, whose snapshot is made for it: each is another AMI.
fn version(number: u32, settings: &str) -> String {
    let imds = if number == 1 {
        ""
    } else {
        "register: {imdsSupport: v2.0}\n"
    };
    format!(
        "name: web-{{digest}}\nsource: {{disk: {{object: web.vmdk, format: vmdk}}}}\n{imds}{settings}"
    )
}

/// Two versions of one snapshot, which the manifest names: it has no tags of amiwright.
fn of_named(stack: &TestStack, number: u32, settings: &str) -> String {
    let manifest = stack.manifest("web-{digest}");
    let size = 8 + number;
    format!(
        "{manifest}register: {{blockDeviceMappings: [{{deviceName: /dev/sdb, ebs: {{volumeSize: {size}}}}}]}}\n{settings}"
    )
}

async fn drop_named(stack: &TestStack, number: u32, settings: &str) {
    let manifest = of_named(stack, number, settings);
    stack.drop_and_rest(KEY, manifest).await;
}

/// The partner keeps the share of the snapshot that the manifest names, and the last email says so.
async fn stays_shared(stack: &TestStack) {
    assert_eq!(readers(stack, &stack.snapshot).await, set(&[PARTNER]));
    let email = stack.last_email();
    let told = format!("{} stays shared with {PARTNER}:", stack.snapshot);
    assert!(email.contains(&told), "{email}");
    is_at_rest(stack).await;
}

fn set(accounts: &[&str]) -> BTreeSet<String> {
    accounts.iter().copied().map(str::to_owned).collect()
}

fn snapshot_of(image: &Image) -> String {
    let mappings = image.block_device_mappings.iter();
    let mut ids = mappings.filter_map(|it| it.ebs.as_ref()?.snapshot_id.clone());
    ids.next().unwrap()
}

async fn readers(stack: &TestStack, snapshot: &str) -> BTreeSet<String> {
    stack.aws().snapshot_accounts(snapshot).await.unwrap()
}

/// The first version, shared with the partner, who may copy it; a person has let another account read its snapshot.
async fn first(stack: &TestStack, settings: &str) -> (String, String) {
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack
        .drop_and_rest(KEY, version(1, &format!("{SHARED}{settings}")))
        .await;
    let image = stack.only_image();
    let snapshot = snapshot_of(&image);
    let by_hand = set(&[GUEST]);
    stack
        .aws()
        .share_snapshot(&snapshot, &by_hand)
        .await
        .unwrap();
    assert_eq!(readers(stack, &snapshot).await, set(&[PARTNER, GUEST]));
    (image.id, snapshot)
}

/// What functions did to AMIs that go and to their snapshots.
fn retiring(stack: &TestStack) -> Vec<String> {
    let calls = stack.world.calls().into_iter();
    let calls = calls.filter(|it| it.function.is_some());
    let is_revoked = |name: &str| name.starts_with("CreateVolumePermission.Remove.");
    let calls = calls.filter(|it| match it.action.as_str() {
        "DeregisterImage" | "DeleteSnapshot" => true,
        MODIFY => it.fields.iter().any(|(name, _)| is_revoked(name)),
        _ => false,
    });
    calls.map(|it| it.action).collect()
}

/// Whatever comes later changes nothing more.
async fn is_at_rest(stack: &TestStack) {
    let (before, emails) = (retiring(stack), stack.emails().len());
    stack.world.run_for(minutes(61)).await;
    stack.rest().await;
    assert_eq!(retiring(stack), before);
    assert_eq!(stack.emails().len(), emails);
}

#[tokio::test(start_paused = true)]
async fn the_shares_of_a_kept_snapshot_end_after_its_replaced_ami() {
    let stack = stack().await;
    let (old, snapshot) = first(&stack, "").await;
    stack.drop_and_rest(KEY, version(2, DEREGISTER)).await;

    assert_ne!(stack.only_image().id, old);
    assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]));
    assert_eq!(retiring(&stack), ["DeregisterImage", MODIFY]);
    let email = stack.last_email();
    let told = format!("{snapshot} no longer shared with {PARTNER}");
    assert!(email.contains(&told), "{email}");
    is_at_rest(&stack).await;
    stack.drop_and_rest(KEY, version(2, DEREGISTER)).await;
    assert_eq!(retiring(&stack).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_shares_of_a_kept_snapshot_end_after_the_ami_of_a_removed_manifest() {
    let stack = stack().await;
    let (_, snapshot) = first(&stack, ON_DELETE).await;
    stack.remove(KEY).await;
    stack.rest().await;
    assert!(stack.images().is_empty());
    assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]));
    assert_eq!(retiring(&stack), ["DeregisterImage", MODIFY]);
    is_at_rest(&stack).await;
}

/// What is deleted afterwards may turn out to stay.
#[tokio::test(start_paused = true)]
async fn the_shares_of_a_snapshot_end_before_it_is_deleted() {
    let stack = stack().await;
    let (_, snapshot) = first(&stack, "").await;
    stack.drop_and_rest(KEY, version(2, DELETE)).await;
    assert!(!stack.snapshots().contains(&snapshot));
    let calls = ["DeregisterImage", MODIFY, "DeleteSnapshot"];
    assert_eq!(retiring(&stack), calls);
    is_at_rest(&stack).await;
}

/// EC2 shows the AMI no more: what is revoked then is what was made for it, as its tags prove.
#[tokio::test(start_paused = true)]
async fn the_shares_end_also_where_the_answer_about_the_ami_was_lost() {
    for fault in [Fault::LoseAnswer, Fault::Crash, Fault::CrashBefore] {
        let stack = stack().await;
        let (old, snapshot) = first(&stack, "").await;
        let faults = stack.world.faults();
        faults.on("ec2", "DeregisterImage", 1, fault.clone());
        stack.drop_file(KEY, version(2, DEREGISTER)).await;
        stack.world.run_for(minutes(61)).await;
        stack.rest().await;
        assert_ne!(stack.only_image().id, old);
        assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]), "{fault:?}");
        is_at_rest(&stack).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_that_is_not_answered_or_later_is_ended_once() {
    // The SDK repeats what EC2 throttles or does not answer once: what fails for longer is below.
    for fault in [Fault::Crash, Fault::CrashBefore] {
        let stack = stack().await;
        let (_, snapshot) = first(&stack, "").await;
        let faults = stack.world.faults();
        faults.on("ec2", MODIFY, 1, fault.clone());
        stack.drop_file(KEY, version(2, DEREGISTER)).await;
        stack.world.run_for(minutes(61)).await;
        stack.rest().await;
        assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]), "{fault:?}");
        let email = stack.last_email();
        let told = format!("{snapshot} no longer shared with {PARTNER}");
        assert!(email.contains(&told), "{fault:?}: {email}");
        is_at_rest(&stack).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_that_ec2_refuses_to_end_is_told() {
    let stack = stack().await;
    stack.expect_refusals();
    let (old, snapshot) = first(&stack, "").await;
    let faults = stack.world.faults();
    faults.always("ec2", MODIFY, refused("UnauthorizedOperation"));
    stack.drop_and_rest(KEY, version(2, DEREGISTER)).await;
    let email = stack.last_email();
    assert!(email.contains(&format!("{old} deregistered")), "{email}");
    let told = format!("{snapshot} stays shared with {PARTNER}");
    assert!(email.contains(&told), "{email}");
    let status = stack.status(KEY).await;
    let stays = &status["retired"][0]["shared"][&snapshot];
    assert_eq!(stays[0], PARTNER, "{status:#}");
    assert_eq!(
        status["regions"][REGION]["failure"],
        serde_json::Value::Null
    );
    is_at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn the_shares_end_although_nothing_is_to_be_retired_any_more() {
    for answer in [Fault::Throttle, Fault::LoseAnswer] {
        let about = format!("{answer:?}");
        let stack = stack().await;
        let (_, snapshot) = first(&stack, "").await;
        stack.world.faults().always("ec2", MODIFY, answer);
        stack.drop_file(KEY, version(2, DEREGISTER)).await;
        stack.world.run_for(minutes(45)).await;
        assert_eq!(stack.count("DeregisterImage"), 1, "{about}");
        stack.drop_file(KEY, version(2, "")).await;
        stack.world.run_for(minutes(2)).await;
        stack.world.faults().clear();
        stack.rest().await;
        assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]), "{about}");
        let stays_shared = stack
            .emails()
            .into_iter()
            .any(|it| it.text.contains("stays shared"));
        assert!(!stays_shared, "{about}: {:#?}", stack.emails());
        is_at_rest(&stack).await;
    }
}
