//! A world with many open images of all kinds, each opened by the function that opens them.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::aws::{Aws, Registered};
use amiwright::config::Config;
use amiwright::manifest::image::{BlockDeviceMapping, Ebs, Registration, VirtualizationType};
use amiwright::metrics::Meter;
use amiwright::{register_image, status_store};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{Timestamp, Unit};
use localaws::ec2::{Era, SeedInstance, SeedSnapshot, TaskKind};
use localaws::world::World;
use serde_json::{Value, json};

pub(crate) const REGION: &str = "us-east-1";
const ELSEWHERE: &str = "us-west-2";
const BUNDLE_KEY: &str = "/amiwright/bundle-key";
/// A long-lived key, as AWS's documentation has it.
const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// All stay open for as long as they are read.
const VERY_LONG: Duration = Duration::from_secs(1000 * 3600);

/// An AMI is available in this time, unless set otherwise.
const SOON: Duration = Duration::from_secs(60);

/// Images that are opened at once.
const AT_ONCE: usize = 16;

/// What an open image waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Store,
    Pending,
    Disk,
    Vm,
    Bundle,
    Copy,
    Restore,
}

const KINDS: [Kind; 7] = [
    Kind::Store,
    Kind::Pending,
    Kind::Disk,
    Kind::Vm,
    Kind::Bundle,
    Kind::Copy,
    Kind::Restore,
];

/// A world with open images.
pub(crate) struct Opened {
    pub(crate) world: World,
    pub(crate) config: Config,
    /// AMIs of the stack's Region that images are made of.
    pub(crate) seeded: usize,
    sources: Sources,
}

/// What images are made of.
struct Sources {
    snapshot: String,
    copied: String,
    stored: String,
}

impl Opened {
    /// A world with `count` open images, as many of each kind.
    pub(crate) async fn new(count: usize) -> Result<Self, Box<dyn Error>> {
        let world = World::builder()
            .template(include_str!("../../template.yaml"))
            .parameter("NotificationEmail", "ops@example.com")
            .parameter("BundleKeyParameter", BUNDLE_KEY)
            .parameter("StoreBuckets", "arn:aws:s3:::local-bucket")
            .parameter("CopyRegions", "eu-west-1,us-west-2")
            .region(REGION)
            .epoch("2026-11-21T10:00:00Z".parse()?)
            .era(Era::Classic)
            .schedules(false)
            .start()
            .await?;
        let functions = &world.stack().functions;
        let config = Config::read(|name| match name {
            "AWS_REGION" => Some(REGION.to_owned()),
            // One configuration does for the function that opens the images and for the one that follows them.
            name => functions
                .iter()
                .find_map(|it| it.environment.get(name))
                .cloned(),
        })?;
        world.ec2().set_bundle_key(KEY_ID, SECRET);
        let key = json!({"accessKeyId": KEY_ID, "secretAccessKey": SECRET}).to_string();
        world
            .ssm()
            .seed_parameter(REGION, BUNDLE_KEY, "SecureString", &key);
        let sources = Sources::new(&world, &config).await?;
        let seeded = world.ec2().images(REGION).len();
        let opened = Self {
            world,
            config,
            seeded,
            sources,
        };
        opened.open(count).await?;
        Ok(opened)
    }

    /// A function's clients for this world, with a rate limiter of their own.
    pub(crate) fn aws(&self) -> Aws {
        way(&self.world, REGION)
    }

    /// The world's time, as the functions take it.
    pub(crate) fn now(&self) -> Timestamp {
        now(&self.world)
    }

    /// How many images are open.
    pub(crate) async fn open_markers(&self) -> Result<usize, Box<dyn Error>> {
        let open = status_store::list_open(&self.aws(), &self.config).await?;
        Ok(open.len())
    }

    /// A manifest of the snapshot.
    pub(crate) fn snapshot_manifest(&self, number: usize) -> String {
        self.manifest(number, Kind::Pending)
    }

