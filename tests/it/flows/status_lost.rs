//! Somebody deletes what is known of an image, and its manifest is uploaded again, or the sweep comes to it: what EC2 imports, or
//! has imported, for it is taken up, and nothing is imported twice.

use std::time::Duration;

use amiwright::keys;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;
use serde_json::Value;

use crate::support::{
    Before, DISK, TestStack, changes_since, making, minutes, starting_call, vmdk,
};

const KEY: &str = "golden/web.image.yaml";
const OTHER: &str = "team/web.image.yaml";

pub(super) const IMPORTS: [TaskKind; 2] = [TaskKind::ImportSnapshot, TaskKind::ImportImage];

/// What is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Status,
    StatusAndMarker,
}

pub(super) async fn lose(stack: &TestStack, lost: Lost) {
    stack.remove_state(&keys::status_key(KEY)).await;
    if lost == Lost::StatusAndMarker {
        stack.remove_state(&keys::open_key(KEY)).await;
    }
}

/// How many imports EC2 lists.
pub(super) async fn imports(stack: &TestStack) -> usize {
    let aws = stack.aws();
    let disks = aws.list_import_snapshot_tasks().await.unwrap();
    let machines = aws.list_import_image_tasks().await.unwrap();
    disks.len() + machines.len()
}

/// So many imports have made one AMI, nothing is left over, and the same manifest changes nothing.
pub(super) async fn is_made(stack: &TestStack, manifest: &str, before: &Before, by: usize) {
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(before.now(stack).await, (1, Vec::new()), "{status:#}");
    assert_eq!(imports(stack).await, by, "{status:#}");

    let (calls, told) = (stack.world.faults().count(), stack.subjects());
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(changes_since(stack, calls), []);
    assert_eq!(stack.subjects(), told);
}

/// A world with a manifest whose import takes half an hour longer than these hours, and has begun so long ago.
async fn importing(kind: TaskKind, hours: u64) -> (TestStack, String, Before) {
    let (stack, manifest) = making(kind).await;
    let before = Before::of(&stack);
    let ec2 = stack.world.ec2();
    ec2.set_task_time(kind, minutes(60 * hours + 30));
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(minutes(60 * hours + 5)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "await-task");
    (stack, manifest, before)
}

#[tokio::test(start_paused = true)]
async fn an_import_that_runs_is_taken_up() {
    for kind in IMPORTS {
        for lost in [Lost::Status, Lost::StatusAndMarker] {
            let (stack, manifest, before) = importing(kind, 0).await;
            lose(&stack, lost).await;
            stack.drop_and_rest(KEY, &manifest).await;
            assert_eq!(stack.count(starting_call(kind)), 1, "{kind:?} {lost:?}");
            let email = stack.only_email();
            assert!(email.subject.starts_with("Available"), "{}", email.subject);
            is_made(&stack, &manifest, &before, 1).await;
        }
    }
}

/// Its AMI has the date of the upload that it was begun for.
#[tokio::test(start_paused = true)]
async fn an_import_that_runs_since_the_day_before_is_taken_up() {
    let (stack, manifest, before) = importing(TaskKind::ImportSnapshot, 15).await;
    let first = stack.status(KEY).await;
    lose(&stack, Lost::StatusAndMarker).await;
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(stack.only_image().name, "web-2026-11-21");
    let status = stack.status(KEY).await;
    let (known, then) = (&status["manifest"], &first["manifest"]);
    assert_eq!(known["uploadedAt"], then["uploadedAt"]);
    assert!(known["repeatedAt"].is_string(), "{status:#}");
    is_made(&stack, &manifest, &before, 1).await;
}

