//! A manifest that the stack refuses is uploaded again, unchanged: it is told once, until the stack refuses something else or
//! nothing any more.

use super::guardrails::{foreign_image, foreign_snapshot};
use crate::support::{TestStack, minutes, vmdk};

const KEY: &str = "golden/web.image.yaml";
const DISK: &str = "name: web\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
const PARTNER: &str = "111122223333";
const KMS: &str = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Sets a parameter of the stack.
fn set(stack: &TestStack, parameter: &str, value: &str) {
    stack.update_stack(&[(parameter.to_owned(), value.to_owned())].into());
}

/// Uploads the manifest, which is to be rejected; `told` is how many emails there are by then.
async fn rejected(stack: &TestStack, manifest: &str, told: usize) {
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected", "{manifest}{status:#}");
    let subjects = stack.subjects();
    assert_eq!(subjects.len(), told, "{manifest}{subjects:#?}");
    assert!(subjects[told - 1].starts_with("Rejected"), "{subjects:#?}");
    // The sweep does not come back to it.
    stack.world.run_for(minutes(31)).await;
    assert_eq!(stack.subjects().len(), told, "{manifest}");
}

/// Uploads the manifest, which waits for its disk.
async fn waits_for_disk(stack: &TestStack, manifest: &str) {
    stack.drop_file(KEY, manifest).await;
    stack.world.settle().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "working", "{manifest}{status:#}");
    assert_eq!(status["build"]["step"], "check-object", "{status:#}");
}

/// Rejected while it waited for its disk.
#[tokio::test(start_paused = true)]
async fn what_is_closed_while_a_disk_is_waited_for_is_told_once() {
    let buckets = "arn:aws:s3:::disks";
    let elsewhere = DISK.replace("web.vmdk", "s3://disks/web.vmdk");
    let keyed = format!("vmdk, encrypted: true, kmsKeyId: '{KMS}'}}");
    let cases = [
        (
            "ShareWith",
            [PARTNER, ""],
            format!("{DISK}access: {{accounts: ['{PARTNER}']}}\n"),
        ),
        (
            "AllowPublic",
            ["true", "false"],
            DISK.to_owned() + "access: {public: true}\n",
        ),
        (
            "AllowRetire",
            ["true", "false"],
            DISK.to_owned() + "onDelete: deregister\n",
        ),
        (
            "CopyRegions",
            ["us-west-2", ""],
            DISK.to_owned() + "regions: {us-west-2: {}}\n",
        ),
        (
            "ParameterPrefix",
            ["/images", ""],
            DISK.to_owned() + "parameters: [/images/web]\n",
        ),
        ("SourceBuckets", [buckets, ""], elsewhere),
        (
            "StoreBuckets",
            ["arn:aws:s3:::archive", ""],
            DISK.to_owned() + "store: {bucket: archive}\n",
        ),
        ("KmsKeys", [KMS, ""], DISK.replace("vmdk}", &keyed)),
        (
            "TagKeys",
            ["", "owner"],
            DISK.to_owned() + "tags: {team: web}\n",
        ),
    ];
    for (parameter, [open, closed], manifest) in cases {
        let stack = TestStack::new().await;
        let s3 = stack.world.s3();
        s3.create_bucket("disks", false).await.unwrap();
        set(&stack, parameter, open);
        waits_for_disk(&stack, &manifest).await;
        set(&stack, parameter, closed);
        for _ in 0..2 {
            rejected(&stack, &manifest, 1).await;
        }

        set(&stack, parameter, open);
        waits_for_disk(&stack, &manifest).await;
        assert_eq!(stack.emails().len(), 1, "{parameter}");
    }
}

/// The disk is right when the manifest is uploaded again, and by then the stack refuses something else.
#[tokio::test(start_paused = true)]
async fn another_reason_is_told() {
    let manifest = format!("{DISK}access: {{accounts: ['{PARTNER}']}}\ntags: {{team: web}}\n");
    let stack = TestStack::new().await;
    set(&stack, "ShareWith", PARTNER);
    stack.drop_file("golden/web.vmdk", "not a disk").await;
    rejected(&stack, &manifest, 1).await;

    stack.drop_file("golden/web.vmdk", vmdk()).await;
    set(&stack, "ShareWith", "");
    for _ in 0..2 {
        rejected(&stack, &manifest, 2).await;
    }
    assert!(stack.last_email().contains("ShareWith"));
    // What is closed now is another thing again.
    set(&stack, "ShareWith", PARTNER);
    set(&stack, "TagKeys", "owner");
    for _ in 0..2 {
        rejected(&stack, &manifest, 3).await;
    }
    let email = stack.last_email();
    assert!(email.contains("TagKeys"), "{email}");
    assert!(!email.contains("ShareWith"), "{email}");

    set(&stack, "TagKeys", "");
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
}

/// Whose a source is only EC2 says: a snapshot's, an AMI's that is copied, that of a volume beside a disk.
#[tokio::test(start_paused = true)]
async fn a_source_of_an_owner_who_is_not_listed_is_told_once() {
    for kind in ["snapshot", "image", "volume"] {
        let stack = TestStack::new().await;
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        let (source, owner) = match kind {
            "image" => {
                let id = foreign_image(&stack);
                let source = format!("source: {{image: {{id: {id}, region: us-west-2}}}}\n");
                (format!("name: web\n{source}"), "137112412989")
            }
            "snapshot" => {
                let source = format!(
                    "source: {{snapshot: {{id: {}}}}}\n",
                    foreign_snapshot(&stack)
                );
                (format!("name: web\n{source}"), PARTNER)
            }
            _ => {
                let id = foreign_snapshot(&stack);
                let volumes = format!(
                    "register:\n  blockDeviceMappings:\n  - {{deviceName: /dev/xvda, ebs: {{}}}}\n  - {{deviceName: /dev/sdf, ebs: {{snapshotId: {id}}}}}\n"
                );
                (format!("{DISK}{volumes}"), PARTNER)
            }
        };
        for _ in 0..3 {
            rejected(&stack, &source, 1).await;
        }
        assert!(stack.last_email().contains("SourceOwners"), "{kind}");

        set(&stack, "SourceOwners", owner);
        stack.drop_and_rest(KEY, &source).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{kind} {status:#}");
    }
}

/// No stack accepts it.
#[tokio::test(start_paused = true)]
async fn a_key_that_no_tag_can_hold_is_told_once() {
    let stack = TestStack::new().await;
    let key = "we\u{200b}b.image.yaml";
    for _ in 0..2 {
        stack.drop_and_rest(key, stack.manifest("web")).await;
        assert_eq!(stack.status(key).await["state"], "rejected");
        assert_eq!(stack.emails().len(), 1);
    }
}
