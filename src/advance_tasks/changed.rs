//! The one AMI that an event of EC2 names.

use super::audit;
use super::polled::image_seen;
use super::report::{Report, count, fail};
use crate::Failures;
use crate::events::ImageStateChange;
use crate::failures::chain;
use crate::image::observed::MANIFEST_TAG;
use crate::manifest::location::s3_uri;
use crate::reconcile::{self, Context, Error};
use crate::status_store;

/// Checks the one AMI whose state has changed, by the manifest that its ownership tag names. EC2 sends an event for
/// every AMI in the account, and of thousands at once: a whole tick for each would be far too much. Those of other Regions
/// come only if somebody forwards them: the event says of which Region it is.
pub(super) async fn visit(
    context: Context<'_>,
    change: &ImageStateChange,
    report: &mut Report,
    failures: &mut Failures,
) {
    match advance(context, change, failures).await {
        Ok(None) => {}
        Ok(Some(advanced)) => {
            report.found = 1;
            count(report, advanced, false);
        }
        // Events of anybody's AMIs come here, of many at once: a hint that cannot be followed now is none, and the
        // schedule sees what it was about. As a failure it would only be tried again, and end as an alarm.
        Err(error) if error.passes() => {
            report.skipped += 1;
            let (image, error) = (&change.image_id, chain(&error));
            tracing::warn!(image, error, "an event was skipped");
        }
        Err(error) => fail(report, failures, &change.image_id, &error),
    }
}

/// Whether the status of an AMI's manifest changed; none if no status waits for this AMI.
async fn advance(
    context: Context<'_>,
    change: &ImageStateChange,
    failures: &mut Failures,
) -> Result<Option<bool>, Error> {
    let (home, image_id) = (&context.config.region, &change.image_id);
    let region = change.region.as_ref().unwrap_or(home);
    let is_home = region == home;
    // Whatever is on the bus: no other Regions are asked than those that may have AMIs of the stack.
    if !context.config.opens(region) {
        return Ok(None);
    }
    let found = context
        .aws
        .in_region(region)
        .find_images("image-id", std::slice::from_ref(image_id))
        .await?;
    let Some(image) = found.first() else {
        return Ok(None);
    };
    let ours = s3_uri(&context.config.bucket, "");
    let manifest_key = image
        .tags
        .get(MANIFEST_TAG)
        .and_then(|uri| uri.strip_prefix(&ours));
    let Some(manifest_key) = manifest_key else {
        return Ok(None);
    };
    let Some(loaded) = status_store::load(context.aws, context.config, manifest_key).await? else {
        return Ok(None);
    };
    let awaited = loaded
        .status
        .image_in(region)
        .map(|known| known.image.as_str());
    if awaited != Some(image_id.as_str()) {
        return Ok(None);
    }
    if loaded.status.state.is_final() {
        return audit::one(context, loaded, failures).await.map(Some);
    }
    if is_home {
        return image_seen(context, loaded, Some(image)).await.map(Some);
    }
    // A copy: its AMI is published.
    let outcome = Box::pin(reconcile::run_steps(context, loaded)).await?;
    Ok(Some(outcome.has_advanced()))
}
