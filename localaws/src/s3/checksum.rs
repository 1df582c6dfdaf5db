//! Checks that what arrived is what was sent.

use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::{S3Error, S3Result, s3_error};

use super::record::Checksums;
use crate::wire::hex;

/// Bytes that are hashed at once.
const BUFFER: usize = 64 * 1024;

/// What was computed over a body's bytes.
#[derive(Debug)]
pub(super) struct Digests {
    /// Its MD5, which is the entity tag of an object of one piece.
    md5: Vec<u8>,
    /// The checksums that were asked for.
    pub(super) checksums: Checksums,
}

impl Digests {
    /// Reads all bytes once; of the checksums it computes those that are there in `asked`, whatever they say.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn of(mut bytes: impl Read, asked: &Checksums) -> io::Result<Self> {
        let mut md5 = Md5::new();
        let mut hasher = hasher(asked);
        let mut buffer = vec![0; BUFFER];
        loop {
            match bytes.read(&mut buffer)? {
                0 => break,
                read => {
                    md5.update(&buffer[..read]);
                    hasher.update(&buffer[..read]);
                }
            }
        }
        let md5 = md5.finalize().to_vec();
        let checksums = finalized(hasher);
        Ok(Self { md5, checksums })
    }

    /// The entity tag, without quotes.
    pub(super) fn etag(&self) -> String {
        hex(&self.md5)
    }
}

/// Compares what was computed over a body with what was claimed for it, and gives its entity tag.
///
/// # Errors
/// 400 `BadDigest` if one is wrong, `InvalidDigest` if Content-MD5 is not an MD5.
pub(super) fn verify(
    found: &Digests,
    content_md5: Option<&str>,
    claimed: &Checksums,
) -> S3Result<String> {
    let md5 = &found.md5;
    if let Some(content_md5) = content_md5 {
        let given = STANDARD
            .decode(content_md5)
            .ok()
            .filter(|bytes| bytes.len() == md5.len());
        let given = given.ok_or_else(|| {
            s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid.")
        })?;
        if given != *md5 {
            return Err(bad_digest(
                "Content-MD5",
                content_md5,
                &STANDARD.encode(md5),
            ));
        }
    }
    let etag = found.etag();
    let found = found.checksums.clone();
    for (name, claimed, found) in [
        ("CRC32", &claimed.crc32, found.crc32),
        ("CRC32C", &claimed.crc32c, found.crc32c),
        ("CRC64NVME", &claimed.crc64nvme, found.crc64nvme),
        ("SHA1", &claimed.sha1, found.sha1),
        ("SHA256", &claimed.sha256, found.sha256),
    ] {
        if let (Some(claimed), Some(found)) = (claimed, &found)
            && claimed != found
        {
            return Err(bad_digest(name, claimed, found));
        }
    }
    Ok(etag)
}

/// The checksums of this body: those that are there in `asked`, whatever they say.
pub(super) fn compute(asked: &Checksums, body: &[u8]) -> Checksums {
    let mut hasher = hasher(asked);
    hasher.update(body);
    finalized(hasher)
}

fn hasher(asked: &Checksums) -> ChecksumHasher {
    ChecksumHasher {
        crc32: asked.crc32.is_some().then(Default::default),
        crc32c: asked.crc32c.is_some().then(Default::default),
        crc64nvme: asked.crc64nvme.is_some().then(Default::default),
        sha1: asked.sha1.is_some().then(s3s::crypto::Sha1::new),
        sha256: asked.sha256.is_some().then(s3s::crypto::Sha256::new),
    }
}

fn finalized(hasher: ChecksumHasher) -> Checksums {
    let found = hasher.finalize();
    Checksums {
        crc32: found.checksum_crc32,
        crc32c: found.checksum_crc32c,
        crc64nvme: found.checksum_crc64nvme,
        sha1: found.checksum_sha1,
        sha256: found.checksum_sha256,
    }
}

pub(super) fn bad_digest(name: &str, claimed: &str, found: &str) -> S3Error {
    s3_error!(
        BadDigest,
        "The {name} you specified did not match the calculated checksum: {claimed} is not {found}."
    )
}

/// Takes the checksums out of any of S3's inputs that have them.
macro_rules! checksums_of {
    ($input:expr) => {
        $crate::s3::record::Checksums {
            crc32: $input.checksum_crc32.take(),
            crc32c: $input.checksum_crc32c.take(),
            crc64nvme: $input.checksum_crc64nvme.take(),
            sha1: $input.checksum_sha1.take(),
            sha256: $input.checksum_sha256.take(),
        }
    };
}
pub(super) use checksums_of;
