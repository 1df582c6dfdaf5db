//! `amiwright demo`: the whole workflow in under half a minute, on real input, with checks at the end.

mod examples;
mod outcome;
mod show;
mod state;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use localaws::ec2::{Era, TaskKind};
use tokio::time::Instant;

use super::local_stack::{LocalStack, Setup, TEMPLATE};
use super::progress::{Progress, Stage};
use super::{cancel, signals};
use crate::aws::Aws;
use crate::cli::error::Error;
use crate::config::Config;
use crate::image::Status;
use crate::image::words::Step;
use crate::reconcile::Context;
use examples::{CANCELLED, MANIFESTS, UPLOADS};
use outcome::Outcome;
use state::{is_open, status};

/// How fast time passes for EC2 and the schedules: the tick of every minute comes every other second.
const SPEED: f64 = 30.0;

/// How long the images may take. A few seconds are usual; a busy machine may need more.
const TIME_LIMIT: Duration = Duration::from_secs(90);

/// How many simulated seconds the tasks of EC2 take: some ticks each, so that there is progress to see. The import of
/// the virtual machine would take longer than the demo: it is cancelled.
const TASK_TIMES: [(TaskKind, u64); 4] = [
    (TaskKind::ImportSnapshot, 240),
    (TaskKind::BundleInstance, 210),
    (TaskKind::CopyImage, 150),
    (TaskKind::ImportImage, 900),
];

/// Progress in percent at which the import is cancelled: visibly in progress.
const CANCEL_AT: u8 = 10;

/// How often the statuses are read, for the progress bars.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long nothing may change after the second upload: a little more than two ticks of the schedule.
const QUIET: Duration = Duration::from_secs(5);

/// The Region of the demo.
const REGION: &str = "us-east-1";

/// Arguments of `amiwright demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keep the directory for inspection
    #[arg(long)]
    keep: bool,
    /// Directory to run in, empty or new; it is kept [default: a temporary directory]
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// If the stack does not start, or the output cannot be written. Failed checks are printed, with exit code 1.
pub(super) async fn run(
    args: &Args,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    // A closed pipe must not hide that the checks were not reached.
    let unseen = |error| Error::from_source("cannot write the output of the demo", error);
    demonstrate(args, now, out)
        .await
        .map_err(|error| match error {
            Error::Output(error) => unseen(error),
            other => other,
        })
}

async fn demonstrate(args: &Args, now: Timestamp, out: &mut dyn Write) -> Result<ExitCode, Error> {
    let directory = directory(args, now)?;
    let setup = Setup {
        template: TEMPLATE,
        directory: directory.as_deref(),
        port: 0,
        speed: SPEED,
        parameters: &BTreeMap::new(),
        region: REGION,
        era: Era::Classic,
        now,
    };
    let ended = signals::end()?;
    let stack = LocalStack::start(setup).await?;
    for (kind, seconds) in TASK_TIMES {
        let time = Duration::from_secs(seconds);
        stack.world.ec2().set_task_time(kind, time);
    }
    let played = tokio::select! {
        played = play(&stack, now, out) => played,
        () = ended => Err(Error::new("the demo was interrupted")),
    };
    let logs = if matches!(played, Ok(ref wrong) if wrong.is_empty()) {
        Vec::new()
    } else {
        show::log_tails(&stack.world)
    };
    stack.close().await;
    let wrong = played?;
    for (name, tail) in logs {
        writeln!(out, "\nLast lines of the log of {name}:\n{tail}")?;
    }
    if let Some(directory) = directory {
        writeln!(out, "\nEverything is kept in {}.", directory.display())?;
    }
    Ok(show::verdict(&wrong, out)?)
}

/// The directory, if it is kept. It must be empty: the emails of an earlier demo would be counted.
fn directory(args: &Args, now: Timestamp) -> Result<Option<PathBuf>, Error> {
    if let Some(directory) = &args.dir {
        let mut entries = std::fs::read_dir(directory).ok();
        if entries
            .as_mut()
            .is_some_and(|entries| entries.next().is_some())
        {
            return Err(Error::new(format!("{} is not empty", directory.display()))
                .with_hint("use a new directory"));
        }
        return Ok(Some(directory.clone()));
    }
    Ok(args
        .keep
        .then(|| std::env::temp_dir().join(format!("amiwright-demo-{}", now.as_second()))))
}

