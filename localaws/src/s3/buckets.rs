//! Operations on buckets.

use std::fs;

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::acl;
use super::failure::failed;
use super::record::Stamp;
use super::store::Store;

/// The Region whose buckets have no location constraint.
const UNNAMED_REGION: &str = "us-east-1";

pub(super) fn create(
    store: &Store,
    input: &CreateBucketInput,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let region = &store.events.region;
    let constraint = input
        .create_bucket_configuration
        .as_ref()
        .and_then(|it| it.location_constraint.as_ref());
    let wanted = constraint.map_or(UNNAMED_REGION, BucketLocationConstraint::as_str);
    if wanted != region {
        return Err(s3_error!(
            IllegalLocationConstraintException,
            "The {wanted} location constraint is incompatible for the region specific endpoint this request was sent to."
        ));
    }
    let new = store.create_bucket(&input.bucket, None)?;
    if !new && region != UNNAMED_REGION {
        return Err(s3_error!(
            BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it."
        ));
    }
    let location = Some(format!("/{}", input.bucket));
    Ok(S3Response::new(CreateBucketOutput { location }))
}

pub(super) fn delete(store: &Store, bucket: &str) -> S3Result<S3Response<DeleteBucketOutput>> {
    let folder = store.bucket(bucket)?;
    let _guard = store.lock();
    if !super::list::keys(&folder, "")
        .map_err(failed("list", &folder))?
        .is_empty()
    {
        return Err(s3_error!(
            BucketNotEmpty,
            "The bucket you tried to delete is not empty"
        ));
    }
    fs::remove_dir_all(&folder).map_err(failed("remove", &folder))?;
    Ok(S3Response::with_status(
        DeleteBucketOutput::default(),
        http::StatusCode::NO_CONTENT,
    ))
}

pub(super) fn head(store: &Store, bucket: &str) -> S3Result<S3Response<HeadBucketOutput>> {
    store.bucket(bucket)?;
    let bucket_region = Some(store.events.region.clone());
    Ok(S3Response::new(HeadBucketOutput {
        bucket_region,
        ..Default::default()
    }))
}

pub(super) fn location(
    store: &Store,
    bucket: &str,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    store.bucket(bucket)?;
    let region = &store.events.region;
    let named = (region != UNNAMED_REGION).then(|| BucketLocationConstraint::from(region.clone()));
    Ok(S3Response::new(GetBucketLocationOutput {
        location_constraint: named,
    }))
}

pub(super) fn list(
    store: &Store,
    input: &ListBucketsInput,
) -> S3Result<S3Response<ListBucketsOutput>> {
    if input.continuation_token.is_some() {
        return Err(s3_error!(
            InvalidArgument,
            "The continuation token provided is incorrect"
        ));
    }
    let mut buckets = Vec::new();
    for entry in fs::read_dir(&store.root).map_err(failed("list", &store.root))? {
        let entry = entry.map_err(failed("list", &store.root))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_asked_for = name.starts_with(input.prefix.as_deref().unwrap_or_default());
        if is_asked_for && store.bucket(&name).is_ok() {
            let metadata = entry.metadata().map_err(failed("read", &entry.path()))?;
            let creation_date = Some(Stamp::of(&metadata).last_modified());
            buckets.push(Bucket {
                creation_date,
                name: Some(name),
                ..Default::default()
            });
        }
    }
    buckets.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let (owner, prefix) = (Some(acl::owner()), input.prefix.clone());
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets),
        owner,
        prefix,
        ..Default::default()
    }))
}
