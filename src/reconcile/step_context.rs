//! What a step gets, and what it makes of an error of EC2 or S3.

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::described::Described;
use super::manifest_reader::ManifestRead;
use super::proof::Observed;
use crate::aws::{Aws, AwsError, Object, Remedy, Reservation};
use crate::config::Config;
use crate::image::outcome::{Claim, StepOutcome};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Failure, Status};
use crate::image::words::{FailureKind, UnreadableReason, WaitReason};

/// What a step gets.
#[derive(Clone, Copy)]
pub(super) struct StepContext<'a> {
    pub(super) context: Context<'a>,
    pub(super) status: &'a Status,
    /// The manifest, for steps that read it ([`super::build::reads_manifest`]).
    pub(super) manifest: &'a ManifestRead,
    /// Whether nothing can have been sent for this step yet.
    pub(super) is_first: bool,
    /// What the step claimed, once that is written down.
    pub(super) claimed: Option<&'a Claim>,
    /// What EC2 showed in this invocation and what is proven by it.
    pub(super) observed: Option<&'a Observed>,
    /// What is to be at the manifest's key, where it is only looked what that would come to.
    pub(super) uploaded: Option<&'a Object>,
    /// What was described for many images together, if nothing was changed since.
    pub(super) described: Option<&'a Described>,
    /// The request that may be sent for the step, for steps that reserve one ([`super::build::within_rate`]).
    pub(super) reserved: Option<&'a Reservation>,
}

impl<'a> StepContext<'a> {
    /// What a step gets where it is only looked what this upload would come to.
    pub(super) fn of_upload(
        context: Context<'a>,
        status: &'a Status,
        manifest: &'a ManifestRead,
        uploaded: &'a Object,
    ) -> Self {
        Self {
            context,
            status,
            manifest,
            is_first: true,
            claimed: None,
            observed: None,
            uploaded: Some(uploaded),
            described: None,
            reserved: None,
        }
    }

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
    pub(super) fn has_waited(&self, reason: &WaitReason, limit: SignedDuration) -> bool {
        self.status.has_waited(reason, limit, self.now())
    }

    /// Whether the step has lasted longer than `limit`.
    pub(super) fn step_exceeds(&self, limit: SignedDuration) -> bool {
        self.status.step_exceeds(limit, self.now())
    }

    /// Waits for it, if that has not lasted too long yet.
    pub(super) fn wait_up_to(
        &self,
        reason: WaitReason,
        limit: SignedDuration,
    ) -> Option<StepOutcome> {
        (!self.has_waited(&reason, limit)).then_some(StepOutcome::Wait(reason))
    }

    /// EC2 refuses to make something. At the first attempt nothing was made, and the image fails. An earlier one may
    /// have been heard although its answer was lost: what it made is looked for first, at every tick for a while.
    pub(super) fn refused(&self, error: AwsError) -> StepOutcome {
        let waiting = retrying(&error);
        if !self.is_first
            && let Some(wait) = self.wait_up_to(waiting, VISIBILITY_GRACE)
        {
            return wait;
        }
        StepOutcome::Fail(request_refused(error))
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
pub(super) fn failure(kind: FailureKind, error: AwsError) -> Failure {
    Failure {
        code: error.code,
        request_id: error.request_id.map(String::from),
        ..Failure::new(kind, error.doing, error.message)
    }
}

/// A request was refused for good: the call that the error is of.
pub(super) fn request_refused(error: AwsError) -> Failure {
    let action = error.action.to_owned();
    failure(FailureKind::RequestRefused { action }, error)
}

/// What the image is made from cannot be read: asking every minute is of no use, and it would go unnoticed.
pub(super) fn unreadable(error: AwsError) -> StepOutcome {
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

/// Whether the same request would be refused again.
pub(super) fn is_final(error: &AwsError) -> bool {
    error.remedy == Remedy::Never && !error.is_rate_limited_locally()
}

/// Whether a change is not asked for again. The next look tells where an attempt before the one that was refused may have made
/// it, and where credentials are refused: the account may have disabled the Region.
pub(super) fn is_refused_for_good(error: &AwsError) -> bool {
    is_final(error) && !error.refuses_credentials() && !error.may_be_heard()
}
