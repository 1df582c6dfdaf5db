//! What would be encrypted with the key that AWS manages, and is to be shared, is refused before it is made.

use localaws::ec2::{ImageBlock, SeedSnapshot};

use crate::support::{REGION, TestStack, changes_by_name, vmdk};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
const OWN_KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab";
const SHARED: &str = "access: {accounts: ['111122223333'], copy: true}\n";
const PUBLIC: &str = "access: {public: true}\n";
const DISK: &str = "{disk: {object: web.vmdk, format: vmdk}}";
const MANAGED: [&str; 3] = [
    "the key that AWS manages",
    "cannot be shared",
    "`kmsKeyId` of the source",
];
const VOLUME: [&str; 3] = ["an encrypted volume", "cannot be public", "unencrypted"];

async fn stack() -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowPublic", "true")
            .parameter("KmsKeys", OWN_KEY)
    })
    .await;
    let ec2 = stack.world.ec2();
    ec2.set_image_block(REGION, ImageBlock::Unblocked);
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack
}

fn encrypted(source: &str) -> String {
    source.replace("format: vmdk", "format: vmdk, encrypted: true")
}

fn manifest(source: &str, settings: &str) -> String {
    format!("name: web-{{digest}}\nsource: {source}\n{settings}")
}

/// Uploads it twice; checks that nothing is made of it, and that the email has these words.
async fn refused(stack: &TestStack, manifest: &str, words: [&str; 3]) {
    let before = changes_by_name(stack, 0);
    for _ in 0..2 {
        stack.drop_and_rest(KEY, manifest).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "failed", "{manifest}: {status:#}");
        assert_eq!(changes_by_name(stack, 0), before, "{manifest}");
        let email = stack.emails().pop().unwrap();
        let text = email.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in words {
            assert!(text.contains(words), "{words} is not in\n{}", email.text);
        }
    }
}

/// Uploads it twice; checks that it is made and published once.
async fn published(stack: &TestStack, manifest: &str) {
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{manifest}: {status:#}");
    let (changes, emails) = (changes_by_name(stack, 0), stack.emails().len());
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(changes_by_name(stack, 0), changes, "{manifest}");
    assert_eq!(stack.emails().len(), emails, "{manifest}");
}

/// How often the account's settings were read.
fn looks(stack: &TestStack) -> (usize, usize) {
    let count = |action| stack.count(action);
    (
        count("GetEbsEncryptionByDefault"),
        count("GetEbsDefaultKmsKeyId"),
    )
}

#[tokio::test(start_paused = true)]
async fn what_is_imported_encrypted_with_the_key_of_aws_is_not_imported_to_be_shared() {
    let vm = "{vm: {object: web.vmdk, format: vmdk}}";
    for source in [DISK, vm] {
        for (by_default, access, words) in [
            (false, SHARED, MANAGED),
            (true, SHARED, MANAGED),
            (true, PUBLIC, VOLUME),
        ] {
            let stack = stack().await;
            let ec2 = stack.world.ec2();
            ec2.set_encryption_by_default(REGION, by_default, None);
            let source = match by_default {
                true => source.to_owned(),
                false => encrypted(source),
            };
            refused(&stack, &manifest(&source, access), words).await;
        }
        // What was in the way is taken away, and the same is asked for again.
        let stack = stack().await;
        let ec2 = stack.world.ec2();
        ec2.set_encryption_by_default(REGION, true, None);
        refused(&stack, &manifest(source, SHARED), MANAGED).await;
        ec2.set_encryption_by_default(REGION, true, Some(OWN_KEY));
        stack.retry(KEY).await;
        published(&stack, &manifest(source, SHARED)).await;
        assert_eq!(stack.only_image().launch_permissions.len(), 1);
    }
}

/// Nothing is asked where nothing is shared, and nothing that the manifest says already.
#[tokio::test(start_paused = true)]
async fn the_settings_of_the_account_are_read_where_they_decide() {
    let with_key = format!("format: vmdk, encrypted: true, kmsKeyId: '{OWN_KEY}'");
    let with_key = DISK.replace("format: vmdk", &with_key);
    let cases = [
        (encrypted(DISK), "", (0, 0)),
        (with_key, SHARED, (0, 0)),
        (DISK.to_owned(), SHARED, (1, 0)),
        (DISK.to_owned(), PUBLIC, (1, 0)),
    ];
    for (source, access, expected) in cases {
        let stack = stack().await;
        published(&stack, &manifest(&source, access)).await;
        assert_eq!(looks(&stack), expected, "{source} {access}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_restored_encrypted_with_the_key_of_aws_is_not_restored_to_be_shared() {
    let stack = stack().await;
    let stored = stack.manifest("stored") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.drop_and_rest("stored.image.yaml", stored).await;
    let object = format!("{}.bin", stack.only_image().id);
    let source = format!("{{stored: {{object: s3://{}/{object}}}}}", stack.bucket);
    let ec2 = stack.world.ec2();
    ec2.set_encryption_by_default(REGION, true, None);
    refused(&stack, &manifest(&source, SHARED), MANAGED).await;
    ec2.set_encryption_by_default(REGION, true, Some(OWN_KEY));
    stack.retry(KEY).await;
    published(&stack, &manifest(&source, SHARED)).await;
}

/// A copy of what is encrypted in another Region gets the key by default; within the Region, it keeps its key.
#[tokio::test(start_paused = true)]
async fn what_is_copied_encrypted_with_the_key_of_aws_is_not_copied_to_be_shared() {
    for (is_encrypted, by_default, asks, is_refused) in [
        (false, true, false, true),
        (true, false, false, true),
        (false, false, true, true),
        (false, false, false, false),
    ] {
        let stack = stack().await;
        let ec2 = stack.world.ec2();
        let snapshot = SeedSnapshot {
            encrypted: is_encrypted,
            ..SeedSnapshot::default()
        };
        let id = stack.image_of(OREGON, snapshot).await;
        ec2.set_encryption_by_default(REGION, by_default, None);
        let encrypted = if asks { ", encrypted: true" } else { "" };
        let source = format!("{{image: {{id: {id}, region: {OREGON}{encrypted}}}}}");
        let manifest = manifest(&source, SHARED);
        match is_refused {
            true => refused(&stack, &manifest, MANAGED).await,
            false => published(&stack, &manifest).await,
        }
    }
}

/// An AMI that is there already is not refused for what a new one would be.
#[tokio::test(start_paused = true)]
async fn an_ami_that_is_there_is_shared_whatever_a_new_one_would_be() {
    let stack = stack().await;
    published(&stack, &manifest(DISK, "")).await;
    let ec2 = stack.world.ec2();
    ec2.set_encryption_by_default(REGION, true, None);
    published(&stack, &manifest(DISK, SHARED)).await;
    assert_eq!(stack.only_image().launch_permissions.len(), 1);
    assert_eq!(stack.count("ImportSnapshot"), 1);
}
