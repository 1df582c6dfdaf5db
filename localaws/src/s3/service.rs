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
        condition::unversioned(req.input.version_id.as_deref())?;
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
        condition::unversioned(input.version_id.as_deref())?;
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
        let acl = self.store.acl(&input.bucket, input.acl.as_ref())?;
        let change = |record: &mut Record| record.acl = acl;
        self.store.change(&input.bucket, &input.key, change)?;
        Ok(S3Response::new(PutObjectAclOutput::default()))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        super::uploads::create(&self.store, req.input)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        super::uploads::list(&self.store, req.input)
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = req.input;
        let body = whole(input.body.take()).await?;
        super::uploads::part(&self.store, input, &body)
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
        super::uploads::list_parts(&self.store, req.input)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let request_id = RequestId::of(&req.extensions);
        super::uploads::complete(&self.store, req.input, &request_id)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        super::uploads::abort(&self.store, &req.input)
    }

    async fn get_object_tagging(
        &self,
        req: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        super::tagging::get(&self.store, &req.input)
    }

    async fn put_object_tagging(
        &self,
        req: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        let request_id = RequestId::of(&req.extensions);
        super::tagging::put(&self.store, req.input, &request_id)
    }

    async fn delete_object_tagging(
        &self,
        req: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        let request_id = RequestId::of(&req.extensions);
        super::tagging::delete(&self.store, &req.input, &request_id)
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
        let acl = self.store.acl(&input.bucket, input.acl.as_ref())?;
        let new = New {
            acl,
            headers: headers_of!(input),
            checksums,
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
