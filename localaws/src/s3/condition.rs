//! Conditional requests ("Conditional requests", Amazon S3 User Guide).

use http::HeaderMap;
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use super::failure::with_details;
use super::record::Record;

/// What must be true of the object that a write replaces.
#[derive(Debug, Default)]
pub(super) struct Write {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

impl Write {
    /// The conditions in these headers.
    ///
    /// # Errors
    /// 400 for what is not an entity tag.
    pub(super) fn of(headers: &HeaderMap) -> S3Result<Self> {
        let read = |name: &str| {
            let value = headers.get(name);
            let read = value.map(|value| ETagCondition::parse_http_header(value.as_bytes()));
            read.transpose()
                .map_err(|_| s3_error!(InvalidArgument, "{name} must be an entity tag or *"))
        };
        Ok(Self {
            if_match: read("if-match")?,
            if_none_match: read("if-none-match")?,
        })
    }

    /// Checks the condition against what is there now.
    ///
    /// # Errors
    /// 412 `PreconditionFailed`; 404 `NoSuchKey` for If-Match on a key that has no object;
    /// 501 for If-None-Match with an ETag, which S3 does not know on writes.
    pub(super) fn check(&self, current: Option<&Record>) -> S3Result<()> {
        match &self.if_none_match {
            Some(ETagCondition::Any) if current.is_some() => return Err(failed("If-None-Match")),
            Some(ETagCondition::ETag(_)) => {
                return Err(s3_error!(
                    NotImplemented,
                    "A header you provided implies functionality that is not implemented: If-None-Match takes only *"
                ));
            }
            _ => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(no_such_key()),
            (Some(condition), Some(current)) if matches(condition, current) => Ok(()),
            (Some(_), Some(_)) => Err(failed("If-Match")),
        }
    }
}

/// What must be true of an object that is read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl Read {
    /// Checks the conditions; one on the ETag outweighs its fellow on the date.
    ///
    /// # Errors
    /// 412 `PreconditionFailed` or 304 `NotModified`.
    pub(super) fn check(&self, current: &Record) -> S3Result<()> {
        match self.unmet(current) {
            None => Ok(()),
            Some("If-None-Match" | "If-Modified-Since") => Err(not_modified(current)),
            Some(condition) => Err(failed(condition)),
        }
    }

    /// The first condition that does not hold.
    fn unmet(&self, current: &Record) -> Option<&'static str> {
        let modified = current.stamp.last_modified();
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, current) => return Some("If-Match"),
            (None, Some(since)) if modified > *since => return Some("If-Unmodified-Since"),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if matches(condition, current) => Some("If-None-Match"),
            (None, Some(since)) if modified <= *since => Some("If-Modified-Since"),
            _ => None,
        }
    }

    /// The same for the source of a copy, where everything that does not hold is 412.
    ///
    /// # Errors
    /// 412 `PreconditionFailed`.
    pub(super) fn check_source(&self, current: &Record) -> S3Result<()> {
        match self.unmet(current) {
            None => Ok(()),
            Some(condition) => Err(failed(&format!("x-amz-copy-source-{condition}"))),
        }
    }
}

fn matches(condition: &ETagCondition, current: &Record) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == current.etag,
    }
}

fn failed(condition: &str) -> S3Error {
    let error = s3_error!(
        PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold"
    );
    with_details(error, &[("Condition", condition)])
}

/// 404: the key has no object.
pub(super) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

fn not_modified(current: &Record) -> S3Error {
    let mut error = s3_error!(NotModified, "Not Modified");
    if let Ok(etag) = current.etag().to_http_header() {
        error.set_headers(std::iter::once((http::header::ETAG, etag)).collect());
    }
    error
}
