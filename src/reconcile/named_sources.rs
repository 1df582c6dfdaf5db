//! What EC2 shows of the snapshots and of the AMI that a manifest names. Whose they are is kept in the status: what the stack allows
//! is judged by that as long as the image is worked on, and nothing is asked again.

use crate::aws::{AwsError, Remedy};
use crate::image::message::problems;
use crate::image::observed::NamedImage;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::plan::{REGISTER_GRACE, VISIBILITY_GRACE};
use crate::image::status::{Failure, Owners};
use crate::manifest::image::NamedSource;

use super::manifest_reader::ManifestRead;
use super::spec::Spec;
use super::step_context::{StepContext, retrying};

/// What is known of the sources.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Their owners, by the sources' ids.
    pub(super) owners: Owners,
    /// The AMI that is to be copied.
    pub(super) image: Option<NamedImage>,
    /// Whether one of them failed, so that it never becomes ready.
    pub(super) has_failed: bool,
}

/// Why EC2 does not show a source.
pub(super) struct NotSeen {
    /// The Region.
    region: String,
    error: AwsError,
}

/// Looks at the sources.
///
/// # Errors
/// If EC2 does not show one.
pub(super) async fn see(step: &StepContext<'_>, spec: &Spec) -> Result<Sources, NotSeen> {
    see_these(step, spec.named_sources()).await
}

async fn see_these(step: &StepContext<'_>, sources: &[NamedSource]) -> Result<Sources, NotSeen> {
    let mut found = Sources::default();
    let (snapshots, images): (Vec<&NamedSource>, _) =
        sources.iter().partition(|source| source.region.is_none());
    if !snapshots.is_empty() {
        let mut ids: Vec<String> = snapshots.iter().map(|source| source.id.clone()).collect();
        ids.sort();
        ids.dedup();
        let snapshots = step.aws().named_snapshots(&ids).await;
        let snapshots = snapshots.map_err(|error| NotSeen {
            region: step.config().region.clone(),
            error,
        })?;
        found.has_failed |= snapshots.iter().any(|snapshot| snapshot.has_failed);
        let owners = snapshots.into_iter().map(|it| (it.id, it.owner));
        found.owners.extend(owners);
    }
    for image in images {
        let region = image.region.as_deref().unwrap_or_default();
        let seen = step.aws().in_region(region).named_image(&image.id).await;
        let seen = seen.map_err(|error| NotSeen {
            region: region.to_owned(),
            error,
        })?;
        found.owners.insert(image.id.clone(), seen.owner.clone());
        found.has_failed |= seen.has_failed;
        found.image = Some(seen);
    }
    Ok(found)
}

/// What the manifest of an AMI that is there asks for; or what keeps the step from doing it: that is `gone` if there is no manifest.
/// It is allowed only once it is known whose the sources are.
pub(super) async fn allowed<'a>(
    step: &StepContext<'a>,
    gone: fn() -> Failure,
) -> Result<&'a Spec, StepOutcome> {
    match step.manifest {
        ManifestRead::Spec(spec) => match missing(step, spec).await {
            None => Ok(spec),
            Some(outcome) => Err(outcome),
        },
        ManifestRead::Invalid(problems) => Err(StepOutcome::Fail(problems::not_allowed(problems))),
        ManifestRead::Gone | ManifestRead::Unread => Err(StepOutcome::Fail(gone())),
    }
}

/// Looks whose the sources of an AMI are that is there, where the status does not know that: it was found, or an older amiwright
/// has made it. None if it is known.
async fn missing(step: &StepContext<'_>, spec: &Spec) -> Option<StepOutcome> {
    let known = &step.status.build.source_owners;
    let sources = spec.named_sources();
    if sources.iter().all(|it| known.contains_key(&it.id)) {
        return None;
    }
    let (seen, unseen) = owners(step, sources).await;
    if let Some(unseen) = unseen {
        // One answer proves nothing, and permissions take minutes to come into force.
        match step.wait_up_to(retrying(&unseen.error), VISIBILITY_GRACE) {
            Some(wait) => return Some(wait),
            // The AMI does not need it any more, and nobody says whose it was.
            None if unseen.is_gone(step) => {}
            None => return Some(unseen.outcome(step)),
        }
    }
    let owner_of = |id: &String| seen.get(id).or_else(|| known.get(id)).cloned();
    let owners = sources
        .iter()
        .map(|it| (it.id.clone(), owner_of(&it.id).unwrap_or_default()));
    Some(StepOutcome::Advance(Evidence::OwnersSeen(owners.collect())))
}

/// The owners of those that EC2 shows, and why not of all: what is gone counts last. One that is gone keeps EC2 from showing any
/// that are asked for with it, so that each is asked for alone then.
async fn owners(step: &StepContext<'_>, sources: &[NamedSource]) -> (Owners, Option<NotSeen>) {
    match see_these(step, sources).await {
        Ok(seen) => return (seen.owners, None),
        Err(unseen) if !unseen.is_gone(step) => return (Owners::new(), Some(unseen)),
        Err(_) => {}
    }
    let (mut owners, mut gone) = (Owners::new(), None);
    for source in sources {
        match see_these(step, std::slice::from_ref(source)).await {
            Ok(seen) => owners.extend(seen.owners),
            Err(unseen) if unseen.is_gone(step) => gone = Some(unseen),
            Err(unseen) => return (owners, Some(unseen)),
        }
    }
    (owners, gone)
}

impl NotSeen {
    /// What a step comes to that needs it.
    pub(super) fn outcome(self, step: &StepContext<'_>) -> StepOutcome {
        not_seen(step, &self.region, self.error)
    }

    /// Whether it is not there, or not for this account, or its Region is switched off.
    fn is_gone(&self, step: &StepContext<'_>) -> bool {
        let codes = ["InvalidSnapshot.NotFound", "InvalidAMIID.NotFound"];
        let is_off = self.region != step.config().region && self.error.refuses_credentials();
        let is_unknown = codes.iter().any(|code| self.error.has_code(code));
        // An AMI that is not among those of the answer.
        let is_left_out = self.error.code.is_none() && self.error.remedy == Remedy::Never;
        is_off || is_unknown || is_left_out
    }
}

/// Without an answer nothing is made. A Region that is not there does not answer, either: that ends after a while. The stack's
/// is there; it, and a service that answers that it is not well, will answer again, however long that takes.
pub(super) fn not_seen(step: &StepContext<'_>, region: &str, error: AwsError) -> StepOutcome {
    let waiting = retrying(&error);
    let is_busy = match error.status {
        Some(_) => error.remedy == Remedy::Later,
        None => error.remedy != Remedy::Never && region == step.config().region,
    };
    let passes = is_busy || error.is_throttled() || error.is_rate_limited_locally();
    let may_pass = error.remedy != Remedy::Never && !step.has_waited(&waiting, REGISTER_GRACE);
    if passes || may_pass {
        return StepOutcome::Wait(waiting);
    }
    step.refused(error)
}
