//! The parts of a bundle: every one there, once, and under a name that stays beside the manifest.

use std::collections::HashSet;

use super::findings::Findings;
use super::node::{FORMAT, Node};
use super::{Part, values};
use crate::{Problem, limits::PARTS, text::quoted};

/// The parts in the order of their indices.
pub(super) fn read(image: &Node<'_>, findings: &mut Findings<'_>) -> Option<Vec<Part>> {
    let node = image.required(findings, "parts")?;
    node.no_text(findings);
    let nodes: Vec<Node<'_>> = node.all("part").collect();
    check_count(&node, nodes.len(), findings)?;
    let (mut indices, mut names) = (HashSet::new(), HashSet::new());
    let read: Vec<Option<Part>> = nodes
        .iter()
        .map(|part| read_part(part, nodes.len(), &mut indices, &mut names, findings))
        .collect();
    let mut parts: Vec<Part> = read.into_iter().collect::<Option<_>>()?;
    parts.sort_by_key(|part| part.index);
    Some(parts)
}

/// None if there are so many parts, or none at all, that checking each would be pointless.
fn check_count(parts: &Node<'_>, there: usize, findings: &mut Findings<'_>) -> Option<()> {
    parts.attribute(findings, "count", |text| match values::number(text)? {
        count if count == there => Ok(()),
        count => Err(values::wrong(
            format!("the count is {count}, but there are {there} parts"),
            "the manifest may be truncated or edited: bundle the image again",
        )),
    });
    if there == 0 {
        let problem =
            Problem::new("there are no parts").with_hint("a bundle has at least one <part>");
        parts.add(findings, problem.with_rule(FORMAT));
        return None;
    }
    if there > PARTS {
        let problem = Problem::new(format!(
            "there are {there} parts, more than the {PARTS} that a bundle may have"
        ));
        parts.add(
            findings,
            problem
                .with_hint("an instance store image has at most 10 GiB, in parts of 10 MiB")
                .with_rule(FORMAT),
        );
        return None;
    }
    Some(())
}

fn read_part(
    part: &Node<'_>,
    count: usize,
    indices: &mut HashSet<usize>,
    names: &mut HashSet<String>,
    findings: &mut Findings<'_>,
) -> Option<Part> {
    part.no_text(findings);
    // As many different indices below the count as there are parts: so each is there once.
    let index = part.attribute(findings, "index", |text| {
        let index = values::number(text)?;
        let message = if index >= count {
            format!("the index {index} is too high for {count} parts")
        } else if indices.insert(index) {
            return Ok(index);
        } else {
            format!("index {index} is used twice")
        };
        let last = count - 1;
        Err(values::wrong(
            message,
            format!("the indices are 0 to {last}, each once"),
        ))
    });
    let file_name = part.required_value(findings, "filename", |text| {
        let name = values::file_name(text)?;
        if names.insert(name.clone()) {
            return Ok(name);
        }
        let message = format!("the file name {} is used twice", quoted(&name));
        Err(values::wrong(message, "every part is an object of its own"))
    });
    let digest = read_digest(part, findings);
    Some(Part {
        index: index?,
        file_name: file_name?,
        digest: digest?,
    })
}

/// The `digest` in this element: SHA-1.
pub(super) fn read_digest(parent: &Node<'_>, findings: &mut Findings<'_>) -> Option<String> {
    let digest = parent.required(findings, "digest")?;
    let algorithm = digest.attribute(findings, "algorithm", values::digest_algorithm);
    // A digest by another algorithm has another length: that is the same problem, not a second one.
    algorithm.and_then(|()| digest.value(findings, values::sha1))
}
