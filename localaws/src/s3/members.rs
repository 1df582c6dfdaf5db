//! What requests may say: the headers and query parameters that their operation acts on. All others are refused with 501,
//! so that nothing is ignored silently.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};

use super::failure::invalid_argument;
use super::listing::wrong_token;
use super::operations::Operation;
use crate::ACCOUNT;

/// Headers of every request: what signs it, how it travels, and who asks.
const EVERYWHERE: [&str; 9] = [
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-expected-bucket-owner",
    // The owner of all buckets is who asks, and pays anyway.
    "x-amz-request-payer",
    "x-amz-security-token",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
];

/// Bytes of an object's user-defined metadata ("limited to 2 KB in size").
const MOST_METADATA: usize = 2 * 1024;

/// Headers without `x-amz-` that change what an operation does, where it does not expect them too.
const CONDITIONS: [&str; 5] = [
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Query parameters of signed URLs, and the operation's name as SDKs write it.
const SIGNATURE: [&str; 11] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "Expires",
    "x-id",
];

/// Whether a header or query parameter of an operation is acted on.
#[cfg(test)]
pub(super) fn acts_on(operation: &Operation, name: &str) -> bool {
    let in_headers = operation.headers.iter().copied().flatten();
    let mut all = in_headers
        .chain(operation.query)
        .chain(&EVERYWHERE)
        .chain(&SIGNATURE);
    all.any(|known| *known == name)
}

/// Refuses a request that says what is not acted on, and takes the signature off it. Operations that are not built say so
/// themselves.
///
/// # Errors
/// 501 that names the member; 403 for a bucket of somebody else.
pub(super) fn check(operation: Option<&Operation>, parts: &mut Parts) -> S3Result<()> {
    headers_of_query(&parts.uri, &mut parts.headers)?;
    let query = parts.uri.query().unwrap_or_default();
    let fields = query.split('&').filter(|field| !field.is_empty());
    let fields = fields.filter(|field| {
        let name = field.split('=').next().unwrap_or_default();
        !SIGNATURE.contains(&name) && !is_header(name)
    });
    let left = fields.collect::<Vec<_>>().join("&");
    let path = parts.uri.path();
    let uri = if left.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{left}")
    };
    let uri = uri.parse();
    let uri: Uri =
        uri.map_err(|error| s3_error!(error, InvalidURI, "Couldn't parse the specified URI."))?;
    if let Some(operation) = operation {
        check_headers(operation, &parts.headers)?;
        for (name, _) in form_urlencoded::parse(left.as_bytes()) {
            if !operation.query.contains(&name.as_ref()) {
                return Err(not_acted_on(operation, "query parameter", &name));
            }
        }
    }
    check_query(&left)?;
    check_values(&parts.headers)?;
    check_metadata(&parts.headers)?;
    parts.uri = uri;
    Ok(())
}

fn check_headers(operation: &Operation, headers: &HeaderMap) -> S3Result<()> {
    let allowed = |name: &str| {
        let mut allowed = operation.headers.iter().copied().flatten();
        allowed.any(|allowed| match allowed.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *allowed,
        })
    };
    let is_member = |name: &str| name.starts_with("x-amz-") || CONDITIONS.contains(&name);
    let mut members = headers.keys().map(HeaderName::as_str);
    let unknown =
        members.find(|name| is_member(name) && !EVERYWHERE.contains(name) && !allowed(name));
    match unknown {
        Some(name) => Err(not_acted_on(operation, "header", name)),
        None => Ok(()),
    }
}

fn not_acted_on(operation: &Operation, kind: &str, name: &str) -> s3s::S3Error {
    let operation = operation.name;
    s3_error!(
        NotImplemented,
        "localaws has not built S3 {operation} with the {kind} {name}; it does not pretend to know the answer"
    )
}

/// "The size of user-defined metadata is measured by taking the sum of the number of bytes in the UTF-8 encoding of each
/// key and value" ("Working with object metadata", Amazon S3 User Guide).
fn check_metadata(headers: &HeaderMap) -> S3Result<()> {
    let sizes = headers.iter().filter_map(|(name, value)| {
        let key = name.as_str().strip_prefix("x-amz-meta-")?;
        Some(key.len() + value.len())
    });
    match sizes.sum::<usize>() > MOST_METADATA {
        false => Ok(()),
        true => Err(s3_error!(
            MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size"
        )),
    }
}