    /// Drops so many manifests of the snapshot, each to a process of its own, all at once. How many of the processes failed.
    pub(crate) async fn drop_at_once(&self, count: usize) -> Result<usize, Box<dyn Error>> {
        let manifests = (0..count).map(|number| (number, self.snapshot_manifest(number)));
        let answers = self.drop_all(manifests, count).await;
        Ok(answers.into_iter().filter(Result::is_err).count())
    }

    /// Drops so many manifests of the snapshot, with copies in two other Regions.
    pub(crate) async fn publish(&self, count: usize) -> Result<(), Box<dyn Error>> {
        let copied = |number| {
            let manifest = self.snapshot_manifest(number);
            (
                number,
                format!("{manifest}regions: {{eu-west-1: {{}}, {ELSEWHERE}: {{}}}}\n"),
            )
        };
        let answers = self.drop_all((0..count).map(copied), AT_ONCE).await;
        answers.into_iter().collect()
    }

    /// Drops manifests, so many at once, each to a process of its own: with a rate limiter that nobody shares.
    async fn drop_all(
        &self,
        manifests: impl Iterator<Item = (usize, String)>,
        at_once: usize,
    ) -> Vec<Result<(), Box<dyn Error>>> {
        let dropped = stream::iter(manifests).map(|(number, manifest)| async move {
            let key = format!("golden/{number:05}.image.yaml");
            let bucket = &self.config.bucket;
            self.world.s3().put(bucket, &key, manifest).await?;
            let (aws, event, meter) = (self.aws(), uploaded(bucket, &key), Meter::default());
            register_image::handle(&aws, &self.config, event, self.now(), &meter).await?;
            Ok::<(), Box<dyn Error>>(())
        });
        dropped.buffer_unordered(at_once.max(1)).collect().await
    }

    /// How many images wait in which step, by the kind of their source.
    pub(crate) async fn steps(&self) -> Result<String, Box<dyn Error>> {
        let mut steps: BTreeMap<String, usize> = BTreeMap::new();
        for listed in status_store::list_statuses(&self.aws(), &self.config).await? {
            let status = listed.status?.status;
            let waits_for = match status.polled_task() {
                Some(task) => task.kind.to_string(),
                None => status.place().to_owned(),
            };
            *steps.entry(waits_for).or_default() += 1;
        }
        let steps: Vec<_> = steps
            .iter()
            .map(|(step, count)| format!("{step} {count}"))
            .collect();
        Ok(steps.join(", "))
    }

    async fn open(&self, count: usize) -> Result<(), Box<dyn Error>> {
        // What is dropped later goes on at its usual pace.
        if count == 0 {
            return Ok(());
        }
        let (stores, others): (Vec<_>, Vec<_>) = KINDS
            .into_iter()
            .cycle()
            .take(count)
            .enumerate()
            .partition(|(_, kind)| *kind == Kind::Store);
        // An AMI has to be there before it is stored.
        self.take_up(stores).await?;
        self.world.run_for(SOON).await;
        self.stay_open();
        self.store().await?;
        self.take_up(others).await?;
        self.world.settle().await;
        Ok(())
    }

    /// Whatever begins from now on goes on for very long.
    fn stay_open(&self) {
        let ec2 = self.world.ec2();
        ec2.set_pending_time(VERY_LONG);
        for kind in [
            TaskKind::ImportSnapshot,
            TaskKind::ImportImage,
            TaskKind::CopyImage,
            TaskKind::StoreImage,
            TaskKind::RestoreImage,
            TaskKind::BundleInstance,
        ] {
            ec2.set_task_time(kind, VERY_LONG);
        }
    }

    async fn take_up(&self, images: Vec<(usize, Kind)>) -> Result<(), Box<dyn Error>> {
        let manifests = images.into_iter();
        let manifests = manifests.map(|(number, kind)| (number, self.manifest(number, kind)));
        let answers = self.drop_all(manifests, AT_ONCE).await;
        answers.into_iter().collect()
    }

