//! The parameters of RegisterImage and EC2's rules about them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ec2::model::bundle_manifest::BundleManifest;
use crate::ec2::model::mapping::{self, MappingRequest};
use crate::ec2::wire::checks::{check_description, check_id, check_name, check_one_of};
use crate::ec2::wire::error::{
    Failure, invalid_combination, invalid_mapping, invalid_value, missing,
};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::tags::{self, Tags};

/// "ImageUefiDataRequest", EC2 API Reference.
const LONGEST_UEFI_DATA: usize = 64_000;

/// A RegisterImage request, with all it can say (DryRun is taken out before).
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) image_location: Option<String>,
    pub(crate) billing_products: Vec<String>,
    pub(crate) boot_mode: Option<String>,
    pub(crate) tpm_support: Option<String>,
    pub(crate) uefi_data: Option<String>,
    pub(crate) imds_support: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) architecture: Option<String>,
    pub(crate) kernel_id: Option<String>,
    pub(crate) ramdisk_id: Option<String>,
    pub(crate) root_device_name: Option<String>,
    pub(crate) mappings: Vec<MappingRequest>,
    pub(crate) virtualization_type: String,
    pub(crate) sriov_net_support: Option<String>,
    pub(crate) ena_support: bool,
}

impl Registration {
    /// Reads the request; what is left in `fields` are unknown parameters.
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            image_location: fields.text("ImageLocation"),
            billing_products: fields.texts("BillingProduct")?,
            boot_mode: fields.text("BootMode"),
            tpm_support: fields.text("TpmSupport"),
            uefi_data: fields.text("UefiData"),
            imds_support: fields.text("ImdsSupport"),
            tags: tags::read_specifications_of(fields, &["image"])?
                .remove("image")
                .unwrap_or_default(),
            name: fields.text("Name").ok_or_else(|| missing("Name"))?,
            description: fields.text("Description"),
            architecture: fields.text("Architecture"),
            kernel_id: fields.text("KernelId"),
            ramdisk_id: fields.text("RamdiskId"),
            root_device_name: fields.text("RootDeviceName"),
            mappings: mapping::read(fields)?,
            virtualization_type: fields
                .text("VirtualizationType")
                .unwrap_or_else(|| "paravirtual".to_owned()),
            sriov_net_support: fields.text("SriovNetSupport"),
            ena_support: fields.flag("EnaSupport")?.unwrap_or(false),
        })
    }

    /// Checks each parameter for itself.
    pub(crate) fn check_values(&self) -> Result<(), Failure> {
        check_name(&self.name)?;
        check_description(self.description.as_deref())?;
        let architectures = ["i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac"];
        check_one_of("architecture", self.architecture.as_deref(), &architectures)?;
        check_one_of(
            "virtualizationType",
            Some(&self.virtualization_type),
            &["hvm", "paravirtual"],
        )?;
        check_one_of(
            "bootMode",
            self.boot_mode.as_deref(),
            &["legacy-bios", "uefi", "uefi-preferred"],
        )?;
        check_one_of("tpmSupport", self.tpm_support.as_deref(), &["v2.0"])?;
        check_one_of("imdsSupport", self.imds_support.as_deref(), &["v2.0"])?;
        check_one_of(
            "sriovNetSupport",
            self.sriov_net_support.as_deref(),
            &["simple"],
        )?;
        if let Some(kernel_id) = &self.kernel_id {
            check_id(kernel_id, "aki", "InvalidAMIID.Malformed")?;
        }
        if let Some(ramdisk_id) = &self.ramdisk_id {
            check_id(ramdisk_id, "ari", "InvalidAMIID.Malformed")?;
        }
        self.uefi_data.as_deref().map_or(Ok(()), check_uefi_data)
    }

    /// Checks what the parameters say together, and with the bundle's manifest.
    pub(crate) fn check_combinations(
        &self,
        bundle: Option<&BundleManifest>,
    ) -> Result<(), Failure> {
        let architecture = self.effective_architecture(bundle);
        if let (Some(asked), Some(bundle)) = (&self.architecture, bundle)
            && *asked != bundle.architecture
        {
            let message = format!(
                "Architecture {asked} does not match the manifest's {}",
                bundle.architecture
            );
            return Err(invalid_combination(message));
        }
        match self.virtualization_type.as_str() {
            "hvm" => self.check_hvm(bundle)?,
            _ => self.check_paravirtual(architecture)?,
        }
        if self.tpm_support.is_some() && self.boot_mode.as_deref() != Some("uefi") {
            return Err(invalid_combination(
                "TpmSupport v2.0 requires BootMode uefi",
            ));
        }
        if self.uefi_data.is_some() && self.boot_mode.as_deref() == Some("legacy-bios") {
            // Whether EC2 refuses or ignores it is not documented.
            let what = "RegisterImage with UefiData and BootMode legacy-bios".to_owned();
            return Err(Failure::NotBuilt(what));
        }
        // "arm64 boots uefi" only; `uefi-preferred` means that legacy BIOS would do, too.
        let boot_mode = self.boot_mode.as_deref().filter(|mode| *mode != "uefi");
        if let Some(mode) = boot_mode.filter(|_| architecture.starts_with("arm64")) {
            return Err(invalid_combination(format!(
                "BootMode {mode} is not supported for {architecture}"
            )));
        }
        mapping::check(&self.mappings, &self.virtualization_type)?;
        if self.image_location.is_some() {
            self.check_instance_store()
        } else {
            self.check_ebs()
        }
    }

    /// The architecture asked for, or EC2's default: the manifest's, or i386.
    pub(crate) fn effective_architecture<'a>(
        &'a self,
        bundle: Option<&'a BundleManifest>,
    ) -> &'a str {
        let default = bundle.map_or("i386", |bundle| bundle.architecture.as_str());
        self.architecture.as_deref().unwrap_or(default)
    }

    fn check_hvm(&self, bundle: Option<&BundleManifest>) -> Result<(), Failure> {
        let kernel =
            self.kernel_id.is_some() || bundle.is_some_and(|bundle| bundle.kernel_id.is_some());
        let ramdisk =
            self.ramdisk_id.is_some() || bundle.is_some_and(|bundle| bundle.ramdisk_id.is_some());
        if kernel || ramdisk {
            return Err(invalid_combination(
                "A kernel or RAM disk cannot be specified for an hvm image",
            ));
        }
        Ok(())
    }

    fn check_paravirtual(&self, architecture: &str) -> Result<(), Failure> {
        if !matches!(architecture, "i386" | "x86_64") {
            let message =
                format!("Virtualization type paravirtual is not supported for {architecture}");
            return Err(invalid_combination(message));
        }
        if self.ena_support {
            return Err(invalid_combination(
                "EnaSupport is supported for hvm images only",
            ));
        }
        if self.sriov_net_support.is_some() {
            return Err(invalid_combination(
                "SriovNetSupport is supported for hvm images only",
            ));
        }
        if self
            .boot_mode
            .as_deref()
            .is_some_and(|mode| mode != "legacy-bios")
        {
            return Err(invalid_combination(
                "UEFI boot modes are supported for hvm images only",
            ));
        }
        Ok(())
    }

    fn check_instance_store(&self) -> Result<(), Failure> {
        match self.mappings.iter().find(|mapping| mapping.ebs.is_some()) {
            None => Ok(()),
            Some(mapping) => Err(invalid_mapping(format!(
                "{} is an EBS volume; an instance store image takes instance store volumes only",
                mapping.device_name
            ))),
        }
    }

    fn check_ebs(&self) -> Result<(), Failure> {
        if self.mappings.is_empty() {
            return Err(missing("BlockDeviceMapping or ImageLocation"));
        }
        if self.root_device_name.is_none() {
            return Err(missing("RootDeviceName"));
        }
        Ok(())
    }
}

fn check_uefi_data(data: &str) -> Result<(), Failure> {
    if data.len() > LONGEST_UEFI_DATA {
        return Err(invalid_value(format!(
            "UefiData exceeds the maximum length of {LONGEST_UEFI_DATA} characters"
        )));
    }
    match STANDARD.decode(data) {
        Ok(_) => Ok(()),
        Err(_) => Err(invalid_value("UefiData is not valid base64")),
    }
}