/// That of an instance is, too, before the instance is bundled.
#[tokio::test(start_paused = true)]
async fn an_ami_of_the_day_before_is_taken_up() {
    for kind in [IMPORTS[0], IMPORTS[1], TaskKind::BundleInstance] {
        let (stack, manifest) = making(kind).await;
        let before = Before::of(&stack);
        stack.drop_and_rest(KEY, &manifest).await;
        let image = stack.only_image();
        stack.world.run_for(minutes(24 * 60)).await;
        lose(&stack, Lost::StatusAndMarker).await;
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.only_image(), image);
        assert_eq!(stack.count(starting_call(kind)), 1, "{kind:?}");
        is_made(
            &stack,
            &manifest,
            &before,
            usize::from(IMPORTS.contains(&kind)),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_that_failed_or_was_cancelled_is_begun_anew() {
    for kind in IMPORTS {
        for is_cancelled in [false, true] {
            let (stack, manifest) = making(kind).await;
            let before = Before::of(&stack);
            let ec2 = stack.world.ec2();
            match is_cancelled {
                true => ec2.set_task_time(kind, minutes(20)),
                false => ec2.fail_next_task(kind, "ClientError: Disk validation failed"),
            }
            stack.drop_file(KEY, &manifest).await;
            stack.world.run_for(minutes(5)).await;
            if is_cancelled {
                stack.remove(KEY).await;
            }
            stack.rest().await;
            let ended = ["failed", "cancelled"][usize::from(is_cancelled)];
            assert_eq!(stack.status(KEY).await["state"], ended);
            lose(&stack, Lost::StatusAndMarker).await;
            stack.drop_and_rest(KEY, &manifest).await;
            is_made(&stack, &manifest, &before, 2).await;
        }
    }
}

/// Somebody removes the AMI and its only snapshot.
pub(super) async fn remove_ami(stack: &TestStack, before: &Before) {
    stack.deregister(&stack.only_image().id).await;
    stack.world.run_for(minutes(10)).await;
    let (_, left) = before.now(stack).await;
    assert_eq!(left.len(), 1, "{left:?}");
    stack.aws().delete_snapshot(&left[0]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_somebody_has_removed_is_imported_anew() {
    for kind in IMPORTS {
        let (stack, manifest) = making(kind).await;
        let before = Before::of(&stack);
        stack.drop_and_rest(KEY, &manifest).await;
        remove_ami(&stack, &before).await;
        lose(&stack, Lost::StatusAndMarker).await;
        stack.drop_and_rest(KEY, &manifest).await;
        is_made(&stack, &manifest, &before, 2).await;
    }
}

/// Until then nobody has looked at it.
#[tokio::test(start_paused = true)]
async fn an_import_that_has_ended_meanwhile_is_taken_up() {
    for kind in IMPORTS {
        let (stack, manifest, before) = importing(kind, 0).await;
        lose(&stack, Lost::StatusAndMarker).await;
        stack.remove(KEY).await;
        stack.world.run_for(minutes(60)).await;
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.count(starting_call(kind)), 1, "{kind:?}");
        is_made(&stack, &manifest, &before, 1).await;
    }
}

/// Somebody may have kept it.
#[tokio::test(start_paused = true)]
async fn the_snapshot_that_is_left_of_a_deregistered_ami_is_left_alone() {
    let (stack, manifest) = making(TaskKind::ImportSnapshot).await;
    stack.drop_and_rest(KEY, &manifest).await;
    let (old, snapshots) = (stack.only_image().id, stack.snapshots());
    stack.deregister(&old).await;
    stack.world.run_for(minutes(10)).await;
    lose(&stack, Lost::StatusAndMarker).await;
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_ne!(stack.only_image().id, old);
    assert_eq!(imports(&stack).await, 2);
    let left = stack.snapshots();
    assert!(snapshots.iter().all(|it| left.contains(it)), "{left:#?}");
    assert_eq!(left.len(), snapshots.len() + 1, "{left:#?}");
}

/// Nobody knows of the import that runs any more: another version is not what it is for.
#[tokio::test(start_paused = true)]
async fn another_version_is_imported_anew() {
    let (stack, manifest, _) = importing(TaskKind::ImportSnapshot, 0).await;
    lose(&stack, Lost::StatusAndMarker).await;
    let changed = format!("{manifest}register: {{imdsSupport: v2.0}}\n");
    stack.drop_and_rest(KEY, changed).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(imports(&stack).await, 2, "{status:#}");
    assert_eq!(stack.images().len(), 1);
}

/// The image fails for that, and not before what is imported for it is taken up.
#[tokio::test(start_paused = true)]
async fn an_import_whose_name_another_has_taken_is_cleaned_up() {
    let (stack, _) = making(TaskKind::ImportSnapshot).await;
    let before = Before::of(&stack);
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(30));
    let manifest = DISK.replace("web-{date}", "web");
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(minutes(5)).await;
    lose(&stack, Lost::StatusAndMarker).await;
    stack.drop_file(OTHER, stack.manifest("web")).await;
    stack.world.run_for(minutes(2)).await;
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(status["build"]["failure"]["kind"], "name-taken");
    assert_eq!(imports(&stack).await, 1);
    assert_eq!(before.now(&stack).await, (1, Vec::new()), "{status:#}");
}

/// The first upload after the loss leaves a status, and has not come to an import.
#[tokio::test(start_paused = true)]
async fn an_import_that_runs_is_taken_up_after_a_manifest_was_rejected() {
    for kind in IMPORTS {
        let (stack, manifest, before) = importing(kind, 0).await;
        lose(&stack, Lost::StatusAndMarker).await;
        stack
            .drop_file(KEY, format!("{manifest}nonsense: 1\n"))
            .await;
        stack.world.run_for(minutes(1)).await;
        assert_eq!(stack.status(KEY).await["state"], "rejected");
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.count(starting_call(kind)), 1, "{kind:?}");
        is_made(&stack, &manifest, &before, 1).await;
    }
}

/// The same of one that was cancelled while it waited for its disk.
#[tokio::test(start_paused = true)]
async fn an_import_that_runs_is_taken_up_after_an_upload_was_cancelled() {
    for kind in IMPORTS {
        let (stack, manifest, before) = importing(kind, 0).await;
        lose(&stack, Lost::StatusAndMarker).await;
        stack.remove("golden/web.vmdk").await;
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(1)).await;
        assert_eq!(stack.status(KEY).await["build"]["step"], "check-object");
        stack.remove(KEY).await;
        stack.world.run_for(minutes(1)).await;
        assert_eq!(stack.status(KEY).await["state"], "cancelled");
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.count(starting_call(kind)), 1, "{kind:?}");
        is_made(&stack, &manifest, &before, 1).await;
    }
}

