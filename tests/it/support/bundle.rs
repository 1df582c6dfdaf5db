//! Bundles of the AMI tools, to upload.

use sha1::{Digest, Sha1};

pub(crate) const BUNDLE_MANIFEST: &[u8] = include_bytes!("../../fixtures/image.manifest.xml");
pub(crate) const BUNDLE_PART: &[u8] = include_bytes!("../../fixtures/image.part.0");

/// The fixture with other content: another bundle of the same name.
pub(crate) fn other_bundle() -> (Vec<u8>, Vec<u8>) {
    let mut part = BUNDLE_PART.to_vec();
    part.reverse();
    let digest = |bytes: &[u8]| {
        Sha1::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let manifest = String::from_utf8(BUNDLE_MANIFEST.to_vec())
        .unwrap()
        .replace(&digest(BUNDLE_PART), &digest(&part));
    assert_ne!(manifest.as_bytes(), BUNDLE_MANIFEST);
    (manifest.into_bytes(), part)
}
