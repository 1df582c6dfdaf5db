//! Manifests that ask for what the stack's owner has not opened, and the same once that is opened.

use crate::support::{BUNDLE_MANIFEST, BUNDLE_PART, Email, REGION, TestStack, vmdk};
use localaws::ec2::{SeedImage, SeedSnapshot, TaskKind};

const KEY: &str = "golden/web.image.yaml";
/// The account that shares something with the stack's.
pub(super) const STRANGER: &str = "111122223333";

/// Calls that make, change or remove something in EC2.
fn changes(stack: &TestStack) -> Vec<String> {
    let calls = stack.world.calls();
    let changing = calls.iter().filter(|call| {
        call.service != "s3" && call.service != "sns" && !call.action.starts_with("Describe")
    });
    changing.map(|call| call.action.clone()).collect()
}

/// Drops a manifest that is to be rejected, twice, and gives the one email.
async fn rejected(stack: &TestStack, manifest: &str) -> Email {
    let before = changes(stack);
    let (images, snapshots) = (stack.images(), stack.snapshots());
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected", "{status:#}");
    let emails = stack.emails();
    let email = emails.last().unwrap();
    assert!(email.subject.starts_with("Rejected"), "{email:#?}");
    assert_eq!(changes(stack), before);
    assert_eq!((stack.images(), stack.snapshots()), (images, snapshots));
    email.clone()
}

#[tokio::test(start_paused = true)]
async fn what_reaches_beyond_the_account_is_refused_unless_a_parameter_allows_it() {
    let stack = TestStack::built(|builder| builder.parameter("StoreBuckets", "")).await;
    let asks = [
        (
            "access: {accounts: [\"123456789012\"]}",
            "123456789012",
            "ShareWith",
        ),
        ("access: {public: true}", "to true", "AllowPublic"),
        ("regions: {us-west-2: {}}", "us-west-2", "CopyRegions"),
        (
            "parameters: [/images/web]",
            "/images/web",
            "ParameterPrefix",
        ),
        ("onDelete: deregister", "to true", "AllowRetire"),
        ("replaces: {previous: deregister}", "to true", "AllowRetire"),
        (
            "store: {bucket: archive}",
            "arn:aws:s3:::archive",
            "StoreBuckets",
        ),
    ];
    for (number, (field, adds, parameter)) in asks.into_iter().enumerate() {
        let email = rejected(&stack, &(stack.manifest("web") + field + "\n")).await;
        let lines: Vec<&str> = email.text.lines().collect();
        let text = lines.join(" ");
        assert!(text.contains(parameter) && text.contains(adds), "{text}");
        // At its line.
        assert!(text.contains("4:"), "{text}");
        assert_eq!(stack.emails().len(), number + 1);
    }
    // Uploaded once more, it is still not allowed, and no second notice is sent.
    let (field, ..) = asks[6];
    stack
        .drop_and_rest(KEY, stack.manifest("web") + field + "\n")
        .await;
    assert_eq!(stack.emails().len(), asks.len());
    assert_eq!(stack.images(), []);
}

#[tokio::test(start_paused = true)]
async fn a_disk_is_read_only_from_buckets_that_a_parameter_lists() {
    let disk = "name: web\nsource:\n  disk: {object: s3://disks/web.vmdk, format: vmdk}\n";
    let stack = TestStack::new().await;
    let email = rejected(&stack, disk).await;
    assert!(email.text.contains("SourceBuckets"), "{}", email.text);
    let calls = stack.world.calls();
    let foreign = calls
        .iter()
        .filter(|it| it.bucket.as_deref() == Some("disks"));
    assert_eq!(foreign.count(), 0, "not even described");

    // The hint is obeyed, the other way: the disk beside the manifest.
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let beside = disk.replace("s3://disks/", "");
    stack.drop_and_rest(KEY, beside).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

/// A snapshot that another account shares with the stack's.
pub(crate) fn foreign_snapshot(stack: &TestStack) -> String {
    let shared = SeedSnapshot {
        owner_id: Some(STRANGER.to_owned()),
        shared: true,
        ..SeedSnapshot::default()
    };
    stack.world.ec2().seed_snapshot(REGION, shared)
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_account_is_used_only_if_its_owner_is_listed() {
    let stack = TestStack::new().await;
    let id = foreign_snapshot(&stack);
    let manifest = format!("name: web\nsource:\n  snapshot: {{id: {id}}}\n");
    let email = rejected(&stack, &manifest).await;
    for text in [
        "3:18",
        &id,
        STRANGER,
        "adds 111122223333 to the parameter SourceOwners",
    ] {
        assert!(
            email.text.replace("\n", " ").contains(text),
            "{text}: {}",
            email.text
        );
    }

    // A volume beside the root is checked, too.
    let volume = stack.manifest("web")
        + &format!(
            "register:\n  blockDeviceMappings:\n  - {{deviceName: /dev/xvda, ebs: {{}}}}\n  - {{deviceName: /dev/sdf, ebs: {{snapshotId: {id}}}}}\n"
        );
    let email = rejected(&stack, &volume).await;
    assert!(email.text.contains(STRANGER), "{}", email.text);

    // So it is beside a disk, before hours of importing.
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let source = format!("snapshot: {{id: {}}}", stack.snapshot);
    let disk = volume.replace(&source, "disk: {object: web.vmdk, format: vmdk}");
    assert_ne!(disk, volume);
    let email = rejected(&stack, &disk).await;
    assert!(email.text.contains(STRANGER), "{}", email.text);
    assert_eq!(stack.count("ImportSnapshot"), 0);

    for owners in ["self,111122223334", "amazon"] {
        let stack = TestStack::built(|builder| builder.parameter("SourceOwners", owners)).await;
        let id = foreign_snapshot(&stack);
        let manifest = format!("name: web\nsource:\n  snapshot: {{id: {id}}}\n");
        rejected(&stack, &manifest).await;
    }
    let stack = TestStack::built(|builder| builder.parameter("SourceOwners", STRANGER)).await;
    let id = foreign_snapshot(&stack);
    let manifest = format!("name: web\nsource:\n  snapshot: {{id: {id}}}\n");
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    // The account's own need not be listed.
    stack
        .drop_and_rest("own.image.yaml", stack.manifest("own"))
        .await;
    assert_eq!(stack.status("own.image.yaml").await["state"], "available");
    assert_eq!(stack.images().len(), 2);
    let calls = stack.world.calls().len();
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(stack.images().len(), 2);
    assert!(stack.world.calls().len() > calls);
}

/// An AMI in another Region that is public.
pub(crate) fn foreign_image(stack: &TestStack) -> String {
    let snapshot_id = stack.world.ec2().seed_snapshot(
        "us-west-2",
        SeedSnapshot {
            owner_id: Some("137112412989".to_owned()),
            shared: true,
            ..SeedSnapshot::default()
        },
    );
    let image = SeedImage {
        id: None,
        name: "al2023".to_owned(),
        snapshot_id,
        volume_size: 8,
        owner_id: Some("137112412989".to_owned()),
        owner_alias: Some("amazon".to_owned()),
    };
    stack.world.ec2().seed_image("us-west-2", image)
}

#[tokio::test(start_paused = true)]
async fn an_ami_of_another_account_is_copied_only_if_its_owner_is_listed() {
    for owners in ["self", "aws-marketplace,111122223333"] {
        let stack = TestStack::built(|builder| builder.parameter("SourceOwners", owners)).await;
        let id = foreign_image(&stack);
        let manifest = format!("name: web\nsource:\n  image: {{id: {id}, region: us-west-2}}\n");
        let email = rejected(&stack, &manifest).await;
        let text = email.text.replace('\n', " ");
        assert!(
            text.contains("the account `137112412989` (`amazon`)"),
            "{text}"
        );
        assert!(text.contains("SourceOwners"), "{text}");
    }
    for owners in ["137112412989", "amazon"] {
        let stack = TestStack::built(|builder| builder.parameter("SourceOwners", owners)).await;
        let id = foreign_image(&stack);
        let manifest = format!("name: web\nsource:\n  image: {{id: {id}, region: us-west-2}}\n");
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.status(KEY).await["state"], "available");
        // A copy is this account's own.
        assert_eq!(stack.only_image().owner_id, "000000000000");
    }
}

/// A rejected manifest is judged again when it is uploaded again: its writer need change nothing in it.
#[tokio::test(start_paused = true)]
async fn what_a_parameter_allows_meanwhile_is_accepted_when_uploaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = |stack: &TestStack| stack.manifest("web") + "store: {bucket: local-bucket}\n";
    let stack = TestStack::built(|builder| {
        builder
            .directory(Some(folder.path()))
            .parameter("StoreBuckets", "")
    })
    .await;
    let snapshot = stack.snapshot.clone();
    let text = manifest(&stack);
    rejected(&stack, &text).await;
    stack.world.close().await;

    let stack = TestStack::built(|builder| builder.directory(Some(folder.path()))).await;
    stack.drop_and_rest(KEY, &text).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let image = stack.only_image();
    assert_eq!(status["regions"][REGION]["snapshots"][0], snapshot.as_str());
    assert_eq!(status["regions"][REGION]["image"], image.id.as_str());
}

/// Also one that was rejected while it waited for its bundle, which is still not there.
#[tokio::test(start_paused = true)]
async fn what_was_closed_while_a_bundle_was_waited_for_is_accepted_when_uploaded_again() {
    let (stack, _) = TestStack::classic().await;
    let share_with = |whom: &str| {
        let parameter = ("ShareWith".to_owned(), whom.to_owned());
        stack.update_stack(&[parameter].into());
    };
    share_with(STRANGER);
    let text = format!(
        "name: web\nsource: {{bundle: {{manifest: image.manifest.xml}}}}\naccess: {{accounts: ['{STRANGER}']}}\n"
    );
    stack.drop_file(KEY, &text).await;
    stack.world.settle().await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "check-bundle");
    share_with("");
    rejected(&stack, &text).await;

    share_with(STRANGER);
    stack.drop_file(KEY, &text).await;
    stack.world.settle().await;
    assert_eq!(stack.status(KEY).await["state"], "working");
    stack.drop_file("golden/image.part.0", BUNDLE_PART).await;
    let manifest = "golden/image.manifest.xml";
    stack.drop_file(manifest, BUNDLE_MANIFEST).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
}

