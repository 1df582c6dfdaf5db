//! An embedded world whose functions run in this process, and what is dropped into it.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::aws::{Aws, RateLimiter};
use amiwright::config::Config;
use amiwright::metrics::Meter;
use amiwright::{keys, notify, register_image};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use jiff::{Timestamp, Unit};
use localaws::ec2::{SeedSnapshot, TaskKind};
use localaws::faults::Call;
use localaws::lambda::{FunctionError, FunctionRunner, Handler, Invocation};
use localaws::world::World;
use serde_json::{Value, json};

const REGION: &str = "us-east-1";

const DISK: &str = "disk: {object: web.vmdk, format: vmdk}";

/// Copies in four Regions, each shared with three accounts.
const PUBLISHED: &str = "access: {accounts: ['111122223333', '222233334444', '333344445555']}\n\
    regions: {ap-northeast-1: {}, eu-central-1: {}, eu-west-1: {}, us-west-2: {}}\n";

/// Two parameters in each Region.
const RELEASED: &str = "parameters: [/images/web/latest, /images/web/today]\n";

/// The longest that any image here may take.
const LIMIT_MINUTES: usize = 120;

/// A world with a disk and a snapshot to make images from.
pub(crate) struct CountedWorld {
    world: World,
    bucket: String,
    /// The state bucket.
    pub(crate) state_bucket: String,
    snapshot: String,
    processes: Processes,
}

impl CountedWorld {
    /// A world in which an import takes `import`.
    pub(crate) async fn new(import: Duration) -> Result<Self, Box<dyn Error>> {
        let processes = Processes::default();
        let world = World::builder()
            .template(include_str!("../../template.yaml"))
            .parameter("NotificationEmail", "ops@example.com")
            .parameter("ShareWith", "*")
            .parameter("AllowRetire", "true")
            .parameter("ParameterPrefix", "/images")
            .parameter(
                "CopyRegions",
                "ap-northeast-1,eu-central-1,eu-west-1,us-west-2",
            )
            .region(REGION)
            .epoch("2026-11-21T10:00:00Z".parse()?)
            .functions(FunctionRunner::InProcess(handler(processes.clone())))
            .start()
            .await?;
        world.ec2().set_task_time(TaskKind::ImportSnapshot, import);
        let config = configured(&world.stack().functions[0].environment)?;
        let snapshot = world.ec2().seed_snapshot(REGION, SeedSnapshot::default());
        let mut disk = b"KDMV".to_vec();
        disk.resize(1024 * 1024, 0);
        world.s3().put(&config.bucket, "web.vmdk", disk).await?;
        world.settle().await;
        Ok(Self {
            bucket: config.bucket,
            state_bucket: config.state_bucket,
            snapshot,
            processes,
            world,
        })
    }

    /// Drops a manifest of the snapshot.
    pub(crate) async fn drop_snapshot(&self) -> Result<(), Box<dyn Error>> {
        let source = format!("snapshot: {{id: {}}}", self.snapshot);
        self.drop_manifest("web", &source, "").await
    }

    /// Drops a manifest of the snapshot with copies and shares.
    pub(crate) async fn drop_published(&self) -> Result<(), Box<dyn Error>> {
        let source = format!("snapshot: {{id: {}}}", self.snapshot);
        self.drop_manifest("web", &source, PUBLISHED).await
    }

    /// Drops a manifest of the snapshot with copies, shares and parameters.
    pub(crate) async fn drop_released(&self) -> Result<(), Box<dyn Error>> {
        let source = format!("snapshot: {{id: {}}}", self.snapshot);
        let settings = format!("{PUBLISHED}{RELEASED}");
        self.drop_manifest("web", &source, &settings).await
    }

    /// Drops a manifest of the disk with all of that, whose recipients may copy the AMIs, too.
    pub(crate) async fn drop_released_disk(&self) -> Result<(), Box<dyn Error>> {
        let settings =
            format!("{PUBLISHED}{RELEASED}").replace("access: {", "access: {copy: true, ");
        self.drop_manifest("web", DISK, &settings).await
    }

    /// Drops `count` manifests of the disk at once.
    pub(crate) async fn drop_disks(&self, count: usize) -> Result<(), Box<dyn Error>> {
        for number in 0..count {
            let name = format!("disk-{number:02}");
            self.drop_manifest(&name, DISK, "").await?;
        }
        Ok(())
    }

    async fn drop_manifest(
        &self,
        name: &str,
        source: &str,
        settings: &str,
    ) -> Result<(), Box<dyn Error>> {
        let manifest = format!("name: {name}\nsource: {{{source}}}\n{settings}");
        let key = format!("{name}.image.yaml");
        self.world.s3().put(&self.bucket, &key, manifest).await?;
        Ok(())
    }

    /// Lets time pass until no image is open.
    pub(crate) async fn rest(&self) -> Result<(), Box<dyn Error>> {
        for _ in 0..LIMIT_MINUTES {
            self.run_for(Duration::from_secs(60)).await;
            let open = self.world.s3().keys(&self.state_bucket, keys::OPEN_MARKERS);
            if open.await?.is_empty() {
                return Ok(());
            }
        }
        Err("an image is still open".into())
    }

