//! Copies that EC2 was asked for, whose answer was lost, and whose Region the manifest does not name any more: there may be
//! such AMIs, and nothing else would look for them.

use super::found::find;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::publish::{Pending, Plan};
use crate::image::status::{Action, CopyRequest, RegionAction, Status};
use crate::reconcile::step_context::StepContext;

/// Those that EC2 shows now: they are kept, and known. One that was asked for a moment ago is waited for. What a Region does
/// not tell is left as it is in the status.
pub(in crate::reconcile::execute) async fn look(
    step: &StepContext<'_>,
    plan: &mut Plan,
) -> Vec<RegionAction> {
    let mut found = Vec::new();
    // What the stack does not open is not called, whatever a status says.
    let opened = &step.config().guardrails.copy_regions;
    for region in plan.unlisted.iter().filter(|it| opened.allows(it)) {
        let Some(request) = request(step.status, region) else {
            continue;
        };
        let aws = step.aws().in_region(region);
        let copy = Box::pin(find(step, &aws, request)).await;
        if let Ok(Some(image)) = copy {
            let action = Action::CopyImage {
                attempt: request.attempt,
                kms_key_id: request.kms_key_id.clone(),
                image: Some(image.id),
            };
            let region = region.clone();
            found.push(RegionAction { region, action });
            continue;
        }
        let is_fresh = |at| step.now().duration_since(at) <= VISIBILITY_GRACE;
        if request.asked_at.is_some_and(is_fresh) {
            plan.pending.insert(region.clone(), Pending::Copying);
        }
    }
    found
}

/// What was asked of EC2 in a Region, if it is not known what came of it.
fn request<'a>(status: &'a Status, region: &str) -> Option<&'a CopyRequest> {
    let request = status.copies.get(region)?;
    (request.is_unanswered() && status.image_in(region).is_none()).then_some(request)
}
