//! `amiwright watch [KEY…]`: follows images to their end, as their statuses in the bucket tell of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::progress::{Progress, Stage};
use super::target::{Target, cannot_load, cannot_read};
use super::text::plain;
use super::{Error, signals};
use crate::aws::{AwsError, Remedy};
use crate::config::Config;
use crate::image::Status;
use crate::image::status::State;
use crate::manifest::key;
use crate::reconcile::{self, Context};
use crate::store::{self, StoreError};

/// Statuses that are read at once.
const READS_AT_ONCE: usize = 16;

/// How many looks in a row may fail for reasons that pass: a connection that is lost for a moment ends no long watch.
const FAILURES_MAX: u32 = 10;

/// Shortest pause between two looks: a status changes once in seconds.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What a shell makes of Ctrl-C: 128 and the signal's number.
const BROKEN_OFF: u8 = 130;

/// Arguments of `amiwright watch`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keys of manifests, or s3://BUCKET/KEY, also of such as are still to be uploaded; without any, all that is open.
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// How often the statuses are looked at.
    #[arg(long, default_value = "2s", value_parser = time)]
    interval: Duration,
    /// After how long to give up watching, such as 90s or 2h; the images go on.
    #[arg(long, value_parser = time)]
    timeout: Option<Duration>,
    #[command(flatten)]
    target: Target,
}

/// `90s`, `30m`, `1h 30m`; a bare number is seconds.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "a time such as 90s, 30m or 2h".to_owned();
    let seconds = text.parse::<f64>().ok();
    let time = match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?,
        None => {
            let time: SignedDuration = text.parse().map_err(|_| wrong())?;
            Duration::try_from(time).map_err(|_| wrong())?
        }
    };
    if time.is_zero() {
        Err(wrong())
    } else {
        Ok(time)
    }
}

/// What is watched, and how.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Keys of manifests; none for all that is open.
    pub keys: Vec<String>,
    /// The pause between two looks.
    pub interval: Duration,
    /// After how long to give up; none for never.
    pub timeout: Option<Duration>,
    /// Whether to draw bars on standard error.
    pub bars: bool,
}

