//! What amiwright has written into the demo's state bucket.

use crate::cli::error::Error;
use crate::cli::local_stack::LocalStack;
use crate::image::Status;
use crate::keys;

/// The status of a manifest, as it is in the bucket.
pub(super) async fn status(
    stack: &LocalStack,
    manifest_key: &str,
) -> Result<Option<Status>, Error> {
    let key = keys::status_key(manifest_key);
    let content = stack.world.s3().get(&stack.state_bucket, &key).await;
    let content =
        content.map_err(|error| Error::from_source(format!("cannot read {key}"), error))?;
    let Some(content) = content else {
        return Ok(None);
    };
    let status = serde_json::from_slice(&content);
    status
        .map(Some)
        .map_err(|error| Error::from_source(format!("{key} is not a status"), error))
}

pub(super) async fn is_open(stack: &LocalStack, manifest_key: &str) -> Result<bool, Error> {
    let key = keys::open_key(manifest_key);
    let marker = stack.world.s3().get(&stack.state_bucket, &key).await;
    Ok(marker
        .map_err(|error| Error::from_source(format!("cannot read {key}"), error))?
        .is_some())
}
