//! A document as a tree of values, each with its line and column.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    Problem,
    limits::{DEPTH, KEY_BYTES},
    text::{excerpt, quoted},
};

/// A place in the text, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Mark {
    /// The document's beginning.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// A number as written: only the field knows which numbers it takes.
    Number(String),
    String(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Something that was refused: a problem was reported already, and the value is not known.
    Refused,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: Arc<str>,
    pub(super) mark: Mark,
    pub(super) node: Node,
}

impl Value {
    /// The value as JSON; none if a part of it was refused, or is a number that JSON writes otherwise.
    pub(super) fn to_json(&self) -> Option<serde_json::Value> {
        Some(match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(text) => serde_json::Value::Number(serde_json::from_str(text).ok()?),
            Self::String(text) => text.as_str().into(),
            Self::Sequence(items) => {
                let items = items.iter().map(|item| item.value.to_json());
                items.collect::<Option<Vec<_>>>()?.into()
            }
            Self::Mapping(entries) => {
                let entries = entries
                    .iter()
                    .map(|entry| Some((entry.key.to_string(), entry.node.value.to_json()?)));
                entries.collect::<Option<serde_json::Map<_, _>>>()?.into()
            }
            Self::Refused => return None,
        })
    }

    /// What a person would call this.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("the truth value {value}"),
            Self::Number(text) => format!("the number {}", excerpt(text)),
            Self::String(text) if text.is_empty() => "empty text".to_owned(),
            Self::String(text) => format!("the text {}", quoted(text)),
            Self::Sequence(_) => "a list".to_owned(),
            Self::Mapping(_) => "a mapping".to_owned(),
            Self::Refused => "a refused value".to_owned(),
        }
    }
}

/// Bytes of a field that stands in a path as it is; a longer one is cut and quoted.
const LONGEST_PLAIN: usize = 60;

/// One step of a path. A document has many paths with the same steps, so a field's text is shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Field(Arc<str>),
    Index(usize),
}

impl From<&str> for Step {
    fn from(field: &str) -> Self {
        Self::Field(field.into())
    }
}

impl From<&String> for Step {
    fn from(field: &String) -> Self {
        Self::Field(field.as_str().into())
    }
}

impl From<&Arc<str>> for Step {
    fn from(field: &Arc<str>) -> Self {
        Self::Field(Arc::clone(field))
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A value's path from the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    /// The path of a value inside this one.
    pub(super) fn join(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    /// The path of the value that has this one.
    pub(super) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Field(field) if plain(field) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(field)?;
                }
                Step::Field(field) => write!(f, "[\"{}\"]", excerpt(field))?,
            }
        }
        Ok(())
    }
}

fn plain(field: &str) -> bool {
    !field.is_empty()
        && field.len() <= LONGEST_PLAIN
        && field
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Builds a [`Path`] of fields and indices.
macro_rules! at {
    ($($step:expr),* $(,)?) => {
        $crate::document::Path(vec![$($crate::document::Step::from($step)),*])
    };
}
pub(super) use at;

/// Where every value of a document is.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The root first; every other value after the one that it is in.
    values: Vec<Place>,
    /// The values by what they are in and the last step of their paths: a whole path for each would grow with its depth.
    inner: HashMap<(usize, Step), usize>,
}

/// Where a value is, and its key if it has one.
#[derive(Debug)]
struct Place {
    value: Mark,
    key: Option<Mark>,
}

impl Places {
    pub(super) fn new(root: &Node) -> Self {
        let mut places = Self::default();
        places.values.push(Place {
            value: root.mark,
            key: None,
        });
        let mut open = vec![(0, root)];
        while let Some((outer, node)) = open.pop() {
            match &node.value {
                Value::Sequence(items) => {
                    for (index, item) in items.iter().enumerate() {
                        open.push((places.put(outer, Step::Index(index), None, item), item));
                    }
                }
                Value::Mapping(entries) => {
                    for Entry { key, mark, node } in entries {
                        open.push((places.put(outer, key.into(), Some(*mark), node), node));
                    }
                }
                _ => {}
            }
        }
        places
    }

