//! The rules for single values of a bundle manifest: text in, the value or what is wrong with it out.

use super::node::FORMAT;
use super::{Architecture, Version};
use crate::device::{is_hvm_name, is_paravirtual_name, probable_name};
use crate::ids::{PRODUCT_CODE_MAX, is_product_code};
use crate::{Problem, rules::forms::is_account, text::quoted};

/// What is wrong with a value: a problem that does not know its place yet.
#[derive(Debug)]
pub(super) struct Wrong {
    message: String,
    hint: String,
    rule: &'static str,
}

/// A value that the format of bundle manifests does not allow.
pub(super) fn wrong(message: impl Into<String>, hint: impl Into<String>) -> Wrong {
    Wrong {
        message: message.into(),
        hint: hint.into(),
        rule: FORMAT,
    }
}

impl From<Wrong> for Problem {
    fn from(wrong: Wrong) -> Self {
        Self::new(wrong.message)
            .with_hint(wrong.hint)
            .with_rule(wrong.rule)
    }
}

/// File names on every system that the tools run on end at 255 bytes.
const LONGEST_NAME: usize = 255;
/// The last instance store volume that RegisterImage takes: `ephemeral23`.
const LAST_EPHEMERAL: u8 = 23;

pub(super) fn version(text: &str) -> Result<Version, Wrong> {
    match text {
        "2007-10-10" => Ok(Version::V2007_10_10),
        "2007-08-29" => Ok(Version::V2007_08_29),
        "3" => Ok(Version::V3),
        other => Err(wrong(
            format!("manifest version {} is not known", quoted(other)),
            "known are 2007-10-10, 2007-08-29 and 3",
        )),
    }
}

pub(super) fn architecture(text: &str) -> Result<Architecture, Wrong> {
    match text {
        "i386" => Ok(Architecture::I386),
        "x86_64" => Ok(Architecture::X86_64),
        other => Err(wrong(
            format!("architecture {} is not one of a bundle", quoted(other)),
            "write i386 or x86_64: the AMI tools know no others, so an arm64 or Mac image has to be EBS-backed",
        )),
    }
}

/// Only machine images become AMIs.
pub(super) fn machine_type(text: &str) -> Result<(), Wrong> {
    match text {
        "machine" => Ok(()),
        "kernel" | "ramdisk" => Err(Wrong {
            message: format!("this bundle is a {text}, which cannot be registered as an AMI"),
            hint: "only machine images can; an image names its kernel and ramdisk by their ids"
                .to_owned(),
            rule: "RegisterImage",
        }),
        other => Err(wrong(
            format!("image type {} is not known", quoted(other)),
            "write machine (kernel and ramdisk exist, but make no AMI)",
        )),
    }
}

pub(super) fn account(text: &str) -> Result<String, Wrong> {
    if is_account(text) {
        return Ok(text.to_owned());
    }
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let hint = if is_account(&digits) {
        format!("write {digits}, without dashes")
    } else {
        "write the 12 digits of the account's id".to_owned()
    };
    Err(wrong(
        format!("{} is not an AWS account id", quoted(text)),
        hint,
    ))
}

/// A size in bytes.
pub(super) fn size(text: &str) -> Result<u64, Wrong> {
    let number = if is_number(text) {
        text.parse::<u64>().ok()
    } else {
        None
    };
    match number {
        Some(0) => Err(wrong(
            "the size is 0",
            "a bundle and its image have at least one byte",
        )),
        Some(bytes) => Ok(bytes),
        None => Err(wrong(
            format!("{} is not a number of bytes", quoted(text)),
            "write digits only, at most 2^64 - 1",
        )),
    }
}

