//! `amiwright demo`: the whole workflow in under half a minute, on real input, with checks at the end.

mod examples;
mod outcome;
mod show;
mod state;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use localaws::ec2::{Era, TaskKind};
use tokio::time::Instant;

use super::list::{self, Frame, Known, Row, Usual};
use super::local_stack::{self, LocalStack, Setup, TEMPLATE};
use super::options::Options;
use super::progress::Progress;
use super::progress_text::stage;
use super::terminal::Terminal;
use super::{cancel, signals};
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::image::Status;
use crate::image::words::Step;
use crate::reconcile::Context;
use examples::{CANCELLED, MANIFESTS, REGION, UPLOADS};
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

/// Arguments of `amiwright demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keep the directory for inspection
    #[arg(long)]
    keep: bool,
    /// Directory to run in, empty or new; it is kept [default: a temporary directory]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print the emails in full
    #[arg(long)]
    emails: bool,
}

/// Runs the demo.
///
/// # Errors
/// If the stack does not start, or the output cannot be written. Failed checks are printed, with exit code 1.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    // A closed pipe must not hide that the checks were not reached.
    let unseen = |error| Error::from_source("cannot write the output of the demo", error);
    demonstrate(args, options, now, out)
        .await
        .map_err(|error| match error {
            Error::Output(error) => unseen(error),
            other => other,
        })
}

