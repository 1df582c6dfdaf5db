//! EC2's eyes on S3: it reads objects as the service it is, not as the caller.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;

use crate::ec2::Objects;
use crate::s3::{self, S3};

/// Canned ACLs that let EC2 read an object ("Canned ACL", S3 User Guide).
const READABLE: [&str; 3] = ["aws-exec-read", "public-read", "public-read-write"];

/// The buckets of this world.
pub(super) struct InS3(pub(super) S3);

impl Objects for InS3 {
    fn read<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Bytes, StatusCode>> {
        Box::pin(async move {
            let found = self
                .0
                .get(bucket, key)
                .await
                .map_err(|error| status(&error))?;
            let object = found.ok_or(StatusCode::NOT_FOUND)?;
            let acl = self
                .0
                .acl(bucket, key)
                .await
                .map_err(|error| status(&error))?;
            match acl {
                Some(acl) if READABLE.contains(&acl.as_str()) => Ok(object),
                _ => Err(StatusCode::FORBIDDEN),
            }
        })
    }
}

/// All buckets are in the stack's Region here, so none is ever elsewhere (301).
fn status(error: &s3::Error) -> StatusCode {
    match error {
        s3::Error::Refused { code, .. } if code == "NoSuchBucket" => StatusCode::NOT_FOUND,
        error => {
            tracing::error!(%error, "EC2 could not look into S3");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}
