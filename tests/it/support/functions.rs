//! amiwright's functions, as Lambda would run them, in process.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Poll, ready};
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::aws::{Aws, RateLimiter};
use amiwright::config::Config;
use amiwright::keys;
use amiwright::metrics::Meter;
use amiwright::{notify, register_image};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use jiff::{SignedDuration, Timestamp, Unit};
use localaws::clock::Clock;
use localaws::faults::Faults;
use localaws::lambda::{FunctionError, Handler, Invocation};
use localaws::s3::S3;
use localaws::world::World;
use serde_json::{Value, json};

use super::stack::REGION;

/// Variables of the functions that an update of the stack has changed.
pub(super) type Variables = Arc<Mutex<BTreeMap<String, String>>>;

pub(super) fn config_for(
    access_key_id: &str,
    http_client: aws_smithy_runtime_api::client::http::SharedHttpClient,
    time_source: aws_smithy_async::time::SharedTimeSource,
    sleep: aws_smithy_async::rt::sleep::SharedAsyncSleep,
) -> SdkConfig {
    let credentials = Credentials::new(access_key_id, "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client)
        .time_source(time_source)
        .sleep_impl(sleep)
        .build()
}

pub(super) fn config(environment: &BTreeMap<String, String>) -> Config {
    let variable = |name: &str| match name {
        "AWS_REGION" => Some(REGION.to_owned()),
        name => environment.get(name).cloned(),
    };
    Config::read(variable).unwrap()
}

/// What is unusual about the machines that functions run on.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    /// Seconds that their clocks are ahead.
    ahead: AtomicI64,
    /// Which invocations die, counted from now, and after how many polls of their code.
    deaths: Mutex<Vec<(u64, u64)>>,
    idleness: OnceLock<Idleness>,
    /// Also those run that would find nothing.
    every_tick: AtomicBool,
}

/// What tells that a tick would find nothing: what is open is all that it looks for.
#[derive(Debug)]
struct Idleness {
    s3: S3,
    state_bucket: String,
    faults: Faults,
    /// The last tick found nothing.
    last_found_nothing: AtomicBool,
}

impl Machines {
    /// Sets the clocks of invocations that begin from now on so many seconds ahead of the world's.
    pub(crate) fn set_ahead(&self, seconds: i64) {
        self.ahead.store(seconds, Ordering::Relaxed);
    }

    /// Kills the `nth` invocation from now (from 1) where it waits for the `polls`th time, wherever that is.
    pub(crate) fn kill(&self, nth: u64, polls: u64) {
        self.deaths.lock().unwrap().push((nth.max(1), polls.max(1)));
    }

    /// From now on, ticks that would find nothing run, too: they are what the test is about.
    pub(super) fn run_every_tick(&self) {
        self.every_tick.store(true, Ordering::Relaxed);
    }

    /// Leaves out ticks that would find nothing, as the last one did: they are most of what happens in a day. The first
    /// of them runs, and all do while anything is to go wrong.
    pub(super) fn look_for_idle_ticks(&self, world: &World, state_bucket: &str) {
        let idleness = Idleness {
            s3: world.s3().clone(),
            state_bucket: state_bucket.to_owned(),
            faults: world.faults().clone(),
            last_found_nothing: AtomicBool::default(),
        };
        self.idleness.set(idleness).unwrap();
    }

    /// Whether this is a tick that finds nothing, as the last one did.
    async fn is_left_out(&self, invocation: &Invocation) -> bool {
        let every_tick = self.every_tick.load(Ordering::Relaxed);
        let is_tick = !every_tick && invocation.payload == json!({"task": "advance"});
        let Some(idleness) = self.idleness.get().filter(|_| is_tick) else {
            return false;
        };
        let (bucket, prefix) = (&idleness.state_bucket, keys::OPEN);
        let finds_nothing = idleness.s3.keys(bucket, prefix).await.unwrap().is_empty();
        let last = &idleness.last_found_nothing;
        let as_the_last = last.swap(finds_nothing, Ordering::Relaxed) && finds_nothing;
        as_the_last && !idleness.faults.are_planned() && self.deaths.lock().unwrap().is_empty()
    }

    /// Nothing is unusual any more.
    pub(crate) fn clear(&self) {
        self.set_ahead(0);
        self.deaths.lock().unwrap().clear();
    }

