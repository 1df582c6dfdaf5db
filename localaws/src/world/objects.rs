//! EC2's hands on S3: as the service it is, and as the roles that it assumes.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;

use crate::ec2::{ObjectRef, Objects};
use crate::s3::{self, Ends, S3};

/// Canned ACLs that let EC2 read an object ("Canned ACL", S3 User Guide).
const READABLE: [&str; 3] = ["aws-exec-read", "public-read", "public-read-write"];

/// Bytes at the beginning and end of a disk that say what it is.
const HEADERS: u64 = 4096;

/// The buckets of this world. They are all in one Region: from the others EC2 sees them elsewhere (301).
pub(super) struct InS3 {
    pub(super) s3: S3,
    pub(super) region: String,
}

impl InS3 {
    fn is_local(&self, place: ObjectRef<'_>) -> Result<(), StatusCode> {
        if place.region == self.region {
            Ok(())
        } else {
            Err(StatusCode::MOVED_PERMANENTLY)
        }
    }

    /// Buckets that are nowhere are not elsewhere, so this comes first.
    async fn bucket_is_local(&self, place: ObjectRef<'_>) -> Result<(), StatusCode> {
        // A key that does not exist: only the bucket is looked up.
        let found = self.s3.acl(place.bucket, "").await;
        found.map_err(|error| status(&error))?;
        self.is_local(place)
    }

    async fn get(&self, place: ObjectRef<'_>) -> Result<Bytes, StatusCode> {
        self.bucket_is_local(place).await?;
        let found = self.s3.get(place.bucket, place.key).await;
        let found = found.map_err(|error| status(&error))?;
        found.ok_or(StatusCode::NOT_FOUND)
    }
}

impl Objects for InS3 {
    fn read<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Bytes, StatusCode>> {
        Box::pin(async move {
            let object = self.get(place).await?;
            let acl = self.s3.acl(place.bucket, place.key).await;
            match acl.map_err(|error| status(&error))? {
                Some(acl) if READABLE.contains(&acl.as_str()) => Ok(object),
                _ => Err(StatusCode::FORBIDDEN),
            }
        })
    }

    fn fetch<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Bytes, StatusCode>> {
        Box::pin(self.get(place))
    }

    fn ends<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Ends, StatusCode>> {
        Box::pin(async move {
            self.bucket_is_local(place).await?;
            let found = self.s3.ends(place.bucket, place.key, HEADERS).await;
            let found = found.map_err(|error| status(&error))?;
            found.ok_or(StatusCode::NOT_FOUND)
        })
    }

    fn put<'a>(
        &'a self,
        place: ObjectRef<'a>,
        body: Bytes,
        acl: &'a str,
        tags: BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), StatusCode>> {
        Box::pin(async move {
            self.bucket_is_local(place).await?;
            let (bucket, key) = (place.bucket, place.key);
            let put = self.s3.put_with(bucket, key, body, acl, tags);
            put.await.map_err(|error| status(&error))
        })
    }

    fn bucket<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<(), StatusCode>> {
        Box::pin(self.bucket_is_local(place))
    }
}

fn status(error: &s3::Error) -> StatusCode {
    match error {
        s3::Error::Refused { code, .. } if code == "NoSuchBucket" => StatusCode::NOT_FOUND,
        s3::Error::Refused { code, .. } if code == "AccessControlListNotSupported" => {
            StatusCode::BAD_REQUEST
        }
        error => {
            tracing::error!(%error, "EC2 could not read from S3");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}
