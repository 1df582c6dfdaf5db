//! YAML to a tree. A manifest needs no more of YAML than JSON has: anchors, aliases, tags, merge keys and several
//! documents are refused, so that no text can grow when it is read.

use std::{collections::HashMap, sync::Arc};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};

use crate::{
    Problem,
    document::{Entry, Mark, Node, Path, Read, Value, duplicate, too_deep, too_long},
    limits::{self, NODES},
};

/// Reads YAML 1.2 with the core schema.
pub(super) fn read(text: &str) -> Read {
    let mut builder = Builder::default();
    let end = end(text);
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let step = match next {
            Ok((event, span)) => builder.event(event, mark(&span.start, end)),
            Err(error) => Err(Box::new(syntax(text, &error, end))),
        };
        match step {
            Ok(true) => {}
            Ok(false) => break,
            Err(fatal) => {
                builder.problems.push(*fatal);
                return Err(builder.problems);
            }
        }
    }
    match builder.root {
        Some(root) => Ok((root, builder.problems)),
        None => {
            builder.problems.push(crate::document::empty());
            Err(builder.problems)
        }
    }
}

/// Behind the last character.
fn end(text: &str) -> Mark {
    let breaks = text.matches(['\n', '\r']).count() - text.matches("\r\n").count();
    let last = text.rsplit(['\n', '\r']).next().unwrap_or_default();
    Mark {
        line: breaks + 1,
        column: last.chars().count() + 1,
    }
}

/// The place of a marker. The scanner ends a last line that has no end, and has some problems behind that.
fn mark(marker: &Marker, end: Mark) -> Mark {
    if marker.line() > end.line {
        return end;
    }
    Mark {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

fn syntax(text: &str, error: &ScanError, end: Mark) -> Problem {
    let Mark { line, column } = mark(error.marker(), end);
    // The scanner reads ahead of the tree and has a limit of its own, far above ours.
    if error.info().contains("recursion limit") {
        return too_deep(mark(error.marker(), end));
    }
    let problem = Problem::new(format!("not YAML: {}", error.info())).at(line, column);
    let lines: Vec<&str> = text.lines().collect();
    let nearby = lines.iter().skip(line.saturating_sub(2)).take(2);
    let indented_by_tab = |line: &&str| {
        line.chars()
            .take_while(|c| c.is_whitespace())
            .any(|c| c == '\t')
    };
    if nearby.clone().any(indented_by_tab) {
        return problem.with_hint("YAML indents with spaces, never with tabs");
    }
    if nearby
        .clone()
        .any(|line| line.contains(['{', '[', '*', '&', '!', '%', '@', '`', '"', '\'']))
    {
        return problem.with_hint("quote text that contains characters with a meaning in YAML");
    }
    problem.with_hint("check the indentation and the colons on this line and the one above")
}

/// An unfinished sequence or mapping.
struct Frame {
    mark: Mark,
    path: Path,
    kind: FrameKind,
}

enum FrameKind {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        first: HashMap<Arc<str>, Mark>,
        key: Key,
    },
}

/// What a mapping is waiting for.
enum Key {
    /// A key.
    Awaited,
    /// The value of this key.
    Given(Arc<str>, Mark),
    /// A value that is thrown away, because its key was refused.
    Refused,
}

#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
    problems: Vec<Problem>,
}

