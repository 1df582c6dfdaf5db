//! S3's operations, as `s3s` reads them off the wire. What is missing here, `s3s` answers with 501 `NotImplemented`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::checksum::{checksums_of, verify};
use super::condition;
use super::event::{About, Reason};
use super::front::RequestId;
use super::multipart::UploadName;
use super::record::{Record, headers_of};
use super::store::{New, Store};
use super::{acl, buckets};

/// The operations over one [`Store`].
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) store: Arc<Store>,
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        buckets::create(&self.store, &req.input)
    }

    async fn delete_bucket(
        &self,
        req: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        buckets::delete(&self.store, &req.input.bucket)
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        buckets::head(&self.store, &req.input.bucket)
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        buckets::location(&self.store, &req.input.bucket)
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.store.bucket(&req.input.bucket)?;
        // No status: a bucket that never had versions.
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    async fn list_buckets(
        &self,
        req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        buckets::list(&self.store, &req.input)
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        super::listing::list_objects(&self.store, req.input)
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        super::listing::list_objects_v2(&self.store, req.input)
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let request_id = RequestId::of(&req.extensions);
        // `s3s` brings a browser's form here, too.
        let reason = if req.method == http::Method::POST {
            Reason::PostObject
        } else {
            Reason::PutObject
        };
        self.put(req.input, &request_id, reason).await
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let request_id = RequestId::of(&req.extensions);
        super::copying::object(&self.store, req.input, &request_id)
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        super::reading::get(&self.store, req.input)
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        super::reading::head(&self.store, &req.input)
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let request_id = RequestId::of(&req.extensions);
        super::deleting::one(&self.store, req.input, &request_id)
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let request_id = RequestId::of(&req.extensions);
        super::deleting::many(&self.store, req.input, &request_id)
    }

    async fn get_object_acl(
        &self,
        req: S3Request<GetObjectAclInput>,
    ) -> S3Result<S3Response<GetObjectAclOutput>> {
        unversioned(req.input.version_id.as_deref())?;
        let found = self.store.find(&req.input.bucket, &req.input.key)?;
        let (_, record) = found.ok_or_else(condition::no_such_key)?;
        let (owner, grants) = (Some(acl::owner()), Some(acl::grants(&record.acl)));
        Ok(S3Response::new(GetObjectAclOutput {
            grants,
            owner,
            request_charged: None,
        }))
    }

    async fn put_object_acl(
        &self,
        req: S3Request<PutObjectAclInput>,
    ) -> S3Result<S3Response<PutObjectAclOutput>> {
        let input = req.input;
        unversioned(input.version_id.as_deref())?;
        if input.acl.is_none()
            || input
                .access_control_policy
                .is_some_and(|policy| policy.grants.is_some())
        {
            return Err(s3_error!(
                NotImplemented,
                "localaws knows canned ACLs only: use the header x-amz-acl"
            ));
        }
        self.store
            .set_acl(&input.bucket, &input.key, acl::canned(input.acl.as_ref())?)?;
        Ok(S3Response::new(PutObjectAclOutput::default()))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut input = req.input;
        let acl = acl::canned(input.acl.as_ref())?;
        let id = self
            .store
            .begin_upload(&input.bucket, &input.key, acl, headers_of!(input))?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = req.input;
        let checksums = checksums_of!(input);
        let body = whole(input.body.take()).await?;
        let etag = verify(&body, input.content_md5.as_deref(), &checksums)?;
        let name = UploadName {
            bucket: &input.bucket,
            key: &input.key,
            id: &input.upload_id,
        };
        self.store
            .put_part(name, input.part_number, &body, etag.clone())?;
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

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        super::copying::part(&self.store, req.input)
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        if input.max_parts.is_some() || input.part_number_marker.is_some() {
            return Err(s3_error!(
                NotImplemented,
                "localaws lists all parts at once"
            ));
        }
        let name = UploadName {
            bucket: &input.bucket,
            key: &input.key,
            id: &input.upload_id,
        };
        let parts = self.store.parts(name)?.into_iter().map(|part| Part {
            e_tag: Some(ETag::Strong(part.etag)),
            last_modified: Some(part.stamp.last_modified()),
            part_number: Some(part.number),
            size: Some(part.stamp.length()),
            ..Default::default()
        });
        Ok(S3Response::new(ListPartsOutput {
            parts: Some(parts.collect()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(false),
            owner: Some(acl::owner()),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let request_id = RequestId::of(&req.extensions);
        let input = req.input;
        let parts = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        let name = UploadName {
            bucket: &input.bucket,
            key: &input.key,
            id: &input.upload_id,
        };
        let (draft, new) = self.store.assemble(name, &parts)?;
        let condition = condition::Write {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
        };
        let about = About {
            bucket: &input.bucket,
            key: &input.key,
            request_id: &request_id,
        };
        let record = self.store.commit(
            about,
            &draft,
            new,
            &condition,
            Reason::CompleteMultipartUpload,
        )?;
        self.store.end_upload(name)?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            e_tag: Some(record.etag()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.store.end_upload(UploadName {
            bucket: &input.bucket,
            key: &input.key,
            id: &input.upload_id,
        })?;
        Ok(S3Response::with_status(
            AbortMultipartUploadOutput::default(),
            http::StatusCode::NO_CONTENT,
        ))
    }
}

impl Service {
    async fn put(
        &self,
        mut input: PutObjectInput,
        request_id: &str,
        reason: Reason,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.store.bucket(&input.bucket)?;
        let checksums = checksums_of!(input);
        let body = whole(input.body.take()).await?;
        let etag = verify(&body, input.content_md5.as_deref(), &checksums)?;
        let acl = acl::canned(input.acl.as_ref())?;
        let new = New {
            acl,
            headers: headers_of!(input),
            checksums,
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
        let draft = self.store.draft(&body, etag)?;
        let Record {
            etag, checksums, ..
        } = self.store.commit(about, &draft, new, &condition, reason)?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            ..Default::default()
        }))
    }
}

/// The whole of a request's body.
async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else {
        return Ok(Bytes::new());
    };
    let whole = body.try_fold(BytesMut::new(), |mut whole, chunk| async move {
        whole.extend_from_slice(&chunk);
        Ok(whole)
    });
    let whole = whole
        .await
        .map_err(|error| s3s::S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?;
    Ok(whole.freeze())
}

/// Buckets here have no versions: only the version `null` exists.
///
/// # Errors
/// 400 `InvalidArgument` for any other version.
pub(super) fn unversioned(version_id: Option<&str>) -> S3Result<()> {
    match version_id {
        None | Some("null") => Ok(()),
        Some(_) => Err(s3_error!(InvalidArgument, "Invalid version id specified")),
    }
}
