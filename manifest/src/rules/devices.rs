//! Block device mappings: their names, what they map, and the root among them.

use std::collections::HashSet;

use crate::{
    device::{is_hvm_name, is_paravirtual_name, probable_name},
    document::{Path, at},
    findings::{Finding, Findings},
    hint::{Hint, add, remove},
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
        let path = at!["register", "rootDeviceName"];
        name(root, virtualization, &HashSet::new(), path, findings);
    }
    let mut names = HashSet::new();
    let mut stores = HashSet::new();
    let taken: HashSet<&str> = register
        .block_device_mappings
        .iter()
        .map(|mapping| mapping.device_name.as_str())
        .collect();
    let free = free_store(register);
    // Finding it looks at all mappings.
    let root_name = manifest.build.root_device_name();
    for (index, mapping) in register.block_device_mappings.iter().enumerate() {
        let path = at!["register", "blockDeviceMappings", index];
        let name_path = path.join("deviceName");
        name(
            &mapping.device_name,
            virtualization,
            &taken,
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
                    .hint(Hint::new("keep one of the two").removing(&path))
                    .rule(MAPPINGS),
            );
        }
        let is_root = root_name.as_ref() == Some(&mapping.device_name);
        let takes = match manifest.build.source.is_instance_store() {
            true => Takes::Store,
            false if is_root => Takes::Root,
            false => Takes::Any,
        };
        one_target(mapping, &path, takes, &free, findings);
        if let Some(given) = &mapping.virtual_name {
            virtual_name(
                given,
                !stores.insert(given.as_str()),
                path.join("virtualName"),
                &free,
                findings,
            );
        }
        if mapping.ebs.is_some() && manifest.build.source.is_instance_store() {
            ebs_of_instance_store(mapping, &path, &free, findings);
        }
    }
    if !manifest.build.source.is_instance_store() {
        root(manifest, register, findings);
    }
}

fn ebs_of_instance_store(
    mapping: &BlockDeviceMapping,
    path: &Path,
    free: &str,
    findings: &mut Findings,
) {
    let mut changes = vec![remove(&path.join("ebs"))];
    if mapping.virtual_name.is_none() && mapping.no_device != Some(true) {
        changes.push(add(&path.join("virtualName"), free));
    }
    let hint = Hint::new(format!(
        "use `virtualName: {free}`, or attach the volume after the launch"
    ));
    findings.add(
        Finding::new(
            path.join("ebs"),
            "an instance-store image takes only instance-store mappings",
        )
        .hint(hint.changing(changes))
        .rule(REGISTER)
        .because_of(at!["source"])
        .at_key(),
    );
}

