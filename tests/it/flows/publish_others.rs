//! What others do to AMIs that are published: what proves them to be the manifest's is removed, and an account is given one
//! by hand that the manifest names later.

use std::collections::{BTreeMap, BTreeSet};

use localaws::ec2::{Image, Permission, Snapshot};

use crate::support::{REGION, TestStack, changes_since, minutes};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OREGON: &str = "us-west-2";
const REGIONS: &str = "regions: {us-west-2: {}}\n";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowRetire", "true")
            .parameter("CopyRegions", OREGON)
            .parameter("ParameterPrefix", "/images")
    })
    .await
}

fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{REGIONS}{settings}", stack.manifest("web-{digest}"))
}

/// All there is in the Region of the copies.
fn copies(stack: &TestStack) -> (Vec<Image>, Vec<Snapshot>) {
    let ec2 = stack.world.ec2();
    (ec2.images(OREGON), ec2.snapshots(OREGON))
}

/// The tags that prove whose something is, one at a time.
fn removals() -> Vec<Vec<&'static str>> {
    let tags = ["amiwright:manifest", "amiwright:digest"];
    tags.map(|tag| vec![tag]).to_vec()
}

fn remove(tags: &mut BTreeMap<String, String>, names: &[&str]) {
    for name in names {
        assert!(tags.remove(*name).is_some(), "{name}");
    }
}

/// A published image, of whose copy these tags are removed.
async fn unproven(settings: &str, names: &[&str]) -> TestStack {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, settings)).await;
    let (images, _) = copies(&stack);
    let [copy] = images.as_slice() else {
        panic!("{images:#?}");
    };
    let ec2 = stack.world.ec2();
    assert!(ec2.edit_image(OREGON, &copy.id, |it| remove(&mut it.tags, names)));
    stack
}

const PUBLISHED: &str = "description: Web\naccess: {accounts: ['111122223333'], copy: true}\nprotect: true\n\
                         parameters: [/images/web]\n";

#[tokio::test(start_paused = true)]
async fn an_audit_tells_of_a_copy_whose_proof_is_removed() {
    for repair in ["", "repair: true\n"] {
        for names in removals() {
            let settings = format!("{PUBLISHED}{repair}");
            let stack = unproven(&settings, &names).await;
            let (before, told) = (copies(&stack), stack.emails().len());
            stack.audit().await;
            stack.audit().await;
            assert_eq!(copies(&stack), before, "{repair}{names:?}");
            let emails = stack.emails().split_off(told);
            assert_eq!(emails.len(), 1, "{repair}{names:?}: {emails:#?}");
            let text = &emails[0].text;
            assert!(text.contains(&before.0[0].id), "{repair}{names:?}: {text}");
        }
    }
}

/// The next version replaces it: what is not proven any more stays, and is told.
#[tokio::test(start_paused = true)]
async fn a_copy_whose_proof_is_removed_is_not_retired() {
    for names in removals() {
        let stack = unproven("", &names).await;
        let (before, told) = (copies(&stack), stack.emails().len());
        let newer =
            "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister, snapshots: delete}\n";
        stack.drop_and_rest(KEY, manifest(&stack, newer)).await;
        let (images, snapshots) = copies(&stack);
        assert!(images.contains(&before.0[0]), "{names:?}: {images:#?}");
        assert!(snapshots.contains(&before.1[0]), "{names:?}");
        assert_eq!(images.len(), 2, "{names:?}");
        let emails = stack.emails().split_off(told);
        let says_so = |text: &str| text.contains(&before.0[0].id);
        assert!(
            emails.iter().any(|it| says_so(&it.text)),
            "{names:?}: {emails:#?}"
        );
    }
}

