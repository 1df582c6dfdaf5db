//! `amiwright retry KEY…`: asks for a new attempt of images that failed, were lost or cancelled, are incomplete, or have
//! drifted.

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;

use super::hints::cannot_find_manifest;
use super::options::Options;
use super::request::{self, Made};
use crate::cli::error::Error;
use crate::image::Status;
use crate::image::apply::{NotRetryable, request_retry};
use crate::image::request::Ask;
use crate::image::words::{FailureKind, State};
use crate::reconcile::Context;

/// Asks for a new attempt of each image.
///
/// # Errors
/// If no bucket or Region is given, or the output cannot be written. Refusals are printed, with exit code 1.
pub(super) async fn run(
    args: &request::Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    args.run("retry", options, now, out, retry).await
}

/// Asks for a new attempt of one image. Returns what happens now.
///
/// # Errors
/// If there is no such status, if a new attempt makes no sense, if the manifest was removed, or if S3 fails.
pub async fn retry(context: Context<'_>, key: &str) -> Result<String, Error> {
    let change = |status: &mut Status| request_retry(status, context.now);
    let manifest = context.aws.head_object(&context.config.bucket, key).await;
    let manifest = manifest.map_err(|error| cannot_find_manifest(context.config, &error))?;
    let is_gone = manifest.is_none();
    let change = |status: &mut Status| match change(status) {
        Ok(_) if is_gone => Err(Refusal::ManifestGone),
        answer => answer.map_err(Refusal::NotRetryable),
    };
    let made = request::make(context, key, Ask::Retry, change, refusal).await?;
    Ok(match made {
        Made::Recorded(_) => {
            "new attempt requested: it begins on the next tick of advance-tasks".to_owned()
        }
        Made::Before(status) => {
            let asked_at = status.retry.map(|retry| format!(" at {}", retry.asked_at));
            format!(
                "a new attempt was already requested{}: it begins on the next tick of advance-tasks",
                asked_at.unwrap_or_default()
            )
        }
        Made::Later => format!("new attempt requested: {}", request::recorded_later(key)),
    })
}

/// Why no new attempt is made.
#[derive(Clone, Copy)]
enum Refusal {
    NotRetryable(NotRetryable),
    ManifestGone,
}

fn refusal(status: &Status, reason: Refusal) -> Error {
    let key = &status.manifest.key;
    match reason {
        Refusal::NotRetryable(reason) => Error::new(format!("cannot retry {key}: {reason}")),
        Refusal::ManifestGone => {
            let error = Error::new(format!("cannot retry {key}: its manifest was removed"));
            let failure = status.build.failure.as_ref();
            let is_gone = failure.is_some_and(|it| it.kind == FailureKind::ManifestGone);
            // The same content is not tried again because it is uploaded again.
            error.with_hint(match status.state {
                State::Failed if !is_gone => {
                    "upload the manifest again, and then ask for this again"
                }
                _ => "upload the manifest again: that starts it",
            })
        }
    }
}