/// Uploads the examples twice. Returns the checks that failed.
async fn play(
    stack: &LocalStack,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<Vec<String>, Error> {
    let started = Instant::now();
    show::opening(stack, out)?;
    upload(stack, UPLOADS.iter().copied()).await?;
    let on_terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    let progress = Progress::new(on_terminal);
    let in_time = watch(stack, progress, (started, now), out).await?;
    let outcome = Outcome::gather(stack).await?;
    show::outcome(&outcome, out)?;
    let mut wrong = outcome.differences();
    if !in_time {
        wrong.push(format!(
            "not everything was finished after {} s",
            TIME_LIMIT.as_secs()
        ));
        return Ok(wrong);
    }
    writeln!(
        out,
        "Finished after {:.1} s. Uploading the same files again, except {}, as that would start the cancelled image again ...",
        started.elapsed().as_secs_f64(),
        CANCELLED.key
    )?;
    let again = UPLOADS
        .iter()
        .copied()
        .filter(|(key, _)| *key != CANCELLED.key);
    upload(stack, again).await?;
    stack.world.settle().await;
    tokio::time::sleep(QUIET).await;
    stack.world.settle().await;
    let again = Outcome::gather(stack).await?;
    let changes = again.changes_since(&outcome);
    if changes.is_empty() {
        writeln!(out, "Nothing changed: the same AMIs, no further email.")?;
    }
    wrong.extend(changes);
    writeln!(
        out,
        "The demo took {:.1} s.",
        started.elapsed().as_secs_f64()
    )?;
    Ok(wrong)
}

async fn upload(
    stack: &LocalStack,
    files: impl Iterator<Item = (&'static str, &'static [u8])>,
) -> Result<(), Error> {
    for (key, content) in files {
        let put = stack
            .world
            .s3()
            .put(&stack.bucket, key, content.to_vec())
            .await;
        put.map_err(|error| Error::from_source(format!("cannot upload {key}"), error))?;
    }
    Ok(())
}

/// Shows the progress until everything is finished. Returns whether that was in time.
async fn watch(
    stack: &LocalStack,
    mut progress: Progress,
    (started, now): (Instant, Timestamp),
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let mut requested = false;
    loop {
        let mut finished = true;
        for manifest in MANIFESTS {
            let status = status(stack, manifest.key).await?;
            let open = is_open(stack, manifest.key).await?;
            finished &= !open
                && status
                    .as_ref()
                    .is_some_and(|status| status.state.is_final());
            let stage = Stage::of(status.as_ref(), Some(open));
            progress.show(manifest.key, &stage, started.elapsed(), out)?;
            if !requested
                && manifest.key == CANCELLED.key
                && status.is_some_and(|it| may_cancel(&it))
            {
                let elapsed = SignedDuration::try_from(started.elapsed()).unwrap_or_default();
                let answer =
                    cancel_import(stack, now.saturating_add(elapsed).unwrap_or(now)).await?;
                progress.say(&answer, out)?;
                requested = true;
            }
        }
        if finished || started.elapsed() > TIME_LIMIT {
            progress.finish();
            return Ok(finished);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Whether the task of the image to cancel has got far enough.
fn may_cancel(status: &Status) -> bool {
    status.build.step == Step::AwaitTask && status.build.progress.is_some_and(|it| it >= CANCEL_AT)
}

/// Does what `amiwright cancel` does.
async fn cancel_import(stack: &LocalStack, now: Timestamp) -> Result<String, Error> {
    let (url, region) = (stack.url(), stack.world.region());
    let aws = Aws::from_env(region, Some(&url)).await;
    let environment = stack.world.stack().functions.first();
    let config = Config::read(|name| match name {
        "AWS_REGION" => Some(region.to_owned()),
        name => environment.and_then(|function| function.environment.get(name).cloned()),
    });
    let config = config
        .map_err(|error| Error::from_source("the template lacks variables of a function", error))?;
    let key = CANCELLED.key;
    let answer = cancel::cancel(Context::new(&aws, &config, now), key).await?;
    Ok(format!("$ amiwright cancel {key}\n{key}: {answer}"))
}
