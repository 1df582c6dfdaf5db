//! Block device mappings: their names, what they map, and the root among them.

use std::collections::HashSet;

use crate::{
    device::{is_hvm_name, is_paravirtual_name, probable_name},
    document::{Path, at},
    findings::{Finding, Findings},
    spec::{BlockDeviceMapping, ImageManifest, Register, VirtualizationType, VolumeType},
    text::quoted,
};

const NAMES: &str = "EC2 User Guide, Device names for volumes";
const MAPPINGS: &str = "EC2 User Guide, Block device mappings";
const REGISTER: &str = "EC2 API Reference, RegisterImage";

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let Some(register) = manifest.build.registered() else {
        return;
    };
    let virtualization = manifest.build.virtualization_type();
    if let Some(root) = &register.root_device_name {
        name(
            root,
            virtualization,
            at!["register", "rootDeviceName"],
            findings,
        );
    }
    let mut names = HashSet::new();
    let mut stores = HashSet::new();
    for (index, mapping) in register.block_device_mappings.iter().enumerate() {
        let path = at!["register", "blockDeviceMappings", index];
        let name_path = path.join("deviceName");
        name(
            &mapping.device_name,
            virtualization,
            name_path.clone(),
            findings,
        );
        if !names.insert(mapping.device_name.as_str()) {
            let message = format!(
                "the device {} is mapped twice",
                quoted(&mapping.device_name)
            );
            findings.add(
                Finding::new(name_path, message)
                    .hint("keep one of the two")
                    .rule(MAPPINGS),
            );
        }
        one_target(mapping, &path, findings);
        if let Some(store) = &mapping.virtual_name {
            virtual_name(
                store,
                !stores.insert(store.as_str()),
                path.join("virtualName"),
                findings,
            );
        }
        if mapping.ebs.is_some() && manifest.build.source.is_instance_store() {
            findings.add(
                Finding::new(
                    path.join("ebs"),
                    "an instance-store image takes only instance-store mappings",
                )
                .hint("use `virtualName: ephemeral0`, or attach the volume after the launch")
                .rule(REGISTER)
                .because_of(at!["source"])
                .at_key(),
            );
        }
    }
    if !manifest.build.source.is_instance_store() {
        root(manifest, register, findings);
    }
}

/// Checks a device's name; whether it is one.
fn name(
    given: &str,
    virtualization: Option<VirtualizationType>,
    path: Path,
    findings: &mut Findings,
) -> bool {
    // A bundle may turn out to be either: what one of the two allows is let through.
    let hvm = virtualization == Some(VirtualizationType::Hvm);
    let is_name = |name: &str| is_hvm_name(name) || (!hvm && is_paravirtual_name(name));
    if is_name(given) {
        return true;
    }
    let hint = match probable_name(given, is_name) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if hvm && is_paravirtual_name(given) => {
            "only paravirtual images have names with digits or `hd`".to_owned()
        }
        None => "as `/dev/xvda`, `/dev/sda1` or `/dev/sdf`".to_owned(),
    };
    findings.add(
        Finding::new(path, format!("{} is not a device name", quoted(given)))
            .hint(hint)
            .rule(NAMES)
            .because_of(at!["register", "virtualizationType"])
            .because_of(at!["source"]),
    );
    false
}

fn one_target(mapping: &BlockDeviceMapping, path: &Path, findings: &mut Findings) {
    let no_device = mapping.no_device == Some(true);
    let given: Vec<&str> = [
        ("ebs", mapping.ebs.is_some()),
        ("virtualName", mapping.virtual_name.is_some()),
        ("noDevice", no_device),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    let message = match given.as_slice() {
        [_] => return,
        [] => "the mapping has no target".to_owned(),
        several => format!("the mapping has several targets: {}", several.join(", ")),
    };
    let targets = ["ebs", "virtualName", "noDevice"].map(|target| path.join(target));
    let finding = Finding::new(path.clone(), message)
        .hint("set one of `ebs`, `virtualName` and `noDevice: true`");
    findings.add(
        targets
            .into_iter()
            .fold(finding.rule(MAPPINGS), Finding::because_of),
    );
}

fn virtual_name(given: &str, repeated: bool, path: Path, findings: &mut Findings) {
    let number = given
        .strip_prefix("ephemeral")
        .filter(|digits| *digits == "0" || !digits.starts_with('0'));
    let number = number
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse::<u8>().ok());
    if number.is_none_or(|number| number > 23) {
        let finding = Finding::new(
            path,
            format!("{} is not an instance-store volume", quoted(given)),
        );
        findings.add(finding.hint("`ephemeral0` to `ephemeral23`").rule(MAPPINGS));
    } else if repeated {
        let finding = Finding::new(path, format!("{} is mapped twice", quoted(given)));
        findings.add(finding.hint("one volume is one device").rule(MAPPINGS));
    }
}

/// The root of an EBS image is an EBS volume made from the source.
fn root(manifest: &ImageManifest, register: &Register, findings: &mut Findings) {
    let mappings = &register.block_device_mappings;
    let Some(root) = manifest
        .build
        .root_device_name()
        .filter(|_| !mappings.is_empty())
    else {
        return;
    };
    let depends = |finding: Finding| {
        finding
            .rule(REGISTER)
            .because_of(at!["source"])
            .because_within(at!["register", "blockDeviceMappings"])
    };
    let Some(index) = mappings
        .iter()
        .position(|mapping| mapping.device_name == root)
    else {
        if register.root_device_name.is_some() {
            let message = format!(
                "the root device {} is not among the block device mappings",
                quoted(&root)
            );
            let hint = "add a mapping for it, or use the name of an existing one";
            findings.add(depends(
                Finding::new(at!["register", "rootDeviceName"], message).hint(hint),
            ));
            // Which volume is the root is not known: no rule about the root is to judge another.
            findings.doubt(at!["register", "rootDeviceName"]);
        }
        return;
    };
    let path = at!["register", "blockDeviceMappings", index];
    let Some(ebs) = &mappings[index].ebs else {
        if mappings[index].virtual_name.is_some() || mappings[index].no_device == Some(true) {
            let finding =
                Finding::new(path, "the root device must be an EBS volume").hint("use `ebs`");
            findings.add(depends(finding));
        }
        return;
    };
    let given = ebs.snapshot_id.as_deref();
    let path = path.join("ebs");
    if given.is_some() && given != manifest.build.source_snapshot() {
        let message = format!(
            "the root volume's snapshot is the source, but another is given: {}",
            quoted(given.unwrap_or_default())
        );
        let finding = Finding::new(path.join("snapshotId"), message).hint("leave it out");
        findings.add(depends(finding).because_within(at!["source"]));
    }
    if ebs.encrypted.is_some() && given.is_none() {
        let hint = match manifest.build.source_snapshot() {
            Some(_) => "leave it out; the volume is encrypted if the snapshot is",
            None => "leave it out; use `encrypted` of the source",
        };
        let message = "the root volume comes from a snapshot, so its encryption cannot be given";
        findings.add(depends(Finding::new(path.join("encrypted"), message).hint(hint)).at_key());
    }
    root_type(ebs.volume_type, path.join("volumeType"), findings);
}

/// st1 and sc1 cannot boot.
fn root_type(given: Option<VolumeType>, path: Path, findings: &mut Findings) {
    if let Some(given @ (VolumeType::St1 | VolumeType::Sc1)) = given {
        findings.add(
            Finding::new(
                path,
                format!("an {} volume cannot be the root", given.as_str()),
            )
            .hint("use gp3")
            .rule("EBS User Guide, Amazon EBS volume types"),
        );
    }
}
