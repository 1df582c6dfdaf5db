//! The stack's owner closes `SourceOwners` once an AMI of another account's snapshot is registered: nothing more is done for it.
//! And what only the snapshot's owner may do is refused before it is registered.

use std::collections::BTreeSet;

use amiwright::image::status::Grantee;
use localaws::ec2::SeedSnapshot;
use localaws::faults::Fault;

use super::guardrails::{foreign_image, foreign_snapshot};
use crate::support::{REGION, TestStack, changes_by_name, minutes};

const KEY: &str = "golden/web.image.yaml";
/// Who shares the snapshot.
const OWNER: &str = "111122223333";
const PARTNER: &str = "222222222222";
const OREGON: &str = "us-west-2";
const SHARED: &str = "access: {accounts: ['222222222222']}\n";

/// A stack that allows the owner's snapshot, and a manifest that is made from it.
async fn stack() -> (TestStack, String) {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("SourceOwners", OWNER)
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", OREGON)
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    let id = foreign_snapshot(&stack);
    let manifest = format!("name: web\nsource:\n  snapshot: {{id: {id}}}\n");
    (stack, manifest)
}

/// Updates the stack: these are the owners from now on.
fn set_owners(stack: &TestStack, owners: &str) {
    stack.update_stack(&[("SourceOwners".to_owned(), owners.to_owned())].into());
}

/// Whether the partner may launch the AMI.
fn is_shared(stack: &TestStack) -> bool {
    format!("{:?}", stack.only_image()).contains(PARTNER)
}

/// The image has ended, because its manifest is not allowed any more, and its AMI is shared with nobody.
async fn has_ended(stack: &TestStack) {
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let kind = &status["build"]["failure"]["kind"];
    assert_eq!(kind, "manifest-not-allowed", "{status:#}");
    assert!(!is_shared(stack));
    let text = stack.last_email().replace('\n', " ");
    let opening = "adds 111122223333 to the parameter SourceOwners";
    assert!(text.contains(opening), "{text}");
}

#[tokio::test(start_paused = true)]
async fn settings_that_are_uploaded_after_the_owner_was_closed_are_rejected() {
    let (stack, manifest) = stack().await;
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let owners = status["build"]["sourceOwners"].as_object().unwrap();
    assert!(owners.values().all(|it| it["id"] == OWNER), "{owners:?}");
    assert_eq!(owners.len(), 1);

    set_owners(&stack, "self");
    let before = stack.world.faults().count();
    let settings = format!("{manifest}{SHARED}regions: {{us-west-2: {{}}}}\n");
    for _ in 0..2 {
        stack.drop_and_rest(KEY, &settings).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "rejected", "{status:#}");
        assert_eq!(
            status["problems"][0]["path"], "source.snapshot.id",
            "{status:#}"
        );
        assert_eq!(stack.subjects().len(), 2, "it is told once");
    }
    assert_eq!(changes_by_name(&stack, before), [""; 0]);
    assert!(!is_shared(&stack));

    set_owners(&stack, OWNER);
    stack.drop_and_rest(KEY, &settings).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert!(is_shared(&stack), "the same AMI");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_begun_yet_is_not_done_once_the_owner_is_closed() {
    let (stack, manifest) = stack().await;
    stack.drop_file(KEY, manifest + SHARED).await;
    stack.world.settle().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "working", "{status:#}");
    assert_eq!(stack.images().len(), 1, "it is registered");
    set_owners(&stack, "self");
    stack.rest().await;
    has_ended(&stack).await;
}

/// Its answer was lost: the AMI is found, by a function that may not have made it of this snapshot.
#[tokio::test(start_paused = true)]
async fn whose_the_source_of_an_ami_is_that_was_found_is_looked_at_before_it_is_published() {
    for owners in ["self", OWNER] {
        let (stack, manifest) = stack().await;
        let faults = stack.world.faults();
        faults.on("ec2", "RegisterImage", 1, Fault::Crash);
        stack.drop_file(KEY, manifest + SHARED).await;
        stack.world.settle().await;
        assert_eq!(stack.images().len(), 1, "it is registered");
        set_owners(&stack, owners);
        stack.rest().await;
        let status = stack.status(KEY).await;
        let known = status["build"]["sourceOwners"].as_object().unwrap();
        assert!(known.values().all(|it| it["id"] == OWNER), "{known:?}");
        match owners {
            OWNER => assert!(is_shared(&stack), "{status:#}"),
            _ => has_ended(&stack).await,
        }
    }
}

