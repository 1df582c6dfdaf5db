//! EC2: describing, registering and deregistering AMIs.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    ArchitectureValues, BlockDeviceMapping, BootModeValues, DeviceType, EbsBlockDevice, Image,
    ImageState, ImdsSupportValues, PlatformValues, ProductCode, ProductCodeValues, ResourceType,
    TpmSupportValues, VolumeType,
};

use jiff::Timestamp;

use super::connect::Aws;
use super::ec2::{
    filter, incomplete, non_empty, our_tags, tag_specifications, unless_gone, without_retries,
};
use super::error::{AwsError, Remedy};
use super::rate_limiter::Reservation;
use crate::image::billing::{Billing, SnapshotUser};
use crate::image::observed::{ImageOfSnapshot, NamedImage, ObservedImage};
use crate::manifest::guardrails::Owner;
use crate::manifest::image::{self as manifest, Registration};

/// The most values of one filter of a Describe call (DescribeImages, "Filters").
pub const FILTER_VALUES_MAX: usize = 200;

/// RegisterImage's parameters as our own types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registered {
    /// The AMI's name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// `bucket/key` of a bundle's manifest, for an instance-store AMI.
    pub image_location: Option<String>,
    /// Its tags, the ownership tags among them.
    pub tags: BTreeMap<String, String>,
    /// All other parameters.
    pub registration: Registration,
}

