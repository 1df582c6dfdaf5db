//! What stands for `local` and `demo` in a build without the embedded world.

use super::Error;

/// Whatever was asked for: it cannot be done.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _anything: Vec<String>,
}

/// Says how to get the command.
pub(super) fn error(command: &str) -> Error {
    Error::new(format!(
        "this amiwright was built without the embedded world, so it has no `{command}`"
    ))
    .with_hint(
        "build it with the feature `local`, which is on unless --no-default-features is given",
    )
}