/// The owner of one of its snapshots shares it no longer: EC2 shows none that are asked for with it.
#[tokio::test(start_paused = true)]
async fn a_source_that_is_gone_hides_no_other_source_of_an_ami_that_was_found() {
    const FORMER: &str = "333333333333";
    let stack = TestStack::built(|builder| {
        builder
            .parameter("SourceOwners", &format!("{OWNER},{FORMER}"))
            .parameter("ShareWith", "*")
    })
    .await;
    let ec2 = stack.world.ec2();
    let gone = SeedSnapshot {
        owner_id: Some(FORMER.to_owned()),
        shared: true,
        ..SeedSnapshot::default()
    };
    let gone = ec2.seed_snapshot(REGION, gone);
    let closed = foreign_snapshot(&stack);
    let manifest = format!(
        "name: web\nsource:\n  snapshot: {{id: {gone}}}\nregister:\n  blockDeviceMappings:\n  - {{deviceName: /dev/xvda, ebs: {{}}}}\n  \
         - {{deviceName: /dev/sdf, ebs: {{snapshotId: {closed}}}}}\n{SHARED}"
    );
    let faults = stack.world.faults();
    faults.on("ec2", "RegisterImage", 1, Fault::Crash);
    stack.drop_file(KEY, manifest).await;
    stack.world.settle().await;
    assert_eq!(stack.images().len(), 1, "it is registered");
    ec2.edit_snapshot(REGION, &gone, |it| it.create_volume_permissions.clear());
    set_owners(&stack, FORMER);
    stack.rest().await;
    has_ended(&stack).await;
    let known = &stack.status(KEY).await["build"]["sourceOwners"];
    assert_eq!(known[&closed]["id"], OWNER, "{known:#}");
    assert_eq!(known[&gone]["id"], "", "{known:#}");
}

#[tokio::test(start_paused = true)]
async fn an_ami_is_not_repaired_once_the_owner_is_closed() {
    let (stack, manifest) = stack().await;
    let repaired = format!("{manifest}{SHARED}repair: true\n");
    stack.drop_and_rest(KEY, &repaired).await;
    assert!(is_shared(&stack));
    set_owners(&stack, "self");
    let id = stack.only_image().id;
    let grants = BTreeSet::from([Grantee::Account(PARTNER.to_owned())]);
    let aws = stack.aws().in_region(REGION);
    let nobody = BTreeSet::new();
    let revoked = aws.change_launch_permissions(&id, &nobody, &grants);
    revoked.await.unwrap();
    stack.audit().await;
    stack.world.run_for(minutes(30)).await;
    assert!(!is_shared(&stack));

    set_owners(&stack, OWNER);
    stack.audit().await;
    assert!(is_shared(&stack), "it is allowed again");
}

/// Only its owner could do that.
#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_account_is_not_shared_along_with_its_ami() {
    let (stack, manifest) = stack().await;
    let copied = SHARED.replace(']', "], copy: true");
    let own = stack.manifest("web");
    let foreign = manifest.lines().last().unwrap().trim();
    let foreign = foreign.replace("snapshot: {id:", "snapshotId:");
    let volume = format!(
        "{own}register:\n  blockDeviceMappings:\n  - {{deviceName: /dev/xvda, ebs: {{}}}}\n  - {{deviceName: /dev/sdf, ebs: {{{foreign}}}\n"
    );
    for (number, asking) in [&manifest, &volume].into_iter().enumerate() {
        stack.drop_and_rest(KEY, format!("{asking}{copied}")).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "rejected", "{status:#}");
        assert_eq!(stack.subjects().len(), number + 1);
        let text = stack.last_email().replace('\n', " ");
        assert!(text.contains("nobody else can share it"), "{text}");
        assert!(text.contains("leave `access.copy` out"), "{text}");
    }
    assert_eq!(stack.count("RegisterImage"), 0);

    // Nor is it once the AMI is there.
    stack
        .drop_and_rest(KEY, format!("{manifest}{SHARED}"))
        .await;
    assert!(is_shared(&stack));
    let before = stack.world.faults().count();
    stack
        .drop_and_rest(KEY, format!("{manifest}{copied}"))
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected", "{status:#}");
    assert_eq!(changes_by_name(&stack, before), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_snapshots_of_an_ami_that_was_copied_from_another_account_are_shared() {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("SourceOwners", "amazon")
            .parameter("ShareWith", "*")
    })
    .await;
    let id = foreign_image(&stack);
    let copied = SHARED.replace(']', "], copy: true");
    let manifest =
        format!("name: web\nsource:\n  image: {{id: {id}, region: us-west-2}}\n{copied}");
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let known = &status["build"]["sourceOwners"][&id];
    assert_eq!(known["alias"], "amazon", "{status:#}");
    assert!(is_shared(&stack));
}
