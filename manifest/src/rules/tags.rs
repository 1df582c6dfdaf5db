//! Tags of the AMI and its snapshots.

use crate::{
    document::at,
    findings::{Finding, Findings},
    spec::ImageManifest,
    text::quoted,
};

const RULE: &str = "EC2 User Guide, Tag restrictions";

/// Most tags of a resource.
const MOST: usize = 50;

/// Longest key and value of a tag, in characters.
const KEY: usize = 128;
const VALUE: usize = 256;

/// Tags that amiwright sets itself: `amiwright:manifest`, `amiwright:digest` and `amiwright:attempt`, and for a machine
/// `Name`.
const OWN: usize = 4;

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    if manifest.publish.tags.len() + OWN > MOST {
        let message = format!("{} tags are too many", manifest.publish.tags.len());
        let hint = format!(
            "at most {}: a resource has {MOST} tags, and {OWN} are amiwright's own",
            MOST - OWN
        );
        findings.add(
            Finding::new(at!["tags"], message)
                .hint(hint)
                .rule(RULE)
                .at_key(),
        );
    }
    for (key, value) in &manifest.publish.tags {
        let path = at!["tags", key];
        if let Some((message, hint)) = key_fault(key) {
            findings.add(
                Finding::new(path.clone(), message)
                    .hint(hint)
                    .rule(RULE)
                    .at_key(),
            );
        }
        let length = value.chars().count();
        if length > VALUE {
            let message = format!("the value of the tag has {length} characters");
            findings.add(
                Finding::new(path, message)
                    .hint(format!("at most {VALUE}"))
                    .rule(RULE),
            );
        } else if value.chars().any(char::is_control) {
            let finding = Finding::new(path, "the value of the tag has control characters");
            findings.add(
                finding
                    .hint("write it in one line of plain text")
                    .rule(RULE),
            );
        }
    }
}

/// What keeps this from being the key of a tag that a manifest sets, and what would be right.
pub(crate) fn key_fault(key: &str) -> Option<(String, &'static str)> {
    let starts = |prefix: &str| {
        key.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let length = key.chars().count();
    if key.is_empty() {
        Some((
            "a tag's key cannot be empty".to_owned(),
            "1 to 128 characters",
        ))
    } else if length > KEY {
        Some((
            format!("the tag's key has {length} characters"),
            "1 to 128 characters",
        ))
    } else if key.chars().any(char::is_control) {
        Some((
            "the tag's key has control characters".to_owned(),
            "write plain text",
        ))
    } else if starts("aws:") {
        Some((
            format!("the tag {} is reserved for AWS", quoted(key)),
            "choose a key that does not start with `aws:`",
        ))
    } else if starts("amiwright:") {
        Some((
            format!("the tag {} is reserved", quoted(key)),
            "amiwright sets the tags under `amiwright:` itself",
        ))
    } else {
        None
    }
}
