//! `amiwright logs [KEY]`: what the functions said of an image, or of all.

mod entry;
mod tail;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

pub use self::entry::Entry;
pub use self::tail::{FunctionLog, LATE, Reading, Tail};
use super::hints::{CHECK_NETWORK, credentials_hint};
use super::options::Options;
use super::target::{Endpoint, check_key};
use super::terminal::Terminal;
use super::text::{plain, span};
use super::watch::duration;
use super::{connection, json as output, signals};
use crate::aws::{Aws, AwsError, Remedy};
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::limits;
use crate::manifest::location::S3Address;

/// How often the logs are read: CloudWatch takes ten requests a second of an account ("CloudWatch Logs quotas",
/// FilterLogEvents), and each of the three functions has a log.
const INTERVAL: Duration = Duration::from_secs(2);

/// How many readings in a row may fail with errors that pass.
const TRIES_MAX: u32 = 10;

/// Arguments of `amiwright logs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Key of a manifest, or s3://BUCKET/KEY, whose bucket is the stack's; all by default
    key: Option<String>,
    /// Go on and print what is written from now on, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How far back to begin, such as 30m or 2d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = since)]
    since: Duration,
    /// Name of the CloudFormation stack
    #[arg(long, env = "AMIWRIGHT_STACK", default_value = super::doctor::STACK)]
    stack: String,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// What `duration` takes, and days: `2d`.
fn since(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    match days {
        Some(days @ 1_u32..) => Ok(Duration::from_hours(24) * days),
        _ => duration(text).map_err(|_| "not a duration such as 90s, 30m, 2h or 2d".to_owned()),
    }
}

/// Prints what the functions said.
///
/// # Errors
/// If no Region is given, the key is not a manifest's, the stack or a log cannot be read, or there is too much.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let ended = signals::end()?;
    let key = args
        .key
        .as_deref()
        .map(|name| match S3Address::split(name) {
            Some((_, key)) => key,
            None => name,
        });
    key.map_or(Ok(()), check_key)?;
    let aws = args.endpoint.connect(options).await?;
    let view = View {
        terminal: options.terminal(),
        is_json: options.is_json(),
        shows_routine: options.verbosity() > 0,
    };
    let since = SignedDuration::try_from(args.since).unwrap_or(SignedDuration::MAX);
    let since = now.saturating_sub(since).unwrap_or(Timestamp::UNIX_EPOCH);
    let since = since.max(Timestamp::UNIX_EPOCH);
    let logs = logs_of(&aws, &args.stack).await?;
    let mut tail = Tail::new(logs, key, since);
    if args.follow {
        // It tries again by itself, and says so.
        let aws = aws.without_retries();
        return tokio::select! {
            failed = follow(&aws, &mut tail, now, view, out) => failed.map(|never| match never {}),
            () = ended => Ok(Exit::Interrupted.into()),
        };
    }
    let reading = tail.read(&aws, now).await;
    let reading = reading.map_err(|error| cannot_read(&aws, &error))?;
    if view.is_json {
        let facts = json!({"stack": args.stack, "region": aws.region(), "since": since});
        let items = view.shown(&reading.entries).map(Entry::json).collect();
        output::write("logs", facts, items, out)?;
    } else {
        view.print(&reading.entries, out)?;
        if view.shown(&reading.entries).next().is_none() && !options.is_quiet() {
            say_nothing(key, now.duration_since(since))?;
        }
    }
    if reading.is_cut {
        let message = format!("more than {} entries of one function", limits::LOG_EVENTS);
        let hint = "the first were printed: name a KEY, or a shorter --since";
        return Err(Error::new(message).with_hint(hint));
    }
    Ok(ExitCode::SUCCESS)
}

fn say_nothing(key: Option<&str>, ago: SignedDuration) -> io::Result<()> {
    let what = key.map_or_else(String::new, |key| format!(" about {}", plain(key)));
    let ago = span(ago);
    writeln!(
        io::stderr(),
        "Nothing was logged{what} in the last {ago}; --since looks further back"
    )
}

/// What is shown, and how.
#[derive(Debug, Clone, Copy)]
struct View {
    terminal: Terminal,
    is_json: bool,
    shows_routine: bool,
}

impl View {
    fn shown(self, entries: &[Entry]) -> impl Iterator<Item = &Entry> {
        let entries = entries.iter();
        entries.filter(move |entry| self.shows_routine || !entry.is_routine)
    }

    /// One line an entry, in JSON, too.
    fn print(self, entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
        for entry in self.shown(entries) {
            match self.is_json {
                true => writeln!(out, "{}", Value::to_string(&entry.json()))?,
                false => writeln!(out, "{}", entry.line(self.terminal))?,
            }
        }
        out.flush()
    }
}

