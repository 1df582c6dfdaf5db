//! What is due happens in time without a request.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ec2::model::bundle_task::BundleTask;
use crate::ec2::model::image::ImageState;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::Service;

impl Service {
    /// Does at `at` what is due then, so that events are published in time.
    pub(crate) fn wake_at(self: &Arc<Self>, at: Timestamp) {
        // Without a runtime nothing can be published in time; the next request does what is due.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (service, clock) = (Arc::downgrade(self), self.clock);
        runtime.spawn(async move {
            clock.sleep_until(at).await;
            if let Some(service) = service.upgrade() {
                service.progress().await;
            }
        });
    }

    /// Schedules the wakeups of all that is under way, after the state was loaded.
    pub(crate) fn schedule_wakeups(self: &Arc<Self>) {
        let due: Vec<Timestamp> = self
            .store()
            .regions
            .values()
            .flat_map(Region::due)
            .collect();
        for at in due {
            self.wake_at(at);
        }
    }
}

impl Region {
    /// When something happens without a request.
    fn due(&self) -> Vec<Timestamp> {
        let pending = self
            .images
            .values()
            .filter(|record| record.image.state == ImageState::Pending)
            .map(|record| record.settles_at);
        let imports = self
            .import_tasks
            .values()
            .filter(|task| !task.complete && task.end.is_none())
            .map(|task| task.timeline.ends_at);
        let stored = self
            .store_tasks
            .iter()
            .filter(|task| !task.ended)
            .map(|task| task.timeline.ends_at);
        let bundles = self.bundle_tasks.values().flat_map(BundleTask::wakeups);
        pending
            .chain(imports)
            .chain(stored)
            .chain(bundles)
            .collect()
    }
}
