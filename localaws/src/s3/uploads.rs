//! The operations of multipart uploads.

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::checksum::{bad_digest, checksums_of, verify};
use super::event::{About, Reason};
use super::failure::failed;
use super::listing::{natural, page_size};
use super::multipart::{Upload, UploadName};
use super::payload::Payload;
use super::record::{Checksums, Record, headers_of};
use super::store::{Draft, Store};
use super::{acl, condition, tagging};

pub(super) fn create(
    store: &Store,
    mut input: CreateMultipartUploadInput,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let algorithm = input.checksum_algorithm.as_ref();
    let algorithm = algorithm.map(|it| it.as_str().to_owned());
    let kind = input.checksum_type.as_ref().map(ChecksumType::as_str);
    check_checksum(kind, algorithm.as_deref())?;
    // "Checking object integrity in Amazon S3": CRC64NVME knows only full objects, the others begin with composites.
    let full_object = match kind {
        Some(kind) => kind == ChecksumType::FULL_OBJECT,
        None => algorithm.as_deref() == Some(ChecksumAlgorithm::CRC64NVME),
    };
    let checksum_type = algorithm.as_ref().map(|_| {
        ChecksumType::from_static(if full_object {
            ChecksumType::FULL_OBJECT
        } else {
            ChecksumType::COMPOSITE
        })
    });
    let now = store.events.clock.outside_now().as_second();
    let upload = Upload {
        acl: store.acl(&input.bucket, input.acl.as_ref())?,
        headers: headers_of!(input),
        tags: tagging::of_header(input.tagging.as_deref())?,
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        algorithm,
        full_object,
        begun_at: u64::try_from(now).unwrap_or_default(),
    };
    let id = store.begin_upload(&upload)?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type,
        ..Default::default()
    }))
}

/// Which algorithms make checksums of whole objects, and which of their parts' ("Checking object integrity in Amazon S3",
/// S3 User Guide).
fn check_checksum(kind: Option<&str>, algorithm: Option<&str>) -> S3Result<()> {
    let Some(kind) = kind else { return Ok(()) };
    let Some(algorithm) = algorithm else {
        return Err(s3_error!(
            InvalidRequest,
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        ));
    };
    let is_possible = match kind {
        ChecksumType::COMPOSITE => algorithm != ChecksumAlgorithm::CRC64NVME,
        ChecksumType::FULL_OBJECT => !matches!(
            algorithm,
            ChecksumAlgorithm::SHA1 | ChecksumAlgorithm::SHA256
        ),
        _ => {
            return Err(s3_error!(
                InvalidRequest,
                "Value for x-amz-checksum-type header is invalid."
            ));
        }
    };
    if !is_possible {
        let algorithm = algorithm.to_ascii_lowercase();
        return Err(s3_error!(
            InvalidRequest,
            "The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."
        ));
    }
    Ok(())
}

pub(super) fn part(
    store: &Store,
    mut input: UploadPartInput,
    payload: &Payload,
) -> S3Result<S3Response<UploadPartOutput>> {
    let checksums = checksums_of!(input);
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        id: &input.upload_id,
    };
    let (_, upload) = store.upload(name)?;
    if let Some(algorithm) = &upload.algorithm
        && checksums.get(algorithm).is_none()
    {
        let algorithm = algorithm.to_ascii_lowercase();
        return Err(s3_error!(
            InvalidRequest,
            "Checksum Type mismatch occurred, expected checksum Type: {algorithm}, actual checksum Type: null"
        ));
    }
    let digests = payload.digests(&checksums.clone().and(&upload.asked()))?;
    let etag = verify(&digests, input.content_md5.as_deref(), &checksums)?;
    store.put_part(name, input.part_number, payload, &digests)?;
    Ok(S3Response::new(UploadPartOutput {
        e_tag: Some(ETag::Strong(etag)),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        ..Default::default()
    }))
}

pub(super) fn list_parts(
    store: &Store,
    input: ListPartsInput,
) -> S3Result<S3Response<ListPartsOutput>> {
    let max = page_size("max-parts", input.max_parts)?;
    let after = input.part_number_marker.unwrap_or_default();
    natural("part-number-marker", after)?;
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        id: &input.upload_id,
    };
    let (_, upload) = store.upload(name)?;
    let parts = store.parts(name)?.into_iter();
    let mut parts: Vec<_> = parts
        .filter(|part| part.number > after)
        .take(max + 1)
        .collect();
    let truncated = parts.len() > max;
    parts.truncate(max);
    let last = parts.last().map_or(0, |part| part.number);
    let parts = parts.into_iter().map(|part| Part {
        e_tag: Some(ETag::Strong(part.etag)),
        last_modified: Some(part.stamp.last_modified()),
        part_number: Some(part.number),
        size: Some(part.stamp.length()),
        checksum_crc32: part.checksums.crc32,
        checksum_crc32c: part.checksums.crc32c,
        checksum_crc64nvme: part.checksums.crc64nvme,
        checksum_sha1: part.checksums.sha1,
        checksum_sha256: part.checksums.sha256,
    });
    Ok(S3Response::new(ListPartsOutput {
        parts: Some(parts.collect()),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        is_truncated: Some(truncated),
        max_parts: i32::try_from(max).ok(),
        part_number_marker: Some(after),
        // Also of the last page.
        next_part_number_marker: Some(last),
        owner: Some(acl::owner()),
        checksum_type: kind(&upload),
        checksum_algorithm: upload.algorithm.map(ChecksumAlgorithm::from),
        ..Default::default()
    }))
}

