//! GetObject and HeadObject.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use s3s::dto::*;
use s3s::{Body, S3Response, S3Result, s3_error};

use super::condition::Read;
use super::failure::with_details;
use super::record::{Checksums, Record};
use super::store::Store;
use crate::large_body::{IN_MEMORY, Outgoing};

pub(super) fn get(store: &Store, input: GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
    if input.part_number.is_some() {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built reading an object by part number"
        ));
    }
    let version = input.version_id.as_deref();
    let (record, file) = store.open_held(&input.bucket, &input.key, version)?;
    let condition = Read {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    condition.check(&record)?;
    let size = record.stamp.size;
    let range = input.range.map(|range| within(range, size)).transpose()?;
    let (from, to) = range.unwrap_or((0, size));
    let range = range.map(|(from, to)| content_range(from, to, size));
    let (body, large) = bytes(file, from, to - from)?;
    let checksums = checksums(&record, input.checksum_mode.as_ref())
        .filter(|_| range.is_none())
        .unwrap_or_default();
    let headers = &record.headers;
    let mut answer = S3Response::new(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(to - from).ok(),
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
        version_id: store.shown_version(&input.bucket, &record),
        checksum_type: checksums.kind(),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        ..Default::default()
    });
    if let Some(large) = large {
        answer.extensions.insert(large);
    }
    Ok(answer)
}

/// These bytes of an object: in memory, or if they are many to be sent out of their file.
fn bytes(file: File, from: u64, length: u64) -> S3Result<(Bytes, Option<Outgoing>)> {
    if length > IN_MEMORY as u64 {
        let file = Arc::new(file);
        return Ok((Bytes::new(), Some(Outgoing { file, from, length })));
    }
    let read = read_at(file, from, length);
    let read = read.map_err(|error| s3_error!(error, InternalError, "an object cannot be read"));
    Ok((Bytes::from(read?), None))
}

fn read_at(mut file: File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn head(
    store: &Store,
    input: &HeadObjectInput,
) -> S3Result<S3Response<HeadObjectOutput>> {
    if input.part_number.is_some() {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built HeadObject of a part"
        ));
    }
    let version = input.version_id.as_deref();
    let (_, record) = store.held(&input.bucket, &input.key, version)?;
    let condition = Read {
        if_match: input.if_match.clone(),
        if_none_match: input.if_none_match.clone(),
        if_modified_since: input.if_modified_since.clone(),
        if_unmodified_since: input.if_unmodified_since.clone(),
    };
    condition.check(&record)?;
    let size = record.stamp.size;
    let range = input.range.map(|range| within(range, size)).transpose()?;
    let (from, to) = range.unwrap_or((0, size));
    let checksums = checksums(&record, input.checksum_mode.as_ref())
        .filter(|_| range.is_none())
        .unwrap_or_default();
    let headers = &record.headers;
    let mut answer = S3Response::new(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(to - from).ok(),
        content_range: range.map(|(from, to)| content_range(from, to, size)),
        version_id: store.shown_version(&input.bucket, &record),
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
    });
    if let Some(count) = tag_count(&record) {
        // `s3s` does not know it of HeadObject.
        let count = HeaderValue::from(count);
        answer.headers.insert("x-amz-tagging-count", count);
    }
    Ok(answer)
}

/// `x-amz-tagging-count`, which objects without tags do not have.
fn tag_count(record: &Record) -> Option<i32> {
    let count = i32::try_from(record.tags.len()).ok();
    count.filter(|count| *count > 0)
}

/// Where a range begins and ends in an object of this size.
///
/// # Errors
/// 416 `InvalidRange`.
fn within(range: Range, size: u64) -> S3Result<(u64, u64)> {
    let found = range.check(size).ok().filter(|found| !found.is_empty());
    let found = found.ok_or_else(|| {
        let asked = match range {
            Range::Int { first, last: None } => format!("bytes={first}-"),
            Range::Int {
                first,
                last: Some(last),
            } => format!("bytes={first}-{last}"),
            Range::Suffix { length } => format!("bytes=-{length}"),
        };
        let error = s3_error!(InvalidRange, "The requested range is not satisfiable");
        let size = size.to_string();
        with_details(
            error,
            &[("RangeRequested", &asked), ("ActualObjectSize", &size)],
        )
    })?;
    Ok((found.start, found.end))
}

fn content_range(from: u64, to: u64, size: u64) -> String {
    format!("bytes {from}-{}/{size}", to - 1)
}

fn checksums(record: &Record, mode: Option<&ChecksumMode>) -> Option<Checksums> {
    mode.filter(|mode| mode.as_str() == ChecksumMode::ENABLED)
        .map(|_| record.checksums.clone())
}
