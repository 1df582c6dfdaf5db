//! CopyObject and UploadPartCopy.

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::checksum::{compute, verify};
use super::condition::unversioned;
use super::condition::{Read, Write};
use super::event::{About, Reason};
use super::multipart::UploadName;
use super::record::{Checksums, Record, headers_of};
use super::store::{New, Store};

/// Takes the conditions on the source out of either input.
macro_rules! conditions_of {
    ($input:expr) => {
        Read {
            if_match: $input.copy_source_if_match.take(),
            if_none_match: $input.copy_source_if_none_match.take(),
            if_modified_since: $input.copy_source_if_modified_since.take(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.take(),
        }
    };
}

pub(super) fn object(
    store: &Store,
    mut input: CopyObjectInput,
    request_id: &str,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let (bucket, key) = named(&input.copy_source)?;
    let directive = input
        .metadata_directive
        .as_ref()
        .map(MetadataDirective::as_str);
    let replace = directive == Some(MetadataDirective::REPLACE);
    if bucket == input.bucket && key == input.key && !replace {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let conditions = conditions_of!(input);
    let (source, body) = read(store, &input.copy_source, &conditions)?;
    let headers = if replace {
        headers_of!(input)
    } else {
        source.headers
    };
    let acl = store.acl(&input.bucket, input.acl.as_ref())?;
    let keeps_tags = input
        .tagging_directive
        .as_ref()
        .is_none_or(|directive| directive.as_str() == TaggingDirective::COPY);
    let new = New {
        acl,
        headers,
        // The copy is of one piece, whatever parts the source was uploaded in.
        checksums: compute(&source.checksums, &body),
        tags: if keeps_tags {
            source.tags
        } else {
            Default::default()
        },
    };
    let draft = store.draft(&body, verify(&body, None, &Checksums::default())?)?;
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    let copy = store.commit(about, &draft, new, &Write::default(), Reason::CopyObject)?;
    let result = CopyObjectResult {
        e_tag: Some(copy.etag()),
        last_modified: Some(copy.stamp.last_modified()),
        ..Default::default()
    };
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        ..Default::default()
    }))
}

pub(super) fn part(
    store: &Store,
    mut input: UploadPartCopyInput,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let conditions = conditions_of!(input);
    let (source, body) = read(store, &input.copy_source, &conditions)?;
    let body = match &input.copy_source_range {
        None => &body[..],
        Some(range) => bytes_of(range, &body).ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
            )
        })?,
    };
    let etag = verify(body, None, &Checksums::default())?;
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        id: &input.upload_id,
    };
    store.put_part(name, input.part_number, body, etag.clone())?;
    let result = CopyPartResult {
        e_tag: Some(ETag::Strong(etag)),
        last_modified: Some(source.stamp.last_modified()),
        ..Default::default()
    };
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..Default::default()
    }))
}

fn named(source: &CopySource) -> S3Result<(&str, &str)> {
    let CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = source
    else {
        return Err(s3_error!(
            NotImplemented,
            "localaws copies from buckets only"
        ));
    };
    unversioned(version_id.as_deref())?;
    Ok((bucket, key))
}

fn read(store: &Store, source: &CopySource, conditions: &Read) -> S3Result<(Record, Vec<u8>)> {
    let (bucket, key) = named(source)?;
    let (record, body) = store.read(bucket, key)?;
    conditions.check_source(&record)?;
    Ok((record, body))
}

fn bytes_of<'a>(range: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    body.get(first..last.checked_add(1)?)
}
