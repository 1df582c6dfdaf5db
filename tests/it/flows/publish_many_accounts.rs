//! More accounts that copy an AMI than one call can add to a snapshot, or remove: all of them, and no other.

use std::collections::BTreeSet;

use localaws::ec2::Permission;

use crate::support::{REGION, TestStack, changes_by_name, changes_since};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
/// One more than EC2 takes with one call.
const MANY: u64 = 501;
const MODIFY: &str = "ModifySnapshotAttribute";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", OREGON)
            .parameter("AllowRetire", "true")
    })
    .await
}

fn accounts(first: u64) -> BTreeSet<String> {
    (first..first + MANY)
        .map(|number| format!("{:012}", 111_111_000_000 + number))
        .collect()
}

fn access(accounts: &BTreeSet<String>) -> String {
    let quoted: Vec<String> = accounts.iter().map(|it| format!("'{it}'")).collect();
    format!(
        "access: {{accounts: [{}], copy: true}}\n",
        quoted.join(", ")
    )
}

fn names<'a>(permissions: impl IntoIterator<Item = &'a Permission>) -> BTreeSet<String> {
    let names = permissions.into_iter().map(|it| match it {
        Permission::Account(account) => account.clone(),
        other => format!("{other:?}"),
    });
    names.collect()
}

/// Drops the manifest with these settings, twice: the second time changes nothing. Returns how many calls have changed who
/// has the snapshots.
async fn dropped(stack: &TestStack, settings: &str) -> usize {
    let manifest = stack.manifest("web-{digest}") + settings;
    let before = stack.world.faults().count();
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let calls = changes_by_name(stack, 0);
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(changes_by_name(stack, 0), calls);
    let changes = changes_since(stack, before).into_iter();
    changes.filter(|it| it.action == MODIFY).count()
}

/// In these Regions, there is one AMI that these accounts may launch, and its snapshot is shared with them.
fn are_shared(stack: &TestStack, regions: &[&str], accounts: &BTreeSet<String>) {
    let ec2 = stack.world.ec2();
    for region in regions {
        let [image] = &ec2.images(region)[..] else {
            panic!("one AMI in {region}");
        };
        assert_eq!(names(&image.launch_permissions), *accounts, "{region}");
        for snapshot in ec2.snapshots(region) {
            let shared = names(&snapshot.create_volume_permissions);
            assert_eq!(shared, *accounts, "{region}: {}", snapshot.id);
        }
    }
}

/// 501 are added with two calls and removed with two; 500 of them are replaced with one call each.
#[tokio::test(start_paused = true)]
async fn five_hundred_and_one_accounts_may_copy_an_ami_until_they_may_not() {
    let stack = stack().await;
    // One of them stays.
    let (first, others) = (accounts(1), accounts(MANY));
    for accounts in [&first, &others, &first] {
        assert_eq!(dropped(&stack, &access(accounts)).await, 2);
        are_shared(&stack, &[REGION], accounts);
    }
    assert_eq!(dropped(&stack, "").await, 2);
    are_shared(&stack, &[REGION], &BTreeSet::new());
}

/// With two calls in each Region.
#[tokio::test(start_paused = true)]
async fn the_shares_of_an_ami_that_is_replaced_end_for_five_hundred_and_one_accounts() {
    const REGIONS: &str = "regions: {us-west-2: {}}\n";
    let (stack, accounts) = (stack().await, accounts(1));
    let settings = REGIONS.to_owned() + &access(&accounts);
    assert_eq!(dropped(&stack, &settings).await, 4);
    are_shared(&stack, &[REGION, OREGON], &accounts);
    let next = "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister}\n";
    assert_eq!(dropped(&stack, &format!("{REGIONS}{next}")).await, 4);
    are_shared(&stack, &[REGION, OREGON], &BTreeSet::new());
}
