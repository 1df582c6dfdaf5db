//! The one AMI that an event of EC2 names.

use super::polling::image_seen;
use super::report::{Report, count, fail};
use crate::Failures;
use crate::image::observed::MANIFEST_TAG;
use crate::manifest::location::s3_uri;
use crate::reconcile::{Context, Error};
use crate::status_store;

/// Checks the one AMI whose state has changed, by the manifest that its ownership tag names. EC2 sends an event for
/// every AMI in the account, and of thousands at once: a whole tick for each would be far too much.
pub(super) async fn visit(
    context: Context<'_>,
    image_id: &str,
    report: &mut Report,
    failures: &mut Failures,
) {
    match advance(context, image_id).await {
        Ok(None) => {}
        Ok(Some(advanced)) => {
            report.found = 1;
            count(report, advanced, false);
        }
        Err(error) => fail(report, failures, image_id, &error),
    }
}

/// Whether the status of an AMI's manifest changed; none if no status waits for this AMI.
async fn advance(context: Context<'_>, image_id: &str) -> Result<Option<bool>, Error> {
    let found = context
        .aws
        .find_images("image-id", &[image_id.to_owned()])
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
        .image_in(&context.config.region)
        .map(|region| region.image.as_str());
    if awaited != Some(image_id) {
        return Ok(None);
    }
    image_seen(context, loaded, Some(image)).await.map(Some)
}