/// What is closed while an image is on its way is not done any more.
#[tokio::test(start_paused = true)]
async fn what_a_parameter_forbids_meanwhile_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let stack = TestStack::built(|builder| builder.directory(Some(folder.path()))).await;
    stack.world.faults().always(
        "ec2",
        "CreateStoreImageTask",
        localaws::faults::Fault::Throttle,
    );
    let text = stack.manifest("web") + "store: {bucket: local-bucket}\n";
    stack.drop_file(KEY, &text).await;
    stack.world.run_for(crate::support::minutes(3)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "store-image");
    stack.world.close().await;

    let stack = TestStack::built(|builder| {
        builder
            .directory(Some(folder.path()))
            .parameter("StoreBuckets", "")
    })
    .await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let kind = &status["build"]["failure"]["kind"];
    assert_eq!(kind, "manifest-not-allowed", "{status:#}");
    assert_eq!(stack.count("CreateStoreImageTask"), 0);
    let email = stack.emails().pop().unwrap();
    let text = email.text.replace('\n', " ");
    assert!(text.contains("adds arn:aws:s3:::local-bucket to"), "{text}");
    assert!(!text.contains("AWS said"), "{text}");
}

/// It is there already, and is not told as if it had them.
#[tokio::test(start_paused = true)]
async fn a_virtual_machine_whose_tags_are_forbidden_during_its_import_is_incomplete() {
    let folder = tempfile::tempdir().unwrap();
    let with = |keys: &'static str| {
        let folder = folder.path();
        TestStack::built(move |builder| builder.directory(Some(folder)).parameter("TagKeys", keys))
    };
    let stack = with("").await;
    let time = crate::support::minutes(60);
    stack.world.ec2().set_task_time(TaskKind::ImportImage, time);
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let manifest = "name: web\nsource: {vm: {object: web.vmdk, format: vmdk}}\ntags: {team: web}\n";
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(crate::support::minutes(10)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["step"], "await-task", "{status:#}");
    stack.world.close().await;

    let stack = with("owner").await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert!(!stack.only_image().tags.contains_key("team"));
    let email = stack.emails().pop().unwrap();
    let text = email.text.replace('\n', " ");
    assert!(
        text.contains("adds team to the parameter TagKeys"),
        "{text}"
    );
    let emails = stack.emails().len();
    stack.world.run_for(crate::support::minutes(30)).await;
    assert_eq!(stack.emails().len(), emails);
}

