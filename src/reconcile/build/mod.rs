//! The steps of building an AMI, one file each, all of one shape: a step takes what it needs and returns a
//! [`StepOutcome`]. It never touches the status. Their order per source is [`crate::image::workflow`].

mod cancel;
mod check_bundle;
mod check_manifest;
mod check_object;
mod clean_up;
mod probe_task;
mod register_image;
mod start_task;
mod store_image;
mod tag_imported;

use jiff::{SignedDuration, Timestamp};

pub(crate) use check_bundle::image_manifest_beside;
pub(super) use check_bundle::is_replaced as bundle_is_replaced;

use super::spec::ManifestRead;
use super::{Context, Error};
use crate::aws::{Aws, AwsError};
use crate::config::Config;
use crate::image::outcome::StepOutcome;
use crate::image::plan::{Next, VISIBILITY_GRACE};
use crate::image::status::{Failure, Status};
use crate::image::words::{FailureKind, Step, UnreadableReason, WaitReason};

/// What a step gets.
#[derive(Clone, Copy)]
pub(super) struct StepContext<'a> {
    pub(super) context: Context<'a>,
    pub(super) status: &'a Status,
    /// The manifest, for steps that read it ([`reads_manifest`]).
    pub(super) manifest: &'a ManifestRead,
    /// Whether nobody can have sent anything for this step yet.
    pub(super) is_first: bool,
    /// Whether what the step claimed is written down.
    pub(super) claimed: bool,
}

impl<'a> StepContext<'a> {
    pub(super) fn aws(&self) -> &'a Aws {
        self.context.aws
    }

    pub(super) fn config(&self) -> &'a Config {
        self.context.config
    }

    pub(super) fn now(&self) -> Timestamp {
        self.context.now
    }

    /// Whether just this was waited for longer than `limit`.
    fn has_waited(&self, reason: &WaitReason, limit: SignedDuration) -> bool {
        self.status.has_waited(reason, limit, self.now())
    }

    /// Waits for it, if that has not lasted too long yet.
    fn wait_up_to(&self, reason: WaitReason, limit: SignedDuration) -> Option<StepOutcome> {
        (!self.has_waited(&reason, limit)).then_some(StepOutcome::Wait(reason))
    }

    /// EC2 refuses to make something. At the first attempt nothing was made, and the image fails. An earlier one may
    /// have been heard although its answer was lost: what it made is looked for first, at every tick for a while.
    fn refused(&self, action: &str, error: AwsError) -> StepOutcome {
        let waiting = retrying(&error);
        if !self.is_first
            && let Some(wait) = self.wait_up_to(waiting, VISIBILITY_GRACE)
        {
            return wait;
        }
        let action = action.to_owned();
        StepOutcome::Fail(failure(FailureKind::RequestRefused { action }, error))
    }
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
        _ => return None,
    };
    let action = (!context.aws.has_capacity(action)).then(|| action.to_owned())?;
    Some(StepOutcome::Wait(WaitReason::RateLimited { action }))
}

/// Does what is next.
pub(super) async fn run(next: Next, step: StepContext<'_>) -> Result<StepOutcome, Error> {
    match next {
        Next::Do(Step::CheckManifest) => Ok(check_manifest::run(step)),
        Next::Do(Step::CheckObject) => check_object::run(step).await,
        Next::Do(Step::CheckBundle) => check_bundle::run(step).await,
        Next::Do(Step::StartTask) => start_task::run(step).await,
        Next::Do(Step::TagImported) => tag_imported::run(step).await,
        Next::Do(Step::RegisterImage) => register_image::run(step).await,
        Next::Do(Step::StoreImage) => store_image::run(step).await,
        Next::Do(Step::CleanUp) => clean_up::run(step).await,
        Next::ProbeTask => probe_task::run(step).await,
        Next::Cancel => cancel::run(step).await,
        Next::Do(Step::AwaitTask | Step::AwaitImage | Step::AwaitStore)
        | Next::Poll
        | Next::Retry
        | Next::SendNotices
        | Next::AwaitNotices
        | Next::Finalize => Ok(StepOutcome::Unchanged),
    }
}

/// A wait that names an error.
pub(super) fn retrying(error: &AwsError) -> WaitReason {
    WaitReason::Retrying {
        code: error.code.clone(),
        message: error.message.clone(),
    }
}

/// The error as the reason why an image fails.
fn failure(kind: FailureKind, error: AwsError) -> Failure {
    Failure {
        code: error.code,
        request_id: error.request_id,
        ..Failure::new(kind, error.doing, error.message)
    }
}

/// What the image is made from cannot be read: asking every minute is of no use, and nobody would know.
fn unreadable(error: AwsError) -> StepOutcome {
    let why = if error.has_code("PermanentRedirect") || error.has_status(301) {
        UnreadableReason::OtherRegion
    } else if error.has_code("NoSuchBucket")
        || error.action == "HeadBucket" && error.has_status(404)
    {
        UnreadableReason::NoSuchBucket
    } else if error.has_code("InvalidObjectState") {
        UnreadableReason::Archived
    } else if error.has_code("AccessDenied") || error.has_status(403) {
        UnreadableReason::AccessDenied
    } else {
        UnreadableReason::Other
    };
    StepOutcome::Fail(failure(FailureKind::SourceUnreadable { why }, error))
}
