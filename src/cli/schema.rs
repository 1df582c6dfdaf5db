//! `amiwright schema`: the JSON Schema of image manifests, for editors and other tools.

use std::io::{self, Write};

use crate::manifest::image;

/// Prints the schema.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", text())
}

/// The schema as it is printed.
fn text() -> String {
    // `{:#}` of a JSON value is its indented form and cannot fail.
    format!("{:#}", image::schema())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_copy_is_what_is_printed() {
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
            "run with BLESS=1 to renew {path}"
        );
    }
}
