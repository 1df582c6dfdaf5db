//! `amiwright watch [KEY…]`: watches images until they finish, by polling their statuses.

mod look;
mod rows;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::Instant;

use super::hints::cannot_read;
use super::list::{Frame, Usual, frame};
use super::options::Options;
use super::progress::Progress;
use super::target::{Target, check_key};
use super::terminal::Terminal;
use super::{connection, json as output, signals};
use crate::aws::{AwsError, Remedy};
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::reconcile::Context;
use crate::status_store;
use rows::{Look, Rows};

/// How many polls in a row may fail with errors that pass: a short loss of the connection ends no long watch.
const TRIES_MAX: u32 = 10;

/// How often the statuses are read.
const INTERVAL: Duration = Duration::from_secs(2);

/// Shortest interval between two polls: a status changes once in seconds.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// How many finished images tell how long tasks usually take.
const USUAL_FROM: usize = 30;

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
    /// The manifests among them that this program has just uploaded: their `ETag`s, by their keys. The end of an older
    /// version is not what is waited for.
    pub uploads: BTreeMap<String, String>,
    /// The interval between two polls.
    pub interval: Duration,
    /// How long to watch; none for no limit.
    pub timeout: Option<Duration>,
    /// What the progress is shown on.
    pub terminal: Terminal,
    /// What is shown.
    pub shows: Shows,
}

impl Watch {
    /// The watch of these images that the options ask for.
    fn of(keys: Vec<String>, timeout: Option<Duration>, options: &Options) -> Self {
        Self {
            keys,
            uploads: BTreeMap::new(),
            interval: INTERVAL,
            timeout,
            terminal: options.terminal(),
            shows: match options.is_quiet() {
                _ if options.is_json() => Shows::Json,
                true => Shows::End,
                false => Shows::Progress,
            },
        }
    }
}

/// What a watch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The progress, and how it ended.
    Progress,
    /// How it ended.
    End,
    /// The statuses at the end, as JSON.
    Json,
}

/// Watches until all images have finished, or until Ctrl-C.
///
/// # Errors
/// If no bucket or Region is given, the bucket cannot be read, or the time is up.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let ended = signals::end()?;
    let (config, keys) = args.target.config_for_all(&args.keys).await?;
    // Without this they would be waited for in vain.
    keys.iter().try_for_each(|key| check_key(key))?;
    let aws = args.target.connect_to_poll(&config).await;
    let watch = Watch {
        interval: args.interval.max(INTERVAL_MIN),
        ..Watch::of(keys, args.timeout, options)
    };
    let context = Context::new(&aws, &config, now);
    until(ended, context, &watch, out).await
}

/// Watches the images of manifests that were just uploaded, each with its `ETag`, until they have finished, or until
/// Ctrl-C.
///
/// # Errors
/// As [`run`].
pub(super) async fn follow(
    context: Context<'_>,
    uploads: BTreeMap<String, String>,
    timeout: Option<Duration>,
    options: &Options,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let ended = signals::end()?;
    let keys = uploads.keys().cloned().collect();
    let watch = Watch {
        uploads,
        ..Watch::of(keys, timeout, options)
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
            Ok(if finished? { Exit::Done } else { Exit::ImageFailed }.into())
        }
        () = ended => {
            writeln!(
                io::stderr(),
                "\nStopped watching; the images continue (see amiwright status)"
            )?;
            Ok(Exit::Interrupted.into())
        }
    }
}

/// Watches until everything has finished. Returns whether all of it became available.
///
/// # Errors
/// If the bucket cannot be read, or the time is up.
pub async fn poll(context: Context<'_>, watch: &Watch, out: &mut dyn Write) -> Result<bool, Error> {
    let started = Instant::now();
    let mut rows = Rows::new(&watch.keys, &watch.uploads);
    let mut progress = Progress::new(watch.terminal);
    let finished = poll_until_finished(context, watch, &mut rows, &mut progress, out).await;
    progress.finish(out)?;
    finished?;
    let now = later(context.now, started);
    if watch.shows != Shows::Json {
        let terminal = watch.terminal.resized();
        return Ok(rows.conclude(&context.config.bucket, terminal, now, out)?);
    }
    let items = rows.statuses().map(|(key, status)| match status {
        Ok(status) => json!({"key": key, "state": status.state, "status": status}),
        Err(error) => json!({"key": key, "error": error}),
    });
    let summary = json!({"summary": super::list::summary(&rows.rows(now))});
    output::write("watch", summary, items.collect(), out)?;
    Ok(rows.are_successful())
}

fn later(now: Timestamp, started: Instant) -> Timestamp {
    now.saturating_add(started.elapsed()).unwrap_or(now)
}

/// What happens while images are watched, for the screen.
struct View<'a> {
    watch: &'a Watch,
    now: Timestamp,
    started: Instant,
    /// When the statuses were read, if they were.
    looked_at: Option<Instant>,
    /// Why they cannot be read now.
    trouble: Option<String>,
}

