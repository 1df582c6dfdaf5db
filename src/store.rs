//! The statuses and open markers in the bucket. A status is only ever written conditionally.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::aws::{Aws, AwsError, ObjectInfo, Saved, Which};
use crate::config::Config;
use crate::image::Status;
use crate::image::status::{ManifestVersion, SCHEMA, Unreadable, parse};

/// Statuses that are read at once for a list.
const READS_AT_ONCE: usize = 16;

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

/// A marker that says: this manifest's image is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMarker {
    /// The manifest's key.
    pub manifest_key: String,
    /// The `ETag` it had when it was listed.
    pub etag: String,
    /// When it was written.
    pub opened_at: Timestamp,
}

/// Marks a manifest's image as not finalized, before its status is written; returns the marker's `ETag`, or that another
/// invocation has marked it. Only one invocation starts a version: the marker is written where there is none, or in place
/// of the one with the `ETag` that is `known`.
///
/// The marker holds the version it is for and the time: who finalizes one version cannot remove the marker of the next,
/// nor that of the same manifest with another bundle.
///
/// # Errors
/// If S3 fails.
pub async fn mark_open(
    aws: &Aws,
    config: &Config,
    version: &ManifestVersion,
    known: Option<&str>,
    now: Timestamp,
) -> Result<Saved, AwsError> {
    let content = format!("{} {} {now}\n", version.sha256, version.uploaded_at).into_bytes();
    let key = config.state.open_key(&version.key);
    let created = aws
        .put_if(&config.bucket, &key, content.clone(), None)
        .await?;
    match (created, known) {
        (Saved::Conflict, Some(known)) => {
            aws.put_if(&config.bucket, &key, content, Some(known)).await
        }
        (saved, _) => Ok(saved),
    }
}

/// Removes the open marker of a settled image, and says whether it is gone: another version may have been opened since.
///
/// # Errors
/// If S3 fails.
pub async fn mark_finalized(
    aws: &Aws,
    config: &Config,
    marker: &OpenMarker,
) -> Result<bool, AwsError> {
    aws.delete_if(
        &config.bucket,
        &config.state.open_key(&marker.manifest_key),
        &marker.etag,
    )
    .await
}

/// The manifests whose images are not settled, the oldest marker first.
///
/// # Errors
/// If S3 fails.
pub async fn list_open(aws: &Aws, config: &Config) -> Result<Vec<OpenMarker>, AwsError> {
    let mut objects = aws
        .list_objects(&config.bucket, &config.state.open_markers())
        .await?;
    objects.sort_by(|one, other| (one.modified_at, &one.key).cmp(&(other.modified_at, &other.key)));
    let marker = |object: ObjectInfo| {
        let manifest_key = config.state.manifest_of_marker(&object.key)?.to_owned();
        Some(OpenMarker {
            manifest_key,
            etag: object.etag,
            opened_at: object.modified_at,
        })
    };
    Ok(objects.into_iter().filter_map(marker).collect())
}

/// Remembers where a tick was cut short: the next one begins with this marker, so that nobody has to wait for ever.
///
/// # Errors
/// If S3 fails.
pub async fn cut_short(aws: &Aws, config: &Config, next: &OpenMarker) -> Result<(), AwsError> {
    let content = format!("{}\n{}\n", next.opened_at, next.manifest_key);
    aws.put_object(&config.bucket, &config.state.resume_key(), &content)
        .await
}

/// Turns the markers, oldest first, so that they begin where an earlier tick was cut short.
///
/// # Errors
/// If S3 fails.
pub async fn resume(aws: &Aws, config: &Config, open: &mut [OpenMarker]) -> Result<(), AwsError> {
    let key = config.state.resume_key();
    let object = aws
        .get_object(&config.bucket, &key, Which::Current, STATUS_MAX)
        .await?;
    let content = object.and_then(|object| object.content).unwrap_or_default();
    let content = String::from_utf8_lossy(&content);
    let place = content
        .split_once('\n')
        .and_then(|(at, key)| Some((at.parse::<Timestamp>().ok()?, key.trim_end_matches('\n'))));
    if let Some(place) = place {
        let before = |marker: &OpenMarker| (marker.opened_at, &*marker.manifest_key) < place;
        let at = open.partition_point(before);
        open.rotate_left(at.min(open.len()));
    }
    Ok(())
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
        .list_objects(&config.bucket, &config.state.statuses())
        .await?;
    Ok(objects
        .iter()
        .filter_map(|object| config.state.manifest_of_status(&object.key))
        .map(str::to_owned)
        .collect())
}

/// All statuses, in the order of their keys.
///
/// # Errors
/// If S3 does not list them. What is wrong with a single one is part of the list.
pub async fn list_statuses(aws: &Aws, config: &Config) -> Result<Vec<Listed>, AwsError> {
    let objects = aws
        .list_objects(&config.bucket, &config.state.statuses())
        .await?;
    let keys = objects.iter().filter_map(|object| {
        Some((
            config.state.manifest_of_status(&object.key)?,
            object.modified_at,
        ))
    });
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
