//! Stands for the commands of a feature in a build without it.

use crate::cli::error::Error;

/// Accepts any arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _ignored: Vec<String>,
}

/// The error of every call.
pub(super) fn error(command: &str, feature: &str) -> Error {
    Error::new(format!(
        "`{command}` is not available: this amiwright was built without the feature `{feature}`"
    ))
    .with_hint("the feature is on by default: build without --no-default-features")
}
