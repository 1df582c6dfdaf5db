//! What each kind of task makes an image from, what starts it, and what may be left over.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::{DISK, TestStack, minutes, vmdk};
use localaws::ec2::TaskKind;

/// A world in which EC2 imports a disk for twenty minutes, for the manifest with this key.
pub(crate) async fn importing(key: &str) -> TestStack {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(20));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(key, DISK).await;
    stack.world.run_for(Duration::from_secs(150)).await;
    assert_eq!(stack.status(key).await["build"]["step"], "await-task");
    stack
}

/// A world with what an image of this kind is made from, and its manifest.
pub(crate) async fn making(kind: TaskKind) -> (TestStack, String) {
    let (stack, instance) = TestStack::classic().await;
    let manifest = match kind {
        TaskKind::ImportSnapshot => {
            stack.drop_file("golden/web.vmdk", vmdk()).await;
            DISK.to_owned()
        }
        TaskKind::ImportImage => {
            stack.drop_file("golden/web.vmdk", vmdk()).await;
            "name: web\nsource: {vm: {object: web.vmdk, format: vmdk}}\n".to_owned()
        }
        TaskKind::BundleInstance => {
            format!("name: web\nsource: {{instance: {{id: {instance}}}}}\n")
        }
        TaskKind::CopyImage => {
            let id = stack.image_elsewhere("us-west-2").await;
            format!("name: web\nsource: {{image: {{id: {id}, region: us-west-2}}}}\n")
        }
        TaskKind::StoreImage => {
            stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket)
        }
        TaskKind::RestoreImage => {
            let object = stack.stored_image().await;
            format!(
                "name: web\nsource: {{stored: {{object: s3://{}/{object}}}}}\n",
                stack.bucket
            )
        }
    };
    (stack, manifest)
}

/// The call that starts a task of this kind.
pub(crate) fn starting_call(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::ImportSnapshot => "ImportSnapshot",
        TaskKind::ImportImage => "ImportImage",
        TaskKind::BundleInstance => "BundleInstance",
        TaskKind::CopyImage => "CopyImage",
        TaskKind::StoreImage => "CreateStoreImageTask",
        TaskKind::RestoreImage => "CreateRestoreImageTask",
    }
}

/// What is there before the manifest is.
pub(crate) struct Before {
    images: BTreeSet<String>,
    snapshots: BTreeSet<String>,
}

impl Before {
    pub(crate) fn of(stack: &TestStack) -> Self {
        Self {
            images: stack.images().into_iter().map(|image| image.id).collect(),
            snapshots: stack.snapshots().into_iter().collect(),
        }
    }

    /// What is there now that belongs to no AMI, and how many AMIs there are more.
    pub(crate) async fn now(&self, stack: &TestStack) -> (usize, Vec<String>) {
        let images = stack.images();
        let used: BTreeSet<String> = images
            .iter()
            .flat_map(|image| &image.block_device_mappings)
            .filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.clone())
            .collect();
        let mut orphans = stack.snapshots();
        orphans.retain(|id| !self.snapshots.contains(id) && !used.contains(id));
        let bundles = stack.state_keys("bundles/").await;
        orphans.extend(bundles.into_iter().filter(|key| {
            let prefix = key.rsplit_once('/').unwrap().1.split('.').next().unwrap();
            !images.iter().any(|image| image.location.contains(prefix))
        }));
        let new = images
            .iter()
            .filter(|image| !self.images.contains(&image.id));
        (new.count(), orphans)
    }
}
