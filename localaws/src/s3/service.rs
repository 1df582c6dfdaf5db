//! S3's operations, as `s3s` reads them off the wire. What is missing here, `s3s` answers with 501 `NotImplemented`.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::condition;
use super::deleting::Deletions;
use super::event::Reason;
use super::front::{RequestId, RequestRegion};
use super::long_work::LongWork;
use super::payload::Payload;
use super::record::Record;
use super::store::Store;
use super::{acl, buckets, listing};

/// The operations over one [`Store`].
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) store: Arc<Store>,
    pub(super) long: LongWork,
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let region = RequestRegion::of(&req.extensions);
        buckets::create(&self.store, &req.input, region)
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
        buckets::versioning(&self.store, &req.input.bucket)
    }

    async fn put_bucket_versioning(
        &self,
        req: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        buckets::set_versioning(&self.store, &req.input)
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        // Each version has a file that describes it.
        self.run(true, |store| {
            super::listing_versions::list(store, req.input)
        })
        .await
    }

    async fn get_bucket_notification_configuration(
        &self,
        req: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
        buckets::notification(&self.store, &req.input.bucket)
    }

    async fn get_bucket_ownership_controls(
        &self,
        req: S3Request<GetBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
        buckets::ownership(&self.store, &req.input.bucket)
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
        let page = listing::page_v1(&self.store, &req.input)?;
        let long = listing::is_long(&self.store, &req.input.bucket, &page);
        let list = move |store: &Store| listing::list_objects(store, req.input, &page);
        self.run(long, list).await
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let page = listing::page_v2(&self.store, &req.input)?;
        let long = listing::is_long(&self.store, &req.input.bucket, &page);
        let list = move |store: &Store| listing::list_objects_v2(store, req.input, &page);
        self.run(long, list).await
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
        let mut input = req.input;
        let payload = Payload::of(&req.extensions, input.body.take()).await?;
        self.run(payload.is_large(), move |store| {
            super::writing::put(store, input, &payload, &request_id, reason)
        })
        .await
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let request_id = RequestId::of(&req.extensions);
        let long = super::copying::is_long(&self.store, &req.input.copy_source);
        // `s3s` does not read the conditions on what is overwritten.
        let condition = condition::Write::of(&req.headers)?;
        let copy =
            move |store: &Store| super::copying::object(store, req.input, &condition, &request_id);
        self.run(long, copy).await
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let long = self.store.is_unread(&req.input.bucket, &req.input.key);
        self.run(long, |store| super::reading::get(store, req.input))
            .await
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let long = self.store.is_unread(&req.input.bucket, &req.input.key);
        self.run(long, move |store| super::reading::head(store, &req.input))
            .await
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
        let deletions = req.extensions.get::<Deletions>().cloned();
        super::deleting::many(&self.store, req.input, &request_id, deletions.as_ref())
    }

    async fn get_object_attributes(
        &self,
        req: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        super::attributes::get(&self.store, &req.input)
    }

    async fn get_object_acl(
        &self,
        req: S3Request<GetObjectAclInput>,
    ) -> S3Result<S3Response<GetObjectAclOutput>> {
        let version = req.input.version_id.as_deref();
        let (_, record) = self
            .store
            .held(&req.input.bucket, &req.input.key, version)?;
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
        let grants = input.access_control_policy.as_ref();
        let grants = grants.and_then(|policy| policy.grants.as_ref());
        if grants.is_some() && self.store.disables_acls(&input.bucket) {
            return Err(super::acl::disabled());
        }
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
        let version = input.version_id.as_deref();
        self.store
            .change(&input.bucket, &input.key, version, change)?;
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
        let payload = Payload::of(&req.extensions, input.body.take()).await?;
        self.run(payload.is_large(), move |store| {
            super::uploads::part(store, input, &payload)
        })
        .await
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let long = super::copying::is_long(&self.store, &req.input.copy_source);
        self.run(long, |store| super::copying::part(store, req.input))
            .await
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
        // Parts are files of 5 MiB and more, which are joined.
        self.run(true, move |store| {
            super::uploads::complete(store, req.input, &request_id)
        })
        .await
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
    /// Does the work here and now, or where it keeps nobody waiting if it takes long.
    async fn run<T: Send + 'static>(
        &self,
        long: bool,
        work: impl FnOnce(&Store) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        if !long {
            return work(&self.store);
        }
        let store = Arc::clone(&self.store);
        self.long.run(move || work(&store)).await
    }
}
