//! Several AMIs of one snapshot, which the manifest names, are retired together, or one is replaced in place by the next: its
//! share ends with the last of them.

use localaws::faults::Fault;

use super::{
    DEREGISTER, KEY, MODIFY, ON_DELETE, PARTNER, SHARED, drop_named, is_at_rest, of_named, readers,
    retiring, set, stack, stays_shared, version,
};
use crate::support::{REGION, TestStack, minutes, refused, vmdk};

/// Both had the snapshot, which the manifest names, and both are gone: nobody needs its share any more.
#[tokio::test(start_paused = true)]
async fn the_share_of_a_named_snapshot_ends_with_the_last_of_several_amis() {
    // The SDK repeats what EC2 throttles or does not answer once: what fails for longer is below.
    for crash in [None, Some(1), Some(2)] {
        let about = format!("{crash:?}");
        let stack = stack().await;
        for number in [1, 2] {
            drop_named(&stack, number, SHARED).await;
        }
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        if let Some(nth) = crash {
            let faults = stack.world.faults();
            faults.on("ec2", "DeregisterImage", nth, Fault::CrashBefore);
        }
        stack.drop_and_rest(KEY, version(3, DEREGISTER)).await;
        stack.only_image();
        assert_eq!(readers(&stack, &stack.snapshot).await, set(&[]), "{about}");
        let email = stack.last_email();
        assert!(!email.contains("stays shared"), "{about}: {email}");
        let told = email.matches("no longer shared").count();
        assert_eq!(told, 1, "{about}: {email}");
        let revoked = retiring(&stack).into_iter().filter(|it| it == MODIFY);
        assert_eq!(revoked.count(), 1, "{about}");
        is_at_rest(&stack).await;
    }
}

/// EC2 refuses to end it: that is told once, with those who keep it.
#[tokio::test(start_paused = true)]
async fn the_share_of_several_amis_that_ec2_refuses_to_end_is_told_once() {
    let stack = stack().await;
    stack.expect_refusals();
    for number in [1, 2] {
        drop_named(&stack, number, SHARED).await;
    }
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let faults = stack.world.faults();
    faults.always("ec2", MODIFY, refused("UnauthorizedOperation"));
    stack.drop_and_rest(KEY, version(3, DEREGISTER)).await;
    stack.only_image();
    let email = stack.last_email();
    let told = format!("{} stays shared with {PARTNER}:", stack.snapshot);
    assert_eq!(email.matches(&told).count(), 1, "{email}");
    assert_eq!(email.matches("shared with").count(), 1, "{email}");
    let status = stack.status(KEY).await;
    let retired = status["retired"].as_array().unwrap();
    let shares = retired.iter().filter_map(|it| it["shared"].as_object());
    let shares: Vec<_> = shares.flat_map(|it| it.values()).collect();
    assert_eq!(shares, [&serde_json::json!([PARTNER])], "{status:#}");
    is_at_rest(&stack).await;
}

/// What one of them needs stays, as long as that is there, and ends with it: whichever it is, and whether EC2 refuses to
/// deregister it or does so later.
#[tokio::test(start_paused = true)]
async fn the_share_of_a_named_snapshot_stays_with_an_ami_that_ec2_keeps() {
    let refused = refused("OperationNotPermitted");
    for (kept, fault) in [
        (0, refused.clone()),
        (1, refused),
        (0, Fault::Throttle),
        (1, Fault::Throttle),
    ] {
        stays_with(kept, fault).await;
    }
}

async fn stays_with(kept: usize, fault: Fault) {
    let about = format!("{kept} {fault:?}");
    let is_refused = fault != Fault::Throttle;
    let stack = stack().await;
    stack.expect_refusals();
    for number in [1, 2] {
        drop_named(&stack, number, SHARED).await;
    }
    let of = stack.images().remove(kept).id;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let is_of_kept = move |call: &localaws::faults::Call| {
        call.action == "DeregisterImage" && call.field("ImageId") == Some(&of)
    };
    let faults = stack.world.faults();
    faults.each(is_of_kept, fault);
    stack.drop_file(KEY, version(3, DEREGISTER)).await;
    stack.world.run_for(minutes(45)).await;
    assert_eq!(stack.images().len(), 2, "{about}");
    let partner = set(&[PARTNER]);
    assert_eq!(readers(&stack, &stack.snapshot).await, partner, "{about}");
    if is_refused {
        stack.rest().await;
        is_at_rest(&stack).await;
    }

    // It goes by a later request, or by a later run.
    stack.world.faults().clear();
    if is_refused {
        stack.drop_and_rest(KEY, version(1, DEREGISTER)).await;
    }
    stack.rest().await;
    stack.only_image();
    let readers = readers(&stack, &stack.snapshot).await;
    assert_eq!(readers, set(&[]), "{about}");
    let email = stack.last_email();
    let told = format!("{} no longer shared with {PARTNER}", stack.snapshot);
    assert!(email.contains(&told), "{about}: {email}");
    assert!(!email.contains("stays shared"), "{about}: {email}");
    is_at_rest(&stack).await;
}

