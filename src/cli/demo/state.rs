//! What amiwright has written into the demo's bucket.

use crate::cli::error::Error;
use crate::cli::local_stack::LocalStack;
use crate::image::Status;
use crate::keys::StatePrefix;

/// The status of a manifest, as it is in the bucket.
pub(super) async fn status(
    stack: &LocalStack,
    manifest_key: &str,
) -> Result<Option<Status>, Error> {
    let key = state()?.status_key(manifest_key);
    let content = stack.world.s3().get(&stack.bucket, &key).await;
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
    let key = state()?.open_key(manifest_key);
    let marker = stack.world.s3().get(&stack.bucket, &key).await;
    Ok(marker
        .map_err(|error| Error::from_source(format!("cannot read {key}"), error))?
        .is_some())
}

/// The default of the template's parameter StatePrefix.
pub(super) fn state() -> Result<StatePrefix, Error> {
    StatePrefix::new("amiwright/").ok_or_else(|| Error::new("the state prefix is empty"))
}
