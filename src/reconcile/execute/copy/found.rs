//! The copy that an earlier request has made.

use crate::aws::{Aws, AwsError};
use crate::image::message::failures;
use crate::image::observed::{MANIFEST_TAG, ObservedImage};
use crate::image::ownership::Lookup;
use crate::image::publish::has_failed;
use crate::image::status::{CopyRequest, Status};
use crate::image::words::WaitReason;
use crate::reconcile::execute::refused::Refused;
use crate::reconcile::lookup;
use crate::reconcile::proof::is_own_image;
use crate::reconcile::step_context::StepContext;

/// The copy that an earlier request has made. One that failed is taken too: it is deleted before another is made. Not one
/// that was finished before, or was deregistered already and is still shown.
pub(super) async fn find(
    step: &StepContext<'_>,
    aws: &Aws,
    request: &CopyRequest,
) -> Result<Option<ObservedImage>, Refused> {
    let status = step.status;
    let tag = format!("tag:{MANIFEST_TAG}");
    let found = aws.find_images(&tag, &[status.manifest.uri()]).await;
    let mut found = found.map_err(|error| not_looked(request, error))?;
    let known = lookup::add_known(aws, status, aws.region(), &mut found).await;
    known.map_err(|error| not_looked(request, error))?;
    let is_own =
        |image: &ObservedImage| is_own_image(status, image) && !request.removed.contains(&image.id);
    let (failed, live): (Vec<_>, Vec<_>) = found
        .into_iter()
        .filter(is_own)
        .partition(|image| has_failed(&image.state));
    match lookup::judge(status, &live, step.now()) {
        Lookup::Ours(image) if lookup::is_going(status, &image.id, step.now()) => {
            Err(Refused::NotYet(WaitReason::DeletionNotVisible))
        }
        Lookup::Ours(image) => Ok(Some(image)),
        Lookup::Several(ids) => Err(Refused::Final(failures::several_images(ids))),
        Lookup::Absent | Lookup::NameTaken(_) => {
            let mut failed = failed.into_iter();
            Ok(failed.find(|image| !was_finished(status, &image.id)))
        }
    }
}

/// Whether it may be looked again. A copy that may have been begun is not given up because nobody may look for a moment.
pub(super) fn not_looked(request: &CopyRequest, error: AwsError) -> Refused {
    match request.unanswered_at {
        Some(_) => Refused::Later(error),
        None => error.into(),
    }
}

/// Whether this AMI was an earlier version's, and was as that version's manifest said.
fn was_finished(status: &Status, image: &str) -> bool {
    let versions = status.previous.iter();
    let mut known = versions.flat_map(|version| version.regions.values());
    known.any(|it| it.image == image && it.verified_at.is_some())
}
