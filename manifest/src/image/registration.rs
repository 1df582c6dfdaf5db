//! What RegisterImage is to be sent, with every default resolved: the caller needs no logic of its own.

use serde::Serialize;

use super::{
    Architecture, BlockDeviceMapping, BootMode, BuildSpec, Ebs, ImdsSupport, Register, Source,
    SriovNetSupport, TpmSupport, VirtualizationType,
};

/// The root device of an image whose manifest names none; Amazon Linux's own.
const DEFAULT_ROOT: &str = "/dev/xvda";

/// Root devices by convention, in the order they are looked for when `rootDeviceName` is left out.
const USUAL_ROOTS: [&str; 3] = ["/dev/xvda", "/dev/sda1", "/dev/sda"];

/// The parameters of RegisterImage except name, description, tags and, for bundles, ImageLocation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// None: the bundle's own.
    pub architecture: Option<Architecture>,
    /// None: paravirtual if the bundle names a kernel, else hvm. Send one always: EC2's default is paravirtual.
    pub virtualization_type: Option<VirtualizationType>,
    /// The boot mode.
    pub boot_mode: Option<BootMode>,
    /// NitroTPM.
    pub tpm_support: Option<TpmSupport>,
    /// The UEFI variable store in base64, without white space.
    pub uefi_data: Option<String>,
    /// IMDSv2.
    pub imds_support: Option<ImdsSupport>,
    /// ENA.
    pub ena_support: Option<bool>,
    /// Intel 82599 virtual function.
    pub sriov_net_support: Option<SriovNetSupport>,
    /// Kernel.
    pub kernel_id: Option<String>,
    /// RAM disk.
    pub ramdisk_id: Option<String>,
    /// Billing product codes.
    pub billing_products: Vec<String>,
    /// None for a bundle that leaves it to EC2.
    pub root_device_name: Option<String>,
    /// Mappings; the root's has the source's snapshot. Empty for a bundle that leaves them to its own manifest.
    pub block_device_mappings: Vec<BlockDeviceMapping>,
}

impl BuildSpec {
    /// What RegisterImage is to be sent; none for a source whose AMI another call makes.
    ///
    /// `imported` is the snapshot that a `disk` became; a `snapshot` source brings its own.
    #[must_use]
    pub fn registration(&self, imported: Option<&str>) -> Option<Registration> {
        if !self.source.is_registered() {
            return None;
        }
        let register = self.register.clone().unwrap_or_default();
        let root_device_name = self.root_device_name();
        let block_device_mappings = match &root_device_name {
            Some(root) if !self.source.is_instance_store() => with_root(
                &register.block_device_mappings,
                root,
                self.source_snapshot().or(imported),
            ),
            _ => register.block_device_mappings.clone(),
        };
        Some(Registration {
            architecture: self.architecture(),
            virtualization_type: self.virtualization_type(),
            boot_mode: register.boot_mode,
            tpm_support: register.tpm_support,
            uefi_data: register
                .uefi_data
                .map(|data| data.split_ascii_whitespace().collect()),
            imds_support: register.imds_support,
            ena_support: register.ena_support,
            sriov_net_support: register.sriov_net_support,
            kernel_id: register.kernel_id,
            ramdisk_id: register.ramdisk_id,
            billing_products: register.billing_products,
            root_device_name,
            block_device_mappings,
        })
    }

    /// The architecture to register: as given, else x86_64, else (none) the bundle's own.
    #[must_use]
    pub fn architecture(&self) -> Option<Architecture> {
        let given = self.register().and_then(|register| register.architecture);
        given.or((!self.source.is_instance_store()).then_some(Architecture::X86_64))
    }

    /// The virtualization type to register: as given, else hvm. For a bundle: paravirtual if a kernel is given, else
    /// (none) as the bundle's manifest has it.
    #[must_use]
    pub fn virtualization_type(&self) -> Option<VirtualizationType> {
        let register = self.register();
        let given = register.and_then(|register| register.virtualization_type);
        given.or_else(|| {
            if !self.source.is_instance_store() {
                return Some(VirtualizationType::Hvm);
            }
            register?
                .kernel_id
                .as_ref()
                .map(|_| VirtualizationType::Paravirtual)
        })
    }

    /// The root device: as given; for EBS images else the mapping that has a usual root's name, that has the source's
    /// snapshot, or the first that could take the snapshot; else `/dev/xvda`.
    #[must_use]
    pub fn root_device_name(&self) -> Option<String> {
        let register = self.register();
        if let Some(given) = register.and_then(|register| register.root_device_name.clone()) {
            return Some(given);
        }
        if self.source.is_instance_store() {
            return None;
        }
        let mappings = register
            .map(|register| register.block_device_mappings.as_slice())
            .unwrap_or_default();
        Some(
            find_root(mappings, self.source_snapshot())
                .unwrap_or(DEFAULT_ROOT)
                .to_owned(),
        )
    }

    /// `register`, where given.
    #[must_use]
    pub(crate) fn register(&self) -> Option<&Register> {
        self.register.as_ref()
    }

    /// The snapshot of a `snapshot` source.
    pub(crate) fn source_snapshot(&self) -> Option<&str> {
        match &self.source {
            Source::Snapshot(snapshot) => Some(&snapshot.id),
            _ => None,
        }
    }
}

fn find_root<'a>(mappings: &'a [BlockDeviceMapping], source: Option<&str>) -> Option<&'a str> {
    let volumes = || {
        mappings
            .iter()
            .filter_map(|mapping| Some((mapping.device_name.as_str(), mapping.ebs.as_ref()?)))
    };
    let has_source = |ebs: &Ebs| source.is_some() && ebs.snapshot_id.as_deref() == source;
    let has_none = |ebs: &Ebs| ebs.snapshot_id.is_none();
    let usual = |root: &&str| {
        volumes().find(|(name, ebs)| name == root && (has_none(ebs) || has_source(ebs)))
    };
    let found = USUAL_ROOTS
        .iter()
        .find_map(usual)
        .or_else(|| volumes().find(|(_, ebs)| has_source(ebs)))
        // An encrypted volume without a snapshot is meant to be empty.
        .or_else(|| volumes().find(|(_, ebs)| has_none(ebs) && ebs.encrypted.is_none()));
    found.map(|(name, _)| name)
}

fn with_root(
    mappings: &[BlockDeviceMapping],
    root: &str,
    snapshot: Option<&str>,
) -> Vec<BlockDeviceMapping> {
    let mut mappings = mappings.to_vec();
    let position = mappings
        .iter()
        .position(|mapping| mapping.device_name == root);
    let at = position.unwrap_or_else(|| {
        let mapping = BlockDeviceMapping {
            device_name: root.to_owned(),
            ..BlockDeviceMapping::default()
        };
        mappings.insert(0, mapping);
        0
    });
    let ebs = mappings[at].ebs.get_or_insert_default();
    if ebs.snapshot_id.is_none() {
        ebs.snapshot_id = snapshot.map(str::to_owned);
    }
    mappings
}
