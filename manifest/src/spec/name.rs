//! An AMI's name with placeholders.

use std::ops::RangeInclusive;

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Digits of the digest in a name: 2^32 versions of one manifest on one day are enough.
pub(crate) const DIGEST_DIGITS: usize = 8;

/// How many characters an AMI's name may have (EC2 API Reference, RegisterImage, Name).
pub(crate) const NAME_LENGTH: RangeInclusive<usize> = 3..=128;

/// An AMI's name in which `{date}`, `{time}` and `{digest}` stand for what the moment and the manifest version give.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct NameTemplate(String);

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text that stands for itself; a brace without its partner is part of it.
    Text(&'a str),
    /// What stands between two braces.
    Placeholder(&'a str),
}

impl NameTemplate {
    /// The placeholders that a name may have.
    pub const PLACEHOLDERS: [&'static str; 3] = ["date", "time", "digest"];

    /// The name: `{date}` is `at` as YYYY-MM-DD, `{time}` as HHMMSS (both UTC), `{digest}` the first 8 digits of `digest`.
    #[must_use]
    pub fn expand(&self, at: Timestamp, digest: &str) -> String {
        let at = at.to_zoned(TimeZone::UTC);
        let digest = digest.get(..DIGEST_DIGITS).unwrap_or(digest);
        self.pieces()
            .map(|piece| match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Placeholder("date") => at.strftime("%Y-%m-%d").to_string(),
                Piece::Placeholder("time") => at.strftime("%H%M%S").to_string(),
                Piece::Placeholder("digest") => digest.to_owned(),
                Piece::Placeholder(unknown) => format!("{{{unknown}}}"),
            })
            .collect()
    }

    /// The template, taken apart.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            if let Some((name, after)) = rest
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
            {
                rest = after;
                return Some(Piece::Placeholder(name));
            }
            let end = rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| *c == '{')
                .map_or(rest.len(), |(at, _)| at);
            let (text, after) = rest.split_at(end);
            rest = after;
            Some(Piece::Text(text))
        })
    }
}
