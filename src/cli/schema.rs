//! `amiwright schema [manifest|notice|status]`: JSON Schemas, for editors and other tools.

use std::io::Write;
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::Value;

use crate::cli::error::Error;
use crate::image::{message, status};
use crate::manifest::image;

/// Arguments of `amiwright schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Of what
    #[arg(value_enum, default_value_t = Document::Manifest)]
    document: Document,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Document {
    /// Image manifests, which you write
    Manifest,
    /// Notices, as subscribers other than email get them
    Notice,
    /// Statuses, as they are in the state bucket and in `amiwright status -o json`
    Status,
}

impl Document {
    fn schema(self) -> Value {
        match self {
            Self::Manifest => image::schema(),
            Self::Notice => message::schema(),
            Self::Status => status::schema(),
        }
    }
}

/// Prints the schema.
///
/// # Errors
/// If `out` cannot be written.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, Error> {
    // `{:#}` indents.
    writeln!(out, "{:#}", args.document.schema())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_in_examples_are_up_to_date() {
        for (document, name) in [
            (Document::Manifest, "image-manifest"),
            (Document::Notice, "notice"),
            (Document::Status, "status"),
        ] {
            let mut printed = Vec::new();
            run(&Args { document }, &mut printed).unwrap();
            let top = env!("CARGO_MANIFEST_DIR");
            let path = format!("{top}/examples/{name}.schema.json");
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(&path, &printed).unwrap();
            }
            let copy = std::fs::read_to_string(&path).unwrap_or_default();
            let printed = String::from_utf8(printed).unwrap();
            assert_eq!(copy, printed, "run with BLESS=1 to update {path}");
        }
    }
}
