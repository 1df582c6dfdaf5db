//! Numbers and the hints for values of the wrong type.

use crate::{
    document::{Path, Step, Value},
    hint::Hint,
    text::excerpt,
};

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

/// Fields whose text is never a number or a truth value: quotes would not help.
const NEVER_NUMBERS: [&str; 11] = [
    "id",
    "kmsKeyId",
    "region",
    "at",
    "deviceName",
    "rootDeviceName",
    "virtualName",
    "snapshotId",
    "usageOperation",
    "outpostArn",
    "bucket",
];

/// For a field of text that got something else.
pub(super) fn quote_hint(found: &Value, path: &Path) -> Option<Hint> {
    let field = match path.0.last() {
        Some(Step::Field(field)) => &**field,
        _ => "",
    };
    if let (Value::Number(number), "after") = (found, field) {
        let is_count = number.bytes().all(|b| b.is_ascii_digit());
        let days = format!("{number}d");
        return is_count
            .then(|| Hint::new(format!("give the unit, too: `{days}`")).example(path, days));
    }
    let is_short_name = |text: &String| path.0.len() == 1 && field == "name" && text.len() < 3;
    if NEVER_NUMBERS.contains(&field) || matches!(found, Value::Number(text) if is_short_name(text))
    {
        return None;
    }
    let (hint, text) = match found {
        Value::Number(number) => {
            let why = if number.starts_with('0') {
                "; leading zeros would be lost"
            } else {
                ""
            };
            let hint = format!("quote it: \"{}\"{why}", excerpt(number));
            (hint, number.clone())
        }
        Value::Bool(value) => (format!("quote it: \"{value}\""), value.to_string()),
        _ => return None,
    };
    Some(Hint::new(hint).replacing(path, text))
}

/// For a truth value that got something else.
pub(super) fn truth_hint(found: &Value, path: &Path) -> Option<Hint> {
    let Value::String(text) = found else {
        return None;
    };
    let field = match path.0.last() {
        Some(Step::Field(field)) => &**field,
        _ => "",
    };
    match field {
        "protect" if text.contains("cooldown") => {
            let cooldown = !text.contains("without");
            let hint = Hint::new(format!("write `{{cooldown: {cooldown}}}`"));
            return Some(hint.replacing(path, serde_json::json!({"cooldown": cooldown})));
        }
        // EC2's own form.
        "noDevice" if text.is_empty() => {
            return Some(Hint::new("write `true`").replacing(path, true));
        }
        _ => {}
    }
    let meant = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" => true,
        "no" | "off" | "n" | "false" => false,
        _ => return None,
    };
    let hint = format!("write `{meant}`, without quotes");
    Some(Hint::new(hint).replacing(path, meant))
}

/// For a number that got something else.
pub(super) fn number_hint(found: &Value, path: &Path) -> Option<Hint> {
    let Value::String(text) = found else {
        return None;
    };
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if matches!(
        unit.trim().to_ascii_lowercase().as_str(),
        "g" | "gb" | "gib"
    ) && let Ok(number) = text[..text.len() - unit.len()].parse::<u32>()
    {
        let hint = Hint::new(format!("write the number alone, in GiB: {number}"));
        return Some(hint.replacing(path, number));
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse::<u32>().ok();
    let number = number.filter(|number| number.to_string() == *text);
    digits.then(|| match number {
        Some(number) => Hint::new(format!("remove the quotes: {number}")).replacing(path, number),
        None => Hint::new("write it as a number, without quotes and leading zeros"),
    })
}

/// For a disk's format that its source does not take, but another does, or a tool makes one of that it takes.
pub(super) fn format_hint(given: &str, variants: &[&str]) -> Option<&'static str> {
    if !variants.contains(&"vmdk") {
        return None;
    }
    match given.to_ascii_lowercase().as_str() {
        "vhdx" | "ova" if !variants.contains(&"vhdx") => Some(
            "`source.vm` takes it, and makes the AMI with ImportImage; `disk` takes one of `vmdk`, `vhd`, `raw`",
        ),
        "ovf" => Some(
            "pack it with its disks into an OVA (a tar archive, the `.ovf` first), or give the disks",
        ),
        "qcow2" | "qcow" | "vdi" | "qed" => Some(
            "EC2 does not read it: convert it with `qemu-img convert -O raw FILE NEW-FILE`, and write `raw`",
        ),
        "img" | "bin" | "iso" => Some("write `raw` if it has the bytes of a disk"),
        _ => None,
    }
}
