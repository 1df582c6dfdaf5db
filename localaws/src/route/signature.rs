//! What a signature must be, although nobody checks its bytes: there, and of a signed URL not too old.

use std::borrow::Cow;

use http::{Method, StatusCode};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::wire::{Request, is_form};

/// Status, code and message of a refusal.
pub(crate) type Refused = (StatusCode, &'static str, &'static str);

const EXPIRED: Refused = (StatusCode::FORBIDDEN, "AccessDenied", "Request has expired");

/// Seconds that a signed URL can be valid ("The maximum value is 604800 seconds (seven days)").
const LONGEST: i64 = 604_800;

const TOO_LONG: Refused = (
    StatusCode::BAD_REQUEST,
    "AuthorizationQueryParametersError",
    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 \
     seconds",
);

/// Why a request is refused before it is looked at. It is old only by both clocks: functions sign by the world's time, and
/// programs outside by their own.
pub(crate) fn refused(
    (service, access_key): (&str, Option<&str>),
    request: &Request,
    clocks: [Timestamp; 2],
) -> Option<Refused> {
    if access_key.is_none() {
        return unsigned(service, request);
    }
    let query = request.uri().query().unwrap_or_default();
    if value(query, "X-Amz-Expires")
        .and_then(|seconds| seconds.parse::<i64>().ok())
        .is_some_and(|seconds| seconds > LONGEST)
    {
        return Some(TOO_LONG);
    }
    let expires = expiry(query)?;
    clocks.iter().all(|now| expires < *now).then_some(EXPIRED)
}

/// Forms are signed inside of themselves, and objects that anybody may read are S3's to know.
fn unsigned(service: &str, request: &Request) -> Option<Refused> {
    if service != "s3" {
        return Some((
            StatusCode::FORBIDDEN,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ));
    }
    let is_form = is_form(request.method(), request.headers());
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    (!is_form && !reads).then_some((StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"))
}

/// When a signed URL ends to be valid ("Authenticating requests: using query parameters", Amazon S3 API Reference; in
/// Signature Version 2, `Expires`).
fn expiry(query: &str) -> Option<Timestamp> {
    let value = |wanted: &str| value(query, wanted);
    if let (Some(date), Some(seconds)) = (value("X-Amz-Date"), value("X-Amz-Expires")) {
        let signed = DateTime::strptime("%Y%m%dT%H%M%SZ", date.as_bytes()).ok()?;
        let signed = signed.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let seconds = SignedDuration::from_secs(seconds.parse().ok()?);
        return signed.checked_add(seconds).ok();
    }
    value("AWSAccessKeyId")?;
    Timestamp::from_second(value("Expires")?.parse().ok()?).ok()
}

fn value<'a>(query: &'a str, wanted: &str) -> Option<Cow<'a, str>> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn ask(uri: &str, key: Option<&str>, now: &str) -> Option<&'static str> {
        let request = http::Request::builder()
            .uri(uri)
            .body(Bytes::new())
            .unwrap();
        let now: Timestamp = now.parse().unwrap();
        let later = "2030-01-01T00:00:00Z".parse().unwrap();
        refused(("s3", key), &request, [now, later]).map(|(_, _, message)| message)
    }

    #[test]
    fn signed_urls_end() {
        let url = "/b/k?X-Amz-Date=20261121T100000Z&X-Amz-Expires=60&X-Amz-Signature=00";
        assert_eq!(ask(url, Some("A"), "2026-11-21T10:01:00Z"), None);
        let late = ask(url, Some("A"), "2026-11-21T10:01:01Z");
        assert_eq!(late, Some("Request has expired"));
        let week = url.replace("=60&", "=604800&");
        assert_eq!(ask(&week, Some("A"), "2026-11-21T10:00:00Z"), None);
        let longer = url.replace("=60&", "=604801&");
        let refused = ask(&longer, Some("A"), "2026-11-21T10:00:00Z").unwrap();
        assert!(refused.contains("less than a week"), "{refused}");
        let url = "/b/k?AWSAccessKeyId=A&Signature=00&Expires=1795255200";
        assert_eq!(ask(url, Some("A"), "2026-11-21T10:00:00Z"), None);
        let late = ask(url, Some("A"), "2026-11-21T10:00:01Z");
        assert_eq!(late, Some("Request has expired"));
    }
}
