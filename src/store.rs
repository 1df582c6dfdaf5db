//! The statuses and open markers in the bucket. A status is only ever written conditionally.

use jiff::Timestamp;

use crate::aws::{Aws, AwsError, ObjectInfo, Saved, Which};
use crate::config::Config;
use crate::image::Status;
use crate::image::status::{ManifestVersion, SCHEMA};

/// Largest status that is read. One with every list at its limit stays far below.
const STATUS_MAX: u64 = 4 * 1024 * 1024;

/// A status as it was read, with what is needed to write it back.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The status.
    pub status: Status,
    /// The `ETag` it had: it is written back only if it still has it.
    pub etag: String,
}

/// A status that cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// S3 failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The object is not a status.
    #[error(
        "s3://{bucket}/{key} is no status ({reason}): restore an earlier version of the object, or remove it to start anew"
    )]
    Unreadable {
        /// Bucket.
        bucket: String,
        /// Key of the status.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The status is a newer amiwright's.
    #[error(
        "s3://{bucket}/{key} has schema {schema}, this amiwright reads up to {SCHEMA}: deploy the newer version"
    )]
    Newer {
        /// Bucket.
        bucket: String,
        /// Key of the status.
        key: String,
        /// Its schema.
        schema: u64,
    },
}

/// Reads the status of a manifest; none if there is none.
///
/// # Errors
/// If S3 fails, or the object is not a status that this version can read.
pub async fn load(
    aws: &Aws,
    config: &Config,
    manifest_key: &str,
) -> Result<Option<Loaded>, StoreError> {
    let key = config.state.status_key(manifest_key);
    let Some(object) = aws
        .get_object(&config.bucket, &key, Which::Current, STATUS_MAX)
        .await?
    else {
        return Ok(None);
    };
    let bucket = config.bucket.clone();
    let Some(content) = object.content else {
        let reason = format!("{} bytes long", object.info.size);
        return Err(StoreError::Unreadable {
            bucket,
            key,
            reason,
        });
    };
    match parse(&content) {
        Ok(status) => Ok(Some(Loaded {
            status,
            etag: object.info.etag,
        })),
        Err(Unparsed::Newer(schema)) => Err(StoreError::Newer {
            bucket,
            key,
            schema,
        }),
        Err(Unparsed::Wrong(reason)) => Err(StoreError::Unreadable {
            bucket,
            key,
            reason,
        }),
    }
}

enum Unparsed {
    Newer(u64),
    Wrong(String),
}

fn parse(content: &[u8]) -> Result<Status, Unparsed> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        schema: u64,
    }
    let wrong = |error: serde_json::Error| Unparsed::Wrong(error.to_string());
    let Versioned { schema } = serde_json::from_slice(content).map_err(wrong)?;
    if schema > u64::from(SCHEMA) {
        return Err(Unparsed::Newer(schema));
    }
    serde_json::from_slice(content).map_err(wrong)
}

/// Writes a status: in place of the one with this `ETag`, or, with none, where there is none yet.
///
/// # Errors
/// If S3 fails for another reason than that somebody else was faster.
pub async fn save(
    aws: &Aws,
    config: &Config,
    status: &Status,
    etag: Option<&str>,
) -> Result<Saved, StoreError> {
    let key = config.state.status_key(&status.manifest.key);
    let content = serde_json::to_vec_pretty(status).map_err(|error| StoreError::Unreadable {
        bucket: config.bucket.clone(),
        key: key.clone(),
        reason: error.to_string(),
    })?;
    Ok(aws.put_if(&config.bucket, &key, content, etag).await?)
}

/// An open marker, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The manifest whose image is not settled.
    pub manifest_key: String,
    /// The `ETag` it had: it is removed only if it still has it.
    pub etag: String,
}

/// Marks a manifest's image as not settled. Done before its status is written.
///
/// Every marking has a content, and so an `ETag`, of its own: whoever settles an earlier version leaves it alone.
///
/// # Errors
/// If S3 fails.
pub async fn mark_open(
    aws: &Aws,
    config: &Config,
    manifest: &ManifestVersion,
    now: Timestamp,
) -> Result<(), AwsError> {
    let version = manifest.version_id.as_ref().unwrap_or(&manifest.etag);
    let content = format!("{} {version} {now}\n", manifest.uri());
    let key = config.state.open_key(&manifest.key);
    aws.put_marker(&config.bucket, &key, content).await
}

/// Removes the open marker of a settled image, unless somebody marked it anew since it was listed.
///
/// # Errors
/// If S3 fails.
pub async fn mark_settled(aws: &Aws, config: &Config, marker: &Marker) -> Result<(), AwsError> {
    let key = config.state.open_key(&marker.manifest_key);
    aws.delete_if(&config.bucket, &key, &marker.etag).await
}

/// The manifests whose images are not settled, the oldest marker first.
///
/// # Errors
/// If S3 fails.
pub async fn list_open(aws: &Aws, config: &Config) -> Result<Vec<Marker>, AwsError> {
    let mut markers: Vec<ObjectInfo> = aws
        .list_objects(&config.bucket, &config.state.open_markers())
        .await?;
    markers.sort_by(|one, other| (one.modified_at, &one.key).cmp(&(other.modified_at, &other.key)));
    let marker = |object: ObjectInfo| {
        let manifest_key = config.state.manifest_of_marker(&object.key)?.to_owned();
        let etag = object.etag;
        Some(Marker { manifest_key, etag })
    };
    Ok(markers.into_iter().filter_map(marker).collect())
}
