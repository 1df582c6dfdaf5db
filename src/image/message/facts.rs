//! What a version of a manifest is, name by name: the same lines in emails and in `amiwright status KEY`.

use super::quoting::{pasted, word};
use crate::image::status::Status;
use crate::manifest::location::s3_uri;
use crate::manifest::text;

/// The name of a fact, and its text.
pub type Fact = (&'static str, String);

/// The manifest's address, as it is pasted into a shell.
pub(super) fn manifest_word(status: &Status) -> String {
    pasted(&status.manifest.uri())
}

/// What identifies the version, and what its AMI is made from.
#[must_use]
pub fn of_version(status: &Status) -> Vec<Fact> {
    let (manifest, build) = (&status.manifest, &status.build);
    let mut facts = Vec::new();
    facts.extend(build.name.iter().map(|name| ("Name", word(name))));
    facts.push(("Manifest", word(&manifest.uri())));
    let version = manifest.version_id.iter();
    facts.extend(version.map(|version| ("Version id", word(version))));
    // One digest: that of the tag `amiwright:digest`, once it is known. Until then the file's own says which file it was.
    match &build.digest {
        Some(digest) => {
            facts.push(("Digest", word(digest)));
            facts.push(("Attempt", build.attempt.to_string()));
        }
        None if manifest.was_read() => facts.push(("SHA-256", word(&manifest.sha256))),
        None => facts.push(("ETag", word(&manifest.sha256))),
    }
    if let Some(source) = build.source {
        facts.push(("Source", source.to_string()));
    }
    if let Some(object) = &build.object {
        let (address, size) = (word(&object.uri()), text::size(object.size));
        let replaced = match object.all().any(|it| it.is_replaced) {
            true => "; replaced since its import began",
            false => "",
        };
        facts.push(("Object", format!("{address} ({size}{replaced})")));
    }
    if let Some(bundle) = &build.bundle {
        facts.push(("Bundle", word(&s3_uri(&bundle.bucket, &bundle.key))));
    }
    facts
}
