//! Whether an object has the format that the manifest says. This is checked before EC2 is asked: an import of the wrong
//! file fails only after minutes, with a message that does not name the file.
//!
//! Formats are recognized by their magic numbers, in the object's first [`HEAD_BYTES`] and last [`TAIL_BYTES`]. What is
//! not known for certain to be wrong passes: EC2 decides.

mod found;

use crate::Problem;
use crate::spec::{DiskFormat, VmFormat};

use found::Found;

/// How much of an object's beginning [`judge`] needs, in bytes: it contains every known magic number.
pub const HEAD_BYTES: u64 = 1024;

/// How much of an object's end [`judge`] needs, in bytes: the footer of a VHD.
pub const TAIL_BYTES: u64 = 512;

const RULE: &str = "VM Import/Export User Guide, Image formats supported by VM Import/Export";

/// Bytes of a disk's sector; also of a tar header, of the header of a VMDK and of the footer of a VHD.
const SECTOR: u64 = 512;

/// Bytes of a VHDX's file type identifier, the first of its structures (MS-VHDX, "Header Section").
const VHDX_IDENTIFIER: u64 = 64 * 1024;

/// Bytes of the largest EBS volume, 64 TiB (EC2 API Reference, EbsBlockDevice). VM Import names no limit of its own, so
/// this is what the bytes of a disk must fit into. (Other formats are smaller or larger than the disk that they hold.)
const LARGEST_VOLUME: u64 = 64 << 40;

/// What an object is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// VMware's disk.
    Vmdk,
    /// Hyper-V's older disk.
    Vhd,
    /// Hyper-V's disk.
    Vhdx,
    /// The disk's bytes.
    Raw,
    /// Open Virtualization Archive: a tar file.
    Ova,
    /// What CreateStoreImageTask made.
    Stored,
}

impl From<DiskFormat> for Expected {
    fn from(format: DiskFormat) -> Self {
        match format {
            DiskFormat::Vmdk => Self::Vmdk,
            DiskFormat::Vhd => Self::Vhd,
            DiskFormat::Raw => Self::Raw,
        }
    }
}

impl From<VmFormat> for Expected {
    fn from(format: VmFormat) -> Self {
        match format {
            VmFormat::Ova => Self::Ova,
            VmFormat::Vmdk => Self::Vmdk,
            VmFormat::Vhd => Self::Vhd,
            VmFormat::Vhdx => Self::Vhdx,
            VmFormat::Raw => Self::Raw,
        }
    }
}

impl Expected {
    /// The `Format` of a disk container in ImportSnapshot and ImportImage. Neither takes a stored image: its name here
    /// is the ending of such an object's key.
    #[must_use]
    pub fn as_ec2(&self) -> &'static str {
        match self {
            Self::Vmdk => "VMDK",
            Self::Vhd => "VHD",
            Self::Vhdx => "VHDX",
            Self::Raw => "RAW",
            Self::Ova => "OVA",
            Self::Stored => "BIN",
        }
    }

    /// The expected thing as a sentence has it.
    fn a_file(self) -> &'static str {
        match self {
            Self::Vmdk => "a VMDK disk",
            Self::Vhd => "a VHD disk",
            Self::Vhdx => "a VHDX disk",
            Self::Raw => "a raw disk image",
            Self::Ova => "an OVA archive",
            Self::Stored => "a stored image",
        }
    }

    /// The size in bytes of the smallest file of this format: its first header, or the equivalent.
    fn smallest(self) -> u64 {
        match self {
            Self::Vmdk | Self::Vhd | Self::Raw | Self::Ova => SECTOR,
            Self::Vhdx => VHDX_IDENTIFIER,
            Self::Stored => 1,
        }
    }

    /// How qemu-img makes this of another disk file. An OVA is more than a disk: of a disk alone, RAW is made.
    fn conversion(self) -> &'static str {
        match self {
            Self::Vmdk => "qemu-img convert -O vmdk -o subformat=streamOptimized",
            Self::Vhd => "qemu-img convert -O vpc",
            Self::Vhdx => "qemu-img convert -O vhdx",
            Self::Raw | Self::Ova | Self::Stored => "qemu-img convert -O raw",
        }
    }

    /// Whether an object of which this was found may be the expected thing.
    fn takes(self, found: Option<Found>) -> bool {
        match self {
            Self::Vmdk => matches!(found, Some(Found::Vmdk)),
            Self::Vhd => matches!(found, Some(Found::Vhd)),
            Self::Vhdx => matches!(found, Some(Found::Vhdx)),
            Self::Ova => matches!(found, Some(Found::Tar)),
            Self::Raw => found.is_none(),
            // The format of these is not documented, and may be an archive or compressed.
            Self::Stored => !found.is_some_and(Found::is_disk),
        }
    }
}

