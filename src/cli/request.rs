//! Requests that the functions record in the status: what `cancel` and `retry` share. Nothing is done to EC2 here; the
//! next tick of `advance-tasks` does it.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{Timestamp, Unit};
use serde_json::json;
use tokio::time::Instant;

use super::connection::Aside;
use super::hints::cannot_request;
use super::json as output;
use super::options::Options;
use super::target::{self, Target};
use super::text::plain;
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::config::Config;
use crate::image::Status;
use crate::image::message::shell_word;
use crate::image::request::{Ask, Request, Seen};
use crate::image::words::State;
use crate::reconcile::Context;
use crate::status_store;

/// How long a command waits until its request is recorded: an event takes a second or two, and the next tick up to a
/// minute.
const RECORDED_WITHIN: Duration = Duration::from_secs(10);

/// How often it reads the status meanwhile.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Requests that one command makes at once.
const AT_ONCE: usize = 16;

/// Arguments of a command that makes a request for each image.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keys of manifests, or s3://BUCKET/KEY
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    target: Target,
}

impl Args {
    /// Makes the request for each key and prints the answers. One refusal does not keep the others from being made.
    ///
    /// # Errors
    /// If no bucket or Region is given, or the output cannot be written. Refusals are printed, with exit code 1.
    pub(super) async fn run(
        &self,
        command: &str,
        options: &Options,
        now: Timestamp,
        out: &mut dyn Write,
        request: impl AsyncFn(Context<'_>, &str) -> Result<String, Error>,
    ) -> Result<ExitCode, Error> {
        let mut targets: Vec<(Config, &str)> = Vec::new();
        for key in &self.keys {
            targets.push(self.target.config_for(key).await?);
        }
        // People read the time: whole seconds are enough.
        let now = now.round(Unit::Second).unwrap_or(now);
        let aside = &Aside::new(options);
        let answers = targets.iter().map(async |(config, key)| {
            let aws = self.target.connect(config, aside.clone()).await;
            (key, request(Context::new(&aws, config, now), key).await)
        });
        let mut answers = stream::iter(answers).buffered(AT_ONCE);
        let (mut exit, mut items) = (Exit::Done, Vec::new());
        while let Some((key, answer)) = answers.next().await {
            let is_made = answer.is_ok();
            let message = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    exit = exit.or_worse(error.exit());
                    write!(std::io::stderr(), "{}", error.report())?;
                    error.to_string()
                }
            };
            if options.is_json() {
                items.push(json!({"key": key, "ok": is_made, "message": message}));
            } else if is_made {
                writeln!(out, "{}", plain(&format!("{key}: {message}")))?;
            }
        }
        if options.is_json() {
            output::write(command, json!({}), items, out)?;
        }
        Ok(exit.into())
    }
}

/// A request that was made.
pub(super) enum Made {
    /// It is recorded in the status of the image, which is this now.
    Recorded(Status),
    /// The same was asked for before, as this status says. It is asked once more: what is recorded already changes nothing,
    /// and the image's open marker, without which no tick would do it, is written where it is missing.
    Before(Status),
    /// No function has recorded it yet.
    Later,
}

/// Makes a request about the image of a manifest, and waits shortly until it is recorded. `change` is what it does to a
/// status: whether that is new, or why it is refused.
///
/// # Errors
/// If there is no such status, if S3 fails, if another version was started meanwhile, or with what `refusal` makes of a
/// refusal.
pub(super) async fn make<R>(
    context: Context<'_>,
    key: &str,
    ask: Ask,
    change: impl Fn(&mut Status) -> Result<bool, R>,
    refusal: impl Fn(&Status, R) -> Error,
) -> Result<Made, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let before = target::load(context, key).await?.status;
    let is_new = change(&mut before.clone()).map_err(|reason| refusal(&before, reason))?;
    let request = Request {
        is_repeated: !is_new,
        ..Request::about(&before, ask, now)
    };
    let written = status_store::put_request(aws, config, key, &request).await;
    written.map_err(|error| cannot_request(config, &error))?;
    if !is_new {
        return Ok(Made::Before(before));
    }
    let started = Instant::now();
    while started.elapsed() < RECORDED_WITHIN {
        tokio::time::sleep(POLL_INTERVAL).await;
        // The request is made: what cannot be read now is no error of the command.
        let Ok(Some(loaded)) = status_store::load(aws, config, key).await else {
            continue;
        };
        let status = loaded.status;
        if is_recorded(&request, &status) {
            return Ok(Made::Recorded(status));
        }
        if request.about != Seen::of(&status) {
            let message = format!("cannot {ask} {key}: another version was started meanwhile");
            return Err(Error::new(message).with_hint("`amiwright status` shows that one"));
        }
        if let Err(reason) = change(&mut status.clone()) {
            return Err(refusal(&status, reason));
        }
    }
    Ok(Made::Later)
}

/// Whether a status shows that this request was recorded.
fn is_recorded(request: &Request, status: &Status) -> bool {
    match request.ask {
        Ask::Cancel => status.cancel.is_some(),
        Ask::Retry => {
            // A new attempt, and publishing the same AMI once more, forget that they were asked for.
            let seen = Seen::of(status);
            let is_same = seen.sha256 == request.about.sha256;
            let has_begun = seen.attempt > request.about.attempt || status.state == State::Working;
            status.retry.is_some() || (is_same && has_begun)
        }
    }
}

/// How to follow a request that no function has recorded yet.
pub(super) fn recorded_later(key: &str) -> String {
    let key = shell_word(key);
    format!(
        "the next tick of advance-tasks records it; to see what becomes of it: amiwright watch {key}"
    )
}
