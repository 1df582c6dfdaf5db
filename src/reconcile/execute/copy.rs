//! The stage `copy`: a copy of the AMI in another Region, and what a failed one left.

use std::collections::BTreeSet;

use crate::aws::{Aws, AwsError, CopiedImage, Remedy};
use crate::image::message::failures;
use crate::image::observed::{MANIFEST_TAG, ObservedImage};
use crate::image::outcome::PublishIntent;
use crate::image::ownership::{self, Lookup};
use crate::image::publish::Desired;
use crate::image::status::{Action, CopyRequest, Failure, RegionAction, Settings, Status};
use crate::image::words::WaitReason;
use crate::reconcile::lookup::is_going;
use crate::reconcile::proof::is_own_image;
use crate::reconcile::step_context::StepContext;

use super::refused::Refused;

/// Codes by which EC2 says "later" to CopyImage. Too many copies at once is one of them: "up to 300 concurrent copy
/// operations" into a Region ("Copy an AMI", EC2 User Guide), by a code that is not documented; and an AMI that became
/// available a moment ago may not be known in other Regions.
const LATER: [&str; 3] = [
    "ResourceLimitExceeded",
    "InvalidAMIID.NotFound",
    "InvalidAMIID.Unavailable",
];

/// What is written down of a copy before EC2 is asked for it, or before a failed one is deleted.
pub(super) fn intend(
    step: &StepContext<'_>,
    what: &RegionAction,
    desired: &Desired,
    intent: &mut PublishIntent,
) {
    let known = step.status.copies.get(&what.region);
    let known = known.cloned().unwrap_or_default();
    let request = match &what.action {
        Action::CopyImage {
            attempt,
            kms_key_id,
            ..
        } => {
            let is_again = known.attempt == *attempt && known.asked_at.is_some();
            let settings = Settings {
                description: desired.description.clone(),
                tags: desired.tags.clone(),
                ..Settings::default()
            };
            CopyRequest {
                attempt: *attempt,
                // One that EC2 no longer shows counts as one that failed.
                failed: known.failed + u32::from(*attempt > known.attempt),
                asked_at: Some(step.now()),
                kms_key_id: kms_key_id.clone(),
                settings: if is_again { known.settings } else { settings },
                waiting: known.waiting.filter(|_| is_again),
                last_error: None,
                failure: None,
            }
        }
        Action::RemoveFailedCopy { image, reason } => {
            let key = known.kms_key_id.as_deref();
            let failure = failures::copy_failed(&what.region, image, key, reason);
            CopyRequest {
                last_error: Some(failure),
                ..known
            }
        }
        _ => return,
    };
    intent.copies.insert(what.region.clone(), request);
}

/// Does it. What was done is returned, with the copy's id.
pub(super) async fn perform(
    step: &StepContext<'_>,
    aws: &Aws,
    what: &RegionAction,
) -> Result<RegionAction, Refused> {
    let action = match &what.action {
        Action::CopyImage {
            attempt,
            kms_key_id,
            ..
        } => Action::CopyImage {
            attempt: *attempt,
            kms_key_id: kms_key_id.clone(),
            image: Some(copy(step, aws, &what.region).await?),
        },
        Action::RemoveFailedCopy { image, .. } => {
            let removed = remove(step.status, aws, image).await;
            removed.map_err(|error| not_removed(step.status, what, error))?;
            what.action.clone()
        }
        other => other.clone(),
    };
    Ok(RegionAction {
        region: what.region.clone(),
        action,
    })
}

