//! Numbers and the hints for values of the wrong type.

use crate::{document::Value, text::excerpt};

/// What is wrong with a number.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Reads a whole number from 0; decimal, or YAML's `0x` and `0o`.
pub(super) fn whole_number(text: &str) -> Result<u32, Fault> {
    let fault = |message: &str, hint: Option<&str>| Fault {
        message: format!("{message}: {}", excerpt(text)),
        hint: hint.map(str::to_owned),
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).map_err(|_| fault("the number is too large", None));
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u32::from_str_radix(digits, 8).map_err(|_| fault("the number is too large", None));
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.starts_with('-') {
        return Err(fault(
            "expected a whole number that is not negative, found",
            None,
        ));
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault(
            "expected a whole number, found",
            Some("write it without a decimal point or exponent"),
        ));
    }
    if digits.len() > 1 && digits.starts_with('0') {
        let hint = "remove the leading zeros: some parsers read such a number as octal";
        return Err(fault(
            "a number with leading zeros is ambiguous",
            Some(hint),
        ));
    }
    digits
        .parse()
        .map_err(|_| fault("the number is too large", None))
}

/// For a field of text that got something else.
pub(super) fn quote_hint(found: &Value) -> Option<String> {
    match found {
        Value::Number(number) => {
            let why = if number.starts_with('0') {
                "; leading zeros would be lost"
            } else {
                ""
            };
            Some(format!("quote it: \"{}\"{why}", excerpt(number)))
        }
        Value::Bool(value) => Some(format!("quote it: \"{value}\"")),
        _ => None,
    }
}

/// For a truth value that got something else.
pub(super) fn truth_hint(found: &Value) -> Option<String> {
    let Value::String(text) = found else {
        return None;
    };
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" => Some("write `true`, without quotes".to_owned()),
        "no" | "off" | "n" | "false" => Some("write `false`, without quotes".to_owned()),
        _ => None,
    }
}

/// For a number that got something else.
pub(super) fn number_hint(found: &Value) -> Option<String> {
    let Value::String(text) = found else {
        return None;
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| format!("remove the quotes: {}", excerpt(text)))
}
