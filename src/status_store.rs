//! The statuses in the state bucket, and the markers that say which of them need work. A status is only ever written
//! conditionally.

mod audit_mark;
mod document;
mod markers;
mod requests;
mod size;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::aws::{Aws, AwsError, Object, ObjectInfo, Saved, Which};
use crate::config::Config;
use crate::image::Status;
use crate::image::apply;
use crate::keys;
use crate::limits::{self, STATUS_BYTES};

pub use audit_mark::{AuditMark, delete_audit_mark, load_audit_mark, save_audit_mark};
pub use document::StoreError;
use document::{read_status, written_status};
pub use markers::{
    DueMarker, Open, OpenMarker, delete_due, delete_due_and_open, list_open, list_requests_or_open,
    load_draft, load_resume_point, mark_finalized, mark_open, mark_open_with_draft,
    save_resume_point,
};
pub use requests::{StoredRequest, delete_request, load_request, put_request};

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

/// Reads the status of a manifest; none if there is none.
///
/// # Errors
/// If S3 fails, or the object is not a status that this version can read.
pub async fn load(
    aws: &Aws,
    config: &Config,
    manifest_key: &str,
) -> Result<Option<Loaded>, StoreError> {
    let object = load_object(aws, config, manifest_key).await?;
    let loaded = object.map(|object| object.read(config, manifest_key));
    loaded.transpose()
}

/// The object of a status, as it was read. Kept, it can be read again without S3 for as long as it has this `ETag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusObject {
    /// Its `ETag`.
    pub etag: String,
    /// Its content.
    pub content: Vec<u8>,
}

impl StatusObject {
    /// The object that was written for a status that is in the bucket as it is here; none if its `ETag` is not known.
    #[must_use]
    pub fn written(config: &Config, loaded: &Loaded) -> Option<Self> {
        let Loaded { status, etag } = loaded;
        let key = keys::status_key(&status.manifest.key);
        let content = written_status(&config.state_bucket, &key, status).ok()?;
        (!etag.is_empty()).then(|| Self {
            etag: etag.clone(),
            content,
        })
    }

    /// The status of this manifest that it holds.
    ///
    /// # Errors
    /// If the object is not a status that this version can read.
    pub fn read(&self, config: &Config, manifest_key: &str) -> Result<Loaded, StoreError> {
        let key = keys::status_key(manifest_key);
        let about = (config.bucket.as_str(), manifest_key);
        let mut status = read_status(&config.state_bucket, &key, about, &self.content)?;
        apply::complete_conditions(&mut status);
        let etag = self.etag.clone();
        Ok(Loaded { status, etag })
    }
}

/// Reads the object of a manifest's status; none if there is none.
///
/// # Errors
/// If S3 fails, or the object is larger than a status.
pub async fn load_object(
    aws: &Aws,
    config: &Config,
    manifest_key: &str,
) -> Result<Option<StatusObject>, StoreError> {
    let (bucket, key) = (&config.state_bucket, keys::status_key(manifest_key));
    let object = aws
        .get_object(bucket, &key, Which::Current, limits::STATUS_BYTES as u64)
        .await?;
    match object.map(fetched) {
        None => Ok(None),
        Some(Fetched::Object(object)) => Ok(Some(object)),
        Some(Fetched::Larger(size)) => Err(StoreError::Unreadable {
            bucket: bucket.clone(),
            key,
            reason: format!("it has {size} bytes, and at most {STATUS_BYTES} are read"),
        }),
    }
}

/// The object of a status, or how large it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It has at most as many bytes as were to be read.
    Object(StatusObject),
    /// It has so many.
    Larger(u64),
}

/// Reads the object of a manifest's status if it has at most [`limits::USUAL_STATUS_BYTES`]; none if there is none.
///
/// # Errors
/// If S3 fails.
pub async fn load_usual_object(
    aws: &Aws,
    config: &Config,
    manifest_key: &str,
) -> Result<Option<Fetched>, AwsError> {
    let (bucket, key) = (&config.state_bucket, keys::status_key(manifest_key));
    let object = aws
        .get_object(
            bucket,
            &key,
            Which::Current,
            limits::USUAL_STATUS_BYTES as u64,
        )
        .await?;
    Ok(object.map(fetched))
}

fn fetched(object: Object) -> Fetched {
    let Object { info, content } = object;
    content.map_or(Fetched::Larger(info.size), |content| {
        Fetched::Object(StatusObject {
            etag: info.etag,
            content,
        })
    })
}

/// Writes a status: in place of the one with this `ETag`, or, with none, where there is none yet. Where it has a new
/// notice, `notify` is invoked. One that would be too large goes without its older history, and so on.
///
/// # Errors
/// If S3 fails for another reason than that another writer was faster, or the status is still too large.
pub async fn save(
    aws: &Aws,
    config: &Config,
    status: &Status,
    etag: Option<&str>,
) -> Result<Saved, StoreError> {
    let key = keys::status_key(&status.manifest.key);
    let content = written_status(&config.state_bucket, &key, status)?;
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

/// The keys of the manifests that have a status, from `first` on in the order of S3, which is that of the statuses' keys, as
/// many as a sweep holds. Returns whether these are all.
///
/// # Errors
/// If S3 fails.
pub async fn list_status_keys_from(
    aws: &Aws,
    config: &Config,
    first: &str,
) -> Result<(Vec<String>, bool), AwsError> {
    let (mut keys, mut is_complete) = (Vec::new(), true);
    // Without its ending a status's key comes just before itself.
    let after = (!first.is_empty()).then(|| format!("{}{first}", keys::STATUSES));
    let bucket = &config.state_bucket;
    let pages = aws.each_page_after(bucket, keys::STATUSES, after, |page| {
        let of_page = page.iter();
        let of_page = of_page.filter_map(|object| keys::manifest_of_status(&object.key));
        keys.extend(of_page.map(str::to_owned));
        is_complete = keys.len() < limits::SWEPT_OBJECTS;
        is_complete
    });
    pages.await?;
    Ok((keys, is_complete))
}

/// The objects of statuses from that of this manifest on, as many as S3 lists with one call: their `ETag`s say which have
/// changed. None if there is none.
///
/// # Errors
/// If S3 fails.
pub async fn list_page_from(
    aws: &Aws,
    config: &Config,
    manifest_key: &str,
) -> Result<Vec<ObjectInfo>, AwsError> {
    // Without its last letter a key comes just before itself.
    let mut after = keys::status_key(manifest_key);
    after.pop();
    let mut objects = Vec::new();
    let bucket = &config.state_bucket;
    let page = aws.each_page_after(bucket, keys::STATUSES, Some(after), |page| {
        objects = page;
        false
    });
    page.await?;
    Ok(objects)
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

/// The statuses that were written last, at most so many. Those that cannot be read are left out.
///
/// # Errors
/// If S3 does not list them.
pub async fn list_latest(aws: &Aws, config: &Config, most: usize) -> Result<Vec<Loaded>, AwsError> {
    let bucket = &config.state_bucket;
    let listed = aws.list_objects(bucket, keys::STATUSES, limits::LISTED_STATUSES);
    let mut objects = listed.await?;
    objects.sort_by_key(|object| std::cmp::Reverse(object.modified_at));
    let keys = objects.iter().take(most);
    let keys = keys.filter_map(|object| keys::manifest_of_status(&object.key));
    let read = stream::iter(keys)
        .map(|key| async move { load(aws, config, key).await.ok().flatten() })
        .buffered(READS_AT_ONCE);
    Ok(read.filter_map(std::future::ready).collect().await)
}
