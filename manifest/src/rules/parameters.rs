//! SSM parameters that point to the newest AMI.

use std::collections::HashMap;

use super::{Stack, forms};
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    hint::Hint,
    spec::ImageManifest,
    text::quoted,
};

const RULE: &str = "SSM API Reference, PutParameter (Name)";

/// Longest name "including the full length of the parameter Amazon Resource Name (ARN)".
const LONGEST: usize = 1011;

/// A Region with a short name, for a stack whose Region is not known.
const SOME_REGION: &str = "us-east-1";

/// Deepest hierarchy.
const LEVELS: usize = 15;

/// Parameters of one image, in all its Regions. The image's status, and each of its emails that waits to be sent, remembers what is
/// known of each: with some thousand there would be no room to say that anything is wrong.
const MOST: usize = 500;

pub(super) fn check(manifest: &ImageManifest, stack: Stack<'_>, findings: &mut Findings) {
    let regions = manifest.publish.regions.len() + 1;
    let all = manifest.publish.parameters.len().saturating_mul(regions);
    if all > MOST {
        let message = format!("{all} parameters in all Regions are too many");
        let hint = format!(
            "at most {MOST}; of these Regions, so many names: {}",
            MOST / regions
        );
        findings.add(Finding::new(at!["parameters"], message).hint(Hint::new(hint)));
    }
    let longest = LONGEST - longest_prefix(manifest, stack);
    let mut seen: HashMap<&str, &str> = HashMap::new();
    let mut names: HashMap<&str, usize> = HashMap::new();
    for parameter in &manifest.publish.parameters {
        *names.entry(bare(&parameter.name)).or_default() += 1;
    }
    for (index, parameter) in manifest.publish.parameters.iter().enumerate() {
        let name = &parameter.name;
        let path = place(index, findings);
        let bare = bare(name);
        if let Some((fault, hint)) = fault(name) {
            let is_other = |meant: &String| {
                let meant = self::bare(meant);
                let given = names.get(meant).copied().unwrap_or_default();
                given > usize::from(meant == bare)
            };
            let hint = match probable(name).filter(|meant| !is_other(meant)) {
                Some(meant) => Hint::new(format!("write `{meant}`")).replacing(&path, meant),
                None => Hint::new(hint),
            };
            let finding = Finding::new(path.clone(), format!("{} {fault}", quoted(name)));
            findings.add(finding.hint(hint).rule(RULE));
        } else if bare.len() > longest {
            let message = format!("the parameter's name has {} characters", name.len());
            let hint = format!(
                "at most {} with its slash: with its ARN, a name has at most {LONGEST}",
                longest + 1
            );
            findings.add(Finding::new(path.clone(), message).hint(hint).rule(RULE));
        }
        // The first of a name counts: the others are too many.
        let first = seen.get(bare).copied();
        seen.entry(bare).or_insert(name);
        match first {
            Some(other) if other == name => {
                let hint = keep_one(index);
                let finding = Finding::new(path, format!("{} is given twice", quoted(name)));
                findings.add(finding.hint(hint));
            }
            Some(other) => {
                let message = format!("{} has the same ARN as {}", quoted(name), quoted(other));
                let finding = Finding::new(path, message).hint(keep_one(index));
                findings.add(finding.rule("Service Authorization Reference, AWS Systems Manager"));
            }
            None => {}
        }
    }
}

fn keep_one(index: usize) -> Hint {
    Hint::new("keep one of the two").removing(&at!["parameters", index])
}

/// The name that was probably meant: of an ARN, or with one slash before each level. None if that is refused, too.
fn probable(name: &str) -> Option<String> {
    let name = match name.strip_prefix("arn:") {
        Some(arn) => arn.split_once(":parameter").map(|(_, name)| name)?,
        None => name,
    };
    let levels: Vec<&str> = name.split('/').filter(|level| !level.is_empty()).collect();
    let meant = format!("/{}", levels.join("/"));
    fault(&meant).is_none().then_some(meant)
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

/// A name without the slash that its ARN has in front of it in any case.
fn bare(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

/// Characters of the longest `arn:PARTITION:ssm:REGION:ACCOUNT:parameter/` that a name stands behind: the image's Regions
/// each get the parameters.
fn longest_prefix(manifest: &ImageManifest, stack: Stack<'_>) -> usize {
    const REST: usize = "arn::ssm::111122223333:parameter/".len();
    let copies = manifest.publish.regions.keys().map(String::as_str);
    let copies = copies.filter(|region| forms::is_region(region));
    let lengths = copies
        .chain([stack.region.unwrap_or(SOME_REGION)])
        .map(|region| REST + forms::partition(region).unwrap_or("aws").len() + region.len());
    lengths.max().unwrap_or(REST)
}

fn fault(name: &str) -> Option<(&'static str, &'static str)> {
    let bare = bare(name);
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
    } else {
        None
    }
}
