//! Bodies of requests, out of the codings that clients send them in.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderName, HeaderValue};
use http::request::Parts;
use s3s::crypto::{Checksum as _, Sha256};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::checksum::verify;
use super::chunked;
use super::failure::invalid_argument;
use super::long_work::LongWork;
use super::operations::Body;
use super::payload::{Payload, Trailers};
use super::record::Checksums;
use super::store::Store;
use crate::large_body::{Incoming, Spooled};
use crate::wire::{hex, is_form};

/// Longest XML document of a request: completing an upload of 10,000 parts is the longest, at about 3 MB.
const LARGEST_XML: u64 = 16 << 20;
/// Longest form of a browser, which is read as a whole.
const LARGEST_FORM: u64 = 64 << 20;

fn in_memory(file: &Spooled, largest: u64) -> S3Result<Bytes> {
    if file.length > largest {
        return Err(s3_error!(
            EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size: localaws takes forms and documents of {largest} bytes"
        ));
    }
    let read = std::fs::read(&file.path);
    read.map(Bytes::from)
        .map_err(super::failure::failed("read", &file.path))
}

/// How a body is coded.
struct Coding {
    /// The `x-amz-content-sha256` that came with it.
    sha256: String,
    /// Its content codings.
    codings: Vec<String>,
}

impl Coding {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let codings = text(CONTENT_ENCODING);
        Self {
            sha256: text(HeaderName::from_static("x-amz-content-sha256")),
            codings: codings.split(',').map(|it| it.trim().to_owned()).collect(),
        }
    }

    fn is_chunked(&self) -> bool {
        self.sha256.starts_with("STREAMING-") || self.codings.iter().any(|it| it == "aws-chunked")
    }

    /// Refuses a `x-amz-content-sha256` that says nothing ("Signature calculations for the Authorization header").
    fn check_kind(&self) -> S3Result<()> {
        let sent = self.sha256.as_str();
        let is_known = sent.is_empty()
            || sent == "UNSIGNED-PAYLOAD"
            || sent.starts_with("STREAMING-")
            || self.digest().is_some();
        match is_known {
            true => Ok(()),
            false => Err(invalid_argument(
                "x-amz-content-sha256",
                sent,
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.".to_owned(),
            )),
        }
    }

    /// Refuses what is said of a chunked body where the body is not chunked.
    fn check_plain(headers: &HeaderMap) -> S3Result<()> {
        for name in ["x-amz-decoded-content-length", "x-amz-trailer"] {
            if headers.contains_key(name) {
                return Err(s3_error!(
                    NotImplemented,
                    "localaws has not built {name} with a body that is not in aws-chunked coding"
                ));
            }
        }
        Ok(())
    }

    /// The digest that the body must have, if one was sent.
    fn digest(&self) -> Option<&str> {
        let sent = self.sha256.as_str();
        let is_a_digest = sent.len() == 64 && sent.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_a_digest.then_some(sent)
    }

    fn check(&self, digest: &[u8]) -> S3Result<()> {
        match self.digest() {
            Some(sent) if !sent.eq_ignore_ascii_case(&hex(digest)) => Err(s3_error!(
                InvalidRequest,
                "The provided 'x-amz-content-sha256' header does not match what was computed."
            )),
            _ => Ok(()),
        }
    }

    /// Changes the headers to those of the decoded body. Checksums that followed it become headers, where `s3s` looks.
    fn decoded(&self, headers: &mut HeaderMap, length: u64, trailers: &Trailers) -> S3Result<()> {
        let sent = headers.remove("x-amz-decoded-content-length");
        if sent
            .is_some_and(|sent| sent.to_str().ok().and_then(|it| it.parse().ok()) != Some(length))
        {
            return Err(incomplete());
        }
        let announced = headers.get("x-amz-trailer");
        let announced = announced.and_then(|names| names.to_str().ok());
        let announced = announced.into_iter().flat_map(|names| names.split(','));
        for name in announced.map(|name| name.trim().to_ascii_lowercase()) {
            if !trailers.iter().any(|(trailer, _)| *trailer == name) {
                return Err(malformed_trailer());
            }
        }
        for (name, value) in trailers
            .iter()
            .filter(|(name, _)| name.starts_with("x-amz-checksum-"))
        {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        headers.remove(CONTENT_ENCODING);
        let others = self.codings.iter().map(String::as_str);
        let others: Vec<&str> = others
            .filter(|coding| *coding != "aws-chunked" && !coding.is_empty())
            .collect();
        if let (false, Ok(value)) = (others.is_empty(), HeaderValue::try_from(others.join(","))) {
            headers.insert(CONTENT_ENCODING, value);
        }
        Ok(())
    }
}