/// Copies the AMI to a Region, if EC2 shows no copy there; returns the copy's id.
async fn copy(step: &StepContext<'_>, aws: &Aws, region: &str) -> Result<String, Refused> {
    let status = step.status;
    if !step.aws().is_enabled_region(region).await? {
        return Err(Refused::Final(failures::region_disabled(region)));
    }
    if let Some(known) = find(status, aws).await? {
        return match is_going(step, &known) {
            true => Err(Refused::NotYet(WaitReason::DeletionNotVisible)),
            false => Ok(known),
        };
    }
    let home = &step.config().region;
    let source = status.image_in(home).map(|it| it.image.clone());
    let request = status.copies.get(region).cloned().unwrap_or_default();
    let mut tags = ownership::creation_tags(status);
    tags.extend(request.settings.tags);
    let params = CopiedImage {
        source_id: source.unwrap_or_default(),
        source_region: home.clone(),
        name: status.build.name.clone().unwrap_or_default(),
        description: request.settings.description,
        client_token: ownership::copy_token(status, region, request.attempt),
        tags,
        kms_key_id: request.kms_key_id,
        ..CopiedImage::default()
    };
    let answer = aws.copy_image(&params).await;
    answer.map_err(|error| {
        let is_later = LATER.iter().any(|code| error.has_code(code));
        // With the same token and other parameters: an earlier request has begun the copy, and it will be seen.
        let is_begun = error.has_code("IdempotentParameterMismatch");
        if is_later || is_begun {
            Refused::Later(error)
        } else {
            error.into()
        }
    })
}

/// The copy that an earlier request has made. One that failed is taken too: it is deleted before another is made.
async fn find(status: &Status, aws: &Aws) -> Result<Option<String>, Refused> {
    let tag = format!("tag:{MANIFEST_TAG}");
    let found = aws.find_images(&tag, &[status.manifest.uri()]).await?;
    let is_own = |image: &ObservedImage| is_own_image(status, image);
    let (live, failed): (Vec<_>, Vec<_>) = found
        .into_iter()
        .filter(is_own)
        .partition(|image| !matches!(image.state.as_str(), "failed" | "invalid" | "error"));
    match ownership::judge(status, &live) {
        Lookup::Ours(image) => Ok(Some(image.id)),
        Lookup::Several(ids) => Err(Refused::Final(failures::several_images(ids))),
        Lookup::Absent | Lookup::NameTaken(_) => {
            Ok(failed.into_iter().next().map(|image| image.id))
        }
    }
}

/// Deregisters a failed copy, then deletes the snapshots that were begun for it. Only what has this version's ownership
/// tags, and what no other AMI of this version uses: EC2 does not tell the snapshots of an AMI that failed.
async fn remove(status: &Status, aws: &Aws, image: &str) -> Result<(), AwsError> {
    let tag = format!("tag:{MANIFEST_TAG}");
    let manifest = [status.manifest.uri()];
    let images = aws.find_images(&tag, &manifest).await?;
    let is_failed = |it: &&ObservedImage| it.id == image && is_own_image(status, it);
    if images
        .iter()
        .any(|it| is_failed(&it) && it.state != "deregistered")
    {
        aws.deregister_image(image).await?;
    }
    let others = images.iter().filter(|it| it.id != image);
    let used: BTreeSet<&String> = others.flat_map(|it| &it.snapshots).collect();
    let tags = ownership::ownership_tags(status);
    for snapshot in aws.find_snapshots(&tag, &manifest).await? {
        if ownership::has_tags(&snapshot.tags, &tags) && !used.contains(&snapshot.id) {
            aws.delete_snapshot(&snapshot.id).await?;
        }
    }
    Ok(())
}

/// What is left of a failed copy cannot be deleted: the Region fails for what the copy failed for, and says so. Snapshots
/// are in use for minutes after their AMI is gone.
fn not_removed(status: &Status, what: &RegionAction, error: AwsError) -> Refused {
    if error.remedy != Remedy::Never || error.has_code("InvalidSnapshot.InUse") {
        return Refused::Later(error);
    }
    let request = status.copies.get(&what.region);
    match request.and_then(|it| it.last_error.clone()) {
        Some(failure) => Refused::Final(Failure {
            message: format!(
                "{}; what it left could not be deleted: {error}",
                failure.message
            ),
            ..failure
        }),
        None => error.into(),
    }
}