/// Whether an object of `size` bytes with this beginning ([`HEAD_BYTES`], or all of a smaller one) and this end
/// ([`TAIL_BYTES`], or all) is plausibly what is expected.
///
/// # Errors
/// What the object seems to be, and what to do about it.
#[expect(
    clippy::result_large_err,
    reason = "asked once for an object, and the problem goes into a status anyway"
)]
pub fn judge(expected: Expected, size: u64, head: &[u8], tail: &[u8]) -> Result<(), Problem> {
    if let Some(problem) = wrong_size(expected, size) {
        return Err(problem.with_rule(RULE));
    }
    let found = Found::detect(head, tail);
    if !expected.takes(found) {
        return Err(wrong_format(expected, found, size).with_rule(RULE));
    }
    if expected == Expected::Raw && !size.is_multiple_of(SECTOR) {
        let message = format!(
            "the object has {size} bytes, which is not a multiple of {SECTOR}, the size of a sector"
        );
        let hint = "the upload may have been cut short: compare its size with the file's; if the file is complete, `truncate --size=%512 FILE` pads its last sector";
        return Err(Problem::new(message).with_hint(hint).with_rule(RULE));
    }
    Ok(())
}

const CUT_SHORT: &str =
    "the upload may have been cut short: compare its size with the file's, and upload it again";

fn wrong_size(expected: Expected, size: u64) -> Option<Problem> {
    let (message, hint) = if size == 0 {
        ("the object is empty".to_owned(), "upload the file again")
    } else if size < expected.smallest() {
        let (what, least) = (expected.a_file(), expected.smallest());
        (
            format!("the object has {size} bytes, but {what} has at least {least}"),
            CUT_SHORT,
        )
    } else if expected == Expected::Raw && size > LARGEST_VOLUME {
        (
            format!("the disk has {size} bytes: the largest EBS volume has {LARGEST_VOLUME}"),
            "make the disk smaller",
        )
    } else {
        return None;
    };
    Some(Problem::new(message).with_hint(hint))
}

fn wrong_format(expected: Expected, found: Option<Found>, size: u64) -> Problem {
    let what = expected.a_file();
    let is_whole = wrong_size(Expected::Raw, size).is_none() && size.is_multiple_of(SECTOR);
    match found {
        // No format would make it one.
        Some(found) if found.expected().is_some_and(|it| size < it.smallest()) => {
            let message = format!(
                "the object is not {what}: it is the beginning of {}",
                found.a_file()
            );
            Problem::new(message).with_hint(CUT_SHORT)
        }
        Some(found) => {
            let message = format!("the object is not {what}: it is {}", found.a_file());
            Problem::new(message).with_hint(found.hint(expected))
        }
        None => Problem::new(format!(
            "the object is not {what}: its magic number is missing"
        ))
        .with_hint(format!(
            "{}upload it again, or create it with `{} FILE NEW-FILE`",
            match is_whole {
                true => "if it is a raw disk image, set `format: raw`; otherwise ",
                // A raw disk has whole sectors.
                false => "",
            },
            expected.conversion()
        )),
    }
}

#[cfg(test)]
mod tests;
