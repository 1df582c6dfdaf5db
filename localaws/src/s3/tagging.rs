//! Tags of objects ("Categorizing your objects using tags", Amazon S3 User Guide).

use std::collections::BTreeMap;

use http::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result, s3_error};

use super::condition;
use super::condition::unversioned;
use super::event::About;
use super::store::Store;

/// Tags that an object may have.
const MOST_TAGS: usize = 10;
/// Characters in a key and in a value.
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

pub(super) fn get(
    store: &Store,
    input: &GetObjectTaggingInput,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    unversioned(input.version_id.as_deref())?;
    let found = store.find(&input.bucket, &input.key)?;
    let (_, record) = found.ok_or_else(condition::no_such_key)?;
    let tags = record.tags.into_iter().map(|(key, value)| Tag {
        key: Some(key),
        value: Some(value),
    });
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: tags.collect(),
        version_id: None,
    }))
}

/// Replaces all tags of an object.
pub(super) fn put(
    store: &Store,
    input: PutObjectTaggingInput,
    request_id: &str,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    unversioned(input.version_id.as_deref())?;
    let tags = read(input.tagging)?;
    let record = store.change(&input.bucket, &input.key, |record| record.tags = tags)?;
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    store.publish_tags("Object Tags Added", about, &record.etag);
    Ok(S3Response::new(PutObjectTaggingOutput::default()))
}

pub(super) fn delete(
    store: &Store,
    input: &DeleteObjectTaggingInput,
    request_id: &str,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    unversioned(input.version_id.as_deref())?;
    let record = store.change(&input.bucket, &input.key, |record| record.tags.clear())?;
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    store.publish_tags("Object Tags Deleted", about, &record.etag);
    Ok(S3Response::with_status(
        DeleteObjectTaggingOutput::default(),
        StatusCode::NO_CONTENT,
    ))
}

impl Store {
    /// S3 sends EventBridge changes of tags, too ("Using EventBridge", Amazon S3 User Guide).
    fn publish_tags(&self, what: &str, about: About<'_>, etag: &str) {
        if Self::publishes(&self.lock(), about.bucket) {
            self.events.tags_changed(what, about, etag);
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

fn read(tagging: Tagging) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for tag in tagging.tag_set {
        let (key, value) = (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        if !(1..=LONGEST_KEY).contains(&key.chars().count()) {
            return Err(s3_error!(
                InvalidTag,
                "The TagKey you have provided is invalid"
            ));
        }
        if value.chars().count() > LONGEST_VALUE {
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
