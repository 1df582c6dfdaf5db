//! EC2: whether the caller may make a call, without making it.
//!
//! "Checks whether you have the required permissions for the action, without actually making the request" (DryRun). It
//! says nothing about quotas, about block public access, or about what other principals may do.

mod call;

use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{
    AttributeValue, BlockDeviceMapping, CreateVolumePermission,
    CreateVolumePermissionModifications, EbsBlockDevice, ImageAttributeName, ImageDiskContainer,
    S3Storage, SnapshotAttributeName, SnapshotDiskContainer, Storage, Tag, UserBucket,
};

use crate::aws::connect::Aws;
use crate::aws::error::{Answer, AwsError, Remedy};

pub use call::DryRun;

/// Stand for what is not there yet. EC2 has none with these ids.
const NO_IMAGE: &str = "ami-00000000000000000";
const NO_INSTANCE: &str = "i-00000000000000000";
const NO_SNAPSHOT: &str = "snap-00000000000000000";
const NO_IMPORT: &str = "import-snap-00000000000000000";
const NO_BUNDLE_TASK: &str = "bun-00000000";
const NO_OBJECT: &str = "amiwright-doctor";

/// What a dry run says of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The caller may make the call.
    Allowed,
    /// The caller may not.
    Denied,
}

impl Aws {
    /// Whether the caller may make this call in this Region; `source` is the Region that a copy would be from. Nothing is
    /// made. Not retried: a refusal is the answer.
    ///
    /// # Errors
    /// If EC2 does not answer, or answers something else than what a dry run says: then it is not known.
    pub async fn dry_run(&self, call: DryRun, source: &str) -> Result<Verdict, AwsError> {
        match call {
            DryRun::ImportSnapshot
            | DryRun::ImportImage
            | DryRun::BundleInstance
            | DryRun::CreateRestoreImageTask => self.dry_run_import(call).await,
            DryRun::RegisterImage | DryRun::CopyImage | DryRun::CreateTags => {
                self.dry_run_creation(call, source).await
            }
            DryRun::DeregisterImage | DryRun::DeleteSnapshot | DryRun::CreateStoreImageTask => {
                self.dry_run_end(call).await
            }
            DryRun::DeleteTags
            | DryRun::DisableImageDeprecation
            | DryRun::DisableImageDeregistrationProtection => self.dry_run_undoing(call).await,
            DryRun::ModifyImageAttribute
            | DryRun::ModifySnapshotAttribute
            | DryRun::EnableImageDeprecation
            | DryRun::EnableImageDeregistrationProtection => self.dry_run_setting(call).await,
            DryRun::DescribeImageAttribute
            | DryRun::DescribeSnapshotAttribute
            | DryRun::DescribeImageReferences => self.dry_run_look(call).await,
            DryRun::CancelImportTask | DryRun::CancelBundleTask => self.dry_run_cancel(call).await,
        }
    }

    async fn dry_run_import(&self, call: DryRun) -> Result<Verdict, AwsError> {
        let ec2 = self.ec2();
        let object = UserBucket::builder()
            .s3_bucket(NO_OBJECT)
            .s3_key(NO_OBJECT)
            .build();
        match call {
            DryRun::ImportSnapshot => {
                let disk = SnapshotDiskContainer::builder().format("RAW");
                let request = ec2.import_snapshot().dry_run(true);
                let request = request.disk_container(disk.user_bucket(object).build());
                self.verdict(call, Box::pin(request.send())).await
            }
            DryRun::ImportImage => {
                let disk = ImageDiskContainer::builder().format("RAW");
                let request = ec2.import_image().dry_run(true);
                let request = request.disk_containers(disk.user_bucket(object).build());
                self.verdict(call, Box::pin(request.send())).await
            }
            DryRun::BundleInstance => {
                let place = S3Storage::builder().bucket(NO_OBJECT).prefix(NO_OBJECT);
                let storage = Storage::builder().s3(place.build()).build();
                let request = ec2.bundle_instance().dry_run(true);
                let request = request.instance_id(NO_INSTANCE).storage(storage);
                self.verdict(call, Box::pin(request.send())).await
            }
            _ => {
                let request = ec2.create_restore_image_task().dry_run(true);
                let request = request.bucket(NO_OBJECT).object_key(NO_OBJECT);
                self.verdict(call, Box::pin(request.send())).await
            }
        }
    }

    async fn dry_run_creation(&self, call: DryRun, source: &str) -> Result<Verdict, AwsError> {
        let ec2 = self.ec2();
        match call {
            DryRun::RegisterImage => {
                let ebs = EbsBlockDevice::builder().snapshot_id(NO_SNAPSHOT).build();
                let root = BlockDeviceMapping::builder().device_name("/dev/xvda");
                let request = ec2.register_image().dry_run(true).name(NO_OBJECT);
                let request = request.root_device_name("/dev/xvda");
                let request = request.block_device_mappings(root.ebs(ebs).build());
                self.verdict(call, Box::pin(request.send())).await
            }
            DryRun::CopyImage => {
                let request = ec2.copy_image().dry_run(true).name(NO_OBJECT);
                let request = request.source_image_id(NO_IMAGE).source_region(source);
                self.verdict(call, Box::pin(request.send())).await
            }
            _ => {
                let tag = Tag::builder().key(NO_OBJECT).value("").build();
                let request = ec2.create_tags().dry_run(true).resources(NO_IMAGE);
                self.verdict(call, Box::pin(request.tags(tag).send())).await
            }
        }
    }

