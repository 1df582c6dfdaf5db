//! GetObject and HeadObject.

use bytes::Bytes;
use s3s::dto::*;
use s3s::{Body, S3Response, S3Result, s3_error};

use super::condition::unversioned;
use super::condition::{self, Read};
use super::record::{Checksums, Record};
use super::store::Store;

pub(super) fn get(store: &Store, input: GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
    unversioned(input.version_id.as_deref())?;
    if input.part_number.is_some() {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built reading an object by part number"
        ));
    }
    let (record, body) = store.read(&input.bucket, &input.key)?;
    let condition = Read {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    condition.check(&record)?;
    let body = Bytes::from(body);
    let (range, body) = match input.range {
        None => (None, body),
        Some(range) => {
            let (text, from, to) = content_range(range, body.len())?;
            (Some(text), body.slice(from..to))
        }
    };
    let checksums = checksums(&record, input.checksum_mode.as_ref())
        .filter(|_| range.is_none())
        .unwrap_or_default();
    let headers = &record.headers;
    Ok(S3Response::new(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(body.len()).ok(),
        content_range: range,
        body: Some(StreamingBlob::from(Body::from(body))),
        e_tag: Some(record.etag()),
        last_modified: Some(record.stamp.last_modified()),
        content_type: Some(headers.content_type()),
        content_encoding: headers.content_encoding.clone(),
        content_disposition: headers.content_disposition.clone(),
        content_language: headers.content_language.clone(),
        cache_control: headers.cache_control.clone(),
        expires: headers.expires(),
        metadata: headers.metadata(),
        tag_count: tag_count(&record),
        checksum_type: checksums.kind(),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        ..Default::default()
    }))
}

pub(super) fn head(
    store: &Store,
    input: &HeadObjectInput,
) -> S3Result<S3Response<HeadObjectOutput>> {
    unversioned(input.version_id.as_deref())?;
    if input.part_number.is_some() || input.range.is_some() {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built HeadObject of a part or a range"
        ));
    }
    let (_, record) = store
        .find(&input.bucket, &input.key)?
        .ok_or_else(condition::no_such_key)?;
    let condition = Read {
        if_match: input.if_match.clone(),
        if_none_match: input.if_none_match.clone(),
        if_modified_since: input.if_modified_since.clone(),
        if_unmodified_since: input.if_unmodified_since.clone(),
    };
    condition.check(&record)?;
    let checksums = checksums(&record, input.checksum_mode.as_ref()).unwrap_or_default();
    let headers = &record.headers;
    Ok(S3Response::new(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(record.stamp.length()),
        e_tag: Some(record.etag()),
        last_modified: Some(record.stamp.last_modified()),
        content_type: Some(headers.content_type()),
        content_encoding: headers.content_encoding.clone(),
        content_disposition: headers.content_disposition.clone(),
        content_language: headers.content_language.clone(),
        cache_control: headers.cache_control.clone(),
        expires: headers.expires(),
        metadata: headers.metadata(),
        checksum_type: checksums.kind(),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        ..Default::default()
    }))
}

/// `x-amz-tagging-count`, which objects without tags do not have.
fn tag_count(record: &Record) -> Option<i32> {
    let count = i32::try_from(record.tags.len()).ok();
    count.filter(|count| *count > 0)
}

/// The `Content-Range` of this range, and where it begins and ends.
fn content_range(range: Range, length: usize) -> S3Result<(String, usize, usize)> {
    let found = range.check(u64::try_from(length).unwrap_or(u64::MAX))?;
    let text = format!("bytes {}-{}/{length}", found.start, found.end - 1);
    let bound = |at| usize::try_from(at).unwrap_or(length).min(length);
    Ok((text, bound(found.start), bound(found.end)))
}

fn checksums(record: &Record, mode: Option<&ChecksumMode>) -> Option<Checksums> {
    mode.filter(|mode| mode.as_str() == ChecksumMode::ENABLED)
        .map(|_| record.checksums.clone())
}
