//! The stack that `local` and `demo` run: the template in the simulated AWS of `localaws`, with this program as its
//! functions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use localaws::bus::Event;
use localaws::ec2::{Era, SeedImage, SeedInstance, SeedSnapshot};
use localaws::lambda::{FunctionRunner, InvocationRecord};
use localaws::server::Server;
use localaws::template::stack::Function;
use localaws::watcher::Watcher;
use localaws::world::World;
use serde_json::json;

use super::function;
use crate::aws::Aws;
use crate::cli::error::Error;
use crate::config::Config;

/// The name of the stack.
pub(super) const STACK: &str = "amiwright";

/// The template that this program was built with.
pub(super) const TEMPLATE: &str = include_str!("../../template.yaml");

/// The snapshot that exists from the start: the source of the examples.
pub(super) const SNAPSHOT: &str = "snap-0123456789abcdef0";

/// Size of that snapshot, in GiB.
const SNAPSHOT_SIZE: u32 = 8;

/// The AMI that exists from the start, in [`other_region`]: one to copy.
pub(super) const IMAGE: &str = "ami-0123456789abcdef0";

/// The instance that exists from the start: one to bundle, with a product code.
pub(super) const INSTANCE: &str = "i-0123456789abcdef0";

/// The product code of that instance.
const PRODUCT_CODE: &str = "774F4FF8";

/// The SSM parameter with the key that signs upload policies.
pub(super) const BUNDLE_KEY: &str = "/amiwright/bundle-key";

/// Parameters of the stack unless others are given, as far as its template has them.
fn default_parameters(era: Era) -> Vec<(&'static str, &'static str)> {
    let mut parameters = vec![("NotificationEmail", "you@example.com")];
    if era == Era::Classic {
        // Nothing else bundles instances.
        parameters.push(("BundleKeyParameter", BUNDLE_KEY));
    }
    parameters
}

/// That key: the example of the AWS documentation, which is not valid anywhere.
const EXAMPLE_KEY: (&str, &str) = (
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
);

/// How to run the stack.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    /// Text of the template.
    pub(super) template: &'a str,
    /// Directory of everything that is kept; none for a temporary one.
    pub(super) directory: Option<&'a Path>,
    /// Port on 127.0.0.1; 0 for any free one.
    pub(super) port: u16,
    /// How fast time passes.
    pub(super) speed: f64,
    /// Parameters of the stack that are given: see [`parameters`].
    pub(super) parameters: &'a BTreeMap<String, String>,
    /// Region of the stack.
    pub(super) region: &'a str,
    /// What EC2 supports.
    pub(super) era: Era,
    /// The time at the start, and the seed of all ids: a later run must not repeat those of an earlier one.
    pub(super) now: Timestamp,
    /// Who is shown what happens, if somebody is.
    pub(super) watchers: Option<Watchers>,
}

/// Who is shown what happens in the world.
#[derive(Debug)]
pub(super) struct Watchers {
    /// Each event.
    pub(super) events: Watcher<Event>,
    /// Each function that has run.
    pub(super) invocations: Watcher<InvocationRecord>,
}

/// A running stack.
pub(super) struct LocalStack {
    /// The simulated AWS.
    pub(super) world: World,
    /// Name of the manifest bucket.
    pub(super) bucket: String,
    /// Name of the state bucket.
    pub(super) state_bucket: String,
    server: Server,
}

impl LocalStack {
    /// Starts the stack, creates the sources for images and listens for requests.
    pub(super) async fn start(mut setup: Setup<'_>) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(|error| {
            Error::from_source(
                "cannot find the executable of this program, which runs the functions",
                error,
            )
        })?;
        let seed = u64::try_from(setup.now.as_microsecond()).unwrap_or_default();
        let speed = setup.speed;
        let cannot_start = |error| Error::from_source("cannot start the stack", error);
        let known = localaws::template::parameter_names(setup.template)
            .map_err(|error| cannot_start(error.into()))?;
        let mut builder = World::builder();
        for (name, value) in default_parameters(setup.era) {
            if known.iter().any(|known| known == name) {
                builder = builder.parameter(name, value);
            }
        }
        for (name, value) in setup.parameters {
            builder = builder.parameter(name, value);
        }
        if let Some(Watchers {
            events,
            invocations,
        }) = setup.watchers.take()
        {
            builder = builder.watch_events(events).watch_invocations(invocations);
        }
        let world = builder
            .template(setup.template)
            .stack_name(STACK)
            .region(setup.region)
            .user("uploader", "UploaderPolicy")
            .user("operator", "OperatorPolicy")
            .epoch(setup.now)
            .outside(setup.now)
            .speed(speed)
            .era(setup.era)
            .seed(seed)
            .directory(setup.directory)
            .functions(FunctionRunner::Process(Arc::new(move |function| {
                command(&program, function, speed)
            })))
            .start()
            .await
            .map_err(cannot_start)?;
        match Self::open(&world, &setup).await {
            Ok(([bucket, state_bucket], server)) => Ok(Self {
                world,
                bucket,
                state_bucket,
                server,
            }),
            Err(error) => {
                world.close().await;
                Err(error)
            }
        }
    }

    async fn open(world: &World, setup: &Setup<'_>) -> Result<([String; 2], Server), Error> {
        check_functions(world)?;
        let output = |name: &str| {
            let value = world.stack().outputs.get(name).cloned();
            value.ok_or_else(|| Error::new(format!("the template has no output {name}")))
        };
        let buckets = [output("BucketName")?, output("StateBucketName")?];
        check_buckets(&buckets)?;
        seed(world);
        seed_instance(world);
        let server = Server::bind(world, setup.port).await;
        let server = server.map_err(|error| {
            Error::from_source(format!("cannot listen on port {}", setup.port), error)
                .with_hint("use another --port")
        })?;
        Ok((buckets, server))
    }

    /// The endpoint of all services: `http://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// The way there, and what the functions are configured with.
    ///
    /// # Errors
    /// If the template lacks variables of a function.
    pub(super) async fn connect(&self) -> Result<(Aws, Config), Error> {
        let (url, region) = (self.url(), self.world.region());
        let aws = Aws::from_env(region, Some(&url)).await;
        let environment = self.world.stack().functions.first();
        let config = Config::read(|name| match name {
            "AWS_REGION" => Some(region.to_owned()),
            name => environment.and_then(|function| function.environment.get(name).cloned()),
        });
        let lacks = "the template lacks variables of a function";
        let config = config.map_err(|error| Error::from_source(lacks, error))?;
        Ok((aws, config))
    }

    /// The directory of a bucket.
    pub(super) fn directory_of(&self, bucket: &str) -> PathBuf {
        self.world.directory().join("s3").join(bucket)
    }

    /// Stops everything. The files stay. Whether all that is to be kept was saved.
    pub(super) async fn close(self) -> bool {
        self.server.close().await;
        self.world.close().await
    }
}

