//! What RegisterImage is to be sent, with every default resolved: callers add nothing to it.

use super::{BlockDeviceMapping, Ebs, Register};

/// Root devices by convention, in the order they are searched when `rootDeviceName` is left out.
const USUAL_ROOTS: [&str; 3] = ["/dev/xvda", "/dev/sda1", "/dev/sda"];

/// What RegisterImage is sent, besides name, description, tags and (for bundles) ImageLocation: `register` with every
/// default filled in. For a bundle, what is none or empty is left to the bundle's own manifest.
pub type Registration = Register;

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

/// Gives the mapping of the root its snapshot; adds one if there is none.
pub(super) fn add_root(mappings: &mut Vec<BlockDeviceMapping>, root: &str, snapshot: Option<&str>) {
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
}
