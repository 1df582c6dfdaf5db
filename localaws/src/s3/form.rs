//! Forms that browsers post ("Browser-based uploads using POST", Amazon S3 API Reference).
//!
//! `s3s` reads them and holds them to their policy, with two differences to S3: it knows the canned ACL as `x-amz-acl`,
//! where S3's form has `acl`, and it checks signatures, while this world takes any credentials. So fields are renamed
//! before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use s3s::{S3Result, s3_error};
use serde_json::Value;

/// What fields are called here and for `s3s`; a policy need not name fields whose names begin with `x-ignore-`.
const RENAMED: [(&str, &str); 3] = [
    ("acl", "x-amz-acl"),
    ("signature", "x-ignore-signature"),
    ("x-amz-signature", "x-ignore-signature"),
];

/// Fields that are acted on; names that end with `*` stand for all that begin so.
const FIELDS: [&str; 20] = [
    "acl",
    "awsaccesskeyid",
    "bucket",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-type",
    "expires",
    "key",
    "policy",
    "signature",
    "submit",
    "success_action_redirect",
    "success_action_status",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-meta-*",
    "x-amz-security-token",
    "x-amz-signature",
];

/// Makes a form ready for `s3s`.
///
/// # Errors
/// 501 for a form that asks for what is not built, 403 for one without a policy: whoever sends it is nobody.
pub(super) fn plain(form: Bytes) -> S3Result<Bytes> {
    // "The file or content must be the last field in the form": what follows its name stays as it is.
    let start_of_file = b"name=\"file\"";
    let Some(at) = form
        .windows(start_of_file.len())
        .position(|it| it == start_of_file)
    else {
        return Ok(form);
    };
    let Ok(fields) = std::str::from_utf8(&form[..at]) else {
        return Ok(form);
    };
    if fields.contains("${filename}") {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built forms with ${{filename}}"
        ));
    }
    let mut lines = Vec::new();
    let (mut field, mut has_policy) = (String::new(), false);
    for line in fields.split("\r\n") {
        let is_header = line
            .to_ascii_lowercase()
            .starts_with("content-disposition:");
        let name = is_header.then(|| name_in(line)).flatten();
        if let Some(name) = name {
            field = name.to_ascii_lowercase();
            check_field(&field)?;
            lines.push(rename(line, name));
        } else if field == "policy" && !line.is_empty() && !line.starts_with("--") {
            has_policy = true;
            lines.push(plain_policy(line));
        } else {
            lines.push(line.to_owned());
        }
    }
    if !has_policy {
        return Err(s3_error!(
            AccessDenied,
            "Access Denied: a form without a policy is not signed"
        ));
    }
    let mut plain = lines.join("\r\n").into_bytes();
    plain.extend_from_slice(&form[at..]);
    Ok(Bytes::from(plain))
}

/// The name of the field that a `Content-Disposition` begins.
fn name_in(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("; name=\"")?;
    Some(rest.split_once('"')?.0)
}

fn check_field(name: &str) -> S3Result<()> {
    let known = FIELDS.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *known,
    });
    if known || name.starts_with("x-ignore-") {
        return Ok(());
    }
    Err(s3_error!(
        NotImplemented,
        "localaws has not built forms with the field {name}; it does not pretend to know the answer"
    ))
}

fn rename(line: &str, name: &str) -> String {
    let renamed = RENAMED
        .iter()
        .find(|(from, _)| name.eq_ignore_ascii_case(from));
    match renamed {
        Some((_, to)) => line.replace(&format!("; name=\"{name}\""), &format!("; name=\"{to}\"")),
        None => line.to_owned(),
    }
}

/// The policy with its condition on the ACL under the name that the field has for `s3s`.
fn plain_policy(coded: &str) -> String {
    let policy = STANDARD.decode(coded).ok();
    let policy = policy.and_then(|policy| serde_json::from_slice::<Value>(&policy).ok());
    let Some(mut policy) = policy else {
        return coded.to_owned();
    };
    for condition in policy["conditions"].as_array_mut().into_iter().flatten() {
        match condition {
            Value::Object(fields) => {
                if let Some(acl) = fields.remove("acl") {
                    fields.insert("x-amz-acl".to_owned(), acl);
                }
            }
            Value::Array(parts) if parts.get(1).is_some_and(|it| it == "$acl") => {
                parts[1] = Value::from("$x-amz-acl");
            }
            _ => {}
        }
    }
    STANDARD.encode(policy.to_string())
}
