//! One file per action of the API.

mod bundle_instance;
mod cancel_bundle_task;
mod cancel_import_task;
mod confirm_product_instance;
mod copy_image;
mod copy_snapshot;
mod create_restore_image_task;
mod create_store_image_task;
mod create_tags;
mod delete_snapshot;
mod delete_tags;
mod deregister_image;
mod describe_bundle_tasks;
mod describe_image_attribute;
mod describe_image_references;
mod describe_images;
mod describe_import_image_tasks;
mod describe_import_snapshot_tasks;
mod describe_instances;
mod describe_regions;
mod describe_snapshot_attribute;
mod describe_snapshots;
mod describe_store_image_tasks;
mod describe_tags;
mod disable_image;
mod disable_image_block_public_access;
mod disable_image_deprecation;
mod disable_image_deregistration_protection;
mod disable_snapshot_block_public_access;
mod enable_image;
mod enable_image_block_public_access;
mod enable_image_deprecation;
mod enable_image_deregistration_protection;
mod enable_snapshot_block_public_access;
mod get_ebs_default_kms_key_id;
mod get_ebs_encryption_by_default;
mod get_image_block_public_access_state;
mod get_snapshot_block_public_access_state;
mod import_image;
mod import_snapshot;
mod modify_image_attribute;
mod modify_snapshot_attribute;
mod register_image;
mod reset_image_attribute;

use std::sync::Arc;

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, missing, refuse};
use crate::ec2::wire::query::Fields;
use crate::wire::{Request, query_fields};

/// The only version of the API that is built; the SDKs have sent it since 2016.
const API_VERSION: &str = "2016-11-15";

/// The XML that answers a request to this Region.
pub(crate) async fn answer(
    service: &Arc<Service>,
    region: &str,
    request: &Request,
    request_id: &str,
) -> Result<String, Failure> {
    let fields = query_fields(request);
    let named = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.clone())
    };
    let action = named("Action")
        .ok_or_else(|| refuse("MissingAction", "The request must contain an Action"))?;
    match named("Version") {
        None => return Err(missing("Version")),
        Some(version) if version != API_VERSION => {
            return Err(Failure::NotBuilt(format!(
                "{action} of the API version {version}"
            )));
        }
        Some(_) => {}
    }
    service.store().check_enabled(region)?;
    service
        .limits()
        .take(region, &action, service.clock.now())?;
    service.progress().await;
    let mut fields = Fields::new(fields)?;
    fields.page_limit = service.settings().page_limit;
    let call = Call {
        region: region.to_owned(),
        action,
        request_id: request_id.to_owned(),
        fields,
    };
    make(service, call).await
}

/// The actions that make, list and remove.
async fn make(service: &Arc<Service>, call: Call) -> Result<String, Failure> {
    match call.action.as_str() {
        "BundleInstance" => bundle_instance::answer(service, call).await,
        "CancelBundleTask" => cancel_bundle_task::answer(service, call),
        "CancelImportTask" => cancel_import_task::answer(service, call),
        "CopyImage" => copy_image::answer(service, call),
        "CopySnapshot" => copy_snapshot::answer(service, call),
        "CreateRestoreImageTask" => create_restore_image_task::answer(service, call).await,
        "CreateStoreImageTask" => create_store_image_task::answer(service, call).await,
        "CreateTags" => create_tags::answer(service, call),
        "DeleteSnapshot" => delete_snapshot::answer(service, call),
        "DeleteTags" => delete_tags::answer(service, call),
        "DeregisterImage" => deregister_image::answer(service, call),
        "DescribeBundleTasks" => describe_bundle_tasks::answer(service, call),
        "DescribeImageAttribute" => describe_image_attribute::answer(service, call),
        "DescribeImages" => describe_images::answer(service, call),
        "DescribeImportImageTasks" => describe_import_image_tasks::answer(service, call),
        "DescribeImportSnapshotTasks" => describe_import_snapshot_tasks::answer(service, call),
        "DescribeInstances" => describe_instances::answer(service, call),
        "DescribeRegions" => describe_regions::answer(service, call),
        "DescribeSnapshots" => describe_snapshots::answer(service, call),
        "DescribeStoreImageTasks" => describe_store_image_tasks::answer(service, call),
        "DescribeTags" => describe_tags::answer(service, call),
        "DisableImage" => disable_image::answer(service, call),
        "EnableImage" => enable_image::answer(service, call),
        "ImportImage" => import_image::answer(service, call).await,
        "ImportSnapshot" => import_snapshot::answer(service, call).await,
        "RegisterImage" => register_image::answer(service, call).await,
        _ => set(service, call),
    }
}

/// The actions that set and show attributes of what is there, and the account's settings.
fn set(service: &Service, call: Call) -> Result<String, Failure> {
    match call.action.as_str() {
        "ConfirmProductInstance" => confirm_product_instance::answer(service, call),
        "DescribeImageReferences" => describe_image_references::answer(service, call),
        "DescribeSnapshotAttribute" => describe_snapshot_attribute::answer(service, call),
        "DisableImageBlockPublicAccess" => disable_image_block_public_access::answer(service, call),
        "DisableImageDeprecation" => disable_image_deprecation::answer(service, call),
        "DisableImageDeregistrationProtection" => {
            disable_image_deregistration_protection::answer(service, call)
        }
        "DisableSnapshotBlockPublicAccess" => {
            disable_snapshot_block_public_access::answer(service, call)
        }
        "EnableImageBlockPublicAccess" => enable_image_block_public_access::answer(service, call),
        "EnableImageDeprecation" => enable_image_deprecation::answer(service, call),
        "EnableImageDeregistrationProtection" => {
            enable_image_deregistration_protection::answer(service, call)
        }
        "EnableSnapshotBlockPublicAccess" => {
            enable_snapshot_block_public_access::answer(service, call)
        }
        "GetEbsDefaultKmsKeyId" => get_ebs_default_kms_key_id::answer(service, call),
        "GetEbsEncryptionByDefault" => get_ebs_encryption_by_default::answer(service, call),
        "GetImageBlockPublicAccessState" => {
            get_image_block_public_access_state::answer(service, call)
        }
        "GetSnapshotBlockPublicAccessState" => {
            get_snapshot_block_public_access_state::answer(service, call)
        }
        "ModifyImageAttribute" => modify_image_attribute::answer(service, call),
        "ModifySnapshotAttribute" => modify_snapshot_attribute::answer(service, call),
        "ResetImageAttribute" => reset_image_attribute::answer(service, call),
        _ => Err(Failure::NotBuilt(call.action)),
    }
}