    async fn dry_run_setting(&self, call: DryRun) -> Result<Verdict, AwsError> {
        let ec2 = self.ec2();
        match call {
            DryRun::ModifySnapshotAttribute => {
                let request = ec2.modify_snapshot_attribute().dry_run(true);
                let request = request.snapshot_id(NO_SNAPSHOT);
                let permission = CreateVolumePermission::builder().user_id("000000000000");
                let changes = CreateVolumePermissionModifications::builder();
                let request = request
                    .attribute(SnapshotAttributeName::CreateVolumePermission)
                    .create_volume_permission(changes.add(permission.build()).build());
                self.verdict(call, Box::pin(request.send())).await
            }
            DryRun::EnableImageDeprecation => {
                let at = aws_sdk_ec2::primitives::DateTime::from_secs(4_102_444_800);
                let request = ec2.enable_image_deprecation().dry_run(true);
                let request = request.image_id(NO_IMAGE).deprecate_at(at);
                self.verdict(call, Box::pin(request.send())).await
            }
            DryRun::EnableImageDeregistrationProtection => {
                let request = ec2.enable_image_deregistration_protection();
                let request = request.dry_run(true).image_id(NO_IMAGE);
                self.verdict(call, Box::pin(request.send())).await
            }
            _ => {
                let text = AttributeValue::builder().value(NO_OBJECT).build();
                let request = ec2.modify_image_attribute().dry_run(true);
                let request = request.image_id(NO_IMAGE).description(text);
                self.verdict(call, Box::pin(request.send())).await
            }
        }
    }

    async fn dry_run_undoing(&self, call: DryRun) -> Result<Verdict, AwsError> {
        let ec2 = self.ec2();
        match call {
            DryRun::DeleteTags => {
                let tag = Tag::builder().key(NO_OBJECT).value("").build();
                let request = ec2.delete_tags().dry_run(true).resources(NO_IMAGE);
                self.verdict(call, Box::pin(request.tags(tag).send())).await
            }
            DryRun::DisableImageDeprecation => {
                let request = ec2.disable_image_deprecation().dry_run(true);
                let request = request.image_id(NO_IMAGE);
                self.verdict(call, Box::pin(request.send())).await
            }
            _ => {
                let request = ec2.disable_image_deregistration_protection();
                let request = request.dry_run(true).image_id(NO_IMAGE);
                self.verdict(call, Box::pin(request.send())).await
            }
        }
    }

    async fn dry_run_end(&self, call: DryRun) -> Result<Verdict, AwsError> {
        let ec2 = self.ec2();
        match call {
            DryRun::CreateStoreImageTask => {
                let request = ec2.create_store_image_task().dry_run(true);
                let request = request.image_id(NO_IMAGE).bucket(NO_OBJECT);
                self.verdict(call, Box::pin(request.send())).await
            }
            DryRun::DeleteSnapshot => {
                let request = ec2.delete_snapshot().dry_run(true);
                let request = request.snapshot_id(NO_SNAPSHOT);
                self.verdict(call, Box::pin(request.send())).await
            }
            _ => {
                let request = ec2.deregister_image().dry_run(true);
                let request = request.image_id(NO_IMAGE);
                self.verdict(call, Box::pin(request.send())).await
            }
        }
    }

    async fn dry_run_look(&self, call: DryRun) -> Result<Verdict, AwsError> {
        let ec2 = self.ec2();
        match call {
            DryRun::DescribeImageAttribute => {
                let request = ec2.describe_image_attribute().dry_run(true);
                let request = request.image_id(NO_IMAGE);
                let request = request.attribute(ImageAttributeName::LaunchPermission);
                self.verdict(call, Box::pin(request.send())).await
            }
            DryRun::DescribeSnapshotAttribute => {
                let request = ec2.describe_snapshot_attribute().dry_run(true);
                let request = request.snapshot_id(NO_SNAPSHOT);
                let request = request.attribute(SnapshotAttributeName::CreateVolumePermission);
                self.verdict(call, Box::pin(request.send())).await
            }
            _ => {
                let request = ec2.describe_image_references().dry_run(true);
                let request = request.image_ids(NO_IMAGE).include_all_resource_types(true);
                self.verdict(call, Box::pin(request.send())).await
            }
        }
    }

    async fn dry_run_cancel(&self, call: DryRun) -> Result<Verdict, AwsError> {
        let ec2 = self.ec2();
        match call {
            DryRun::CancelImportTask => {
                let request = ec2.cancel_import_task().dry_run(true);
                let request = request.import_task_id(NO_IMPORT);
                self.verdict(call, Box::pin(request.send())).await
            }
            _ => {
                let request = ec2.cancel_bundle_task().dry_run(true);
                let request = request.bundle_id(NO_BUNDLE_TASK);
                self.verdict(call, Box::pin(request.send())).await
            }
        }
    }

    /// "If you have the required permissions, the error response is DryRunOperation. Otherwise, it is
    /// UnauthorizedOperation" (DryRun, EC2 API Reference). What EC2 answers of ids that do not exist is not documented:
    /// any other answer is an error.
    async fn verdict<O, E>(
        &self,
        call: DryRun,
        request: impl Future<Output = Answer<O, E>>,
    ) -> Result<Verdict, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let action = call.action();
        let doing = format!("asking whether you may {action} in {}", self.region());
        match self.send_ec2(action, &doing, request).await {
            Err(error) if error.has_code("DryRunOperation") => Ok(Verdict::Allowed),
            Err(error) if error.has_code("UnauthorizedOperation") => Ok(Verdict::Denied),
            Err(error) => Err(error),
            Ok(_) => {
                let message = "EC2 did not treat the request as a dry run";
                let remedy = Remedy::Ambiguous;
                Err(AwsError::unexplained(action, doing, remedy, message))
            }
        }
    }
}
