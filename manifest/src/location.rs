//! Where an S3 object is that a manifest points at.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::quoted;

/// Scheme of a location in any bucket.
const SCHEME: &str = "s3://";

/// S3's limit for a key, in bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects").
const KEY_BYTES: usize = 1024;

/// The address of an S3 object: `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct S3Address {
    /// The bucket.
    pub bucket: String,
    /// The key, as it is: nothing in it is escaped. Empty if the address is that of a bucket.
    pub key: String,
}

impl S3Address {
    /// Bucket and key of an address; none if the text is not one. Neither is checked: see [`Location::fault`].
    #[must_use]
    pub fn split(text: &str) -> Option<(&str, &str)> {
        let rest = text.strip_prefix(SCHEME)?;
        Some(rest.split_once('/').unwrap_or((rest, "")))
    }
}

impl fmt::Display for S3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&s3_uri(&self.bucket, &self.key))
    }
}

impl FromStr for S3Address {
    type Err = NotAnS3Address;

    fn from_str(text: &str) -> Result<Self, NotAnS3Address> {
        let (bucket, key) = Self::split(text).ok_or(NotAnS3Address)?;
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

/// `s3://bucket/key`: the text of an [`S3Address`].
#[must_use]
pub fn s3_uri(bucket: &str, key: &str) -> String {
    format!("{SCHEME}{bucket}/{key}")
}

/// A text that does not begin with `s3://`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnS3Address;

impl fmt::Display for NotAnS3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address as s3://bucket/key")
    }
}

impl std::error::Error for NotAnS3Address {}

/// The key of an object beside another: in the same folder.
#[must_use]
pub fn beside(key: &str, name: &str) -> String {
    let folder = key.rfind('/').map_or("", |slash| &key[..=slash]);
    format!("{folder}{name}")
}

/// An S3 object, as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Relative to the folder of the manifest that names it.
    Relative(String),
    /// In any bucket.
    S3(S3Address),
}

impl Location {
    /// Distinguishes the two forms; [`Location::fault`] says whether the result can be used.
    #[must_use]
    pub fn new(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Relative(text.to_owned()), Self::S3)
    }

    /// The bucket and key, seen from the manifest that names this location.
    #[must_use]
    pub fn resolve(&self, manifest_bucket: &str, manifest_key: &str) -> (String, String) {
        match self {
            Self::S3(address) => (address.bucket.clone(), address.key.clone()),
            Self::Relative(path) => (manifest_bucket.to_owned(), beside(manifest_key, path)),
        }
    }

    /// The key, or the part of it that is given.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Relative(path) => path,
            Self::S3(address) => &address.key,
        }
    }

    /// What makes this location unusable, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        if let Self::S3(address) = self
            && let Some(fault) = bucket_fault(&address.bucket)
        {
            return Some(fault);
        }
        let key = self.key();
        if key.is_empty() {
            return Some("names no object".to_owned());
        }
        if key.len() > KEY_BYTES {
            return Some(format!(
                "is {} bytes long; S3 keys have at most {KEY_BYTES}",
                key.len()
            ));
        }
        if key.starts_with('/') {
            return Some("starts with a slash".to_owned());
        }
        if key.ends_with('/') {
            return Some("ends with a slash: it names a folder, not an object".to_owned());
        }
        if key.chars().any(char::is_control) {
            return Some("has control characters".to_owned());
        }
        if let Some(fault) = self.other_form() {
            return Some(fault);
        }
        let steps = || key.split('/');
        if steps().any(|step| step == ".." || step == ".") {
            return Some("has `.` or `..` as a step of its path".to_owned());
        }
        if steps().any(str::is_empty) {
            return Some("has an empty step (`//`) in its path".to_owned());
        }
        None
    }

    /// That this is another way to name an object than the two that are understood. Each would be taken for a key, and
    /// its object waited for in vain.
    fn other_form(&self) -> Option<String> {
        let key = self.key();
        if key.contains(VERSION_QUERY) {
            return Some("names a version of an object".to_owned());
        }
        let Self::Relative(path) = self else {
            return None;
        };
        if let Some((scheme, _)) = path.split_once("://") {
            return Some(format!("has the scheme {}", quoted(scheme)));
        }
        if path
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case("s3:"))
        {
            return Some("is not an S3 address".to_owned());
        }
        if path.starts_with("arn:") {
            return Some("is an ARN".to_owned());
        }
        let is_drive = matches!(path.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
        (is_drive || path.contains('\\')).then(|| "is a file of your machine".to_owned())
    }

    /// The address that was probably meant by another form of it: an ARN, a URL of S3, `s3:/bucket/key`, or one with a
    /// version.
    #[must_use]
    pub fn probable_address(&self) -> Option<S3Address> {
        let text = self.to_string();
        let text = text.split(VERSION_QUERY).next()?;
        let (scheme, rest) = text.split_once(':')?;
        let address = match scheme.to_ascii_lowercase().as_str() {
            "arn" => rest.split_once(":s3:::")?.1.to_owned(),
            "s3" | "s3a" | "s3n" => rest.trim_start_matches('/').to_owned(),
            "http" | "https" => of_url(rest.trim_start_matches('/'))?,
            _ => return None,
        };
        let meant = Self::new(&format!("{SCHEME}{address}"));
        match meant {
            Self::S3(address) if Self::S3(address.clone()).fault().is_none() => Some(address),
            _ => None,
        }
    }
}

/// How a URL or an address of the console names a version of an object.
const VERSION_QUERY: &str = "?versionId=";

/// `bucket/key` of a URL of S3 without its scheme, virtual-hosted or path-style (S3 User Guide, "Methods for accessing
/// a bucket"). A query or an escaped character makes the key uncertain.
fn of_url(url: &str) -> Option<String> {
    // Of a presigned URL, the query is who may read and until when.
    let url = match url.split_once("?X-Amz-") {
        Some((url, _)) => url,
        None => url,
    };
    let (host, key) = url.split_once('/')?;
    if key.contains(['?', '%', '#']) {
        return None;
    }
    let service = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let is_s3 = |name: &str| name == "s3" || name.starts_with("s3.") || name.starts_with("s3-");
    if is_s3(service) {
        return Some(key.to_owned());
    }
    let at = service
        .rfind(".s3")
        .filter(|at| is_s3(&service[at + 1..]))?;
    Some(format!("{}/{key}", &service[..at]))
}

/// Why this is not a valid name of a general purpose bucket, if it is not (S3 User Guide, "General purpose bucket
/// naming rules").
#[must_use]
pub fn bucket_fault(bucket: &str) -> Option<String> {
    let fault = if !(3..=63).contains(&bucket.len()) {
        "must have 3 to 63 characters"
    } else if !bucket
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
    {
        "may have only lower-case letters, digits, dots and hyphens"
    } else if !bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !bucket.ends_with(|c: char| c.is_ascii_alphanumeric())
    {
        "must start and end with a letter or a digit"
    } else if bucket.contains("..") {
        "must not have two dots in a row"
    } else if bucket.parse::<std::net::Ipv4Addr>().is_ok() {
        "must not look like an IP address"
    } else {
        return None;
    };
    Some(format!(
        "has the bucket name {}, which {fault}",
        quoted(bucket)
    ))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative(path) => f.write_str(path),
            Self::S3(address) => address.fmt(f),
        }
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

impl JsonSchema for Location {
    fn schema_name() -> Cow<'static, str> {
        "Location".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "description": "An S3 object: relative to the manifest's folder, or s3://bucket/key."
        })
    }
}

#[cfg(test)]
mod tests;
