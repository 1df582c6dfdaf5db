//! The status of a published AMI is lost, and the AMI found again by its tags: what it has of that which its manifest asks for
//! is amiwright's again, and what others have set stays theirs.

use std::collections::BTreeSet;
use std::time::Duration;

use amiwright::keys;
use localaws::ec2::{DeregistrationProtection, Image, ImageBlock, Permission};
use localaws::faults::Fault;

use crate::support::{REGION, TestStack, changes_by_name, minutes};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OTHER: &str = "444455556666";
/// An account that a person shares with.
const BY_HAND: &str = "777788889999";
const OREGON: &str = "us-west-2";

const ALL: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333', '444455556666'], copy: true}\n\
                   protect: true\ndeprecate: {after: 90d}\n";
const LESS: &str = "access: {accounts: ['111122223333'], copy: true}\n";

async fn stack() -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowPublic", "true")
            .parameter("CopyRegions", OREGON)
    })
    .await;
    for region in [REGION, OREGON] {
        let ec2 = stack.world.ec2();
        ec2.set_image_block(region, ImageBlock::Unblocked);
    }
    stack
}

fn manifest(stack: &TestStack, settings: &str) -> String {
    format!(
        "{}regions: {{{OREGON}: {{}}}}\n{settings}",
        stack.manifest("web-{digest}")
    )
}

fn image(stack: &TestStack, region: &str) -> Image {
    let images = stack.world.ec2().images(region);
    assert_eq!(images.len(), 1, "{images:#?}");
    images.into_iter().next().unwrap()
}

fn accounts(ids: &[&str]) -> BTreeSet<Permission> {
    let ids = ids.iter();
    ids.map(|id| Permission::Account((*id).to_owned()))
        .collect()
}

/// Who has the snapshots of a Region.
fn with_snapshots(stack: &TestStack, region: &str) -> BTreeSet<Permission> {
    let snapshots = stack.world.ec2().snapshots(region).into_iter();
    snapshots
        .flat_map(|it| it.create_volume_permissions)
        .collect()
}

/// A person shares the AMI with this account in both Regions, and its snapshots.
fn share_by_hand(stack: &TestStack, account: &str) {
    let ec2 = stack.world.ec2();
    for region in [REGION, OREGON] {
        for image in ec2.images(region) {
            ec2.edit_image(region, &image.id, |it| {
                it.launch_permissions.extend(accounts(&[account]));
            });
        }
        for snapshot in ec2.snapshots(region) {
            ec2.edit_snapshot(region, &snapshot.id, |it| {
                it.create_volume_permissions.extend(accounts(&[account]));
            });
        }
    }
}

/// How an AMI is found whose status was lost.
#[derive(Debug, Clone, Copy)]
enum FoundBy {
    Upload,
    Sweep,
}

/// The status is deleted, an hour after the AMI was published.
async fn delete_status(stack: &TestStack) {
    stack.world.run_for(minutes(60)).await;
    let state = stack.world.directory().join("s3").join(&stack.state_bucket);
    std::fs::remove_file(state.join(keys::status_key(KEY))).unwrap();
}

