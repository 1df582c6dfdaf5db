//! Combinations of RegisterImage's parameters.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::forms;
use crate::{
    device::{is_hvm_name, is_paravirtual_name},
    document::{Path, at},
    findings::{Finding, Findings},
    hint::{Hint, add, remove},
    spec::{Architecture, BootMode, ImageManifest, Register, VirtualizationType},
    suggestion::Change,
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
        Some(VirtualizationType::Hvm) => hvm(manifest, register, findings),
        Some(VirtualizationType::Paravirtual) => paravirtual(register, findings),
        None => {}
    }
    firmware(manifest, register, findings);
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
            Hint::new("leave it out").removing(&field("acceptLostBilling")),
        );
        findings.add(finding.because_of(at!["source"]));
    }
}

fn field(name: &str) -> Path {
    at!["register", name]
}

fn refuse(name: &str, message: &str, hint: impl Into<Hint>) -> Finding {
    Finding::new(field(name), message).hint(hint).rule(RULE)
}

/// Whether nothing that is given needs an hvm image.
fn may_be_paravirtual(manifest: &ImageManifest, register: &Register) -> bool {
    let is_x86 = |it: Architecture| matches!(it, Architecture::I386 | Architecture::X86_64);
    let boots = !matches!(
        register.boot_mode,
        Some(BootMode::Uefi | BootMode::UefiPreferred)
    );
    let names = register.block_device_mappings.iter();
    let mut names = names
        .map(|it| &it.device_name)
        .chain(&register.root_device_name);
    register.architecture.is_none_or(is_x86)
        && boots
        && register.ena_support != Some(true)
        && register.sriov_net_support.is_none()
        && register.tpm_support.is_none()
        && manifest.publish.store.is_none()
        && names.all(|name| is_hvm_name(name) || is_paravirtual_name(name))
}

/// What makes an hvm image of a paravirtual one, in words and as changes.
fn to_hvm(register: &Register) -> (String, Vec<Change>) {
    let kernel = [
        ("kernelId", &register.kernel_id),
        ("ramdiskId", &register.ramdisk_id),
    ];
    let kernel = kernel.iter().filter(|(_, given)| given.is_some());
    let mut words = "set `virtualizationType: hvm`".to_owned();
    let mut changes = vec![add(&field("virtualizationType"), "hvm")];
    for (name, _) in kernel {
        words += &format!(" and remove `{name}`");
        changes.push(remove(&field(name)));
    }
    (words, changes)
}

fn hvm(manifest: &ImageManifest, register: &Register, findings: &mut Findings) {
    for (name, given) in [
        ("kernelId", &register.kernel_id),
        ("ramdiskId", &register.ramdisk_id),
    ] {
        if given.is_some() {
            let hint = if may_be_paravirtual(manifest, register) {
                Hint::new("remove it, or set `virtualizationType: paravirtual`")
                    .adding(&field("virtualizationType"), "paravirtual")
            } else {
                Hint::new("remove it")
            };
            let hint = hint.removing(&field(name));
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
    let (set_hvm, changes) = to_hvm(register);
    let or_hvm = |name: &str| {
        let hint = Hint::new(format!("remove it, or {set_hvm}"));
        hint.removing(&field(name)).changing(changes.clone())
    };
    if register.ena_support == Some(true) {
        let message = "ENA is for hvm images only";
        let hint = or_hvm("enaSupport");
        findings.add(depends(refuse("enaSupport", message, hint)));
    }
    if register.sriov_net_support.is_some() {
        let message = "SR-IOV networking is for hvm images only";
        let hint = or_hvm("sriovNetSupport");
        findings.add(depends(refuse("sriovNetSupport", message, hint)));
    }
    if let Some(architecture) = register.architecture
        && !matches!(architecture, Architecture::I386 | Architecture::X86_64)
    {
        let message = format!("{} images are always hvm", architecture.as_str());
        let hint = Hint::new(set_hvm.clone()).changing(changes.clone());
        let finding = refuse("architecture", &message, hint);
        findings.add(depends(finding));
    }
    if matches!(
        register.boot_mode,
        Some(BootMode::Uefi | BootMode::UefiPreferred)
    ) {
        let finding = refuse(
            "bootMode",
            "a paravirtual image cannot boot with UEFI",
            or_hvm("bootMode"),
        );
        findings.add(depends(finding));
    }
}

fn firmware(manifest: &ImageManifest, register: &Register, findings: &mut Findings) {
    let is_paravirtual =
        manifest.build.virtualization_type() == Some(VirtualizationType::Paravirtual);
    let boot_mode = register.boot_mode;
    if register.tpm_support.is_some() && boot_mode != Some(BootMode::Uefi) {
        let hint = if is_paravirtual {
            Hint::new("leave it out: paravirtual images have none")
        } else {
            Hint::new("set `bootMode: uefi`, or leave it out").adding(&field("bootMode"), "uefi")
        };
        let hint = hint.removing(&field("tpmSupport"));
        let finding = refuse("tpmSupport", "NitroTPM needs `bootMode: uefi`", hint);
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
        let hint = Hint::new("set `bootMode: uefi`, or leave it out")
            .replacing(&field("bootMode"), "uefi")
            .removing(&field("bootMode"));
        let finding = refuse("bootMode", &message, hint);
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
        let hint = Hint::new("remove one of the two")
            .removing(&field("uefiData"))
            .removing(&field("bootMode"));
        let message = "UEFI data cannot be used with `bootMode: legacy-bios`";
        let finding = refuse("uefiData", message, hint);
        findings.add(finding.because_of(field("bootMode")));
    }
}

fn billing_products(products: &[String], findings: &mut Findings) {
    let path = field("billingProducts");
    for (index, product) in products.iter().enumerate() {
        let digits = product.strip_prefix("bp-").unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let path = path.join(index);
            let hint = Hint::new("`bp-` and letters or digits, as `bp-6ba54002`");
            let hint = hint.example(&path, "bp-6ba54002");
            let message = format!("{} is not a billing product", quoted(product));
            findings.add(Finding::new(path, message).hint(hint).rule(RULE));
        }
    }
    forms::no_repeats(products, &path, findings);
}

fn instance_store(register: &Register, findings: &mut Findings) {
    if let Some(architecture) = register.architecture
        && !matches!(architecture, Architecture::I386 | Architecture::X86_64)
    {
        let message = format!("bundles are i386 or x86_64, not {}", architecture.as_str());
        let hint = Hint::new("leave it out: the bundle's manifest has it");
        let hint = hint.removing(&field("architecture"));
        let finding = refuse("architecture", &message, hint);
        findings.add(finding.because_of(at!["source"]));
    }
}
