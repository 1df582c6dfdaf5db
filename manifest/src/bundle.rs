//! The manifest of an AMI-tools bundle (`PREFIX.manifest.xml`): its bytes in, a checked [`BundleManifest`] or all its
//! problems out.
//!
//! `ec2-bundle-image`, `euca-bundle-image` and EC2 itself write it. They order and lay out the elements differently, so
//! everything is read by name. Elements that are not known are left alone. Deliberately absent: the encrypted keys and
//! the signature. Keys and initialisation vectors are checked for their form and dropped. The signature is not
//! verified: AWS's guide has people edit and re-format a manifest after it was signed, and EC2 takes it so.

mod characters;
mod findings;
mod name;
mod node;
mod parts;
mod values;
mod xml;

use std::collections::HashSet;

use findings::Findings;
pub use name::default_image_name;
use node::{FORMAT, Node};

pub use crate::spec::{Architecture, VirtualizationType};
use crate::{Problem, location::beside, read};

/// A bundle manifest that passed every check that needs no AWS.
///
/// It is always that of a *machine* image: bundled kernels and ramdisks are refused, because they make no AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleManifest {
    /// Version of the manifest's format.
    pub version: Version,
    /// Architecture of the image; a manifest of version 3 names none and means i386.
    pub architecture: Architecture,
    /// The kernel that a paravirtual image starts with (`aki-…`).
    pub kernel_id: Option<String>,
    /// The ramdisk for that kernel (`ari-…`).
    pub ramdisk_id: Option<String>,
    /// Devices as the bundle has them, in its order.
    pub block_device_mappings: Vec<BundleMapping>,
    /// Product codes that EC2 gives the AMI, each once.
    pub product_codes: Vec<String>,
    /// The bundle's prefix. This is not the AMI's name.
    pub image_name: String,
    /// The 12-digit account that made the bundle: `image/user`.
    pub account: String,
    /// AMIs that this image was made from.
    pub ancestors: Vec<String>,
    /// Size of the image in bytes.
    pub size: u64,
    /// Size of all parts together in bytes.
    pub bundled_size: u64,
    /// SHA-1 of the image, in lower-case hexadecimal.
    pub digest: String,
    /// The parts in the order of their indices, which are 0, 1, 2, …
    pub parts: Vec<Part>,
}

/// A version of the manifest's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `3`: no machine configuration and no type.
    V3,
    /// `2007-08-29`: the first with an architecture.
    V2007_08_29,
    /// `2007-10-10`: the current one.
    V2007_10_10,
}

/// A virtual device and the device that an instance sees it as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleMapping {
    /// `ami`, `root`, `swap` or `ephemeralN`.
    pub virtual_name: String,
    /// As the bundle has it, with or without `/dev/`.
    pub device_name: String,
}

/// A part of a bundle: an object beside the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Place among the parts, from 0.
    pub index: usize,
    /// Name of the object, without the folder.
    pub file_name: String,
    /// SHA-1 of the encrypted part, in lower-case hexadecimal.
    pub digest: String,
}

impl BundleManifest {
    /// Paravirtual if the manifest names a kernel, else hvm. RegisterImage's own default is paravirtual always, so it
    /// has to be sent it.
    #[must_use]
    pub const fn virtualization_type(&self) -> VirtualizationType {
        if self.kernel_id.is_some() {
            VirtualizationType::Paravirtual
        } else {
            VirtualizationType::Hvm
        }
    }

    /// The keys of the parts in their order: beside the manifest with this key.
    #[must_use]
    pub fn part_keys(&self, manifest_key: &str) -> Vec<String> {
        self.parts
            .iter()
            .map(|part| beside(manifest_key, &part.file_name))
            .collect()
    }
}

/// Reads and checks a bundle manifest.
///
/// # Errors
///
/// All problems at once, in the order of the text, each with its path (as `manifest.image.parts.part[3].filename`, or
/// `manifest.image.parts@count` for an attribute) and place. Only what is not XML hides what comes after it.
pub fn parse(bytes: &[u8]) -> Result<BundleManifest, Vec<Problem>> {
    let text = decode(bytes)?;
    let mut findings = Findings::new(text);
    let manifest = xml::read(text, &mut findings)
        .and_then(|root| read_root(&Node::root(&root), &mut findings));
    let problems = findings.into_problems();
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(manifest),
        _ => Err(problems),
    }
}

fn decode(bytes: &[u8]) -> Result<&str, Vec<Problem>> {
    let text = read::text(
        bytes,
        "a bundle manifest of 1024 parts has less than 200 kB",
    )?;
    if text.trim().is_empty() {
        let problem = Problem::new("the manifest is empty");
        return Err(vec![
            problem.with_hint("upload the file that the bundling tool wrote"),
        ]);
    }
    Ok(text)
}

fn read_root(root: &Node<'_>, findings: &mut Findings<'_>) -> Option<BundleManifest> {
    root.check_root(findings, "manifest")?;
    // What version an unknown one is like is not known either; the current one's rules find most of what else is wrong.
    let version = root.required_value(findings, "version", values::version);
    let assumed = version.unwrap_or(Version::V2007_10_10);
    root.no_text(findings);
    root.required(findings, "bundler");
    root.required(findings, "signature");
    let machine = read_machine(root, assumed, findings);
    let image = read_image(root, assumed, findings);
    let (machine, image) = (machine?, image?);
    Some(BundleManifest {
        version: version?,
        architecture: machine.architecture?,
        kernel_id: machine.kernel_id,
        ramdisk_id: machine.ramdisk_id,
        block_device_mappings: machine.block_device_mappings,
        product_codes: machine.product_codes,
        image_name: image.name?,
        account: image.account?,
        ancestors: image.ancestors,
        size: image.size?,
        bundled_size: image.bundled_size?,
        digest: image.digest?,
        parts: image.parts?,
    })
}

