//! What S3 knows of an object beyond its bytes, kept beside the buckets and not in them.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::dto;
use serde::{Deserialize, Serialize};

/// The canned ACL of an object that was given none.
pub(super) const DEFAULT_ACL: &str = "private";

/// The id of the version that has none: made before its bucket kept versions, or while that was suspended.
pub(super) const NULL: &str = "null";

/// Distinguishes one content of a file from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Bytes.
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let since_1970 = metadata
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default();
        Self {
            size: metadata.len(),
            modified: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// When the object was last modified; HTTP dates have whole seconds, so conditions must compare those.
    pub(super) fn last_modified(self) -> dto::Timestamp {
        let at: SystemTime = UNIX_EPOCH + Duration::from_secs(self.modified / 1_000_000_000);
        dto::Timestamp::from(at)
    }

    /// Whether reading the file takes long enough to keep others waiting.
    pub(super) fn is_large(self) -> bool {
        self.size > crate::large_body::IN_MEMORY as u64
    }

    pub(super) fn length(self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX)
    }
}

/// The headers that come back with an object as they were given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) cache_control: Option<String>,
    /// As an HTTP date.
    pub(super) expires: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Headers {
    /// The `Expires` header as S3's types have it.
    pub(super) fn expires(&self) -> Option<dto::Timestamp> {
        dto::Timestamp::parse(dto::TimestampFormat::HttpDate, self.expires.as_deref()?).ok()
    }

    /// User metadata as S3's types have it.
    pub(super) fn metadata(&self) -> Option<dto::Metadata> {
        (!self.metadata.is_empty()).then(|| self.metadata.clone().into_iter().collect())
    }

    /// The content type, or S3's default.
    pub(super) fn content_type(&self) -> String {
        self.content_type
            .clone()
            .unwrap_or_else(|| "binary/octet-stream".to_owned())
    }
}

/// Keeps an `Expires` header as text.
pub(super) fn http_date(at: Option<&dto::Timestamp>) -> Option<String> {
    let mut text = Vec::new();
    at?.format(dto::TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// Takes the headers of [`Headers`] out of any of S3's inputs that have them.
macro_rules! headers_of {
    ($input:expr) => {
        $crate::s3::record::Headers {
            content_type: $input.content_type.take(),
            content_encoding: $input
                .content_encoding
                .take()
                .filter(|encoding| !encoding.is_empty()),
            content_disposition: $input.content_disposition.take(),
            content_language: $input.content_language.take(),
            cache_control: $input.cache_control.take(),
            expires: $crate::s3::record::http_date($input.expires.as_ref()),
            metadata: $input
                .metadata
                .take()
                .unwrap_or_default()
                .into_iter()
                .collect(),
        }
    };
}
pub(super) use headers_of;

/// Checksums that were given with an object and found right, Base64.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Checksums {
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
}

impl Checksums {
    /// Each of them, by the name of its algorithm.
    fn by_name(&mut self) -> [(&'static str, &mut Option<String>); 5] {
        [
            (dto::ChecksumAlgorithm::CRC32, &mut self.crc32),
            (dto::ChecksumAlgorithm::CRC32C, &mut self.crc32c),
            (dto::ChecksumAlgorithm::CRC64NVME, &mut self.crc64nvme),
            (dto::ChecksumAlgorithm::SHA1, &mut self.sha1),
            (dto::ChecksumAlgorithm::SHA256, &mut self.sha256),
        ]
    }

    /// The names of their algorithms.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let mut copy = self.clone();
        let there = copy.by_name().into_iter();
        there
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| name)
            .collect()
    }

    /// One checksum, of the algorithm of this name.
    pub(super) fn one(algorithm: &str, value: &str) -> Self {
        let mut one = Self::default();
        for (name, slot) in one.by_name() {
            if name == algorithm {
                *slot = Some(value.to_owned());
            }
        }
        one
    }

    /// The checksum of the algorithm of this name.
    pub(super) fn get(&self, algorithm: &str) -> Option<String> {
        let mut copy = self.clone();
        let mut named = copy.by_name().into_iter();
        named.find(|(name, _)| *name == algorithm)?.1.take()
    }

    /// Those of them that are there in `asked`.
    pub(super) fn only(&self, asked: &Self) -> Self {
        let mut only = self.clone();
        for (name, slot) in only.by_name() {
            slot.take_if(|_| asked.get(name).is_none());
        }
        only
    }

    /// Those that are there in either.
    pub(super) fn and(mut self, other: &Self) -> Self {
        for (name, slot) in self.by_name() {
            *slot = slot.take().or_else(|| other.get(name));
        }
        self
    }

    /// Whether they are of the object as a whole or of its parts' checksums ("Checking object integrity"): those of
    /// parts say how many parts there are.
    pub(super) fn kind(&self) -> Option<dto::ChecksumType> {
        let mut copy = self.clone();
        let named = copy.by_name();
        let first = named.into_iter().find_map(|(_, value)| value.take())?;
        Some(dto::ChecksumType::from_static(if first.contains('-') {
            dto::ChecksumType::COMPOSITE
        } else {
            dto::ChecksumType::FULL_OBJECT
        }))
    }
}

/// A part of which an object was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PartRecord {
    pub(super) number: i32,
    /// Bytes.
    pub(super) size: u64,
    #[serde(default)]
    pub(super) checksums: Checksums,
}

/// All that is known of one content of one key. It holds only while the file still has its stamp:
/// a file that was replaced outside localaws is a new object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) key: String,
    /// None for the null version, and in a bucket that keeps no versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    pub(super) stamp: Stamp,
    /// Without quotes. MD5 of the content, or of the parts' MD5s and `-` and their number.
    pub(super) etag: String,
    /// A canned ACL's name.
    pub(super) acl: String,
    #[serde(default)]
    pub(super) headers: Headers,
    #[serde(default)]
    pub(super) checksums: Checksums,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// Of what it was made; none if it came as one piece.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<PartRecord>,
}

impl Record {
    /// The record of a file that did not come through S3.
    pub(super) fn by_hand(key: &str, etag: String, stamp: Stamp) -> Self {
        Self {
            key: key.to_owned(),
            version: None,
            stamp,
            etag,
            acl: DEFAULT_ACL.to_owned(),
            headers: Headers::default(),
            checksums: Checksums::default(),
            tags: BTreeMap::new(),
            parts: Vec::new(),
        }
    }

    /// The id of its version.
    pub(super) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or(NULL)
    }

    pub(super) fn etag(&self) -> dto::ETag {
        dto::ETag::Strong(self.etag.clone())
    }
}

/// With what an upload was completed.
#[derive(Debug)]
pub(super) struct Completed {
    pub(super) bucket: String,
    pub(super) key: String,
    /// Numbers and entity tags.
    pub(super) parts: Vec<(i32, String)>,
    /// The object's.
    pub(super) etag: String,
    /// The object's, if it has one.
    pub(super) version: Option<String>,
}
