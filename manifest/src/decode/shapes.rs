//! What to write in place of a value of another type: a list, a mapping, or its main field.

use crate::{
    document::{Entry, Node, Path, Step, Value},
    hint::Hint,
    suggest,
    text::excerpt,
};

/// For a list that is something else.
pub(super) fn list_hint(found: &Value, path: &Path) -> Option<Hint> {
    match found {
        Value::String(text) => {
            let hint = format!("for a list with one item: [{}]", excerpt(text));
            Some(Hint::new(hint).replacing(path, vec![text.as_str()]))
        }
        Value::Mapping(_) if is_last(path, &["blockDeviceMappings", "disks"]) => {
            let hint = Hint::new("for a list with one item: begin it with `- `");
            Some(match found.to_json() {
                Some(item) => hint.replacing(path, vec![item]),
                None => hint,
            })
        }
        _ => None,
    }
}

fn is_last(path: &Path, fields: &[&str]) -> bool {
    matches!(path.0.last(), Some(Step::Field(last)) if fields.contains(&&**last))
}

/// What to write in place of names alone, or of tags in another form.
pub(super) fn map_hint(found: &Value, path: &Path) -> Option<Hint> {
    if is_last(path, &["regions"]) {
        let text = |node: &Node| match &node.value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        };
        let names: Vec<String> = match found {
            Value::String(text) => vec![text.clone()],
            Value::Sequence(items) => items.iter().map(text).collect::<Option<_>>()?,
            _ => return None,
        };
        let shown: Vec<String> = names
            .iter()
            .map(|name| format!("{}: {{}}", excerpt(name)))
            .collect();
        let hint = Hint::new(format!("each with its settings: {{{}}}", shown.join(", ")));
        let all = names.into_iter().map(|name| (name, serde_json::json!({})));
        return Some(hint.replacing(path, all.collect::<serde_json::Map<_, _>>()));
    }
    let pairs = pairs_hint(found, path);
    pairs.or_else(|| {
        is_last(path, &["tags"])
            .then(|| Hint::new("a key and its value are one entry: {team: web}"))
    })
}

/// What to write in place of EC2's own form of tags: a list of a key and a value each.
fn pairs_hint(found: &Value, path: &Path) -> Option<Hint> {
    let Value::Sequence(items) = found else {
        return None;
    };
    let pairs: Option<Vec<(&str, &str)>> = items.iter().map(pair).collect();
    let (key, value) = items.first().and_then(pair)?;
    let hint = Hint::new(format!(
        "a key and its value are one entry: {{{}: {}}}",
        excerpt(key),
        excerpt(value)
    ));
    Some(match pairs {
        Some(pairs) => hint.replacing(
            path,
            serde_json::Map::from_iter(
                pairs
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).into())),
            ),
        ),
        None => hint,
    })
}

/// A mapping of a key and a value, as EC2 writes a tag.
fn pair(item: &Node) -> Option<(&str, &str)> {
    let Value::Mapping(entries) = &item.value else {
        return None;
    };
    let text = |name: &str| {
        let is = |entry: &&Entry| entry.key.eq_ignore_ascii_case(name);
        match &entries.iter().find(is)?.node.value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        }
    };
    Some((text("key")?, text("value")?))
}

/// What to write in place of a value that stands for its main field.
pub(super) fn fields_hint(found: &Value, fields: &'static [&'static str], path: &Path) -> Hint {
    let all = Hint::new(format!("a mapping of {}", suggest::list(fields)));
    let Value::String(text) = found else {
        return all;
    };
    let main = match fields {
        [only] => only,
        [main, ..] if is_last(path, &["deprecate", "replaces", "store"]) => main,
        _ => return all,
    };
    let hint = Hint::new(format!("write `{{{main}: {}}}`", excerpt(text)));
    let mut object = serde_json::Map::new();
    object.insert((*main).to_owned(), text.as_str().into());
    hint.replacing(path, object)
}
