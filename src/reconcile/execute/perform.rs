//! Does what was written down, and says what of it EC2 took, refused, or did not answer.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};

use super::refused::{Refused, has_waited, not_found_yet};
use super::{copy, describe, product_codes, protect, release, retire, share};
use crate::aws::{Aws, AwsError};
use crate::image::message::failures;
use crate::image::outcome::{
    Evidence, PublishIntent, PublishPerformed, ReleasePerformed, StepOutcome, Written,
};
use crate::image::plan::PUBLISH_GRACE;
use crate::image::status::{Action, CopyRequest, RegionAction};
use crate::image::words::WaitReason;
use crate::reconcile::context::REGIONS_AT_ONCE;
use crate::reconcile::step_context::{StepContext, retrying};

/// The actions of each Region, in their order.
pub(super) fn by_region<'a>(
    actions: impl IntoIterator<Item = &'a RegionAction>,
) -> BTreeMap<&'a str, Vec<&'a RegionAction>> {
    let mut by_region: BTreeMap<&str, Vec<&RegionAction>> = BTreeMap::new();
    for what in actions {
        by_region.entry(&what.region).or_default().push(what);
    }
    by_region
}

/// Does what was written down, in several Regions at once. A Region that refuses one change gets none after it; the others
/// go on.
pub(super) async fn perform(step: &StepContext<'_>, intent: &PublishIntent) -> StepOutcome {
    let regions = by_region(&intent.actions);
    let mut visits = Vec::new();
    for (region, actions) in regions {
        visits.push(Box::pin(perform_in(step, region, actions)));
    }
    let mut performed: Vec<_> = stream::iter(visits)
        .buffer_unordered(REGIONS_AT_ONCE)
        .collect()
        .await;
    performed.sort_by_key(|it| it.region);
    let mut all = PublishPerformed::default();
    for it in performed {
        let region = it.region;
        all.done.extend(it.done);
        all.not_begun
            .extend(it.not_begun.map(|sent| (region.to_owned(), sent)));
        all.unanswered.extend(it.unanswered);
        all.release.written.extend(it.release.written);
        all.release.later = all.release.later.or(it.release.later);
        match it.refused {
            None => {}
            Some(Refused::Final(failure)) => {
                all.failed.insert(region.to_owned(), failure);
            }
            Some(Refused::NotYet(reason)) => {
                all.later.insert(region.to_owned(), reason);
            }
            Some(Refused::Later(error)) => {
                let waited_for = waited_for(step, region, &error);
                let reason = waited_for.unwrap_or_else(|| retrying(&error));
                let is_given_up = step.status.copies.contains_key(region)
                    && !error.is_about_capacity()
                    && has_waited(step, region, &reason, PUBLISH_GRACE);
                if is_given_up {
                    let failure = failures::not_published(region, &reason);
                    all.failed.insert(region.to_owned(), failure);
                } else {
                    all.later.insert(region.to_owned(), reason);
                }
            }
        }
    }
    StepOutcome::Advance(Evidence::PublishPerformed(all))
}

/// What a Region has waited for so far, where this error says that it was not asked: that says nothing new.
pub(super) fn waited_for(
    step: &StepContext<'_>,
    region: &str,
    error: &AwsError,
) -> Option<WaitReason> {
    let waiting = step.status.copies.get(region)?.waiting.as_ref();
    let waiting = waiting.filter(|_| error.is_rate_limited_locally());
    waiting.map(|it| it.reason.clone())
}

/// What was done in one Region.
struct Performed<'a> {
    region: &'a str,
    done: Vec<RegionAction>,
    /// What may have been done.
    unanswered: Option<RegionAction>,
    /// The request for a copy that has begun none: it was refused, or not sent.
    not_begun: Option<CopyRequest>,
    /// Why the rest was not.
    refused: Option<Refused>,
    release: ReleasePerformed,
}

/// Does these in one Region, one after another. A parameter that is refused keeps nothing else from being done.
async fn perform_in<'a>(
    step: &StepContext<'_>,
    region: &'a str,
    actions: Vec<&RegionAction>,
) -> Performed<'a> {
    let aws = step.aws().in_region(region);
    let mut performed = Performed {
        region,
        done: Vec::new(),
        unanswered: None,
        not_begun: None,
        refused: None,
        release: ReleasePerformed::default(),
    };
    for what in actions {
        if let Some(id) = what.parameter() {
            let put = release::perform(step, &aws, &id, &what.action);
            let (written, later) = Box::pin(put).await;
            if matches!(written, Written::Taken(_)) {
                performed.done.push(what.clone());
            }
            let release = &mut performed.release;
            release.later = release.later.take().or(later);
            release.written.insert(id, written);
            continue;
        }
        match Box::pin(send(step, &aws, what)).await {
            Ok(what) => performed.done.push(what),
            Err(refused) => {
                let is_sent = matches!(&refused, Refused::Later(error) if error.may_be_heard());
                performed.unanswered = is_sent.then(|| what.clone());
                let request = step.status.copies.get(region);
                let is_not_begun = !is_sent && copy::is_not_begun(what, &refused);
                performed.not_begun = request.filter(|_| is_not_begun).cloned();
                performed.refused = Some(refused);
                break;
            }
        }
    }
    performed
}

async fn send(
    step: &StepContext<'_>,
    aws: &Aws,
    what: &RegionAction,
) -> Result<RegionAction, Refused> {
    let known = step.status.image_in(&what.region);
    let image = known.map(|it| it.image.as_str()).unwrap_or_default();
    let changed = match &what.action {
        Action::CopyImage { .. } | Action::RemoveFailedCopy { .. } => {
            return copy::perform(step, aws, what).await;
        }
        Action::SetDescription { .. } | Action::SetTags { .. } | Action::RemoveTags { .. } => {
            return describe::perform(step, aws, image, what)
                .await
                .map(|()| what.clone());
        }
        Action::SetProductCode { .. } => product_codes::perform(aws, image, &what.action).await,
        Action::ShareSnapshot { .. }
        | Action::ChangeGrants { .. }
        | Action::RevokeSnapshot { .. } => share::perform(aws, image, &what.action).await,
        Action::SetDeprecation { .. } | Action::SetProtection { .. } => {
            protect::perform(aws, image, &what.action).await
        }
        Action::DeprecatePrevious { .. }
        | Action::UnprotectPrevious { .. }
        | Action::ProtectPrevious { .. }
        | Action::DeregisterPrevious { .. }
        | Action::RevokePrevious { .. }
        | Action::DeleteSnapshot { .. } => {
            retire::perform(aws, &what.action).await?;
            return Ok(what.clone());
        }
        // What points to AMIs is written elsewhere: see [`release::perform`].
        Action::PutParameter { .. } | Action::LeaveParameter { .. } | Action::LeaveShare { .. } => {
            Ok(())
        }
    };
    match changed {
        Ok(()) => Ok(what.clone()),
        Err(error) => Err(not_found_yet(step, &what.region, error)),
    }
}
