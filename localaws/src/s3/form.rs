//! Forms that browsers post ("Browser-based uploads using POST", Amazon S3 API Reference).
//!
//! `s3s` reads them, with two differences to S3: it knows the canned ACL as `x-amz-acl`, where S3's form has `acl`,
//! and it checks policies and signatures, while this world takes any credentials. So field names are changed before.

use bytes::Bytes;
use s3s::{S3Result, s3_error};

/// What fields are called here and for `s3s`; the latter ignores fields that it does not know.
const RENAMED: [(&str, &str); 4] = [
    ("acl", "x-amz-acl"),
    ("policy", "x-localaws-policy"),
    ("signature", "x-localaws-signature"),
    ("x-amz-signature", "x-localaws-signature"),
];

/// Makes a form ready for `s3s`.
///
/// # Errors
/// 501 for a form that asks for what is not built.
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
    if fields.contains("name=\"tagging\"") || fields.contains("${filename}") {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built forms with tagging or ${{filename}}"
        ));
    }
    let mut lines = Vec::new();
    for line in fields.split("\r\n") {
        let is_header = line
            .to_ascii_lowercase()
            .starts_with("content-disposition:");
        let renamed = RENAMED.iter().find_map(|(from, to)| {
            let (from, to) = (format!("; name=\"{from}\""), format!("; name=\"{to}\""));
            (is_header && line.contains(&from)).then(|| line.replace(&from, &to))
        });
        lines.push(renamed.unwrap_or_else(|| line.to_owned()));
    }
    let mut plain = lines.join("\r\n").into_bytes();
    plain.extend_from_slice(&form[at..]);
    Ok(Bytes::from(plain))
}
