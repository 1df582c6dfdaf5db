//! What a world finds of the one before it on the same directory.

use jiff::Timestamp;

use super::error::WorldError;
use crate::state::StateFiles;

/// The time that a world on these files begins at: its time never goes back.
pub(super) fn not_before(files: &StateFiles, epoch: Timestamp) -> Result<Timestamp, WorldError> {
    let saved = files.time().map_err(|error| WorldError::State {
        path: files.time_path(),
        problem: error.to_string(),
    })?;
    Ok(saved.map_or(epoch, |saved| saved.max(epoch)))
}

/// Hands a service what it saved, if it did.
pub(super) fn load(
    files: &StateFiles,
    service: &str,
    load: impl FnOnce(serde_json::Value) -> Result<(), serde_json::Error>,
) -> Result<(), WorldError> {
    let wrong = |problem: String| WorldError::State {
        path: files.path(service),
        problem,
    };
    match files
        .read(service)
        .map_err(|error| wrong(error.to_string()))?
    {
        Some(saved) => load(saved).map_err(|error| wrong(error.to_string())),
        None => Ok(()),
    }
}
