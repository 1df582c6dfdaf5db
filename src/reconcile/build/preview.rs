//! What would be in the way of making an AMI, looked up as the steps look it up before they make anything.

use super::{billing, encryption, sources};
use crate::image::billing::LicensedSource;
use crate::image::message::failures;
use crate::image::observed::ObservedImage;
use crate::image::outcome::StepOutcome;
use crate::image::ownership::Lookup;
use crate::image::status::Owners;
use crate::image::words::SourceKind;
use crate::manifest::image::Source;
use crate::reconcile::context::Error;
use crate::reconcile::execute::{Replacing, in_place};
use crate::reconcile::lookup;
use crate::reconcile::named_sources::not_seen;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::StepContext;

/// What was found before anything is made.
#[derive(Debug, Default)]
pub(in crate::reconcile) struct Looked {
    /// The AMI of this very version, which is there already.
    pub(in crate::reconcile) existing: Option<ObservedImage>,
    /// The license that the new AMI may lose.
    pub(in crate::reconcile) at_risk: Option<LicensedSource>,
    /// What is in the way.
    pub(in crate::reconcile) obstacle: Option<StepOutcome>,
    /// Whether that is another AMI with the name.
    pub(in crate::reconcile) is_conflict: bool,
    /// AMIs that go before the new one is registered.
    pub(in crate::reconcile) replacing: Vec<Replacing>,
}

/// Looks for the AMI, for another one with its name, and at what it is made of.
pub(in crate::reconcile) async fn look(
    step: &StepContext<'_>,
    spec: &Spec,
) -> Result<Looked, Error> {
    let found = match (step.status.build.digest.is_some(), spec.source_kind()) {
        (false, _) => Lookup::Absent,
        // EC2 names the AMI of a machine itself.
        (true, SourceKind::Vm) => lookup::by_tag(step.context, step.status).await?,
        (true, _) => lookup::by_tag_and_name(step.context, step.status).await?,
    };
    let mut looked = Looked::default();
    let mut taken = None;
    let conflict = match found {
        Lookup::Ours(image) if lookup::is_going(step.status, &image.id, step.now()) => None,
        Lookup::Ours(image) => {
            looked.existing = Some(image);
            return Ok(looked);
        }
        Lookup::NameTaken(image) if in_place::is_asked(step, spec, &image) => {
            taken = Some(image);
            None
        }
        Lookup::NameTaken(image) if lookup::is_going(step.status, &image.id, step.now()) => None,
        Lookup::NameTaken(image) => Some(failures::name_taken(step.status, &image)),
        Lookup::Several(ids) => Some(failures::several_images(ids)),
        Lookup::Absent => None,
    };
    if let Some(conflict) = conflict {
        looked.obstacle = Some(StepOutcome::Fail(conflict));
        looked.is_conflict = true;
        return Ok(looked);
    }
    let mut copied = None;
    let owners = match (&step.config().account_id, spec.source()) {
        (Some(_), _) => match sources::look(step, spec).await? {
            Ok(found) => {
                copied = found.image;
                found.owners
            }
            Err(obstacle) => {
                looked.obstacle = Some(obstacle);
                return Ok(looked);
            }
        },
        // Whose they are is known then, but not whether that is another account.
        (None, Some(Source::Snapshot(root))) => {
            let ids = std::slice::from_ref(&root.id);
            match step.aws().named_snapshots(ids).await {
                Ok(named) => named.into_iter().map(|it| (it.id, it.owner)).collect(),
                Err(error) => {
                    looked.obstacle = Some(not_seen(step, &step.config().region, error));
                    return Ok(looked);
                }
            }
        }
        (None, _) => Owners::new(),
    };
    match billing::look(step, spec, &owners).await {
        Ok(users) => looked.at_risk = users.at_risk,
        Err(obstacle) => looked.obstacle = Some(obstacle),
    }
    if looked.obstacle.is_none() {
        looked.obstacle = Box::pin(encryption::check(step, spec, copied.as_ref())).await;
    }
    looked.replacing = Box::pin(in_place::preview(step, spec, taken.as_ref())).await?;
    Ok(looked)
}