impl Aws {
    /// The account's own AMIs that match one of these values of a filter. Includes disabled AMIs, which keep their names.
    /// At most [`FILTER_VALUES_MAX`] values. An unknown id is left out; it does not fail the call.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn find_images(
        &self,
        name: &str,
        values: &[String],
    ) -> Result<Vec<ObservedImage>, AwsError> {
        let request = self
            .ec2()
            .describe_images()
            .owners("self")
            .include_disabled(true)
            .include_deprecated(true)
            .filters(filter(name, values));
        self.send_ec2_for_all_pages(
            "DescribeImages",
            &format!("looking for AMIs by {name}"),
            |token| Box::pin(request.clone().set_next_token(token).send()),
            |page| {
                let images = page.images.unwrap_or_default().into_iter();
                (images.map(observed).collect(), page.next_token)
            },
        )
        .await
    }

    /// The AMIs that use one of these snapshots and belong to one of these owners (account ids, or `self`), disabled and
    /// deprecated ones too. Without owners EC2 would search the AMIs of everybody.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn users_of_snapshots(
        &self,
        snapshots: &[String],
        owners: &[String],
    ) -> Result<Vec<ImageOfSnapshot>, AwsError> {
        let request = self
            .ec2()
            .describe_images()
            .set_owners(Some(owners.to_vec()))
            .include_disabled(true)
            .include_deprecated(true)
            .filters(filter("block-device-mapping.snapshot-id", snapshots));
        self.send_ec2_for_all_pages(
            "DescribeImages",
            &format!("looking for the AMIs that use {}", snapshots.join(", ")),
            |token| Box::pin(request.clone().set_next_token(token).send()),
            |page| {
                let images = page.images.unwrap_or_default().into_iter();
                (images.map(of_snapshot).collect(), page.next_token)
            },
        )
        .await
    }

    /// The account's own AMI with this id, asked for by name: a listing that is filtered may miss it for a moment. None if EC2
    /// does not find it, as it does not after it was deregistered.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn own_image(&self, id: &str) -> Result<Option<ObservedImage>, AwsError> {
        let request = self
            .ec2()
            .describe_images()
            .image_ids(id)
            .owners("self")
            .include_disabled(true)
            .include_deprecated(true);
        let found = self
            .send_ec2_for_all_pages(
                "DescribeImages",
                &format!("looking at the AMI {id} in {}", self.region()),
                |token| Box::pin(request.clone().set_next_token(token).send()),
                |page| {
                    let images = page.images.unwrap_or_default().into_iter();
                    (images.map(observed).collect(), page.next_token)
                },
            )
            .await;
        match found {
            Ok(found) => Ok(found.into_iter().next()),
            Err(error) if error.is_not_found() || error.has_code("InvalidAMIID.Unavailable") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// An AMI of anybody: the account's own, a public one, or one that is shared with the account.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: with `InvalidAMIID.NotFound` if the account may not see it. For an AMI that was
    /// deregistered a while ago, EC2's answer has nothing in it ("Recently deregistered images appear in the returned
    /// results for a short interval and then return empty results").
    pub async fn named_image(&self, id: &str) -> Result<NamedImage, AwsError> {
        let request = self
            .ec2()
            .describe_images()
            .image_ids(id)
            .include_disabled(true)
            .include_deprecated(true);
        let doing = format!("looking at the AMI {id} in {}", self.region());
        let found = self
            .send_ec2_for_all_pages(
                "DescribeImages",
                &doing,
                |token| Box::pin(request.clone().set_next_token(token).send()),
                |page| {
                    let images = page.images.unwrap_or_default().into_iter();
                    (images.map(named).collect(), page.next_token)
                },
            )
            .await?;
        let image = found.into_iter().next();
        image.ok_or_else(|| {
            let message = "EC2 shows no such AMI, as it does when one was deregistered";
            AwsError::unexplained("DescribeImages", doing, Remedy::Never, message)
        })
    }

    /// Registers an AMI; returns its id. Check for an existing AMI first: the call has no client token, so the SDK does
    /// not retry it. `reserved` is the token of [`Self::reserve`], if one was reserved.
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then the AMI may have been registered.
    pub async fn register_image(
        &self,
        params: &Registered,
        reserved: Option<&Reservation>,
    ) -> Result<String, AwsError> {
        let doing = format!("registering the AMI {}", params.name);
        let registration = &params.registration;
        let request = self
            .ec2()
            .register_image()
            .name(&params.name)
            .set_description(params.description.clone())
            .set_image_location(params.image_location.clone())
            // RegisterImage creates no snapshot, and what we did not create must not carry our ownership tags.
            .set_tag_specifications(tag_specifications(&params.tags, &[ResourceType::Image]))
            .set_architecture(
                registration
                    .architecture
                    .map(|value| ArchitectureValues::from(value.as_str())),
            )
            .set_virtualization_type(
                registration
                    .virtualization_type
                    .map(|value| value.as_str().to_owned()),
            )
            .set_boot_mode(
                registration
                    .boot_mode
                    .map(|value| BootModeValues::from(value.as_str())),
            )
            .set_tpm_support(
                registration
                    .tpm_support
                    .map(|value| TpmSupportValues::from(value.as_str())),
            )
            .set_uefi_data(registration.uefi_data.clone())
            .set_imds_support(
                registration
                    .imds_support
                    .map(|value| ImdsSupportValues::from(value.as_str())),
            )
            .set_ena_support(registration.ena_support)
            .set_sriov_net_support(
                registration
                    .sriov_net_support
                    .map(|value| value.as_str().to_owned()),
            )
            .set_kernel_id(registration.kernel_id.clone())
            .set_ramdisk_id(registration.ramdisk_id.clone())
            .set_billing_products(some_unless_empty(&registration.billing_products))
            .set_root_device_name(registration.root_device_name.clone())
            .set_block_device_mappings(
                some_unless_empty(&registration.block_device_mappings).map(mappings),
            )
            .customize()
            .config_override(without_retries());
        let output = self
            .send_ec2_reserved("RegisterImage", &doing, reserved, Box::pin(request.send()))
            .await?;
        output
            .image_id
            .ok_or_else(|| incomplete("RegisterImage", doing, "the AMI"))
    }

    /// Deregisters an AMI, if it is not gone already. Its snapshots and its objects in S3 are kept.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses, as it does if the AMI is protected.
    pub async fn deregister_image(&self, id: &str) -> Result<(), AwsError> {
        unless_gone(self.deregister_new_image(id).await)
    }

    /// Deregisters an AMI that EC2 has just made: it may not know it yet.
    ///
    /// # Errors
    /// If EC2 does not answer, refuses, or does not know the AMI.
    pub async fn deregister_new_image(&self, id: &str) -> Result<(), AwsError> {
        let request = self.ec2().deregister_image().image_id(id);
        let doing = format!("deregistering the AMI {id}");
        let answer = self.send_ec2("DeregisterImage", doing, Box::pin(request.send()));
        match answer.await {
            // By this very request, whose answer was lost.
            Err(error) if error.has_code("InvalidAMIID.Unavailable") => Ok(()),
            answer => answer.map(drop),
        }
    }
}

fn some_unless_empty<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn mappings(mappings: Vec<manifest::BlockDeviceMapping>) -> Vec<BlockDeviceMapping> {
    mappings.into_iter().map(mapping).collect()
}

fn mapping(mapping: manifest::BlockDeviceMapping) -> BlockDeviceMapping {
    BlockDeviceMapping::builder()
        .device_name(mapping.device_name)
        .set_ebs(mapping.ebs.map(ebs))
        .set_virtual_name(mapping.virtual_name)
        // EC2 expects an empty string for "no device" (BlockDeviceMapping, NoDevice).
        .set_no_device(mapping.no_device.unwrap_or(false).then(String::new))
        .build()
}

fn ebs(ebs: manifest::Ebs) -> EbsBlockDevice {
    EbsBlockDevice::builder()
        .set_snapshot_id(ebs.snapshot_id)
        .set_volume_size(signed(ebs.volume_size))
        .set_volume_type(
            ebs.volume_type
                .map(|value| VolumeType::from(value.as_str())),
        )
        .set_iops(signed(ebs.iops))
        .set_throughput(signed(ebs.throughput))
        .set_delete_on_termination(ebs.delete_on_termination)
        .set_encrypted(ebs.encrypted)
        .set_outpost_arn(ebs.outpost_arn)
        .set_volume_initialization_rate(signed(ebs.volume_initialization_rate))
        .set_availability_zone(ebs.availability_zone)
        .set_availability_zone_id(ebs.availability_zone_id)
        .set_ebs_card_index(signed(ebs.ebs_card_index))
        .build()
}