/// Somebody has removed what proves the other AMI to be the manifest's: it stays, and no share ends with it.
#[tokio::test(start_paused = true)]
async fn the_share_that_an_ami_without_proof_needs_is_told() {
    let stack = stack().await;
    for number in [1, 2] {
        drop_named(&stack, number, SHARED).await;
    }
    // The first was given the share.
    let status = stack.status(KEY).await;
    let unproven = status["regions"][REGION]["image"].as_str().unwrap();
    let ec2 = stack.world.ec2();
    ec2.edit_image(REGION, unproven, |it| it.tags.clear());
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, version(3, DEREGISTER)).await;
    assert_eq!(stack.images().len(), 2);
    stays_shared(&stack).await;
}

/// Its manifest is removed while the AMI before it, which EC2 has kept, has the share, too: nothing ends with that one any more.
#[tokio::test(start_paused = true)]
async fn the_share_of_a_removed_manifest_that_an_ami_keeps_is_told() {
    let stack = stack().await;
    stack.expect_refusals();
    drop_named(&stack, 1, SHARED).await;
    let old = stack.only_image().id;
    let is_of_kept = move |call: &localaws::faults::Call| {
        call.action == "DeregisterImage" && call.field("ImageId") == Some(&old)
    };
    let faults = stack.world.faults();
    faults.each(is_of_kept, refused("OperationNotPermitted"));
    let settings = format!("{SHARED}{DEREGISTER}{ON_DELETE}");
    drop_named(&stack, 2, &settings).await;
    assert_eq!(stack.images().len(), 2);
    stack.remove(KEY).await;
    stack.rest().await;
    stack.only_image();
    stays_shared(&stack).await;
}

/// This version of the manifest has this name, and is of the snapshot.
fn called(stack: &TestStack, name: &str, number: u32, settings: &str) -> String {
    of_named(stack, number, settings).replace("name: web-{digest}", &format!("name: {name}"))
}

/// An AMI is replaced in place, and the one that needs its share goes after all: the share is that one's, which proves it.
#[tokio::test(start_paused = true)]
async fn the_share_of_an_ami_that_is_replaced_in_place_ends_with_the_last() {
    let stack = stack().await;
    let both = [("web-a", 1), ("web-b", 2)];
    for (name, number) in both {
        let shared = called(&stack, name, number, SHARED);
        stack.drop_and_rest(KEY, shared).await;
    }
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[PARTNER]));
    let third = called(&stack, "web-a", 3, DEREGISTER);
    stack.drop_and_rest(KEY, third).await;
    assert_eq!(stack.only_image().name, "web-a");
    let calls = ["DeregisterImage", "DeregisterImage", MODIFY];
    assert_eq!(retiring(&stack), calls);
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[]));
    let emails = stack.emails();
    let stays = emails.iter().any(|it| it.text.contains("stays shared"));
    assert!(!stays, "{emails:#?}");
    is_at_rest(&stack).await;
}

/// As above, and the new AMI is shared with the same account: it has the share in the end, which ends as its manifest says.
#[tokio::test(start_paused = true)]
async fn the_share_of_an_ami_that_is_replaced_in_place_is_the_new_ones_in_the_end() {
    let stack = stack().await;
    for (name, number) in [("web-a", 1), ("web-b", 2)] {
        let shared = called(&stack, name, number, SHARED);
        stack.drop_and_rest(KEY, shared).await;
    }
    let shared = format!("{SHARED}{DEREGISTER}");
    let third = called(&stack, "web-a", 3, &shared);
    stack.drop_and_rest(KEY, third).await;
    stack.only_image();
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[PARTNER]));
    is_at_rest(&stack).await;
    let private = called(&stack, "web-a", 3, DEREGISTER);
    stack.drop_and_rest(KEY, private).await;
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[]));
    let emails = stack.emails();
    let stays = emails.iter().any(|it| it.text.contains("stays shared"));
    assert!(!stays, "{emails:#?}");
    is_at_rest(&stack).await;
}

/// As above, and somebody has removed what proves the other AMI to be the manifest's: it stays, and the share with it.
#[tokio::test(start_paused = true)]
async fn the_share_of_an_ami_that_is_replaced_in_place_and_another_keeps_is_told() {
    let stack = stack().await;
    for (name, number) in [("web-a", 1), ("web-b", 2)] {
        let shared = called(&stack, name, number, SHARED);
        stack.drop_and_rest(KEY, shared).await;
    }
    let status = stack.status(KEY).await;
    let unproven = status["regions"][REGION]["image"].as_str().unwrap();
    let ec2 = stack.world.ec2();
    ec2.edit_image(REGION, unproven, |it| it.tags.clear());
    let third = called(&stack, "web-a", 3, DEREGISTER);
    stack.drop_and_rest(KEY, third).await;
    let names = stack.images().into_iter().map(|it| it.name);
    assert_eq!(set(&["web-a", "web-b"]), names.collect());
    stays_shared(&stack).await;
}
