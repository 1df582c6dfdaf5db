//! RegisterImage.

use std::sync::Arc;

use crate::ec2::model::bundle_manifest::{self, BundleManifest};
use crate::ec2::model::image::{Image, RootDeviceType};
use crate::ec2::model::mapping::{self, Resolved};
use crate::ec2::model::region::Region;
use crate::ec2::model::registration::Registration;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, refuse};
use crate::ec2::wire::xml::Xml;

pub(crate) async fn answer(service: &Arc<Service>, mut call: Call) -> Result<String, Failure> {
    let registration = Registration::read(&mut call.fields)?;
    service.permit(&call.action, call.fields)?;
    registration.check_values()?;
    if !registration.billing_products.is_empty() && !service.settings().billing_products {
        return Err(refuse(
            "AuthFailure",
            "Your account is not authorized to specify billing product codes",
        ));
    }
    let bundle = match &registration.image_location {
        Some(location) => {
            Some(bundle_manifest::fetch(service.objects.as_ref(), &call.region, location).await?)
        }
        None => None,
    };
    registration.check_combinations(bundle.as_ref())?;
    let image_id = service.register(&call.region, &call.request_id, registration, bundle)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("imageId", image_id);
    }))
}

impl Service {
    /// Takes the image in, all or nothing, and gives its id.
    fn register(
        self: &Arc<Self>,
        region: &str,
        request_id: &str,
        registration: Registration,
        bundle: Option<BundleManifest>,
    ) -> Result<String, Failure> {
        let now = self.clock.now();
        let settings = self.settings().clone();
        let mut store = self.store();
        let target = store.region(region);
        target.check_name_is_free(&registration.name, now)?;
        let mut image = match bundle {
            Some(bundle) => instance_store_image(registration, bundle),
            None => ebs_image(registration, target)?,
        };
        image.id = target.new_image_id(&self.ids);
        image.created_at = now;
        let (id, settles_at) = (image.id.clone(), self.later(settings.pending_time));
        let visible_at = self.later(settings.visibility_delay);
        let failure = store.failures.pop_front();
        let target = store.region(region);
        target.add_image(image, visible_at, settles_at, failure, request_id);
        drop(store);
        self.wake_at(settles_at);
        Ok(id)
    }
}

fn ebs_image(registration: Registration, region: &Region) -> Result<Image, Failure> {
    let root = registration.root_device_name.clone().unwrap_or_default();
    let Resolved {
        mappings,
        billing,
        product_codes,
    } = mapping::resolve(&registration.mappings, &root, region)?;
    let architecture = registration.effective_architecture(None).to_owned();
    Ok(Image {
        architecture,
        block_device_mappings: mappings,
        billing,
        product_codes,
        ..image(registration)
    })
}

fn instance_store_image(registration: Registration, bundle: BundleManifest) -> Image {
    let architecture = registration
        .effective_architecture(Some(&bundle))
        .to_owned();
    let location = registration.image_location.clone().unwrap_or_default();
    let mappings = bundle.mappings_with(&registration.mappings);
    let base = image(registration);
    Image {
        architecture,
        location,
        block_device_mappings: mappings,
        kernel_id: base.kernel_id.or(bundle.kernel_id),
        ramdisk_id: base.ramdisk_id.or(bundle.ramdisk_id),
        root_device_name: base.root_device_name.or(bundle.root_device_name),
        product_codes: bundle.product_codes,
        root_device_type: RootDeviceType::InstanceStore,
        ..base
    }
}

/// What both kinds of images have in common, still without an id.
fn image(registration: Registration) -> Image {
    Image {
        description: registration.description,
        kernel_id: registration.kernel_id,
        ramdisk_id: registration.ramdisk_id,
        root_device_name: registration.root_device_name,
        virtualization_type: registration.virtualization_type,
        ena_support: registration.ena_support,
        sriov_net_support: registration.sriov_net_support,
        boot_mode: registration.boot_mode,
        tpm_support: registration.tpm_support,
        uefi_data: registration.uefi_data,
        imds_support: registration.imds_support,
        billing_products: registration.billing_products,
        tags: registration.tags,
        ..Image::new(String::new(), registration.name)
    }
}
