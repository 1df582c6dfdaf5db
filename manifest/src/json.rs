//! JSON to a tree. Strict: what serde_json takes, and no key twice.

use std::{collections::HashMap, sync::Arc};

use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{self, ObjectPropName},
    common::Ranged,
    parse_to_ast,
};
use serde::de::IgnoredAny;

use crate::{
    Problem,
    document::{Entry, Lines, Mark, Node, Path, Read, Value, duplicate, too_deep, too_long},
    limits::{self, NODES},
};

/// Reads strict JSON.
pub(super) fn read(text: &str) -> Read {
    if let Some(mark) = deepest(text) {
        return Err(vec![too_deep(mark)]);
    }
    // serde_json decides what is JSON; the other parser only adds the places that serde_json does not keep.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| vec![syntax(text, &error)])?;
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict());
    let value = match parsed {
        Ok(parsed) => parsed.value,
        Err(error) => {
            let mark = Lines::new(text).mark(error.range().start);
            return Err(vec![
                Problem::new(format!("not JSON: {}", error.kind())).at(mark.line, mark.column),
            ]);
        }
    };
    let Some(value) = value else {
        return Err(vec![crate::document::empty()]);
    };
    let mut reader = Reader {
        lines: Lines::new(text),
        problems: Vec::new(),
        nodes: 0,
    };
    let root = reader.node(value, &Path::default());
    if reader.nodes > NODES {
        return Err(vec![
            Problem::new(format!("the manifest has more than {NODES} values")).at(1, 1),
        ]);
    }
    Ok((root, reader.problems))
}

fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// Where the text nests deeper than allowed, found without recursion.
fn deepest(text: &str) -> Option<Mark> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > limits::DEPTH {
                    return Some(Lines::new(text).mark(offset));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn syntax(text: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let before = text.split('\n').take(error.line().saturating_sub(1));
    let start: usize = before.map(|line| line.len() + 1).sum();
    let line = text.get(start..).unwrap_or_default();
    let line = line.split('\n').next().unwrap_or_default();
    let line = line.strip_suffix('\r').unwrap_or(line);
    // serde_json counts bytes, and points after the byte it stumbled over. Its lines end with LF only.
    let offset = start + error.column().saturating_sub(1).min(line.len());
    let mark = Lines::new(text).mark(offset);
    let problem = Problem::new(format!("not JSON: {message}")).at(mark.line, mark.column);
    if message.contains("expected") || message.contains("key must be a string") {
        return problem.with_hint("JSON does not allow comments, single quotes, bare words or trailing commas; for YAML, name the file NAME.image.yaml");
    }
    problem
}

struct Reader<'a> {
    lines: Lines<'a>,
    problems: Vec<Problem>,
    nodes: usize,
}

impl Reader<'_> {
    /// Recurses no deeper than [`limits::DEPTH`], which was checked before.
    fn node(&mut self, value: ast::Value<'_>, path: &Path) -> Node {
        let mark = self.lines.mark(value.range().start);
        self.nodes += 1;
        if self.nodes > NODES {
            // The whole is refused; what is in it no longer matters.
            return Node {
                mark,
                value: Value::Refused,
            };
        }
        let value = match value {
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::BooleanLit(literal) => Value::Bool(literal.value),
            ast::Value::NumberLit(literal) => Value::Number(literal.value.to_owned()),
            ast::Value::StringLit(literal) => Value::String(literal.value.into_owned()),
            ast::Value::Array(array) => {
                let items = array.elements.into_iter().enumerate();
                Value::Sequence(
                    items
                        .map(|(index, item)| self.node(item, &path.join(index)))
                        .collect(),
                )
            }
            ast::Value::Object(object) => Value::Mapping(self.entries(object, path)),
        };
        Node { mark, value }
    }

    fn entries(&mut self, object: ast::Object<'_>, path: &Path) -> Vec<Entry> {
        let mut first: HashMap<Arc<str>, Mark> = HashMap::new();
        let mut entries = Vec::new();
        for property in object.properties {
            let mark = self.lines.mark(property.name.range().start);
            let key: Arc<str> = match property.name {
                ObjectPropName::String(literal) => literal.value.into(),
                ObjectPropName::Word(word) => word.value.into(),
            };
            if let Some(problem) = too_long(path, &key, mark) {
                self.problem(problem);
                continue;
            }
            let node = self.node(property.value, &path.join(&key));
            match first.get(&key) {
                Some(earlier) => self.problem(duplicate(path, &key, mark, *earlier)),
                None => {
                    first.insert(Arc::clone(&key), mark);
                    entries.push(Entry { key, mark, node });
                }
            }
        }
        entries
    }
    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < limits::PROBLEMS {
            self.problems.push(problem);
        }
    }
}