    /// After how many polls an invocation that begins now dies.
    fn dies_after(&self) -> Option<u64> {
        let mut deaths = self.deaths.lock().unwrap();
        let mut polls = None;
        deaths.retain_mut(|(left, after)| {
            *left -= 1;
            if *left == 0 {
                polls.get_or_insert(*after);
            }
            *left > 0
        });
        polls
    }

    /// What the clock of an invocation shows.
    fn clock(&self, world: Clock) -> Clock {
        match self.ahead.load(Ordering::Relaxed) {
            0 => world,
            ahead => Clock::new(world.now() + SignedDuration::from_secs(ahead), 1.0),
        }
    }
}

/// Code that is dropped after so many polls, as if its process were killed where it waits.
async fn until_death(
    mut code: Pin<Box<impl Future<Output = Result<Value, FunctionError>>>>,
    polls: Option<u64>,
) -> Result<Value, FunctionError> {
    let Some(mut left) = polls else {
        return code.await;
    };
    let killed = || FunctionError::new("Runtime.ExitError", "signal: killed");
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(Err(killed()));
        }
        left -= 1;
        Poll::Ready(ready!(code.as_mut().poll(context)))
    })
    .await
}

/// What Lambda would run, in process.
pub(super) fn handler(updated: Variables, machines: Arc<Machines>) -> Handler {
    // An update of the stack starts new ones.
    let processes: Mutex<BTreeMap<(String, u64), Arc<Process>>> = Mutex::default();
    Arc::new(move |invocation| {
        let mut environment = invocation.function.environment.clone();
        environment.extend(updated.lock().unwrap().clone());
        let of = (invocation.function.binary.clone(), invocation.revision);
        let process = processes.lock().unwrap().entry(of).or_default().clone();
        let config = config(&environment);
        let machines = Arc::clone(&machines);
        Box::pin(async move {
            if machines.is_left_out(&invocation).await {
                return Ok(Value::Null);
            }
            let clock = machines.clock(invocation.clock);
            let code = run(invocation, config, process, clock);
            until_death(Box::pin(code), machines.dies_after()).await
        })
    })
}

/// What a function's process keeps in memory.
#[derive(Default)]
struct Process {
    rate_limiter: Arc<RateLimiter>,
    history: PollingHistory,
}

async fn run(
    invocation: Invocation,
    config: Config,
    process: Arc<Process>,
    clock: Clock,
) -> Result<Value, FunctionError> {
    let time_source = localaws::client::time_source(clock);
    let sleep = localaws::client::sleep(clock);
    let aws = Aws::with_config(config_for(
        &invocation.access_key_id,
        invocation.http_client.clone(),
        time_source,
        sleep,
    ))
    .with_rate_limiter(process.rate_limiter.clone());
    let (now, meter) = (whole_seconds(clock.now()), Meter::default());
    let answer = answer(&invocation, &config, &process, &aws, now, &meter).await;
    for line in meter.take_lines(&config.stack, now) {
        invocation.print(&line).unwrap();
    }
    answer
}

async fn answer(
    invocation: &Invocation,
    config: &Config,
    process: &Process,
    aws: &Aws,
    now: Timestamp,
    meter: &Meter,
) -> Result<Value, FunctionError> {
    let payload = invocation.payload.clone();
    let failed =
        |failures: amiwright::Failures| FunctionError::new("Failures", failures.to_string());
    match invocation.function.binary.as_str() {
        "register-image" => register_image::handle(aws, config, payload, now, meter)
            .await
            .map_err(failed),
        "advance-tasks" => {
            let time_left = Duration::try_from(invocation.deadline.duration_since(now)).ok();
            let report = advance_tasks::handle(
                aws,
                config,
                &process.history,
                &payload,
                now,
                time_left,
                meter,
            )
            .await;
            report.map(|report| json!(report)).map_err(failed)
        }
        "notify" => {
            let report = notify::handle(aws, config, payload, now, meter).await;
            report.map(|report| json!(report)).map_err(failed)
        }
        other => panic!("no such binary: {other}"),
    }
}

pub(crate) fn whole_seconds(now: Timestamp) -> Timestamp {
    now.round(Unit::Second).unwrap()
}
