//! A file on this machine: how it is divided into parts, and its checksums.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crc_fast::{CrcAlgorithm, checksum_combine};
use md5::{Digest as _, Md5};

const MIB: u64 = 1024 * 1024;
/// Files of this size and above are sent in parts, of this size: as the AWS CLI does, whose uploads have the same `ETag`
/// for the same file ("AWS CLI S3 configuration", `multipart_threshold`, `multipart_chunksize`).
const PART: u64 = 8 * MIB;
/// Parts of an upload at most (S3 User Guide, "Amazon S3 multipart upload limits").
const PARTS_MAX: u64 = 10_000;
/// How much is read at once.
const BUFFER: usize = 1024 * 1024;

/// A file that is to be sent, as it was when it was looked at.
#[derive(Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    /// Bytes.
    pub(super) size: u64,
    modified: Option<SystemTime>,
    /// What was added up already, by the numbers of the parts: a file of gigabytes is read once for it.
    known: Mutex<BTreeMap<i32, Sums>>,
}

/// What is known of a part after its bytes were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    /// CRC-64/NVME.
    pub(super) crc64: u64,
    md5: [u8; 16],
}

/// A part: its number from 1, its first byte, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl LocalFile {
    /// Looks at a file. Blocks.
    ///
    /// # Errors
    /// If it is not there, cannot be read, or is no file.
    pub(super) fn look_at(path: &Path) -> io::Result<Self> {
        let metadata = regular(path)?;
        // Opened, so that a file that cannot be read is found before anything is sent.
        File::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            known: Mutex::default(),
        })
    }

    /// Whether the file is no longer as it was.
    pub(super) fn has_changed(&self) -> bool {
        regular(&self.path).map_or(true, |now| {
            (now.len(), now.modified().ok()) != (self.size, self.modified)
        })
    }

    /// Whether it is sent in parts.
    pub(super) fn is_large(&self) -> bool {
        self.size >= PART
    }

    /// The parts that it is sent in; one of the whole file if it is small.
    pub(super) fn parts(&self) -> Vec<Part> {
        let most = part_size(self.size);
        let offsets = (0..).map(|index| index * most);
        let offsets = offsets.take_while(|offset| *offset == 0 || *offset < self.size);
        (1..)
            .zip(offsets)
            .map(|(number, offset)| Part {
                number,
                offset,
                size: most.min(self.size - offset),
            })
            .collect()
    }

    /// Reads a part and adds its bytes up, unless that was done. Blocks.
    ///
    /// # Errors
    /// If the file cannot be read, or has fewer bytes than before.
    pub(super) fn sums(&self, part: Part) -> io::Result<Sums> {
        // Whoever held the lock only ever inserted a whole entry.
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sums) = known().get(&part.number) {
            return Ok(sums.clone());
        }
        let sums = self.read(part)?;
        known().insert(part.number, sums.clone());
        Ok(sums)
    }

    fn read(&self, part: Part) -> io::Result<Sums> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(part.offset))?;
        let mut file = file.take(part.size);
        let mut crc64 = crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme);
        let mut md5 = Md5::new();
        let mut buffer = vec![0; BUFFER];
        let mut read = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            crc64.update(&buffer[..count]);
            md5.update(&buffer[..count]);
            read += count as u64;
        }
        if read != part.size {
            return Err(io::Error::other(
                "the file became shorter while it was read",
            ));
        }
        Ok(Sums {
            crc64: crc64.finalize(),
            md5: md5.finalize().into(),
        })
    }
}

/// How large the parts of a file of this size are.
pub(in crate::cli) fn part_size(size: u64) -> u64 {
    let mut most = PART;
    while size.div_ceil(most) > PARTS_MAX {
        most *= 2;
    }
    most
}

/// What is known of a file. It is not opened: that alone waits for the other end of a pipe.
///
/// # Errors
/// If it is not there, or is a folder, a pipe or a device.
pub(super) fn regular(path: &Path) -> io::Result<Metadata> {
    let metadata = fs::metadata(path)?;
    match metadata.is_file() {
        true => Ok(metadata),
        false => Err(io::Error::other("it is not a file")),
    }
}

