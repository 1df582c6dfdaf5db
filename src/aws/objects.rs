//! S3: the objects of the bucket.

use std::ops::RangeInclusive;

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{EncodingType, ObjectCannedAcl};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::{Aws, AwsError, Remedy};

/// An object and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What is known of it.
    pub info: ObjectInfo,
    /// Its content; none if it is larger than the caller takes.
    pub content: Option<Vec<u8>>,
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

/// Which version of an object is wanted.
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
    /// Somebody else was faster: read again, decide again.
    Conflict,
}

impl Aws {
    /// Reads an object of at most `limit` bytes; none if there is none (or none with the wanted `ETag`).
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
        let doing = format!("reading s3://{bucket}/{key}");
        let request = self.s3().get_object().bucket(bucket).key(key);
        let request = match which {
            Which::Current => request,
            Which::Version(version_id) => request.version_id(version_id),
            Which::Unchanged(etag) => request.if_match(etag),
        };
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => {
                let error = AwsError::new(doing, &error);
                return if is_absent(&error) || error.has_code("PreconditionFailed") {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        };
        let info = ObjectInfo {
            key: key.to_owned(),
            etag: output.e_tag.unwrap_or_default(),
            version_id: output.version_id.filter(|version| version != "null"),
            size: unsigned(output.content_length),
            modified_at: timestamp(output.last_modified.as_ref()),
        };
        if info.size > limit {
            return Ok(Some(Object {
                info,
                content: None,
            }));
        }
        Ok(Some(Object {
            info,
            content: Some(collected(doing, output.body).await?),
        }))
    }

    /// Reads the bytes of an object from the first to the last of a range, or to the object's end; none if there is no
    /// such object. The range must be of a size that fits into memory.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn get_range(
        &self,
        bucket: &str,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Vec<u8>>, AwsError> {
        let doing = format!("reading a part of s3://{bucket}/{key}");
        let bytes = format!("bytes={}-{}", range.start(), range.end());
        let request = self.s3().get_object().bucket(bucket).key(key).range(bytes);
        match request.send().await {
            // An endpoint that does not know ranges sends all of an object that may be far too large.
            Ok(output) if output.content_range.is_none() => Err(AwsError {
                doing,
                remedy: Remedy::Never,
                code: None,
                message: "the endpoint answers with the whole object instead".to_owned(),
                request_id: None,
            }),
            Ok(output) => Ok(Some(collected(doing, output.body).await?)),
            Err(error) => match AwsError::new(doing, &error) {
                error if is_absent(&error) => Ok(None),
                error if error.has_code("InvalidRange") => Ok(Some(Vec::new())),
                error => Err(error),
            },
        }
    }

