//! S3 as clients use it: requests in, answers, files and events out.

mod attributes;
mod buckets;
mod folders;
mod members;
mod objects;
mod refusals;
mod rules;
mod strangers;
mod tags;
mod uploads;
mod versions;

use std::fs;

use http::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::bus::Event;

const HELLO_MD5: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

struct Fixture {
    s3: S3,
    events: UnboundedReceiver<Event>,
    folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (s3, events) = open(folder.path());
        s3.create_bucket("images", true).await.unwrap();
        s3.set_ownership("images", "ObjectWriter");
        Self { s3, events, folder }
    }

    async fn call(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:4566{target}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.s3
            .handle(request.body(Bytes::from(body.to_owned())).unwrap())
            .await
    }

    async fn put(&self, key: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.call(Method::PUT, &format!("/images/{key}"), headers, body)
            .await
    }

    async fn get(&self, key: &str, headers: &[(&str, &str)]) -> Response {
        self.call(Method::GET, &format!("/images/{key}"), headers, "")
            .await
    }

    async fn head(&self, key: &str) -> Response {
        self.call(Method::HEAD, &format!("/images/{key}"), &[], "")
            .await
    }

    /// The events so far: what, key, reason.
    fn announced(&mut self) -> Vec<(String, String, String)> {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .map(|event| summary(&event))
            .collect()
    }
}

fn open(folder: &Path) -> (S3, UnboundedReceiver<Event>) {
    let clock = Clock::new("2026-11-21T10:00:00Z".parse().unwrap(), 1.0);
    let (bus, events) = Bus::new();
    (
        S3::open(&folder.join("s3"), clock, Ids::new(1), bus, "us-east-1").unwrap(),
        events,
    )
}

fn summary(event: &Event) -> (String, String, String) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (
        event.detail_type.clone(),
        text(&event.detail["object"]["key"]),
        text(&event.detail["reason"]),
    )
}

fn created(key: &str, reason: &str) -> (String, String, String) {
    (
        "Object Created".to_owned(),
        key.to_owned(),
        reason.to_owned(),
    )
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The texts of all elements of this name.
fn elements<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text(response)
        .split(open.as_str())
        .skip(1)
        .map(|rest| rest.split(close.as_str()).next().unwrap())
        .collect()
}

#[track_caller]
fn assert_error(response: &Response, status: u16, code: &str) {
    assert_eq!(
        (response.status().as_u16(), elements(response, "Code")),
        (status, vec![code]),
        "{}",
        text(response)
    );
    assert_eq!(header(response, "content-type"), "application/xml");
}

/// Base64 of SHA-256.
fn sha256(body: &[u8]) -> String {
    use base64::Engine as _;
    use s3s::crypto::{Checksum as _, Sha256};
    let digest = Sha256::checksum(body);
    base64::engine::general_purpose::STANDARD.encode(digest)
}
