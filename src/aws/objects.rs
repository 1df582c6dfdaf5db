//! S3: objects.

use std::ops::RangeInclusive;

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::ObjectCannedAcl;
use jiff::Timestamp;

use super::connect::Aws;
use super::error::classify;
use super::error::{AwsError, Remedy};
use crate::failures::chain;
use crate::limits;
use crate::manifest::location::s3_uri;

/// S3's answer where an object has no bytes in the range ("Error responses", S3 API Reference, `InvalidRange`).
const RANGE_NOT_SATISFIABLE: u16 = 416;

/// An object and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What is known of it.
    pub info: ObjectInfo,
    /// Its content; none if it is larger than the caller accepts.
    pub content: Option<Vec<u8>>,
}

/// Some of an object's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPart {
    /// What is known of the object.
    pub info: ObjectInfo,
    /// The bytes of the range that are there.
    pub bytes: Vec<u8>,
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Its `ETag`, quotes and all.
    pub etag: String,
    /// Its version, in a bucket that has versions.
    pub version_id: Option<String>,
    /// Bytes.
    pub size: u64,
    /// When it was written.
    pub modified_at: Timestamp,
}

/// Which version of an object to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// The current one.
    Current,
    /// The one with this version id.
    Version(&'a str),
    /// The current one, but only if it still has this `ETag`.
    Unchanged(&'a str),
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// Written; this is its new `ETag`.
    Yes(String),
    /// The object has changed since it was read: read it again and decide again.
    Conflict,
}

impl Aws {
    /// Reads an object of at most `limit` bytes; none if it does not exist (or not with this `ETag`).
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn get_object(
        &self,
        bucket: &str,
        key: &str,
        which: Which<'_>,
        limit: u64,
    ) -> Result<Option<Object>, AwsError> {
        let doing = format!("reading {}", s3_uri(bucket, key));
        let request = self.s3().get_object().bucket(bucket).key(key);
        let request = match which {
            Which::Current => request,
            Which::Version(version_id) => request.version_id(version_id),
            Which::Unchanged(etag) => request.if_match(etag),
        };
        let output = match classify("GetObject", &doing, Box::pin(request.send()).await) {
            Ok(output) => output,
            Err(error) if is_absent(&error) || error.has_code("PreconditionFailed") => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let size = unsigned(output.content_length);
        let (etag, version, modified) = (output.e_tag, output.version_id, output.last_modified);
        let info = object_info(key, etag, version, size, modified);
        let content = if info.size > limit {
            None
        } else {
            read_body(doing, output.body, limit).await?
        };
        Ok(Some(Object { info, content }))
    }

    /// Reads the bytes of an object from the first to the last of a range, or to the object's end, with all that a HEAD
    /// request would return; none if there is no such object. At most [`limits::RANGE_BYTES`] are read.
    ///
    /// S3 has no bytes to send of an empty object, or from beyond an object's end, and refuses such a range without
    /// describing the object: only then a HEAD request follows.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses. Unlike a HEAD request's, its answer distinguishes a missing bucket
    /// (`NoSuchBucket`) and an archived object (`InvalidObjectState`).
    pub async fn get_range(
        &self,
        bucket: &str,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<ObjectPart>, AwsError> {
        let doing = format!("reading a part of {}", s3_uri(bucket, key));
        let bytes = format!("bytes={}-{}", range.start(), range.end());
        let request = self.s3().get_object().bucket(bucket).key(key).range(bytes);
        let output = match classify("GetObject", &doing, Box::pin(request.send()).await) {
            Ok(output) => output,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) if error.has_status(RANGE_NOT_SATISFIABLE) => {
                return self.no_bytes(bucket, key, *range.start()).await;
            }
            Err(error) => return Err(error),
        };
        // An endpoint that does not support ranges sends the whole object, which may be far too large.
        let Some(size) = output.content_range.as_deref().and_then(total_size) else {
            let message = "the endpoint does not answer with the range that was asked for";
            return Err(AwsError::unexplained(
                "GetObject",
                doing,
                Remedy::Never,
                message,
            ));
        };
        let (etag, version, modified) = (output.e_tag, output.version_id, output.last_modified);
        let info = object_info(key, etag, version, size, modified);
        match read_body(&doing, output.body, limits::RANGE_BYTES).await? {
            Some(bytes) => Ok(Some(ObjectPart { info, bytes })),
            None => {
                let message = "the endpoint answers with more than the range that was asked for";
                let never = Remedy::Never;
                Err(AwsError::unexplained("GetObject", doing, never, message))
            }
        }
    }

    /// What an object is of which S3 has no bytes from `start` on.
    async fn no_bytes(
        &self,
        bucket: &str,
        key: &str,
        start: u64,
    ) -> Result<Option<ObjectPart>, AwsError> {
        let Some(info) = self.head_object(bucket, key).await? else {
            return Ok(None);
        };
        if info.size > start {
            let doing = format!("reading a part of {}", s3_uri(bucket, key));
            let message = "the object was replaced while it was read";
            return Err(AwsError::unexplained(
                "GetObject",
                doing,
                Remedy::Later,
                message,
            ));
        }
        Ok(Some(ObjectPart {
            info,
            bytes: Vec::new(),
        }))
    }

    /// Describes an object; none if it does not exist.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn head_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<ObjectInfo>, AwsError> {
        let request = self.s3().head_object().bucket(bucket).key(key);
        let doing = format!("checking {}", s3_uri(bucket, key));
        match classify("HeadObject", doing, Box::pin(request.send()).await) {
            Ok(output) => {
                let size = unsigned(output.content_length);
                let (etag, version, modified) =
                    (output.e_tag, output.version_id, output.last_modified);
                Ok(Some(object_info(key, etag, version, size, modified)))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object if it still has the `ETag` that was read, or, without one, if it does not exist yet.
    ///
    /// A lost answer is an error like any other: the next read shows whether the object was written.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses for another reason than the condition.
    pub async fn put_if(
        &self,
        bucket: &str,
        key: &str,
        content: Vec<u8>,
        etag: Option<&str>,
    ) -> Result<Saved, AwsError> {
        let request = self
            .s3()
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("application/json")
            .body(content.into());
        let request = match etag {
            Some(etag) => request.if_match(etag),
            None => request.if_none_match("*"),
        };
        let doing = format!("writing {}", s3_uri(bucket, key));
        match classify("PutObject", doing, Box::pin(request.send()).await) {
            Ok(output) => Ok(Saved::Yes(output.e_tag.unwrap_or_default())),
            // The object that If-Match asks for may also have been deleted: then S3 answers 404.
            Err(error) if is_conflict(&error) || (etag.is_some() && is_absent(&error)) => {
                Ok(Saved::Conflict)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes an object unconditionally. Returns its `ETag`.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        content: impl Into<Vec<u8>>,
    ) -> Result<String, AwsError> {
        let body = content.into().into();
        let request = self.s3().put_object().bucket(bucket).key(key).body(body);
        let doing = format!("writing {}", s3_uri(bucket, key));
        let output = classify("PutObject", doing, Box::pin(request.send()).await)?;
        Ok(output.e_tag.unwrap_or_default())
    }

    /// Grants EC2 read access to an object: the canned ACL `aws-exec-read` ("Access control list overview", S3 User
    /// Guide).
    ///
    /// # Errors
    /// If S3 does not answer, or refuses: for example in a bucket whose ACLs are disabled.
    pub async fn let_ec2_read(&self, bucket: &str, key: &str) -> Result<(), AwsError> {
        let request = self
            .s3()
            .put_object_acl()
            .bucket(bucket)
            .key(key)
            .acl(ObjectCannedAcl::AwsExecRead);
        let doing = format!("granting EC2 read access to {}", s3_uri(bucket, key));
        classify("PutObjectAcl", doing, Box::pin(request.send()).await)?;
        Ok(())
    }
}

/// Reads the whole body of an answer; none if it has more bytes than the limit, whatever its headers say.
async fn read_body(
    doing: impl Into<String>,
    mut body: ByteStream,
    limit: u64,
) -> Result<Option<Vec<u8>>, AwsError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut content = Vec::new();
    loop {
        match body.try_next().await {
            Ok(None) => return Ok(Some(content)),
            Ok(Some(more)) if more.len() > limit.saturating_sub(content.len()) => return Ok(None),
            Ok(Some(more)) => content.extend_from_slice(&more),
            Err(error) => {
                let message = format!(
                    "the connection was lost while reading the answer: {}",
                    chain(&error)
                );
                let later = Remedy::Later;
                return Err(AwsError::unexplained("GetObject", doing, later, message));
            }
        }
    }
}

/// Whether an `If-Match` or `If-None-Match` failed, or another write was under way.
pub(super) fn is_conflict(error: &AwsError) -> bool {
    ["PreconditionFailed", "ConditionalRequestConflict"]
        .iter()
        .any(|code| error.has_code(code))
}

/// Whether there is no such object.
pub(super) fn is_absent(error: &AwsError) -> bool {
    ["NoSuchKey", "NotFound", "NoSuchVersion"]
        .iter()
        .any(|code| error.has_code(code))
}

/// What S3's headers say about an object. In a bucket without versions, its version id is `null`.
fn object_info(
    key: &str,
    etag: Option<String>,
    version_id: Option<String>,
    size: u64,
    modified_at: Option<DateTime>,
) -> ObjectInfo {
    ObjectInfo {
        key: key.to_owned(),
        etag: etag.unwrap_or_default(),
        version_id: version_id.filter(|version| version != "null"),
        size,
        modified_at: timestamp(modified_at.as_ref()),
    }
}

/// The object's size in a Content-Range header: `bytes 0-3/15`.
fn total_size(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.parse().ok()
}

pub(super) fn unsigned(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
}

/// S3 always reports when an object was written; an answer without that counts as very old.
pub(super) fn timestamp(time: Option<&DateTime>) -> Timestamp {
    time.and_then(|time| Timestamp::from_second(time.secs()).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