    fn put(&mut self, outer: usize, step: Step, key: Option<Mark>, node: &Node) -> usize {
        let value = node.mark;
        self.values.push(Place { value, key });
        let place = self.values.len() - 1;
        self.inner.insert((outer, step), place);
        place
    }

    /// The value at the path, or the nearest that surrounds it; and whether it is the value itself.
    fn nearest(&self, path: &Path) -> (Option<&Place>, bool) {
        let mut place = 0;
        for step in &path.0 {
            match self.inner.get(&(place, step.clone())) {
                Some(inner) => place = *inner,
                None => return (self.values.get(place), false),
            }
        }
        (self.values.get(place), !self.values.is_empty())
    }

    /// Whether the document has a value there.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.nearest(path).1
    }

    /// Where the value is; for a value that is not there, where its nearest surroundings begin.
    pub(super) fn value(&self, path: &Path) -> Mark {
        match self.nearest(path) {
            (Some(place), true) => place.value,
            (Some(place), false) => place.key.unwrap_or(place.value),
            (None, _) => Mark::START,
        }
    }

    /// Where the value's key is, or the value if it has none.
    pub(super) fn key(&self, path: &Path) -> Mark {
        let (place, _) = self.nearest(path);
        place.map_or(Mark::START, |place| place.key.unwrap_or(place.value))
    }
}

/// Collects problems of a text that still gives a tree.
pub(super) type Read = Result<(Node, Vec<Problem>), Vec<Problem>>;

/// The problem of a file without content.
pub(super) fn empty() -> Problem {
    Problem::new("the manifest is empty")
        .at(1, 1)
        .with_hint("`name` and `source` are required")
}

/// The problem of a text that nests too deep.
pub(super) fn too_deep(mark: Mark) -> Problem {
    Problem::new(format!("nested more than {DEPTH} levels deep")).at(mark.line, mark.column)
}

/// The problem of a key that no field and no tag can have; none of any other.
pub(super) fn too_long(path: &Path, key: &str, mark: Mark) -> Option<Problem> {
    if key.len() <= KEY_BYTES {
        return None;
    }
    let message = format!("the key {} has {} bytes", quoted(key), key.len());
    let problem = Problem::new(message).with_path(path.to_string());
    let hint = format!("at most {KEY_BYTES}; check the quotes and the colon");
    Some(problem.at(mark.line, mark.column).with_hint(hint))
}

/// The problem of a key that a mapping has twice.
pub(super) fn duplicate(path: &Path, key: &str, mark: Mark, earlier: Mark) -> Problem {
    Problem::new(format!(
        "{} is given twice; the first is in line {}",
        quoted(key),
        earlier.line
    ))
    .with_path(path.join(key).to_string())
    .at(mark.line, mark.column)
    .with_hint("keep one of the two")
}

/// Bytes between two places where characters were counted: a mark costs so much and not the length of its line.
const COUNTED: usize = 128;

/// Turns byte offsets into lines and columns; lines end with LF, CR or CRLF, as YAML has it.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    starts: Vec<usize>,
    /// Characters before every [`COUNTED`]th byte.
    counts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let is_end = |at: &usize| {
            bytes[*at] == b'\n' || (bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
        };
        let starts = std::iter::once(0)
            .chain((0..bytes.len()).filter(is_end).map(|at| at + 1))
            .collect();
        let mut characters = 0;
        let counted = bytes.chunks(COUNTED).map(|chunk| {
            let before = characters;
            characters += count(chunk);
            before
        });
        let mut counts: Vec<usize> = counted.collect();
        counts.push(characters);
        Self {
            bytes,
            starts,
            counts,
        }
    }

    /// The place of a byte.
    pub(super) fn mark(&self, offset: usize) -> Mark {
        let offset = offset.min(self.bytes.len());
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        Mark {
            line,
            column: self.characters_before(offset) - self.characters_before(start) + 1,
        }
    }

    fn characters_before(&self, offset: usize) -> usize {
        let chunk = offset / COUNTED;
        self.counts[chunk] + count(&self.bytes[chunk * COUNTED..offset])
    }
}

/// Characters that begin among these bytes of UTF-8.
fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}
