//! What EC2 writes into S3 as time goes on: stored images, and the parts and manifests of bundles.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;

use super::bundle_objects::{self, OBJECTS};
use super::store::Region;
use super::{Inner, Place, bundle_task};

/// One object to be written now.
struct Writing {
    region: String,
    bucket: String,
    key: String,
    body: Bytes,
    acl: &'static str,
    /// Whose it is: a stored image's id, or a bundle task's.
    owner: String,
}

impl Inner {
    /// Moves all on whose time has come, with what that writes into S3.
    pub(super) async fn progress(self: &Arc<Self>) {
        if !self.settle() {
            return;
        }
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
            region
                .next_stored(name, &store.writing, now)
                .or_else(|| region.next_bundled(name, &store.writing, now))
        })?;
        store.writing.insert(writing.owner.clone());
        Some(writing)
    }

    fn written(&self, writing: &Writing, written: Result<(), StatusCode>) {
        let now = self.clock.now();
        let mut store = self.store();
        store.writing.remove(&writing.owner);
        let region = store.region(&writing.region);
        if let Some(task) = region.bundle_tasks.get_mut(&writing.owner) {
            match written {
                Ok(()) => task.written += 1,
                Err(status) => {
                    let message = format!("{status} for the object {}", writing.key);
                    let error = bundle_task::error("Client.S3Error", &message);
                    task.finish(now, Some(error));
                }
            }
            if task.is_open() && task.written == OBJECTS {
                task.finish(task.course.ends_at, None);
            }
            return;
        }
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

impl Region {
    fn next_stored(
        &self,
        name: &str,
        writing: &BTreeSet<String>,
        now: Timestamp,
    ) -> Option<Writing> {
        let mut tasks = self.store_tasks.iter();
        let task = tasks.find(|task| {
            !task.ended && task.course.ends_at <= now && !writing.contains(&task.image_id)
        })?;
        Some(Writing {
            region: name.to_owned(),
            bucket: task.bucket.clone(),
            key: task.key.clone(),
            body: Bytes::from(task.object.clone()),
            acl: "private",
            owner: task.image_id.clone(),
        })
    }

    fn next_bundled(
        &self,
        name: &str,
        writing: &BTreeSet<String>,
        now: Timestamp,
    ) -> Option<Writing> {
        let mut tasks = self.bundle_tasks.values();
        let task = tasks
            .find(|task| task.written < task.due(OBJECTS, now) && !writing.contains(&task.id))?;
        let (key, body) = bundle_objects::object(task, task.written);
        Some(Writing {
            region: name.to_owned(),
            bucket: task.bucket.clone(),
            key,
            body,
            acl: "aws-exec-read",
            owner: task.id.clone(),
        })
    }
}
