//! Somebody does not want the image any more: what runs is ended, and followed to its end like any other task.

use super::{Context, Error, register, start};
use crate::aws::{AwsError, Remedy};
use crate::image::look::Look;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Ending, Left, Status, Step, Waiting};
use crate::image::task::{Task, TaskKind};
use crate::image::transition;

/// Does what is next to end the image. Returns whether the status changed.
pub(super) async fn cancel(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    match status.step {
        Step::StartTask => {
            let found = start::adopt(context, status).await?;
            Ok(found || nothing_found(context, status))
        }
        Step::RegisterImage => match register::look(context, status).await? {
            Look::Absent | Look::NameTaken(_) => Ok(nothing_found(context, status)),
            Look::Ours(image) => {
                register::adopt(context, status, &image);
                Ok(true)
            }
            Look::Several(ids) => {
                for what in ids {
                    let why = "several AMIs have the tags of this version: a person has to look"
                        .to_owned();
                    transition::could_not_remove(status, Left { what, why });
                }
                Ok(end(context, status))
            }
        },
        Step::AwaitTask => match status.tasks.last().cloned() {
            Some(task) => end_task(context, status, &task).await,
            None => Ok(end(context, status)),
        },
        // A pending AMI is deregistered with all that is left behind.
        _ => Ok(end(context, status)),
    }
}

fn end(context: Context<'_>, status: &mut Status) -> bool {
    transition::give_up(status, Ending::Cancelled, None, context.now);
    true
}

/// Nothing can be seen that was started; it may still come into sight, as an answer may have been lost.
fn nothing_found(context: Context<'_>, status: &mut Status) -> bool {
    let waiting = Waiting::new("to be cancelled; looking whether anything was started for it");
    // EC2 has said from the first try on that it did not start ours.
    let was_refused = status.waiting.as_ref().is_some_and(|waiting| {
        waiting.code.as_deref() == Some("BundlingInProgress")
            && waiting.since == Some(status.step_since)
    });
    if context.is_first || was_refused || status.has_waited(&waiting, VISIBILITY_GRACE, context.now)
    {
        return end(context, status);
    }
    transition::wait(status, waiting, context.now)
}

/// Asks EC2 to cancel a task.
pub(super) async fn end_at_ec2(context: Context<'_>, task: &Task) -> Result<(), AwsError> {
    match task.kind {
        TaskKind::ImportSnapshot | TaskKind::ImportImage => {
            let reason = "cancelled by amiwright";
            context.aws.cancel_import_task(&task.id, reason).await
        }
        TaskKind::BundleInstance => context.aws.cancel_bundle_task(&task.id).await,
        // They have no cancellation, and are not in this step or not to be cancelled.
        TaskKind::CopyImage | TaskKind::RestoreImage | TaskKind::StoreImage => Ok(()),
    }
}

async fn end_task(context: Context<'_>, status: &mut Status, task: &Task) -> Result<bool, Error> {
    match end_at_ec2(context, task).await {
        Ok(()) => {
            transition::cancel_sent(status, context.now);
            Ok(true)
        }
        Err(error) if error.remedy == Remedy::Never => {
            // It has ended already, or may not be cancelled: followed to its end, it is removed then.
            transition::cancel_sent(status, context.now);
            transition::wait(status, Waiting::new(refused(&error)), context.now);
            Ok(true)
        }
        Err(error) => Ok(start::wait_for(context, status, &error)),
    }
}

fn refused(error: &AwsError) -> String {
    let code = error.code.as_deref().map(|code| format!("{code}: "));
    format!(
        "EC2 does not cancel it ({}{}); it is followed to its end, and what it makes is removed",
        code.unwrap_or_default(),
        error.message
    )
}
