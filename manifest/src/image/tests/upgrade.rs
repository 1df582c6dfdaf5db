//! Manifests as they were written for 0.1, in `tests/fixtures/manifest-0.1`: each is read, and what it builds keeps its digest,
//! so that uploading it again to a newer version makes no second AMI.

use super::*;

/// The digest of what each builds. It is in the tags of AMIs, so it stays.
const DIGESTS: [(&str, &str); 3] = [
    (
        "full.image.yaml",
        "76455096146489fb363f27fc8cf33cbb6306e1afce44b6efa3242ecf92156380",
    ),
    (
        "minimal.image.json",
        "421e93f1184703d69ef75453bcc2b912522860e9613f8c237aa98275008ba8dd",
    ),
    (
        "web.image.yaml",
        "965bcd1b00f2459b7f6c1c71e9c66eb9f6d9950d4e72a5ea68dde83c5783b8be",
    ),
];

#[test]
fn manifests_of_the_first_version_are_read_and_keep_their_digests() {
    let folder = format!(
        "{}/../tests/fixtures/manifest-0.1",
        env!("CARGO_MANIFEST_DIR")
    );
    let now = "2026-11-26T12:00:00Z".parse().unwrap();
    for (name, digest) in DIGESTS {
        let text = std::fs::read(format!("{folder}/{name}")).unwrap();
        let manifest = parse(name, &text, now).unwrap_or_else(|error| panic!("{name}: {error:#?}"));
        assert_eq!(manifest.build.digest(), digest, "{name}");
    }
}