fn malformed_trailer() -> S3Error {
    let code = S3ErrorCode::Custom("MalformedTrailerError".into());
    let message = "The request contained trailing data that was not well-formed or did not conform to our published schema.";
    let mut error = S3Error::with_message(code, message);
    error.set_status_code(http::StatusCode::BAD_REQUEST);
    error
}

fn incomplete() -> S3Error {
    s3_error!(
        IncompleteBody,
        "The request body is not in aws-chunked coding, or it ends early"
    )
}

/// The body as it was before it was put in chunks.
fn plain_body(headers: &mut HeaderMap, body: Bytes) -> S3Result<Bytes> {
    let coding = Coding::of(headers);
    coding.check_kind()?;
    if !coding.is_chunked() {
        Coding::check_plain(headers)?;
        if coding.digest().is_some() {
            coding.check(Sha256::checksum(&body).as_ref())?;
        }
        return Ok(body);
    }
    let mut decoded = Vec::with_capacity(body.len());
    let trailers = chunked::decode(&body[..], &mut decoded);
    let trailers = trailers.map_err(|error| s3_error!(error, InternalError))?;
    let trailers = trailers.ok_or_else(incomplete)?;
    coding.decoded(headers, decoded.len() as u64, &trailers)?;
    Ok(Bytes::from(decoded))
}

/// Where large bodies are made ready.
#[derive(Debug, Clone)]
pub(super) struct Bodies {
    pub(super) store: Arc<Store>,
    pub(super) long: LongWork,
}

impl Bodies {
    /// The body as `s3s` takes it; an object's that is in a file stays there.
    pub(super) async fn ready(
        &self,
        kind: Body,
        parts: &mut Parts,
        body: Bytes,
        large: Option<Incoming>,
    ) -> S3Result<(Bytes, Option<Incoming>)> {
        let is_form = is_form(&parts.method, &parts.headers);
        let body = match large {
            None => body,
            Some(large) if kind == Body::Object => {
                let large = self.plain(&mut parts.headers, large).await?;
                return Ok((Bytes::new(), Some(large)));
            }
            Some(Incoming(file)) => {
                in_memory(&file, if is_form { LARGEST_FORM } else { LARGEST_XML })?
            }
        };
        let body = plain_body(&mut parts.headers, body)?;
        let body = if is_form {
            super::form::plain(body)?
        } else {
            body
        };
        Ok((body, None))
    }

    /// A large body as it was before it was put in chunks.
    async fn plain(&self, headers: &mut HeaderMap, large: Incoming) -> S3Result<Incoming> {
        let coding = Coding::of(headers);
        coding.check_kind()?;
        if !coding.is_chunked() {
            Coding::check_plain(headers)?;
            if coding.digest().is_none() {
                return Ok(large);
            }
            let file = Arc::clone(&large.0);
            let digest = self.long.run(move || super::payload::sha256(&file)).await?;
            coding.check(&digest)?;
            return Ok(large);
        }
        let into = self.store.draft_path();
        let decoded = self
            .long
            .run(move || super::payload::decoded(&large.0, &into));
        let (file, trailers) = decoded.await?.ok_or_else(incomplete)?;
        coding.decoded(headers, file.length, &trailers)?;
        Ok(Incoming(Arc::new(file)))
    }
}

/// Checks the checksums that came with a document, and that the one that was announced came at all.
///
/// # Errors
/// 400 if one is wrong or missing.
pub(super) fn check_document(kind: Body, headers: &HeaderMap, body: &Bytes) -> S3Result<()> {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    if let Some(algorithm) = text("x-amz-sdk-checksum-algorithm") {
        let header = format!("x-amz-checksum-{}", algorithm.to_ascii_lowercase());
        if !headers.contains_key(&header) {
            return Err(s3_error!(
                InvalidRequest,
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
            ));
        }
    }
    if !matches!(kind, Body::Document | Body::Sealed) {
        return Ok(());
    }
    let is_checksum = |name: &str| {
        let kind = name.strip_prefix("x-amz-checksum-");
        name == "content-md5" || kind.is_some_and(|kind| kind != "type" && kind != "algorithm")
    };
    if kind == Body::Sealed && !headers.keys().any(|name| is_checksum(name.as_str())) {
        return Err(s3_error!(
            InvalidRequest,
            "Missing required header for this request: Content-MD5"
        ));
    }
    let claimed = Checksums {
        crc32: text("x-amz-checksum-crc32"),
        crc32c: text("x-amz-checksum-crc32c"),
        crc64nvme: text("x-amz-checksum-crc64nvme"),
        sha1: text("x-amz-checksum-sha1"),
        sha256: text("x-amz-checksum-sha256"),
    };
    let digests = Payload::Memory(body.clone()).digests(&claimed)?;
    verify(&digests, text("content-md5").as_deref(), &claimed).map(|_| ())
}