/// The status is lost, and the AMI found again, as it is.
async fn lose_status(stack: &TestStack, manifest: &str, found_by: FoundBy) {
    delete_status(stack).await;
    let before = [REGION, OREGON].map(|region| image(stack, region));
    let calls = stack.world.faults().count();
    match found_by {
        FoundBy::Upload => stack.drop_file(KEY, manifest).await,
        FoundBy::Sweep => stack.world.run_for(minutes(61)).await,
    }
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{found_by:?}: {status:#}");
    let mut changes = status["changes"].as_array().unwrap().iter();
    let copied = changes.find(|it| it["action"] == "copy-image").unwrap();
    assert_eq!(copied["wasThere"], true, "{found_by:?}: {status:#}");
    assert_eq!(
        changes_by_name(stack, calls),
        [""; 0],
        "{found_by:?}: it is as its manifest says"
    );
    let after = [REGION, OREGON].map(|region| image(stack, region));
    assert_eq!(after, before, "{found_by:?}");
}

/// Nothing more comes of the same manifest, and an audit finds nothing.
async fn is_at_rest(stack: &TestStack, manifest: &str) {
    let (calls, emails) = (stack.world.faults().count(), stack.emails().len());
    stack.drop_and_rest(KEY, manifest).await;
    stack.audit().await;
    assert_eq!(changes_by_name(stack, calls), [""; 0]);
    assert_eq!(stack.emails().len(), emails, "{}", stack.last_email());
    assert_eq!(stack.in_sync(KEY).await, "true");
}

#[tokio::test(start_paused = true)]
async fn what_a_manifest_stops_asking_for_ends_although_its_status_was_lost() {
    for found_by in [FoundBy::Upload, FoundBy::Sweep] {
        let stack = stack().await;
        let all = manifest(&stack, ALL);
        stack.drop_and_rest(KEY, &all).await;
        share_by_hand(&stack, BY_HAND);
        lose_status(&stack, &all, found_by).await;
        is_at_rest(&stack, &all).await;

        let less = manifest(&stack, LESS);
        stack.drop_and_rest(KEY, &less).await;
        for region in [REGION, OREGON] {
            let about = format!("{found_by:?} in {region}");
            let image = image(&stack, region);
            let stay = accounts(&[PARTNER, BY_HAND]);
            assert_eq!(image.launch_permissions, stay, "{about}");
            assert_eq!(with_snapshots(&stack, region), stay, "{about}");
            assert_eq!(image.description.unwrap_or_default(), "", "{about}");
            assert_eq!(image.tags.get("team"), None, "{about}");
            let protection = image.deregistration_protection;
            assert_eq!(protection, DeregistrationProtection::Disabled, "{about}");
            assert_eq!(image.deprecation_time, None, "{about}");
        }
        let email = stack.emails().pop().unwrap();
        assert!(email.subject.starts_with("Changed"), "{}", email.subject);
        let text = email.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for region in [REGION, OREGON] {
            let told = format!("{region}: no longer shared with {OTHER}");
            assert!(text.contains(&told), "{text}");
        }
        assert!(!email.text.contains(BY_HAND), "{}", email.text);
        is_at_rest(&stack, &less).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_public_ami_whose_status_was_lost_is_made_private_again() {
    let stack = stack().await;
    let public = manifest(&stack, "access: {public: true}\n");
    stack.drop_and_rest(KEY, &public).await;
    lose_status(&stack, &public, FoundBy::Upload).await;
    let private = manifest(&stack, "");
    stack.drop_and_rest(KEY, &private).await;
    for region in [REGION, OREGON] {
        assert!(!image(&stack, region).is_public(), "{region}");
    }
    let email = stack.emails().pop().unwrap();
    assert!(email.subject.starts_with("Changed"), "{}", email.subject);
    is_at_rest(&stack, &private).await;
}

/// What the manifest does not ask for when the AMI is found is nobody's, or somebody else's: it stays.
#[tokio::test(start_paused = true)]
async fn what_a_manifest_does_not_ask_for_when_its_ami_is_found_stays() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, ALL)).await;
    let less = manifest(&stack, LESS);
    delete_status(&stack).await;
    let before = [REGION, OREGON].map(|region| image(&stack, region).launch_permissions);
    stack.drop_and_rest(KEY, &less).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    is_at_rest(&stack, &less).await;
    let after = [REGION, OREGON].map(|region| image(&stack, region).launch_permissions);
    assert_eq!(after, before);
}

