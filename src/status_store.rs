//! The statuses in the state bucket, and the markers that say which of them need work. A status is only ever written
//! conditionally.

mod markers;
mod size;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::aws::{Aws, AwsError, Saved, Which};
use crate::config::Config;
use crate::image::Status;
use crate::image::status::{SCHEMA, Unreadable, parse};
use crate::keys;
use crate::limits::{self, STATUS_BYTES};

pub use markers::{
    DueMarker, OpenMarker, delete_due, list_open, load_resume_point, mark_finalized, mark_open,
    save_resume_point,
};
use size::Unwritable;

/// Statuses that are read at once for a list.
const READS_AT_ONCE: usize = 16;

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
        "s3://{bucket}/{key} is not a status ({reason}): restore an earlier version of the object, or delete it to start again"
    )]
    Unreadable {
        /// Bucket.
        bucket: String,
        /// Key of the status.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The status is too large to be read again, so it is not written.
    #[error(
        "s3://{bucket}/{key} would have {size} bytes, and at most {STATUS_BYTES} are kept: it stays as it is"
    )]
    TooLarge {
        /// Bucket.
        bucket: String,
        /// Key of the status.
        key: String,
        /// Bytes it would have.
        size: usize,
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
    let sized = load_sized(aws, config, manifest_key).await?;
    Ok(sized.map(|(loaded, _)| loaded))
}

/// Reads the status of a manifest, and says how many bytes it has.
///
/// # Errors
/// As [`load`].
pub async fn load_sized(
    aws: &Aws,
    config: &Config,
    manifest_key: &str,
) -> Result<Option<(Loaded, usize)>, StoreError> {
    let key = keys::status_key(manifest_key);
    let Some(object) = aws
        .get_object(
            &config.state_bucket,
            &key,
            Which::Current,
            limits::STATUS_BYTES as u64,
        )
        .await?
    else {
        return Ok(None);
    };
    let bucket = config.state_bucket.clone();
    let Some(content) = object.content else {
        let size = object.info.size;
        let reason = format!("it has {size} bytes, and at most {STATUS_BYTES} are read");
        return Err(StoreError::Unreadable {
            bucket,
            key,
            reason,
        });
    };
    match parse(&content) {
        Ok(status) => {
            let etag = object.info.etag;
            Ok(Some((Loaded { status, etag }, content.len())))
        }
        Err(Unreadable::Newer(schema)) => Err(StoreError::Newer {
            bucket,
            key,
            schema,
        }),
        Err(Unreadable::Invalid(reason)) => Err(StoreError::Unreadable {
            bucket,
            key,
            reason,
        }),
    }
}

/// Writes a status: in place of the one with this `ETag`, or, with none, where there is none yet. Where it has a new
/// notice, `notify` is woken. One that would be too large goes without its older history, and so on.
///
/// # Errors
/// If S3 fails for another reason than that somebody else was faster, or the status is still too large.
pub async fn save(
    aws: &Aws,
    config: &Config,
    status: &Status,
    etag: Option<&str>,
) -> Result<Saved, StoreError> {
    let key = keys::status_key(&status.manifest.key);
    let content = size::to_json(status).map_err(|unwritable| {
        let (bucket, key) = (config.state_bucket.clone(), key.clone());
        match unwritable {
            Unwritable::TooLarge(size) => StoreError::TooLarge { bucket, key, size },
            Unwritable::NotJson(error) => StoreError::Unreadable {
                bucket,
                key,
                reason: error.to_string(),
            },
        }
    })?;
    let saved = aws
        .put_if(&config.state_bucket, &key, content, etag)
        .await?;
    if let Saved::Yes(etag) = &saved
        && has_new_notice(status)
    {
        markers::mark_due(aws, config, &status.manifest.key, etag).await;
    }
    Ok(saved)
}

/// Whether no sender can know yet of the last notice.
fn has_new_notice(status: &Status) -> bool {
    let last = status.notices.last();
    last.is_some_and(|notice| notice.attempts == 0 && notice.sent_at.is_none())
}

/// One status of a list, or why it cannot be read: a broken one must not hide the others.
#[derive(Debug)]
pub struct Listed {
    /// Key of the manifest it is about.
    pub manifest_key: String,
    /// When it was last written.
    pub modified_at: Timestamp,
    /// The status.
    pub status: Result<Loaded, StoreError>,
}

/// The keys of all manifests that have a status.
///
/// # Errors
/// If S3 fails.
pub async fn list_status_keys(aws: &Aws, config: &Config) -> Result<Vec<String>, AwsError> {
    let objects = aws
        .list_objects(
            &config.state_bucket,
            keys::STATUSES,
            limits::LISTED_STATUSES,
        )
        .await?;
    Ok(objects
        .iter()
        .filter_map(|object| keys::manifest_of_status(&object.key))
        .map(str::to_owned)
        .collect())
}

/// All statuses, in the order of their keys.
///
/// # Errors
/// If S3 does not list them. What is wrong with a single one is part of the list.
pub async fn list_statuses(aws: &Aws, config: &Config) -> Result<Vec<Listed>, AwsError> {
    let objects = aws
        .list_objects(
            &config.state_bucket,
            keys::STATUSES,
            limits::LISTED_STATUSES,
        )
        .await?;
    let keys = objects
        .iter()
        .filter_map(|object| Some((keys::manifest_of_status(&object.key)?, object.modified_at)));
    let listed = stream::iter(keys)
        .map(|(key, modified_at)| async move {
            // One that is gone again since it was listed is no longer one of them.
            let status = load(aws, config, key).await.transpose()?;
            Some(Listed {
                manifest_key: key.to_owned(),
                modified_at,
                status,
            })
        })
        .buffered(READS_AT_ONCE);
    Ok(listed.filter_map(std::future::ready).collect().await)
}
