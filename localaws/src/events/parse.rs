//! JSON to a [`Pattern`], refusing what EventBridge refuses.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::pattern::{Comparison, Field, Pattern, PatternError, Test};

/// All that is known, for messages.
const OPERATORS: &str = "prefix, suffix, equals-ignore-case, wildcard, anything-but, exists, numeric, cidr (and $or in place of a field)";
/// Numbers in `numeric` stay within plus and minus this ("Numeric matching").
const FIVE_BILLION: f64 = 5.0e9;

pub(super) fn pattern(pattern: &Value) -> Result<Pattern, PatternError> {
    match pattern {
        Value::Object(fields) => object(fields, "the root"),
        _ => Err(error("the root", "an event pattern is an object")),
    }
}

fn object(fields: &Map<String, Value>, path: &str) -> Result<Pattern, PatternError> {
    if fields.is_empty() {
        return Err(error(path, "empty objects are not allowed"));
    }
    let mut pattern = Pattern {
        fields: Vec::new(),
        alternatives: Vec::new(),
    };
    for (name, value) in fields {
        let path = if path == "the root" {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match value {
            _ if name == "$or" => pattern.alternatives = alternatives(value, &path)?,
            Value::Object(inner) => pattern
                .fields
                .push((name.clone(), Field::Object(object(inner, &path)?))),
            Value::Array(values) => pattern
                .fields
                .push((name.clone(), Field::Values(tests(values, &path)?))),
            _ => return Err(error(&path, "it must be an object or an array")),
        }
    }
    // EventBridge's compiler lets the inner one replace the outer one, which is never meant.
    for (name, _) in &pattern.fields {
        if pattern
            .alternatives
            .iter()
            .any(|inner| inner.fields.iter().any(|(other, _)| other == name))
        {
            return Err(error(
                path,
                format!("`{name}` stands beside $or and in it: conditions on it would not add up"),
            ));
        }
    }
    Ok(pattern)
}

fn alternatives(value: &Value, path: &str) -> Result<Vec<Pattern>, PatternError> {
    let patterns: Option<Vec<_>> = value
        .as_array()
        .and_then(|items| items.iter().map(Value::as_object).collect());
    match patterns {
        Some(patterns) if patterns.len() >= 2 => patterns
            .into_iter()
            .map(|fields| object(fields, path))
            .collect(),
        _ => Err(error(path, "$or takes a list of two or more patterns")),
    }
}

fn tests(values: &[Value], path: &str) -> Result<Vec<Test>, PatternError> {
    if values.is_empty() {
        return Err(error(path, "empty arrays are not allowed"));
    }
    values
        .iter()
        .map(|value| match value {
            Value::Object(expression) => operator(expression, path),
            Value::Array(_) => Err(error(
                path,
                "a match value must be a text, number, true, false or null",
            )),
            plain => Ok(Test::Equals(plain.clone())),
        })
        .collect()
}

fn operator(expression: &Map<String, Value>, path: &str) -> Result<Test, PatternError> {
    let (name, value) = only_entry(expression, path)?;
    match name {
        "exists" => match value {
            Value::Bool(expected) => Ok(Test::Exists(*expected)),
            _ => Err(error(path, "`exists` takes true or false")),
        },
        "anything-but" => anything_but(value, path),
        "numeric" => numeric(value, path),
        "cidr" => cidr(value, path),
        "prefix" | "suffix" | "equals-ignore-case" | "wildcard" => text_test(name, value, path),
        other => Err(error(
            path,
            format!("unrecognized match type `{other}`. Known: {OPERATORS}"),
        )),
    }
}

fn only_entry<'a>(
    expression: &'a Map<String, Value>,
    path: &str,
) -> Result<(&'a str, &'a Value), PatternError> {
    let mut entries = expression.iter();
    match (entries.next(), entries.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (None, _) => Err(error(path, "match expression name not found")),
        _ => Err(error(path, "only one key is allowed in a match expression")),
    }
}

/// The operators whose value is one text.
fn text_test(name: &str, value: &Value, path: &str) -> Result<Test, PatternError> {
    if let (Value::Object(inner), "prefix" | "suffix") = (value, name) {
        let ("equals-ignore-case", Value::String(text)) = only_entry(inner, path)? else {
            return Err(error(
                path,
                format!("`{name}` takes a text or {{\"equals-ignore-case\": text}}"),
            ));
        };
        let text = text.to_lowercase();
        return Ok(if name == "prefix" {
            Test::PrefixIgnoringCase(text)
        } else {
            Test::SuffixIgnoringCase(text)
        });
    }
    let Value::String(text) = value else {
        return Err(error(path, format!("`{name}` takes a text, not {value}")));
    };
    match name {
        "prefix" => Ok(Test::Prefix(text.clone())),
        "suffix" => Ok(Test::Suffix(text.clone())),
        "wildcard" => wildcard(text, path),
        _ => Ok(Test::EqualsIgnoringCase(text.to_lowercase())),
    }
}