/// Checks a device's name; whether it is one.
fn name(
    given: &str,
    virtualization: Option<VirtualizationType>,
    taken: &HashSet<&str>,
    path: Path,
    findings: &mut Findings,
) -> bool {
    // A bundle may turn out to be either: what one of the two allows is let through.
    let hvm = virtualization == Some(VirtualizationType::Hvm);
    let is_name = |name: &str| is_hvm_name(name) || (!hvm && is_paravirtual_name(name));
    if is_name(given) {
        return true;
    }
    let is_free = |name: &str| is_name(name) && !taken.contains(name);
    let hint = match probable_name(given, is_free) {
        Some(meant) => Hint::meant(&path, &meant),
        None if hvm && is_paravirtual_name(given) => {
            Hint::new("only paravirtual images have names with digits or `hd`")
        }
        None => Hint::new("as `/dev/xvda`, `/dev/sda1` or `/dev/sdf`"),
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

/// What may be mapped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// An EBS volume: it is the root.
    Root,
    /// An instance-store volume, or nothing: the image is an instance-store one.
    Store,
    /// Any.
    Any,
}

/// The first instance-store volume that is not mapped.
fn free_store(register: &Register) -> String {
    let mappings = &register.block_device_mappings;
    let is_mapped = |name: &String| {
        let mut names = mappings.iter().filter_map(|it| it.virtual_name.as_ref());
        names.any(|other| other == name)
    };
    let mut names = (0..24).map(|number| format!("ephemeral{number}"));
    let free = names.find(|name| !is_mapped(name));
    free.unwrap_or_else(|| "ephemeral0".to_owned())
}

fn one_target(
    mapping: &BlockDeviceMapping,
    path: &Path,
    takes: Takes,
    store: &str,
    findings: &mut Findings,
) {
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
    let finding = Finding::new(path.clone(), message).hint(target(&given, path, takes, store));
    findings.add(
        targets
            .into_iter()
            .fold(finding.rule(MAPPINGS), Finding::because_of),
    );
}

/// The targets that a mapping may have, each as the only one.
fn target(given: &[&str], path: &Path, takes: Takes, store: &str) -> Hint {
    let (words, targets): (_, &[&str]) = match takes {
        Takes::Root => ("the root is an EBS volume: set `ebs` alone", &["ebs"]),
        Takes::Store => (
            "set one of `virtualName` and `noDevice: true`",
            &["virtualName", "noDevice"],
        ),
        Takes::Any => (
            "set one of `ebs`, `virtualName` and `noDevice: true`",
            &["ebs", "virtualName", "noDevice"],
        ),
    };
    let only = |target: &str| {
        let others = given.iter().filter(|other| **other != target);
        let mut changes: Vec<_> = others.map(|other| remove(&path.join(*other))).collect();
        if !given.contains(&target) {
            changes.push(match target {
                "ebs" if takes == Takes::Root => add(&path.join(target), serde_json::Map::new()),
                "ebs" => add(&path.join(target), serde_json::json!({"volumeSize": 8})),
                "virtualName" => add(&path.join(target), store),
                _ => add(&path.join(target), true),
            });
        }
        changes
    };
    let hint = Hint::new(words);
    targets
        .iter()
        .fold(hint, |hint, target| hint.changing(only(target)))
}

fn virtual_name(given: &str, repeated: bool, path: Path, free: &str, findings: &mut Findings) {
    let number = given
        .strip_prefix("ephemeral")
        .filter(|digits| *digits == "0" || !digits.starts_with('0'));
    let number = number
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse::<u8>().ok());
    if number.is_none_or(|number| number > 23) {
        let hint = Hint::new("`ephemeral0` to `ephemeral23`").example(&path, free);
        let message = format!("{} is not an instance-store volume", quoted(given));
        findings.add(Finding::new(path, message).hint(hint).rule(MAPPINGS));
    } else if repeated {
        let hint = Hint::new(format!("one volume is one device: `{free}` is free"));
        let hint = hint.replacing(&path, free);
        let finding = Finding::new(path, format!("{} is mapped twice", quoted(given)));
        findings.add(finding.hint(hint).rule(MAPPINGS));
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
            findings.add(depends(not_mapped(&root, mappings)));
            // Which volume is the root is not known: no rule about the root is to judge another.
            findings.doubt(at!["register", "rootDeviceName"]);
        }
        return;
    };
    let path = at!["register", "blockDeviceMappings", index];
    let Some(ebs) = &mappings[index].ebs else {
        if mappings[index].virtual_name.is_some() || mappings[index].no_device == Some(true) {
            let targets = [
                ("virtualName", mappings[index].virtual_name.is_some()),
                ("noDevice", mappings[index].no_device.is_some()),
            ];
            let given = targets.iter().filter(|(_, is_given)| *is_given);
            let mut changes: Vec<_> = given.map(|(name, _)| remove(&path.join(*name))).collect();
            changes.push(add(&path.join("ebs"), serde_json::Map::new()));
            let hint = Hint::new("use `ebs` in its place").changing(changes);
            let finding = Finding::new(path, "the root device must be an EBS volume").hint(hint);
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
        let hint = Hint::new("leave it out").removing(&path.join("snapshotId"));
        let finding = Finding::new(path.join("snapshotId"), message).hint(hint);
        findings.add(depends(finding).because_within(at!["source"]));
    }
    if ebs.encrypted.is_some() && given.is_none() {
        let hint = match manifest.build.source_snapshot() {
            Some(_) => "leave it out; the volume is encrypted if the snapshot is",
            None => "leave it out; use `encrypted` of the source",
        };
        let hint = Hint::new(hint).removing(&path.join("encrypted"));
        let message = "the root volume comes from a snapshot, so its encryption cannot be given";
        findings.add(depends(Finding::new(path.join("encrypted"), message).hint(hint)).at_key());
    }
    root_type(ebs.volume_type, path.join("volumeType"), findings);
}

/// The root is not among the mappings: a volume that has neither a size nor a snapshot of its own can only be it.
fn not_mapped(root: &str, mappings: &[BlockDeviceMapping]) -> Finding {
    let path = at!["register", "rootDeviceName"];
    let is_meant = |mapping: &&BlockDeviceMapping| {
        let ebs = mapping.ebs.as_ref();
        ebs.is_some_and(|ebs| ebs.volume_size.is_none() && ebs.snapshot_id.is_none())
    };
    let hint = match mappings.iter().find(is_meant) {
        Some(mapping) => {
            let name = &mapping.device_name;
            Hint::new(format!("write `{name}`, or give that mapping this name"))
                .replacing(&path, name.as_str())
        }
        None => {
            let mapping = serde_json::json!({"deviceName": root, "ebs": {}});
            let end = at!["register", "blockDeviceMappings", "-"];
            let words = format!(
                "add `{{deviceName: {root}, ebs: {{}}}}`, or give the root's mapping this name"
            );
            Hint::new(words).changing(vec![add(&end, mapping)])
        }
    };
    let message = format!(
        "the root device {} is not among the block device mappings",
        quoted(root)
    );
    Finding::new(path, message).hint(hint)
}

/// st1 and sc1 cannot boot.
fn root_type(given: Option<VolumeType>, path: Path, findings: &mut Findings) {
    if let Some(given @ (VolumeType::St1 | VolumeType::Sc1)) = given {
        let hint = Hint::new("use gp3").replacing(&path, "gp3");
        findings.add(
            Finding::new(
                path,
                format!("an {} volume cannot be the root", given.as_str()),
            )
            .hint(hint)
            .rule("EBS User Guide, Amazon EBS volume types"),
        );
    }
}
