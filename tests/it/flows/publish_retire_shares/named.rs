//! One snapshot, which the manifest names: its versions are several AMIs of it, and it has no tags of amiwright.

use localaws::ec2::{Permission, SeedImage};
use localaws::faults::Fault;

use super::{
    DEREGISTER, GUEST, KEY, MODIFY, ON_DELETE, PARTNER, SHARED, drop_named, is_at_rest, readers,
    retiring, set, stack, stays_shared,
};
use crate::support::{REGION, TestStack, minutes};

/// Shared with both accounts, which may copy it.
pub(super) const SHARED_WITH_BOTH: &str =
    "access: {accounts: ['210987654321', '444455556666'], copy: true}\n";

/// Somebody's AMI of the snapshot, without tags of amiwright, which this account may launch.
pub(super) fn somebodys(stack: &TestStack, launches: &str) {
    let ec2 = stack.world.ec2();
    let theirs = ec2.seed_image(
        REGION,
        SeedImage {
            id: None,
            name: "made-by-hand".to_owned(),
            snapshot_id: stack.snapshot.clone(),
            volume_size: 8,
            owner_id: None,
            owner_alias: None,
        },
    );
    ec2.edit_image(REGION, &theirs, |image| {
        let account = Permission::Account(launches.to_owned());
        image.launch_permissions.insert(account);
    });
}

/// EC2's record of the AMI proves that it had the snapshot, which has no tags of its own.
#[tokio::test(start_paused = true)]
async fn the_shares_of_a_snapshot_that_the_manifest_names_end_with_its_last_ami() {
    let stack = stack().await;
    drop_named(&stack, 1, &format!("{SHARED}{ON_DELETE}")).await;
    let partner = set(&[PARTNER]);
    assert_eq!(readers(&stack, &stack.snapshot).await, partner);
    stack.remove(KEY).await;
    stack.rest().await;
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[]));
    is_at_rest(&stack).await;
}

/// The next version is of the same snapshot, and is shared with the same account.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_another_ami_shares_stays_shared() {
    let stack = stack().await;
    drop_named(&stack, 1, SHARED).await;
    let settings = format!("{SHARED}{DEREGISTER}");
    drop_named(&stack, 2, &settings).await;
    stack.only_image();
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[PARTNER]));
    assert_eq!(retiring(&stack), ["DeregisterImage"]);
    is_at_rest(&stack).await;
    stack.audit().await;
    is_at_rest(&stack).await;

    // It is the next version's share by now, and ends with that or as its manifest says.
    drop_named(&stack, 2, DEREGISTER).await;
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[]));
    is_at_rest(&stack).await;
}

/// The next version may be launched by the same account, and not be copied: who has the share keeps it, and is told.
#[tokio::test(start_paused = true)]
async fn a_share_that_the_next_version_does_not_ask_for_is_told_once() {
    let stack = stack().await;
    drop_named(&stack, 1, SHARED).await;
    let settings = format!("access: {{accounts: ['{PARTNER}']}}\n{DEREGISTER}");
    drop_named(&stack, 2, &settings).await;
    stack.only_image();
    stack.audit().await;
    stays_shared(&stack).await;
}

/// Somebody's AMI of the same snapshot, without tags of amiwright: whom it is shared with may need the snapshot.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_somebodys_ami_shares_stays_shared_with_the_same_accounts() {
    for (launches, stay) in [(PARTNER, set(&[PARTNER])), (GUEST, set(&[]))] {
        let stack = stack().await;
        drop_named(&stack, 1, SHARED).await;
        somebodys(&stack, launches);
        drop_named(&stack, 2, DEREGISTER).await;
        assert_eq!(readers(&stack, &stack.snapshot).await, stay, "{launches}");
        assert_eq!(stack.count("DeregisterImage"), 1, "{launches}");
        is_at_rest(&stack).await;
    }
}

/// The next version is for one of two accounts: the share of that one is its own from now on, and the other has no AMI any
/// more that needs one.
#[tokio::test(start_paused = true)]
async fn the_next_version_has_the_shares_of_its_accounts_and_the_others_end() {
    let stack = stack().await;
    drop_named(&stack, 1, SHARED_WITH_BOTH).await;
    assert_eq!(
        readers(&stack, &stack.snapshot).await,
        set(&[PARTNER, GUEST])
    );
    let settings = format!("{SHARED}{DEREGISTER}");
    drop_named(&stack, 2, &settings).await;
    stack.only_image();
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[PARTNER]));
    let email = stack.last_email();
    let told = format!("{} no longer shared with {GUEST}\n", stack.snapshot);
    assert!(email.contains(&told), "{email}");
    assert!(!email.contains("stays shared"), "{email}");
    assert_eq!(retiring(&stack), ["DeregisterImage", MODIFY]);
    is_at_rest(&stack).await;

    drop_named(&stack, 2, DEREGISTER).await;
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[]));
    is_at_rest(&stack).await;
}

