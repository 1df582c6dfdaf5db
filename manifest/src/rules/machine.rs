//! A virtual machine: its files, and what ImportImage is told of it.

use super::{forms, source::location};
use crate::{
    device,
    document::{Path, at},
    findings::{Finding, Findings},
    hint::Hint,
    limits,
    spec::{Vm, VmArchitecture, VmBootMode, VmFormat},
    text::quoted,
};

const RULE: &str = "EC2 API Reference, ImportImage";
const LICENSE: &str = "arn:aws:license-manager:us-east-1:111122223333:license-configuration:lic-0123456789abcdef0123456789abcdef";
const CONTAINER: &str = "EC2 API Reference, ImageDiskContainer";

pub(super) fn check(vm: &Vm, findings: &mut Findings) {
    files(vm, findings);
    disks(vm, findings);
    let path = |field: &str| at!["source", "vm", field];
    if vm.architecture == Some(VmArchitecture::Arm64)
        && vm.boot_mode == Some(VmBootMode::LegacyBios)
    {
        findings.add(
            Finding::new(path("bootMode"), "Arm machines boot by UEFI")
                .hint(Hint::new("write `uefi`").replacing(&path("bootMode"), "uefi"))
                .rule("EC2 User Guide, Requirements to launch an EC2 instance in UEFI boot mode")
                .because_of(path("architecture")),
        );
    }
    if let Some(operation) = &vm.usage_operation
        && !is_usage_operation(operation)
    {
        let message = format!("{} is not a usage operation", quoted(operation));
        findings.add(
            Finding::new(path("usageOperation"), message)
                .hint(
                    Hint::new("as `RunInstances:0800` (Windows, own license)")
                        .example(&path("usageOperation"), "RunInstances:0800"),
                )
                .rule("VM Import/Export User Guide, Licensing options"),
        );
    }
    let specifications = path("licenseSpecifications");
    for (index, arn) in vm.license_specifications.iter().enumerate() {
        if !is_license_configuration(arn) {
            let message = format!("{} is not the ARN of a license configuration", quoted(arn));
            let place = specifications.join(index);
            let hint = Hint::new(format!("as `{LICENSE}`")).example(&place, LICENSE);
            findings.add(
                Finding::new(place, message)
                    .hint(hint)
                    .rule("EC2 API Reference, ImportImageLicenseConfigurationRequest"),
            );
        }
    }
    forms::no_repeats(&vm.license_specifications, &specifications, findings);
}

/// One file, or disks.
fn files(vm: &Vm, findings: &mut Findings) {
    let path = |field: &str| at!["source", "vm", field];
    if let Some(object) = &vm.object {
        location(object, path("object"), findings);
    }
    let refuse = |path: Path, message: &str, hint: &str| {
        Finding::new(path, message)
            .hint(hint)
            .rule(RULE)
            .because_of(at!["source", "vm", "object"])
            .because_of(at!["source", "vm", "format"])
            .because_within(at!["source", "vm", "disks"])
    };
    if !vm.disks.is_empty() {
        for (field, is_given) in [
            ("object", vm.object.is_some()),
            ("format", vm.format.is_some()),
        ] {
            if is_given {
                let message = format!("`{field}` and `disks` are both given");
                // An OVA is a machine with all of its disks.
                let hint = match vm.format {
                    Some(VmFormat::Ova) => {
                        "give the OVA alone, as `object`; or the machine's disks alone, as `disks`"
                    }
                    _ => "put every file into `disks`, the one that the machine boots from first",
                };
                findings.add(refuse(path(field), &message, hint).at_key());
            }
        }
        return;
    }
    if findings.has(&path("disks")) && vm.object.is_none() && vm.format.is_none() {
        let hint = "list the machine's files, the one that it boots from first";
        findings.add(refuse(path("disks"), "there are no disks", hint));
        return;
    }
    for (field, is_given, hint) in [
        (
            "object",
            vm.object.is_some(),
            "add `object`, the machine's file; or `disks`, if it has several",
        ),
        (
            "format",
            vm.format.is_some(),
            "add `format`: one of `ova`, `vmdk`, `vhd`, `vhdx`, `raw`",
        ),
    ] {
        if !is_given {
            findings.add(refuse(path(field), &format!("`{field}` is missing"), hint));
        }
    }
}

fn disks(vm: &Vm, findings: &mut Findings) {
    let path = at!["source", "vm", "disks"];
    if vm.disks.len() > limits::VM_DISKS {
        let message = format!("{} disks are too many", vm.disks.len());
        let hint = format!("at most {}", limits::VM_DISKS);
        findings.add(Finding::new(path.clone(), message).hint(hint).at_key());
        return;
    }
    for (index, disk) in vm.disks.iter().enumerate() {
        location(&disk.object, path.join(index).join("object"), findings);
        if disk.format == VmFormat::Ova && vm.disks.len() > 1 {
            findings.add(
                Finding::new(
                    path.join(index).join("format"),
                    "an OVA is a whole machine, and cannot be one of several disks",
                )
                .hint("export the disks as VMDK, VHD, VHDX or raw files; or give the OVA alone, as `object`")
                .rule("VM Import/Export User Guide, Image formats supported by VM Import/Export"),
            );
        }
        let Some(name) = &disk.device_name else {
            continue;
        };
        let place = path.join(index).join("deviceName");
        if !device::is_hvm_name(name) {
            let is_free = |name: &str| {
                let mut names = vm
                    .disks
                    .iter()
                    .filter_map(|disk| disk.device_name.as_deref());
                device::is_hvm_name(name) && !names.any(|other| other == name)
            };
            let hint = match device::probable_name(name, is_free) {
                Some(meant) => Hint::meant(&place, &meant),
                None => Hint::new("as `/dev/sdf` or `/dev/xvdf`, another for each disk"),
            };
            findings.add(
                Finding::new(place, format!("{} is not a device", quoted(name)))
                    .hint(hint)
                    .rule(CONTAINER),
            );
        } else if vm.disks[..index]
            .iter()
            .any(|it| it.device_name.as_ref() == Some(name))
        {
            findings.add(
                Finding::new(place, format!("{} is given twice", quoted(name)))
                    .hint("each disk has a device of its own")
                    .rule(CONTAINER),
            );
        }
    }
}

/// `RunInstances`, alone or with a code of four letters and digits (EC2 User Guide, "AMI billing information fields").
fn is_usage_operation(operation: &str) -> bool {
    let Some(rest) = operation.strip_prefix("RunInstances") else {
        return false;
    };
    let is_code = |code: &str| code.len() == 4 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    rest.is_empty() || rest.strip_prefix(':').is_some_and(is_code)
}

/// License Manager API Reference, LicenseConfiguration (LicenseConfigurationArn).
fn is_license_configuration(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "license-manager", region, account, resource]
        if forms::is_partition(partition) && forms::is_region(region) && forms::is_account(account)
            && resource.strip_prefix("license-configuration:").is_some_and(is_license))
}

fn is_license(id: &str) -> bool {
    let digits = id.strip_prefix("lic-").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}