/// The `ETag` that S3 gives these bytes, without its quotes, as [`etag`] says.
pub(super) fn etag_of(content: &[u8]) -> String {
    hex(&Md5::digest(content))
}

/// The CRC-64/NVME of a file, of those of its parts in their order.
pub(super) fn whole(parts: &[(Part, Sums)]) -> u64 {
    let sums = parts.iter().map(|(part, sums)| (sums.crc64, part.size));
    let whole = sums.reduce(|(before, size), (next, more)| {
        let both = checksum_combine(CrcAlgorithm::Crc64Nvme, before, next, more);
        (both, size + more)
    });
    whole.map_or(0, |(crc64, _)| crc64)
}

/// The `ETag` that S3 gives a file that was sent in these parts, without its quotes: the MD5 of its bytes, or of its parts'
/// MD5s with their number ("Checking object integrity in Amazon S3", S3 User Guide). It is another one where the bucket
/// encrypts with KMS keys.
pub(super) fn etag(file: &LocalFile, parts: &[(Part, Sums)]) -> String {
    let mut md5 = Md5::new();
    if let [(_, sums)] = parts
        && !file.is_large()
    {
        return hex(&sums.md5);
    }
    for (_, sums) in parts {
        md5.update(sums.md5);
    }
    format!("{}-{}", hex(&md5.finalize()), parts.len())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, LocalFile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk.raw");
        std::fs::write(&path, content).unwrap();
        let file = LocalFile::look_at(&path).unwrap();
        (directory, file)
    }

    fn summed(file: &LocalFile) -> Vec<(Part, Sums)> {
        let parts = file.parts().into_iter();
        parts.map(|part| (part, file.sums(part).unwrap())).collect()
    }

    #[test]
    fn a_small_file_is_one_part_with_its_md5_as_etag() {
        let (_directory, file) = file(b"123456789");
        let parts = summed(&file);
        assert_eq!(etag(&file, &parts), "25f9e794323b453885f5181f1b624d0b");
        // The check value of CRC-64/NVME.
        assert_eq!(whole(&parts), 0xae8b_1486_0a79_9888);
    }

    #[test]
    fn an_empty_file_is_one_empty_part() {
        let (_directory, file) = file(b"");
        let parts = summed(&file);
        assert_eq!(parts.len(), 1);
        assert_eq!(etag(&file, &parts), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn the_checksum_of_the_parts_is_that_of_the_whole() {
        let content: Vec<u8> = (0..20 * MIB).map(|at| (at % 251) as u8).collect();
        let (_directory, file) = file(&content);
        let parts = summed(&file);
        let sizes: Vec<u64> = parts.iter().map(|(part, _)| part.size / MIB).collect();
        assert_eq!(sizes, [8, 8, 4]);
        let crc64 = crc_fast::checksum(CrcAlgorithm::Crc64Nvme, &content);
        assert_eq!(whole(&parts), crc64);
        assert!(etag(&file, &parts).ends_with("-3"));
    }

    #[test]
    fn no_file_has_more_parts_than_an_upload() {
        for size in [
            0,
            1,
            PART - 1,
            PART,
            PART + 1,
            80_000 * MIB,
            5_000_000 * MIB,
        ] {
            let file = LocalFile {
                path: PathBuf::new(),
                size,
                modified: None,
                known: Mutex::default(),
            };
            let parts = file.parts();
            assert!(parts.len() <= 10_000, "{size}");
            assert_eq!(parts.iter().map(|part| part.size).sum::<u64>(), size);
        }
    }

    #[test]
    fn a_file_that_was_written_since_has_changed() {
        let (_directory, file) = file(b"one");
        assert!(!file.has_changed());
        std::fs::write(&file.path, b"another").unwrap();
        assert!(file.has_changed());
    }
}
