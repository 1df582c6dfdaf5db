//! Filters of the Describe calls ("Filtering resources using the CLI and API", EC2 User Guide).

use std::collections::BTreeSet;

use crate::ec2::wire::error::{Failure, invalid_value, missing, refuse};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::tags::Tags;

/// "up to 50 filters and up to 200 values per filter in a single request".
const MOST_FILTERS: usize = 50;
const MOST_VALUES: usize = 200;

/// One `Filter.N`: passes what has any of the values.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) name: String,
    /// Values without wildcards: there may be hundreds, and each thing listed is compared with all of them.
    exact: BTreeSet<String>,
    patterns: Vec<Vec<Glob>>,
}

/// One piece of a value: wildcards may be escaped by a backslash.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Glob {
    Any,
    One,
    Exactly(char),
}

/// Reads the filters; names not in `known` (and no `tag:KEY`) are refused.
pub(crate) fn read(fields: &mut Fields, known: &[&str]) -> Result<Vec<Filter>, Failure> {
    read_named(fields, "Filter", known)
}

/// The same, of an action some of whose filters are not built: whatever is not in `built` answers 501.
pub(crate) fn read_some(
    fields: &mut Fields,
    built: &[&str],
    action: &str,
) -> Result<Vec<Filter>, Failure> {
    let not_built = |name: &str| Failure::NotBuilt(format!("{action} with the filter {name}"));
    read_or(fields, "Filter", built, not_built)
}

/// The same, of an action that calls them otherwise.
pub(crate) fn read_named(
    fields: &mut Fields,
    name: &str,
    known: &[&str],
) -> Result<Vec<Filter>, Failure> {
    let invalid = |name: &str| invalid_value(format!("The filter '{name}' is invalid"));
    read_or(fields, name, known, invalid)
}

fn read_or(
    fields: &mut Fields,
    name: &str,
    known: &[&str],
    other: impl Fn(&str) -> Failure,
) -> Result<Vec<Filter>, Failure> {
    let filters = fields.list(name)?;
    if filters.len() > MOST_FILTERS {
        let message =
            format!("The maximum number of filters specified on a single call is {MOST_FILTERS}");
        return Err(refuse("FilterLimitExceeded", message));
    }
    filters
        .into_iter()
        .map(|filter| Filter::read(filter, known, &other))
        .collect()
}

/// Whether something with these values of an attribute, and these tags, passes all filters.
pub(crate) fn pass(
    filters: &[Filter],
    tags: &Tags,
    values_of: impl Fn(&str) -> Vec<String>,
) -> bool {
    filters
        .iter()
        .all(|filter| match filter.name.strip_prefix("tag:") {
            Some(key) => tags.get(key).is_some_and(|value| filter.matches(value)),
            None if filter.name == "tag-key" => tags.keys().any(|key| filter.matches(key)),
            None => values_of(&filter.name)
                .iter()
                .any(|value| filter.matches(value)),
        })
}

/// The values of the filter of this name, if one is there and none of its values has a wildcard: nothing else passes.
pub(crate) fn exact<'a>(filters: &'a [Filter], name: &str) -> Option<&'a BTreeSet<String>> {
    let filter = filters
        .iter()
        .find(|filter| filter.name == name && filter.patterns.is_empty())?;
    Some(&filter.exact)
}

impl Filter {
    fn read(
        mut fields: Fields,
        known: &[&str],
        other: impl Fn(&str) -> Failure,
    ) -> Result<Self, Failure> {
        let name = fields
            .text("Name")
            .ok_or_else(|| missing(&fields.name_of("Name")))?;
        let values_name = fields.name_of("Value");
        let values = fields.texts("Value")?;
        fields.finish()?;
        let tag = name == "tag-key" || name.strip_prefix("tag:").is_some_and(|key| !key.is_empty());
        if !tag && !known.contains(&name.as_str()) {
            return Err(other(&name));
        }
        if values.is_empty() {
            return Err(missing(&values_name));
        }
        if values.len() > MOST_VALUES {
            let message = format!(
                "The maximum number of filter values specified on a single call is {MOST_VALUES}"
            );
            return Err(refuse("FilterLimitExceeded", message));
        }
        let (mut exact, mut patterns) = (BTreeSet::new(), Vec::new());
        for value in values {
            let globs = globs(&value);
            match plain(&globs) {
                Some(text) => _ = exact.insert(text),
                None => patterns.push(globs),
            }
        }
        Ok(Self {
            name,
            exact,
            patterns,
        })
    }

    fn matches(&self, value: &str) -> bool {
        if self.exact.contains(value) {
            return true;
        }
        if self.patterns.is_empty() {
            return false;
        }
        let value: Vec<char> = value.chars().collect();
        self.patterns.iter().any(|pattern| matches(pattern, &value))
    }
}

/// The text of a value that has no wildcards.
fn plain(globs: &[Glob]) -> Option<String> {
    let text = globs.iter().map(|glob| match glob {
        Glob::Exactly(character) => Some(*character),
        Glob::Any | Glob::One => None,
    });
    text.collect()
}

fn globs(value: &str) -> Vec<Glob> {
    let mut globs = Vec::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        globs.push(match character {
            '*' => Glob::Any,
            '?' => Glob::One,
            '\\' => Glob::Exactly(characters.next().unwrap_or('\\')),
            character => Glob::Exactly(character),
        });
    }
    globs
}

/// Greedy matching that goes back to the last `*` only: linear in practice, quadratic at worst.
fn matches(pattern: &[Glob], value: &[char]) -> bool {
    let (mut at, mut in_value, mut last_any) = (0, 0, None);
    while in_value < value.len() {
        match pattern.get(at) {
            Some(Glob::Any) => {
                last_any = Some((at, in_value));
                at += 1;
                continue;
            }
            Some(Glob::One) => {}
            Some(Glob::Exactly(character)) if *character == value[in_value] => {}
            _ => {
                let Some((any, from)) = last_any else {
                    return false;
                };
                last_any = Some((any, from + 1));
                (at, in_value) = (any + 1, from + 1);
                continue;
            }
        }
        at += 1;
        in_value += 1;
    }
    pattern[at..].iter().all(|glob| *glob == Glob::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(pattern: &str, value: &str) -> bool {
        matches(&globs(pattern), &value.chars().collect::<Vec<_>>())
    }

    #[test]
    fn knows_wildcards_and_their_escapes() {
        assert!(matched("web-*", "web-1") && matched("*", "") && matched("a*b*c", "aXXbYYbc"));
        assert!(matched("w?b", "web") && !matched("w?b", "wb") && !matched("web", "web-1"));
        assert!(matched(r"50\*", "50*") && !matched(r"50\*", "500") && matched(r"a\\b", r"a\b"));
        assert!(matched("", "") && !matched("", "a"));
    }
}