/// The upload after the loss is withdrawn before anybody has looked what EC2 imports.
#[tokio::test(start_paused = true)]
async fn an_import_is_cancelled_with_the_upload_that_would_have_taken_it_up() {
    for (kind, list) in IMPORTS
        .into_iter()
        .zip(["DescribeImportSnapshotTasks", "DescribeImportImageTasks"])
    {
        let (stack, manifest, before) = importing(kind, 0).await;
        lose(&stack, Lost::StatusAndMarker).await;
        let faults = stack.world.faults();
        faults.always("ec2", list, Fault::Throttle);
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(1)).await;
        assert_eq!(stack.status(KEY).await["build"]["step"], "start-task");
        stack.remove(KEY).await;
        faults.clear();
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "cancelled", "{status:#}");
        assert!(stack.count("CancelImportTask") > 0, "{status:#}");
        assert_eq!(before.now(&stack).await, (0, Vec::new()), "{status:#}");
        assert_eq!(imports(&stack).await, 1, "{status:#}");
    }
}

/// Everything that is known of it is deleted, and the sweep comes to the manifest that is still there.
pub(super) async fn swept(stack: &TestStack) {
    lose(stack, Lost::StatusAndMarker).await;
    stack.world.run_for(minutes(16)).await;
    stack.rest().await;
}

