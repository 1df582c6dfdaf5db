//! EC2: importing disks and virtual machines (VM Import).

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    BootModeValues, ImageDiskContainer, ImportImageLicenseConfigurationRequest, ImportImageTask,
    ResourceType, SnapshotDiskContainer, SnapshotTaskDetail, Tag, UserBucket,
};

use super::connect::Aws;
use super::ec2::{incomplete, non_empty, our_tags, percent, tag_specifications};
use super::error::AwsError;
use crate::image::observed::ObservedTask;
use crate::image::task::TaskKind;
use crate::manifest::location::s3_uri;

/// What ImportSnapshot and ImportImage are both told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// The disks, in the Region of the call: one for ImportSnapshot; a machine's, the one that it boots from first.
    pub disks: Vec<ImportedDisk>,
    /// The task's description.
    pub description: String,
    /// Whether the result is encrypted; none for the account's default.
    pub encrypted: Option<bool>,
    /// The KMS key that encrypts it; none for the account's default key.
    pub kms_key_id: Option<String>,
    /// The role that VM Import assumes; none for `vmimport`.
    pub role_name: Option<String>,
    /// Repeated requests with the same token and parameters start one task.
    pub client_token: String,
    /// The task's tags, the ownership tags among them.
    pub tags: BTreeMap<String, String>,
}

/// A disk, or a whole machine, in S3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedDisk {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its format as EC2 writes it: `VMDK`, `VHD`, `RAW`; for ImportImage also `OVA`, `VHDX`.
    pub format: String,
    /// The device that its volume becomes; for ImportImage only.
    pub device_name: Option<String>,
}

/// What ImportImage is told besides: none of it is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedMachine {
    /// `x86_64`, …
    pub architecture: Option<String>,
    /// `Linux` or `Windows`.
    pub platform: Option<String>,
    /// `legacy-bios` or `uefi`.
    pub boot_mode: Option<String>,
    /// `AWS` or `BYOL`.
    pub license_type: Option<String>,
    /// `RunInstances:…`.
    pub usage_operation: Option<String>,
    /// ARNs of license configurations.
    pub license_specifications: Vec<String>,
}

impl ImportedDisk {
    fn user_bucket(&self) -> UserBucket {
        UserBucket::builder()
            .s3_bucket(&self.bucket)
            .s3_key(&self.key)
            .build()
    }
}

impl Import {
    fn doing(&self, what: &str) -> String {
        let disks = self.disks.iter().map(|it| s3_uri(&it.bucket, &it.key));
        format!(
            "importing the {what} {}",
            disks.collect::<Vec<_>>().join(", ")
        )
    }

    fn snapshot_container(&self) -> Option<SnapshotDiskContainer> {
        let disk = self.disks.first()?;
        let container = SnapshotDiskContainer::builder()
            .description(&self.description)
            .format(&disk.format)
            .user_bucket(disk.user_bucket());
        Some(container.build())
    }

    fn image_containers(&self) -> Vec<ImageDiskContainer> {
        let container = |disk: &ImportedDisk| {
            ImageDiskContainer::builder()
                .description(&self.description)
                .format(&disk.format)
                .set_device_name(disk.device_name.clone())
                .user_bucket(disk.user_bucket())
                .build()
        };
        self.disks.iter().map(container).collect()
    }
}

impl Aws {
    /// Starts to import a disk as a snapshot (ImportSnapshot).
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then it may have started, and a retry with the same client token finds out.
    pub async fn import_snapshot(&self, params: &Import) -> Result<ObservedTask, AwsError> {
        let request = self
            .ec2()
            .import_snapshot()
            .description(&params.description)
            .set_disk_container(params.snapshot_container())
            .set_encrypted(params.encrypted)
            .set_kms_key_id(params.kms_key_id.clone())
            .set_role_name(params.role_name.clone())
            .client_token(&params.client_token)
            .set_tag_specifications(tag_specifications(
                &params.tags,
                &[ResourceType::ImportSnapshotTask],
            ));
        let doing = params.doing("disk");
        let answer = self
            .send_ec2("ImportSnapshot", &doing, Box::pin(request.send()))
            .await?;
        let id = non_empty(answer.import_task_id)
            .ok_or_else(|| incomplete("ImportSnapshot", doing, "the task"))?;
        Ok(snapshot_task(id, answer.snapshot_task_detail, answer.tags))
    }

