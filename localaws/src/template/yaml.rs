//! YAML text to a tree that knows its lines and keeps CloudFormation's functions apart from data.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Number, Value};

use super::problem::Problem;

/// Deeper nesting than any template has; a bound for the recursion.
const MAXIMUM_DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// `!Ref x`, `{Ref: x}`, `!Sub …`, `{Fn::Sub: …}`: the long form's name and the argument.
    Call(String, Box<Node>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn text(line: usize, text: impl Into<String>) -> Self {
        Self {
            line,
            kind: Kind::Text(text.into()),
        }
    }

    /// The value under a key of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The entries of a map; none for anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// What it is, for messages.
    pub(super) fn what(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Number(value) => format!("`{value}`"),
            Kind::Text(value) => format!("`{value}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::Call(function, _) => format!("the function {function}"),
        }
    }

    /// As JSON. A function that is left in the tree is written in its long form.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(value) => Value::Number(value.clone()),
            Kind::Text(value) => Value::String(value.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
            Kind::Call(function, argument) => Value::Object(
                [(function.clone(), argument.to_json())]
                    .into_iter()
                    .collect(),
            ),
        }
    }
}

/// Reads one YAML (or JSON) document.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        lines: lines(text),
    };
    let mut root = None;
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            event if root.is_none() => root = Some(reader.node(event, line, 0)?),
            _ => {
                return Err(Problem::new(
                    line,
                    "a template is one YAML document; this is a second one",
                ));
            }
        }
    }
    root.ok_or_else(|| Problem::new(1, "the template is empty"))
}

/// How many lines a text has; a break may be LF, CR or both.
fn lines(text: &str) -> usize {
    let ends = text.matches('\n').count() + text.matches('\r').count();
    1 + ends - text.matches("\r\n").count()
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// Lines of the text.
    lines: usize,
}

impl<'a> Reader<'a> {
    /// What comes next, and its line. The parser counts a line behind the end of a text whose last one has no end.
    fn next(&mut self) -> Result<(Event<'a>, usize), Problem> {
        let last = self.lines;
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line().clamp(1, last))),
            Some(Err(error)) => Err(Problem::new(
                error.marker().line().clamp(1, last),
                format!("not YAML: {}", error.info()),
            )),
            None => Ok((Event::StreamEnd, last)),
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node, Problem> {
        if depth > MAXIMUM_DEPTH {
            return Err(Problem::new(
                line,
                format!("nested deeper than {MAXIMUM_DEPTH} levels"),
            ));
        }
        let (kind, tag) = match event {
            Event::Scalar(text, style, _, tag) => {
                let kind = if style == ScalarStyle::Plain && tag.is_none() {
                    plain(&text)
                } else {
                    Kind::Text(text.into_owned())
                };
                (kind, tag)
            }
            Event::SequenceStart(_, tag) => (self.list(depth)?, tag),
            Event::MappingStart(_, tag) => (self.map(depth)?, tag),
            Event::Alias(_) => {
                return Err(Problem::new(
                    line,
                    "YAML aliases (`*name`) are not built here: write the value out",
                ));
            }
            other => {
                return Err(Problem::new(
                    line,
                    format!("a value is missing here (found {other:?})"),
                ));
            }
        };
        let node = Node {
            line,
            kind: long_form(kind),
        };
        match tag {
            Some(tag) => tagged(&tag, node),
            None => Ok(node),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (key, line) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Kind::Map(entries)),
                (Event::Scalar(key, _, _, None), line) => (key.into_owned(), line),
                (_, line) => return Err(Problem::new(line, "a key must be a plain text")),
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                return Err(Problem::new(
                    line,
                    format!(
                        "the key `{key}` is there twice, first in line {}",
                        first.line
                    ),
                ));
            }
            let (event, at) = self.next()?;
            entries.push(Entry {
                key,
                line,
                value: self.node(event, at, depth + 1)?,
            });
        }
    }
}

/// YAML 1.1's plain scalars, as CloudFormation reads them ("AWS CloudFormation template formats"); dates stay text.
fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Kind::Bool(true);
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Kind::Bool(false);
        }
        _ => {}
    }
    // JSON's grammar of numbers: what YAML reads otherwise (octal, sexagesimal, `1_000`) stays text.
    if text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && let Ok(number) = serde_json::from_str::<Number>(text)
    {
        return Kind::Number(number);
    }
    Kind::Text(text.to_owned())
}

/// `{Ref: x}`, `{Condition: x}` and `{Fn::…: x}` are calls.
fn long_form(kind: Kind) -> Kind {
    let Kind::Map(mut entries) = kind else {
        return kind;
    };
    let is_call = entries.len() == 1
        && entries.iter().all(|entry| {
            entry.key == "Ref"
                || entry.key.starts_with("Fn::")
                || (entry.key == "Condition" && matches!(entry.value.kind, Kind::Text(_)))
        });
    match entries.pop() {
        Some(only) if is_call => Kind::Call(only.key, Box::new(only.value)),
        Some(last) => {
            entries.push(last);
            Kind::Map(entries)
        }
        None => Kind::Map(entries),
    }
}

/// `!Name` is the short form of `Fn::Name`, but for `!Ref` and `!Condition`.
fn tagged(tag: &Tag, node: Node) -> Result<Node, Problem> {
    let line = node.line;
    if tag.is_yaml_core_schema() && tag.suffix == "str" {
        return Ok(node);
    }
    if tag.handle != "!" {
        return Err(Problem::new(
            line,
            format!("the YAML tag `{tag}` is not one of CloudFormation's"),
        ));
    }
    let function = match tag.suffix.as_str() {
        plain @ ("Ref" | "Condition") => plain.to_owned(),
        name => format!("Fn::{name}"),
    };
    Ok(Node {
        line,
        kind: Kind::Call(function, Box::new(node)),
    })
}