pub(super) fn list(
    store: &Store,
    input: ListMultipartUploadsInput,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    if input.delimiter.is_some() || input.encoding_type.is_some() {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built listing uploads with a delimiter or an encoding"
        ));
    }
    let max = page_size("max-uploads", input.max_uploads)?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let key_marker = input.key_marker.as_deref().unwrap_or_default();
    let id_marker = input.upload_id_marker.as_deref();
    let is_after = |key: &str, id: &str| {
        key > key_marker || (key == key_marker && id_marker.is_some_and(|marker| id > marker))
    };
    let uploads = store.uploads(&input.bucket)?.into_iter();
    let mut uploads: Vec<MultipartUpload> = uploads
        .filter(|((key, id), _)| key.starts_with(prefix) && is_after(key, id))
        .take(max + 1)
        .map(|((key, id), upload)| shown(key, id, upload))
        .collect();
    let truncated = uploads.len() > max;
    uploads.truncate(max);
    let last = uploads.last().filter(|_| truncated);
    Ok(S3Response::new(ListMultipartUploadsOutput {
        next_key_marker: last.and_then(|last| last.key.clone()),
        next_upload_id_marker: last.and_then(|last| last.upload_id.clone()),
        uploads: Some(uploads),
        is_truncated: Some(truncated),
        max_uploads: i32::try_from(max).ok(),
        key_marker: input.key_marker,
        upload_id_marker: input.upload_id_marker,
        prefix: input.prefix,
        bucket: Some(input.bucket),
        ..Default::default()
    }))
}

fn shown(key: String, id: String, upload: Upload) -> MultipartUpload {
    let begun = std::time::UNIX_EPOCH + std::time::Duration::from_secs(upload.begun_at);
    MultipartUpload {
        key: Some(key),
        upload_id: Some(id),
        initiated: Some(Timestamp::from(begun)),
        owner: Some(acl::owner()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        checksum_type: kind(&upload),
        checksum_algorithm: upload.algorithm.map(ChecksumAlgorithm::from),
        ..Default::default()
    }
}

fn kind(upload: &Upload) -> Option<ChecksumType> {
    upload.algorithm.as_ref()?;
    Some(ChecksumType::from_static(if upload.full_object {
        ChecksumType::FULL_OBJECT
    } else {
        ChecksumType::COMPOSITE
    }))
}

pub(super) fn complete(
    store: &Store,
    mut input: CompleteMultipartUploadInput,
    request_id: &str,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let claimed = checksums_of!(input);
    let parts = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let name = UploadName {
        bucket: &input.bucket,
        key: &input.key,
        id: &input.upload_id,
    };
    if let Some(record) = store.completed(name, &parts)? {
        // "It is safe to repeat": the same request again gets the same answer.
        return Ok(completion(input.bucket, input.key, &record));
    }
    let (_, upload) = store.upload(name)?;
    check_kind(&upload, input.checksum_type.as_ref())?;
    let (draft, new) = store.assemble(name, &parts)?;
    check_claim(&claimed, &new.checksums)?;
    check_size(input.mpu_object_size, &draft)?;
    let condition = condition::Write {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    let reason = Reason::CompleteMultipartUpload;
    let record = store.commit(about, &draft, new, &condition, reason)?;
    store.complete_upload(name, &parts, &record)?;
    Ok(completion(input.bucket, input.key, &record))
}

fn completion(
    bucket: String,
    key: String,
    record: &Record,
) -> S3Response<CompleteMultipartUploadOutput> {
    let checksums = record.checksums.clone();
    S3Response::new(CompleteMultipartUploadOutput {
        e_tag: Some(record.etag()),
        version_id: record.version.clone(),
        location: Some(format!("https://{bucket}.s3.amazonaws.com/{key}")),
        bucket: Some(bucket),
        key: Some(key),
        checksum_type: checksums.kind(),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        ..Default::default()
    })
}

/// "If there is a mismatch between the specified object size value and the actual object size value, it results in an
/// HTTP 400 InvalidRequest error."
fn check_size(stated: Option<i64>, draft: &Draft) -> S3Result<()> {
    let found = std::fs::metadata(&draft.path).map_err(failed("read", &draft.path))?;
    let found = i64::try_from(found.len()).unwrap_or(i64::MAX);
    match stated {
        Some(stated) if stated != found => Err(s3_error!(
            InvalidRequest,
            "The provided 'x-amz-mp-object-size' header value {stated} does not match what was computed: {found}"
        )),
        _ => Ok(()),
    }
}

fn check_kind(upload: &Upload, stated: Option<&ChecksumType>) -> S3Result<()> {
    match (stated, kind(upload)) {
        (Some(stated), Some(kind)) if *stated != kind => Err(s3_error!(
            InvalidRequest,
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            kind.as_str()
        )),
        _ => Ok(()),
    }
}

/// Compares what the completing request says the object's checksum is with what it is. The number of parts may be
/// left out.
fn check_claim(claimed: &Checksums, found: &Checksums) -> S3Result<()> {
    for algorithm in [
        ChecksumAlgorithm::CRC32,
        ChecksumAlgorithm::CRC32C,
        ChecksumAlgorithm::CRC64NVME,
        ChecksumAlgorithm::SHA1,
        ChecksumAlgorithm::SHA256,
    ] {
        if let (Some(claimed), Some(found)) = (claimed.get(algorithm), found.get(algorithm))
            && claimed != found
            && found.split('-').next() != Some(claimed.as_str())
        {
            return Err(bad_digest(algorithm, &claimed, &found));
        }
    }
    Ok(())
}

pub(super) fn abort(
    store: &Store,
    input: &AbortMultipartUploadInput,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    store.end_upload(UploadName {
        bucket: &input.bucket,
        key: &input.key,
        id: &input.upload_id,
    })?;
    Ok(S3Response::with_status(
        AbortMultipartUploadOutput::default(),
        http::StatusCode::NO_CONTENT,
    ))
}
