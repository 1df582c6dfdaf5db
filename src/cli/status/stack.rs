//! Whether buckets without a status are those of a stack that is new, or not of amiwright at all.

use jiff::{SignedDuration, Timestamp};

use crate::cli::error::Error;
use crate::cli::hints::cannot_read;
use crate::cli::text::plain;
use crate::keys;
use crate::limits;
use crate::manifest::key;
use crate::manifest::location::s3_uri;
use crate::reconcile::Context;

/// How long a manifest may have no status: several sweeps, which find it if its event was lost.
const STATUS_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// Checks that a stack may be behind buckets without a status.
///
/// # Errors
/// If the buckets are the same, the state bucket holds other things than amiwright's own, or a manifest has none though
/// it was uploaded long ago; or if the state bucket cannot be read.
pub(in crate::cli) async fn check(context: Context<'_>) -> Result<(), Error> {
    let config = context.config;
    let (manifests, states) = (s3_uri(&config.bucket, ""), s3_uri(&config.state_bucket, ""));
    if config.bucket == config.state_bucket {
        return Err(no_stack(&format!(
            "{states} is given as manifest bucket and as state bucket"
        )));
    }
    let is_foreign = |key: &str, _| !keys::is_own(key);
    let found = first(context, &config.state_bucket, is_foreign).await?;
    if let Some(key) = found {
        return Err(no_stack(&format!("{states} has no status, and has {key}")));
    }
    let since = context.now - STATUS_WITHIN;
    let is_old = |key: &str, modified_at| key::kind(key).is_some() && modified_at < since;
    // Who may only read statuses may not see the manifests: nothing is known then.
    let found = first(context, &config.bucket, is_old)
        .await
        .unwrap_or_default();
    match found {
        Some(key) => Err(no_stack(&format!(
            "{states} has no status of {key}, which is in {manifests} for more than an hour"
        ))),
        None => Ok(()),
    }
}

fn no_stack(why: &str) -> Error {
    Error::new(format!("no amiwright stack here: {}", plain(why))).with_hint(
        "--bucket and --state-bucket are the outputs BucketName and StateBucketName of the stack",
    )
}

/// The first key of a bucket's first objects that is such a one.
async fn first(
    context: Context<'_>,
    bucket: &str,
    is_one: impl Fn(&str, Timestamp) -> bool,
) -> Result<Option<String>, Error> {
    let (mut found, mut seen) = (None, 0);
    let pages = context.aws.each_page(bucket, "", |page| {
        seen += page.len();
        let one = page
            .iter()
            .find(|object| is_one(&object.key, object.modified_at));
        found = one.map(|object| object.key.clone());
        found.is_none() && seen < limits::LISTED_AT_A_GLANCE
    });
    let read = pages
        .await
        .map_err(|error| cannot_read(context.config, &error));
    read.map(|()| found)
}
