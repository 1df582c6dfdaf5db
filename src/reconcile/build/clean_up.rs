//! `clean-up`: what a failed or cancelled image left in AWS. Deleted is only what EC2's own record proves to be ours:
//! AMIs and snapshots with the tags of this very attempt, those that an import task with these tags names while EC2
//! lists it, and objects under the prefix that EC2 was given for this attempt. What only the status names is reported,
//! not touched.

mod deleting;
mod found;

use std::collections::BTreeSet;

use jiff::SignedDuration;

use self::deleting::{Deletable, delete, not_deleted, refusal};
use self::found::{Found, find, imports, is_orphan, sorted};
use crate::aws::{AwsError, Remedy};
use crate::image::outcome::{Claim, Evidence, StepOutcome};
use crate::image::ownership;
use crate::image::plan::{CLEAN_UP_GRACE, VISIBILITY_GRACE};
use crate::image::status::{Orphan, OrphanReason};
use crate::image::task::TaskKind;
use crate::image::words::{SourceKind, WaitReason};
use crate::reconcile::context::Error;
use crate::reconcile::step_context::{StepContext, retrying};

/// How long something that may not have been deleted may not be shown until it counts as deleted: nobody need be told that
/// this is waited for ([`WAITING_LONG`](crate::image::plan::WAITING_LONG)).
const UNSURE_GRACE: SignedDuration = SignedDuration::from_mins(10);

/// Deletes what is left over: describes, records what was found, deletes it, and describes again until nothing is
/// found.
pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let found = match find(&step).await {
        Ok(found) => found,
        Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => {
            return Ok(not_shown(&step, &refused));
        }
        Err(error) => return Err(error),
    };
    let Found {
        ours,
        unproven,
        for_long,
        parts,
        failed,
        ..
    } = found;
    let found: Vec<Deletable> = ours
        .into_iter()
        .filter(|it| !is_orphan(&step, &it.name(&step)))
        .collect();
    let for_long = for_long.into_iter().filter(|id| !is_orphan(&step, id));
    let kept: Vec<Orphan> = for_long
        .map(|what| Orphan {
            what,
            reason: OrphanReason::AvailableForLong,
        })
        .collect();
    if !kept.is_empty() {
        return Ok(StepOutcome::Advance(Evidence::NotDeleted(kept)));
    }
    // An AMI that cannot be seen yet goes before what it is made of.
    if let Some(image) = not_visible_yet(&step, &found)
        && !step.step_exceeds(VISIBILITY_GRACE)
    {
        return Ok(StepOutcome::Wait(WaitReason::ImageNotVisible { image }));
    }
    // Nor does the AMI go before what it is made of shows: then only its tags lead to that.
    if let Some(reason) = parts_not_visible(&step, &found, &parts, &failed)
        && !step.step_exceeds(VISIBILITY_GRACE)
    {
        return Ok(StepOutcome::Wait(reason));
    }
    // Gone for us; EC2 may still show it for a moment.
    let (gone, found): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|it| it.is_of_ec2() && is_deleted(&step, &it.name(&step)));
    if found.is_empty() {
        let shown = gone.first().map(|_| WaitReason::DeletionNotVisible);
        let wait = shown.and_then(|reason| wait(&step, reason));
        return Ok(wait.unwrap_or_else(|| without_proof(&step, unproven)));
    }
    let names: Vec<String> = found.iter().map(|it| it.name(&step)).collect();
    if names
        .iter()
        .any(|it| !step.status.build.deleted.contains(it))
    {
        return Ok(StepOutcome::Claim(Claim::Delete(names)));
    }
    for (at, deletable) in found.iter().enumerate() {
        if let Err(error) = delete(&step, deletable).await {
            // What was deleted before it is written down first.
            return Ok(match at {
                0 => not_deleted(&step, &found, &error),
                _ => StepOutcome::Advance(Evidence::Deleted(names[..at].to_vec())),
            });
        }
    }
    Ok(StepOutcome::Advance(Evidence::Deleted(names)))
}

/// EC2 refuses to show, or to tag, what there is. What an import has just made may not be found for a moment; otherwise
/// everything that is known is reported.
fn not_shown(step: &StepContext<'_>, refused: &AwsError) -> StepOutcome {
    if refused.is_not_found()
        && let Some(wait) = wait(step, retrying(refused))
    {
        return wait;
    }
    let unseen = std::iter::once(Orphan::UNSEEN.to_owned());
    let known = known(step).into_iter();
    let orphan = |what| Orphan {
        what,
        reason: refusal(refused),
    };
    cleaned_up(unseen.chain(known).map(orphan).collect())
}

