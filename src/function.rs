//! The three functions as Lambda runs them: the world is built once, then each invocation is one call of a handler.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use lambda_runtime_api_client::Client;
use lambda_runtime_api_client::body::Body;
use serde_json::Value;
use tracing_subscriber::filter::LevelFilter;

use crate::advance_tasks::PollingHistory;
use crate::aws::Aws;
use crate::config::{Config, ConfigError};
use crate::metrics::Meter;
use crate::version::VERSION;
use crate::{advance_tasks, notify, register_image};

/// What Lambda sets for every function, and `lambda_runtime` panics without.
const OF_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];

/// The lowest level of our own lines. Lambda's own filter (`ApplicationLogLevel`) takes a line without a level for INFO
/// ("Log-level filtering", Lambda Developer Guide), so that WARN would lose what is measured.
const LOG_LEVEL: &str = "AMIWRIGHT_LOG_LEVEL";

/// Runs `register-image` until Lambda ends the process. Says in the log, and to Lambda, why it cannot.
pub async fn run_register_image() -> ExitCode {
    let start = start(|config| config.account_id().map(drop));
    let (aws, config) = &match start {
        Ok(start) => start,
        Err(error) => return refuse(&error).await,
    };
    let handler = async |event: LambdaEvent<Value>| {
        let (now, meter) = (now(), Meter::default());
        // Boxed, as below.
        let handled = register_image::handle(aws, config, event.payload, now, &meter);
        let answer = Box::pin(handled).await;
        print(&meter, config, now);
        answer
    };
    ended(lambda_runtime::run(service_fn(handler)).await)
}

/// Runs `advance-tasks`, as [`run_register_image`], with this polling history.
pub async fn run_advance_tasks(history: PollingHistory) -> ExitCode {
    let start = start(|config| config.account_id().and(config.sender()).map(drop));
    let (aws, config) = &match start {
        Ok(start) => start,
        Err(error) => return refuse(&error).await,
    };
    let handler = async |event: LambdaEvent<Value>| {
        let (now, meter) = (now(), Meter::default());
        let time_left = time_left(event.context.deadline, now);
        // Boxed: the compiler gives up on the size of a future this deep.
        let answer = Box::pin(advance_tasks::handle(
            aws,
            config,
            &history,
            &event.payload,
            now,
            time_left,
            &meter,
        ))
        .await;
        print(&meter, config, now);
        answer
    };
    ended(lambda_runtime::run(service_fn(handler)).await)
}

/// Runs `notify`, as [`run_register_image`].
pub async fn run_notify() -> ExitCode {
    let start = start(|config| config.sender().map(drop));
    let (aws, config) = &match start {
        Ok(start) => start,
        Err(error) => return refuse(&error).await,
    };
    let handler = async |event: LambdaEvent<Value>| {
        let (now, meter) = (now(), Meter::default());
        // Boxed, as above.
        let answer = Box::pin(notify::handle(aws, config, event.payload, now, &meter)).await;
        print(&meter, config, now);
        answer
    };
    ended(lambda_runtime::run(service_fn(handler)).await)
}

impl From<crate::Failures> for Diagnostic {
    fn from(failures: crate::Failures) -> Self {
        Self {
            error_type: "Failures".to_owned(),
            error_message: failures.to_string(),
        }
    }
}

/// Prints what an invocation measured: CloudWatch finds it in the log. Not by `tracing`, which would write a line of its own
/// form: a document has to be the whole line.
fn print(meter: &Meter, config: &Config, now: Timestamp) {
    let mut out = std::io::stdout().lock();
    for line in meter.take_lines(&config.stack, now) {
        if let Err(error) = out.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "what was measured cannot be printed");
        }
    }
}

/// Reads the configuration, asks `check` whether it is complete, and prepares the way to AWS. Calls nothing.
fn start(
    check: impl FnOnce(&Config) -> Result<(), ConfigError>,
) -> Result<(Aws, Config), ConfigError> {
    let level = std::env::var(LOG_LEVEL)
        .ok()
        .and_then(|level| level.to_lowercase().parse().ok());
    tracing_subscriber::fmt()
        .json()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_current_span(false)
        .with_span_list(false)
        .init();
    tracing::info!(version = VERSION, "starting");
    for name in OF_LAMBDA {
        if std::env::var_os(name).is_none() {
            return Err(ConfigError::outside_lambda(name));
        }
    }
    let config = Config::read(|name| std::env::var(name).ok())?;
    check(&config)?;
    Ok((Aws::in_lambda(&config.region), config))
}

/// Reports why the function cannot run ("Using the Lambda runtime API for custom runtimes", "Initialization error").
async fn refuse(error: &ConfigError) -> ExitCode {
    tracing::error!(%error, "cannot start");
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
        && let Err(error) = report_init_error(error).await
    {
        tracing::warn!(error, "the error was not reported to Lambda");
    }
    ExitCode::FAILURE
}

/// `lambda_runtime` reports no errors but its own while a function starts.
async fn report_init_error(error: &ConfigError) -> Result<(), Error> {
    let diagnostic = Diagnostic {
        error_type: "ConfigError".to_owned(),
        error_message: error.to_string(),
    };
    let request = lambda_runtime_api_client::build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", "Runtime.ConfigError")
        .body(Body::from(serde_json::to_vec(&diagnostic)?))?;
    Client::builder().build()?.call(request).await?;
    Ok(())
}

/// Lambda ends a function by a signal; when the runtime ends by itself, it is by an error.
fn ended(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "Lambda's runtime API failed");
            ExitCode::FAILURE
        }
    }
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
    fn a_deadline_in_the_past_is_ignored() {
        let now = Timestamp::from_second(1_795_253_400).unwrap();
        let in_time = time_left(1_795_253_450_000, now);
        assert_eq!(in_time, Some(Duration::from_secs(50)));
        // What `cargo lambda watch` sends.
        assert_eq!(time_left(600_000, now), None);
    }
}