/// Of some headers only one value is acted on.
fn check_values(headers: &HeaderMap) -> S3Result<()> {
    for (header, known) in [
        ("x-amz-storage-class", "STANDARD"),
        // What S3 does with every object that says nothing.
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-request-payer", "requester"),
        ("x-amz-checksum-mode", "ENABLED"),
    ] {
        if let Some(value) = headers.get(header).filter(|value| *value != known) {
            return Err(s3_error!(
                NotImplemented,
                "localaws has not built {header}: {}; it knows {known} only",
                String::from_utf8_lossy(value.as_bytes())
            ));
        }
    }
    if let Some(name) = CONDITIONS
        .into_iter()
        .find(|name| headers.get(*name).is_some_and(HeaderValue::is_empty))
    {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built an empty {name}; it does not pretend to know the answer"
        ));
    }
    check_expires(headers)?;
    check_checksums(headers)?;
    for header in [
        "x-amz-expected-bucket-owner",
        "x-amz-source-expected-bucket-owner",
    ] {
        if headers.get(header).is_some_and(|owner| owner != ACCOUNT) {
            return Err(s3_error!(
                AccessDenied,
                "Access Denied: the bucket's owner is {ACCOUNT}"
            ));
        }
    }
    Ok(())
}

/// S3 keeps any `Expires`; the types of `s3s` have dates only.
fn check_expires(headers: &HeaderMap) -> S3Result<()> {
    let Some(value) = headers.get(http::header::EXPIRES) else {
        return Ok(());
    };
    let date = value.to_str().ok();
    let date = date.map(|date| Timestamp::parse(TimestampFormat::HttpDate, date));
    match date {
        Some(Ok(_)) => Ok(()),
        _ => Err(s3_error!(
            NotImplemented,
            "localaws has not built an Expires that is not an HTTP date"
        )),
    }
}

/// Each algorithm's checksum has a length, and only one may come ("Checking object integrity in Amazon S3").
fn check_checksums(headers: &HeaderMap) -> S3Result<()> {
    let known = [
        ("x-amz-checksum-crc32", 4),
        ("x-amz-checksum-crc32c", 4),
        ("x-amz-checksum-crc64nvme", 8),
        ("x-amz-checksum-sha1", 20),
        ("x-amz-checksum-sha256", 32),
    ];
    let given = known.into_iter();
    let given = given.filter_map(|(name, length)| Some((name, length, headers.get(name)?)));
    let given: Vec<_> = given.collect();
    if given.len() > 1 {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    for (name, length, value) in given {
        // That of an upload's object may end with the number of its parts.
        let value = value.as_bytes().split(|byte| *byte == b'-').next();
        let bytes = STANDARD.decode(value.unwrap_or_default());
        if bytes.map_or(true, |bytes| bytes.len() != length) {
            return Err(s3_error!(
                InvalidRequest,
                "Value for {name} header is invalid."
            ));
        }
    }
    Ok(())
}

/// Of some query parameters only some values are known.
fn check_query(query: &str) -> S3Result<()> {
    if percent_decode_str(query).decode_utf8().is_err() {
        return Err(s3_error!(InvalidURI, "Couldn't parse the specified URI."));
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.as_ref()) {
            ("list-type", "2") | ("encoding-type", "url") => {}
            // `s3s` takes it for none.
            ("continuation-token", "") => return Err(wrong_token()),
            ("list-type", other) => {
                return Err(s3_error!(
                    NotImplemented,
                    "localaws has not built list-type={other}; it knows 2 only"
                ));
            }
            ("encoding-type", _) => {
                return Err(invalid_argument(
                    "encoding-type",
                    &value,
                    "Invalid Encoding Method specified in Request".to_owned(),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a query parameter stands for a header.
fn is_header(name: &str) -> bool {
    !SIGNATURE.contains(&name) && name.to_ascii_lowercase().starts_with("x-amz-")
}

/// What a signed URL says in the place of headers (`x-amz-acl`, `x-amz-meta-…`, as some SDKs sign them) becomes headers; a
/// header that is there outweighs it.
///
/// # Errors
/// 400 for what cannot be a header.
pub(crate) fn headers_of_query(uri: &Uri, headers: &mut HeaderMap) -> S3Result<()> {
    let query = uri.query().unwrap_or_default().as_bytes();
    for (name, value) in form_urlencoded::parse(query).filter(|(name, _)| is_header(name)) {
        let header = HeaderName::try_from(name.as_ref()).ok();
        let header = header.zip(HeaderValue::try_from(value.as_ref()).ok());
        let Some((name, value)) = header else {
            return Err(s3_error!(
                InvalidArgument,
                "The query parameter {name} cannot be a header"
            ));
        };
        headers.entry(name).or_insert(value);
    }
    Ok(())
}