impl View<'_> {
    /// Shows what is new.
    fn show(&self, rows: &Rows, progress: &mut Progress, out: &mut dyn Write) -> io::Result<()> {
        if self.watch.shows != Shows::Progress {
            return Ok(());
        }
        if progress.is_live() {
            return self.draw(rows, progress, out);
        }
        let mut lines = rows.lines();
        lines.try_for_each(|(key, line)| progress.line(key, &line, self.started.elapsed(), out))
    }

    fn draw(&self, rows: &Rows, progress: &mut Progress, out: &mut dyn Write) -> io::Result<()> {
        if self.watch.shows != Shows::Progress {
            return Ok(());
        }
        let now = later(self.now, self.started);
        let rows = rows.rows(now);
        let ago = self
            .looked_at
            .map(|at| SignedDuration::try_from(at.elapsed()));
        let last_look = ago.map(Result::unwrap_or_default);
        let lines = |terminal, step| {
            let drawn = Frame {
                terminal,
                step,
                last_look,
                trouble: self.trouble.as_deref(),
            };
            frame(&rows, drawn, now)
        };
        progress.draw(lines, out)
    }

    /// Waits for something, drawing meanwhile; none if the time is up before.
    async fn during<T>(
        &self,
        what: impl Future<Output = T>,
        rows: &Rows,
        progress: &mut Progress,
        out: &mut dyn Write,
    ) -> io::Result<Option<T>> {
        // A time that no clock shows is no limit.
        let end = self.watch.timeout;
        let end = end.and_then(|timeout| self.started.checked_add(timeout));
        let limited = async {
            match end {
                None => Some(what.await),
                Some(end) => tokio::time::timeout_at(end, what).await.ok(),
            }
        };
        progress
            .during(limited, |progress| self.draw(rows, progress, out))
            .await
    }
}

async fn poll_until_finished(
    context: Context<'_>,
    watch: &Watch,
    rows: &mut Rows,
    progress: &mut Progress,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let started = Instant::now();
    let mut view = View {
        watch,
        now: context.now,
        started,
        looked_at: None,
        trouble: None,
    };
    let (mut failures, mut failure) = (0, None);
    let timeout = watch.timeout.unwrap_or_default();
    loop {
        let looked: Option<Result<Look, AwsError>> = {
            let look = rows.look(context);
            view.during(look, rows, progress, out).await?
        };
        match looked {
            None => return Err(timed_out(rows, &view, timeout, failure)),
            Some(Ok(look)) => {
                rows.update(look);
                (failures, failure, view.trouble) = (0, None, None);
                view.looked_at = Some(Instant::now());
                view.show(rows, progress, out)?;
                if rows.are_finished() {
                    return Ok(());
                }
            }
            // Those that worked a moment ago are renewed; without any, there is nothing to wait for.
            Some(Err(error)) if view.looked_at.is_none() && error.lacks_credentials() => {
                return Err(cannot_read(context.config, &error));
            }
            Some(Err(error)) if error.remedy != Remedy::Never && failures + 1 < TRIES_MAX => {
                failures += 1;
                let tries = (failures + 1, TRIES_MAX);
                // On a screen the time goes on by itself.
                let seen = view.looked_at.filter(|_| !progress.is_live());
                let ago = seen.map(|at| at.elapsed());
                let trouble = connection::trouble(&error, tries, ago);
                if !progress.is_live() && watch.shows == Shows::Progress {
                    progress.say(&trouble, out)?;
                }
                (view.trouble, failure) = (Some(trouble), Some(error));
            }
            Some(Err(error)) => return Err(cannot_read(context.config, &error)),
        }
        if watch.terminal.live && watch.shows == Shows::Progress && failures == 0 {
            let asked = usual(context, rows);
            match view.during(asked, rows, progress, out).await? {
                None => return Err(timed_out(rows, &view, timeout, failure)),
                Some(usual) => usual.into_iter().for_each(|usual| rows.expect(usual)),
            }
        }
        let pause = tokio::time::sleep(watch.interval);
        if view.during(pause, rows, progress, out).await?.is_none() {
            return Err(timed_out(rows, &view, timeout, failure));
        }
    }
}

/// How long tasks usually take: what the images tell that ended last. Asked once; not knowing it is no error.
async fn usual(context: Context<'_>, rows: &Rows) -> Option<Usual> {
    if rows.knows_usual() {
        return None;
    }
    let latest = status_store::list_latest(context.aws, context.config, USUAL_FROM).await;
    let latest = latest.unwrap_or_default();
    Some(Usual::of(latest.iter().map(|loaded| &loaded.status)))
}

fn timed_out(rows: &Rows, view: &View<'_>, timeout: Duration, failure: Option<AwsError>) -> Error {
    let seconds = timeout.as_secs_f64();
    let message = match (view.looked_at, &failure) {
        (None, None) => format!("timed out after {seconds} s without an answer of S3"),
        _ => format!("timed out after {seconds} s"),
    };
    let message = match rows.unfinished() {
        unfinished if unfinished.is_empty() => message,
        unfinished => format!("{message}: {}", unfinished.join("; ")),
    };
    let error = match failure {
        Some(failure) => Error::from_source(message, failure),
        None => Error::new(message),
    };
    error
        .with_hint("the images continue: watch again, or see amiwright status")
        .with_exit(Exit::TimedOut)
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
