//! DeleteObject and DeleteObjects.

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::condition::Write;
use super::event::About;
use super::store::Store;

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
        let compared = object.last_modified_time.is_some() || object.size.is_some();
        let asked = match compared {
            true => Err(by_size_or_date()),
            // What S3 says of it is not documented.
            false if object.key.is_empty() => Err(s3_error!(
                NotImplemented,
                "localaws has not built deleting a key without characters"
            )),
            false if version.is_some() && object.e_tag.is_some() => Err(version_on_condition()),
            false => Ok(()),
        };
        let condition = Write {
            if_match: object.e_tag.map(ETagCondition::ETag),
            if_none_match: None,
        };
        match asked.and_then(|()| store.remove(about, version, &condition)) {
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
