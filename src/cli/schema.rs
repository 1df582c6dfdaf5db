//! `amiwright schema`: the JSON Schema of image manifests, for editors and other tools.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::error::Error;
use crate::manifest::image;

/// Prints the schema.
///
/// # Errors
/// If `out` cannot be written.
pub(super) fn run(out: &mut dyn Write) -> Result<ExitCode, Error> {
    // `{:#}` indents.
    writeln!(out, "{:#}", image::schema())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_examples_is_up_to_date() {
        let mut printed = Vec::new();
        run(&mut printed).unwrap();
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/image-manifest.schema.json"
        );
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, &printed).unwrap();
        }
        let copy = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            copy,
            String::from_utf8(printed).unwrap(),
            "run with BLESS=1 to update {path}"
        );
    }
}