/// The error for a world that could not be saved whole.
pub(super) fn not_saved(directory: &Path) -> Error {
    let message = format!("not everything could be kept in {}", directory.display());
    Error::new(message)
        .with_hint("the lines above say what; a later start continues with what was saved before")
}

/// The parameters that are given, by name.
///
/// # Errors
/// If one is given twice: no order of the two would be obvious.
pub(super) fn parameters(given: &[(String, String)]) -> Result<BTreeMap<String, String>, Error> {
    let mut parameters = BTreeMap::new();
    for (name, value) in given {
        if parameters.insert(name.clone(), value.clone()).is_some() {
            return Err(Error::new(format!("the parameter {name} is given twice"))
                .with_hint("give each --parameter once; items of a list are separated by commas"));
        }
    }
    Ok(parameters)
}

/// The command of a function's process: this program, as that function.
fn command(program: &Path, function: &Function, speed: f64) -> Command {
    let mut command = Command::new(program);
    command.args(["function", &function.binary]);
    if speed > 1.0 {
        command.args(["--speed", &speed.to_string()]);
    }
    command
}

/// Whoever drops manifests into the one must not be able to write into the other. (On AWS the state bucket has a name
/// that are not known before the stack is deployed.)
fn check_buckets([bucket, state_bucket]: &[String; 2]) -> Result<(), Error> {
    if bucket != state_bucket {
        return Ok(());
    }
    let what = format!("{bucket} is the name of the stack's own state bucket");
    Err(Error::new(what).with_hint(
        "give the manifest bucket another name by the parameter BucketName or ExistingBucketName",
    ))
}

/// A template may be any; this program can only run its own functions.
fn check_functions(world: &World) -> Result<(), Error> {
    let unknown = world
        .stack()
        .functions
        .iter()
        .find(|function| !function::NAMES.contains(&function.binary.as_str()));
    match unknown {
        None => Ok(()),
        Some(unknown) => {
            let what = format!(
                "the template's function {} is built from `{}`",
                unknown.logical_id, unknown.binary
            );
            Err(Error::new(what).with_hint(format!(
                "this program has the functions {}",
                function::NAMES.join(", ")
            )))
        }
    }
}

/// Another Region: the one with the AMI to copy.
pub(super) fn other_region(world: &World) -> &'static str {
    if world.region() == "us-west-2" {
        "us-east-1"
    } else {
        "us-west-2"
    }
}

/// Creates the snapshots and the AMI that are sources for images, unless an earlier run has created them.
fn seed(world: &World) {
    let (here, there) = (world.region(), other_region(world));
    for (region, description) in [
        (here, "A source for images"),
        (there, "The snapshot of the AMI to copy"),
    ] {
        let mut known = world.ec2().snapshots(region).into_iter();
        if known.all(|snapshot| snapshot.id != SNAPSHOT) {
            let snapshot = SeedSnapshot {
                id: Some(SNAPSHOT.to_owned()),
                volume_size: SNAPSHOT_SIZE,
                description: description.to_owned(),
                ..SeedSnapshot::default()
            };
            world.ec2().seed_snapshot(region, snapshot);
        }
    }
    let mut known = world.ec2().images(there).into_iter();
    if known.all(|image| image.id != IMAGE) {
        let image = SeedImage {
            id: Some(IMAGE.to_owned()),
            name: "base".to_owned(),
            snapshot_id: SNAPSHOT.to_owned(),
            volume_size: SNAPSHOT_SIZE,
            owner_id: None,
            owner_alias: None,
        };
        world.ec2().seed_image(there, image);
    }
}

/// Creates what bundling needs: an instance, and a key that EC2 knows and the functions find. In today's era, too, so
/// that the refusal comes from EC2.
fn seed_instance(world: &World) {
    let region = world.region();
    let instance = SeedInstance {
        id: Some(INSTANCE.to_owned()),
        product_codes: vec![PRODUCT_CODE.to_owned()],
        ..SeedInstance::default()
    };
    world.ec2().seed_instance(region, instance);
    let (id, secret) = EXAMPLE_KEY;
    world.ec2().set_bundle_key(id, secret);
    if world.ssm().parameter(region, BUNDLE_KEY).is_none() {
        let key = json!({ "accessKeyId": id, "secretAccessKey": secret }).to_string();
        world
            .ssm()
            .seed_parameter(region, BUNDLE_KEY, "SecureString", &key);
    }
}
