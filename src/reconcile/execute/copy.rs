//! The stage `copy`: a copy of the AMI in another Region, and what a failed one left.

mod found;
mod keys;
mod unanswered;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::aws::{Aws, AwsError, CopiedImage, Remedy};
use crate::image::message::failures;
use crate::image::observed::{MANIFEST_TAG, ObservedSnapshot};
use crate::image::outcome::PublishIntent;
use crate::image::ownership;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::publish::{Desired, has_failed, is_unseen_for_long};
use crate::image::status::{Action, CopyRequest, Failure, RegionAction, Settings, Status};
use crate::image::words::{TOKEN_KNOWN, WaitReason};
use crate::reconcile::proof::is_own_image;
use crate::reconcile::step_context::{StepContext, retrying};

use super::refused::Refused;
use found::{find, not_looked};
pub(super) use unanswered::{Searched, search};

/// Codes by which EC2 says "later" to CopyImage. Too many copies at once is one of them: "up to 300 concurrent copy
/// operations" into a Region ("Copy an AMI", EC2 User Guide), by a code that is not documented; and an AMI that became
/// available a moment ago may not be known in other Regions.
const LATER: [&str; 3] = [
    "ResourceLimitExceeded",
    "InvalidAMIID.NotFound",
    "InvalidAMIID.Unavailable",
];

/// A copy is being made, or is searched for in a Region that does not answer.
pub(super) fn pending(region: &str, error: Option<&AwsError>) -> WaitReason {
    match error.filter(|it| !it.is_rate_limited_locally()) {
        Some(error) => retrying(error),
        None => WaitReason::CopyPending {
            region: region.to_owned(),
        },
    }
}

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
            let is_same = is_again && known.may_be_heard();
            let asked_since = known.asked_since.or(known.asked_at);
            // What became of a request is not known where it is not written down, also of one with another token.
            let is_unseen = step.status.image_in(&what.region).is_none();
            let unanswered_at = known.last_unanswered().filter(|_| is_unseen);
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
                asked_since: asked_since.filter(|_| is_again).or(Some(step.now())),
                is_refused: false,
                unanswered_at,
                removed: known.removed,
                is_unusable: false,
                kms_key_id: kms_key_id.clone(),
                settings: if is_same { known.settings } else { settings },
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
        Action::CopyImage { attempt, .. } => {
            let copy = copy(step, aws, &what.region).await?;
            Action::CopyImage {
                attempt: *attempt,
                kms_key_id: copy.kms_key_id,
                image: Some(copy.image),
                was_there: copy.was_there,
            }
        }
        Action::RemoveFailedCopy { image, .. } => {
            let removed = remove(step, aws, &what.region, image).await;
            if !removed.map_err(|error| not_removed(step.status, what, error))? {
                let region = what.region.clone();
                return Err(Refused::NotYet(WaitReason::CopyPending { region }));
            }
            what.action.clone()
        }
        other => other.clone(),
    };
    Ok(RegionAction {
        region: what.region.clone(),
        action,
    })
}

/// A copy that is there, or was begun.
struct Copy {
    image: String,
    /// The key that it has, or was asked for.
    kms_key_id: Option<String>,
    /// Whether an earlier version or attempt has made it.
    was_there: bool,
}

/// Copies the AMI to a Region, if EC2 shows no copy there.
async fn copy(step: &StepContext<'_>, aws: &Aws, region: &str) -> Result<Copy, Refused> {
    let status = step.status;
    let request = status.copies.get(region).cloned().unwrap_or_default();
    if let Some(found) = look(step, aws, region, &request).await? {
        return Ok(found);
    }
    let home = &step.config().region;
    let source = status.image_in(home).map(|it| it.image.clone());
    let mut tags = ownership::creation_tags(status);
    tags.extend(request.settings.tags.clone());
    let params = CopiedImage {
        source_id: source.unwrap_or_default(),
        source_region: home.clone(),
        name: status.build.name.clone().unwrap_or_default(),
        description: request.settings.description.clone(),
        client_token: ownership::copy_token(status, region, request.attempt),
        tags,
        kms_key_id: request.kms_key_id.clone(),
        ..CopiedImage::default()
    };
    let answer = aws.copy_image(&params).await;
    answer
        .map_err(|error| refused(step, &request, error))
        .map(|image| Copy {
            image,
            kms_key_id: request.kms_key_id,
            was_there: false,
        })
}

/// The copy that is there already.
async fn look(
    step: &StepContext<'_>,
    aws: &Aws,
    region: &str,
    request: &CopyRequest,
) -> Result<Option<Copy>, Refused> {
    let is_enabled = step.aws().is_enabled_region(region).await;
    if !is_enabled.map_err(|error| not_looked(request, error))? {
        return Err(Refused::Final(failures::region_disabled(region, None)));
    }
    let Some(found) = find(step, aws, request).await? else {
        return Ok(None);
    };
    let asked = request.kms_key_id.as_deref();
    let other = keys::other_key(step, aws, &found, asked).await;
    let other = other.map_err(Refused::Later)?.map(|key| key.0);
    Ok(Some(Copy {
        was_there: ownership::is_of_other_attempt(step.status, &found),
        image: found.id,
        kms_key_id: other.unwrap_or_else(|| request.kms_key_id.clone()),
    }))
}

