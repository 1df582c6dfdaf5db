//! S3 as clients use it: requests in, answers, files and events out.

use std::fs;

use http::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::bus::Event;

const HELLO_MD5: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

struct Desk {
    s3: S3,
    events: UnboundedReceiver<Event>,
    folder: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (s3, events) = open(folder.path());
        s3.create_bucket("images", true).await.unwrap();
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
    fn told(&mut self) -> Vec<(String, String, String)> {
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
}

#[tokio::test(start_paused = true)]
async fn what_is_put_is_a_file_and_comes_back() {
    let mut desk = Desk::new().await;
    let put = desk
        .put(
            "golden/web.image.yaml",
            &[("content-type", "text/yaml"), ("x-amz-meta-team", "web")],
            "hello",
        )
        .await;
    assert_eq!(
        (put.status(), header(&put, "etag")),
        (StatusCode::OK, HELLO_MD5)
    );
    let file = desk.folder.path().join("s3/images/golden/web.image.yaml");
    assert_eq!(fs::read_to_string(file).unwrap(), "hello");
    let got = desk.get("golden/web.image.yaml", &[]).await;
    assert_eq!((text(&got), header(&got, "etag")), ("hello", HELLO_MD5));
    assert_eq!(
        (
            header(&got, "content-type"),
            header(&got, "x-amz-meta-team")
        ),
        ("text/yaml", "web")
    );
    let head = desk.head("golden/web.image.yaml").await;
    assert_eq!(
        (
            header(&head, "content-length"),
            header(&head, "etag"),
            text(&head)
        ),
        ("5", HELLO_MD5, "")
    );
    assert_eq!(
        header(&head, "last-modified"),
        "Sat, 21 Nov 2026 10:00:00 GMT"
    );
    assert_eq!(desk.told(), [created("golden/web.image.yaml", "PutObject")]);
}

#[tokio::test(start_paused = true)]
async fn events_have_s3s_shape_and_go_only_where_they_should() {
    let mut desk = Desk::new().await;
    desk.s3.create_bucket("silent", false).await.unwrap();
    desk.s3.put("silent", "a", "x").await.unwrap();
    let put = desk.put("a%20b%2Bc", &[], "hello").await;
    desk.s3.put("images", "a b+c", "hello").await.unwrap();
    let event = desk.events.try_recv().unwrap();
    assert_eq!(event.resources, ["arn:aws:s3:::images"]);
    assert_eq!(
        (event.source.as_str(), event.region.as_str()),
        ("aws.s3", "us-east-1")
    );
    let sequencer = event.detail["object"]["sequencer"].as_str().unwrap();
    assert_eq!(
        event.detail,
        json!({
            "version": "0",
            "bucket": {"name": "images"},
            "object": {"key": "a b+c", "size": 5, "etag": "5d41402abc4b2a76b9719d911017c592", "sequencer": sequencer},
            "request-id": header(&put, "x-amz-request-id"),
            "requester": "000000000000",
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        })
    );
    let next = desk.events.try_recv().unwrap();
    assert!(next.detail["object"]["sequencer"].as_str().unwrap() > sequencer);
    assert!(desk.events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn conditional_writes() {
    let mut desk = Desk::new().await;
    assert_error(
        &desk.put("a", &[("if-match", HELLO_MD5)], "x").await,
        404,
        "NoSuchKey",
    );
    assert_eq!(
        desk.put("a", &[("if-none-match", "*")], "hello")
            .await
            .status(),
        200
    );
    assert_error(
        &desk.put("a", &[("if-none-match", "*")], "x").await,
        412,
        "PreconditionFailed",
    );
    assert_error(
        &desk.put("a", &[("if-match", "\"0\"")], "x").await,
        412,
        "PreconditionFailed",
    );
    assert_eq!(
        desk.put("a", &[("if-match", HELLO_MD5)], "x")
            .await
            .status(),
        200
    );
    assert_error(
        &desk.put("a", &[("if-match", HELLO_MD5)], "y").await,
        412,
        "PreconditionFailed",
    );
    assert_error(
        &desk.put("a", &[("if-none-match", HELLO_MD5)], "y").await,
        501,
        "NotImplemented",
    );
    assert_eq!(desk.s3.get("images", "a").await.unwrap().unwrap(), "x");
    assert_eq!(desk.told().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn conditional_reads() {
    let desk = Desk::new().await;
    desk.put("a", &[], "hello").await;
    assert_error(
        &desk.get("a", &[("if-match", "\"0\"")]).await,
        412,
        "PreconditionFailed",
    );
    assert_eq!(
        desk.get("a", &[("if-match", HELLO_MD5)]).await.status(),
        200
    );
    let same = desk.get("a", &[("if-none-match", HELLO_MD5)]).await;
    assert_eq!(
        (same.status().as_u16(), header(&same, "etag"), text(&same)),
        (304, HELLO_MD5, "")
    );
    assert_eq!(
        desk.get("a", &[("if-none-match", "\"0\"")]).await.status(),
        200
    );
    let since = [("if-modified-since", "Sat, 21 Nov 2026 10:00:00 GMT")];
    assert_eq!(desk.get("a", &since).await.status(), 304);
}

#[tokio::test(start_paused = true)]
async fn ranges() {
    let desk = Desk::new().await;
    desk.put("a", &[], "hello").await;
    let middle = desk.get("a", &[("range", "bytes=1-3")]).await;
    assert_eq!(
        (
            middle.status().as_u16(),
            text(&middle),
            header(&middle, "content-range")
        ),
        (206, "ell", "bytes 1-3/5")
    );
    let end = desk.get("a", &[("range", "bytes=-2")]).await;
    assert_eq!(
        (text(&end), header(&end, "content-range")),
        ("lo", "bytes 3-4/5")
    );
    assert_error(
        &desk.get("a", &[("range", "bytes=9-")]).await,
        416,
        "InvalidRange",
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_said_to_be() {
    let desk = Desk::new().await;
    assert_error(&desk.get("a", &[]).await, 404, "NoSuchKey");
    let head = desk.head("a").await;
    assert_eq!((head.status().as_u16(), text(&head)), (404, ""));
    assert_error(
        &desk.call(Method::GET, "/nowhere/a", &[], "").await,
        404,
        "NoSuchBucket",
    );
    assert_error(
        &desk.call(Method::PUT, "/nowhere/a", &[], "x").await,
        404,
        "NoSuchBucket",
    );
    assert_error(
        &desk
            .call(Method::GET, "/nowhere?list-type=2", &[], "")
            .await,
        404,
        "NoSuchBucket",
    );
    assert_eq!(
        desk.call(Method::DELETE, "/images/a", &[], "")
            .await
            .status(),
        204
    );
    assert_error(
        &desk
            .call(Method::GET, "/images/a?versionId=7", &[], "")
            .await,
        400,
        "InvalidArgument",
    );
    assert_error(
        &desk.call(Method::GET, "/images?policy", &[], "").await,
        501,
        "NotImplemented",
    );
    assert_error(
        &desk.put("a", &[("x-amz-tagging", "a=b")], "x").await,
        501,
        "NotImplemented",
    );
}

#[tokio::test(start_paused = true)]
async fn buckets_tell_where_they_are() {
    let desk = Desk::new().await;
    let head = desk.call(Method::HEAD, "/images", &[], "").await;
    assert_eq!(
        (head.status().as_u16(), header(&head, "x-amz-bucket-region")),
        (200, "us-east-1")
    );
    assert_eq!(
        desk.call(Method::HEAD, "/nowhere", &[], "").await.status(),
        404
    );
    let location = desk.call(Method::GET, "/images?location", &[], "").await;
    assert!(
        text(&location).contains("<LocationConstraint"),
        "{}",
        text(&location)
    );
    let versioning = desk.call(Method::GET, "/images?versioning", &[], "").await;
    assert!(
        text(&versioning).contains("<VersioningConfiguration")
            && !text(&versioning).contains("Status")
    );
    assert_eq!(desk.call(Method::PUT, "/more", &[], "").await.status(), 200);
    let all = desk.call(Method::GET, "/", &[], "").await;
    assert_eq!(elements(&all, "Name"), ["images", "more"]);
    assert_eq!(
        desk.call(Method::DELETE, "/more", &[], "").await.status(),
        204
    );
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_files_are_refused_and_lead_nowhere() {
    let desk = Desk::new().await;
    desk.put("a", &[], "x").await;
    desk.put("b/c", &[], "x").await;
    for key in ["a/b", "b", "%2E%2E/x", "x/../../../y", "x//y", "x/"] {
        assert_error(&desk.put(key, &[], "x").await, 501, "NotImplemented");
        assert_error(&desk.get(key, &[]).await, 404, "NoSuchKey");
    }
    assert_error(
        &desk.put(&"x".repeat(1025), &[], "x").await,
        400,
        "KeyTooLongError",
    );
    assert_error(
        &desk.call(Method::GET, "/.state/objects", &[], "").await,
        400,
        "InvalidBucketName",
    );
    let long = vec!["x".repeat(200); 5].join("/");
    assert_eq!(desk.put(&long, &[], "long").await.status(), 200);
    assert_eq!(text(&desk.get(&long, &[]).await), "long");
}

#[tokio::test(start_paused = true)]
async fn lists_in_pages_with_etags() {
    let desk = Desk::new().await;
    for key in ["b/2", "a", "b/1", "Z", "ü+ %", "c"] {
        desk.s3.put("images", key, "hello").await.unwrap();
    }
    fs::write(desk.folder.path().join("s3/images/by-hand"), "hello").unwrap();
    let all = desk
        .call(
            Method::GET,
            "/images?list-type=2&encoding-type=url",
            &[],
            "",
        )
        .await;
    assert_eq!(
        elements(&all, "Key"),
        ["Z", "a", "b/1", "b/2", "by-hand", "c", "%C3%BC%2B%20%25"]
    );
    let etags = elements(&all, "ETag");
    assert!(
        etags.len() == 7
            && etags
                .iter()
                .all(|etag| etag.replace("&quot;", "\"") == HELLO_MD5),
        "{etags:?}"
    );
    let first = desk
        .call(
            Method::GET,
            "/images?list-type=2&delimiter=/&max-keys=3",
            &[],
            "",
        )
        .await;
    assert_eq!(
        (elements(&first, "Key"), elements(&first, "IsTruncated")),
        (vec!["Z", "a"], vec!["true"])
    );
    assert_eq!(elements(&first, "CommonPrefixes"), ["<Prefix>b/</Prefix>"]);
    let token = elements(&first, "NextContinuationToken")[0];
    let rest = format!("/images?list-type=2&delimiter=%2F&continuation-token={token}");
    let rest = desk.call(Method::GET, &rest, &[], "").await;
    assert_eq!(
        (elements(&rest, "Key"), elements(&rest, "KeyCount")),
        (vec!["by-hand", "c", "ü+ %"], vec!["3"])
    );
    let after = desk
        .call(
            Method::GET,
            "/images?list-type=2&prefix=b/&start-after=b/1",
            &[],
            "",
        )
        .await;
    assert_eq!(elements(&after, "Key"), ["b/2"]);
    let old = desk
        .call(Method::GET, "/images?prefix=b&marker=b/1", &[], "")
        .await;
    assert_eq!(elements(&old, "Key"), ["b/2", "by-hand"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_replaced_by_hand_is_a_new_object() {
    let desk = Desk::new().await;
    desk.put(
        "a",
        &[
            ("x-amz-acl", "aws-exec-read"),
            ("content-type", "text/plain"),
        ],
        "old",
    )
    .await;
    fs::write(desk.folder.path().join("s3/images/a"), "hello").unwrap();
    let got = desk.get("a", &[]).await;
    assert_eq!((text(&got), header(&got, "etag")), ("hello", HELLO_MD5));
    assert_eq!(header(&desk.head("a").await, "etag"), HELLO_MD5);
    assert_eq!(header(&got, "content-type"), "binary/octet-stream");
    assert_eq!(
        desk.s3.acl("images", "a").await.unwrap().unwrap(),
        "private"
    );
}

#[tokio::test(start_paused = true)]
async fn acls_are_granted_and_kept_over_a_restart() {
    let desk = Desk::new().await;
    desk.put("bundle", &[("x-amz-acl", "aws-exec-read")], "x")
        .await;
    desk.put("plain", &[], "x").await;
    let acl = desk.get("bundle?acl", &[]).await;
    assert_eq!(elements(&acl, "Permission"), ["FULL_CONTROL", "READ"]);
    assert!(
        text(&acl)
            .contains("<ID>6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c</ID>")
    );
    assert!(
        text(&acl).contains("xsi:type=\"CanonicalUser\""),
        "{}",
        text(&acl)
    );
    assert_eq!(
        elements(&desk.get("plain?acl", &[]).await, "Permission"),
        ["FULL_CONTROL"]
    );
    assert_eq!(
        desk.put("plain?acl", &[("x-amz-acl", "public-read")], "")
            .await
            .status(),
        200
    );
    assert!(text(&desk.get("plain?acl", &[]).await).contains("groups/global/AllUsers"));
    assert_error(
        &desk.put("plain", &[("x-amz-acl", "ec2-read")], "x").await,
        400,
        "InvalidArgument",
    );
    assert_error(&desk.put("plain?acl", &[], "").await, 501, "NotImplemented");
    let (again, _events) = open(desk.folder.path());
    assert_eq!(
        again.acl("images", "bundle").await.unwrap().unwrap(),
        "aws-exec-read"
    );
    assert_eq!(
        again.acl("images", "plain").await.unwrap().unwrap(),
        "public-read"
    );
    assert_eq!(again.acl("images", "none").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn deletes_one_or_many() {
    let mut desk = Desk::new().await;
    for key in ["a/b/c", "d", "e"] {
        desk.put(key, &[], "x").await;
    }
    desk.told();
    assert_eq!(
        desk.call(Method::DELETE, "/images/a/b/c", &[], "")
            .await
            .status(),
        204
    );
    assert!(!desk.folder.path().join("s3/images/a").exists());
    let body = "<Delete><Object><Key>d</Key></Object><Object><Key>none</Key></Object></Delete>";
    let many = desk
        .call(Method::POST, "/images?delete", &[("content-md5", "")], body)
        .await;
    assert_eq!(elements(&many, "Key"), ["d", "none"], "{}", text(&many));
    let told = desk.told();
    let gone = |key: &str| {
        (
            "Object Deleted".to_owned(),
            key.to_owned(),
            "DeleteObject".to_owned(),
        )
    };
    assert_eq!(told, [gone("a/b/c"), gone("d")]);
    assert_error(
        &desk.call(Method::DELETE, "/images", &[], "").await,
        409,
        "BucketNotEmpty",
    );
}

#[tokio::test(start_paused = true)]
async fn copies() {
    let mut desk = Desk::new().await;
    desk.put(
        "a%20b",
        &[("x-amz-acl", "public-read"), ("content-type", "text/yaml")],
        "hello",
    )
    .await;
    let copied = desk
        .put("c", &[("x-amz-copy-source", "images/a%20b")], "")
        .await;
    assert_eq!(
        elements(&copied, "ETag")[0].replace("&quot;", "\""),
        HELLO_MD5,
        "{}",
        text(&copied)
    );
    assert_eq!(header(&desk.head("c").await, "content-type"), "text/yaml");
    assert_eq!(
        desk.s3.acl("images", "c").await.unwrap().unwrap(),
        "private"
    );
    assert_error(
        &desk
            .put("d", &[("x-amz-copy-source", "/images/none")], "")
            .await,
        404,
        "NoSuchKey",
    );
    assert_eq!(
        desk.told(),
        [created("a b", "PutObject"), created("c", "CopyObject")]
    );
}

#[tokio::test(start_paused = true)]
async fn uploads_in_parts() {
    let mut desk = Desk::new().await;
    let begun = desk
        .call(
            Method::POST,
            "/images/disk.raw?uploads",
            &[("x-amz-acl", "aws-exec-read")],
            "",
        )
        .await;
    let id = elements(&begun, "UploadId")[0];
    let big = "x".repeat(5 * 1024 * 1024);
    let mut parts = String::new();
    for (number, body) in [(1, big.as_str()), (2, "end")] {
        let part = desk
            .put(
                &format!("disk.raw?partNumber={number}&uploadId={id}"),
                &[],
                body,
            )
            .await;
        let etag = header(&part, "etag");
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let listed = desk.get(&format!("disk.raw?uploadId={id}"), &[]).await;
    assert_eq!(elements(&listed, "PartNumber"), ["1", "2"]);
    assert!(desk.told().is_empty());
    let (target, body) = (
        format!("/images/disk.raw?uploadId={id}"),
        format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"),
    );
    desk.put("disk.raw", &[], "there").await;
    let refused = desk
        .call(Method::POST, &target, &[("if-none-match", "*")], &body)
        .await;
    assert_error(&refused, 412, "PreconditionFailed");
    let done = desk.call(Method::POST, &target, &[], &body).await;
    assert!(elements(&done, "ETag")[0].contains("-2"), "{}", text(&done));
    assert_eq!(
        header(&desk.head("disk.raw").await, "content-length"),
        (big.len() + 3).to_string()
    );
    assert_eq!(
        desk.s3.acl("images", "disk.raw").await.unwrap().unwrap(),
        "aws-exec-read"
    );
    assert_eq!(
        desk.told(),
        [
            created("disk.raw", "PutObject"),
            created("disk.raw", "CompleteMultipartUpload")
        ]
    );
    assert_error(
        &desk.call(Method::POST, &target, &[], &body).await,
        404,
        "NoSuchUpload",
    );
}

#[tokio::test(start_paused = true)]
async fn bodies_as_boto3_and_the_rust_sdk_send_them() {
    let desk = Desk::new().await;
    let signed = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIA/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=ab",
    );
    // boto3 over HTTP, and over HTTPS; the Rust SDK sends the latter shape with `?x-id=PutObject`.
    for (sha256, coded) in [
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature:ef\r\n\r\n",
        ),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
        ),
    ] {
        let headers = [
            signed,
            ("x-amz-date", "20261121T100000Z"),
            ("x-amz-content-sha256", sha256),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ];
        let put = desk.put("a?x-id=PutObject", &headers, coded).await;
        assert_eq!(
            (put.status().as_u16(), header(&put, "x-amz-checksum-crc32")),
            (200, "NhCmhg=="),
            "{}",
            text(&put)
        );
        let got = desk
            .get("a", &[signed, ("x-amz-checksum-mode", "ENABLED")])
            .await;
        assert_eq!(
            (text(&got), header(&got, "content-encoding")),
            ("hello", "")
        );
        assert_eq!(header(&got, "x-amz-checksum-crc32"), "NhCmhg==");
        assert_error(
            &desk
                .put("a", &headers, &coded.replace("hello", "hallo"))
                .await,
            400,
            "BadDigest",
        );
        assert_error(
            &desk.put("a", &headers, &coded[..9]).await,
            400,
            "IncompleteBody",
        );
        assert_eq!(text(&desk.get("a", &[]).await), "hello");
    }
    let of_another = [signed, ("x-amz-content-sha256", &*"0".repeat(64))];
    assert_error(
        &desk.put("a", &of_another, "x").await,
        400,
        "InvalidRequest",
    );
    let url = "/images/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=20200101T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=ab";
    assert_eq!(text(&desk.call(Method::GET, url, &[], "").await), "hello");
    let virtual_hosted = [("host", "images.s3.us-east-1.amazonaws.com")];
    assert_eq!(
        text(&desk.call(Method::GET, "/a", &virtual_hosted, "").await),
        "hello"
    );
}
