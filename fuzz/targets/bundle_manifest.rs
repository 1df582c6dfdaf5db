//! Bundle manifests: one that passed every check, or problems with places.

use amiwright_manifest::bundle::{self, default_image_name};
use amiwright_manifest::{key, limits, sha256_hex};

use super::places;

const KEY: &str = "folder/web.manifest.xml";

/// Checks these bytes as a bundle's manifest.
pub(crate) fn run(data: &[u8]) {
    let name = default_image_name(&String::from_utf8_lossy(data), &sha256_hex(data));
    assert!((3..=128).contains(&name.chars().count()), "{name}");
    let manifest = match bundle::parse(data) {
        Ok(manifest) => manifest,
        Err(problems) => return places::check(data, &problems),
    };
    assert!((1..=limits::PARTS).contains(&manifest.parts.len()));
    let keys = manifest.part_keys(KEY);
    assert_eq!(keys.len(), manifest.parts.len());
    for part in &keys {
        let name = part.strip_prefix("folder/").unwrap();
        assert!(!name.is_empty() && !name.contains('/'), "{part}");
        assert_eq!(key::kind(part), None, "{part} is no manifest");
    }
    let different: std::collections::HashSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len(), "two parts in one object");
    assert_eq!(manifest.account.len(), 12, "{}", manifest.account);
    assert_eq!(manifest.digest, manifest.digest.to_ascii_lowercase());
    // An amiwright that reads it again sees the same.
    assert_eq!(bundle::parse(data).as_ref(), Ok(&manifest));
}
