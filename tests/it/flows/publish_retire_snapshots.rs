//! The snapshots of AMIs that are deregistered, where EC2 does not list them: one of another account stays, also where that does
//! not share it any more, and one that EC2 does not show for a while is deleted after that.

use localaws::faults::Fault;

use super::guardrails::foreign_snapshot;
use super::publish_retire::{KEY, ids, retiring_calls, stack};
use crate::support::{REGION, TestStack, minutes, vmdk};

/// The next version, in the place of the one before and of its snapshots.
const NEXT: &str =
    "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister, snapshots: delete}\n";

/// An AMI of another account's snapshot, with that one's id and the manifest.
async fn of_another_account() -> (TestStack, String, String) {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("AllowRetire", "true")
            .parameter("SourceOwners", "111122223333")
    })
    .await;
    let id = foreign_snapshot(&stack);
    let manifest = format!("name: web-{{digest}}\nsource:\n  snapshot: {{id: {id}}}\n");
    stack.drop_and_rest(KEY, &manifest).await;
    (stack, id, manifest)
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_account_is_not_said_to_be_deleted() {
    let (stack, id, manifest) = of_another_account().await;
    let old = stack.only_image().id;
    stack.drop_and_rest(KEY, format!("{manifest}{NEXT}")).await;
    assert!(!ids(&stack).contains(&old));
    let email = stack.last_email();
    let is_told = |became: &str| email.contains(&format!("{id} {became}"));
    assert!(!is_told("deleted") && is_told("kept"), "{email}");
    assert!(stack.snapshots().contains(&id));
    assert_eq!(retiring_calls(&stack), ["DeregisterImage"]);
}

/// Its owner does not share it any more: it is there, and nobody here sees it.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_another_account_shares_no_longer_is_not_said_to_be_deleted() {
    let (stack, id, _) = of_another_account().await;
    let old = stack.only_image().id;
    stack.world.ec2().edit_snapshot(REGION, &id, |it| {
        it.create_volume_permissions.clear();
    });
    let next = stack.manifest("web-{digest}") + NEXT;
    stack.drop_and_rest(KEY, next).await;
    assert!(!ids(&stack).contains(&old));
    let email = stack.last_email();
    let is_told = |became: &str| email.contains(&format!("{id} {became}"));
    assert!(!is_told("deleted") && !is_told("kept"), "{email}");
    assert!(is_told("not deleted: EC2 does not show it"), "{email}");
    assert!(email.contains("no longer shared with this account"));
    assert!(stack.snapshots().contains(&id));
    assert_eq!(retiring_calls(&stack), ["DeregisterImage"]);
    let retired = &stack.status(KEY).await["retired"][0];
    assert_eq!(retired["kept"][0]["reason"], "not-shown", "{retired:#}");
}

/// EC2's answers are eventually consistent, and its AMI is deregistered meanwhile.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_ec2_does_not_show_for_a_while_is_deleted_after_that() {
    let stack = stack().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let manifest = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
    stack.drop_and_rest(KEY, manifest).await;
    let old = stack.only_image();
    let snapshot = old.snapshot_ids().next().unwrap();
    let faults = stack.world.faults();
    faults.always("ec2", "DeregisterImage", Fault::Throttle);
    stack.drop_file(KEY, format!("{manifest}{NEXT}")).await;
    while stack.count("DeregisterImage") == 0 {
        stack.minute().await;
    }
    stack
        .world
        .ec2()
        .hide_snapshot(REGION, snapshot, minutes(8));
    faults.clear();
    stack.world.run_for(minutes(5)).await;
    assert!(!ids(&stack).contains(&old.id), "it is deregistered");
    assert_eq!(stack.count("DeleteSnapshot"), 0);
    let waiting = &stack.status(KEY).await["build"]["waiting"];
    assert_eq!(waiting["what"], snapshot.as_str(), "{waiting:#}");

    stack.rest().await;
    assert_eq!(stack.count("DeleteSnapshot"), 1);
    assert!(!stack.snapshots().contains(snapshot));
    let email = stack.last_email();
    assert!(email.contains(&format!("{snapshot} deleted")), "{email}");
}

/// EC2 was asked to delete it, which its tags allowed: it is this manifest's, and gone.
#[tokio::test(start_paused = true)]
async fn a_snapshot_whose_deletion_was_not_answered_is_told_as_deleted() {
    for fault in [Fault::LoseAnswer, Fault::Crash] {
        let stack = stack().await;
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        let manifest = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
        stack.drop_and_rest(KEY, manifest).await;
        let old = stack.only_image();
        let snapshot = old.snapshot_ids().next().unwrap();
        let faults = stack.world.faults();
        faults.on("ec2", "DeleteSnapshot", 1, fault.clone());
        stack.drop_file(KEY, format!("{manifest}{NEXT}")).await;
        stack.world.run_for(minutes(61)).await;
        stack.rest().await;
        assert!(!stack.snapshots().contains(snapshot), "{fault:?}");
        let email = stack.last_email();
        let told = format!("{snapshot} deleted");
        assert!(email.contains(&told), "{fault:?}: {email}");
    }
}
