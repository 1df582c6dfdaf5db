//! What an AMI of a snapshot would lose, looked at before it is registered: the license of the AMIs that have the same
//! root, and what EC2 would refuse.

use crate::image::billing::{
    LicensedSource, NotRegistrable, SnapshotUser, license_at_risk, not_registrable,
};
use crate::image::observed::ObservedImage;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::status::Owners;
use crate::manifest::Problem;
use crate::manifest::image::{Registration, Source};
use crate::manifest::text::quoted;
use crate::reconcile::context::Error;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::named_sources::not_seen;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::StepContext;

/// Where EC2 says it.
const RULE: &str = "EC2 API Reference, RegisterImage";

/// What the AMIs show that use the snapshots.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// The AMI whose license the new one may lose, unless the manifest accepts that.
    pub(super) at_risk: Option<LicensedSource>,
    /// Those of this account: what was made of the snapshots before is among them.
    pub(super) own: Vec<ObservedImage>,
}

/// Looks at the AMIs that use the snapshots of a `snapshot` source; or why the snapshots are not registered. Other sources
/// are not looked at: a snapshot that was imported a minute ago has no other AMI.
pub(super) async fn look(
    step: &StepContext<'_>,
    spec: &Spec,
    owners: &Owners,
) -> Result<Users, StepOutcome> {
    let Some(Source::Snapshot(root)) = spec.source() else {
        return Ok(Users::default());
    };
    let registration = spec.registered(step.status, None).registration;
    let others = other_snapshots(&registration, &root.id);
    let snapshots: Vec<String> = [root.id.as_str()]
        .iter()
        .chain(&others)
        .map(|&id| id.to_owned())
        .collect();
    // AMIs of a snapshot are its owner's, or this account's own.
    let mut of = vec!["self".to_owned()];
    of.extend(owners.values().map(|owner| owner.id.clone()));
    of.sort();
    of.dedup();
    let images = step.aws().users_of_snapshots(&snapshots, &of).await;
    let home = &step.config().region;
    let images = images.map_err(|error| not_seen(step, home, error))?;
    let (mut own, mut users) = (Vec::new(), Vec::new());
    for image in images {
        if Some(&image.owner) == step.config().account_id.as_ref() {
            own.push(image.image);
        }
        users.push(image.user);
    }
    if let Some(why) = not_registrable(&root.id, &others, &users) {
        return Err(StepOutcome::Reject(vec![problem(spec, &why)]));
    }
    let is_accepted = registration.accept_lost_billing == Some(true);
    let at_risk = license_at_risk(&root.id, &users).filter(|_| !is_accepted);
    Ok(Users { at_risk, own })
}

/// The snapshots of the volumes besides the root's.
fn other_snapshots<'a>(registration: &'a Registration, root: &str) -> Vec<&'a str> {
    let mappings = registration.block_device_mappings.iter();
    let ids = mappings.filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_deref());
    let mut others: Vec<&str> = ids.filter(|id| *id != root).collect();
    others.sort_unstable();
    others.dedup();
    others
}

/// The outcome of registering, with the license that may be lost by it.
pub(super) fn noted(mut outcome: StepOutcome, at_risk: Option<LicensedSource>) -> StepOutcome {
    if let StepOutcome::Advance(Evidence::ImageRegistered { image, .. }) = &mut outcome {
        image.licensed_source = at_risk;
    }
    outcome
}

/// The same for an AMI that was found: it was registered by an invocation that did not live to write down what it had
/// seen. What it was registered in spite of does not matter any more.
pub(super) async fn noted_for_found(
    step: &StepContext<'_>,
    outcome: StepOutcome,
) -> Result<StepOutcome, Error> {
    let (StepOutcome::Advance(_), ManifestRead::Spec(spec)) = (&outcome, step.manifest) else {
        return Ok(outcome);
    };
    match look(step, spec, &Owners::new()).await {
        Ok(users) => Ok(noted(outcome, users.at_risk)),
        Err(wait @ StepOutcome::Wait(_)) => Ok(wait),
        Err(_) => Ok(outcome),
    }
}

/// What is wrong with the snapshot, at its place in the manifest.
fn problem(spec: &Spec, why: &NotRegistrable<'_>) -> Problem {
    let (snapshot, problem) = match why {
        NotRegistrable::Windows { snapshot, user } => {
            let message = format!(
                "{} has Windows on it, as {} shows ({}): RegisterImage makes Linux AMIs of snapshots only",
                quoted(snapshot),
                quoted(&user.image),
                user.billing
            );
            (snapshot, Problem::new(message).with_hint(by_hand(user)))
        }
        NotRegistrable::SecondaryCode {
            snapshot,
            code,
            user,
        } => {
            let message = format!(
                "{} has the AWS Marketplace product code {}, as {} shows: EC2 takes one with the root's snapshot only",
                quoted(snapshot),
                quoted(code),
                quoted(&user.image)
            );
            let hint = "make this volume of another snapshot, or create it empty and copy what is needed to it";
            (snapshot, Problem::new(message).with_hint(hint))
        }
    };
    let place = spec.named_sources().iter().find(|it| it.id == **snapshot);
    let problem = problem.with_rule(RULE);
    match place {
        Some(place) => problem.with_path(&place.path).at(place.line, place.column),
        None => problem,
    }
}

fn by_hand(user: &SnapshotUser) -> String {
    format!(
        "launch an instance of {}, change it, and make an AMI of it with CreateImage",
        user.image
    )
}