    /// Starts to import a virtual machine as an AMI (ImportImage).
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then it may have started, and a retry with the same client token finds out.
    pub async fn import_image(
        &self,
        params: &Import,
        machine: &ImportedMachine,
    ) -> Result<ObservedTask, AwsError> {
        let licenses = machine.license_specifications.iter().map(|arn| {
            ImportImageLicenseConfigurationRequest::builder()
                .license_configuration_arn(arn)
                .build()
        });
        let licenses: Vec<_> = licenses.collect();
        let request = self
            .ec2()
            .import_image()
            .description(&params.description)
            .set_disk_containers(Some(params.image_containers()))
            .set_architecture(machine.architecture.clone())
            .set_platform(machine.platform.clone())
            .set_boot_mode(machine.boot_mode.as_deref().map(BootModeValues::from))
            .set_license_type(machine.license_type.clone())
            .set_usage_operation(machine.usage_operation.clone())
            .set_license_specifications((!licenses.is_empty()).then_some(licenses))
            .set_encrypted(params.encrypted)
            .set_kms_key_id(params.kms_key_id.clone())
            .set_role_name(params.role_name.clone())
            .client_token(&params.client_token)
            .set_tag_specifications(tag_specifications(
                &params.tags,
                &[ResourceType::ImportImageTask],
            ));
        let doing = params.doing("virtual machine");
        let answer = self
            .send_ec2("ImportImage", &doing, Box::pin(request.send()))
            .await?;
        let task = ImportImageTask::builder()
            .set_import_task_id(answer.import_task_id)
            .set_status(answer.status)
            .set_status_message(answer.status_message)
            .set_progress(answer.progress)
            .set_image_id(answer.image_id)
            .set_snapshot_details(answer.snapshot_details)
            .set_tags(answer.tags)
            .build();
        match image_task(task) {
            task if task.id.is_empty() => Err(incomplete("ImportImage", doing, "the task")),
            task => Ok(task),
        }
    }

    /// All imports of disks that EC2 still lists: those of the last seven days. Not by id, because one unknown id would
    /// fail the call; and without a page size, because EC2 does not document the largest one.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn list_import_snapshot_tasks(&self) -> Result<Vec<ObservedTask>, AwsError> {
        let request = self.ec2().describe_import_snapshot_tasks();
        self.send_ec2_for_all_pages(
            "DescribeImportSnapshotTasks",
            "listing the imports of disks",
            |token| Box::pin(request.clone().set_next_token(token).send()),
            |page| {
                let tasks = page.import_snapshot_tasks.unwrap_or_default().into_iter();
                let tasks = tasks.map(|task| {
                    let id = task.import_task_id.unwrap_or_default();
                    snapshot_task(id, task.snapshot_task_detail, task.tags)
                });
                (tasks.collect(), page.next_token)
            },
        )
        .await
    }

    /// All imports of virtual machines that EC2 still lists, like [`Aws::list_import_snapshot_tasks`].
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn list_import_image_tasks(&self) -> Result<Vec<ObservedTask>, AwsError> {
        let request = self.ec2().describe_import_image_tasks();
        self.send_ec2_for_all_pages(
            "DescribeImportImageTasks",
            "listing the imports of virtual machines",
            |token| Box::pin(request.clone().set_next_token(token).send()),
            |page| {
                let tasks = page.import_image_tasks.unwrap_or_default().into_iter();
                (tasks.map(image_task).collect(), page.next_token)
            },
        )
        .await
    }

    /// The imports of machines, or else those of disks, that EC2 still lists.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn list_import_tasks(&self, kind: TaskKind) -> Result<Vec<ObservedTask>, AwsError> {
        match kind {
            TaskKind::ImportImage => self.list_import_image_tasks().await,
            _ => self.list_import_snapshot_tasks().await,
        }
    }

    /// Cancels an import of either type (CancelImportTask). The listing shows the result.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: for example because the task has finished.
    pub async fn cancel_import_task(&self, id: &str, reason: &str) -> Result<(), AwsError> {
        let request = self
            .ec2()
            .cancel_import_task()
            .import_task_id(id)
            .cancel_reason(reason);
        let doing = format!("cancelling the import {id}");
        self.send_ec2("CancelImportTask", doing, Box::pin(request.send()))
            .await?;
        Ok(())
    }
}

fn snapshot_task(
    id: String,
    detail: Option<SnapshotTaskDetail>,
    tags: Option<Vec<Tag>>,
) -> ObservedTask {
    let task = ObservedTask {
        id,
        tags: our_tags(tags),
        ..ObservedTask::default()
    };
    let Some(detail) = detail else {
        return task;
    };
    ObservedTask {
        state: detail.status.unwrap_or_default(),
        progress: percent(detail.progress.as_deref()),
        message: non_empty(detail.status_message),
        snapshots: non_empty(detail.snapshot_id).into_iter().collect(),
        ..task
    }
}

fn image_task(task: ImportImageTask) -> ObservedTask {
    let details = task.snapshot_details.unwrap_or_default().into_iter();
    ObservedTask {
        id: task.import_task_id.unwrap_or_default(),
        state: task.status.unwrap_or_default(),
        progress: percent(task.progress.as_deref()),
        message: non_empty(task.status_message),
        snapshots: details
            .filter_map(|disk| non_empty(disk.snapshot_id))
            .collect(),
        image: non_empty(task.image_id),
        tags: our_tags(task.tags),
        ..ObservedTask::default()
    }
}
