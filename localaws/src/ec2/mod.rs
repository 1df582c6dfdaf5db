//! EC2, as far as images go: the Query protocol, EC2's validation, its XML answers, and images that take their time.
//!
//! One file per action. Shared: [`query`] reads the fields, [`registration`], [`mapping`], [`volume`], [`device`],
//! [`tags`] and [`bundle`] check them as EC2 does, [`store`] keeps the state, [`agenda`] knows when
//! to look at what, [`life`] moves it on and [`progress`] writes into S3 what comes of it, [`filter`] and [`page`] serve the Describe calls, [`limits`] throttles, [`settings`]
//! say how the world behaves, [`xml`] and [`error`] answer.
//!
//! Tasks: [`task`] has what they share; [`import`], [`disk`] and [`import_start`] are of the imports, [`stored`] of
//! images in S3, [`bundle_task`], [`upload_policy`] and [`bundle_objects`] of bundles.

mod agenda;
mod bundle;
mod bundle_instance;
mod bundle_objects;
mod bundle_task;
mod cancel_bundle_task;
mod cancel_import_task;
mod copy_image;
mod copy_snapshot;
mod create_restore_image_task;
mod create_store_image_task;
mod create_tags;
mod delete_snapshot;
mod deregister_image;
mod describe_bundle_tasks;
mod describe_image_attribute;
mod describe_images;
mod describe_import_image_tasks;
mod describe_import_snapshot_tasks;
mod describe_regions;
mod describe_snapshots;
mod describe_store_image_tasks;
mod describe_tags;
mod device;
mod disable_image;
mod disk;
mod enable_image;
mod error;
mod filter;
mod import;
mod import_image;
mod import_snapshot;
mod import_start;
mod instance;
mod life;
mod limits;
mod mapping;
mod model;
mod page;
mod progress;
mod query;
mod register_image;
mod registration;
mod seed_image;
mod settings;
mod store;
mod stored;
mod tags;
mod task;
#[cfg(test)]
mod tests;
mod upload_policy;
mod volume;
mod xml;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::Value;

pub use self::error::Ec2Error;
use self::error::{Failure, missing, refuse, refuse_with};
pub use self::instance::{InstanceState, SeedInstance};
use self::limits::Limits;
pub use self::model::{
    BlockDeviceMapping, Ebs, Image, ImageState, ProductCode, RootDeviceType, SeedSnapshot,
    Snapshot, SnapshotState, StateReason,
};
use self::query::Fields;
pub use self::seed_image::SeedImage;
pub use self::settings::Era;
use self::settings::Settings;
use self::store::{Record, Store};
pub use self::task::TaskKind;
use crate::ACCOUNT;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::wire::{self, Request, Response};

/// The only version of the API that is built; the SDKs have sent it since 2016.
const API_VERSION: &str = "2016-11-15";

/// An object in S3, as EC2 in a Region looks for it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The Region that EC2 looks from.
    pub region: &'a str,
    /// Its bucket.
    pub bucket: &'a str,
    /// Its key.
    pub key: &'a str,
}

/// EC2's hands on S3. All answer 404 if there is no such bucket or object, and 301 if the bucket is in another Region.
pub trait Objects: Send + Sync {
    /// The object's bytes as EC2 itself may read them, as it does bundle manifests: 403 without the `aws-exec-read` ACL.
    fn read<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<Bytes, StatusCode>>;

    /// The object's bytes as somebody of the account may read them: a service role, or the caller.
    fn fetch<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<Bytes, StatusCode>>;

    /// Puts an object with this canned ACL and these tags.
    fn put<'a>(
        &'a self,
        place: Place<'a>,
        body: Bytes,
        acl: &'a str,
        tags: BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<(), StatusCode>>;

    /// Whether the bucket is there, and in the Region; the key does not matter.
    fn bucket<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<(), StatusCode>>;
}

/// EC2 of all Regions. Cheap to clone; clones share the state.
#[derive(Clone)]
pub struct Ec2 {
    inner: Arc<Inner>,
}