/// A count or an index, from 0.
pub(super) fn number(text: &str) -> Result<usize, Wrong> {
    let number = if is_number(text) {
        text.parse().ok()
    } else {
        None
    };
    number.ok_or_else(|| {
        wrong(
            format!("{} is not a number", quoted(text)),
            "write digits only",
        )
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn digest_algorithm(text: &str) -> Result<(), Wrong> {
    if text.eq_ignore_ascii_case("SHA1") {
        return Ok(());
    }
    Err(wrong(
        format!("digest algorithm {} is not known", quoted(text)),
        "bundles have SHA1 digests",
    ))
}

/// SHA-1 in hexadecimal, in lower case.
pub(super) fn sha1(text: &str) -> Result<String, Wrong> {
    if text.len() == 40 && is_hex(text) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(wrong(
        format!("{} is not a SHA-1 digest", quoted(text)),
        "write 40 hexadecimal digits",
    ))
}

/// An encrypted key or initialisation vector. It is a secret, so the problem does not show it, and it is not kept.
pub(super) fn encrypted(text: &str) -> Result<(), Wrong> {
    if text.len().is_multiple_of(2) && is_hex(text) {
        return Ok(());
    }
    Err(wrong(
        "this is not hexadecimal",
        "write pairs of hexadecimal digits, as the tool did",
    ))
}

/// The algorithm that a key is for. The tools write `AES-128-CBC`; EC2 does not say what else it takes.
pub(super) fn key_algorithm(text: &str) -> Result<(), Wrong> {
    if text.is_empty() {
        Err(wrong(
            "the algorithm is empty",
            "the AMI tools write AES-128-CBC",
        ))
    } else {
        Ok(())
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An id such as `aki-1a2b3c4d`: the prefix and 8 or 17 hexadecimal digits.
pub(super) fn id<'p>(
    prefix: &'p str,
    what: &'p str,
) -> impl Fn(&str) -> Result<String, Wrong> + 'p {
    move |text| match text.strip_prefix(prefix) {
        Some(digits) if matches!(digits.len(), 8 | 17) && is_hex(digits) => Ok(text.to_owned()),
        _ => Err(wrong(
            format!("{} is not the id of {what}", quoted(text)),
            format!("write {prefix} and 8 or 17 hexadecimal digits"),
        )),
    }
}

pub(super) fn product_code(text: &str) -> Result<String, Wrong> {
    if is_product_code(text) {
        return Ok(text.to_owned());
    }
    Err(wrong(
        format!("{} is not a product code", quoted(text)),
        format!("write at most {PRODUCT_CODE_MAX} letters and digits, such as 774F4FF8"),
    ))
}

/// `ami`, `root`, `swap` or `ephemeralN`.
pub(super) fn virtual_name(text: &str) -> Result<String, Wrong> {
    let ephemeral = |number: &str| {
        is_number(number)
            && (number == "0" || !number.starts_with('0'))
            && number
                .parse::<u8>()
                .is_ok_and(|number| number <= LAST_EPHEMERAL)
    };
    if matches!(text, "ami" | "root" | "swap")
        || text.strip_prefix("ephemeral").is_some_and(ephemeral)
    {
        return Ok(text.to_owned());
    }
    Err(wrong(
        format!("{} is not a virtual device", quoted(text)),
        format!("write ami, root, swap or ephemeral0 to ephemeral{LAST_EPHEMERAL}"),
    ))
}

/// A device such as `sda1` or `/dev/xvdb`, with or without `/dev/`. Without a kernel, the image manifest may still say
/// that the image is paravirtual, so what either kind may have is let through.
pub(super) fn device(text: &str, has_kernel: bool) -> Result<String, Wrong> {
    // A paravirtual image has no disks of two letters: EC2 answers "Invalid device name" once it has read the bundle.
    let is_hvm = |name: &str| is_hvm_name(name) && !(has_kernel && name.len() > "/dev/xvda".len());
    let is_name = |name: &str| is_hvm(name) || is_paravirtual_name(name);
    let name = format!("/dev/{}", text.strip_prefix("/dev/").unwrap_or(text));
    if is_name(&name) {
        return Ok(text.to_owned());
    }
    let hint = match probable_name(text, is_name) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "write a disk or partition such as sda1, /dev/sda1 or xvdb".to_owned(),
    };
    Err(Wrong {
        message: format!("{} is not a device name", quoted(text)),
        hint,
        rule: "EC2 User Guide, Device names for volumes",
    })
}

/// A plain name: no control characters, not too long.
pub(super) fn name(text: &str) -> Result<String, Wrong> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let code = u32::from(control);
        return Err(wrong(
            format!(
                "the name {} has the control character U+{code:04X} in it",
                quoted(text)
            ),
            "remove it",
        ));
    }
    if text.len() > LONGEST_NAME {
        let length = text.len();
        return Err(wrong(
            format!("the name is {length} bytes long"),
            format!("use at most {LONGEST_NAME} bytes"),
        ));
    }
    Ok(text.to_owned())
}

/// The name of a part's file, which must not lead anywhere but beside the manifest.
pub(super) fn file_name(text: &str) -> Result<String, Wrong> {
    let path_like = |what: &str| {
        wrong(
            format!("the part's name {} {what}", quoted(text)),
            "write a plain file name: parts are in the same folder as the manifest",
        )
    };
    if text.contains('/') {
        return Err(path_like("has a / in it"));
    }
    if text.contains('\\') {
        return Err(path_like("has a \\ in it"));
    }
    if text == "." || text.contains("..") {
        return Err(path_like("leads to another folder"));
    }
    name(text)
}
