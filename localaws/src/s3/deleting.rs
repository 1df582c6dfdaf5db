//! DeleteObject and DeleteObjects.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result, s3_error};

use super::condition::Write;
use super::event::About;
use super::store::Store;

/// An object that a DeleteObjects request names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) key: &'a str,
    pub(crate) version: Option<&'a str>,
    /// The `ETag` that it must have, with its quotes.
    pub(crate) etag: Option<&'a str>,
}

/// Decides about each object of a DeleteObjects request by itself: one that must not be deleted is an error in the answer,
/// and the others are deleted.
pub(crate) trait MayDelete: Send + Sync {
    /// Whether the caller may delete it.
    ///
    /// # Errors
    /// The sentence that says which permission is missing.
    fn delete(&self, named: Named<'_>) -> Result<(), String>;

    /// Whether the caller may know that there is no such object.
    ///
    /// # Errors
    /// As before.
    fn know_absence(&self) -> Result<(), String>;
}

/// Who decides, as a request's extension has it.
#[derive(Clone)]
pub(crate) struct Deletions(pub(crate) Arc<dyn MayDelete>);

/// Keys that one request may delete.
const MOST_KEYS: usize = 1000;

pub(super) fn one(
    store: &Store,
    input: DeleteObjectInput,
    request_id: &str,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    if input.version_id.is_some() && input.if_match.is_some() {
        return Err(version_on_condition());
    }
    let condition = Write {
        if_match: input.if_match,
        if_none_match: None,
    };
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    let removed = store.remove(about, input.version_id.as_deref(), &condition)?;
    let output = DeleteObjectOutput {
        delete_marker: removed.is_marker.then_some(true),
        version_id: removed.version,
        ..Default::default()
    };
    Ok(S3Response::with_status(
        output,
        http::StatusCode::NO_CONTENT,
    ))
}

fn by_size_or_date() -> s3s::S3Error {
    s3_error!(
        NotImplemented,
        "localaws has not built deleting by size or date"
    )
}

fn version_on_condition() -> s3s::S3Error {
    s3_error!(
        NotImplemented,
        "localaws has not built deleting a version on a condition"
    )
}

pub(super) fn many(
    store: &Store,
    input: DeleteObjectsInput,
    request_id: &str,
    deletions: Option<&Deletions>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    store.bucket(&input.bucket)?;
    if input.delete.objects.len() > MOST_KEYS {
        return Err(s3_error!(
            MalformedXML,
            "A request may delete {MOST_KEYS} keys at most"
        ));
    }
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in input.delete.objects {
        let about = About {
            bucket: &input.bucket,
            key: &object.key,
            request_id,
        };
        let version = object.version_id.as_deref();
        let etag = object
            .e_tag
            .as_ref()
            .map(|etag| format!("\"{}\"", etag.value()));
        let named = Named {
            key: &object.key,
            version,
            etag: etag.as_deref(),
        };
        let condition = Write {
            if_match: object.e_tag.clone().map(ETagCondition::ETag),
            if_none_match: None,
        };
        let removed = built(&object)
            .and_then(|()| refused(deletions, |by| by.delete(named)))
            .and_then(|()| store.remove(about, version, &condition))
            .or_else(|error| match error.code() {
                S3ErrorCode::NoSuchKey => {
                    refused(deletions, |by| by.know_absence()).and(Err(error))
                }
                _ => Err(error),
            });
        match removed {
            Ok(removed) => deleted.push(DeletedObject {
                delete_marker: removed.is_marker.then_some(true),
                delete_marker_version_id: removed.version.filter(|_| removed.is_marker),
                key: Some(object.key),
                version_id: object.version_id,
            }),
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key),
                message: error.message().map(str::to_owned),
                version_id: object.version_id,
            }),
        }
    }
    let quiet = input.delete.quiet.unwrap_or_default();
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: (!quiet).then_some(deleted),
        errors: Some(errors),
        ..Default::default()
    }))
}

/// Whether this is built.
fn built(object: &ObjectIdentifier) -> S3Result<()> {
    if object.last_modified_time.is_some() || object.size.is_some() {
        return Err(by_size_or_date());
    }
    // What S3 says of it is not documented.
    if object.key.is_empty() {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built deleting a key without characters"
        ));
    }
    if object.version_id.is_some() && object.e_tag.is_some() {
        return Err(version_on_condition());
    }
    Ok(())
}

/// What the caller may not, if anybody decides about that.
fn refused(
    deletions: Option<&Deletions>,
    ask: impl Fn(&dyn MayDelete) -> Result<(), String>,
) -> S3Result<()> {
    let answer = deletions.map_or(Ok(()), |by| ask(&*by.0));
    answer.map_err(|sentence| S3Error::with_message(S3ErrorCode::AccessDenied, sentence))
}