/// What the actions work on.
struct Inner {
    clock: Clock,
    ids: Ids,
    bus: Bus,
    objects: Arc<dyn Objects>,
    store: Mutex<Store>,
    settings: Mutex<Settings>,
    limits: Mutex<Limits>,
}

/// One request on its way through an action.
struct Call {
    region: String,
    action: String,
    request_id: String,
    fields: Fields,
}

impl Ec2 {
    /// EC2 with nothing in it. Images it registers are pending for 5 s and visible at once; no request limits.
    #[must_use]
    pub fn new(clock: Clock, ids: Ids, bus: Bus, objects: Arc<dyn Objects>) -> Self {
        let inner = Inner {
            clock,
            ids,
            bus,
            objects,
            store: Mutex::default(),
            settings: Mutex::default(),
            limits: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Answers a request of the EC2 Query protocol to this Region, as POST form or GET query.
    pub async fn handle(&self, region: &str, request: Request) -> Response {
        let request_id = self.inner.ids.uuid();
        let response = match self.inner.answer(region, &request, &request_id).await {
            Ok(xml) => wire::response(StatusCode::OK, "text/xml;charset=UTF-8", xml),
            Err(failure) => failure.into_response(&request_id),
        };
        wire::with_request_id(response, "x-amzn-requestid", &request_id)
    }

    /// Puts a snapshot into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_snapshot(&self, region: &str, snapshot: SeedSnapshot) -> String {
        let mut store = self.inner.store();
        let region = store.region(region);
        let id = snapshot
            .id
            .unwrap_or_else(|| region.new_snapshot_id(&self.inner.ids));
        let snapshot = Snapshot {
            id: id.clone(),
            volume_size: snapshot.volume_size,
            state: snapshot.state,
            state_message: None,
            description: snapshot.description,
            owner_id: snapshot.owner_id.unwrap_or_else(|| ACCOUNT.to_owned()),
            encrypted: snapshot.encrypted,
            kms_key_id: None,
            product_codes: snapshot.product_codes,
            tags: snapshot.tags,
            started_at: self.inner.clock.now(),
        };
        region.snapshots.insert(id.clone(), snapshot);
        id
    }

    /// Puts an instance into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_instance(&self, region: &str, instance: SeedInstance) -> String {
        let mut store = self.inner.store();
        let id = instance.id.clone();
        let id = id.unwrap_or_else(|| self.inner.ids.resource("i"));
        let instance = SeedInstance {
            id: Some(id.clone()),
            ..instance
        };
        let region = store.region(region);
        region.instances.insert(id.clone(), instance);
        id
    }

    /// All images of a Region, in the order of their registration, also those that EC2 does not show yet.
    #[must_use]
    pub fn images(&self, region: &str) -> Vec<Image> {
        self.inner.settle();
        let mut store = self.inner.store();
        let mut records: Vec<&Record> = store.region(region).images.values().collect();
        records.sort_by_key(|record| record.order);
        records
            .into_iter()
            .map(|record| record.image.clone())
            .collect()
    }

    /// All snapshots of a Region, also those of other accounts.
    #[must_use]
    pub fn snapshots(&self, region: &str) -> Vec<Snapshot> {
        self.inner
            .store()
            .region(region)
            .snapshots
            .values()
            .cloned()
            .collect()
    }

    /// The whole state, but not the settings.
    #[must_use]
    pub fn save(&self) -> Value {
        self.inner.settle();
        // The state is maps with text keys, texts and numbers: JSON can always say it.
        serde_json::to_value(&*self.inner.store()).unwrap_or_default()
    }

    /// Replaces the state by one that [`Ec2::save`] gave. Pending images go on from where they were.
    ///
    /// # Errors
    /// If `saved` is not such a state.
    pub fn load(&self, saved: Value) -> Result<(), serde_json::Error> {
        let mut store: Store = serde_json::from_value(saved)?;
        store.reindex();
        *self.inner.store() = store;
        self.inner.rearm();
        Ok(())
    }
}

