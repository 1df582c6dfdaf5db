//! What EC2 writes into S3 as time goes on: stored images, and the parts and manifests of bundles.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use super::{Inner, Place};

/// One object to be written now.
pub(super) struct Writing {
    pub(super) region: String,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) body: Bytes,
    pub(super) acl: &'static str,
    /// Whose it is: a stored image's id, or a bundle task's.
    pub(super) owner: String,
}

impl Inner {
    /// Moves all on whose time has come, with what that writes into S3.
    pub(super) async fn progress(self: &Arc<Self>) {
        self.settle();
        loop {
            let Some(writing) = self.next_writing() else {
                return;
            };
            let place = Place {
                region: &writing.region,
                bucket: &writing.bucket,
                key: &writing.key,
            };
            let written = self
                .objects
                .put(place, writing.body.clone(), writing.acl)
                .await;
            self.written(&writing, written);
        }
    }

    /// The next object to be written, which nobody else then writes.
    fn next_writing(&self) -> Option<Writing> {
        let now = self.clock.now();
        let mut guard = self.store();
        let store = &mut *guard;
        let writing = store.regions.iter().find_map(|(name, region)| {
            let stored = region.store_tasks.iter().find(|task| {
                !task.ended && task.course.ends_at <= now && !store.writing.contains(&task.image_id)
            });
            let stored = stored.map(|task| Writing {
                region: name.clone(),
                bucket: task.bucket.clone(),
                key: task.key.clone(),
                body: Bytes::from(task.object.clone()),
                acl: "private",
                owner: task.image_id.clone(),
            });
            stored
        })?;
        store.writing.insert(writing.owner.clone());
        Some(writing)
    }

    fn written(&self, writing: &Writing, written: Result<(), StatusCode>) {
        let mut store = self.store();
        store.writing.remove(&writing.owner);
        let region = store.region(&writing.region);
        let mut stored = region.store_tasks.iter_mut();
        let task = stored.find(|task| {
            !task.ended && task.image_id == writing.owner && task.bucket == writing.bucket
        });
        if let Some(task) = task {
            task.ended = true;
            let refused = |status| format!("S3 refused the object {}: {status}", writing.key);
            task.failure = written.err().map(refused);
        }
    }
}