/// Prints what is new until it cannot be read.
async fn follow(
    aws: &Aws,
    tail: &mut Tail,
    now: Timestamp,
    view: View,
    out: &mut dyn Write,
) -> Result<std::convert::Infallible, Error> {
    let started = Instant::now();
    let (mut failures, mut read_at) = (0, None);
    loop {
        let now = now.saturating_add(started.elapsed()).unwrap_or(now);
        match tail.read(aws, now).await {
            Ok(reading) => {
                failures = 0;
                read_at = Some(Instant::now());
                view.print(&reading.entries, out)?;
                if reading.is_cut {
                    continue;
                }
            }
            Err(error) if error.remedy != Remedy::Never && failures + 1 < TRIES_MAX => {
                failures += 1;
                let ago = read_at.map(|at| at.elapsed());
                let trouble = connection::trouble(&error, (failures + 1, TRIES_MAX), ago);
                writeln!(io::stderr(), "{}", plain(&trouble))?;
            }
            Err(error) => return Err(cannot_read(aws, &error)),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The logs of the functions of a stack, found as `amiwright doctor` finds them.
///
/// # Errors
/// If the stack or one of its functions cannot be seen, or has no log.
pub async fn logs_of(aws: &Aws, stack: &str) -> Result<Vec<FunctionLog>, Error> {
    let deployed = aws.deployed_stack(stack).await;
    let deployed = deployed.map_err(|error| cannot_read(aws, &error))?;
    let Some(deployed) = deployed else {
        let message = format!("there is no stack {} in {}", plain(stack), aws.region());
        let hint = "name it with --stack or AMIWRIGHT_STACK, and its Region with --region";
        return Err(Error::new(message).with_hint(hint));
    };
    let mut logs = Vec::new();
    let resources = deployed.resources.iter();
    for function in resources.filter(|it| it.kind == "AWS::Lambda::Function") {
        let name = function.physical_id.as_deref().unwrap_or_default();
        let state = aws.function_state(name).await;
        let state = state.map_err(|error| cannot_read(aws, &error))?;
        let group = state.and_then(|state| state.log_group).ok_or_else(|| {
            let message = format!("the function {} of the stack has no log", plain(name));
            Error::new(message).with_hint("deploy the stack again")
        })?;
        let function = in_kebab_case(&function.logical_id);
        logs.push(FunctionLog { function, group });
    }
    if logs.is_empty() {
        let message = format!("the stack {} has no functions", plain(stack));
        return Err(
            Error::new(message).with_hint("check that --stack names the stack of amiwright")
        );
    }
    Ok(logs)
}

/// A logical id as the documents name the function: `register-image`.
fn in_kebab_case(logical_id: &str) -> String {
    let mut name = String::new();
    for c in logical_id.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// The error for what cannot be read, with a hint for the usual causes.
#[must_use]
pub fn cannot_read(aws: &Aws, error: &AwsError) -> Error {
    let failed = Error::new(plain(&error.to_string()));
    if error.is_denied() {
        let permission = match error.action {
            "DescribeStacks" | "DescribeStackResources" => "cloudformation",
            "GetFunctionConfiguration" => "lambda",
            _ => "logs",
        };
        let permission = format!("{permission}:{}", error.action);
        return failed.with_hint(format!(
            "allow {permission} on it, as the stack's output OperatorPolicyArn does"
        ));
    }
    if let Some(hint) = credentials_hint(error) {
        return failed.with_hint(hint);
    }
    if error.has_code("ResourceNotFoundException") {
        let hint = format!(
            "the log group was deleted, or is not in {}: deploy the stack again",
            aws.region()
        );
        return failed.with_hint(hint);
    }
    if error.is_throttled() {
        return failed.with_hint(
            "the account has reached the quota of CloudWatch Logs for FilterLogEvents: run it again in some seconds",
        );
    }
    match error.is_unanswered() {
        true => failed.with_hint(CHECK_NETWORK).with_exit(Exit::Unreachable),
        false => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_durations_too() {
        assert_eq!(since("2d"), Ok(Duration::from_secs(2 * 86_400)));
        assert_eq!(since("90m"), Ok(Duration::from_secs(5400)));
        for invalid in ["", "d", "0d", "-1d", "soon"] {
            assert!(since(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn functions_are_named_as_in_the_documents() {
        for (id, name) in [("RegisterImage", "register-image"), ("Notify", "notify")] {
            assert_eq!(in_kebab_case(id), name);
        }
    }
}