/// What there is of the account's shares in a Region: may it launch the AMI, may it copy the snapshots of the AMI.
fn shared(stack: &TestStack, region: &str) -> (bool, bool) {
    let partner = Permission::Account(PARTNER.to_owned());
    let ec2 = stack.world.ec2();
    let images = ec2.images(region);
    let [image] = images.as_slice() else {
        panic!("{images:#?}");
    };
    let snapshots = ec2.snapshots(region);
    let has = snapshots
        .iter()
        .any(|it| it.create_volume_permissions.contains(&partner));
    (image.launch_permissions.contains(&partner), has)
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_proof_is_removed_is_not_changed() {
    for tags in removals() {
        let parameter = "parameters: [/images/web]\n";
        let stack = unproven(parameter, &tags).await;
        let (before, puts) = (copies(&stack), stack.count("PutParameter"));
        let named = format!("{parameter}access: {{accounts: ['{PARTNER}'], copy: true}}\n");
        let named = manifest(&stack, &named);
        stack.drop_file(KEY, &named).await;
        // It may be that EC2 does not show the tags yet.
        stack.world.run_for(minutes(7 * 60)).await;

        assert_eq!(
            copies(&stack),
            before,
            "{tags:?}: what is not proven to be ours is changed"
        );
        assert_eq!(stack.count("PutParameter"), puts, "{tags:?}");
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "incomplete", "{tags:?}: {status:#}");
        let failure = &status["regions"][OREGON]["failure"];
        assert_eq!(failure["kind"], "not-published", "{status:#}");
        let subjects = stack.subjects();
        let ended = subjects.iter().filter(|it| it.starts_with("Incomplete"));
        assert_eq!(ended.count(), 1, "{subjects:#?}");
        let copy = &before.0[0];
        assert!(
            stack.last_email().contains(&copy.id),
            "{}",
            stack.last_email()
        );
        let calls = stack.world.faults().count();
        stack.drop_and_rest(KEY, &named).await;
        assert_eq!(changes_since(&stack, calls), [], "{tags:?}");

        // Once the tags are back, one retry shares it.
        let ec2 = stack.world.ec2();
        let home = stack.only_image().tags;
        assert!(ec2.edit_image(OREGON, &copy.id, |it| {
            for tag in &tags {
                it.tags.insert((*tag).to_owned(), home[*tag].clone());
            }
        }));
        stack.retry(KEY).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{tags:?}: {status:#}");
        assert_eq!(shared(&stack, OREGON), (true, true));
    }
}

/// Somebody gives the account the AMI, and its snapshots if `copy` is so.
async fn share_by_hand(stack: &TestStack, copy: bool) {
    let partner = BTreeSet::from([PARTNER.to_owned()]);
    for region in [REGION, OREGON] {
        let aws = stack.aws().in_region(region);
        let ec2 = stack.world.ec2();
        for image in ec2.images(region) {
            ec2.edit_image(region, &image.id, |it| {
                it.launch_permissions
                    .insert(Permission::Account(PARTNER.to_owned()));
            });
        }
        for snapshot in ec2.snapshots(region).iter().filter(|_| copy) {
            aws.share_snapshot(&snapshot.id, &partner).await.unwrap();
        }
    }
    stack.note_upload();
}

#[tokio::test(start_paused = true)]
async fn a_share_by_hand_outlives_a_manifest_that_names_the_account_for_a_while() {
    for copy in [false, true] {
        let stack = stack().await;
        let private = manifest(&stack, "");
        stack.drop_and_rest(KEY, &private).await;
        share_by_hand(&stack, copy).await;

        let named = format!("access: {{accounts: ['{PARTNER}'], copy: {copy}}}\n");
        let calls = stack.world.faults().count();
        stack.drop_and_rest(KEY, manifest(&stack, &named)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        let done = changes_since(&stack, calls);
        assert_eq!(done, [], "{copy}: the account has it already");

        stack.drop_and_rest(KEY, &private).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        for region in [REGION, OREGON] {
            assert_eq!(shared(&stack, region), (true, copy), "{region}: {status:#}");
        }
        let done = changes_since(&stack, calls);
        assert_eq!(done, [], "{copy}: it is not ours to revoke");
        // Unless nobody else is to have it.
        let exact = manifest(&stack, "access: {exact: true}\n");
        stack.drop_and_rest(KEY, &exact).await;
        for region in [REGION, OREGON] {
            assert!(!shared(&stack, region).0, "{region}");
        }
    }
}

/// The snapshots are amiwright's to share, and the AMI was not: each ends with whose it is.
#[tokio::test(start_paused = true)]
async fn what_amiwright_added_to_a_share_by_hand_ends_and_the_share_stays() {
    let stack = stack().await;
    let private = manifest(&stack, "");
    stack.drop_and_rest(KEY, &private).await;
    share_by_hand(&stack, false).await;
    let named = format!("access: {{accounts: ['{PARTNER}'], copy: true}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &named)).await;
    for region in [REGION, OREGON] {
        assert_eq!(shared(&stack, region), (true, true), "{region}");
    }
    stack.drop_and_rest(KEY, &private).await;
    for region in [REGION, OREGON] {
        assert_eq!(shared(&stack, region), (true, false), "{region}");
    }
    let calls = stack.world.faults().count();
    stack.drop_and_rest(KEY, &private).await;
    assert_eq!(changes_since(&stack, calls), []);
}
