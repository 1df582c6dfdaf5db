//! What a file seems to be, by its magic number.

use super::Expected;

/// A format that is known by its magic number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A VMDK with its data in it. (The guide asks for stream-optimized ones; EC2 decides whether it reads others.)
    Vmdk,
    /// A VMDK that only describes where its data is.
    VmdkDescriptor,
    Vhd,
    Vhdx,
    Qcow2,
    Vdi,
    Tar,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Zip,
}

/// Magic numbers and where they are.
const MAGIC: [(usize, &[u8], Found); 13] = [
    (0, b"KDMV", Found::Vmdk),
    (0, b"COWD", Found::Vmdk),
    (0, b"# Disk DescriptorFile", Found::VmdkDescriptor),
    (0, b"conectix", Found::Vhd),
    (0, b"vhdxfile", Found::Vhdx),
    (0, b"QFI\xfb", Found::Qcow2),
    (64, b"\x7f\x10\xda\xbe", Found::Vdi),
    (0, b"\x1f\x8b\x08", Found::Gzip),
    (0, b"BZh", Found::Bzip2),
    (0, b"\xfd7zXZ\0", Found::Xz),
    (0, b"\x28\xb5\x2f\xfd", Found::Zstd),
    (0, b"PK\x03\x04", Found::Zip),
    (257, b"ustar", Found::Tar),
];

/// Begins the footer of a VHD; of a fixed one, that is all it has besides the disk's bytes.
const VHD_FOOTER: &[u8] = b"conectix";

impl Found {
    /// What a file with this beginning and this end is; none if it has no magic number.
    pub(super) fn look(head: &[u8], tail: &[u8]) -> Option<Self> {
        let begins = |at: usize, magic: &[u8]| {
            head.get(at..)
                .is_some_and(|rest: &[u8]| rest.starts_with(magic))
        };
        let footer = tail.len().saturating_sub(VHD_FOOTER_BYTES);
        MAGIC
            .iter()
            .find(|(at, magic, _)| begins(*at, magic))
            .map(|(_, _, found)| *found)
            .or_else(|| tail[footer..].starts_with(VHD_FOOTER).then_some(Self::Vhd))
    }

    /// Whether it is a disk, as against an archive or a compressed file.
    pub(super) fn is_disk(self) -> bool {
        match self {
            Self::Vmdk
            | Self::VmdkDescriptor
            | Self::Vhd
            | Self::Vhdx
            | Self::Qcow2
            | Self::Vdi => true,
            Self::Tar | Self::Gzip | Self::Bzip2 | Self::Xz | Self::Zstd | Self::Zip => false,
        }
    }

    /// The thing as a sentence has it.
    pub(super) fn a_file(self) -> &'static str {
        match self {
            Self::Vmdk => "a VMDK disk",
            Self::VmdkDescriptor => {
                "only the descriptor of a VMDK disk, whose data is in another file"
            }
            Self::Vhd => "a VHD disk",
            Self::Vhdx => "a VHDX disk",
            Self::Qcow2 => "a qcow2 disk",
            Self::Vdi => "a VDI disk of VirtualBox",
            Self::Tar => "a tar archive",
            Self::Gzip => "compressed with gzip",
            Self::Bzip2 => "compressed with bzip2",
            Self::Xz => "compressed with xz",
            Self::Zstd => "compressed with zstd",
            Self::Zip => "a zip archive",
        }
    }

    /// What to do when this was found in place of what was expected.
    pub(super) fn hint(self, expected: Expected) -> String {
        let unpack =
            |tool| format!("EC2 does not decompress it: run `{tool} FILE` and upload the result");
        match self {
            Self::Vmdk => set_format("vmdk", "source.disk or source.vm", expected),
            Self::Vhd => set_format("vhd", "source.disk or source.vm", expected),
            Self::Vhdx => set_format("vhdx", "source.vm", expected),
            Self::Tar => format!(
                "if it is an OVA, set `format: ova` in source.vm; otherwise upload {} itself, not an archive",
                expected.a_file()
            ),
            Self::VmdkDescriptor if expected == Expected::Stored => convert(
                Expected::Vmdk,
                "use it as source.disk, converted with both files in one directory",
            ),
            Self::VmdkDescriptor => {
                convert(expected, "put both files in one directory and convert it")
            }
            Self::Qcow2 | Self::Vdi => convert(expected, "EC2 does not read it: convert it"),
            Self::Gzip => unpack("gunzip"),
            Self::Bzip2 => unpack("bunzip2"),
            Self::Xz => unpack("unxz"),
            Self::Zstd => unpack("unzstd"),
            Self::Zip => unpack("unzip"),
        }
    }
}

/// Bytes of a VHD's footer.
const VHD_FOOTER_BYTES: usize = 512;

/// The `format:` that would be right, and which source takes it.
fn set_format(format: &str, source: &str, expected: Expected) -> String {
    match expected {
        Expected::Stored => {
            format!("it was not stored by EC2: use it as {source} with `format: {format}`")
        }
        _ => format!(
            "set `format: {format}` in {source}; or convert it: `{} FILE NEW-FILE`",
            expected.conversion()
        ),
    }
}

fn convert(expected: Expected, how: &str) -> String {
    let format = match expected {
        Expected::Ova | Expected::Stored => " and set `format: raw`",
        _ => "",
    };
    format!("{how}: `{} FILE NEW-FILE`{format}", expected.conversion())
}
