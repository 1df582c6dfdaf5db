//! `register-image`: look up, create, and look up again where the answer leaves a doubt.

use super::billing::{self, Users};
use super::sources;
use super::{check_bundle, proven};
use crate::aws::{AwsError, BundleFault, Registered, Remedy};
use crate::image::message::failures;
use crate::image::observed::ObservedImage;
use crate::image::outcome::{Evidence, Origin, StepOutcome};
use crate::image::ownership::Lookup;
use crate::image::plan::{REGISTER_GRACE, VISIBILITY_GRACE};
use crate::image::status::{Owners, RegionStatus};
use crate::image::task::TaskKind;
use crate::image::words::{SourceKind, WaitReason};
use crate::reconcile::context::Error;
use crate::reconcile::execute::in_place;
use crate::reconcile::lookup;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::named_sources::Sources;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, retrying};

pub(super) const ACTION: &str = "RegisterImage";

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    if let Some(done) = Box::pin(in_place::claimed(&step)).await {
        return Ok(done);
    }
    // EC2 registers the bundle that is there, not the one whose parts were counted and whose digest the tags would
    // have.
    let replaced = match &step.status.build.bundle {
        Some(bundle) if !step.is_first => check_bundle::has_other_content(&step, bundle).await?,
        _ => false,
    };
    let seen = match step.manifest {
        ManifestRead::Spec(spec) if is_among_users(&step, spec) => Some(look(&step, spec).await?),
        _ => None,
    };
    // That the name is taken, EC2 says itself.
    let found = match &seen {
        Some(Ok(seen)) => lookup::judge(step.status, &seen.users.own, step.now()),
        _ => lookup::by_tag(step.context, step.status).await?,
    };
    let taken = goes_first(&step, &found).cloned();
    if taken.is_none()
        && !is_of_no_matter(&step, &found)
        && let Some(outcome) = lookup::outcome(&step, found)
    {
        return match seen {
            Some(Ok(seen)) => Ok(noted(outcome, seen)),
            _ => Box::pin(billing::noted_for_found(&step, outcome)).await,
        };
    }
    match step.manifest {
        ManifestRead::Spec(spec) if !replaced && !check_bundle::is_other(&step, spec) => {
            let seen = match seen {
                Some(seen) => seen,
                None => look(&step, spec).await?,
            };
            let seen = match seen {
                Ok(seen) => seen,
                Err(outcome) => return Ok(outcome),
            };
            let outcome = Box::pin(register(&step, spec, taken.as_ref(), &seen.sources)).await?;
            Ok(noted(outcome, seen))
        }
        ManifestRead::Invalid(problems) if !replaced => Ok(StepOutcome::Reject(problems.clone())),
        _ => Ok(manifest_gone(&step)),
    }
}

/// Whether the AMI, should it be there already, is looked for among those that use the manifest's snapshots, which are
/// looked at anyway: RegisterImage makes it of the very snapshot that its version names. Once a request may have been sent
/// it is looked for by its tag, and so it is where an earlier version, of another snapshot, may have to go first.
fn is_among_users(step: &StepContext<'_>, spec: &Spec) -> bool {
    step.is_first && spec.source_kind() == SourceKind::Snapshot && spec.retires().is_none()
}

/// What the AMI is made of, as EC2 shows it.
struct Seen {
    sources: Sources,
    users: Users,
}

/// Looks at the snapshots that the manifest names and at the AMIs that use them; or what keeps them from being registered.
async fn look(step: &StepContext<'_>, spec: &Spec) -> Result<Result<Seen, StepOutcome>, Error> {
    let sources = match sources::look(step, spec).await? {
        Ok(sources) => sources,
        Err(outcome) => return Ok(Err(outcome)),
    };
    let users = billing::look(step, spec, &sources.owners).await;
    Ok(users.map(|users| Seen { sources, users }))
}

/// The outcome of registering, with what was seen of what the AMI is made of.
fn noted(outcome: StepOutcome, seen: Seen) -> StepOutcome {
    let outcome = sources::noted(outcome, seen.sources.owners);
    billing::noted(outcome, seen.users.at_risk)
}

/// The AMI that has the name, if it is to be deregistered before.
fn goes_first<'a>(step: &StepContext<'_>, found: &'a Lookup) -> Option<&'a ObservedImage> {
    match (found, step.manifest) {
        (Lookup::NameTaken(image), ManifestRead::Spec(spec)) => {
            in_place::is_asked(step, spec, image).then_some(image)
        }
        _ => None,
    }
}

/// Whether it is of no matter that the name is taken: the stack does not allow the manifest any more, which may be why the
/// AMI that has the name is still there.
fn is_of_no_matter(step: &StepContext<'_>, found: &Lookup) -> bool {
    matches!(
        (found, step.manifest),
        (Lookup::NameTaken(_), ManifestRead::Invalid(_))
    )
}

