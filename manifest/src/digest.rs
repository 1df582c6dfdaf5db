//! The digest that identifies versions of manifests and objects.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// SHA-256, in lower-case hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
