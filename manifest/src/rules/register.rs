//! Combinations of RegisterImage's parameters.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::forms;
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    spec::{Architecture, BootMode, ImageManifest, Register, VirtualizationType},
    text::quoted,
};

const RULE: &str = "EC2 API Reference, RegisterImage";

/// Largest UEFI variable store, in characters of base64 (EC2 API Reference, RegisterImage, UefiData).
const UEFI_DATA: usize = 64_000;

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let Some(register) = manifest.build.registered() else {
        return;
    };
    match manifest.build.virtualization_type() {
        Some(VirtualizationType::Hvm) => hvm(register, findings),
        Some(VirtualizationType::Paravirtual) => paravirtual(register, findings),
        None => {}
    }
    firmware(register, findings);
    if let Some(kernel) = &register.kernel_id {
        forms::id(kernel, "aki", field("kernelId"), findings);
    }
    if let Some(ramdisk) = &register.ramdisk_id {
        forms::id(ramdisk, "ari", field("ramdiskId"), findings);
    }
    if let Some(data) = &register.uefi_data {
        uefi_data(data, register.boot_mode, findings);
    }
    billing_products(&register.billing_products, findings);
    if manifest.build.source.is_instance_store() {
        instance_store(register, findings);
    }
    if register.accept_lost_billing == Some(true) && manifest.build.source_snapshot().is_none() {
        let finding = refuse(
            "acceptLostBilling",
            "only an AMI of the source `snapshot` can lose a license",
            "leave it out",
        );
        findings.add(finding.because_of(at!["source"]));
    }
}

fn field(name: &str) -> Path {
    at!["register", name]
}

fn refuse(name: &str, message: &str, hint: &str) -> Finding {
    Finding::new(field(name), message).hint(hint).rule(RULE)
}

fn hvm(register: &Register, findings: &mut Findings) {
    for (name, given) in [
        ("kernelId", &register.kernel_id),
        ("ramdiskId", &register.ramdisk_id),
    ] {
        if given.is_some() {
            let hint = "remove it, or set `virtualizationType: paravirtual`";
            let finding = refuse(
                name,
                "an hvm image cannot have a kernel or a RAM disk",
                hint,
            );
            findings.add(
                finding
                    .because_of(field("virtualizationType"))
                    .because_of(at!["source"])
                    .at_key(),
            );
        }
    }
}

fn paravirtual(register: &Register, findings: &mut Findings) {
    let depends = |finding: Finding| {
        finding
            .because_of(field("virtualizationType"))
            .because_of(field("kernelId"))
    };
    if register.ena_support == Some(true) {
        let hint = "remove it, or set `virtualizationType: hvm`";
        findings.add(depends(refuse(
            "enaSupport",
            "ENA is for hvm images only",
            hint,
        )));
    }
    if register.sriov_net_support.is_some() {
        let hint = "remove it, or set `virtualizationType: hvm`";
        findings.add(depends(refuse(
            "sriovNetSupport",
            "SR-IOV networking is for hvm images only",
            hint,
        )));
    }
    if let Some(architecture) = register.architecture
        && !matches!(architecture, Architecture::I386 | Architecture::X86_64)
    {
        let message = format!("{} images are always hvm", architecture.as_str());
        let finding = refuse("architecture", &message, "set `virtualizationType: hvm`");
        findings.add(depends(finding));
    }
    if matches!(
        register.boot_mode,
        Some(BootMode::Uefi | BootMode::UefiPreferred)
    ) {
        let finding = refuse(
            "bootMode",
            "a paravirtual image cannot boot with UEFI",
            "set `virtualizationType: hvm`",
        );
        findings.add(depends(finding));
    }
}

fn firmware(register: &Register, findings: &mut Findings) {
    let boot_mode = register.boot_mode;
    if register.tpm_support.is_some() && boot_mode != Some(BootMode::Uefi) {
        let finding = refuse(
            "tpmSupport",
            "NitroTPM needs `bootMode: uefi`",
            "set `bootMode: uefi`",
        );
        findings.add(finding.because_of(field("bootMode")));
    }
    let arm = matches!(
        register.architecture,
        Some(Architecture::Arm64 | Architecture::Arm64Mac)
    );
    if let Some(boot_mode) = boot_mode
        && arm
        && boot_mode != BootMode::Uefi
    {
        let message = format!("an Arm image boots with UEFI, not {}", boot_mode.as_str());
        let finding = refuse(
            "bootMode",
            &message,
            "set `bootMode: uefi`, or leave it out",
        );
        findings.add(finding.because_of(field("architecture")));
    }
}

fn uefi_data(data: &str, boot_mode: Option<BootMode>, findings: &mut Findings) {
    let compact: String = data.split_ascii_whitespace().collect();
    if compact.len() > UEFI_DATA {
        let message = format!("the UEFI data has {} characters", compact.len());
        findings.add(refuse(
            "uefiData",
            &message,
            "at most 64,000 characters of base64",
        ));
    } else if compact.is_empty() || STANDARD.decode(&compact).is_err() {
        let hint = "as GetInstanceUefiData or python-uefivars gives it";
        findings.add(refuse("uefiData", "the UEFI data is not base64", hint));
    }
    if boot_mode == Some(BootMode::LegacyBios) {
        let finding = refuse(
            "uefiData",
            "UEFI data cannot be used with `bootMode: legacy-bios`",
            "remove one of the two",
        );
        findings.add(finding.because_of(field("bootMode")));
    }
}

fn billing_products(products: &[String], findings: &mut Findings) {
    let path = field("billingProducts");
    for (index, product) in products.iter().enumerate() {
        let digits = product.strip_prefix("bp-").unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let finding = Finding::new(
                path.join(index),
                format!("{} is not a billing product", quoted(product)),
            );
            findings.add(
                finding
                    .hint("`bp-` and letters or digits, as `bp-6ba54002`")
                    .rule(RULE),
            );
        }
    }
    forms::no_repeats(products, &path, findings);
}

fn instance_store(register: &Register, findings: &mut Findings) {
    if let Some(architecture) = register.architecture
        && !matches!(architecture, Architecture::I386 | Architecture::X86_64)
    {
        let message = format!("bundles are i386 or x86_64, not {}", architecture.as_str());
        let finding = refuse(
            "architecture",
            &message,
            "leave it out: the bundle's manifest has it",
        );
        findings.add(finding.because_of(at!["source"]));
    }
}
