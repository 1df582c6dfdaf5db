//! `amiwright watch [KEY…]`: watches images until they finish, by polling their statuses.

mod rows;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::connection;
use super::progress::Progress;
use super::signals;
use super::target::{Target, cannot_read, check_key};
use crate::aws::{AwsError, Remedy};
use crate::cli::error::Error;
use crate::config::Config;
use crate::reconcile::Context;
use rows::Rows;

/// How many polls in a row may fail with errors that pass: a short loss of the connection ends no long watch.
const TRIES_MAX: u32 = 10;

/// How often the statuses are read.
const INTERVAL: Duration = Duration::from_secs(2);

/// Shortest interval between two polls: a status changes once in seconds.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What a shell reports for a process that Ctrl-C ended: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Arguments of `amiwright watch`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keys of manifests, or s3://BUCKET/KEY, uploaded or not yet; all open images by default
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// How often to read the statuses
    #[arg(long, default_value = "2s", value_parser = duration)]
    interval: Duration,
    /// How long to watch, such as 90s or 2h; the images continue without it
    #[arg(long, value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    target: Target,
}

/// `90s`, `30m`, `1h 30m`; a number alone is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|duration| duration.try_into().ok()),
    };
    parsed
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "not a duration such as 90s, 30m or 2h".to_owned())
}

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Keys of manifests; empty for all open images.
    pub keys: Vec<String>,
    /// The interval between two polls.
    pub interval: Duration,
    /// How long to watch; none for no limit.
    pub timeout: Option<Duration>,
    /// Whether to draw bars on standard error.
    pub bars: bool,
}

/// Watches until all images have finished, or until Ctrl-C.
///
/// # Errors
/// If no bucket or Region is given, the bucket cannot be read, or the time is up.
pub(super) async fn run(
    args: &Args,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let ended = signals::end()?;
    let (config, keys) = config_and_keys(args).await?;
    let aws = args.target.connect_to_poll(&config).await;
    let watch = Watch {
        keys,
        interval: args.interval.max(INTERVAL_MIN),
        timeout: args.timeout,
        bars: std::io::stdout().is_terminal() && std::io::stderr().is_terminal(),
    };
    let context = Context::new(&aws, &config, now);
    until(ended, context, &watch, out).await
}

/// Watches these images until they have finished, or until Ctrl-C.
///
/// # Errors
/// As [`run`].
pub(super) async fn follow(
    context: Context<'_>,
    keys: Vec<String>,
    timeout: Option<Duration>,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let ended = signals::end()?;
    let watch = Watch {
        keys,
        interval: INTERVAL,
        timeout,
        bars: std::io::stdout().is_terminal() && std::io::stderr().is_terminal(),
    };
    until(ended, context, &watch, out).await
}

async fn until(
    ended: impl Future<Output = ()>,
    context: Context<'_>,
    watch: &Watch,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    tokio::select! {
        finished = poll(context, watch, out) => {
            Ok(if finished? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        () = ended => {
            writeln!(
                std::io::stderr(),
                "\nStopped watching; the images continue (see amiwright status)"
            )?;
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// The configuration, and the keys without their bucket.
async fn config_and_keys(args: &Args) -> Result<(Config, Vec<String>), Error> {
    let mut config: Option<Config> = None;
    let mut keys = Vec::new();
    for name in &args.keys {
        let (other, key) = args.target.config_for(name).await?;
        // Without this it would be waited for in vain.
        check_key(key)?;
        let config = config.get_or_insert_with(|| other.clone());
        if other.bucket != config.bucket {
            let message = format!(
                "{} and {} are different buckets",
                config.bucket, other.bucket
            );
            return Err(Error::new(message).with_hint("watch one bucket at a time"));
        }
        keys.push(key.to_owned());
    }
    match config {
        Some(config) => Ok((config, keys)),
        None => Ok((args.target.config().await?, keys)),
    }
}

/// Watches until everything has finished. Returns whether all of it became available.
///
/// # Errors
/// If the bucket cannot be read, or the time is up.
pub async fn poll(context: Context<'_>, watch: &Watch, out: &mut dyn Write) -> Result<bool, Error> {
    let started = Instant::now();
    let mut rows = Rows::new(&watch.keys);
    let mut progress = Progress::new(watch.bars);
    let finished = poll_until_finished(context, watch, &mut rows, &mut progress, out).await;
    progress.finish();
    finished?;
    let now = context.now.saturating_add(started.elapsed()).ok();
    let now = now.unwrap_or(context.now);
    Ok(rows.conclude(&context.config.bucket, now, out)?)
}

async fn poll_until_finished(
    context: Context<'_>,
    watch: &Watch,
    rows: &mut Rows,
    progress: &mut Progress,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let started = Instant::now();
    let (mut failures, mut seen) = (0, None);
    loop {
        let failure = match rows.poll(context).await {
            Ok(()) => {
                (failures, seen) = (0, Some(Instant::now()));
                rows.show(progress, started.elapsed(), out)?;
                if rows.are_finished() {
                    return Ok(());
                }
                None
            }
            // Those that worked a moment ago are renewed; without any, there is nothing to wait for.
            Err(error) if seen.is_none() && error.lacks_credentials() => {
                return Err(cannot_read(context.config, &error));
            }
            Err(error) if error.remedy != Remedy::Never && failures + 1 < TRIES_MAX => {
                failures += 1;
                let ago = seen.map(|seen: Instant| seen.elapsed());
                let trouble = connection::trouble(&error, (failures + 1, TRIES_MAX), ago);
                progress.say(&trouble, out)?;
                Some(error)
            }
            Err(error) => return Err(cannot_read(context.config, &error)),
        };
        let pause = match watch.timeout {
            None => watch.interval,
            Some(timeout) => match timeout.checked_sub(started.elapsed()) {
                Some(left) if !left.is_zero() => watch.interval.min(left),
                _ => return Err(timed_out(rows, timeout, failure)),
            },
        };
        tokio::time::sleep(pause).await;
    }
}

fn timed_out(rows: &Rows, timeout: Duration, failure: Option<AwsError>) -> Error {
    let message = format!("timed out after {} s", timeout.as_secs_f64());
    let message = match rows.unfinished() {
        unfinished if unfinished.is_empty() => message,
        unfinished => format!("{message}: {}", unfinished.join("; ")),
    };
    let error = match failure {
        Some(failure) => Error::from_source(message, failure),
        None => Error::new(message),
    };
    error.with_hint("the images continue: watch again, or see amiwright status")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        for invalid in ["", "0", "-1", "-5m", "soon", "NaN", "inf"] {
            assert!(duration(invalid).is_err(), "{invalid}");
        }
    }
}
