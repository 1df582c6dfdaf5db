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
    Lz4,
    /// The older format of the tools of xz: it has no magic number, but a header that no disk begins with.
    Lzma,
    Zip,
}

/// Magic numbers and where they are.
const MAGIC: [(usize, &[u8], Found); 15] = [
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
    (0, b"\x04\x22\x4d\x18", Found::Lz4),
    (0, b"\x02\x21\x4c\x18", Found::Lz4),
    (0, b"PK\x03\x04", Found::Zip),
    (257, b"ustar", Found::Tar),
];

/// Begins the footer of a VHD; of a fixed one, that is all it has besides the disk's bytes.
const VHD_FOOTER: &[u8] = b"conectix";

impl Found {
    /// What a file with this beginning and this end is; none if it has no magic number.
    pub(super) fn detect(head: &[u8], tail: &[u8]) -> Option<Self> {
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
            .or_else(|| is_lzma(head).then_some(Self::Lzma))
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
            Self::Tar
            | Self::Gzip
            | Self::Bzip2
            | Self::Xz
            | Self::Zstd
            | Self::Lz4
            | Self::Lzma
            | Self::Zip => false,
        }
    }

    /// The format that it would be accepted as.
    pub(super) fn expected(self) -> Option<Expected> {
        match self {
            Self::Vmdk => Some(Expected::Vmdk),
            Self::Vhd => Some(Expected::Vhd),
            Self::Vhdx => Some(Expected::Vhdx),
            Self::Tar => Some(Expected::Ova),
            _ => None,
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
            Self::Lz4 => "compressed with lz4",
            Self::Lzma => "compressed with lzma",
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
            Self::Lz4 => unpack("unlz4"),
            Self::Lzma => unpack("unlzma"),
            Self::Zip => unpack("unzip"),
        }
    }
}

/// Whether this is the header of an `.lzma` file (`lzma-file-format.txt` of XZ Utils): the properties that every
/// encoder writes, a dictionary of 2^n or 2^n + 2^(n-1) bytes, and a size that is not given or below 256 GiB.
fn is_lzma(head: &[u8]) -> bool {
    let [0x5d, d0, d1, d2, d3, size @ ..] = head else {
        return false;
    };
    let Some(size) = size.first_chunk::<8>() else {
        return false;
    };
    let (dictionary, size) = (
        u32::from_le_bytes([*d0, *d1, *d2, *d3]),
        u64::from_le_bytes(*size),
    );
    let highest = dictionary.checked_ilog2().map_or(0, |bit| 1 << bit);
    let rest = dictionary - highest;
    let is_usual = dictionary >= 4096 && (rest == 0 || rest == highest / 2);
    is_usual && (size == u64::MAX || size < 256 << 30)
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