    /// Looks at an object; none if there is none.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn head_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<ObjectInfo>, AwsError> {
        match self.s3().head_object().bucket(bucket).key(key).send().await {
            Ok(output) => Ok(Some(ObjectInfo {
                key: key.to_owned(),
                etag: output.e_tag.unwrap_or_default(),
                version_id: output.version_id.filter(|version| version != "null"),
                size: unsigned(output.content_length),
                modified_at: timestamp(output.last_modified.as_ref()),
            })),
            Err(error) => {
                let error = AwsError::new(format!("looking at s3://{bucket}/{key}"), &error);
                if is_absent(&error) {
                    Ok(None)
                } else {
                    Err(error)
                }
            }
        }
    }

    /// Writes an object if it still has the `ETag` that was read, or, with none, if it is not there yet.
    ///
    /// A lost answer is an error like others: the next reader sees what is true.
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
        match request.send().await {
            Ok(output) => Ok(Saved::Yes(output.e_tag.unwrap_or_default())),
            Err(error) => {
                let error = AwsError::new(format!("writing s3://{bucket}/{key}"), &error);
                // The object that If-Match wants may also be gone: then S3 answers 404.
                if is_condition(&error) || (etag.is_some() && is_absent(&error)) {
                    Ok(Saved::Conflict)
                } else {
                    Err(error)
                }
            }
        }
    }

    /// Writes an object, whatever was there. Returns its `ETag`.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        content: &str,
    ) -> Result<String, AwsError> {
        let body = content.as_bytes().to_vec().into();
        let request = self.s3().put_object().bucket(bucket).key(key).body(body);
        let doing = || format!("writing s3://{bucket}/{key}");
        let output = request
            .send()
            .await
            .map_err(|error| AwsError::new(doing(), &error))?;
        Ok(output.e_tag.unwrap_or_default())
    }

    /// Removes an object if it still has this `ETag`, and says whether it is gone now. One that was gone before counts
    /// ("How to perform conditional deletes", S3 User Guide).
    ///
    /// # Errors
    /// If S3 does not answer, or refuses for another reason than the condition.
    pub async fn delete_if(&self, bucket: &str, key: &str, etag: &str) -> Result<bool, AwsError> {
        let request = self
            .s3()
            .delete_object()
            .bucket(bucket)
            .key(key)
            .if_match(etag);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => {
                let error = AwsError::new(format!("removing s3://{bucket}/{key}"), &error);
                if is_absent(&error) {
                    Ok(true)
                } else if is_condition(&error) {
                    Ok(false)
                } else {
                    Err(error)
                }
            }
        }
    }

    /// Removes an object, whatever it is now. One that is gone counts. In a bucket with versions they stay.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<(), AwsError> {
        let request = self.s3().delete_object().bucket(bucket).key(key);
        let doing = || format!("removing s3://{bucket}/{key}");
        request
            .send()
            .await
            .map_err(|error| AwsError::new(doing(), &error))?;
        Ok(())
    }

    /// Lists all objects under a prefix, page by page.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn list_objects(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> Result<Vec<ObjectInfo>, AwsError> {
        let mut objects = Vec::new();
        self.each_page(bucket, prefix, |page| {
            objects.extend(page);
            true
        })
        .await?;
        Ok(objects)
    }

    /// Lists the objects under a prefix for as long as `take` wants another page.
    ///
    /// The keys come URL-encoded: anybody may give an object a key that XML cannot hold, and one of them would make the
    /// whole list unreadable (API reference, ListObjectsV2, `encoding-type`).
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn each_page(
        &self,
        bucket: &str,
        prefix: &str,
        mut take: impl FnMut(Vec<ObjectInfo>) -> bool,
    ) -> Result<(), AwsError> {
        let mut pages = self
            .s3()
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .encoding_type(EncodingType::Url)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                AwsError::new(format!("listing s3://{bucket}/{prefix}"), &error)
            })?;
            let encoded = page.encoding_type == Some(EncodingType::Url);
            let objects = page.contents.unwrap_or_default().into_iter();
            let objects = objects.map(|object| ObjectInfo {
                key: listed_key(object.key.unwrap_or_default(), encoded),
                etag: object.e_tag.unwrap_or_default(),
                version_id: None,
                size: unsigned(object.size),
                modified_at: timestamp(object.last_modified.as_ref()),
            });
            if !take(objects.collect()) {
                break;
            }
        }
        Ok(())
    }

    /// The Region of a bucket; none if S3 does not say.
    ///
    /// # Errors
    /// If there is no such bucket, or it may not be seen.
    pub async fn bucket_region(&self, bucket: &str) -> Result<Option<String>, AwsError> {
        let output = self.s3().head_bucket().bucket(bucket).send().await;
        let output = output
            .map_err(|error| AwsError::new(format!("looking at the bucket {bucket}"), &error))?;
        Ok(output.bucket_region)
    }

    /// Lets EC2 read an object: the canned ACL `aws-exec-read` ("Access control list overview", S3 User Guide).
    ///
    /// # Errors
    /// If S3 does not answer, or refuses: for example in a bucket that has no ACLs.
    pub async fn let_ec2_read(&self, bucket: &str, key: &str) -> Result<(), AwsError> {
        let request = self
            .s3()
            .put_object_acl()
            .bucket(bucket)
            .key(key)
            .acl(ObjectCannedAcl::AwsExecRead);
        let doing = || format!("letting EC2 read s3://{bucket}/{key}");
        request
            .send()
            .await
            .map_err(|error| AwsError::new(doing(), &error))?;
        Ok(())
    }
}

/// All bytes of an answer.
async fn collected(doing: String, body: ByteStream) -> Result<Vec<u8>, AwsError> {
    let content = body.collect().await.map_err(|error| AwsError {
        doing,
        remedy: Remedy::Later,
        code: None,
        message: format!("the answer broke off: {error}"),
        request_id: None,
    })?;
    Ok(content.to_vec())
}

/// Whether an `If-Match` or `If-None-Match` was not met, or two writers met.
fn is_condition(error: &AwsError) -> bool {
    ["PreconditionFailed", "ConditionalRequestConflict"]
        .iter()
        .any(|code| error.has_code(code))
}

fn is_absent(error: &AwsError) -> bool {
    ["NoSuchKey", "NotFound", "NoSuchVersion"]
        .iter()
        .any(|code| error.has_code(code))
}

fn unsigned(size: Option<i64>) -> u64 {
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
}

/// S3 always says when an object was written; an answer without it counts as very old.
fn timestamp(time: Option<&DateTime>) -> Timestamp {
    time.and_then(|time| Timestamp::from_second(time.secs()).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}
/// A key as it is, of one in a list.
fn listed_key(key: String, encoded: bool) -> String {
    if !encoded {
        return key;
    }
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