    /// Lets time pass, and whatever it begins end.
    pub(crate) async fn run_for(&self, time: Duration) {
        self.world.settle().await;
        self.world.run_for(time).await;
        self.world.settle().await;
    }

    /// Drops a manifest of the snapshot with this key, name and settings.
    pub(crate) async fn drop_as(
        &self,
        key: &str,
        name: &str,
        settings: &str,
    ) -> Result<(), Box<dyn Error>> {
        let source = format!("{{snapshot: {{id: {}}}}}", self.snapshot);
        let manifest = format!("name: {name}\nsource: {source}\n{settings}");
        self.world.s3().put(&self.bucket, key, manifest).await?;
        Ok(())
    }

    /// The keys of the functions' own objects with this prefix, and the bytes of the largest of them.
    pub(crate) async fn kept(&self, prefix: &str) -> Result<(usize, u64), Box<dyn Error>> {
        let keys = self.world.s3().keys(&self.state_bucket, prefix).await?;
        let directory = self.world.directory().join("s3").join(&self.state_bucket);
        let sizes = keys
            .iter()
            .map(|key| std::fs::metadata(directory.join(key)));
        let sizes = sizes.map(|it| it.map(|it| it.len()));
        let sizes = sizes.collect::<Result<Vec<u64>, _>>()?;
        Ok((keys.len(), sizes.into_iter().max().unwrap_or(0)))
    }

    /// How many things the processes of the functions remember.
    pub(crate) fn remembered(&self) -> usize {
        self.processes
            .iter()
            .map(|it| it.history.remembered())
            .sum()
    }

    /// How many emails were sent, and how many events were given up.
    pub(crate) fn sent(&self) -> Result<(usize, usize), Box<dyn Error>> {
        let failed = self.world.dead_letters().len();
        Ok((self.world.mailbox()?.len(), failed))
    }

    /// How many images are available.
    pub(crate) fn available(&self) -> usize {
        let images = self.world.ec2().images(REGION);
        let available = |image: &&localaws::ec2::Image| image.state.to_string() == "available";
        images.iter().filter(available).count()
    }

    /// The number of the last call.
    pub(crate) fn call_number(&self) -> u64 {
        self.world.faults().count()
    }

    /// The calls of the functions after this one, without the lists that a tick and a sweep always make.
    pub(crate) fn calls_since(&self, number: u64) -> Vec<Call> {
        let mut calls = self.world.calls();
        calls.retain(|call| {
            call.number > number && call.function.is_some() && call.action != "ListObjectsV2"
        });
        calls
    }
}

/// What Lambda would run, in process.
fn handler(processes: Processes) -> Handler {
    Arc::new(move |invocation| {
        let names = ["register-image", "advance-tasks", "notify"];
        let is_of = |name: &&str| *name == invocation.function.binary;
        let process = names.iter().position(is_of).map(|at| processes[at].clone());
        Box::pin(run(invocation, process.unwrap_or_default()))
    })
}

/// A process of each function.
type Processes = [Arc<Process>; 3];

/// What a function's process keeps in memory.
#[derive(Default)]
struct Process {
    rate_limiter: Arc<RateLimiter>,
    history: PollingHistory,
}

async fn run(invocation: Invocation, process: Arc<Process>) -> Result<Value, FunctionError> {
    let credentials = Credentials::new(&invocation.access_key_id, "secret", None, None, "bench");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(invocation.http_client.clone())
        .time_source(localaws::client::time_source(invocation.clock))
        .sleep_impl(localaws::client::sleep(invocation.clock))
        .build();
    let aws = Aws::with_config(sdk).with_rate_limiter(process.rate_limiter.clone());
    let failed = |failures: amiwright::Failures| error(&failures);
    let config = configured(&invocation.function.environment).map_err(|it| error(&it))?;
    let (now, meter) = (whole_seconds(invocation.clock.now()), Meter::default());
    match invocation.function.binary.as_str() {
        "register-image" => register_image::handle(&aws, &config, invocation.payload, now, &meter)
            .await
            .map_err(failed),
        "advance-tasks" => {
            let time_left = Duration::try_from(invocation.deadline.duration_since(now)).ok();
            let tick = advance_tasks::handle(
                &aws,
                &config,
                &process.history,
                &invocation.payload,
                now,
                time_left,
                &meter,
            );
            tick.await.map(|report| json!(report)).map_err(failed)
        }
        "notify" => {
            let report = notify::handle(&aws, &config, invocation.payload, now, &meter).await;
            report.map(|report| json!(report)).map_err(failed)
        }
        other => Err(error(&format!("no such binary: {other}"))),
    }
}

fn error(error: &impl ToString) -> FunctionError {
    FunctionError::new("Failures", error.to_string())
}

fn configured(
    environment: &BTreeMap<String, String>,
) -> Result<Config, amiwright::config::ConfigError> {
    Config::read(|name| match name {
        "AWS_REGION" => Some(REGION.to_owned()),
        name => environment.get(name).cloned(),
    })
}

fn whole_seconds(now: Timestamp) -> Timestamp {
    now.round(Unit::Second).unwrap_or(now)
}
