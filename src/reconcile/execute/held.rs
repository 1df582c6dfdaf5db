//! Shares of snapshots that are to end. One answer of EC2 that shows no AMI that needs a share does not end it: whose that AMI is,
//! another manifest's or a person's, its need is known from EC2 alone. So it is written down first that a share is to go. It goes
//! if an answer that cannot be as old shows none, either.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::image::publish::retire::{self, Pending, Seen, Target};
use crate::image::publish::{Plan, STALE_READS};
use crate::image::status::{Action, Applied, RegionAction};
use crate::reconcile::step_context::StepContext;

/// Leaves out of what publishing does the shares of which it was not written down in this step that they are to go, and returns
/// these. What is written down is looked at again once reads cannot be as old, like all that was asked for.
pub(super) fn publishing(step: &StepContext<'_>, plan: &mut Plan) -> Vec<RegionAction> {
    let ready = std::mem::take(&mut plan.ready);
    let is_to_go = |what: &RegionAction| match &what.action {
        Action::RevokeSnapshot { snapshot, accounts } => {
            let applied = plan.applied_in(step.status, &what.region);
            is_known_since(step, &applied, (snapshot, accounts)).is_some()
        }
        _ => true,
    };
    let (ready, held) = ready.into_iter().partition(is_to_go);
    plan.ready = ready;
    held
}

/// Since when it is written down that these accounts are to lose a snapshot; none if it was not in this step.
fn is_known_since(
    step: &StepContext<'_>,
    applied: &Applied,
    (snapshot, accounts): (&String, &BTreeSet<String>),
) -> Option<Timestamp> {
    let intended = applied.intended.as_ref()?;
    let gone = intended.gone.snapshots.get(snapshot)?;
    let is_known = accounts.is_subset(gone) && intended.at >= step.status.build.step_since;
    is_known.then_some(intended.at)
}

/// An AMI, with its Region.
type Place = (String, String);

/// What is not done yet about AMIs that are retired.
pub(super) struct Held {
    /// The AMIs that do not go yet: a share would end with them.
    pub(super) images: BTreeSet<Place>,
    /// What is to be written down of that.
    pub(super) shares: Vec<RegionAction>,
}

/// What is to be done about AMIs that are retired, without those whose shares have to be looked at again, and what is to be
/// written down of these.
pub(super) fn retiring(
    step: &StepContext<'_>,
    seen: &[(Target, Seen)],
    plan: impl Fn(&[(Target, Seen)]) -> retire::Plan,
) -> (retire::Plan, Vec<RegionAction>) {
    let found = plan(seen);
    let held = held(step, seen, &found.ready);
    if held.images.is_empty() {
        return (found, held.shares);
    }
    let mut rest = seen.to_vec();
    rest.retain(|(target, _)| !held.images.contains(&place(target)));
    let mut found = plan(&rest);
    let images = held.images.into_iter();
    let pending = images.map(|(region, image)| (region, image, Pending::Settling));
    found.pending.extend(pending);
    (found, held.shares)
}

fn place(target: &Target) -> Place {
    (target.region.clone(), target.known.image.clone())
}

/// The AMIs with which shares would end that have to be looked at again: those that go with one of them, too, and what ends with
/// these.
pub(super) fn held(
    step: &StepContext<'_>,
    seen: &[(Target, Seen)],
    actions: &[RegionAction],
) -> Held {
    let mut held = Held {
        images: BTreeSet::new(),
        shares: Vec::new(),
    };
    let mut others = Vec::new();
    for what in actions {
        let Some(images) = ending_with(what, actions) else {
            continue;
        };
        let known_since = known_since(step, seen, what);
        if known_since.is_none() {
            held.shares.push(what.clone());
        }
        match known_since.is_some_and(|at| step.now().duration_since(at) >= STALE_READS) {
            true => others.push(images),
            false => held.images.extend(images),
        }
    }
    while let Some(at) = others.iter().position(|it| !it.is_disjoint(&held.images)) {
        held.images.extend(others.swap_remove(at));
    }
    held
}

/// Since when it is written down that this share of an AMI is to go.
fn known_since(
    step: &StepContext<'_>,
    seen: &[(Target, Seen)],
    what: &RegionAction,
) -> Option<Timestamp> {
    let Action::RevokePrevious {
        image,
        snapshot,
        accounts,
    } = &what.action
    else {
        return None;
    };
    let mut targets = seen.iter().map(|(target, _)| target);
    let of = targets.find(|it| it.region == what.region && it.known.image == *image)?;
    is_known_since(step, &of.known.applied, (snapshot, accounts))
}

/// The AMIs after which this ends a share; none if it ends none.
fn ending_with(what: &RegionAction, actions: &[RegionAction]) -> Option<BTreeSet<Place>> {
    let Action::RevokePrevious {
        image, snapshot, ..
    } = &what.action
    else {
        return None;
    };
    let going = actions.iter().filter(|it| it.region == what.region);
    let going = going.filter_map(|it| match &it.action {
        Action::DeregisterPrevious {
            image, snapshots, ..
        } => snapshots.contains(snapshot).then_some(image),
        _ => None,
    });
    let images = going.chain([image]);
    Some(images.map(|it| (what.region.clone(), it.clone())).collect())
}
