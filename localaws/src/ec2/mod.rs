//! EC2, as far as images go: the Query protocol, EC2's validation, its XML answers, and images that take their time.
//!
//! Four layers; each imports only from those after it, and from itself without a circle (`tests/it/structure.rs`):
//! - [`actions`]: one file per action; it reads the request, checks it, changes or lists the state, and answers;
//! - [`tasks`]: what happens over time: images, imports, stored images and bundles move on, and write into S3;
//! - [`model`]: what EC2 keeps per Region, and the rules of images, disks, volumes and mappings;
//! - [`wire`]: the fields of a request, XML, errors, filters, tags, pages and request limits.
//!
//! [`controls`] and [`seeds`] are for whoever sets this EC2 up.

mod actions;
mod controls;
mod facts;
mod model;
mod seeds;
mod tasks;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

pub use self::model::account::{ImageBlock, SnapshotBlock};
pub(crate) use self::model::facts::{Encrypted, Facts};
pub use self::model::image::{
    Billing, BlockDeviceMapping, Ebs, Image, ImageState, ProductCode, RootDeviceType, SeedImage,
    StateReason,
};
pub use self::model::instance::{InstanceState, SeedInstance};
pub use self::model::objects::{ObjectRef, Objects};
pub use self::model::permission::Permission;
pub use self::model::protection::DeregistrationProtection;
pub use self::model::references::SeedLaunchTemplate;
use self::model::region::{Record, Store};
use self::model::service::Service;
pub use self::model::settings::Era;
pub use self::model::snapshot::{SeedSnapshot, Snapshot, SnapshotState};
pub use self::model::timeline::TaskKind;
pub use self::wire::error::Ec2Error;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::wire::{Request, Response, response, with_request_id};

/// EC2 of all Regions. Cheap to clone; clones share the state.
#[derive(Clone)]
pub struct Ec2 {
    service: Arc<Service>,
}

impl Ec2 {
    /// EC2 with nothing in it. Images it registers are pending for 5 s and visible at once; no request limits.
    #[must_use]
    pub fn new(clock: Clock, ids: Ids, bus: Bus, objects: Arc<dyn Objects>) -> Self {
        Self {
            service: Arc::new(Service::new(clock, ids, bus, objects)),
        }
    }

    /// The bus that its events are put on.
    pub(crate) fn bus(&self) -> &Bus {
        &self.service.bus
    }

    /// Answers a request of the EC2 Query protocol to this Region, as POST form or GET query.
    pub async fn handle(&self, region: &str, request: Request) -> Response {
        let request_id = self.service.ids.uuid();
        let response = match actions::answer(&self.service, region, &request, &request_id).await {
            Ok(xml) => response(StatusCode::OK, "text/xml;charset=UTF-8", xml),
            Err(failure) => failure.into_response(&request_id),
        };
        with_request_id(response, "x-amzn-requestid", &request_id)
    }

    /// All images of a Region, in the order of their registration, also those that EC2 does not show yet.
    #[must_use]
    pub fn images(&self, region: &str) -> Vec<Image> {
        self.service.advance();
        let mut store = self.service.store();
        let mut records: Vec<&Record> = store.region(region).images.values().collect();
        records.sort_by_key(|record| record.order);
        records
            .into_iter()
            .map(|record| record.image.clone())
            .collect()
    }

    /// The images of a Region that were deregistered, as they were then, oldest first; of very many the last 1000.
    #[must_use]
    pub fn deregistered_images(&self, region: &str) -> Vec<Image> {
        let mut store = self.service.store();
        store.region(region).removed.iter().cloned().collect()
    }

    /// All snapshots of a Region, also those of other accounts.
    #[must_use]
    pub fn snapshots(&self, region: &str) -> Vec<Snapshot> {
        self.service
            .store()
            .region(region)
            .snapshots
            .values()
            .cloned()
            .collect()
    }

    /// An instance of any Region.
    #[must_use]
    pub fn instance(&self, id: &str) -> Option<SeedInstance> {
        let store = self.service.store();
        let mut regions = store.regions.values();
        regions.find_map(|region| region.instances.get(id).cloned())
    }

    /// The whole state, but not the settings.
    #[must_use]
    pub fn save(&self) -> Value {
        self.service.advance();
        // The state is maps with text keys, texts and numbers: JSON can always say it.
        serde_json::to_value(&*self.service.store()).unwrap_or_default()
    }

    /// Replaces the state by one that [`Ec2::save`] gave. Pending images continue from where they were.
    ///
    /// # Errors
    /// If `saved` is not such a state.
    pub fn load(&self, saved: Value) -> Result<(), serde_json::Error> {
        let mut store: Store = serde_json::from_value(saved)?;
        store.reindex();
        *self.service.store() = store;
        self.service.schedule_wakeups();
        Ok(())
    }
}
