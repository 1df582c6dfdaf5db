//! Filter patterns of CloudWatch Logs, as far as they are built here: none, one quoted phrase, and `{ ($.a.b = "text") ||
//! … }` over lines in JSON, with `*` as wildcard ("Filter pattern syntax", CloudWatch Logs User Guide).

use serde_json::Value;

use crate::json_protocol::{Failure, refuse};

/// Characters of the longest pattern ("Length Constraints", FilterLogEvents, `filterPattern`).
const CHARACTERS: usize = 1024;

/// A filter pattern.
#[derive(Debug, PartialEq)]
pub(super) enum Pattern {
    /// Every event.
    All,
    /// Those that contain this.
    Phrase(String),
    /// Those in JSON of which one of these is true.
    Any(Vec<Equals>),
}

/// `$.a.b = "text"`.
#[derive(Debug, PartialEq)]
pub(super) struct Equals {
    path: Vec<String>,
    value: String,
}

impl Pattern {
    /// Reads a pattern. What is not built is no pattern that matches nothing.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if text.chars().count() > CHARACTERS {
            let message = format!("filterPattern has more than {CHARACTERS} characters");
            return Err(refuse("InvalidParameterException", message));
        }
        let text = text.trim();
        let not_built = || Failure::NotBuilt(format!("FilterLogEvents with filterPattern {text}"));
        if text.is_empty() {
            return Ok(Self::All);
        }
        if let Some(phrase) = quoted(text) {
            return Ok(Self::Phrase(phrase.to_owned()));
        }
        let inside = text.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        let inside = inside.ok_or_else(not_built)?;
        let terms: Option<Vec<Equals>> = inside.split("||").map(Equals::parse).collect();
        terms.map(Self::Any).ok_or_else(not_built)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Phrase(phrase) => message.contains(phrase.as_str()),
            Self::Any(terms) => serde_json::from_str(message)
                .is_ok_and(|line: Value| terms.iter().any(|term| term.is_so(&line))),
        }
    }
}

impl Equals {
    fn parse(term: &str) -> Option<Self> {
        let term = term.trim();
        let inside = term.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
        let (path, value) = inside.unwrap_or(term).split_once('=')?;
        let path = path.trim().strip_prefix("$.")?;
        let is_name = |name: &&str| {
            let mut characters = name.chars();
            !name.is_empty() && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let names: Vec<&str> = path.split('.').collect();
        names.iter().all(is_name).then_some(())?;
        Some(Self {
            path: names.into_iter().map(str::to_owned).collect(),
            value: quoted(value.trim())?.to_owned(),
        })
    }

    fn is_so(&self, line: &Value) -> bool {
        let mut found = line;
        for name in &self.path {
            found = &found[name.as_str()];
        }
        found.as_str().is_some_and(|text| fits(&self.value, text))
    }
}

/// What is between quotes, where nothing inside has to be escaped.
fn quoted(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inside.contains(['"', '\\'])).then_some(inside)
}

/// Whether a text is as a value with wildcards says.
fn fits(value: &str, text: &str) -> bool {
    let Some((start, rest)) = value.split_once('*') else {
        return value == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.any(|at| fits(rest, &text[at..]))
}
