//! The steps of building an AMI, one file each, all of one shape: a step takes what it needs and returns a
//! [`StepOutcome`]. It never touches the status. Their order per source is [`crate::image::workflow`].

mod billing;
mod cancel;
mod check_bundle;
mod check_manifest;
mod check_object;
mod clean_up;
mod encryption;
mod last_look;
mod preview;
mod probe_task;
mod proven;
mod refusal;
mod register_image;
mod sources;
mod start_task;
mod store_image;
mod tag_imported;

pub(crate) use check_bundle::image_manifest_beside;
pub(super) use check_bundle::is_replaced as bundle_is_replaced;
pub(super) use preview::{Looked, look};
pub(super) use refusal::refusal;

use super::context::{Context, Error};
use super::execute;
use super::lookup;
use super::manifest_reader::ManifestRead;
use super::step_context::StepContext;
use crate::aws::Reservation;
use crate::image::outcome::StepOutcome;
use crate::image::ownership::Lookup;
use crate::image::plan::Next;
use crate::image::status::Status;
use crate::image::words::{Step, WaitReason};

/// Whether EC2 shows something that was made for this status by the step it is in.
pub(super) async fn is_made(context: Context<'_>, status: &Status) -> Result<bool, Error> {
    let step = StepContext {
        context,
        status,
        manifest: &ManifestRead::Unread,
        is_first: false,
        claimed: None,
        observed: None,
        uploaded: None,
        described: None,
        reserved: None,
    };
    let has_task =
        status.build.step == Step::StartTask && Box::pin(start_task::adopt(&step)).await?.is_some();
    Ok(has_task || lookup::by_tag(context, status).await? != Lookup::Absent)
}

/// Whether what is next reads the manifest.
pub(super) fn reads_manifest(next: Next) -> bool {
    matches!(
        next,
        Next::Do(
            Step::CheckManifest
                | Step::CheckObject
                | Step::CheckBundle
                | Step::StartTask
                | Step::TagImported
                | Step::RegisterImage
                | Step::Publish
                | Step::StoreImage
                | Step::Retire
        )
    )
}

/// What the request rate of the action that is next allows.
pub(super) enum Rate {
    /// It may be sent: with this request, if one had to be reserved.
    Within(Option<Reservation>),
    /// It is used up: what would be read before is not needed then.
    UsedUp(Box<StepOutcome>),
}

/// Whether the action that is next may be sent now. Many images are registered at once, each after a lookup of its AMI:
/// for them the request is reserved before.
pub(super) async fn within_rate(context: Context<'_>, next: Next, status: &Status) -> Rate {
    let action = match next {
        // It is waited for, and counted how long, what an import has made that has ended: nothing is sent before that is over.
        Next::Do(Step::StartTask) if start_task::is_looking(status) => None,
        Next::Do(Step::StartTask) => status.build.source.and_then(start_task::action),
        Next::Do(Step::RegisterImage) => {
            return match context.aws.reserve(register_image::ACTION).await {
                Ok(reserved) => Rate::Within(Some(reserved)),
                Err(_used_up) => used_up(register_image::ACTION),
            };
        }
        Next::Do(Step::StoreImage) => Some(store_image::ACTION),
        Next::Do(
            Step::CheckManifest
            | Step::CheckBundle
            | Step::CheckObject
            | Step::AwaitTask
            | Step::TagImported
            | Step::AwaitImage
            | Step::Publish
            | Step::AwaitStore
            | Step::Retire
            | Step::CleanUp,
        )
        | Next::Poll
        | Next::ProbeTask
        | Next::Cancel
        | Next::Retry
        | Next::SendNotices
        | Next::AwaitNotices
        | Next::LookAgain
        | Next::Finalize => None,
    };
    match action {
        Some(action) if !context.aws.has_capacity(action) => used_up(action),
        _ => Rate::Within(None),
    }
}

fn used_up(action: &str) -> Rate {
    let action = action.to_owned();
    let wait = StepOutcome::Wait(WaitReason::RateLimited { action });
    Rate::UsedUp(Box::new(wait))
}

/// Does what is next. Boxed: a step's future is large, and a frame has room for all of them.
pub(super) async fn run(next: Next, step: StepContext<'_>) -> Result<StepOutcome, Error> {
    if let (
        Next::Do(Step::StartTask | Step::RegisterImage | Step::StoreImage),
        ManifestRead::Spec(spec),
    ) = (next, step.manifest)
        && let Some(failure) = spec.contradiction(step.status)
    {
        return Ok(StepOutcome::Fail(failure));
    }
    match next {
        Next::Do(Step::CheckManifest) => Ok(check_manifest::run(step)),
        Next::Do(Step::CheckObject) => Box::pin(check_object::run(step)).await,
        Next::Do(Step::CheckBundle) => Box::pin(check_bundle::run(step)).await,
        Next::Do(Step::StartTask) => {
            let outcome = Box::pin(start_task::run(step)).await?;
            Box::pin(last_look::take(next, &step, outcome)).await
        }
        Next::Do(Step::TagImported) => Box::pin(tag_imported::run(step)).await,
        Next::Do(Step::RegisterImage) => {
            let outcome = Box::pin(register_image::run(step)).await?;
            let outcome = Box::pin(execute::in_place::protecting(&step, outcome)).await?;
            Box::pin(last_look::take(next, &step, outcome)).await
        }
        Next::Do(Step::Publish) => Box::pin(execute::run(step)).await,
        Next::Do(Step::StoreImage) => Box::pin(store_image::run(step)).await,
        Next::Do(Step::Retire) => Box::pin(execute::retire(step)).await,
        Next::Do(Step::CleanUp) => Box::pin(clean_up::run(step)).await,
        Next::ProbeTask => Box::pin(probe_task::run(step)).await,
        Next::Cancel => Box::pin(cancel::run(step)).await,
        Next::Do(Step::AwaitTask | Step::AwaitImage | Step::AwaitStore)
        | Next::Poll
        | Next::Retry
        | Next::SendNotices
        | Next::AwaitNotices
        | Next::LookAgain
        | Next::Finalize => Ok(StepOutcome::Unchanged),
    }
}