/// The other account may launch somebody's AMI of the snapshot: it keeps its share, and only that is told.
#[tokio::test(start_paused = true)]
async fn the_next_version_has_the_shares_of_its_accounts_where_others_stay() {
    let stack = stack().await;
    drop_named(&stack, 1, SHARED_WITH_BOTH).await;
    somebodys(&stack, GUEST);
    let settings = format!("{SHARED}{DEREGISTER}");
    drop_named(&stack, 2, &settings).await;
    let both = set(&[PARTNER, GUEST]);
    assert_eq!(readers(&stack, &stack.snapshot).await, both);
    let email = stack.last_email();
    let told = format!("{} stays shared with {GUEST}:", stack.snapshot);
    assert!(email.contains(&told), "{email}");
    is_at_rest(&stack).await;

    drop_named(&stack, 2, DEREGISTER).await;
    assert_eq!(readers(&stack, &stack.snapshot).await, set(&[GUEST]));
    is_at_rest(&stack).await;
}

/// The account may launch an AMI of an earlier version, which stays, and with which nothing ends once the manifest is removed.
#[tokio::test(start_paused = true)]
async fn a_share_of_a_removed_manifest_that_an_earlier_ami_needs_is_told() {
    let stack = stack().await;
    let launches = format!("access: {{accounts: ['{PARTNER}']}}\n");
    drop_named(&stack, 1, &launches).await;
    let settings = format!("{SHARED}{ON_DELETE}");
    drop_named(&stack, 2, &settings).await;
    stack.remove(KEY).await;
    stack.rest().await;
    stack.only_image();
    stays_shared(&stack).await;
}

/// The AMI is gone before it is known that its snapshot's share was not ended: nothing proves any more that it was its own.
#[tokio::test(start_paused = true)]
async fn a_share_of_a_snapshot_without_proof_stays_and_is_told() {
    let stack = stack().await;
    drop_named(&stack, 1, &format!("{SHARED}{ON_DELETE}")).await;
    let faults = stack.world.faults();
    faults.on("ec2", MODIFY, 1, Fault::CrashBefore);
    stack.remove(KEY).await;
    stack.world.run_for(minutes(61)).await;
    stack.rest().await;
    stays_shared(&stack).await;
}

/// The account that may launch the AMI before keeps its share of the snapshot: the email says so, and because of which AMI;
/// whatever becomes of the change, once.
#[tokio::test(start_paused = true)]
async fn a_share_that_an_earlier_ami_needs_is_told_when_the_manifest_stops_asking_for_it() {
    let launches = format!("access: {{accounts: ['{PARTNER}']}}\n");
    let actions = [
        (SHARED_WITH_BOTH, "", "ModifyImageAttribute"),
        (SHARED, launches.as_str(), "DescribeSnapshotAttribute"),
    ];
    let faults = [
        None,
        Some(Fault::LoseAnswer),
        Some(Fault::Crash),
        Some(Fault::CrashBefore),
    ];
    for ((before, after, action), fault) in actions
        .into_iter()
        .flat_map(|it| faults.iter().map(move |fault| (it, fault)))
    {
        let about = format!("{action} {fault:?}");
        let stack = stack().await;
        drop_named(&stack, 1, &launches).await;
        let first = stack.only_image().id;
        drop_named(&stack, 2, before).await;
        if let Some(fault) = fault {
            let faults = stack.world.faults();
            faults.on("ec2", action, 1, fault.clone());
        }
        drop_named(&stack, 2, after).await;
        let partner = set(&[PARTNER]);
        assert_eq!(readers(&stack, &stack.snapshot).await, partner, "{about}");
        let emails = stack.emails();
        let changed = emails.iter().filter(|it| it.subject.starts_with("Changed"));
        let changed: Vec<&str> = changed.map(|it| it.text.as_str()).collect();
        let told = format!(
            "{} stays shared with {PARTNER}, who may launch {first}",
            stack.snapshot
        );
        let [email] = changed[..] else {
            panic!("{about}: {emails:#?}");
        };
        assert_eq!(email.matches(&told).count(), 1, "{about}: {email}");
        assert_eq!(email.matches("stays shared").count(), 1, "{about}: {email}");
        // What nobody needs ends.
        let ended = format!("{} no longer shared with {GUEST}", stack.snapshot);
        assert_eq!(email.contains(&ended), after.is_empty(), "{about}: {email}");
        drop_named(&stack, 2, after).await;
        stack.audit().await;
        is_at_rest(&stack).await;
    }
}
