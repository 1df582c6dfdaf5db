//! EC2's eyes on S3: it reads objects as the service it is, not as the caller.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;

use crate::ec2::Objects;
use crate::s3::S3;

/// Canned ACLs that let EC2 read an object ("Canned ACL", S3 User Guide).
const READABLE: [&str; 3] = ["aws-exec-read", "public-read", "public-read-write"];

/// The buckets of this world.
pub(super) struct InS3(pub(super) Arc<S3>);

impl Objects for InS3 {
    fn read<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<Bytes, StatusCode>> {
        Box::pin(async move {
            let failed = |error: &dyn std::fmt::Display| {
                tracing::error!(%error, bucket, key, "EC2 could not look into S3");
                StatusCode::INTERNAL_SERVER_ERROR
            };
            let found = self.0.get(bucket, key).await.map_err(|error| failed(&error))?;
            let object = found.ok_or(StatusCode::NOT_FOUND)?;
            let acl = self.0.acl(bucket, key).await.map_err(|error| failed(&error))?;
            match acl {
                Some(acl) if READABLE.contains(&acl.as_str()) => Ok(object),
                _ => Err(StatusCode::FORBIDDEN),
            }
        })
    }
}