/// The manifest's rules keep every number far below the limit of the SDK's type.
fn signed(number: Option<u32>) -> Option<i32> {
    number.map(|number| i32::try_from(number).unwrap_or(i32::MAX))
}

/// A time that EC2 shows as text. One that cannot be read is as none.
fn timestamp(text: Option<String>) -> Option<Timestamp> {
    text?.parse().ok()
}

fn observed(image: Image) -> ObservedImage {
    let reason = image.state_reason.map(|reason| {
        (
            reason.code.unwrap_or_default(),
            reason.message.unwrap_or_default(),
        )
    });
    let billing = Billing {
        platform_details: non_empty(image.platform_details),
        usage_operation: non_empty(image.usage_operation),
        product_codes: product_codes(image.product_codes, |_| true),
    };
    let mappings = image.block_device_mappings.unwrap_or_default();
    let (snapshots, is_encrypted) = (snapshots(&mappings), is_encrypted(&mappings));
    ObservedImage {
        id: image.image_id.unwrap_or_default(),
        name: image.name.unwrap_or_default(),
        state: image
            .state
            .map(|state| state.as_str().to_owned())
            .unwrap_or_default(),
        reason,
        tags: our_tags(image.tags),
        snapshots,
        description: image.description,
        created_at: timestamp(image.creation_date),
        deprecate_at: timestamp(image.deprecation_time),
        protection: image.deregistration_protection.unwrap_or_default(),
        public: image.public.unwrap_or_default(),
        is_instance_store: image.root_device_type == Some(DeviceType::InstanceStore),
        is_encrypted,
        billing,
        last_launched_at: timestamp(image.last_launched_time),
    }
}

/// The snapshots of the volumes: several may come from one.
fn snapshots(mappings: &[BlockDeviceMapping]) -> Vec<String> {
    let mut snapshots: Vec<String> = Vec::new();
    for mapping in mappings {
        if let Some(id) = mapping.ebs.as_ref().and_then(|ebs| ebs.snapshot_id.clone())
            && !snapshots.contains(&id)
        {
            snapshots.push(id);
        }
    }
    snapshots
}

/// Whether any of the volumes is encrypted.
fn is_encrypted(mappings: &[BlockDeviceMapping]) -> bool {
    let mut volumes = mappings.iter().filter_map(|it| it.ebs.as_ref());
    volumes.any(|ebs| ebs.encrypted == Some(true))
}

fn named(image: Image) -> NamedImage {
    NamedImage {
        is_encrypted: is_encrypted(image.block_device_mappings()),
        snapshots: snapshots(image.block_device_mappings()),
        owner: Owner {
            id: image.owner_id.unwrap_or_default(),
            alias: image.image_owner_alias,
        },
        is_instance_store: image.root_device_type == Some(DeviceType::InstanceStore),
        tags: our_tags(image.tags),
        // "The current state of the AMI" (EC2 API Reference, Image).
        has_failed: matches!(
            image.state,
            Some(
                ImageState::Failed
                    | ImageState::Error
                    | ImageState::Invalid
                    | ImageState::Deregistered
            )
        ),
    }
}

fn of_snapshot(image: Image) -> ImageOfSnapshot {
    ImageOfSnapshot {
        owner: image.owner_id.clone().unwrap_or_default(),
        image: observed(image.clone()),
        user: snapshot_user(image),
    }
}

fn snapshot_user(image: Image) -> SnapshotUser {
    let root = image.root_device_name.unwrap_or_default();
    let mut mappings = image.block_device_mappings.unwrap_or_default().into_iter();
    let root = mappings.find(|mapping| mapping.device_name.as_deref() == Some(&root));
    let is_marketplace =
        |code: &ProductCode| code.product_code_type == Some(ProductCodeValues::Marketplace);
    SnapshotUser {
        image: image.image_id.unwrap_or_default(),
        root_snapshot: root.and_then(|root| root.ebs?.snapshot_id),
        is_windows: image.platform == Some(PlatformValues::Windows),
        marketplace_codes: product_codes(image.product_codes, is_marketplace),
        billing: Billing {
            platform_details: non_empty(image.platform_details),
            usage_operation: non_empty(image.usage_operation),
            product_codes: Vec::new(),
        },
    }
}

fn product_codes(
    codes: Option<Vec<ProductCode>>,
    wanted: impl Fn(&ProductCode) -> bool,
) -> Vec<String> {
    let codes = codes.unwrap_or_default().into_iter().filter(wanted);
    codes.filter_map(|code| code.product_code_id).collect()
}