/// Whether EC2 refuses to copy for good. A request before this one may have begun the copy: then it is looked for, at every
/// tick for a while.
fn refused(step: &StepContext<'_>, request: &CopyRequest, error: AwsError) -> Refused {
    let is_later = LATER.iter().any(|code| error.has_code(code));
    // An earlier request with the token has begun a copy. If none shows for long, another token is used.
    let is_begun = error.has_code(TOKEN_KNOWN);
    let unanswered_for = request
        .unanswered_at
        .map(|at| step.now().duration_since(at));
    if is_later || is_begun || unanswered_for.is_some_and(|it| it <= VISIBILITY_GRACE) {
        Refused::Later(error)
    } else {
        error.into()
    }
}

/// Whether this was to begin a copy, and a request that was not heard, or was refused, has begun none.
pub(super) fn is_not_begun(what: &RegionAction, refused: &Refused) -> bool {
    let is_begun = matches!(refused, Refused::Later(error) if error.has_code(TOKEN_KNOWN));
    matches!(what.action, Action::CopyImage { .. }) && !is_begun
}

/// Deregisters a failed copy, then deletes the snapshots that were begun for it. EC2 does not list the snapshots of an AMI
/// that failed: these name it, or are of this very attempt and were begun since this copy was asked for. None is used by
/// another AMI of the manifest, or was kept of an AMI that was retired. Returns whether all is gone: a copy that EC2 does
/// not show as failed any more stays, and one that it does not show may only be missing in this read for a while.
async fn remove(
    step: &StepContext<'_>,
    aws: &Aws,
    region: &str,
    image: &str,
) -> Result<bool, AwsError> {
    let status = step.status;
    let tag = format!("tag:{MANIFEST_TAG}");
    let manifest = [status.manifest.uri()];
    let images = aws.find_images(&tag, &manifest).await?;
    let known = status.image_in(region);
    let is_missing = known.is_some_and(|known| is_unseen_for_long(known, step.now()));
    match images.iter().find(|it| it.id == image) {
        Some(shown) if shown.state == "deregistered" => {}
        Some(shown) if is_own_image(status, shown) && has_failed(&shown.state) => {
            aws.deregister_image(image).await?;
        }
        Some(_) => return Ok(false),
        // The next visit looks again.
        None if !is_missing => return Ok(false),
        None => {}
    }
    let others = images.iter().filter(|it| it.id != image);
    let used: BTreeSet<&String> = others.flat_map(|it| &it.snapshots).collect();
    let snapshots = aws.find_snapshots(&tag, &manifest).await?;
    // Then the status is not that of the last attempt.
    let is_later = |tags| ownership::is_later_attempt(status, tags);
    let mut seen = images.iter().map(|it| &it.tags);
    if seen.any(is_later) || snapshots.iter().any(|it| is_later(&it.tags)) {
        return Ok(true);
    }
    let request = status.copies.get(region);
    let asked_since = request.and_then(|it| it.asked_since.or(it.asked_at));
    for snapshot in snapshots {
        let (id, tags) = (&snapshot.id, &snapshot.tags);
        let is_of_attempt = is_begun_since(asked_since, &snapshot)
            && ownership::is_left_by_attempt(status, id, tags);
        // An earlier attempt of this version may have asked for the copy that this one has taken up.
        let is_of_copy =
            is_begun_for(image, &snapshot) && ownership::is_left_by_version(status, id, tags);
        if (is_of_attempt || is_of_copy) && !used.contains(id) {
            aws.delete_snapshot(id).await?;
        }
    }
    Ok(true)
}

/// Whether a snapshot was begun for this copy, as its description says: `Copied for DestinationAmi ami-… from SourceAmi
/// ami-… for SourceSnapshot snap-….` EC2 writes it, and nobody can change it (ModifySnapshotAttribute). It is in no
/// documentation: one that says something else proves nothing.
fn is_begun_for(image: &str, snapshot: &ObservedSnapshot) -> bool {
    let copied = snapshot
        .description
        .strip_prefix("Copied for DestinationAmi ");
    copied.and_then(|it| it.split(' ').next()) == Some(image)
}

/// Whether a snapshot was begun after a copy was asked for. What is not known is not so.
fn is_begun_since(asked: Option<Timestamp>, snapshot: &ObservedSnapshot) -> bool {
    let since = asked.and_then(|at| at.checked_sub(ownership::CLOCKS).ok());
    matches!((since, snapshot.started_at), (Some(since), Some(at)) if at >= since)
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
