//! PutObject, and a browser's form.

use s3s::dto::*;
use s3s::{S3Response, S3Result};

use super::checksum::{checksums_of, verify};
use super::condition;
use super::event::{About, Reason};
use super::payload::Payload;
use super::record::{Record, headers_of};
use super::store::{New, Store};
use super::tagging;

pub(super) fn put(
    store: &Store,
    mut input: PutObjectInput,
    payload: &Payload,
    request_id: &str,
    reason: Reason,
) -> S3Result<S3Response<PutObjectOutput>> {
    store.bucket(&input.bucket)?;
    let claimed = checksums_of!(input);
    let digests = payload.digests(&claimed)?;
    let etag = verify(&digests, input.content_md5.as_deref(), &claimed)?;
    let acl = store.acl(&input.bucket, input.acl.as_ref())?;
    let new = New {
        acl,
        headers: headers_of!(input),
        checksums: digests.checksums,
        tags: tagging::of_header(input.tagging.as_deref())?,
        ..New::default()
    };
    let condition = condition::Write {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let about = About {
        bucket: &input.bucket,
        key: &input.key,
        request_id,
    };
    let draft = store.draft(payload, etag)?;
    let Record {
        etag,
        checksums,
        version,
        ..
    } = store.commit(about, &draft, new, &condition, reason)?;
    Ok(S3Response::new(PutObjectOutput {
        e_tag: Some(ETag::Strong(etag)),
        version_id: version,
        checksum_type: checksums.kind(),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        ..Default::default()
    }))
}
