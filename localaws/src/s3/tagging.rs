//! Tags of objects ("Categorizing your objects using tags", Amazon S3 User Guide).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use percent_encoding::percent_decode_str;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result, s3_error};

use super::event::About;
use super::record::Record;
use super::store::Store;

/// Tags that an object may have.
pub(crate) const MOST_TAGS: usize = 10;
/// Characters in a key and in a value.
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

pub(super) fn get(
    store: &Store,
    input: &GetObjectTaggingInput,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let version = input.version_id.as_deref();
    let (_, record) = store.held(&input.bucket, &input.key, version)?;
    let version_id = store.shown_version(&input.bucket, &record);
    let tags = record.tags.into_iter().map(|(key, value)| Tag {
        key: Some(key),
        value: Some(value),
    });
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: tags.collect(),
        version_id,
    }))
}

/// Replaces all tags of an object.
pub(super) fn put(
    store: &Store,
    input: PutObjectTaggingInput,
    request_id: &str,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let tags = read(input.tagging)?;
    let version = input.version_id.as_deref();
    let change = |record: &mut Record| record.tags = tags;
    let record = store.change(&input.bucket, &input.key, version, change)?;
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    store.publish_tags("Object Tags Added", about, &record);
    let version_id = store.shown_version(&input.bucket, &record);
    Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
}

pub(super) fn delete(
    store: &Store,
    input: &DeleteObjectTaggingInput,
    request_id: &str,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let version = input.version_id.as_deref();
    let change = |record: &mut Record| record.tags.clear();
    let record = store.change(&input.bucket, &input.key, version, change)?;
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    store.publish_tags("Object Tags Deleted", about, &record);
    let version_id = store.shown_version(&input.bucket, &record);
    Ok(S3Response::with_status(
        DeleteObjectTaggingOutput { version_id },
        StatusCode::NO_CONTENT,
    ))
}

impl Store {
    /// S3 sends EventBridge changes of tags, too ("Using EventBridge", Amazon S3 User Guide).
    fn publish_tags(&self, what: &str, about: About<'_>, record: &Record) {
        if Self::publishes(&self.lock(), about.bucket) {
            self.events.tags_changed(what, about, record);
        }
    }
}

/// Of all faults of tags, this one has a code of its own.
fn too_many() -> S3Error {
    let code = S3ErrorCode::Custom("BadRequest".into());
    let message = format!("Object tags cannot be greater than {MOST_TAGS}");
    let mut error = S3Error::with_message(code, message);
    error.set_status_code(StatusCode::BAD_REQUEST);
    error
}

/// Whether a tag may have this key or value: "letters, numbers, and spaces representable in UTF-8", and some signs ("Categorizing your objects using tags").
pub(crate) fn is_text(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c))
}

fn read(tagging: Tagging) -> S3Result<BTreeMap<String, String>> {
    let mut tags = Vec::new();
    for tag in tagging.tag_set {
        match (tag.key, tag.value) {
            (Some(key), Some(value)) => tags.push((key, value)),
            _ => return Err(s3_error!(MalformedXML)),
        }
    }
    checked(tags.into_iter())
}

/// The tags that a request gives a new object in its header `x-amz-tagging`, "encoded as URL Query parameters"
/// (PutObject, Amazon S3 API Reference).
///
/// # Errors
/// 400 for what is not so encoded, names a key twice, or is no tag.
pub(super) fn of_header(tagging: Option<&str>) -> S3Result<BTreeMap<String, String>> {
    let Some(tagging) = tagging else {
        return Ok(BTreeMap::new());
    };
    let mut keys = BTreeSet::new();
    let mut tags = Vec::new();
    for pair in tagging.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(key), Some(value)) = (plain(key), plain(value)) else {
            return Err(wrong_header());
        };
        if key.is_empty() || !keys.insert(key.clone()) {
            return Err(wrong_header());
        }
        tags.push((key, value));
    }
    checked(tags.into_iter())
}

/// A key or value of the header without its encoding; nothing if it is not encoded, or not in UTF-8 then.
fn plain(encoded: &str) -> Option<String> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "%+-._:/@= ".contains(it);
    if !encoded.chars().all(is_plain) {
        return None;
    }
    let spaced = encoded.replace('+', " ");
    let plain = percent_decode_str(&spaced).decode_utf8();
    plain.ok().map(Cow::into_owned)
}

fn wrong_header() -> S3Error {
    s3_error!(
        InvalidArgument,
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
    )
}

fn checked(given: impl Iterator<Item = (String, String)>) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for (key, value) in given {
        if !(1..=LONGEST_KEY).contains(&key.chars().count()) || !is_text(&key) {
            return Err(s3_error!(
                InvalidTag,
                "The TagKey you have provided is invalid"
            ));
        }
        if value.chars().count() > LONGEST_VALUE || !is_text(&value) {
            return Err(s3_error!(
                InvalidTag,
                "The TagValue you have provided is invalid"
            ));
        }
        if key.starts_with("aws:") {
            return Err(s3_error!(
                InvalidTag,
                "System tags cannot be added/updated by requester"
            ));
        }
        if tags.insert(key, value).is_some() {
            return Err(s3_error!(
                InvalidTag,
                "Cannot provide multiple Tags with the same key"
            ));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(too_many());
    }
    Ok(tags)
}