async fn demonstrate(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
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
        watchers: None,
    };
    let ended = signals::end()?;
    let stack = LocalStack::start(setup).await?;
    for (kind, seconds) in TASK_TIMES {
        let time = Duration::from_secs(seconds);
        stack.world.ec2().set_task_time(kind, time);
    }
    let shown = Shown {
        terminal: options.terminal(),
        emails: args.emails,
    };
    let mut silence = io::sink();
    let lines: &mut dyn Write = match options.is_quiet() {
        true => &mut silence,
        false => &mut *out,
    };
    let played = tokio::select! {
        played = play(&stack, shown, now, lines) => played,
        () = ended => {
            // The terminal has written `^C` where the cursor was.
            let _ = writeln!(io::stderr());
            Err(Error::new("the demo was interrupted").with_exit(Exit::Interrupted))
        }
    };
    let logs = if matches!(played, Ok(ref wrong) if wrong.is_empty()) {
        Vec::new()
    } else {
        show::log_tails(&stack.world)
    };
    let is_saved = stack.close().await;
    let wrong = played?;
    for (name, tail) in logs {
        writeln!(out, "\nLast lines of the log of {name}:\n{tail}")?;
    }
    if let Some(directory) = directory {
        if !is_saved {
            return Err(local_stack::not_saved(&directory));
        }
        writeln!(out, "\nEverything is kept in {}.", directory.display())?;
    }
    if !options.is_quiet() {
        writeln!(out)?;
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

/// What the demo shows, and on what.
#[derive(Debug, Clone, Copy)]
struct Shown {
    terminal: Terminal,
    /// Whether emails are shown in full.
    emails: bool,
}

/// Uploads the examples twice. Returns the checks that failed.
async fn play(
    stack: &LocalStack,
    shown: Shown,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<Vec<String>, Error> {
    let started = Instant::now();
    show::opening(stack, out)?;
    upload(stack, UPLOADS.iter().copied()).await?;
    let mut progress = Progress::new(shown.terminal);
    let in_time = watch(stack, &mut progress, (started, now), out).await?;
    let outcome = Outcome::gather(stack).await?;
    let mut wrong = outcome.differences();
    if in_time {
        wrong.extend(play_again(stack, &outcome, &mut progress, out).await?);
    } else {
        wrong.push(format!(
            "not everything was finished after {} s",
            TIME_LIMIT.as_secs()
        ));
    }
    show::emails(&outcome, shown.emails, out)?;
    let rows: Vec<Row> = read(stack, later(now, started))
        .await?
        .into_iter()
        .map(|it| it.row)
        .collect();
    show::images(&rows, shown.terminal.resized(), later(now, started), out)?;
    writeln!(
        out,
        "\nThe demo took {:.1} s.",
        started.elapsed().as_secs_f64()
    )?;
    Ok(wrong)
}

/// Uploads the same files again. Returns what that changed: nothing, if all is well.
async fn play_again(
    stack: &LocalStack,
    outcome: &Outcome,
    progress: &mut Progress,
    out: &mut dyn Write,
) -> Result<Vec<String>, Error> {
    writeln!(
        out,
        "Uploading the same files again (but {}, which would start again): for {} s nothing may change ...",
        CANCELLED.key,
        QUIET.as_secs()
    )?;
    out.flush()?;
    let again = UPLOADS
        .iter()
        .copied()
        .filter(|(key, _)| *key != CANCELLED.key);
    upload(stack, again).await?;
    stack.world.settle().await;
    let until = Instant::now() + QUIET;
    let left = |progress: &mut Progress| {
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        progress.draw(
            |_, _| vec![format!("  {} s left", left.saturating_add(1))],
            out,
        )
    };
    progress
        .during(tokio::time::sleep_until(until), left)
        .await?;
    progress.finish(out)?;
    stack.world.settle().await;
    let again = Outcome::gather(stack).await?;
    let changes = again.changes_since(outcome);
    if changes.is_empty() {
        writeln!(out, "Nothing changed: the same AMIs, no further email.")?;
    }
    Ok(changes)
}

fn later(now: Timestamp, started: Instant) -> Timestamp {
    now.saturating_add(started.elapsed()).unwrap_or(now)
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

/// An image of the demo.
struct Read {
    key: &'static str,
    status: Option<Status>,
    is_open: bool,
    row: Row,
}

/// What is known of each image now.
async fn read(stack: &LocalStack, now: Timestamp) -> Result<Vec<Read>, Error> {
    let mut all = Vec::new();
    for manifest in MANIFESTS {
        let key = manifest.key;
        let (status, is_open) = (status(stack, key).await?, is_open(stack, key).await?);
        let known = match &status {
            Some(status) => Known::Status(status),
            None => Known::Nothing { is_open: true },
        };
        let row = Row::of(key, known, &Usual::default(), now);
        all.push(Read {
            key,
            status,
            is_open,
            row,
        });
    }
    Ok(all)
}

/// Shows the progress until everything is finished. Returns whether that was in time.
async fn watch(
    stack: &LocalStack,
    progress: &mut Progress,
    (started, now): (Instant, Timestamp),
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let mut requested = false;
    loop {
        let now = later(now, started);
        let images = read(stack, now).await?;
        let is_final = |image: &Read| image.status.as_ref().is_some_and(|it| it.state.is_final());
        let finished = images.iter().all(|image| !image.is_open && is_final(image));
        show(&images, progress, (started, now), out)?;
        let cancelled = images.iter().find(|image| image.key == CANCELLED.key);
        let status = cancelled.and_then(|image| image.status.as_ref());
        if !requested && status.is_some_and(may_cancel) {
            let answer = cancel_import(stack, now).await?;
            progress.say(&answer, out)?;
            requested = true;
        }
        if finished || started.elapsed() > TIME_LIMIT {
            progress.finish(out)?;
            return Ok(finished);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn show(
    images: &[Read],
    progress: &mut Progress,
    (started, now): (Instant, Timestamp),
    out: &mut dyn Write,
) -> Result<(), Error> {
    if progress.is_live() {
        let rows: Vec<Row> = images.iter().map(|image| image.row.clone()).collect();
        let lines = |terminal, step| {
            let drawn = Frame {
                terminal,
                step,
                last_look: Some(SignedDuration::ZERO),
                trouble: None,
            };
            list::frame(&rows, drawn, now)
        };
        return Ok(progress.draw(lines, out)?);
    }
    for image in images {
        let text = stage(image.status.as_ref(), Some(image.is_open));
        progress.line(image.key, &text, started.elapsed(), out)?;
    }
    Ok(())
}

/// Whether the task of the image to cancel has got far enough.
fn may_cancel(status: &Status) -> bool {
    status.build.step == Step::AwaitTask && status.build.progress.is_some_and(|it| it >= CANCEL_AT)
}

/// Does what `amiwright cancel` does.
async fn cancel_import(stack: &LocalStack, now: Timestamp) -> Result<String, Error> {
    let (aws, config) = stack.connect().await?;
    let key = CANCELLED.key;
    let answer = cancel::cancel(Context::new(&aws, &config, now), key).await?;
    Ok(format!("$ amiwright cancel {key}\n{key}: {answer}"))
}
