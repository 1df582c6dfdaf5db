//! What the manifest can say and this version cannot do yet. An issue that builds one of these deletes its line.

use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
};

/// Fields that are checked but not acted on.
const FIELDS: [&str; 1] = ["parameters"];

/// Reports every field that is given and not built. Nothing more is reported about these: who leaves one out need not know
/// that the stack would not allow it, either.
pub(super) fn check(findings: &mut Findings) {
    for field in FIELDS {
        if findings.has(&at![field]) {
            let finding = not_built(at![field], &format!("`{field}`"));
            findings.add(finding.hint("leave it out"));
            findings.doubt(at![field]);
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