/// Only what is there when the AMI is found counts: whoever shares it later shares it for themselves.
#[tokio::test(start_paused = true)]
async fn what_is_shared_by_hand_after_an_ami_was_found_stays() {
    let stack = stack().await;
    let less = manifest(&stack, LESS);
    stack.drop_and_rest(KEY, &less).await;
    lose_status(&stack, &less, FoundBy::Upload).await;
    share_by_hand(&stack, BY_HAND);

    let calls = stack.world.faults().count();
    let both = format!("access: {{accounts: ['{PARTNER}', '{BY_HAND}'], copy: true}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &both)).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    stack.drop_and_rest(KEY, &less).await;
    assert_eq!(changes_by_name(&stack, calls), [""; 0]);
    for region in [REGION, OREGON] {
        let stay = accounts(&[PARTNER, BY_HAND]);
        assert_eq!(image(&stack, region).launch_permissions, stay, "{region}");
        assert_eq!(with_snapshots(&stack, region), stay, "{region}");
    }
}

/// The first upload after that cannot be published: what the AMI has is known all the same.
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_refused_makes_known_what_an_ami_has() {
    let stack = stack().await;
    let shared = |access: &str| {
        let manifest = stack.manifest("web-{digest}");
        format!("{manifest}access: {{{access}}}\n")
    };
    let both = shared(&format!("accounts: ['{PARTNER}', '{OTHER}']"));
    stack.drop_and_rest(KEY, &both).await;
    delete_status(&stack).await;

    let ec2 = stack.world.ec2();
    ec2.set_image_block(REGION, ImageBlock::NewSharing);
    let public = shared(&format!("accounts: ['{PARTNER}', '{OTHER}'], public: true"));
    stack.drop_and_rest(KEY, public).await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");

    stack
        .drop_and_rest(KEY, shared(&format!("accounts: ['{PARTNER}']")))
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let image = image(&stack, REGION);
    assert_eq!(image.launch_permissions, accounts(&[PARTNER]));
    let told = format!("no longer shared with {OTHER}");
    assert!(status["history"].to_string().contains(&told), "{status:#}");
}

/// An AMI of the attempt that is under way has nothing that amiwright has not set, also where EC2's answer was lost.
#[tokio::test(start_paused = true)]
async fn what_is_shared_by_hand_while_an_ami_is_made_stays() {
    for fault in [None, Some(Fault::LoseAnswer)] {
        let about = format!("{fault:?}");
        let stack = stack().await;
        stack.world.ec2().set_pending_time(Duration::from_secs(600));
        if let Some(fault) = fault {
            stack.world.faults().on("ec2", "RegisterImage", 1, fault);
        }
        let named = stack.manifest("web-{digest}") + LESS;
        stack.drop_file(KEY, &named).await;
        stack.minute().await;
        share_by_hand(&stack, PARTNER);
        stack.rest().await;
        assert_eq!(stack.status(KEY).await["state"], "available", "{about}");
        let private = stack.manifest("web-{digest}");
        stack.drop_and_rest(KEY, &private).await;
        let image = image(&stack, REGION);
        assert_eq!(image.launch_permissions, accounts(&[PARTNER]), "{about}");
        assert_eq!(stack.count("ModifyImageAttribute"), 0, "{about}");
    }
}

/// EC2 knows the token of the copy by the one of before: of another AMI, and both are gone.
#[tokio::test(start_paused = true)]
async fn what_is_made_anew_for_the_same_upload_is_copied_with_another_token() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    let old = [REGION, OREGON].map(|region| image(&stack, region).id);
    for (region, id) in [REGION, OREGON].iter().zip(&old) {
        let aws = stack.aws().in_region(region);
        aws.deregister_image(id).await.unwrap();
    }
    delete_status(&stack).await;
    stack.world.run_for(minutes(60)).await;

    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["copies"][OREGON]["attempt"], 1, "{status:#}");
    let new = [REGION, OREGON].map(|region| image(&stack, region).id);
    assert!(!new.iter().any(|it| old.contains(it)), "{new:?}");
    let email = stack.last_email();
    assert!(email.starts_with("Available"), "{email}");
}
