//! What a person has shared by hand stays theirs, whatever an older record of the AMI says; and who may launch a person's AMI
//! of the snapshot keeps only their own share.

use localaws::ec2::Permission;

use super::named::{SHARED_WITH_BOTH, somebodys};
use super::{DEREGISTER, GUEST, KEY, PARTNER, SHARED, drop_named, is_at_rest, readers, set, stack};
use crate::support::REGION;

/// The manifest was set back to the first version without the share, which ended. What a person has shared since is theirs,
/// although an older record of the same AMI says that amiwright shared it.
#[tokio::test(start_paused = true)]
async fn a_share_by_hand_outlives_an_ami_that_was_set_back_to_without_it() {
    let stack = stack().await;
    for (number, settings) in [(1, SHARED), (2, ""), (1, "")] {
        drop_named(&stack, number, settings).await;
    }
    let (snapshot, partner) = (stack.snapshot.clone(), set(&[PARTNER]));
    assert_eq!(readers(&stack, &snapshot).await, set(&[]));
    stack
        .aws()
        .share_snapshot(&snapshot, &partner)
        .await
        .unwrap();
    let before = stack.count("DeregisterImage");
    drop_named(&stack, 3, DEREGISTER).await;
    stack.only_image();
    assert_eq!(stack.count("DeregisterImage"), before + 2);
    assert_eq!(readers(&stack, &snapshot).await, partner);
    let email = stack.last_email();
    assert!(!email.contains("shared with"), "{email}");
    is_at_rest(&stack).await;
}

/// The same, and the manifest is set back once more.
#[tokio::test(start_paused = true)]
async fn a_share_by_hand_outlives_an_ami_that_is_set_back_to_again() {
    let stack = stack().await;
    for (number, settings) in [(1, SHARED), (2, ""), (1, ""), (2, "")] {
        drop_named(&stack, number, settings).await;
    }
    let (snapshot, partner) = (stack.snapshot.clone(), set(&[PARTNER]));
    let images = stack.images();
    let first = images.iter().map(|it| it.id.clone()).next().unwrap();
    let guest = Permission::Account(PARTNER.to_owned());
    assert!(images.iter().all(|it| it.launch_permissions.is_empty()));
    let ec2 = stack.world.ec2();
    ec2.edit_image(REGION, &first, |it| {
        it.launch_permissions.insert(guest.clone());
    });
    stack
        .aws()
        .share_snapshot(&snapshot, &partner)
        .await
        .unwrap();
    drop_named(&stack, 1, "").await;
    assert_eq!(stack.status(KEY).await["regions"][REGION]["image"], *first);
    assert_eq!(readers(&stack, &snapshot).await, partner);
    let images = stack.images();
    let shared = images.iter().find(|it| it.id == first).unwrap();
    assert!(shared.launch_permissions.contains(&guest));
    is_at_rest(&stack).await;
}

/// The manifest names nobody any more. One of the accounts may launch somebody's AMI of the snapshot.
#[tokio::test(start_paused = true)]
async fn a_share_that_somebodys_ami_needs_keeps_no_other_account_in() {
    let stack = stack().await;
    drop_named(&stack, 1, SHARED_WITH_BOTH).await;
    let snapshot = stack.snapshot.clone();
    assert_eq!(readers(&stack, &snapshot).await, set(&[PARTNER, GUEST]));
    somebodys(&stack, GUEST);
    drop_named(&stack, 1, "").await;
    assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]));
    is_at_rest(&stack).await;
    // The share is that of somebody's AMI: this manifest takes nothing more away.
    drop_named(&stack, 2, DEREGISTER).await;
    assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]));
}
