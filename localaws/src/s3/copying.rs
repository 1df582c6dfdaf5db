//! CopyObject and UploadPartCopy.

use std::fs::File;
use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::condition::unversioned;
use super::condition::{Read, Write};
use super::event::{About, Reason};
use super::multipart::UploadName;
use super::payload::Payload;
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
    condition: &Write,
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
    let (source, file) = read(store, &input.copy_source, &conditions)?;
    let body = Payload::Part(Arc::new(file), 0, source.stamp.size);
    // "The checksum algorithm that you want Amazon S3 to use", else that of the source.
    let algorithm = input.checksum_algorithm.as_ref();
    let asked = algorithm.map(|algorithm| Checksums::one(algorithm.as_str(), ""));
    let digests = body.digests(&asked.unwrap_or_else(|| source.checksums.clone()))?;
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
        checksums: digests.checksums.clone(),
        tags: if keeps_tags {
            source.tags
        } else {
            Default::default()
        },
        ..New::default()
    };
    let draft = store.draft(&body, digests.etag())?;
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    let copy = store.commit(about, &draft, new, condition, Reason::CopyObject)?;
    let checksums = copy.checksums.clone();
    let result = CopyObjectResult {
        e_tag: Some(copy.etag()),
        last_modified: Some(copy.stamp.last_modified()),
        checksum_type: checksums.kind(),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
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
    let (source, file) = read(store, &input.copy_source, &conditions)?;
    let size = source.stamp.size;
    let (from, length) = match &input.copy_source_range {
        None => (0, size),
        Some(range) => bytes_of(range, size).ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
            )
        })?,
    };
    let body = Payload::Part(Arc::new(file), from, length);
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        id: &input.upload_id,
    };
    let (_, upload) = store.upload(name)?;
    let digests = body.digests(&upload.asked())?;
    let part = store.put_part(name, input.part_number, &body, &digests)?;
    let result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag)),
        last_modified: Some(part.stamp.last_modified()),
        checksum_crc32: part.checksums.crc32,
        checksum_crc32c: part.checksums.crc32c,
        checksum_crc64nvme: part.checksums.crc64nvme,
        checksum_sha1: part.checksums.sha1,
        checksum_sha256: part.checksums.sha256,
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

/// Whether copying from there takes long.
pub(super) fn is_long(store: &Store, source: &CopySource) -> bool {
    named(source).is_ok_and(|(bucket, key)| store.is_large(bucket, key))
}

fn read(store: &Store, source: &CopySource, conditions: &Read) -> S3Result<(Record, File)> {
    let (bucket, key) = named(source)?;
    let (record, file) = store.open_object(bucket, key)?;
    conditions.check_source(&record)?;
    Ok((record, file))
}

/// The first byte of a range, and how many it has.
fn bytes_of(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < size).then_some((first, last - first + 1))
}
