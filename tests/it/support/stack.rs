//! The world on the stack of a test, with amiwright's functions in it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use amiwright::aws::{Aws, InstanceMetadata};
use amiwright::cli::retry::retry;
use amiwright::config::Config;
use amiwright::keys;
use amiwright::reconcile::Context;
use aws_config::SdkConfig;
use localaws::ec2::{Era, SeedInstance, SeedSnapshot};
use localaws::lambda::FunctionRunner;
use localaws::world::{Builder, World};
use serde_json::{Value, json};

use super::functions::{Machines, Variables, config, config_for, handler, whole_seconds};
use super::order::Recorded;
use super::scratch;
use super::uploads::Upload;

pub(crate) const REGION: &str = "us-east-1";
/// The name of the parameter with the key that signs upload policies.
pub(crate) const BUNDLE_KEY: &str = "/amiwright/bundle-key";
/// A long-lived key, as AWS's documentation has it.
pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// The stack's own bucket, which tests store AMIs in.
pub(crate) const STORE_BUCKET: &str = "arn:aws:s3:::local-bucket";
pub(crate) const EMAIL: &str = "ops@example.com";

/// A world, its bucket, and a snapshot to make images from.
pub(crate) struct TestStack {
    pub(crate) world: World,
    /// The manifest bucket.
    pub(crate) bucket: String,
    pub(crate) state_bucket: String,
    pub(crate) snapshot: String,
    refusals_expected: AtomicBool,
    /// What was asked for, and when.
    pub(super) uploads: Mutex<Vec<Upload>>,
    updated: Variables,
    pub(crate) machines: Arc<Machines>,
}

/// The template grants all that its functions need, what was to go wrong did, and things are changed in the right order.
impl Drop for TestStack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if !self.refusals_expected.load(Ordering::Relaxed) {
            assert_eq!(self.world.iam().denials(), [], "calls were refused");
        }
        let pending = self.world.faults().pending();
        assert_eq!(pending, 0, "faults whose calls did not come");
        let uploads = self.uploads.lock().unwrap();
        let wrong = Recorded::of(&self.world, &uploads).violations();
        assert_eq!(wrong, [""; 0], "in the wrong order");
        assert_eq!(self.undescribed(), [""; 0], "not as the schemas say");
        let invalid = self.invalid_metrics();
        assert_eq!(invalid, [""; 0], "not in the embedded metric format");
    }
}

impl TestStack {
    /// Lets functions be refused what their policies do not grant: it is what the test is about.
    pub(crate) fn expect_refusals(&self) {
        self.refusals_expected.store(true, Ordering::Relaxed);
    }

    /// A world whose schedules run.
    pub(crate) async fn new() -> Self {
        Self::built(|builder| builder).await
    }

    /// A world in which also those ticks run that find nothing.
    pub(crate) async fn with_every_tick() -> Self {
        let stack = Self::new().await;
        stack.machines.run_every_tick();
        stack
    }

    /// A world in which a request to cancel or to retry wakes nobody: only ticks see it.
    pub(crate) async fn without_events_of_requests() -> Self {
        let template = include_str!("../../../template.yaml");
        let deaf = template.replace("- prefix: open-requests/", "- prefix: nothing/");
        assert_ne!(deaf, template);
        Self::built(|builder| builder.template(&deaf)).await
    }

    /// The template with buckets that keep no versions, as an existing bucket may be.
    pub(crate) fn template_without_versions() -> String {
        let template = include_str!("../../../template.yaml");
        let setting = "      VersioningConfiguration:\n        Status: Enabled\n";
        let without = template.replace(setting, "");
        assert_ne!(without, template);
        without
    }

    /// A world that is built a little differently.
    pub(crate) async fn built(change: impl FnOnce(Builder) -> Builder) -> Self {
        let (updated, machines) = (Variables::default(), Arc::<Machines>::default());
        let functions = handler(updated.clone(), machines.clone());
        let builder = World::builder()
            .template(include_str!("../../../template.yaml"))
            .parameter("NotificationEmail", EMAIL)
            .parameter("BundleKeyParameter", BUNDLE_KEY)
            .parameter("StoreBuckets", STORE_BUCKET)
            .region(REGION)
            .epoch("2026-11-21T10:00:00Z".parse().unwrap())
            .temporary_in(&scratch::directory())
            .functions(FunctionRunner::InProcess(functions));
        let world = change(builder).start().await.unwrap();
        let [bucket, state_bucket] =
            ["BucketName", "StateBucketName"].map(|name| world.stack().outputs[name].clone());
        machines.look_for_idle_ticks(&world, &state_bucket);
        let snapshot = world.ec2().seed_snapshot(
            REGION,
            SeedSnapshot {
                volume_size: 8,
                ..SeedSnapshot::default()
            },
        );
        Self {
            world,
            bucket,
            state_bucket,
            snapshot,
            refusals_expected: AtomicBool::new(false),
            uploads: Mutex::default(),
            updated,
            machines,
        }
    }

