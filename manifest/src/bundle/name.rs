//! The name of an AMI that is registered from a bare bundle, without an image manifest that names it.

use crate::{
    characters::Text,
    key::BUNDLE,
    spec::{DIGEST_DIGITS, NAME_LENGTH},
};

/// The name of the AMI of a bare bundle: its key without `.manifest.xml`, characters that a name may not have
/// (RegisterImage: Name) turned into `-`, then `-` and 8 digits of the manifest's SHA-256.
///
/// Too long a key loses its beginning, whole folders where possible: the end of a key says more than its start.
#[must_use]
pub fn default_image_name(key: &str, sha256_hex: &str) -> String {
    let stem = key.strip_suffix(BUNDLE).unwrap_or(key);
    let stem = Text::Name.replaced(stem, '-');
    let digest: String = sha256_hex
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(DIGEST_DIGITS)
        .collect();
    // All characters are ASCII now, so bytes count as characters.
    let room = NAME_LENGTH.end() - 1 - digest.len();
    let kept = if stem.len() <= room {
        stem.as_str()
    } else {
        let end = &stem[stem.len() - room..];
        match end.split_once('/') {
            Some((_, folders)) if !folders.is_empty() => folders,
            _ => end,
        }
    };
    format!("{kept}-{digest}")
}