    /// Lets every AMI that is available be stored: its event says so.
    async fn store(&self) -> Result<(), Box<dyn Error>> {
        let images = self.world.ec2().images(REGION);
        let stored = stream::iter(images).map(|image| async move {
            let event = json!({
                "source": "aws.ec2", "detail-type": "EC2 AMI State Change", "region": REGION,
                "detail": {"RequestId": "1", "ImageId": image.id, "State": "available", "ErrorMessage": ""}
            });
            let (history, meter) = (PollingHistory::default(), Meter::default());
            let (aws, now) = (self.aws(), self.now());
            advance_tasks::handle(&aws, &self.config, &history, &event, now, None, &meter).await
        });
        stored
            .buffer_unordered(AT_ONCE)
            .try_for_each(async |_| Ok(()))
            .await?;
        Ok(())
    }

    fn manifest(&self, number: usize, kind: Kind) -> String {
        let Sources {
            snapshot,
            copied,
            stored,
        } = &self.sources;
        let bucket = &self.config.bucket;
        let source = match kind {
            Kind::Store => format!("snapshot: {{id: {snapshot}}}}}\nstore: {{bucket: {bucket}"),
            Kind::Pending => format!("snapshot: {{id: {snapshot}}}"),
            Kind::Disk => "disk: {object: web.vmdk, format: vmdk}".to_owned(),
            Kind::Vm => "vm: {object: app.ova, format: ova}".to_owned(),
            Kind::Bundle => {
                let instance = SeedInstance::default();
                let id = self.world.ec2().seed_instance(REGION, instance);
                format!("instance: {{id: {id}}}")
            }
            Kind::Copy => format!("image: {{id: {copied}, region: {ELSEWHERE}}}"),
            Kind::Restore => format!("stored: {{object: s3://{bucket}/{stored}}}"),
        };
        format!("name: web-{number}\nsource: {{{source}}}\n")
    }
}

impl Sources {
    async fn new(world: &World, config: &Config) -> Result<Self, Box<dyn Error>> {
        let seed = |region| world.ec2().seed_snapshot(region, SeedSnapshot::default());
        let snapshot = seed(REGION);
        let copied = registered(world, ELSEWHERE, &seed(ELSEWHERE)).await?;
        let stored = registered(world, REGION, &seed(REGION)).await?;
        world.run_for(SOON).await;
        let here = way(world, REGION);
        let stored = here
            .create_store_image_task(&stored, &config.bucket, &std::collections::BTreeMap::new())
            .await?;
        world.run_for(SOON).await;
        let mut ova = vec![0; 4096];
        ova[257..262].copy_from_slice(b"ustar");
        let mut vmdk = b"KDMV".to_vec();
        vmdk.resize(4096, 0);
        for (key, content) in [("golden/app.ova", ova), ("golden/web.vmdk", vmdk)] {
            world.s3().put(&config.bucket, key, content).await?;
        }
        Ok(Self {
            snapshot,
            copied,
            stored,
        })
    }
}

async fn registered(world: &World, region: &str, snapshot: &str) -> Result<String, Box<dyn Error>> {
    let mapping = BlockDeviceMapping {
        device_name: "/dev/xvda".to_owned(),
        ebs: Some(Ebs {
            snapshot_id: Some(snapshot.to_owned()),
            ..Ebs::default()
        }),
        ..BlockDeviceMapping::default()
    };
    let wanted = Registered {
        name: "source".to_owned(),
        registration: Registration {
            virtualization_type: Some(VirtualizationType::Hvm),
            root_device_name: Some("/dev/xvda".to_owned()),
            block_device_mappings: vec![mapping],
            ..Registration::default()
        },
        ..Registered::default()
    };
    Ok(way(world, region).register_image(&wanted, None).await?)
}

fn way(world: &World, region: &str) -> Aws {
    let credentials = Credentials::new("AKIDLOCAL", "secret", None, None, "bench");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(world.http_client())
        .time_source(world.time_source())
        .sleep_impl(world.sleep())
        .build();
    Aws::with_config(config)
}

fn now(world: &World) -> Timestamp {
    let now = world.clock().now();
    now.round(Unit::Second).unwrap_or(now)
}

/// The event that EventBridge sends for an upload.
pub(crate) fn uploaded(bucket: &str, key: &str) -> Value {
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