/// What is closed while EC2 imports a disk: nothing is registered, what was imported is deleted, and the email says
/// what the stack's owner would have to open.
#[tokio::test(start_paused = true)]
async fn what_a_parameter_forbids_during_an_import_is_named_in_the_email() {
    const KMS: &str = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let disk = "name: web\nsource:\n  disk: {object: web.vmdk, format: vmdk}\n";
    let volumes = "register:\n  blockDeviceMappings:\n  - {deviceName: /dev/xvda, ebs: {}}\n  - {deviceName: /dev/sdf, ebs: {snapshotId: SNAPSHOT}}\n";
    let cases = [
        (
            "SourceBuckets",
            ["arn:aws:s3:::disks", ""],
            disk.replace("web.vmdk", "s3://disks/web.vmdk"),
            "arn:aws:s3:::disks",
        ),
        (
            "SourceOwners",
            [STRANGER, ""],
            disk.to_owned() + volumes,
            STRANGER,
        ),
        (
            "KmsKeys",
            [KMS, ""],
            disk.replace(
                "vmdk}",
                &format!("vmdk, encrypted: true, kmsKeyId: '{KMS}'}}"),
            ),
            KMS,
        ),
        (
            "TagKeys",
            ["", "owner"],
            disk.to_owned() + "tags: {team: web}\n",
            "team",
        ),
    ];
    for (parameter, [before, after], manifest, adds) in cases {
        let folder = tempfile::tempdir().unwrap();
        let with = |value: &'static str| {
            let folder = folder.path();
            TestStack::built(move |builder| {
                builder.directory(Some(folder)).parameter(parameter, value)
            })
        };
        let stack = with(before).await;
        let id = foreign_snapshot(&stack);
        let ec2 = stack.world.ec2();
        ec2.set_task_time(TaskKind::ImportSnapshot, crate::support::minutes(60));
        let s3 = stack.world.s3();
        s3.create_bucket("disks", false).await.unwrap();
        s3.put("disks", "web.vmdk", vmdk()).await.unwrap();
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        stack
            .drop_file(KEY, manifest.replace("SNAPSHOT", &id))
            .await;
        stack.world.run_for(crate::support::minutes(10)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["build"]["step"], "await-task", "{status:#}");
        stack.world.close().await;

        let stack = with(after).await;
        let others = stack.snapshots().len();
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "failed", "{status:#}");
        let kind = &status["build"]["failure"]["kind"];
        assert_eq!(kind, "manifest-not-allowed", "{status:#}");
        assert_eq!(stack.count("RegisterImage"), 0);
        assert!(stack.snapshots().len() <= others);
        let email = stack.emails().pop().unwrap();
        let text = email.text.replace('\n', " ");
        let opening = format!("adds {adds} to the parameter {parameter}");
        assert!(text.contains(&opening), "{text}");
        assert!(!text.contains("bundle the instance"), "{text}");
    }
}
