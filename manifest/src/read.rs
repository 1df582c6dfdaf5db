//! Bytes to a document: chooses the format, and refuses what is not text.

use crate::{
    Problem,
    document::{Lines, Mark, Read, Value, empty},
    json, limits, yaml,
};

/// Reads the text in the format that the key's ending names.
pub(super) fn document(key: &str, bytes: &[u8]) -> Read {
    let text = text(bytes, "upload disks and bundles as separate objects")?;
    if text.trim().is_empty() {
        return Err(vec![empty()]);
    }
    if let Some((mark, found)) = forbidden(text) {
        let message = format!(
            "the character U+{:04X} is not allowed in a manifest",
            u32::from(found)
        );
        let hint = "remove it; the file may be binary, or saved as UTF-16";
        return Err(vec![
            Problem::new(message)
                .at(mark.line, mark.column)
                .with_hint(hint),
        ]);
    }
    let (root, mut problems) = if key.ends_with(".json") {
        json::read(text)?
    } else {
        yaml::read(text)?
    };
    if root.value == Value::Null {
        problems.push(empty());
        return Err(problems);
    }
    Ok((root, problems))
}

/// The bytes as text, without a byte-order mark; `too_large` is the hint for a manifest that is.
pub(super) fn text<'a>(bytes: &'a [u8], too_large: &str) -> Result<&'a str, Vec<Problem>> {
    if bytes.len() > limits::MANIFEST_BYTES {
        // Who read it may have stopped there: how long it really is, is not known here.
        let message = format!(
            "the manifest has more than {} bytes, which is the limit",
            limits::MANIFEST_BYTES
        );
        return Err(vec![Problem::new(message).with_hint(too_large)]);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| vec![not_utf8(bytes, error.valid_up_to())])?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn not_utf8(bytes: &[u8], offset: usize) -> Problem {
    let good = String::from_utf8_lossy(&bytes[..offset]);
    let mark = Lines::new(&good).mark(good.len());
    Problem::new(format!(
        "the manifest is not UTF-8 text: byte {offset} is 0x{:02x}",
        bytes[offset]
    ))
    .at(mark.line, mark.column)
    .with_hint("save the file as UTF-8 (not as UTF-16)")
}

/// The first control character that neither YAML nor JSON allows in a text.
fn forbidden(text: &str) -> Option<(Mark, char)> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{85}') || !c.is_control();
    let (offset, found) = text.char_indices().find(|(_, c)| !allowed(*c))?;
    Some((Lines::new(text).mark(offset), found))
}
