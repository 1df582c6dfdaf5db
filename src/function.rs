//! The three functions as Lambda runs them: the world is built once, then each invocation is one call of a handler.

use std::time::Duration;

use jiff::{Timestamp, Unit};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tracing_subscriber::filter::LevelFilter;

use crate::aws::Aws;
use crate::config::Config;
use crate::{advance_tasks, notify, register_image};

/// Runs `register-image` until Lambda ends the process.
///
/// # Errors
/// If the function is not configured, or the runtime's endpoint cannot be reached.
pub async fn run_register_image() -> Result<(), Error> {
    let (aws, config) = &start()?;
    config.account_id()?;
    let handler = async |event: LambdaEvent<Value>| {
        register_image::handle(aws, config, event.payload, now()).await
    };
    lambda_runtime::run(service_fn(handler)).await
}

/// Runs `advance-tasks` until Lambda ends the process.
///
/// # Errors
/// As [`run_register_image`].
pub async fn run_advance_tasks() -> Result<(), Error> {
    let (aws, config) = &start()?;
    config.account_id()?;
    config.topic_arn()?;
    let handler = async |event: LambdaEvent<Value>| {
        let now = now();
        advance_tasks::handle(
            aws,
            config,
            &event.payload,
            now,
            time_left(event.context.deadline, now),
        )
        .await
    };
    lambda_runtime::run(service_fn(handler)).await
}

/// Runs `notify` until Lambda ends the process.
///
/// # Errors
/// As [`run_register_image`].
pub async fn run_notify() -> Result<(), Error> {
    let (aws, config) = &start()?;
    config.topic_arn()?;
    let handler =
        async |event: LambdaEvent<Value>| notify::handle(aws, config, event.payload, now()).await;
    lambda_runtime::run(service_fn(handler)).await
}

impl From<crate::Failures> for Diagnostic {
    fn from(failures: crate::Failures) -> Self {
        Self {
            error_type: "Failures".to_owned(),
            error_message: failures.to_string(),
        }
    }
}

/// Reads the configuration and prepares the way to AWS. Calls nothing.
fn start() -> Result<(Aws, Config), Error> {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL")
        .ok()
        .and_then(|level| level.to_lowercase().parse().ok());
    tracing_subscriber::fmt()
        .json()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_current_span(false)
        .with_span_list(false)
        .init();
    let config = Config::read(|name| std::env::var(name).ok())?;
    Ok((Aws::in_lambda(&config.region), config))
}

/// The time, in whole seconds: what is recorded is read by people.
#[expect(
    clippy::disallowed_methods,
    reason = "the one clock of the functions: everything below gets `now`"
)]
fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now)
}

/// The time until Lambda ends the invocation; none where the runtime names a time that has passed, as emulators do
/// that send a constant: an invocation that has just begun has some time.
fn time_left(deadline_ms: u64, now: Timestamp) -> Option<Duration> {
    let now = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let left = deadline_ms.checked_sub(now).filter(|left| *left > 0);
    left.map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_is_none() {
        let now = Timestamp::from_second(1_795_253_400).unwrap();
        let in_time = time_left(1_795_253_450_000, now);
        assert_eq!(in_time, Some(Duration::from_secs(50)));
        // What `cargo lambda watch` sends.
        assert_eq!(time_left(600_000, now), None);
    }
}