/// EC2 would answer the client token with the import that failed.
#[tokio::test(start_paused = true)]
async fn an_import_that_failed_is_begun_anew_for_the_same_upload() {
    for kind in IMPORTS {
        let (stack, manifest) = making(kind).await;
        let before = Before::of(&stack);
        let ec2 = stack.world.ec2();
        ec2.fail_next_task(kind, "ClientError: Disk validation failed");
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.status(KEY).await["state"], "failed");
        swept(&stack).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["build"]["attempt"], 1, "{status:#}");
        assert_eq!(imports(&stack).await, 2, "{status:#}");

        // The second token is known now, too.
        remove_ami(&stack, &before).await;
        swept(&stack).await;
        assert_eq!(stack.status(KEY).await["build"]["attempt"], 2);
        is_made(&stack, &manifest, &before, 3).await;
    }
}

/// Or with one whose result is gone.
#[tokio::test(start_paused = true)]
async fn an_ami_that_somebody_has_removed_is_imported_anew_for_the_same_upload() {
    for kind in IMPORTS {
        let (stack, manifest) = making(kind).await;
        let before = Before::of(&stack);
        stack.drop_and_rest(KEY, &manifest).await;
        remove_ami(&stack, &before).await;
        swept(&stack).await;
        assert_eq!(stack.status(KEY).await["build"]["attempt"], 1);
        is_made(&stack, &manifest, &before, 2).await;
    }
}

/// Or with one whose result somebody may have kept.
#[tokio::test(start_paused = true)]
async fn the_snapshot_of_a_deregistered_ami_is_left_alone_for_the_same_upload() {
    let (stack, manifest) = making(TaskKind::ImportSnapshot).await;
    stack.drop_and_rest(KEY, &manifest).await;
    let (old, snapshots) = (stack.only_image().id, stack.snapshots());
    stack.deregister(&old).await;
    stack.world.run_for(minutes(10)).await;
    swept(&stack).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_ne!(stack.only_image().id, old);
    assert_eq!(imports(&stack).await, 2);
    let left = stack.snapshots();
    assert!(snapshots.iter().all(|it| left.contains(it)), "{left:#?}");
    assert_eq!(left.len(), snapshots.len() + 1, "{left:#?}");
}

/// One that runs when the sweep comes, and one that has ended by then.
#[tokio::test(start_paused = true)]
async fn an_import_is_taken_up_for_the_same_upload() {
    for kind in IMPORTS {
        for time in [7, 40] {
            let (stack, manifest) = making(kind).await;
            let before = Before::of(&stack);
            stack.world.ec2().set_task_time(kind, minutes(time));
            stack.drop_file(KEY, &manifest).await;
            stack.world.run_for(minutes(2)).await;
            swept(&stack).await;
            assert_eq!(stack.count(starting_call(kind)), 1, "{kind:?} {time}");
            is_made(&stack, &manifest, &before, 1).await;
        }
    }
}

/// EC2's answer to the only request was lost, and the import has failed by the next one: that is its end, and no other is begun.
#[tokio::test(start_paused = true)]
async fn an_import_that_failed_unheard_is_not_begun_anew() {
    for kind in IMPORTS {
        let (stack, manifest) = making(kind).await;
        let (ec2, faults) = (stack.world.ec2(), stack.world.faults());
        ec2.fail_next_task(kind, "ClientError: Disk validation failed");
        ec2.set_task_time(kind, Duration::from_secs(5));
        faults.on("ec2", starting_call(kind), 1, Fault::Crash);
        stack.drop_and_rest(KEY, &manifest).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "failed", "{status:#}");
        assert_eq!(status["build"]["attempt"], Value::Null, "{status:#}");
        assert_eq!(imports(&stack).await, 1, "{status:#}");
    }
}