    /// As if the stack was updated: from now on its functions have this variable.
    pub(crate) fn update(&self, variable: &str, value: &str) {
        let mut updated = self.updated.lock().unwrap();
        updated.insert(variable.to_owned(), value.to_owned());
    }

    /// Updates the stack: these parameters have other values from now on.
    pub(crate) fn update_stack(&self, parameters: &BTreeMap<String, String>) {
        self.world.update(parameters).unwrap();
    }

    /// An image manifest that makes `name` from the seeded snapshot.
    pub(crate) fn manifest(&self, name: &str) -> String {
        format!(
            "name: {name}\nsource:\n  snapshot: {{id: {}}}\n",
            self.snapshot
        )
    }

    /// Drops a file into the bucket, as a client's PUT.
    pub(crate) async fn drop_file(&self, key: &str, content: impl AsRef<[u8]>) {
        self.note_object(&self.bucket, key, Some(content.as_ref()));
        self.world
            .s3()
            .put(&self.bucket, key, content.as_ref().to_vec())
            .await
            .unwrap();
    }

    /// Puts a file into the bucket without any event, as if it were lost.
    pub(crate) fn drop_silently(&self, key: &str, content: impl AsRef<[u8]>) {
        self.write_silently(&self.bucket, key, content);
    }

    /// Puts an object into the state bucket without any event.
    pub(crate) fn write_state(&self, key: &str, content: impl AsRef<[u8]>) {
        self.write_silently(&self.state_bucket, key, content);
    }

    fn write_silently(&self, bucket: &str, key: &str, content: impl AsRef<[u8]>) {
        self.note_object(bucket, key, Some(content.as_ref()));
        let path = self.world.directory().join("s3").join(bucket).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let now = SystemTime::from(self.world.clock().now());
        let before = std::fs::metadata(&path).and_then(|it| it.modified()).ok();
        std::fs::write(&path, content).unwrap();
        let file = std::fs::File::options().write(true).open(path).unwrap();
        // Files are told apart by size and date: one that replaces another in the same moment is a little younger.
        let younger = before.filter(|it| *it >= now);
        let at = younger.map_or(now, |it| it + Duration::from_nanos(1));
        file.set_modified(at).unwrap();
    }

    /// Drops a file and waits until nothing is open any more.
    pub(crate) async fn drop_and_rest(&self, key: &str, content: impl AsRef<[u8]>) {
        self.drop_file(key, content).await;
        self.rest().await;
    }

    /// Lets time pass until everything is settled; fails if that takes longer than any limit of the code.
    pub(crate) async fn rest(&self) {
        for _ in 0..240 {
            self.minute().await;
            if self.open().await.is_empty() {
                return;
            }
        }
        let open = self.open().await;
        let mut statuses = Vec::new();
        for marker in &open {
            let key = keys::manifest_of_open(marker).unwrap();
            statuses.push(self.status(key).await);
        }
        panic!("still open after four hours: {open:?}\n{statuses:#?}");
    }

    /// Lets a minute pass, so that every schedule ticks once.
    pub(crate) async fn minute(&self) {
        self.world.settle().await;
        self.world.run_for(Duration::from_secs(60)).await;
        self.world.settle().await;
    }

    /// An operator asks for a new attempt; then until everything is settled.
    pub(crate) async fn retry(&self, manifest_key: &str) {
        let (aws, config) = (self.aws(), self.config());
        let now = whole_seconds(self.world.clock().now());
        let asked = retry(Context::new(&aws, &config, now), manifest_key).await;
        asked.map_err(|error| error.report()).unwrap();
        self.rest().await;
    }

    /// Lets an audit come by, long enough after the last change, and all that it begins.
    pub(crate) async fn audit(&self) {
        self.world.run_for(Duration::from_secs(20 * 60)).await;
        let tick = json!({"task": "audit"});
        self.world.invoke_later("AdvanceTasks", tick);
        self.rest().await;
    }

    /// A world of old, in which instances are bundled: with one, and the key to bundle it with.
    pub(crate) async fn classic() -> (Self, String) {
        Self::classic_built(|builder| builder).await
    }

    /// The same, built a little differently.
    pub(crate) async fn classic_built(change: impl FnOnce(Builder) -> Builder) -> (Self, String) {
        let stack = Self::built(change).await;
        let ec2 = stack.world.ec2();
        ec2.set_era(Era::Classic);
        ec2.set_bundle_key(KEY_ID, SECRET);
        stack.keep_bundle_key(KEY_ID);
        let id = ec2.seed_instance(REGION, SeedInstance::default());
        (stack, id)
    }

