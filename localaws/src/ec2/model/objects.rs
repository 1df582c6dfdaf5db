//! What EC2 does with S3.

use futures_util::future::BoxFuture;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;

use crate::s3::Ends;

/// An object in S3, and the Region that EC2 reads it from.
#[derive(Debug, Clone, Copy)]
pub struct ObjectRef<'a> {
    /// The Region that EC2 looks from.
    pub region: &'a str,
    /// Its bucket.
    pub bucket: &'a str,
    /// Its key.
    pub key: &'a str,
}

/// S3, as EC2 uses it. All answer 404 if there is no such bucket or object, and 301 if the bucket is in another Region.
pub trait Objects: Send + Sync {
    /// The object's bytes as EC2 itself may read them, as it does bundle manifests: 403 without the `aws-exec-read`
    /// ACL.
    fn read<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Bytes, StatusCode>>;

    /// The object's bytes as a principal of the account may read them: a service role, or the caller.
    fn fetch<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Bytes, StatusCode>>;

    /// How the object begins and ends, as a principal of the account may read it.
    fn ends<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<Ends, StatusCode>>;

    /// Puts an object with this canned ACL and these tags.
    fn put<'a>(
        &'a self,
        place: ObjectRef<'a>,
        body: Bytes,
        acl: &'a str,
        tags: BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), StatusCode>>;

    /// Whether the bucket is there, and in the Region; the key does not matter.
    fn bucket<'a>(&'a self, place: ObjectRef<'a>) -> BoxFuture<'a, Result<(), StatusCode>>;
}