/// Watches until all has ended, or somebody has seen enough.
///
/// # Errors
/// If nobody says which bucket, it cannot be read, or the time is up.
pub(super) async fn run(
    args: &Args,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let ended = signals::end()?;
    let (config, keys) = targets(args)?;
    let aws = args.target.connect(&config).await;
    let watch = Watch {
        keys,
        interval: args.interval.max(INTERVAL_MIN),
        timeout: args.timeout,
        bars: std::io::stdout().is_terminal() && std::io::stderr().is_terminal(),
    };
    let context = Context::new(&aws, &config, now);
    tokio::select! {
        followed = follow(context, &watch, out) => {
            Ok(if followed? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        () = ended => {
            writeln!(std::io::stderr(), "\nNo longer watching; the images go on without it (amiwright status)")?;
            Ok(ExitCode::from(BROKEN_OFF))
        }
    }
}

/// The bucket and the keys.
fn targets(args: &Args) -> Result<(Config, Vec<String>), Error> {
    let mut named = args.keys.iter().map(|key| args.target.config_for(key));
    let Some(first) = named.next() else {
        return Ok((args.target.config()?, Vec::new()));
    };
    let (config, key) = first?;
    let mut keys = vec![key.to_owned()];
    for other in named {
        let (other, key) = other?;
        if other.bucket != config.bucket {
            let what = format!("{} and {} are two buckets", config.bucket, other.bucket);
            return Err(Error::new(what).with_hint("watch one at a time"));
        }
        keys.push(key.to_owned());
    }
    // It would be waited for in vain.
    if let Some(other) = keys
        .iter()
        .find(|key| key::kind(key, config.state.as_str()).is_none())
    {
        let what = format!("{} can be no manifest", plain(other));
        return Err(Error::new(what).with_hint(
            "manifests end in .image.yaml, .image.yml, .image.json or .manifest.xml, and are not under the state prefix",
        ));
    }
    Ok((config, keys))
}

/// What was last seen of an image.
#[derive(Debug)]
enum Seen {
    /// No status yet.
    Nothing,
    /// Its status. `over` says that nothing more will come of this version.
    Status { status: Box<Status>, over: bool },
    /// A status that this program cannot read.
    Unreadable(String),
}

impl Seen {
    fn is_over(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Status { over, .. } => *over,
            Self::Unreadable(_) => true,
        }
    }

    fn stage(&self, key: &str, open: bool) -> Stage {
        match self {
            Self::Nothing if open => Stage::of(None, Some(true)),
            Self::Nothing => Stage::new(0, format!("waiting for a status of {}", plain(key))),
            Self::Status { status, over } if status.state.is_final() && !over && !open => {
                Stage::new(0, "waiting for the new version to be taken up")
            }
            Self::Status { status, .. } => Stage::of(Some(status), open.then_some(true)),
            Self::Unreadable(why) => Stage::new(100, plain(why)),
        }
    }

    fn state(&self) -> Option<State> {
        match self {
            Self::Status { status, .. } => Some(status.state),
            Self::Nothing | Self::Unreadable(_) => None,
        }
    }
}

/// All that is watched, by key.
type Rows = BTreeMap<String, Seen>;

/// Follows what is watched to its end. Returns whether all of it became available.
///
/// # Errors
/// If the bucket cannot be read, or the time is up.
pub async fn follow(
    context: Context<'_>,
    watch: &Watch,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let started = Instant::now();
    let mut progress = Progress::new(watch.bars);
    let mut rows: Rows = watch
        .keys
        .iter()
        .map(|key| (key.clone(), Seen::Nothing))
        .collect();
    let mut failures = 0;
    let followed = loop {
        match look(context, watch, &mut rows).await {
            Ok(open) => {
                failures = 0;
                for (key, seen) in &rows {
                    let stage = seen.stage(key, open.contains(key));
                    progress.show(key, &stage, started.elapsed(), out)?;
                }
                if is_over(watch, &rows, &open) {
                    break Ok(());
                }
            }
            Err(error) if error.remedy != Remedy::Never && failures < FAILURES_MAX => failures += 1,
            Err(error) => break Err(cannot_read(context.config, &error)),
        }
        if let Some(timeout) = watch.timeout
            && started.elapsed() >= timeout
        {
            break Err(timed_out(&rows, timeout));
        }
        tokio::time::sleep(watch.interval).await;
    };
    progress.finish();
    followed?;
    conclude(context.config, watch, &rows, out)
}

/// Looks at everything once. Returns what is open.
async fn look(
    context: Context<'_>,
    watch: &Watch,
    rows: &mut Rows,
) -> Result<BTreeSet<String>, AwsError> {
    let open: BTreeSet<String> = store::list_open(context.aws, context.config)
        .await?
        .into_iter()
        .map(|marker| marker.manifest_key)
        .collect();
    if watch.keys.is_empty() {
        for key in &open {
            rows.entry(key.clone()).or_insert(Seen::Nothing);
        }
    }
    let due: Vec<String> = rows
        .iter()
        .filter(|(key, seen)| !seen.is_over() || (watch.keys.is_empty() && open.contains(*key)))
        .map(|(key, _)| key.clone())
        .collect();
    let looks: Vec<_> = due
        .into_iter()
        .map(|key| async move {
            let seen = look_at(context, &key).await;
            (key, seen)
        })
        .collect();
    let mut looks = stream::iter(looks).buffered(READS_AT_ONCE);
    while let Some((key, seen)) = looks.next().await {
        rows.insert(key, seen?);
    }
    Ok(open)
}

async fn look_at(context: Context<'_>, key: &str) -> Result<Seen, AwsError> {
    let loaded = match store::load(context.aws, context.config, key).await {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return Ok(Seen::Nothing),
        Err(StoreError::Aws(error)) => return Err(error),
        Err(error) => {
            return Ok(Seen::Unreadable(
                cannot_load(context.config, &error).to_string(),
            ));
        }
    };
    let status = Box::new(loaded.status);
    let told = status.state.is_final() && status.unsent().next().is_none();
    // Somebody who uploads a new version and watches wants to see that one, not how the last one ended. Who may not
    // read the manifest sees what the status says.
    let over = told
        && !reconcile::is_outdated(context, &status)
            .await
            .unwrap_or(false);
    Ok(Seen::Status { status, over })
}

/// Whether there is nothing left to wait for.
fn is_over(watch: &Watch, rows: &Rows, open: &BTreeSet<String>) -> bool {
    if watch.keys.is_empty() {
        // Without a status, and no longer open: it was no manifest.
        let gone = |seen: &Seen| matches!(seen, Seen::Nothing);
        let unreadable = |key: &String| matches!(rows.get(key), Some(Seen::Unreadable(_)));
        return open.iter().all(unreadable)
            && rows.values().all(|seen| seen.is_over() || gone(seen));
    }
    rows.values().all(Seen::is_over)
}

fn timed_out(rows: &Rows, timeout: Duration) -> Error {
    let left: Vec<String> = rows
        .iter()
        .filter(|(_, seen)| !seen.is_over())
        .map(|(key, seen)| match seen {
            Seen::Status { status, .. } => {
                let stage = Stage::of(Some(status), None);
                format!("{key} is {}: {}", status.place(), stage.words)
            }
            _ => format!("{key} has no status"),
        })
        .collect();
    let seconds = timeout.as_secs_f64();
    Error::new(format!("after {seconds} s, {}", left.join("; ")))
        .with_hint("the images go on; watch again, or look with amiwright status")
}

/// Says how it all ended.
fn conclude(
    config: &Config,
    watch: &Watch,
    rows: &Rows,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    if rows.is_empty() {
        writeln!(out, "Nothing is open in s3://{}.", config.bucket)?;
        return Ok(true);
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut good = true;
    for seen in rows.values() {
        // The image manifest beside such a bundle is watched in its place, unless somebody wants to know of the bundle.
        let is_another = seen.state() == Some(State::Superseded) && watch.keys.is_empty();
        good &= seen.state() == Some(State::Available) || is_another;
        let state = seen
            .state()
            .map_or_else(|| "unreadable".to_owned(), |state| state.to_string());
        *counts.entry(state).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    writeln!(out, "Ended: {}.", counts.join(", "))?;
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_have_a_unit() {
        assert_eq!(time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(time("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("1h 30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "0", "-1", "-5m", "soon", "NaN", "inf"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
