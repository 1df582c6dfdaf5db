//! amiwright's functions, as Lambda would run them, in process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::aws::{Aws, RateLimiter};
use amiwright::config::Config;
use amiwright::metrics::Meter;
use amiwright::{notify, register_image};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use jiff::{Timestamp, Unit};
use localaws::lambda::{FunctionError, Handler, Invocation};
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

/// What Lambda would run, in process.
pub(super) fn handler(updated: Variables) -> Handler {
    let processes: [Arc<Process>; 3] = Default::default();
    Arc::new(move |invocation| {
        let mut environment = invocation.function.environment.clone();
        environment.extend(updated.lock().unwrap().clone());
        let names = ["register-image", "advance-tasks", "notify"];
        let is_of = |name: &&str| *name == invocation.function.binary;
        let process = names.iter().position(is_of).map(|at| processes[at].clone());
        let config = config(&environment);
        Box::pin(run(invocation, config, process.unwrap_or_default()))
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
) -> Result<Value, FunctionError> {
    let time_source = localaws::client::time_source(invocation.clock);
    let sleep = localaws::client::sleep(invocation.clock);
    let aws = Aws::with_config(config_for(
        &invocation.access_key_id,
        invocation.http_client.clone(),
        time_source,
        sleep,
    ))
    .with_rate_limiter(process.rate_limiter.clone());
    let (now, meter) = (whole_seconds(invocation.clock.now()), Meter::default());
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
            let time_left = Duration::try_from(invocation.deadline.duration_since(now)).unwrap();
            let report = advance_tasks::handle(
                aws,
                config,
                &process.history,
                &payload,
                now,
                Some(time_left),
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