fn wildcard(text: &str, path: &str) -> Result<Test, PatternError> {
    let mut parts = vec![String::new()];
    let mut after_star = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            '*' if after_star => {
                return Err(error(
                    path,
                    "consecutive stars in `wildcard` are not allowed",
                ));
            }
            '*' => {
                parts.push(String::new());
                after_star = true;
                continue;
            }
            '\\' => match characters.next() {
                Some(escaped @ ('*' | '\\')) => escaped,
                _ => {
                    return Err(error(
                        path,
                        "in `wildcard`, a backslash is followed by a star or a backslash",
                    ));
                }
            },
            other => other,
        };
        after_star = false;
        if let Some(part) = parts.last_mut() {
            part.push(literal);
        }
    }
    Ok(Test::Wildcard(parts))
}

fn anything_but(value: &Value, path: &str) -> Result<Test, PatternError> {
    if let Value::Object(inner) = value {
        let (name, texts) = only_entry(inner, path)?;
        if !matches!(
            name,
            "prefix" | "suffix" | "equals-ignore-case" | "wildcard"
        ) {
            return Err(error(
                path,
                format!("unsupported `anything-but` pattern: `{name}`"),
            ));
        }
        let tests = one_or_more(texts, path)?
            .into_iter()
            .map(|text| match text {
                Value::String(text) if text.is_empty() => {
                    Err(error(path, format!("`{name}` of nothing is not allowed")))
                }
                Value::String(_) => text_test(name, text, path),
                _ => Err(error(
                    path,
                    format!("`{name}` in `anything-but` takes a text or a list of texts"),
                )),
            });
        return Ok(Test::AnythingBut(tests.collect::<Result<_, _>>()?));
    }
    let values = one_or_more(value, path)?;
    if values.iter().all(|value| value.is_string()) {
        return Ok(Test::AnythingBut(
            values.into_iter().cloned().map(Test::Equals).collect(),
        ));
    }
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.as_f64()).collect();
    let Some(numbers) = numbers else {
        return Err(error(
            path,
            "`anything-but` takes texts or numbers, and not both in one list",
        ));
    };
    Ok(Test::AnythingBut(
        numbers
            .into_iter()
            .map(|n| Test::Numeric(vec![(Comparison::Equal, n)]))
            .collect(),
    ))
}

fn one_or_more<'a>(value: &'a Value, path: &str) -> Result<Vec<&'a Value>, PatternError> {
    match value {
        Value::Array(values) if values.is_empty() => {
            Err(error(path, "empty arrays are not allowed"))
        }
        Value::Array(values) => Ok(values.iter().collect()),
        one => Ok(vec![one]),
    }
}

fn numeric(value: &Value, path: &str) -> Result<Test, PatternError> {
    let Value::Array(terms) = value else {
        return Err(error(
            path,
            "`numeric` takes a list such as [\">\", 0, \"<=\", 5]",
        ));
    };
    let (pairs, rest) = terms.as_chunks::<2>();
    let comparisons: Result<Vec<_>, _> = pairs.iter().map(|pair| comparison(pair, path)).collect();
    let comparisons = comparisons?;
    let is_lower = |c: Comparison| matches!(c, Comparison::Greater | Comparison::GreaterOrEqual);
    let is_upper = |c: Comparison| matches!(c, Comparison::Less | Comparison::LessOrEqual);
    match comparisons.as_slice() {
        [_] if rest.is_empty() => {}
        [(lower, bottom), (upper, top)]
            if rest.is_empty() && is_lower(*lower) && is_upper(*upper) =>
        {
            if bottom >= top {
                return Err(error(
                    path,
                    format!("in `numeric`, {bottom} must be less than {top}"),
                ));
            }
        }
        _ => {
            return Err(error(
                path,
                "`numeric` takes one comparison, or a lower bound and then an upper one",
            ));
        }
    }
    Ok(Test::Numeric(comparisons))
}

fn comparison(
    [operator, number]: &[Value; 2],
    path: &str,
) -> Result<(Comparison, f64), PatternError> {
    let comparison = match operator.as_str() {
        Some("=") => Comparison::Equal,
        Some("<") => Comparison::Less,
        Some("<=") => Comparison::LessOrEqual,
        Some(">") => Comparison::Greater,
        Some(">=") => Comparison::GreaterOrEqual,
        _ => {
            return Err(error(
                path,
                format!("`numeric` knows =, <, <=, > and >=, not {operator}"),
            ));
        }
    };
    match number.as_f64() {
        Some(number) if number.abs() <= FIVE_BILLION => Ok((comparison, number)),
        Some(_) => Err(error(
            path,
            "numbers in `numeric` must be between -5.0e9 and 5.0e9",
        )),
        None => Err(error(
            path,
            format!("`numeric` compares with a number, not {number}"),
        )),
    }
}

fn cidr(value: &Value, path: &str) -> Result<Test, PatternError> {
    let parsed = value
        .as_str()
        .and_then(|text| text.split_once('/'))
        .and_then(|(address, mask)| {
            let address: IpAddr = address.parse().ok()?;
            let mask: u8 = mask.parse().ok()?;
            (mask <= if address.is_ipv4() { 32 } else { 128 }).then_some(Test::Cidr(address, mask))
        });
    parsed.ok_or_else(|| {
        error(
            path,
            format!("`cidr` takes a block such as 10.0.0.0/24, not {value}"),
        )
    })
}

fn error(path: &str, problem: impl Into<String>) -> PatternError {
    PatternError {
        path: path.to_owned(),
        problem: problem.into(),
    }
}