/// The names of what was made for the image and may be there, as far as the status knows them: AMIs before their snapshots, and
/// what EC2 or S3 was asked to delete without an answer that says so.
fn known(step: &StepContext<'_>) -> Vec<String> {
    let tasks = || imports(step, &[TaskKind::ImportSnapshot, TaskKind::ImportImage]);
    let home = step.status.regions.values().map(|it| it.image.clone());
    let mut known: Vec<String> = home.collect();
    known.extend(tasks().filter_map(|task| task.image.clone()));
    known.extend(tasks().flat_map(|task| task.snapshots.iter().cloned()));
    known.extend(step.status.build.deleting.iter().cloned());
    let mut seen = BTreeSet::new();
    known.retain(|id| {
        !is_orphan(step, id)
            && !is_deleted(step, id)
            && !ownership::is_previous(step.status, id)
            && seen.insert(id.clone())
    });
    known
}

/// Waits for it, if neither that nor cleaning up has lasted too long yet.
fn wait(step: &StepContext<'_>, reason: WaitReason) -> Option<StepOutcome> {
    let wait = step.wait_up_to(reason, VISIBILITY_GRACE);
    wait.filter(|_| !step.step_exceeds(CLEAN_UP_GRACE))
}

/// Whether it was deleted, by an answer that came and was written down.
fn is_deleted(step: &StepContext<'_>, name: &str) -> bool {
    let build = &step.status.build;
    let has = |names: &[String]| names.iter().any(|it| it == name);
    has(&build.deleted) && !has(&build.deleting)
}

fn cleaned_up(orphans: Vec<Orphan>) -> StepOutcome {
    StepOutcome::Advance(Evidence::CleanedUp { orphans })
}

/// Nothing is left that is proven to be ours. What is not, and what may not have been deleted, EC2 may still show: its
/// answers are eventually consistent.
fn without_proof(step: &StepContext<'_>, unproven: Vec<String>) -> StepOutcome {
    if let Some(what) = unproven.first().cloned() {
        let wait = wait(step, WaitReason::Unproven { what });
        // Its task was looked for as long before.
        let is_long = |since| step.now().duration_since(since) > VISIBILITY_GRACE;
        let mut tasks = step.status.build.tasks.iter();
        let is_lost = tasks.any(|task| task.unseen_since.is_some_and(is_long));
        let wait = wait.filter(|_| !is_lost);
        return wait.unwrap_or_else(|| cleaned_up(untouched(unproven)));
    }
    // What S3 does not show is not there.
    let mut unsure = step.status.build.deleting.iter();
    let what = unsure.find(|it| !it.starts_with("s3://")).cloned();
    let reason = what.map(|what| WaitReason::Unproven { what });
    let wait = reason.and_then(|reason| step.wait_up_to(reason, UNSURE_GRACE));
    wait.unwrap_or_else(|| cleaned_up(Vec::new()))
}

/// What is reported and left as it is.
fn untouched(ids: Vec<String>) -> Vec<Orphan> {
    let orphan = |what| Orphan {
        what,
        reason: OrphanReason::Unproven,
    };
    let ids = sorted(ids.into_iter());
    ids.into_iter().map(orphan).collect()
}

/// The AMI that EC2 has just made, if it does not show it yet. One that was looked for in vain for long is not there.
fn not_visible_yet(step: &StepContext<'_>, found: &[Deletable]) -> Option<String> {
    let status = step.status;
    let is_long = |since| step.now().duration_since(since) > VISIBILITY_GRACE;
    let mut made = status
        .regions
        .values()
        .filter(|it| it.image_state == "pending" && !it.unseen_since.is_some_and(is_long))
        .filter(|it| !status.build.deleted.contains(&it.image))
        .filter(|it| !is_orphan(step, &it.image) && !ownership::is_previous(status, &it.image))
        .filter(|it| !found.contains(&Deletable::Image(it.image.clone())));
    made.next().map(|it| it.image.clone())
}

/// What EC2 does not show yet of the snapshots of an AMI that is about to be deregistered. Those of copies and restored AMIs nobody
/// else names.
fn parts_not_visible(
    step: &StepContext<'_>,
    found: &[Deletable],
    parts: &BTreeSet<String>,
    failed: &BTreeSet<String>,
) -> Option<WaitReason> {
    let source = step.status.build.source;
    if !matches!(source, Some(SourceKind::Image | SourceKind::Stored)) {
        return None;
    }
    let image = found.iter().find_map(|it| match it {
        Deletable::Image(id) => Some(id).filter(|id| !is_deleted(step, id)),
        Deletable::Snapshot(_) | Deletable::Objects(_) => None,
    })?;
    let mut snapshots = found
        .iter()
        .filter(|it| matches!(it, Deletable::Snapshot(_)));
    let is_hidden = |id: &&String| !found.contains(&Deletable::Snapshot((*id).clone()));
    let message = match parts.iter().find(is_hidden) {
        Some(hidden) => format!("EC2 does not show {hidden} of {image} yet"),
        None if snapshots.next().is_none() && !failed.contains(image) => {
            format!("EC2 does not show the snapshots of {image} yet")
        }
        None => return None,
    };
    let code = None;
    Some(WaitReason::Retrying { code, message })
}
