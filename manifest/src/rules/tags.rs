//! Tags of the AMI and its snapshots.

use std::collections::BTreeMap;

use crate::{
    characters::Text,
    document::{Path, at},
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
        } else if Text::Tag.refused(value).is_some() {
            let finding = Finding::new(path, "the value of the tag has control characters");
            findings.add(
                finding
                    .hint("write it in one line of plain text")
                    .rule(RULE),
            );
        }
    }
}

/// Tags of an object in S3 ("Categorizing your storage using tags": at most 10 for an object).
pub(super) fn of_object(tags: &BTreeMap<String, String>, path: &Path, findings: &mut Findings) {
    const RULE: &str =
        "S3 User Guide, Categorizing your storage using tags; EC2 API Reference, S3ObjectTag";
    const MOST: usize = 10;
    if tags.len() > MOST {
        let message = format!("{} tags are too many for an object", tags.len());
        let finding = Finding::new(path.clone(), message).hint(format!("at most {MOST}"));
        findings.add(finding.rule(RULE).at_key());
    }
    for (key, value) in tags {
        let is_reserved = key
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws"));
        let fault = match (key.chars().count(), value.chars().count()) {
            (0, _) => Some((
                "a tag's key cannot be empty".to_owned(),
                "1 to 128 characters",
            )),
            (length, _) if length > KEY => Some((
                format!("the tag's key has {length} characters"),
                "1 to 128 characters",
            )),
            (_, length) if length > VALUE => Some((
                format!("the value of the tag has {length} characters"),
                "at most 256",
            )),
            _ if is_reserved => Some((
                format!("the tag {} is reserved for AWS", quoted(key)),
                "choose a key that does not start with `aws`",
            )),
            _ => Text::ObjectTag
                .refused(key)
                .or(Text::ObjectTag.refused(value))
                .map(|bad| {
                    let message = format!(
                        "the tag has {}, which objects' tags cannot have",
                        quoted(&bad.to_string())
                    );
                    (message, "letters, digits, spaces and + - = . _ : / @")
                }),
        };
        if let Some((message, hint)) = fault {
            let finding = Finding::new(path.join(key.as_str()), message);
            findings.add(finding.hint(hint).rule(RULE).at_key());
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
    } else if Text::Tag.refused(key).is_some() {
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
