//! `amiwright cancel KEY…`: requests the cancellation of images.

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;

use super::options::Options;
use super::progress_text::requester;
use super::request::{self, Made};
use crate::cli::error::Error;
use crate::image::Status;
use crate::image::apply::{NotCancellable, request_cancel};
use crate::image::request::Ask;
use crate::image::words::{CancelBy, State, Step};
use crate::reconcile::Context;

/// Requests the cancellation of each image.
///
/// # Errors
/// If no bucket or Region is given, or the output cannot be written. Refusals are printed, with exit code 1.
pub(super) async fn run(
    args: &request::Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    args.run("cancel", options, now, out, cancel).await
}

/// Requests the cancellation of one image. Returns what happens now.
///
/// # Errors
/// If there is no such status, if it is too late to cancel, or if S3 fails.
pub async fn cancel(context: Context<'_>, key: &str) -> Result<String, Error> {
    let change = |status: &mut Status| request_cancel(status, CancelBy::Command, context.now);
    let made = request::make(context, key, Ask::Cancel, change, refusal).await?;
    let asked_before = |status: &Status| {
        status.cancel.map_or_else(String::new, |cancel| {
            format!(" by {} at {}", requester(cancel.by), cancel.asked_at)
        })
    };
    Ok(match &made {
        Made::Recorded(status) => format!(
            "cancellation requested: the next tick of advance-tasks {} and sends an email",
            next_action(status)
        ),
        Made::Before(status) => format!(
            "cancellation was already requested{}: advance-tasks {} and sends an email",
            asked_before(status),
            next_action(status)
        ),
        Made::Later => format!("cancellation requested: {}", request::recorded_later(key)),
    })
}

fn refusal(status: &Status, reason: NotCancellable) -> Error {
    let error = Error::new(format!("cannot cancel {}: {reason}", status.manifest.key));
    match (reason, status.home_image()) {
        (NotCancellable::Ended(State::Available) | NotCancellable::Stored, Some(image)) => error
            .with_hint(format!(
                "to delete the AMI: aws ec2 deregister-image --image-id {}",
                image.image
            )),
        _ => error,
    }
}

/// What the next tick does to an image whose cancellation is requested.
fn next_action(status: &Status) -> String {
    let image = status.regions.values().next();
    match (status.build.step, status.build.tasks.last(), image) {
        (Step::CleanUp, _, _) => "deletes what was created for it".to_owned(),
        (Step::AwaitTask, Some(task), _) if task.cancel_sent_at.is_some() => {
            format!("waits for the end of {} {}", task.kind, task.id)
        }
        (Step::AwaitTask, Some(task), _) => format!("cancels {} {}", task.kind, task.id),
        (_, _, Some(image)) => format!("deregisters {}", image.image),
        (_, Some(task), None) => format!("deletes what {} {} created", task.kind, task.id),
        (Step::StartTask | Step::RegisterImage, None, None) => {
            "checks whether anything was started for it, cancels that".to_owned()
        }
        (_, None, None) => "stops it, nothing was started yet,".to_owned(),
    }
}
