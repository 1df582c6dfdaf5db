//! The statuses as a program that shows them again and again keeps them: only what has changed is read anew.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use crate::aws::{Aws, AwsError, ObjectInfo};
use crate::config::Config;
use crate::keys;
use crate::limits;
use crate::status_store::{Listed, StoreError, load};

/// Statuses that are read at once.
const READS_AT_ONCE: usize = 16;

/// Statuses that were read, by the keys of their manifests, each with the `ETag` that its object had in the list.
#[derive(Debug, Default)]
pub(super) struct KnownStatuses {
    statuses: BTreeMap<String, (String, Listed)>,
    left_out: usize,
}

impl KnownStatuses {
    /// Lists the statuses once more, and reads those that are new or have changed. Of more than
    /// [`limits::KNOWN_STATUSES`] those that were written last are kept.
    ///
    /// # Errors
    /// If S3 does not list them; then all is as it was before. What is wrong with a single one is part of the list.
    pub(super) async fn refresh(&mut self, aws: &Aws, config: &Config) -> Result<(), AwsError> {
        let bucket = &config.state_bucket;
        let listed = aws.list_objects(bucket, keys::STATUSES, limits::LISTED_STATUSES);
        let mut objects = listed.await?;
        objects.retain(|object| keys::manifest_of_status(&object.key).is_some());
        objects.sort_by_key(|object| std::cmp::Reverse(object.modified_at));
        self.left_out = objects.len().saturating_sub(limits::KNOWN_STATUSES);
        objects.truncate(limits::KNOWN_STATUSES);
        let mut before = std::mem::take(&mut self.statuses);
        let mut changed = Vec::new();
        for object in objects {
            let key = keys::manifest_of_status(&object.key).unwrap_or_default();
            match before.remove_entry(key) {
                Some((key, (etag, listed))) if etag == object.etag => {
                    self.statuses.insert(key, (etag, listed));
                }
                _ => changed.push((key.to_owned(), object)),
            }
        }
        let read = stream::iter(changed)
            .map(|(key, object)| read(aws, config, key, object))
            .buffered(READS_AT_ONCE);
        let read: Vec<_> = read.filter_map(std::future::ready).collect().await;
        self.statuses.extend(read);
        Ok(())
    }

    /// The statuses, in the order of their manifests' keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Listed> {
        self.statuses.values().map(|(_, listed)| listed)
    }

    /// How many older ones there are beyond what is kept.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }
}

/// One status; none if it is gone again since it was listed.
async fn read(
    aws: &Aws,
    config: &Config,
    key: String,
    object: ObjectInfo,
) -> Option<(String, (String, Listed))> {
    let status = load(aws, config, &key).await.transpose()?;
    // What could not be read for the moment is read again the next time.
    let etag = match &status {
        Err(StoreError::Aws(_)) => String::new(),
        _ => object.etag,
    };
    let listed = Listed {
        manifest_key: key.clone(),
        modified_at: object.modified_at,
        status,
    };
    Some((key, (etag, listed)))
}
