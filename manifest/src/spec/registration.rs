//! What RegisterImage is to be sent, with every default resolved: the caller needs no logic of its own.

use serde::Serialize;

use super::{
    Architecture, BlockDeviceMapping, BootMode, Ebs, ImdsSupport, SriovNetSupport, TpmSupport,
    VirtualizationType,
};

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

/// The mapping that is the root where the manifest names none.
pub(super) fn find_root<'a>(
    mappings: &'a [BlockDeviceMapping],
    source: Option<&str>,
) -> Option<&'a str> {
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

/// The mappings with a root that has the snapshot.
pub(super) fn with_root(
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
