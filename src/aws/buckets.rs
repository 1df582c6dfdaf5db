//! S3: buckets.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use super::connect::Aws;
use super::error::{AwsError, Remedy, classify};
use super::objects::ObjectInfo;
use super::objects::{timestamp, unsigned};
use crate::manifest::location::s3_uri;

impl Aws {
    /// Lists all objects under a prefix.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses; or if there are more than `limit`.
    pub async fn list_objects(
        &self,
        bucket: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<ObjectInfo>, AwsError> {
        let mut objects = Vec::new();
        self.each_page(bucket, prefix, |page| {
            objects.extend(page);
            objects.len() <= limit
        })
        .await?;
        if objects.len() > limit {
            let doing = format!("listing {}", s3_uri(bucket, prefix));
            let message = format!("there are more than {limit} objects");
            let never = Remedy::Never;
            return Err(AwsError::unexplained(
                "ListObjectsV2",
                doing,
                never,
                message,
            ));
        }
        Ok(objects)
    }

    /// Lists the objects under a prefix page by page, until `take` returns false. A page has at most 1,000; `take` must
    /// not keep any number of them.
    ///
    /// Keys are requested URL-encoded: anyone may upload an object whose key XML cannot represent, and one such key would
    /// make the whole list unreadable (API reference, ListObjectsV2, `encoding-type`).
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn each_page(
        &self,
        bucket: &str,
        prefix: &str,
        take: impl FnMut(Vec<ObjectInfo>) -> bool,
    ) -> Result<(), AwsError> {
        self.each_page_after(bucket, prefix, None, take).await
    }

    /// The same of the objects whose keys come after this one in S3's order.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn each_page_after(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<String>,
        mut take: impl FnMut(Vec<ObjectInfo>) -> bool,
    ) -> Result<(), AwsError> {
        let mut pages = self
            .s3()
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .set_start_after(after)
            .encoding_type(EncodingType::Url)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                AwsError::new(
                    "ListObjectsV2",
                    format!("listing {}", s3_uri(bucket, prefix)),
                    &error,
                )
            })?;
            if !take(listed(page)) {
                break;
            }
        }
        Ok(())
    }

    /// Looks an object up in the bucket's list, for those who may list a bucket and not read what is in it; none if there
    /// is no such object.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn listed_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<ObjectInfo>, AwsError> {
        // S3 lists in the order of keys: of all that begin with this one, it comes first.
        let request = self.s3().list_objects_v2().bucket(bucket).prefix(key);
        let request = request.max_keys(1).encoding_type(EncodingType::Url);
        let doing = format!("looking for {}", s3_uri(bucket, key));
        let page = classify("ListObjectsV2", doing, Box::pin(request.send()).await)?;
        Ok(listed(page).into_iter().find(|object| object.key == key))
    }

    /// Describes an object: by itself or, for those who may not read it, as the bucket's list shows it, without its
    /// version; none if there is no such object.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses both.
    pub async fn head_or_listed_object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<ObjectInfo>, AwsError> {
        match self.head_object(bucket, key).await {
            Err(error) if error.is_denied() => self.listed_object(bucket, key).await,
            found => found,
        }
    }

    /// The Region of a bucket; none if S3 does not report it.
    ///
    /// # Errors
    /// If the bucket does not exist, or access to it is denied.
    pub async fn bucket_region(&self, bucket: &str) -> Result<Option<String>, AwsError> {
        let request = self.s3().head_bucket().bucket(bucket);
        let doing = format!("checking the bucket {bucket}");
        let output = classify("HeadBucket", doing, Box::pin(request.send()).await)?;
        Ok(output.bucket_region)
    }
}

/// The objects on a page of a list.
fn listed(page: ListObjectsV2Output) -> Vec<ObjectInfo> {
    let encoded = page.encoding_type == Some(EncodingType::Url);
    let objects = page.contents.unwrap_or_default().into_iter();
    let objects = objects.map(|object| ObjectInfo {
        key: listed_key(object.key.unwrap_or_default(), encoded),
        etag: object.e_tag.unwrap_or_default(),
        version_id: None,
        size: unsigned(object.size),
        modified_at: timestamp(object.last_modified.as_ref()),
    });
    objects.collect()
}

/// A key of a list, decoded.
fn listed_key(key: String, encoded: bool) -> String {
    if !encoded {
        return key;
    }
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
