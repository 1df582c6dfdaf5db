//! SSM parameters that point to the newest AMI.

use std::collections::HashSet;

use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    spec::ImageManifest,
    text::quoted,
};

const RULE: &str = "SSM API Reference, PutParameter (Name)";

/// Longest name: 1,011 characters are left of 2,048 once SSM has put its ARN before it.
const LONGEST: usize = 1011;

/// Deepest hierarchy.
const LEVELS: usize = 15;

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for (index, parameter) in manifest.publish.parameters.iter().enumerate() {
        let name = &parameter.name;
        let path = place(index, findings);
        if let Some((fault, hint)) = fault(name) {
            let finding = Finding::new(path.clone(), format!("{} {fault}", quoted(name)));
            findings.add(finding.hint(hint).rule(RULE));
        }
        if !seen.insert(name) {
            let finding = Finding::new(path, format!("{} is given twice", quoted(name)));
            findings.add(finding.hint("keep one of the two"));
        }
    }
}

/// Where the name of a parameter is: the item itself, or its `name`.
pub(crate) fn place(index: usize, findings: &Findings) -> Path {
    let item = at!["parameters", index];
    let name = item.join("name");
    if findings.has(&name) || !findings.is_clear(&name) {
        name
    } else {
        item
    }
}

fn fault(name: &str) -> Option<(&'static str, &'static str)> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let reserved = |word: &str| {
        bare.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if name.starts_with("arn:") {
        Some((
            "is an ARN",
            "give the parameter's name, as `/images/web/latest`",
        ))
    } else if bare.is_empty() {
        Some(("names no parameter", "as `/images/web/latest`"))
    } else if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/'))
    {
        Some((
            "has characters that a parameter's name cannot have",
            "letters, digits, and _ . - /",
        ))
    } else if bare.contains('/') && !name.starts_with('/') {
        Some((
            "has levels but does not start with a slash",
            "start it with `/`",
        ))
    } else if bare.split('/').any(str::is_empty) {
        Some(("has an empty level", "remove the doubled or last slash"))
    } else if reserved("aws") || reserved("ssm") {
        Some((
            "starts with a word that is reserved",
            "names cannot start with `aws` or `ssm`",
        ))
    } else if bare.split('/').count() > LEVELS {
        Some(("has too many levels", "at most 15"))
    } else if name.len() > LONGEST {
        Some(("is too long", "at most 1,011 characters"))
    } else {
        None
    }
}