/// Registers what is proven to be ours, or is the manifest's own source: not what the status names.
async fn register(
    step: &StepContext<'_>,
    spec: &Spec,
    taken: Option<&ObservedImage>,
    found: &Sources,
) -> Result<StepOutcome, Error> {
    let imported = match spec.source_kind() {
        SourceKind::Disk => proven::imported_snapshot(step).await?.map(Some),
        _ => Some(None),
    };
    if let Some(imported) = imported {
        // Last of all that can be looked at before: from here on there may be no AMI.
        if let Some(outcome) = in_place::make_room(step, spec, taken).await? {
            return Ok(outcome);
        }
        let request = spec.registered(step.status, imported.as_deref());
        return create(step, &request, found).await;
    }
    let last = step.status.build.tasks.last();
    let what = last.map_or_else(String::new, |task| {
        let snapshot = task.snapshots.first();
        snapshot.unwrap_or(&task.id).clone()
    });
    let failure = failures::unproven(&what);
    let wait = step.wait_up_to(WaitReason::Unproven { what }, VISIBILITY_GRACE);
    Ok(wait.unwrap_or(StepOutcome::Fail(failure)))
}

/// The manifest or its bundle is gone, and no AMI can be seen. One may still come into sight: an answer may have been
/// lost.
fn manifest_gone(step: &StepContext<'_>) -> StepOutcome {
    let wait = step.wait_up_to(WaitReason::ManifestGone, VISIBILITY_GRACE);
    wait.filter(|_| !step.is_first)
        .unwrap_or_else(|| StepOutcome::Fail(failures::manifest_gone()))
}

async fn create(
    step: &StepContext<'_>,
    request: &Registered,
    sources: &Sources,
) -> Result<StepOutcome, Error> {
    let mut answer = step.aws().register_image(request, step.reserved).await;
    if let (Err(error), Some(bundle)) = (&answer, &step.status.build.bundle)
        && error.bundle_fault() == Some(BundleFault::Forbidden)
    {
        // Uploads by other means than the AMI tools have no aws-exec-read ACL.
        match check_bundle::let_ec2_read(step, bundle).await {
            Ok(()) => answer = step.aws().register_image(request, step.reserved).await,
            Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => answer = Err(refused),
            Err(error) => return Err(error),
        }
    }
    match answer {
        Ok(id) => Ok(StepOutcome::Advance(Evidence::ImageRegistered {
            region: step.config().region.clone(),
            image: Box::new(RegionStatus::pending(id)),
            origin: Origin::Created,
            owners: Owners::new(),
        })),
        Err(error) => not_created(step, error, sources).await,
    }
}

async fn not_created(
    step: &StepContext<'_>,
    error: AwsError,
    sources: &Sources,
) -> Result<StepOutcome, Error> {
    if let Some(wait) = sources::wait_until_ready(step, sources, &error) {
        return Ok(wait);
    }
    let name_in_use = error.has_code("InvalidAMIName.Duplicate");
    if name_in_use {
        // The name is taken: by another AMI, another invocation for the same image, or an attempt whose answer was
        // lost.
        let found = lookup::by_tag_and_name(step.context, step.status).await?;
        // One that is to go first is seen by the next tick.
        if goes_first(step, &found).is_none()
            && let Some(outcome) = lookup::outcome(step, found)
        {
            return Ok(outcome);
        }
    }
    let reason = retrying(&error);
    let is_not_seen = is_not_seen_yet(step, &error);
    let may_pass = name_in_use || is_not_seen || error.bundle_fault().is_some();
    let may_pass = may_pass && !step.has_waited(&reason, REGISTER_GRACE);
    if error.remedy != Remedy::Never || may_pass {
        return Ok(StepOutcome::Wait(reason));
    }
    // Another invocation may have registered it meanwhile: what fails is deleted with all that it was made of.
    // What has its name is no matter here: EC2 would have said so.
    let found = lookup::by_tag(step.context, step.status).await?;
    if !matches!(found, Lookup::NameTaken(_))
        && let Some(outcome) = lookup::outcome(step, found)
    {
        return Ok(outcome);
    }
    Ok(step.refused(error))
}

/// Whether EC2 may not find the snapshot that our own import has just made: its answers are eventually consistent. Where
/// the manifest names the snapshot, it is not there.
fn is_not_seen_yet(step: &StepContext<'_>, error: &AwsError) -> bool {
    let last = step.status.build.tasks.last();
    let has_imported = last.is_some_and(|task| task.kind == TaskKind::ImportSnapshot);
    has_imported && error.has_code("InvalidSnapshot.NotFound")
}
