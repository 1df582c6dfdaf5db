//! The requests of operators in the state bucket: `open-requests/KEY.json`. Operators write them, the functions delete them
//! once they are answered.

use crate::aws::{Aws, AwsError, Which};
use crate::config::Config;
use crate::image::request::{Malformed, Request, parse};
use crate::image::status::RequestVersion;
use crate::keys;
use crate::limits;

/// A request as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// Which write of it this is: only what was answered is deleted.
    pub version: RequestVersion,
    /// The request, or why it is not one.
    pub request: Result<Request, Malformed>,
}

/// Writes a request about a manifest's image, in place of one that was not answered yet.
///
/// # Errors
/// If S3 does not answer, or refuses.
pub async fn put_request(
    aws: &Aws,
    config: &Config,
    manifest_key: &str,
    request: &Request,
) -> Result<(), AwsError> {
    let key = keys::request_key(manifest_key);
    let content = serde_json::json!(request).to_string();
    aws.put_object(&config.state_bucket, &key, content).await?;
    Ok(())
}

/// Reads a request by its own key; none if it is answered already.
///
/// # Errors
/// If S3 does not answer, or refuses.
pub async fn load_request(
    aws: &Aws,
    config: &Config,
    key: &str,
) -> Result<Option<StoredRequest>, AwsError> {
    let bucket = &config.state_bucket;
    let object = aws.get_object(bucket, key, Which::Current, limits::REQUEST_BYTES);
    Ok(object.await?.map(|object| StoredRequest {
        version: RequestVersion {
            etag: object.info.etag,
            written_at: object.info.modified_at,
        },
        request: object
            .content
            .ok_or(Malformed::TooLarge)
            .and_then(|content| parse(&content)),
    }))
}

/// Deletes a request by its own key, if it still has this `ETag`: a newer one stays.
///
/// # Errors
/// If S3 does not answer, or refuses.
pub async fn delete_request(
    aws: &Aws,
    config: &Config,
    key: &str,
    etag: &str,
) -> Result<(), AwsError> {
    aws.delete_if(&config.state_bucket, key, etag).await?;
    Ok(())
}