#[derive(Default)]
struct Machine {
    architecture: Option<Architecture>,
    kernel_id: Option<String>,
    ramdisk_id: Option<String>,
    block_device_mappings: Vec<BundleMapping>,
    product_codes: Vec<String>,
}

fn read_machine(root: &Node<'_>, version: Version, findings: &mut Findings<'_>) -> Option<Machine> {
    if version == Version::V3 {
        if let Some(node) = root.child(findings, "machine_configuration") {
            let problem = Problem::new(
                "a version 3 manifest cannot have a machine_configuration: it is always for i386",
            );
            node.add(
                findings,
                problem
                    .with_hint("write version 2007-10-10, or remove it")
                    .with_rule(FORMAT),
            );
        }
        return Some(Machine {
            architecture: Some(Architecture::I386),
            ..Machine::default()
        });
    }
    let node = root.required(findings, "machine_configuration")?;
    node.no_text(findings);
    let has_kernel = node.all("kernel_id").next().is_some();
    Some(Machine {
        architecture: node.required_value(findings, "architecture", values::architecture),
        kernel_id: node.optional_value(findings, "kernel_id", values::id("aki-", "a kernel")),
        ramdisk_id: node.optional_value(findings, "ramdisk_id", values::id("ari-", "a ramdisk")),
        block_device_mappings: read_mappings(&node, has_kernel, findings),
        product_codes: read_product_codes(&node, findings),
    })
}

fn read_mappings(
    machine: &Node<'_>,
    has_kernel: bool,
    findings: &mut Findings<'_>,
) -> Vec<BundleMapping> {
    let Some(node) = machine.child(findings, "block_device_mapping") else {
        return Vec::new();
    };
    node.no_text(findings);
    let mut mappings: Vec<BundleMapping> = Vec::new();
    for mapping in node.all("mapping") {
        mapping.no_text(findings);
        let virtual_name = mapping.required_value(findings, "virtual", |text| {
            let name = values::virtual_name(text)?;
            if mappings.iter().any(|mapping| mapping.virtual_name == name) {
                return Err(values::wrong(format!("{name} is mapped twice"), "keep one"));
            }
            Ok(name)
        });
        let device_name =
            mapping.required_value(findings, "device", |text| values::device(text, has_kernel));
        if let (Some(virtual_name), Some(device_name)) = (virtual_name, device_name) {
            mappings.push(BundleMapping {
                virtual_name,
                device_name,
            });
        }
    }
    mappings
}

/// `product_codes` is the format's name; euca2ools writes that but reads `productcodes`, so both are about.
fn read_product_codes(machine: &Node<'_>, findings: &mut Findings<'_>) -> Vec<String> {
    let (mut codes, mut seen) = (Vec::new(), HashSet::new());
    for list in ["product_codes", "productcodes"] {
        let Some(list) = machine.child(findings, list) else {
            continue;
        };
        list.no_text(findings);
        for code in list.all("product_code") {
            let code = code.value(findings, values::product_code);
            codes.extend(code.filter(|code| seen.insert(code.clone())));
        }
    }
    codes
}

struct Image {
    name: Option<String>,
    account: Option<String>,
    ancestors: Vec<String>,
    digest: Option<String>,
    size: Option<u64>,
    bundled_size: Option<u64>,
    parts: Option<Vec<Part>>,
}

fn read_image(root: &Node<'_>, version: Version, findings: &mut Findings<'_>) -> Option<Image> {
    let node = root.required(findings, "image")?;
    node.no_text(findings);
    // Only the current version is known to always have a type; in older ones, none means a machine.
    if version == Version::V2007_10_10 {
        node.required_value(findings, "type", values::machine_type);
    } else {
        node.optional_value(findings, "type", values::machine_type);
    }
    if let Some(key) = node.required(findings, "ec2_encrypted_key") {
        key.attribute(findings, "algorithm", values::key_algorithm);
        key.value(findings, values::encrypted);
    }
    node.required_value(findings, "ec2_encrypted_iv", values::encrypted);
    // Only who unbundles it needs the user's own, which some tools leave empty.
    for key in ["user_encrypted_key", "user_encrypted_iv"] {
        node.required(findings, key);
    }
    node.optional_value(findings, "kernel_name", values::name);
    Some(Image {
        name: node.required_value(findings, "name", values::name),
        account: node.required_value(findings, "user", values::account),
        ancestors: read_ancestors(&node, findings),
        digest: parts::read_digest(&node, findings),
        size: node.required_value(findings, "size", values::size),
        bundled_size: node.required_value(findings, "bundled_size", values::size),
        parts: parts::read(&node, findings),
    })
}

fn read_ancestors(image: &Node<'_>, findings: &mut Findings<'_>) -> Vec<String> {
    let Some(ancestry) = image.child(findings, "ancestry") else {
        return Vec::new();
    };
    ancestry.no_text(findings);
    let ancestors = ancestry.all("ancestor_ami_id");
    ancestors
        .filter_map(|ancestor| ancestor.value(findings, values::id("ami-", "an AMI")))
        .collect()
}

#[cfg(test)]
mod tests;
