//! The AMI's name and description.

use jiff::Timestamp;

use crate::{
    characters::Text,
    document::at,
    findings::{Finding, Findings},
    hint::Hint,
    limits,
    spec::{ImageManifest, NAME_LENGTH, NameTemplate, Piece, Previous},
    suggest,
    text::{is_printable, quoted},
};

const RULE: &str = "EC2 API Reference, RegisterImage (Name)";

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    name(&manifest.build.name, findings);
    if let Some(description) = &manifest.publish.description {
        self::description(description, findings);
    }
}

/// The name of an AMI is unique in its account and Region: one that is always the same is taken from the second version on,
/// unless that one takes the place of the first.
pub(super) fn warn(manifest: &ImageManifest, findings: &mut Findings) {
    let is_replaced = manifest
        .publish
        .replaces
        .as_ref()
        .is_some_and(|replaces| replaces.previous == Some(Previous::Deregister));
    let mut pieces = manifest.build.name.pieces();
    let is_fixed = pieces.all(|piece| matches!(piece, Piece::Text(_)));
    if is_fixed && !is_replaced {
        let message =
            "the name is the same for every version: the AMI of the next one cannot be registered";
        let hint = "add `{date}`, `{time}` or `{digest}` to it, or let `replaces` deregister the previous AMI";
        findings.add(Finding::new(at!["name"], message).hint(hint).rule(RULE));
    }
}

fn name(name: &NameTemplate, findings: &mut Findings) {
    for piece in name.pieces() {
        match piece {
            Piece::Placeholder(given) if !NameTemplate::PLACEHOLDERS.contains(&given) => {
                let finding = Finding::new(
                    at!["name"],
                    format!("unknown placeholder {}", quoted(&format!("{{{given}}}"))),
                );
                findings.add(finding.hint(
                    match suggest::closest(given, &NameTemplate::PLACEHOLDERS) {
                        Some(meant) => Hint::new(format!("did you mean `{{{meant}}}`?")),
                        None => Hint::new("the placeholders are `{date}`, `{time}` and `{digest}`"),
                    },
                ));
                return;
            }
            Piece::Placeholder(_) => {}
            Piece::Text(text) => {
                if let Some(bad) = Text::Name.refused(text) {
                    let message = format!(
                        "the name has {}, which AMI names cannot have",
                        quoted(&bad.to_string())
                    );
                    let hint = match bad {
                        '{' | '}' => {
                            "unbalanced brace; the placeholders are `{date}`, `{time}` and `{digest}`"
                        }
                        _ => "letters, digits, spaces and ( ) [ ] . / - ' @ _",
                    };
                    findings.add(Finding::new(at!["name"], message).hint(hint).rule(RULE));
                    return;
                }
            }
        }
    }
    // Placeholders have fixed widths: any moment and digest give the length.
    let length = name
        .expand(Timestamp::UNIX_EPOCH, "00000000")
        .chars()
        .count();
    if !NAME_LENGTH.contains(&length) {
        let message = format!("the name's length is {length} once its placeholders are filled in");
        findings.add(
            Finding::new(at!["name"], message)
                .hint("3 to 128 characters")
                .rule(RULE),
        );
    }
}

/// A character; those that cannot be told from a space by their number, too.
fn shown(c: char) -> String {
    match c.is_whitespace() || !is_printable(c) {
        true => format!("U+{:04X}", u32::from(c)),
        false => quoted(&c.to_string()),
    }
}

fn description(description: &str, findings: &mut Findings) {
    const RULE: &str = "EC2 API Reference, RegisterImage (Description)";
    let length = description.chars().count();
    if length > limits::DESCRIPTION {
        let message = format!("the description has {length} characters");
        findings.add(
            Finding::new(at!["description"], message)
                .hint(format!("at most {}", limits::DESCRIPTION))
                .rule(RULE),
        );
    }
    if let Some(bad) = Text::Description.refused(description) {
        let message = if bad.is_control() {
            "the description has control characters".to_owned()
        } else {
            format!(
                "the description has {}, but EC2 takes only ASCII there",
                shown(bad)
            )
        };
        let finding = Finding::new(at!["description"], message);
        findings.add(
            finding
                .hint("write it with ASCII characters only")
                .rule(RULE),
        );
    }
}