impl Builder {
    /// Takes the next event; whether to continue.
    fn event(&mut self, event: Event<'_>, mark: Mark) -> Result<bool, Box<Problem>> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem =
                        Problem::new("a second document begins here").at(mark.line, mark.column);
                    self.problem(
                        problem.with_hint("one manifest is one file: make a file of each document"),
                    );
                    return Ok(false);
                }
            }
            Event::Alias(_) => {
                let hint = "write the value out; manifests have no anchors and aliases";
                self.problem_here("an alias is not allowed", hint, mark);
                self.refused(mark)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.anchor(anchor, mark);
                if tag.is_some() {
                    self.tag(mark);
                    self.refused(mark)?;
                } else {
                    let value = match style {
                        ScalarStyle::Plain => resolve(&text),
                        _ => Value::String(text.to_string()),
                    };
                    self.deliver(Node { mark, value }, Some(&text))?;
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(anchor, tag.is_some(), mark, FrameKind::Sequence(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                let kind = FrameKind::Mapping {
                    entries: Vec::new(),
                    first: HashMap::new(),
                    key: Key::Awaited,
                };
                self.start(anchor, tag.is_some(), mark, kind)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::StreamEnd => return Ok(false),
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
        }
        Ok(true)
    }

    fn refused(&mut self, mark: Mark) -> Result<(), Box<Problem>> {
        let value = Value::Refused;
        self.deliver(Node { mark, value }, None)
    }

    fn start(
        &mut self,
        anchor: usize,
        tagged: bool,
        mark: Mark,
        kind: FrameKind,
    ) -> Result<(), Box<Problem>> {
        self.anchor(anchor, mark);
        if tagged {
            self.tag(mark);
        }
        if self.frames.len() >= limits::DEPTH {
            return Err(Box::new(too_deep(mark)));
        }
        let path = self.path();
        self.frames.push(Frame { mark, path, kind });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Box<Problem>> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let value = match frame.kind {
            FrameKind::Sequence(items) => Value::Sequence(items),
            FrameKind::Mapping { entries, .. } => Value::Mapping(entries),
        };
        self.deliver(
            Node {
                mark: frame.mark,
                value,
            },
            None,
        )
    }

    /// Puts a finished node where it belongs. `scalar` is its text, which a key keeps as written.
    fn deliver(&mut self, node: Node, scalar: Option<&str>) -> Result<(), Box<Problem>> {
        self.nodes += 1;
        if self.nodes > NODES {
            let problem = Problem::new(format!("the manifest has more than {NODES} values"));
            return Err(Box::new(problem.at(node.mark.line, node.mark.column)));
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.kind {
            FrameKind::Sequence(items) => items.push(node),
            FrameKind::Mapping { entries, key, .. } => match std::mem::replace(key, Key::Awaited) {
                Key::Awaited => self.key(&node, scalar),
                Key::Given(key, mark) => entries.push(Entry { key, mark, node }),
                Key::Refused => {}
            },
        }
        Ok(())
    }

    /// Takes a mapping's next key.
    fn key(&mut self, node: &Node, scalar: Option<&str>) {
        let Some(Frame {
            path,
            kind: FrameKind::Mapping { first, key, .. },
            ..
        }) = self.frames.last_mut()
        else {
            return;
        };
        let Mark { line, column } = node.mark;
        *key = Key::Refused;
        let problem = match (&node.value, scalar) {
            (Value::Refused, _) => return,
            (Value::String(text), _) if text == "<<" => {
                Problem::new("a merge key (`<<`) is not allowed").with_hint("write the fields out")
            }
            (Value::String(text), _) => match too_long(path, text, node.mark).or_else(|| {
                let earlier = first.get(text.as_str())?;
                Some(duplicate(path, text, node.mark, *earlier))
            }) {
                Some(problem) => problem,
                None => {
                    let text: Arc<str> = text.as_str().into();
                    first.insert(Arc::clone(&text), node.mark);
                    *key = Key::Given(text, node.mark);
                    return;
                }
            },
            (value @ (Value::Sequence(_) | Value::Mapping(_)), _) | (value, None) => {
                Problem::new(format!("a key must be text, found {}", value.describe()))
                    .with_hint("quote text that begins with `{` or `[`")
            }
            (value, Some(text)) => {
                let problem =
                    Problem::new(format!("a key must be text, found {}", value.describe()));
                problem.with_hint(format!("quote it: \"{}\"", crate::text::excerpt(text)))
            }
        };
        let problem = if problem.path.is_empty() {
            problem.with_path(path.to_string())
        } else {
            problem
        };
        self.problem(problem.at(line, column));
    }

    fn anchor(&mut self, anchor: usize, mark: Mark) {
        if anchor > 0 {
            self.problem_here(
                "an anchor is not allowed",
                "remove it; manifests have no anchors and aliases",
                mark,
            );
        }
    }

    fn tag(&mut self, mark: Mark) {
        self.problem_here(
            "a tag is not allowed",
            "remove it (`!…`); quotes make text of any value",
            mark,
        );
    }

    fn problem_here(&mut self, message: &str, hint: &str, mark: Mark) {
        let problem = Problem::new(message)
            .with_hint(hint)
            .with_path(self.path().to_string());
        self.problem(problem.at(mark.line, mark.column));
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < limits::PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// The path of the value that comes next.
    fn path(&self) -> Path {
        let Some(frame) = self.frames.last() else {
            return Path::default();
        };
        match &frame.kind {
            FrameKind::Sequence(items) => frame.path.join(items.len()),
            FrameKind::Mapping {
                key: Key::Given(key, _),
                ..
            } => frame.path.join(key),
            FrameKind::Mapping { .. } => frame.path.clone(),
        }
    }
}

/// What a plain scalar is in YAML 1.2's core schema (section 10.3.2): `yes`, `no`, `on` and dates are text.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let all =
        |digits: &str, is: fn(&u8) -> bool| !digits.is_empty() && digits.bytes().all(|b| is(&b));
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, |b| (b'0'..=b'7').contains(b));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, u8::is_ascii_hexdigit);
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        ),
        None => (unsigned, None),
    };
    let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    has_digits
        && digits_only(whole)
        && digits_only(fraction)
        && exponent.is_none_or(|exponent| all(exponent, u8::is_ascii_digit))
}
