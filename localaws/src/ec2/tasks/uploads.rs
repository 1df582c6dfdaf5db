//! What EC2 writes into S3 as time goes on: stored images, and the parts and manifests of bundles.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;

use crate::ec2::model::bundle_task::bundle_error;
use crate::ec2::model::objects::ObjectRef;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::Service;
use crate::ec2::model::timers::Timer;
use crate::ec2::tasks::bundle_objects::{self, OBJECTS};
use crate::ec2::wire::tags::Tags;

/// One object to be written now.
struct Writing {
    region: String,
    bucket: String,
    key: String,
    body: Bytes,
    acl: &'static str,
    tags: Tags,
    /// The task that it is of.
    owner: Timer,
}

impl Service {
    /// Does what is due, and writes into S3 what follows from it.
    pub(crate) async fn progress(self: &Arc<Self>) {
        self.advance();
        while let Some(writing) = self.next_writing() {
            let place = ObjectRef {
                region: &writing.region,
                bucket: &writing.bucket,
                key: &writing.key,
            };
            let (body, tags) = (writing.body.clone(), writing.tags.clone());
            let written = self.objects.put(place, body, writing.acl, tags).await;
            self.written(&writing, written);
        }
    }

    /// The next object to be written; the caller alone writes it.
    fn next_writing(&self) -> Option<Writing> {
        let now = self.clock.now();
        let mut store = self.store();
        let mut regions = store.regions.iter_mut();
        regions.find_map(|(name, region)| region.next_writing(name, now))
    }

    fn written(&self, writing: &Writing, written: Result<(), StatusCode>) {
        let now = self.clock.now();
        let visible_at = self.later(self.settings().visibility_delay);
        let mut store = self.store();
        let region = store.region(&writing.region);
        region.writing.remove(&writing.owner);
        match &writing.owner {
            Timer::Bundle(id) => region.bundle_written(id, &writing.key, written, now),
            Timer::StoreImage(order) => region.image_written(*order, &writing.key, written),
            _nothing_else_writes => {}
        }
        // There may be more to write, or an end to remember.
        region.timers.set(now, writing.owner.clone());
        let steps = region.advance(&writing.region, &self.ids, (now, visible_at));
        drop(store);
        steps.into_iter().for_each(|step| self.publish(step));
    }
}

impl Region {
    fn next_writing(&mut self, name: &str, now: Timestamp) -> Option<Writing> {
        while let Some(owner) = self.to_write.pop_first() {
            // The writer of this task checks for more to write when it is done.
            if self.writing.contains(&owner) {
                continue;
            }
            if let Some(writing) = self.writing_of(name, &owner, now) {
                self.writing.insert(owner);
                return Some(writing);
            }
        }
        None
    }

    /// What this task has to write now.
    fn writing_of(&self, name: &str, owner: &Timer, now: Timestamp) -> Option<Writing> {
        let (bucket, key, body, acl, tags) = match owner {
            Timer::Bundle(id) => {
                let task = self.bundle_tasks.get(id)?;
                if task.written >= task.due(OBJECTS, now) {
                    return None;
                }
                let (key, body) = bundle_objects::object(task, task.written);
                (&task.bucket, key, body, "aws-exec-read", Tags::new())
            }
            Timer::StoreImage(order) => {
                let task = self.store_tasks.get(*order).filter(|task| !task.ended)?;
                let body = Bytes::from(task.object.clone());
                let (key, tags) = (task.key.clone(), task.tags.clone());
                (&task.bucket, key, body, "private", tags)
            }
            _nothing_else_writes => return None,
        };
        Some(Writing {
            region: name.to_owned(),
            bucket: bucket.clone(),
            key,
            body,
            acl,
            tags,
            owner: owner.clone(),
        })
    }

    fn bundle_written(
        &mut self,
        id: &str,
        key: &str,
        written: Result<(), StatusCode>,
        now: Timestamp,
    ) {
        let Some(task) = self.bundle_tasks.get_mut(id) else {
            return;
        };
        match written {
            Ok(()) => task.written += 1,
            Err(status) => {
                let message = format!("{status} for the object {key}");
                let error = bundle_error("Client.S3Error", &message);
                task.finish(now, Some(error));
            }
        }
        if task.is_open() && task.written == OBJECTS {
            task.finish(task.timeline.ends_at, None);
        }
    }

    fn image_written(&mut self, order: usize, key: &str, written: Result<(), StatusCode>) {
        let task = self.store_tasks.get_mut(order);
        if let Some(task) = task.filter(|task| !task.ended) {
            task.ended = true;
            let refused = |status| format!("S3 refused the object {key}: {status}");
            task.failure = written.err().map(refused);
        }
    }
}
