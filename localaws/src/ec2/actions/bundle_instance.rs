//! BundleInstance.

use std::sync::Arc;

use http::StatusCode;

use crate::ec2::model::bundle_task::BundleTask;
use crate::ec2::model::image::RootDeviceType;
use crate::ec2::model::instance::{InstanceState, SeedInstance};
use crate::ec2::model::objects::ObjectRef;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::timeline::TaskKind;
use crate::ec2::model::timers::Timer;
use crate::ec2::tasks::bundle::write_bundle_task;
use crate::ec2::tasks::upload_policy::{self, Upload, auth_failure};
use crate::ec2::wire::checks::check_id;
use crate::ec2::wire::error::{Failure, invalid_value, missing, refuse, unavailable};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::xml::Xml;
use crate::ids::Ids;

/// Where the bundle is to be stored, and with whose leave.
struct Storage {
    access_key_id: String,
    bucket: String,
    prefix: String,
    /// In base64, as it was signed.
    upload_policy: String,
    signature: String,
}

pub(crate) async fn answer(service: &Arc<Service>, mut call: Call) -> Result<String, Failure> {
    service.check_era()?;
    let instance_id = call.fields.required("InstanceId")?;
    let storage = call.fields.group("Storage");
    let storage = read(storage.ok_or_else(|| missing("Storage"))?)?;
    service.permit(&call.action, call.fields)?;
    let now = service.clock.now();
    service.check_instance(&call.region, &instance_id)?;
    let secret = service
        .settings()
        .bundle_keys
        .get(&storage.access_key_id)
        .cloned();
    let secret = secret.ok_or_else(|| {
        auth_failure("The AWS Access Key Id you provided does not exist in our records.")
    })?;
    let upload = Upload {
        bucket: &storage.bucket,
        prefix: &storage.prefix,
    };
    let (policy, signature) = (&storage.upload_policy, &storage.signature);
    let expires_at = upload_policy::verify(policy, signature, &secret, &upload, now)?;
    let place = ObjectRef {
        region: &call.region,
        bucket: &storage.bucket,
        key: "",
    };
    let found = service.objects.bucket(place).await;
    found.map_err(|status| no_bucket(status, &storage.bucket))?;
    // Another task may have begun while this one read from S3.
    let instance = service.check_instance(&call.region, &instance_id)?;
    let task = BundleTask {
        id: String::new(),
        instance_id,
        architecture: instance.architecture,
        bucket: storage.bucket,
        prefix: storage.prefix,
        timeline: service.timeline(TaskKind::BundleInstance),
        expires_at,
        visible_at: service.later(service.settings().visibility_delay),
        failure: None,
        cancelled_at: None,
        written: 0,
        end: None,
        hidden: false,
        state_override: None,
    };
    let task = service.bundle(&call.region, task);
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.element("bundleInstanceTask", |xml| {
            write_bundle_task(xml, &task, now);
        });
    }))
}

fn read(mut storage: Fields) -> Result<Storage, Failure> {
    let name = storage.name_of("S3");
    let mut s3 = storage.group("S3").ok_or_else(|| missing(&name))?;
    storage.finish()?;
    let mut text = |name: &str| {
        let full = s3.name_of(name);
        let value = s3.text(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| missing(&full))
    };
    let read = Storage {
        access_key_id: text("AWSAccessKeyId")?,
        bucket: text("Bucket")?,
        prefix: text("Prefix")?,
        upload_policy: text("UploadPolicy")?,
        signature: text("UploadPolicySignature")?,
    };
    s3.finish()?;
    if read.prefix.ends_with('/') {
        return Err(invalid_value(format!(
            "Invalid value '{}' for prefix.",
            read.prefix
        )));
    }
    Ok(read)
}

/// EC2 makes buckets that are not there, and stores in those of other Regions; this service does neither.
fn no_bucket(status: StatusCode, bucket: &str) -> Failure {
    match status {
        status if status.is_server_error() => unavailable(),
        StatusCode::MOVED_PERMANENTLY => Failure::NotBuilt(format!(
            "BundleInstance into the bucket {bucket} of another Region"
        )),
        _ => Failure::NotBuilt(format!(
            "BundleInstance into the bucket {bucket}, which EC2 would have to make"
        )),
    }
}

impl Service {
    /// The instance, if it can be bundled now.
    fn check_instance(&self, region: &str, id: &str) -> Result<SeedInstance, Failure> {
        check_id(id, "i", "InvalidInstanceID.Malformed")?;
        let mut store = self.store();
        let region = store.region(region);
        let instance = region.instances.get(id).filter(|it| it.owner_id.is_none());
        let instance = instance.ok_or_else(|| {
            let message = format!("The instance ID '{id}' does not exist");
            refuse("InvalidInstanceID.NotFound", message)
        })?;
        let windows = instance.platform.as_deref() == Some("windows");
        if !windows || instance.root_device_type != RootDeviceType::InstanceStore {
            let message = format!(
                "The instance '{id}' is not an instance store-backed Windows instance: it cannot be bundled"
            );
            return Err(refuse("InvalidInstanceType", message));
        }
        if instance.state != InstanceState::Running {
            let message = format!(
                "The instance '{id}' is not in a state from which it can be bundled: it is {}",
                instance.state
            );
            return Err(refuse("IncorrectInstanceState", message));
        }
        let last = region.bundled_last.get(id);
        let last = last.and_then(|task| region.bundle_tasks.get(task));
        if last.is_some_and(BundleTask::is_open) {
            let message = "The specified instance already has a bundling task in progress.";
            return Err(refuse("BundlingInProgress", message));
        }
        Ok(instance.clone())
    }

    fn bundle(self: &Arc<Self>, region: &str, mut task: BundleTask) -> BundleTask {
        let mut store = self.store();
        task.failure = store.next_failure(TaskKind::BundleInstance);
        let region = store.region(region);
        task.id = new_id(region, &self.ids);
        let (instance_id, id) = (task.instance_id.clone(), task.id.clone());
        region.bundled_last.insert(instance_id, id.clone());
        region.bundle_tasks.insert(id, task.clone());
        let due_times = task.due_times();
        for at in &due_times {
            region.timers.set(*at, Timer::Bundle(task.id.clone()));
        }
        drop(store);
        for at in due_times {
            self.wake_at(at);
        }
        task
    }
}

/// `bun-` and 8 letters or digits. The first is a letter beyond hex digits: so they were, and clients must not rely on hex.
fn new_id(region: &Region, ids: &Ids) -> String {
    const DIGITS: &[u8; 36] = b"ghijklmnopqrstuvwxyzabcdef0123456789";
    loop {
        let first = char::from(DIGITS[ids.below(20)]);
        let rest = (0..7).map(|_| char::from(DIGITS[ids.below(36)]));
        let id = format!("bun-{first}{}", rest.collect::<String>());
        if !region.bundle_tasks.contains_key(&id) {
            return id;
        }
    }
}
