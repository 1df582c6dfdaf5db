//! One thing to be deleted, how that is done, and what a refusal means.

use crate::aws::{AwsError, Remedy};
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::plan::{CLEAN_UP_GRACE, VISIBILITY_GRACE};
use crate::image::status::{Orphan, OrphanReason};
use crate::limits;
use crate::manifest::location::s3_uri;
use crate::reconcile::step_context::{StepContext, retrying};

/// One thing to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deletable {
    Image(String),
    Snapshot(String),
    /// All objects whose keys begin so, in the state bucket.
    Objects(String),
}

impl Deletable {
    /// Whether it is one of EC2's, which may be shown for a moment after it is gone. S3 shows what is there.
    pub(super) fn is_of_ec2(&self) -> bool {
        !matches!(self, Self::Objects(_))
    }

    /// As people read it.
    pub(super) fn name(&self, step: &StepContext<'_>) -> String {
        match self {
            Self::Image(id) | Self::Snapshot(id) => id.clone(),
            Self::Objects(prefix) => format!("{}*", s3_uri(&step.config().state_bucket, prefix)),
        }
    }
}

pub(super) fn refusal(error: &AwsError) -> OrphanReason {
    OrphanReason::Refused {
        code: error.code.clone(),
        message: error.message.clone(),
        request_id: error.request_id.clone().map(String::from),
    }
}

pub(super) async fn delete(step: &StepContext<'_>, deletable: &Deletable) -> Result<(), AwsError> {
    match deletable {
        Deletable::Image(id) => step.aws().deregister_image(id).await,
        Deletable::Snapshot(id) => step.aws().delete_snapshot(id).await,
        Deletable::Objects(prefix) => {
            let bucket = &step.config().state_bucket;
            let objects = step
                .aws()
                .list_objects(bucket, prefix, limits::BUNDLE_OBJECTS);
            for object in objects.await? {
                step.aws().delete_object(bucket, &object.key).await?;
            }
            Ok(())
        }
    }
}

/// The first of these was not deleted, the others were not tried. Some refusals pass: a snapshot is in use for a moment
/// after its AMI is gone. What does not pass is reported.
pub(super) fn not_deleted(
    step: &StepContext<'_>,
    deletables: &[Deletable],
    error: &AwsError,
) -> StepOutcome {
    let Some((refused, untried)) = deletables.split_first() else {
        return StepOutcome::Unchanged;
    };
    let reason = retrying(error);
    let may_pass = match error.remedy {
        Remedy::Never => {
            error.has_code("InvalidSnapshot.InUse") && !step.has_waited(&reason, VISIBILITY_GRACE)
        }
        Remedy::Later | Remedy::Ambiguous => !step.status.step_exceeds(CLEAN_UP_GRACE, step.now()),
    };
    if may_pass {
        return StepOutcome::Wait(reason);
    }
    let what = refused.name(step);
    let needed = OrphanReason::NeededBy { by: what.clone() };
    let reason = refusal(error);
    let mut orphans = vec![Orphan { what, reason }];
    // An AMI that cannot be deregistered keeps what it is made of: that is not deleted either, and must not be reported
    // so.
    if matches!(refused, Deletable::Image(_)) {
        orphans.extend(untried.iter().map(|kept| Orphan {
            what: kept.name(step),
            reason: needed.clone(),
        }));
    }
    StepOutcome::Advance(Evidence::NotDeleted(orphans))
}
