//! What EC2 would refuse to share is told before anything is changed in that Region; the others are published.

use localaws::ec2::{ImageBlock, ImageState, SeedSnapshot};

use crate::support::{REGION, TestStack, changes_by_name};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OREGON: &str = "us-west-2";
const IRELAND: &str = "eu-west-1";
const OWN_KEY: &str = "arn:aws:kms:us-west-2:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab";

async fn stack() -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowPublic", "true")
            .parameter("CopyRegions", "eu-west-1,us-west-2")
            .parameter("KmsKeys", OWN_KEY)
    })
    .await;
    for region in [REGION, OREGON, IRELAND] {
        let ec2 = stack.world.ec2();
        ec2.set_image_block(region, ImageBlock::Unblocked);
    }
    stack
}

/// Publishes these settings of an AMI that exists; checks that just this Region is refused, for a reason and with an advice
/// that have these words, and that nothing was changed there. Returns the stack.
async fn refused(
    stack: TestStack,
    settings: &str,
    region: &str,
    reason: &str,
    advice: &str,
) -> TestStack {
    let bare = stack.manifest("web-{digest}");
    stack.drop_and_rest(KEY, &bare).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let before = changes_by_name(&stack, 0).len();
    let manifest = format!("{bare}description: Web tier\n{settings}");
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{settings}: {status:#}");
    let changed = changes_by_name(&stack, 0).split_off(before);
    let here = changed.iter().filter(|call| call.starts_with(region));
    assert_eq!(here.count(), 0, "{settings}: {changed:?}");
    let email = stack.emails().pop().unwrap();
    for words in [region, reason, advice] {
        let text = email.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{words} is not in\n{}", email.text);
    }
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(
        changes_by_name(&stack, 0).split_off(before),
        changed,
        "{settings}"
    );
    stack
}

#[tokio::test(start_paused = true)]
async fn a_region_that_blocks_public_amis_is_refused_and_others_are_published() {
    let public =
        format!("access: {{public: true}}\nregions: {{{OREGON}: {{}}, {IRELAND}: {{}}}}\n");
    for region in [REGION, OREGON] {
        let stack = stack().await;
        let ec2 = stack.world.ec2();
        ec2.set_image_block(region, ImageBlock::NewSharing);
        let advice = "disable-image-block-public-access";
        let stack = refused(stack, &public, region, "block public access", advice).await;
        for other in [REGION, OREGON, IRELAND] {
            let images = stack.world.ec2().images(other);
            let is_public = images.iter().any(|image| image.is_public());
            assert_eq!(is_public, other != region, "{region}: {other}");
        }
    }
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    ec2.set_image_block(REGION, ImageBlock::NewSharing);
    ec2.set_blocks_by_policy(REGION, true);
    refused(
        stack,
        &public,
        REGION,
        "a declarative policy",
        "administrators",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_encrypted_or_paid_is_not_made_public() {
    let public = "access: {public: true}\n";
    let encrypted = SeedSnapshot {
        encrypted: true,
        ..SeedSnapshot::default()
    };
    let paid = SeedSnapshot {
        product_codes: vec!["0c6mxgy3ca0apaiin3qjyqstu".to_owned()],
        ..SeedSnapshot::default()
    };
    let unencrypted = "make the AMI of an unencrypted snapshot";
    let cases = [
        (encrypted, "an encrypted volume", unencrypted),
        (paid, "a product code", "in place of `public`"),
    ];
    for (seed, reason, advice) in cases {
        let mut stack = stack().await;
        stack.snapshot = stack.world.ec2().seed_snapshot(REGION, seed);
        refused(stack, public, REGION, reason, advice).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_could_not_be_shared_is_not_made() {
    let shared = format!("access: {{accounts: ['{PARTNER}']}}\nregions: {{{OREGON}: {{}}}}\n");
    let managed = stack().await;
    let ec2 = managed.world.ec2();
    ec2.set_encryption_by_default(OREGON, true, None);
    let managed = refused(
        managed,
        &shared,
        OREGON,
        "the key that AWS manages",
        "kmsKeyId",
    )
    .await;
    let grants = managed.only_image().launch_permissions;
    assert_eq!(grants.len(), 1, "the stack's own Region is published");

    let own = stack().await;
    let ec2 = own.world.ec2();
    ec2.set_encryption_by_default(OREGON, true, Some(OWN_KEY));
    let manifest = own.manifest("web-{digest}");
    own.drop_and_rest(KEY, format!("{manifest}{shared}")).await;
    assert_eq!(own.status(KEY).await["state"], "available");

    let public = format!("access: {{public: true}}\nregions: {{{OREGON}: {{}}}}\n");
    let open = stack().await;
    let ec2 = open.world.ec2();
    ec2.set_encryption_by_default(OREGON, true, Some(OWN_KEY));
    refused(open, &public, OREGON, "an encrypted volume", "unencrypted").await;
}

/// The quota is not known before EC2 is asked: its refusal changes nothing, and says how to raise it.
#[tokio::test(start_paused = true)]
async fn over_the_quota_of_public_amis_nothing_is_shared() {
    let stack = stack().await;
    stack.world.ec2().set_public_image_quota(0);
    let bare = stack.manifest("web");
    let settings = format!("access: {{public: true, accounts: ['{PARTNER}']}}\n");
    stack.drop_and_rest(KEY, format!("{bare}{settings}")).await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    assert_eq!(stack.only_image().launch_permissions.len(), 0);
    let email = stack.only_email();
    for words in ["your quota of 0", "Service Quotas"] {
        assert!(email.text.contains(words), "{}", email.text);
    }
}

/// An AMI may be shared with 1,000 entities, unless the account's quota was raised: which only EC2 knows. It takes all or none
/// of a request, and says so to whoever uploaded the manifest; with one less, all are there.
#[tokio::test(start_paused = true)]
async fn over_the_quota_of_entities_nothing_is_shared() {
    let stack = stack().await;
    let bare = stack.manifest("web");
    let shared = |count: u64| {
        let accounts = (1..=count).map(|number| format!("'{:012}'", 111_111_000_000 + number));
        let accounts: Vec<String> = accounts.collect();
        format!("{bare}access: {{accounts: [{}]}}\n", accounts.join(", "))
    };
    stack.drop_and_rest(KEY, shared(1001)).await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    assert_eq!(stack.only_image().launch_permissions.len(), 0);
    let email = stack.only_email();
    for words in ["your quota of 1000", "Service Quotas"] {
        assert!(email.text.contains(words), "{}", email.text);
    }
    stack.drop_and_rest(KEY, shared(1000)).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.only_image().launch_permissions.len(), 1000);
    let calls = changes_by_name(&stack, 0);
    stack.drop_and_rest(KEY, shared(1000)).await;
    assert_eq!(changes_by_name(&stack, 0), calls);
}

/// What only EC2 can tell, it tells before anything else is set.
#[tokio::test(start_paused = true)]
async fn what_ec2_alone_can_refuse_to_share_changes_nothing_else() {
    let encrypted = SeedSnapshot {
        encrypted: true,
        ..SeedSnapshot::default()
    };
    let shared = format!("access: {{accounts: ['{PARTNER}']}}\n");
    let cases = [
        (SeedSnapshot::default(), "access: {public: true}\n"),
        (encrypted, shared.as_str()),
    ];
    for (seed, access) in cases {
        let mut stack = stack().await;
        let ec2 = stack.world.ec2();
        ec2.set_public_image_quota(0);
        stack.snapshot = ec2.seed_snapshot(REGION, seed);
        let bare = stack.manifest("web-{digest}");
        stack.drop_and_rest(KEY, &bare).await;
        let before = stack.only_image();
        let settings = format!("description: Web tier\ntags: {{team: web}}\n{access}");
        let manifest = format!("{bare}{settings}");
        stack.drop_and_rest(KEY, manifest).await;
        assert_eq!(stack.status(KEY).await["state"], "incomplete", "{access}");
        assert_eq!(stack.only_image(), before, "{access}");
    }
}

/// What EC2 calls cannot tell, EC2 refuses: the snapshot comes first, and nothing is shared.
#[tokio::test(start_paused = true)]
async fn what_is_encrypted_with_the_key_of_aws_is_not_shared() {
    let mut stack = stack().await;
    let snapshot = SeedSnapshot {
        encrypted: true,
        ..SeedSnapshot::default()
    };
    stack.snapshot = stack.world.ec2().seed_snapshot(REGION, snapshot);
    for access in ["", ", copy: true"] {
        let settings = format!("access: {{accounts: ['{PARTNER}']{access}}}\n");
        let manifest = stack.manifest("web-{digest}");
        stack
            .drop_and_rest(KEY, format!("{manifest}{settings}"))
            .await;
        assert_eq!(stack.status(KEY).await["state"], "incomplete");
        assert_eq!(stack.only_image().launch_permissions.len(), 0);
        let email = stack.emails().pop().unwrap();
        assert!(email.text.contains("a key of your own"), "{}", email.text);
    }
}

/// It does not become available by waiting.
#[tokio::test(start_paused = true)]
async fn an_ami_that_somebody_has_disabled_is_told_at_once() {
    for region in [REGION, OREGON] {
        let stack = stack().await;
        let bare = format!("{}regions: {{{OREGON}: {{}}}}\n", stack.manifest("web"));
        stack.drop_and_rest(KEY, &bare).await;
        let ec2 = stack.world.ec2();
        let image = ec2.images(region).remove(0).id;
        ec2.edit_image(region, &image, |it| it.state = ImageState::Disabled);
        let tagged = format!("{bare}tags: {{team: web}}\n");
        stack.drop_file(KEY, &tagged).await;
        stack.world.run_for(crate::support::minutes(3)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "incomplete", "{region}: {status:#}");
        let email = stack.emails().pop().unwrap();
        let text = email.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let enable = format!("aws ec2 enable-image --region {region} --image-id {image}");
        for words in [&format!("{image} in {region} is disabled"), &enable] {
            assert!(text.contains(words.as_str()), "{}", email.text);
        }

        let enabled = |it: &mut localaws::ec2::Image| it.state = ImageState::Available;
        stack.world.ec2().edit_image(region, &image, enabled);
        stack.retry(KEY).await;
        assert_eq!(stack.status(KEY).await["state"], "available", "{region}");
        for region in [REGION, OREGON] {
            let image = stack.world.ec2().images(region).remove(0);
            assert_eq!(image.tags["team"], "web");
        }
    }
}

/// The AMI is there already, and is found again by the manifest.
#[tokio::test(start_paused = true)]
async fn an_ami_that_was_disabled_while_its_manifest_was_away_is_told_at_once() {
    let stack = stack().await;
    let manifest = stack.manifest("web-{digest}");
    stack.drop_and_rest(KEY, &manifest).await;
    let image = stack.only_image();
    stack.remove(KEY).await;
    stack.rest().await;
    let set = |state: ImageState| {
        let ec2 = stack.world.ec2();
        ec2.edit_image(REGION, &image.id, |it| it.state = state);
    };
    set(ImageState::Disabled);
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(crate::support::minutes(3)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    let email = stack.last_email();
    let enable = format!(
        "aws ec2 enable-image --region {REGION} --image-id {}",
        image.id
    );
    let is_disabled = format!("{} in {REGION} is disabled", image.id);
    for words in [is_disabled.as_str(), &enable, "the AMI is kept as it is"] {
        assert!(email.contains(words), "{email}");
    }
    for _ in 0..3 {
        stack.retry(KEY).await;
        let status = stack.status(KEY).await;
        assert_eq!(
            status["previous"].as_array().unwrap().len(),
            1,
            "{status:#}"
        );
        assert!(!stack.last_email().contains("previous AMI"), "{email}");
    }
    let emails = stack.emails().len();
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(stack.emails().len(), emails);

    set(ImageState::Available);
    stack.retry(KEY).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.only_image().id, image.id);
}

/// Without its status the image is of its first attempt again, and so all that it finds is its own.
#[tokio::test(start_paused = true)]
async fn an_ami_that_is_disabled_is_not_deleted_although_its_status_was_lost() {
    let stack = stack().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    let ec2 = stack.world.ec2();
    let image = stack.only_image().id;
    ec2.edit_image(REGION, &image, |it| it.state = ImageState::Disabled);
    stack.world.run_for(crate::support::minutes(25 * 60)).await;
    let state = stack.world.directory().join("s3").join(&stack.state_bucket);
    std::fs::remove_file(state.join(format!("status/{KEY}.json"))).unwrap();
    stack.world.run_for(crate::support::minutes(61)).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(stack.only_image().id, image);
    let email = stack.last_email();
    assert!(email.contains("aws ec2 enable-image"), "{email}");
    assert!(!email.contains("Deleted"), "{email}");
}

/// A read that is refused for good is told in minutes, as a change is; one that may pass is waited for.
#[tokio::test(start_paused = true)]
async fn a_read_that_is_refused_for_good_is_told_soon() {
    for (code, state) in [
        ("UnauthorizedOperation", "incomplete"),
        ("InternalError", "working"),
    ] {
        let stack = stack().await;
        let fault = crate::support::refused(code);
        let fault = match (code, fault) {
            ("InternalError", localaws::faults::Fault::Refuse { code, message, .. }) => {
                let status = http::StatusCode::INTERNAL_SERVER_ERROR;
                localaws::faults::Fault::Refuse {
                    status,
                    code,
                    message,
                }
            }
            (_, fault) => fault,
        };
        let faults = stack.world.faults();
        faults.always("ec2", "DescribeImageAttribute", fault);
        let settings = format!("access: {{accounts: ['{PARTNER}']}}\n");
        stack
            .drop_file(KEY, stack.manifest("web") + &settings)
            .await;
        stack.world.run_for(crate::support::minutes(40)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], state, "{code}: {status:#}");
        stack.world.faults().clear();
    }
}
