//! S3: deleting objects.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::connect::Aws;
use super::error::{AwsError, Remedy, classify};
use super::objects::{is_absent, is_conflict};
use crate::manifest::location::s3_uri;

/// The call that deletes several objects.
const DELETE_EACH: &str = "DeleteObjects";

impl Aws {
    /// Deletes an object if it still has this `ETag`. Returns whether it is deleted now, by this call or before
    /// ("How to perform conditional deletes", S3 User Guide).
    ///
    /// # Errors
    /// If S3 does not answer, or refuses for another reason than the condition.
    pub async fn delete_if(&self, bucket: &str, key: &str, etag: &str) -> Result<bool, AwsError> {
        let request = self
            .s3()
            .delete_object()
            .bucket(bucket)
            .key(key)
            .if_match(etag);
        let doing = format!("deleting {}", s3_uri(bucket, key));
        match classify("DeleteObject", doing, Box::pin(request.send()).await) {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(true),
            Err(error) if is_conflict(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes objects of a bucket with one call, each if it still has its `ETag`: keys and `ETag`s. Returns of each, in
    /// their order, whether it is deleted now, by this call or before ("How to perform conditional deletes", S3 User Guide).
    ///
    /// # Errors
    /// If S3 does not answer, or refuses one of them for another reason than the condition.
    pub async fn delete_each_if(
        &self,
        bucket: &str,
        objects: &[(&str, &str)],
    ) -> Result<Vec<bool>, AwsError> {
        let mut are_gone = vec![true; objects.len()];
        if !objects.iter().all(|(key, _)| is_xml(key)) {
            for (is_gone, (key, etag)) in are_gone.iter_mut().zip(objects) {
                *is_gone = self.delete_if(bucket, key, etag).await?;
            }
            return Ok(are_gone);
        }
        let addresses: Vec<String> = objects.iter().map(|(key, _)| s3_uri(bucket, key)).collect();
        let doing = format!("deleting {}", addresses.join(" and "));
        let named = objects.iter().map(|(key, etag)| {
            let object = ObjectIdentifier::builder().key(*key).e_tag(*etag);
            object.build()
        });
        let named: Result<Vec<_>, _> = named.collect();
        // Quiet: only what is not deleted is listed.
        let delete = named.and_then(|named| {
            Delete::builder()
                .set_objects(Some(named))
                .quiet(true)
                .build()
        });
        let delete = delete.map_err(|error| {
            AwsError::unexplained(DELETE_EACH, &doing, Remedy::Never, error.to_string())
        })?;
        let request = self.s3().delete_objects().bucket(bucket).delete(delete);
        let answer = classify(DELETE_EACH, doing, Box::pin(request.send()).await)?;
        for failed in answer.errors() {
            let key = failed.key().unwrap_or_default();
            let doing = format!("deleting {}", s3_uri(bucket, key));
            let error = AwsError::of_one(DELETE_EACH, doing, failed.code(), failed.message());
            if is_conflict(&error) {
                for (is_gone, (named, _)) in are_gone.iter_mut().zip(objects) {
                    *is_gone &= *named != key;
                }
            } else if !is_absent(&error) {
                return Err(error);
            }
        }
        Ok(are_gone)
    }

    /// Deletes an object unconditionally; succeeds if it does not exist. In a versioned bucket, its versions are kept.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<(), AwsError> {
        let request = self.s3().delete_object().bucket(bucket).key(key);
        let doing = format!("deleting {}", s3_uri(bucket, key));
        classify("DeleteObject", doing, Box::pin(request.send()).await)?;
        Ok(())
    }
}

/// Whether a document can have this text ("Characters", XML 1.0; S3 API Reference, ObjectIdentifier).
fn is_xml(key: &str) -> bool {
    !key.contains(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}