    /// Keeps a key where the template's functions look for it.
    pub(crate) fn keep_bundle_key(&self, access_key_id: &str) {
        let key = json!({"accessKeyId": access_key_id, "secretAccessKey": SECRET});
        self.world
            .ssm()
            .seed_parameter(REGION, BUNDLE_KEY, "SecureString", &key.to_string());
    }

    /// The way to this world for a person's code.
    pub(crate) fn aws(&self) -> Aws {
        Aws::with_config(self.sdk())
    }

    /// The same, for calls that amiwright does not make.
    pub(crate) fn sdk(&self) -> SdkConfig {
        let world = &self.world;
        // Any key but a function's or a user's is the administrator's.
        config_for(
            "AKIDLOCAL",
            world.http_client(),
            world.time_source(),
            world.sleep(),
        )
    }

    /// What a program on this instance finds out about the instance; on none, what it finds out elsewhere.
    pub(crate) fn metadata(&self, instance: Option<&str>) -> InstanceMetadata {
        let world = &self.world;
        let connection = match instance {
            Some(instance) => world.http_client_on(instance),
            None => world.http_client(),
        };
        let (time, sleep) = (world.time_source(), world.sleep());
        InstanceMetadata::with_config(&config_for("AKIDLOCAL", connection, time, sleep))
    }

    /// The way to this world for the code of a user that was built into it.
    pub(crate) fn aws_of(&self, user: &str) -> Aws {
        Aws::with_config(self.sdk_of(user))
    }

    /// The same, for calls that amiwright does not make.
    pub(crate) fn sdk_of(&self, user: &str) -> SdkConfig {
        let world = &self.world;
        let key = world.iam().credentials(user).unwrap();
        let (connection, time) = (world.http_client(), world.time_source());
        config_for(&key.access_key_id, connection, time, world.sleep())
    }

    /// The configuration that the template gives its functions now.
    pub(crate) fn config(&self) -> Config {
        let function = &self.world.stack().functions[0].logical_id;
        config(&self.world.environment(function).unwrap())
    }

    /// The event that EventBridge sends for an upload.
    pub(crate) fn object_created(&self, key: &str) -> Value {
        Self::created(&self.bucket, key)
    }

    /// The event that EventBridge sends for a write to the state bucket.
    pub(crate) fn state_created(&self, key: &str) -> Value {
        Self::created(&self.state_bucket, key)
    }

    fn created(bucket: &str, key: &str) -> Value {
        json!({
            "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
            "source": "aws.s3", "account": "000000000000", "time": "2026-11-21T10:00:00Z", "region": REGION,
            "resources": [format!("arn:aws:s3:::{bucket}")],
            "detail": {
                "version": "0", "bucket": {"name": bucket},
                "object": {"key": key, "size": 5, "etag": "b57f9512698f4b09e608f4f2a65852e5", "sequencer": "00617F08299329D189"},
                "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "source-ip-address": "1.2.3.4", "reason": "PutObject"
            }
        })
    }

    /// Removes an object, as a client's DELETE.
    pub(crate) async fn remove(&self, key: &str) {
        self.delete(&self.bucket, key).await;
    }

    /// Deletes the newest version of an object for good, or its delete marker. What was there before is there again, under its
    /// old date: this, if it was anything.
    pub(crate) async fn set_back(&self, key: &str, before: Option<&[u8]>) {
        self.note_object(&self.bucket, key, before);
        let url = format!("http://127.0.0.1/{}/{key}", self.bucket);
        let ask = http::Request::head(&url).body(Vec::new().into()).unwrap();
        let newest = self.world.s3().handle(ask).await;
        let version = newest.headers()["x-amz-version-id"].to_str().unwrap();
        let delete = http::Request::delete(format!("{url}?versionId={version}"));
        let delete = delete.body(Vec::new().into()).unwrap();
        let response = self.world.s3().handle(delete).await;
        assert!(response.status().is_success(), "{response:?}");
    }

    /// Removes an object from the state bucket.
    pub(crate) async fn remove_state(&self, key: &str) {
        self.delete(&self.state_bucket, key).await;
    }

    async fn delete(&self, bucket: &str, key: &str) {
        self.note_object(bucket, key, None);
        let request = http::Request::delete(format!("http://127.0.0.1/{bucket}/{key}"))
            .body(Vec::new().into())
            .unwrap();
        let response = self.world.s3().handle(request).await;
        assert!(response.status().is_success(), "{response:?}");
    }

    /// An object in the bucket that an AMI was stored as; its key.
    pub(crate) async fn stored_image(&self) -> String {
        let manifest = self.manifest("stored") + &format!("store: {{bucket: {}}}\n", self.bucket);
        self.drop_and_rest("stored.image.yaml", manifest).await;
        let image = self.only_image();
        self.forget_emails();
        format!("{}.bin", image.id)
    }

    /// Empties the mailbox.
    fn forget_emails(&self) {
        for (path, _) in self.world.mailbox().unwrap() {
            std::fs::remove_file(path).unwrap();
        }
    }
}
