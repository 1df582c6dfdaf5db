//! A [`Pattern`] against an event.

use std::net::IpAddr;

use serde_json::Value;

use super::pattern::{Comparison, Field, Pattern, Test};

/// Whether an object matches; what is not an object, or is missing, counts as one without fields (so that `exists: false` holds).
pub(super) fn object(pattern: &Pattern, value: Option<&Value>) -> bool {
    if let Some(Value::Array(elements)) = value
        && !elements.is_empty()
    {
        return elements
            .iter()
            .any(|element| object(pattern, Some(element)));
    }
    let field = |name: &str| value.and_then(|value| value.get(name));
    let all = pattern
        .fields
        .iter()
        .all(|(name, expected)| match expected {
            Field::Object(inner) => object(inner, field(name)),
            Field::Values(tests) => {
                let mut leaves = Vec::new();
                collect_leaves(field(name), &mut leaves);
                tests.iter().any(|test| any_leaf(test, &leaves))
            }
        });
    all && (pattern.alternatives.is_empty()
        || pattern
            .alternatives
            .iter()
            .any(|inner| object(inner, value)))
}

/// The plain values of a field: itself, or the elements of a list, however nested.
fn collect_leaves<'a>(value: Option<&'a Value>, leaves: &mut Vec<&'a Value>) {
    match value {
        None | Some(Value::Object(_)) => {}
        Some(Value::Array(elements)) => elements
            .iter()
            .for_each(|element| collect_leaves(Some(element), leaves)),
        Some(leaf) => leaves.push(leaf),
    }
}

fn any_leaf(test: &Test, leaves: &[&Value]) -> bool {
    match test {
        Test::Exists(expected) => *expected != leaves.is_empty(),
        test => leaves.iter().any(|leaf| holds(test, leaf)),
    }
}

fn holds(test: &Test, leaf: &Value) -> bool {
    let text = leaf.as_str();
    match test {
        Test::Equals(Value::Number(expected)) => {
            matches!(leaf, Value::Number(number) if number.to_string() == expected.to_string())
        }
        Test::Equals(expected) => leaf == expected,
        Test::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
        Test::PrefixIgnoringCase(prefix) => {
            text.is_some_and(|text| text.to_lowercase().starts_with(prefix))
        }
        Test::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
        Test::SuffixIgnoringCase(suffix) => {
            text.is_some_and(|text| text.to_lowercase().ends_with(suffix))
        }
        Test::EqualsIgnoringCase(expected) => {
            text.is_some_and(|text| text.to_lowercase() == *expected)
        }
        Test::Wildcard(parts) => text.is_some_and(|text| wildcard(parts, text)),
        Test::AnythingBut(tests) => !tests.iter().any(|test| holds(test, leaf)),
        Test::Exists(expected) => *expected,
        Test::Numeric(comparisons) => leaf
            .as_f64()
            .is_some_and(|number| within(comparisons, number)),
        Test::Cidr(network, mask) => text.is_some_and(|text| in_block(text, *network, *mask)),
    }
}

/// The first part starts the text, the last one ends it, and the others follow one another in between.
fn wildcard(parts: &[String], text: &str) -> bool {
    let (first, middle, last) = match parts {
        [] => return text.is_empty(),
        [only] => return text == only,
        [first, middle @ .., last] => (first, middle, last),
    };
    let Some(rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
        return false;
    };
    for part in middle {
        let Some((_, behind)) = rest.split_once(part.as_str()) else {
            return false;
        };
        rest = behind;
    }
    true
}

fn within(comparisons: &[(Comparison, f64)], number: f64) -> bool {
    comparisons
        .iter()
        .all(|(comparison, bound)| match comparison {
            Comparison::Equal => number == *bound,
            Comparison::Less => number < *bound,
            Comparison::LessOrEqual => number <= *bound,
            Comparison::Greater => number > *bound,
            Comparison::GreaterOrEqual => number >= *bound,
        })
}

fn in_block(text: &str, network: IpAddr, mask: u8) -> bool {
    let same = |left: u128, right: u128, width: u32| {
        let ignored = width.saturating_sub(mask.into());
        left.checked_shr(ignored) == right.checked_shr(ignored)
    };
    match (text.parse(), network) {
        (Ok(IpAddr::V4(address)), IpAddr::V4(network)) => {
            same(address.to_bits().into(), network.to_bits().into(), 32)
        }
        (Ok(IpAddr::V6(address)), IpAddr::V6(network)) => {
            same(address.to_bits(), network.to_bits(), 128)
        }
        _ => false,
    }
}
