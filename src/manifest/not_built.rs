//! What the manifest can say and this version cannot do yet. An issue that builds one of these deletes its line.

use super::{
    document::{Path, at},
    findings::{Finding, Findings},
    image::ImageManifest,
};

/// Sources that are checked but not acted on.
const SOURCES: [&str; 5] = ["disk", "vm", "instance", "stored", "image"];

/// Fields that are checked but not acted on.
const FIELDS: [&str; 8] = [
    "productCodes",
    "access",
    "regions",
    "deprecate",
    "protect",
    "parameters",
    "replaces",
    "store",
];

/// Says of everything that is asked for and not built that it is not.
pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let source = manifest.source.kind();
    if SOURCES.contains(&source) {
        let finding = not_built(at!["source", source], &format!("the source `{source}`"));
        let finding =
            finding.hint("this version makes images of the sources `snapshot` and `bundle`");
        findings.add(finding.because_of(at!["source"]));
    }
    for field in FIELDS {
        if findings.has(&at![field]) {
            let finding = not_built(at![field], &format!("`{field}`"));
            findings.add(finding.hint("leave it out"));
        }
    }
}

fn not_built(path: Path, what: &str) -> Finding {
    Finding::new(
        path,
        format!("not built yet: {what} is understood, but this version does not act on it"),
    )
    .at_key()
}
