//! The steps of building an AMI, one file each, all of one shape: a step takes what it needs and returns a
//! [`StepOutcome`]. It never touches the status. Their order per source is [`crate::image::workflow`].

mod cancel;
mod check_bundle;
mod check_manifest;
mod check_object;
mod clean_up;
mod probe_task;
mod proven;
mod register_image;
mod source_owners;
mod start_task;
mod store_image;
mod tag_imported;

pub(crate) use check_bundle::image_manifest_beside;
pub(super) use check_bundle::is_replaced as bundle_is_replaced;

use super::context::{Context, Error};
use super::lookup;
use super::spec::ManifestRead;
use super::step_context::StepContext;
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
        claimed: false,
        observed: None,
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
        )
    )
}

/// A wait for the request rate of the action that is next, if that is used up: what would be read before is not needed
/// then.
pub(super) fn rate_limited(
    context: Context<'_>,
    next: Next,
    status: &Status,
) -> Option<StepOutcome> {
    let action = match next {
        Next::Do(Step::StartTask) => start_task::action(status.build.source?)?,
        Next::Do(Step::RegisterImage) => register_image::ACTION,
        Next::Do(Step::StoreImage) => store_image::ACTION,
        Next::Do(
            Step::CheckManifest
            | Step::CheckBundle
            | Step::CheckObject
            | Step::AwaitTask
            | Step::TagImported
            | Step::AwaitImage
            | Step::AwaitStore
            | Step::CleanUp,
        )
        | Next::Poll
        | Next::ProbeTask
        | Next::Cancel
        | Next::Retry
        | Next::SendNotices
        | Next::AwaitNotices
        | Next::Finalize => return None,
    };
    let action = (!context.aws.has_capacity(action)).then(|| action.to_owned())?;
    Some(StepOutcome::Wait(WaitReason::RateLimited { action }))
}

/// Does what is next. Boxed: a step's future is large, and a frame has room for all of them.
pub(super) async fn run(next: Next, step: StepContext<'_>) -> Result<StepOutcome, Error> {
    match next {
        Next::Do(Step::CheckManifest) => Ok(check_manifest::run(step)),
        Next::Do(Step::CheckObject) => Box::pin(check_object::run(step)).await,
        Next::Do(Step::CheckBundle) => Box::pin(check_bundle::run(step)).await,
        Next::Do(Step::StartTask) => Box::pin(start_task::run(step)).await,
        Next::Do(Step::TagImported) => Box::pin(tag_imported::run(step)).await,
        Next::Do(Step::RegisterImage) => Box::pin(register_image::run(step)).await,
        Next::Do(Step::StoreImage) => Box::pin(store_image::run(step)).await,
        Next::Do(Step::CleanUp) => Box::pin(clean_up::run(step)).await,
        Next::ProbeTask => Box::pin(probe_task::run(step)).await,
        Next::Cancel => Box::pin(cancel::run(step)).await,
        Next::Do(Step::AwaitTask | Step::AwaitImage | Step::AwaitStore)
        | Next::Poll
        | Next::Retry
        | Next::SendNotices
        | Next::AwaitNotices
        | Next::Finalize => Ok(StepOutcome::Unchanged),
    }
}
