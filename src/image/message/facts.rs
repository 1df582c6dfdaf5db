//! What a version of a manifest is, name by name: the same lines in emails and in `amiwright status KEY`.

use super::quoting::word;
use crate::image::status::Status;
use crate::manifest::location::s3_uri;

/// The name of a fact, and its text.
pub type Fact = (&'static str, String);

/// What identifies the version, and what its AMI is made from.
#[must_use]
pub fn of_version(status: &Status) -> Vec<Fact> {
    let (manifest, build) = (&status.manifest, &status.build);
    let mut facts = Vec::new();
    facts.extend(build.name.iter().map(|name| ("Name", word(name))));
    facts.push(("Manifest", word(&manifest.uri())));
    let version = manifest.version_id.iter();
    facts.extend(version.map(|version| ("Version id", word(version))));
    let content = if manifest.was_read() {
        "SHA-256"
    } else {
        "ETag"
    };
    facts.push((content, word(&manifest.sha256)));
    if let Some(digest) = &build.digest {
        facts.push(("Digest", word(digest)));
        facts.push(("Attempt", build.attempt.to_string()));
    }
    if let Some(source) = build.source {
        facts.push(("Source", source.to_string()));
    }
    if let Some(object) = &build.object {
        let address = word(&s3_uri(&object.bucket, &object.key));
        facts.push(("Object", format!("{address} ({})", size(object.size))));
    }
    if let Some(bundle) = &build.bundle {
        facts.push(("Bundle", word(&s3_uri(&bundle.bucket, &bundle.key))));
    }
    facts
}

/// A size for people: `1.5 GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let mut unit = "bytes";
    let mut tenths = u128::from(bytes) * 10;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10 * 1024 {
            break;
        }
        (tenths, unit) = (tenths / 1024, larger);
    }
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        tenth => format!("{}.{tenth} {unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_the_largest_unit_that_they_fill() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1_048_576, "1 MiB"),
            (1_610_612_736, "1.5 GiB"),
            (17 << 40, "17 TiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}