impl Inner {
    async fn answer(
        self: &Arc<Self>,
        region: &str,
        request: &Request,
        request_id: &str,
    ) -> Result<String, Failure> {
        let fields = wire::query_fields(request);
        let named = |name: &str| {
            fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.clone())
        };
        let action = named("Action")
            .ok_or_else(|| refuse("MissingAction", "The request must contain an Action"))?;
        match named("Version") {
            None => return Err(missing("Version")),
            Some(version) if version != API_VERSION => {
                return Err(Failure::NotBuilt(format!(
                    "{action} of the API version {version}"
                )));
            }
            Some(_) => {}
        }
        self.limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(region, &action, self.clock.now())?;
        self.progress().await;
        let fields = Fields::new(fields)?;
        let call = Call {
            region: region.to_owned(),
            action,
            request_id: request_id.to_owned(),
            fields,
        };
        match call.action.as_str() {
            "BundleInstance" => bundle_instance::answer(self, call).await,
            "CancelBundleTask" => cancel_bundle_task::answer(self, call),
            "CancelImportTask" => cancel_import_task::answer(self, call),
            "CopyImage" => copy_image::answer(self, call),
            "CopySnapshot" => copy_snapshot::answer(self, call),
            "CreateRestoreImageTask" => create_restore_image_task::answer(self, call).await,
            "CreateStoreImageTask" => create_store_image_task::answer(self, call).await,
            "CreateTags" => create_tags::answer(self, call),
            "DeleteSnapshot" => delete_snapshot::answer(self, call),
            "DeregisterImage" => deregister_image::answer(self, call),
            "DescribeBundleTasks" => describe_bundle_tasks::answer(self, call),
            "DescribeImageAttribute" => describe_image_attribute::answer(self, call),
            "DescribeImages" => describe_images::answer(self, call),
            "DescribeImportImageTasks" => describe_import_image_tasks::answer(self, call),
            "DescribeImportSnapshotTasks" => describe_import_snapshot_tasks::answer(self, call),
            "DescribeRegions" => describe_regions::answer(self, call),
            "DescribeSnapshots" => describe_snapshots::answer(self, call),
            "DescribeStoreImageTasks" => describe_store_image_tasks::answer(self, call),
            "DescribeTags" => describe_tags::answer(self, call),
            "DisableImage" => disable_image::answer(self, call),
            "EnableImage" => enable_image::answer(self, call),
            "ImportImage" => import_image::answer(self, call).await,
            "ImportSnapshot" => import_snapshot::answer(self, call).await,
            "RegisterImage" => register_image::answer(self, call).await,
            _ => Err(Failure::NotBuilt(call.action)),
        }
    }

    /// The end of reading a request: refuses unknown parameters, actions that are denied, and dry runs.
    fn permit(&self, action: &str, mut fields: Fields) -> Result<(), Failure> {
        let dry_run = fields.flag("DryRun")?.unwrap_or(false);
        fields.finish()?;
        if self.settings().denied.contains(action) {
            let message = "You are not authorized to perform this operation.";
            return Err(refuse_with(
                StatusCode::FORBIDDEN,
                "UnauthorizedOperation",
                message,
            ));
        }
        if dry_run {
            let message = "Request would have succeeded, but DryRun flag is set.";
            return Err(refuse_with(
                StatusCode::PRECONDITION_FAILED,
                "DryRunOperation",
                message,
            ));
        }
        Ok(())
    }

    /// BundleInstance and CancelBundleTask are of the past. The words are those of the API Reference; which code the
    /// live service answers is not known, this one is a guess.
    fn check_era(&self) -> Result<(), Failure> {
        match self.settings().era {
            Era::Classic => Ok(()),
            Era::Today => Err(refuse(
                "UnsupportedOperation",
                "This action is no longer supported. To create an AMI, use CreateImage.",
            )),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
