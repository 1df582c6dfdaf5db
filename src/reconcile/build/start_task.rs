//! `start-task`: starts the task that makes an image, exactly once. Where EC2 takes a client token, the same request is
//! the same task; where it does not, look it up before; every error after sending leaves a doubt, which the next
//! attempt resolves.

mod bundle_instance;
mod image;
mod import;
mod request;

pub(super) use bundle_instance::is_refused_until_now;
pub(super) use import::{Earlier, is_looking};

use super::{check_object, encryption, sources};
use crate::image::message::failures;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::ownership::Lookup;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::words::{FailureKind, SourceKind, WaitReason};
use crate::manifest::image::Source;
use crate::reconcile::context::Error;
use crate::reconcile::execute::in_place;
use crate::reconcile::lookup;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::StepContext;

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let spec = match step.manifest {
        ManifestRead::Spec(spec) => spec,
        ManifestRead::Invalid(problems) => return Ok(StepOutcome::Reject(problems.clone())),
        ManifestRead::Gone | ManifestRead::Unread => return manifest_gone(&step).await,
    };
    let there = already_there(&step).await?;
    // One that runs is not left alone because another could not be started.
    let may_run = match &there {
        None => true,
        Some(StepOutcome::Fail(failure)) => matches!(failure.kind, FailureKind::NameTaken { .. }),
        Some(_) => false,
    };
    let earlier = match may_run {
        true => resume(&step, Some(spec)).await?,
        false => Earlier::Nothing,
    };
    if let Earlier::GoesOn(found) = earlier {
        return Ok(found);
    }
    if let Some(outcome) = there {
        return Ok(outcome);
    }
    if check_object::is_other(&step, spec) || check_object::is_replaced(&step).await? {
        return Ok(StepOutcome::Advance(Evidence::ObjectReplaced));
    }
    match earlier {
        Earlier::HasEnded(outcome) => Ok(outcome),
        Earlier::GoesOn(_) | Earlier::Nothing => start(&step, spec).await,
    }
}

async fn start(step: &StepContext<'_>, spec: &Spec) -> Result<StepOutcome, Error> {
    match spec.source() {
        Some(Source::Disk(disk)) => {
            // Its other volumes may be another account's, which is better said before hours of importing than after.
            if let Some(outcome) = Box::pin(sources::check(step, spec)).await? {
                let found = adopt(step).await?;
                return Ok(found.unwrap_or(outcome));
            }
            if let Some(outcome) = unshareable(step, spec).await? {
                return Ok(outcome);
            }
            Box::pin(import::disk(step, spec, disk)).await
        }
        Some(Source::Vm(vm)) => {
            if let Some(outcome) = unshareable(step, spec).await? {
                return Ok(outcome);
            }
            Box::pin(import::vm(step, spec, vm)).await
        }
        Some(Source::Instance(instance)) => {
            Box::pin(bundle_instance::start(step, &instance.id)).await
        }
        Some(Source::Stored(_)) => Box::pin(image::restore(step, spec)).await,
        Some(Source::Image(source)) => Box::pin(image::copy(step, spec, source)).await,
        Some(Source::Snapshot(_) | Source::Bundle(_)) | None => Ok(StepOutcome::Unchanged),
    }
}

/// Why what is imported could not be shared; or the task of an earlier attempt, which goes on.
async fn unshareable(step: &StepContext<'_>, spec: &Spec) -> Result<Option<StepOutcome>, Error> {
    let Some(outcome) = Box::pin(encryption::check(step, spec, None)).await else {
        return Ok(None);
    };
    let found = adopt(step).await?;
    Ok(Some(found.unwrap_or(outcome)))
}

/// The EC2 action that starts the task.
pub(super) fn action(source: SourceKind) -> Option<&'static str> {
    match source {
        SourceKind::Disk => Some("ImportSnapshot"),
        SourceKind::Vm => Some("ImportImage"),
        SourceKind::Instance => Some("BundleInstance"),
        SourceKind::Stored => Some("CreateRestoreImageTask"),
        SourceKind::Image => Some("CopyImage"),
        SourceKind::Snapshot | SourceKind::Bundle => None,
    }
}

/// Takes over the task that an earlier attempt has started, if EC2 shows one.
pub(super) async fn adopt(step: &StepContext<'_>) -> Result<Option<StepOutcome>, Error> {
    match step.status.build.source {
        Some(SourceKind::Disk | SourceKind::Vm) => Box::pin(import::adopt(step)).await,
        Some(SourceKind::Instance) => Box::pin(bundle_instance::adopt(step)).await,
        Some(SourceKind::Stored | SourceKind::Image) => Box::pin(image::adopt(step)).await,
        Some(SourceKind::Snapshot | SourceKind::Bundle) | None => Ok(None),
    }
}

/// Takes over the import of an attempt of which no status is left, as where it was deleted while EC2 imports. Once an attempt has
/// looked and begun another, later ones do not look: their status knows how those before them ended (`docs/decisions.md`). No
/// manifest is needed for what is only to be cancelled.
pub(super) async fn resume(step: &StepContext<'_>, spec: Option<&Spec>) -> Result<Earlier, Error> {
    let build = &step.status.build;
    match build.source {
        Some(SourceKind::Disk | SourceKind::Vm) if build.looked_for_imports_at.is_none() => {
            Box::pin(import::resume(step, spec)).await
        }
        _ => Ok(Earlier::Nothing),
    }
}

/// Whether the AMI is there without its task being known, as where a status was deleted, maybe of an upload on another date;
/// or the name is taken, which is better said before hours of importing than after.
async fn already_there(step: &StepContext<'_>) -> Result<Option<StepOutcome>, Error> {
    let found = match step.status.build.source {
        Some(SourceKind::Disk) => lookup::by_tag_and_name(step.context, step.status).await?,
        // EC2 names the AMI of a machine itself. The bundle of an instance is registered later.
        Some(SourceKind::Vm | SourceKind::Instance) => {
            lookup::by_tag(step.context, step.status).await?
        }
        _ => Lookup::Absent,
    };
    match (&found, step.manifest) {
        // It goes first, once the new one can be registered.
        (Lookup::NameTaken(image), ManifestRead::Spec(spec))
            if in_place::is_asked(step, spec, image) =>
        {
            Ok(None)
        }
        _ => Ok(lookup::outcome(step, found)),
    }
}

/// The manifest was replaced, and no task can be seen. One may still come into sight: an answer may have been lost.
async fn manifest_gone(step: &StepContext<'_>) -> Result<StepOutcome, Error> {
    if let Some(found) = adopt(step).await? {
        return Ok(found);
    }
    let wait = step.wait_up_to(WaitReason::ManifestGone, VISIBILITY_GRACE);
    Ok(wait.unwrap_or_else(|| StepOutcome::Fail(failures::manifest_gone())))
}
