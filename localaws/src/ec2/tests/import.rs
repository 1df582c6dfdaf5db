//! Disks and virtual machines that become snapshots and images.

use std::time::Duration;

use super::*;
use crate::ec2::{ImageState, SnapshotState, TaskKind};

const DISK: &str = "DiskContainer.Format=vmdk&DiskContainer.UserBucket.S3Bucket=disks&DiskContainer.UserBucket.S3Key=web.vmdk";
const VM: &str = "DiskContainer.1.Format=ova&DiskContainer.1.UserBucket.S3Bucket=disks&DiskContainer.1.UserBucket.S3Key=app.ova";

/// A world with a disk and a virtual machine in a bucket.
fn world() -> World {
    let world = World::new();
    world.put("disks/web.vmdk", Ok("KDMV and so on"));
    let ova = format!("{}ustar", "\0".repeat(257));
    world.put("disks/app.ova", Ok(&ova));
    world
}

impl World {
    async fn import(&self, fields: &str) -> String {
        let xml = self.ok("ImportSnapshot", fields).await;
        text(&xml, "importTaskId")
    }

    /// Status, message, progress of the only task.
    async fn task(&self, action: &str) -> (String, String, String) {
        let xml = self.ok(action, "").await;
        // A disk of a machine has a status of its own, before the task's.
        let of = |name| texts(&xml, name).pop().unwrap_or_default();
        (of("status"), of("statusMessage"), of("progress"))
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

fn shown_as(status: &str, message: &str, progress: &str) -> (String, String, String) {
    (status.to_owned(), message.to_owned(), progress.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_disk_becomes_a_snapshot_that_makes_an_image() {
    let world = world();
    let tags = "TagSpecification.1.ResourceType=import-snapshot-task&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b";
    let fields = format!("{DISK}&Description=web&Encrypted=true&KmsKeyId=alias/images&{tags}");
    let started = world.ok("ImportSnapshot", &fields).await;
    assert!(started.contains("<format>VMDK</format><kmsKeyId>alias/images</kmsKeyId><progress>0</progress><snapshotId></snapshotId><status>active</status><statusMessage>pending</statusMessage>"), "{started}");
    assert!(started.contains("<userBucket><s3Bucket>disks</s3Bucket><s3Key>web.vmdk</s3Key></userBucket></snapshotTaskDetail><tagSet>"));
    world.pass(20).await;
    let shown = world.task("DescribeImportSnapshotTasks").await;
    assert_eq!(shown, shown_as("active", "downloading/converting", "33"));
    world.pass(20).await;
    let id = text(
        &world.ok("DescribeImportSnapshotTasks", "").await,
        "snapshotId",
    );
    assert_eq!(world.snapshot(&id).state, SnapshotState::Pending);
    world.pass(20).await;
    let shown = world.task("DescribeImportSnapshotTasks").await;
    assert_eq!(shown, shown_as("completed", "", ""));
    let snapshot = world.snapshot(&id);
    assert_eq!(snapshot.state, SnapshotState::Completed);
    assert_eq!(
        (snapshot.encrypted, snapshot.kms_key_id.as_deref()),
        (true, Some("alias/images"))
    );
    let image = world
        .register("web", &format!("BlockDeviceMapping.1.Ebs.SnapshotId={id}"))
        .await;
    assert_eq!(world.image(&image).state, ImageState::Pending);
}

impl World {
    fn snapshot(&self, id: &str) -> crate::ec2::Snapshot {
        let mut all = self.ec2.snapshots(REGION).into_iter();
        all.find(|snapshot| snapshot.id == id).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_token_is_the_same_task() {
    let world = world();
    let id = world.import(&format!("{DISK}&ClientToken=once")).await;
    assert_eq!(world.import(&format!("{DISK}&ClientToken=once")).await, id);
    assert_ne!(world.import(&format!("{DISK}&ClientToken=twice")).await, id);
    let other = format!("{DISK}&ClientToken=once&Description=x");
    let other = world.refused("ImportSnapshot", &other).await;
    assert!(other.starts_with("IdempotentParameterMismatch"));
    let other = format!("{DISK}&ClientToken=twice&Encrypted=true");
    let other = world.refused("ImportSnapshot", &other).await;
    assert!(other.starts_with("IdempotentParameterMismatch"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_import_is_deleted_and_says_why() {
    let world = world();
    world
        .ec2
        .fail_next_task(TaskKind::ImportSnapshot, "ClientError: no");
    world.import(DISK).await;
    world.pass(30).await;
    let shown = world.task("DescribeImportSnapshotTasks").await;
    assert_eq!(shown, shown_as("deleting", "ClientError: no", ""));
    world.pass(30).await;
    let shown = world.task("DescribeImportSnapshotTasks").await;
    assert_eq!(shown, shown_as("deleted", "ClientError: no", ""));
    assert_eq!(world.ec2.snapshots(REGION).len(), 1);
    let world = World::new();
    world.put("disks/web.vmdk", Ok("not a disk"));
    world.import(DISK).await;
    world.pass(60).await;
    let (status, message, _) = world.task("DescribeImportSnapshotTasks").await;
    assert_eq!(status, "deleted");
    assert_eq!(
        message,
        "ClientError: Disk validation failed [Unsupported VMDK File Format]"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_imported_is_refused() {
    let world = world();
    let refused = async |fields: &str| world.refused("ImportSnapshot", fields).await;
    let lost = refused(&DISK.replace("web.", "lost.")).await;
    assert_eq!(lost, "InvalidParameter: Invalid S3 source location");
    let (_, elsewhere) = world.send_to("eu-west-1", "ImportSnapshot", DISK).await;
    assert_eq!(
        text(&elsewhere, "Message"),
        "The given S3 bucket is not local to the Region"
    );
    assert!(
        refused(&DISK.replace("vmdk&", "qcow2&"))
            .await
            .starts_with("InvalidParameter: Unknown")
    );
    assert!(
        refused("Description=x")
            .await
            .starts_with("MissingParameter")
    );
    assert!(
        refused(&format!("{DISK}&KmsKeyId=k"))
            .await
            .starts_with("InvalidParameterDependency")
    );
    assert!(
        refused(&format!("{DISK}&DiskContainer.Url=s3://a/b"))
            .await
            .starts_with("InvalidParameterCombination")
    );
    let no_role = refused(&format!("{DISK}&RoleName=other")).await;
    assert!(
        no_role.starts_with("InvalidParameter: The service role other does not exist"),
        "{no_role}"
    );
    world.ec2.set_service_roles(&[]);
    assert!(
        refused(DISK)
            .await
            .starts_with("InvalidParameter: The service role vmimport")
    );
}

#[tokio::test(start_paused = true)]
async fn a_virtual_machine_becomes_an_image() {
    let mut world = world();
    let tags = "TagSpecification.1.ResourceType=import-image-task&TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=web";
    let others = tags.replace("import-image-task", "image");
    let (_, refused) = world.send("ImportImage", &format!("{VM}&{others}")).await;
    assert_eq!(text(&refused, "Code"), "InvalidParameterValue");
    let fields =
        format!("{VM}&Architecture=x86_64&Platform=Windows&LicenseType=BYOL&BootMode=uefi&{tags}");
    let started = world.ok("ImportImage", &fields).await;
    let task = text(&started, "importTaskId");
    assert!(task.starts_with("import-ami-"));
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(world.task("DescribeImportImageTasks").await.0);
        world.pass(20).await;
    }
    seen.dedup();
    assert_eq!(seen, ["active", "validating", "converting", "updating"]);
    let event = world.events.recv().await.unwrap();
    let image = world.image(event.detail["ImageId"].as_str().unwrap());
    let xml = world
        .ok(
            "DescribeImportImageTasks",
            &format!("ImportTaskId.1={task}"),
        )
        .await;
    assert_eq!(text(&xml, "imageId"), image.id);
    assert_eq!((image.name, image.state), (task, ImageState::Available));
    assert_eq!(image.tags.len(), 0);
    let snapshot = image.block_device_mappings[0].ebs.as_ref().unwrap();
    let snapshot = world.snapshot(snapshot.snapshot_id.as_ref().unwrap());
    assert_eq!(snapshot.state, SnapshotState::Completed);
    let images = world.ok("DescribeImages", "").await;
    assert_eq!(text(&images, "platformDetails"), "Windows");
}

#[tokio::test(start_paused = true)]
async fn an_import_is_cancelled() {
    let world = world();
    let id = world.import(DISK).await;
    world.pass(40).await;
    assert_eq!(world.ec2.snapshots(REGION).len(), 1, "not visited");
    world.ok("DescribeImportSnapshotTasks", "").await;
    assert_eq!(world.ec2.snapshots(REGION).len(), 2);
    let cancel = format!("ImportTaskId={id}&CancelReason=no more");
    let xml = world.ok("CancelImportTask", &cancel).await;
    assert_eq!(
        (text(&xml, "previousState"), text(&xml, "state")),
        ("active".into(), "deleting".into())
    );
    world.pass(6).await;
    assert_eq!(
        world.task("DescribeImportSnapshotTasks").await,
        shown_as("deleted", "no more", "")
    );
    assert_eq!(world.ec2.snapshots(REGION).len(), 1);
    assert!(
        world
            .refused("CancelImportTask", &cancel)
            .await
            .starts_with("IncorrectState")
    );
    let lost = world
        .refused("CancelImportTask", "ImportTaskId=import-snap-x")
        .await;
    assert!(lost.starts_with("InvalidConversionTaskId.Malformed"));
}

#[tokio::test(start_paused = true)]
async fn tasks_are_listed_in_pages_by_filters_and_for_a_week() {
    let world = world();
    let ids: Vec<String> = [world.import(DISK).await, world.import(DISK).await].into();
    world.ok("ImportImage", VM).await;
    let first = world
        .ok("DescribeImportSnapshotTasks", "MaxResults=1")
        .await;
    let next = format!("MaxResults=1&NextToken={}", text(&first, "nextToken"));
    let second = world.ok("DescribeImportSnapshotTasks", &next).await;
    let mut listed = [
        texts(&first, "importTaskId"),
        texts(&second, "importTaskId"),
    ]
    .concat();
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    assert_eq!(text(&second, "nextToken"), "");
    let by_state = |state: &str| format!("Filters.1.Name=task-state&Filters.1.Value.1={state}");
    listed = texts(
        &world
            .ok("DescribeImportSnapshotTasks", &by_state("active"))
            .await,
        "importTaskId",
    );
    assert_eq!(listed.len(), 2);
    world.ec2.hide_task(&ids[0]);
    let lost = world
        .refused(
            "DescribeImportSnapshotTasks",
            &format!("ImportTaskId.1={}&ImportTaskId.2={}", ids[0], ids[1]),
        )
        .await;
    assert_eq!(
        lost,
        format!(
            "InvalidConversionTaskId.Malformed: The import task ids '[{}]' are invalid",
            ids[0]
        )
    );
    world.pass(60).await;
    listed = texts(
        &world
            .ok("DescribeImportSnapshotTasks", &by_state("completed"))
            .await,
        "importTaskId",
    );
    assert_eq!(listed, [ids[1].clone()]);
    assert_eq!(
        world.ec2.snapshots(REGION).len(),
        4,
        "what is hidden continues, and a machine's disk is on its way"
    );
    world.pass(7 * 86_400 + 1).await;
    assert_eq!(
        texts(
            &world.ok("DescribeImportSnapshotTasks", "").await,
            "importTaskId"
        ),
        [""; 0]
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_task_is_found_after_a_while_and_goes_on_after_a_restart() {
    let world = world();
    world.ec2.set_visibility_delay(Duration::from_secs(5));
    let id = world.import(&format!("{DISK}&ClientToken=once")).await;
    world.ok("ImportImage", VM).await;
    let by_id = format!("ImportTaskId.1={id}");
    assert!(
        world
            .refused("DescribeImportSnapshotTasks", &by_id)
            .await
            .starts_with("InvalidConversionTaskId")
    );
    world.pass(5).await;
    world.ok("DescribeImportSnapshotTasks", &by_id).await;
    let mut reborn = World::new();
    reborn.ec2.load(world.ec2.save()).unwrap();
    assert_eq!(reborn.import(&format!("{DISK}&ClientToken=once")).await, id);
    let event = reborn.events.recv().await.unwrap();
    assert_eq!(event.detail["State"], "available");
    reborn.ok("DescribeImportSnapshotTasks", &by_id).await;
    assert_eq!(
        reborn.task("DescribeImportSnapshotTasks").await.0,
        "completed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_was_just_made_is_found_after_a_while() {
    let world = world();
    world.import(DISK).await;
    world.ec2.set_visibility_delay(Duration::from_secs(60));
    world.pass(60).await;
    let task = world.ok("DescribeImportSnapshotTasks", "").await;
    let id = text(&task, "snapshotId");
    let by_id = format!("SnapshotId.1={id}");
    let tags = format!("ResourceId.1={id}&Tag.1.Key=a&Tag.1.Value=b");
    for (action, query) in [("DescribeSnapshots", &by_id), ("CreateTags", &tags)] {
        let refused = world.refused(action, query).await;
        assert!(refused.starts_with("InvalidSnapshot.NotFound"), "{refused}");
    }
    let listed = world.ok("DescribeSnapshots", "Owner.1=self").await;
    assert!(
        !texts(&listed, "snapshotId").contains(&id.clone()),
        "{listed}"
    );
    world.pass(60).await;
    world.ok("CreateTags", &tags).await;
    world.ok("DescribeSnapshots", &by_id).await;
    let listed = world.ok("DescribeTags", "").await;
    assert!(texts(&listed, "resourceId").contains(&id), "{listed}");
}

#[tokio::test(start_paused = true)]
async fn tasks_come_in_pages_even_without_a_page_size() {
    let world = world();
    for _ in 0..101 {
        world.import(DISK).await;
    }
    let first = world.ok("DescribeImportSnapshotTasks", "").await;
    assert_eq!(texts(&first, "importTaskId").len(), 100);
    let next = format!("NextToken={}", text(&first, "nextToken"));
    let second = world.ok("DescribeImportSnapshotTasks", &next).await;
    assert_eq!(texts(&second, "importTaskId").len(), 1);
    assert_eq!(text(&second, "nextToken"), "");
}

#[tokio::test(start_paused = true)]
async fn what_is_complete_is_not_cancelled() {
    let world = world();
    let id = world.import(DISK).await;
    world.pass(60).await;
    let cancel = format!("ImportTaskId={id}");
    let refused = world.refused("CancelImportTask", &cancel).await;
    assert_eq!(
        refused,
        format!("IncorrectState: The import task {id} is completed and cannot be cancelled")
    );
    let shown = world.task("DescribeImportSnapshotTasks").await;
    assert_eq!(shown, shown_as("completed", "", ""));
    assert_eq!(world.ec2.snapshots(REGION).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_import_is_shown_in_any_state_that_a_client_may_meet() {
    let world = world();
    let id = world.import(DISK).await;
    world.ec2.show_task_as(&id, Some("error"));
    let shown = world.task("DescribeImportSnapshotTasks").await;
    assert_eq!(shown, shown_as("error", "pending", "0"));
    world.pass(60).await;
    world.ec2.show_task_as(&id, None);
    let shown = world.task("DescribeImportSnapshotTasks").await;
    assert_eq!(shown, shown_as("completed", "", ""));
}
