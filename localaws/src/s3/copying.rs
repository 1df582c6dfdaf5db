//! CopyObject and UploadPartCopy.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Response, S3Result, s3_error};

use super::condition::{Read, Write};
use super::event::{About, Reason};
use super::multipart::UploadName;
use super::payload::Payload;
use super::record::{Checksums, Record, headers_of};
use super::store::{New, Store};
use super::tagging;

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
    let (bucket, key, version) = named(&input.copy_source)?;
    let directive = input.metadata_directive.as_ref();
    let replace = match directive.map_or(MetadataDirective::COPY, MetadataDirective::as_str) {
        MetadataDirective::COPY => false,
        MetadataDirective::REPLACE => true,
        _ => return Err(s3_error!(InvalidArgument, "Unknown metadata directive.")),
    };
    // An earlier version is copied over the current one to have it back.
    let changes =
        replace || input.storage_class.is_some() || input.server_side_encryption.is_some();
    if bucket == input.bucket && key == input.key && version.is_none() && !changes {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let conditions = conditions_of!(input);
    let (source, file) = read(store, &input.copy_source, &conditions)?;
    let copy_source_version_id = store.shown_version(bucket, &source);
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
    let tags = tags(&input, source.tags)?;
    let new = New {
        acl,
        headers,
        // The copy is of one piece, whatever parts the source was uploaded in.
        checksums: digests.checksums.clone(),
        tags,
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
        copy_source_version_id,
        version_id: copy.version,
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
    let (bucket, ..) = named(&input.copy_source)?;
    let copy_source_version_id = store.shown_version(bucket, &source);
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
        copy_source_version_id,
        ..Default::default()
    }))
}

/// The tags of a copy: those of its source, or those that replace them. "This value must be used in conjunction with the
/// `x-amz-tagging-directive` if you choose `REPLACE`" (`x-amz-tagging`, CopyObject); what becomes of it with `COPY` is not
/// documented.
fn tags(
    input: &CopyObjectInput,
    of_source: BTreeMap<String, String>,
) -> S3Result<BTreeMap<String, String>> {
    let directive = input.tagging_directive.as_ref();
    match directive.map_or(TaggingDirective::COPY, TaggingDirective::as_str) {
        TaggingDirective::REPLACE => tagging::of_header(input.tagging.as_deref()),
        TaggingDirective::COPY if input.tagging.is_none() => Ok(of_source),
        TaggingDirective::COPY => Err(s3_error!(
            NotImplemented,
            "localaws has not built S3 CopyObject with the header x-amz-tagging but without x-amz-tagging-directive: REPLACE"
        )),
        _ => Err(s3_error!(InvalidArgument, "Unknown tagging directive.")),
    }
}

/// A bucket, a key in it, and the version of it, if one is named.
fn named(source: &CopySource) -> S3Result<(&str, &str, Option<&str>)> {
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
    Ok((bucket, key, version_id.as_deref()))
}

/// Whether copying from there takes long.
pub(super) fn is_long(store: &Store, source: &CopySource) -> bool {
    match named(source) {
        Ok((bucket, key, None)) => store.is_large(bucket, key),
        Ok((bucket, key, version)) => {
            let held = store.held(bucket, key, version);
            held.is_ok_and(|(_, record)| record.stamp.is_large())
        }
        Err(_) => false,
    }
}

fn read(store: &Store, source: &CopySource, conditions: &Read) -> S3Result<(Record, File)> {
    let (bucket, key, version) = named(source)?;
    let opened = store.open_held(bucket, key, version);
    let (record, file) = opened.map_err(|error| match error.code() {
        S3ErrorCode::MethodNotAllowed => s3_error!(
            InvalidRequest,
            "The source of a copy request may not specifically refer to a delete marker by version id."
        ),
        _ => error,
    })?;
    conditions.check_source(&record)?;
    Ok((record, file))
}

/// The first byte of a range, and how many it has.
fn bytes_of(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < size).then_some((first, last - first + 1))
}
