//! Putting, reading and conditions.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_put_is_a_file_and_comes_back() {
    let mut fixture = Fixture::new().await;
    let put = fixture
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
    let file = fixture
        .folder
        .path()
        .join("s3/images/golden/web.image.yaml");
    assert_eq!(fs::read_to_string(file).unwrap(), "hello");
    let got = fixture.get("golden/web.image.yaml", &[]).await;
    assert_eq!((text(&got), header(&got, "etag")), ("hello", HELLO_MD5));
    assert_eq!(
        (
            header(&got, "content-type"),
            header(&got, "x-amz-meta-team")
        ),
        ("text/yaml", "web")
    );
    let head = fixture.head("golden/web.image.yaml").await;
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
    assert_eq!(
        fixture.announced(),
        [created("golden/web.image.yaml", "PutObject")]
    );
}

#[tokio::test(start_paused = true)]
async fn events_have_s3s_shape_and_go_only_where_they_should() {
    let mut fixture = Fixture::new().await;
    fixture.s3.create_bucket("silent", false).await.unwrap();
    fixture.s3.put("silent", "a", "x").await.unwrap();
    let put = fixture.put("a%20b%2Bc", &[], "hello").await;
    fixture.s3.put("images", "a b+c", "hello").await.unwrap();
    let event = fixture.events.try_recv().unwrap();
    assert_eq!(event.resources, ["arn:aws:s3:::images"]);
    assert_eq!(
        (event.source.as_str(), event.region.as_str()),
        ("aws.s3", "us-east-1")
    );
    let sequencer = event.detail["object"]["sequencer"].as_str().unwrap();
    assert_eq!(
        event.detail,
        json!({
            "version": "0", "event-version": "1.0",
            "bucket": {"name": "images"},
            "object": {"key": "a b+c", "size": 5, "etag": "5d41402abc4b2a76b9719d911017c592", "sequencer": sequencer},
            "request-id": header(&put, "x-amz-request-id"),
            "requester": "000000000000",
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        })
    );
    let next = fixture.events.try_recv().unwrap();
    assert!(next.detail["object"]["sequencer"].as_str().unwrap() > sequencer);
    assert!(fixture.events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn conditional_writes() {
    let mut fixture = Fixture::new().await;
    assert_error(
        &fixture.put("a", &[("if-match", HELLO_MD5)], "x").await,
        404,
        "NoSuchKey",
    );
    assert_eq!(
        fixture
            .put("a", &[("if-none-match", "*")], "hello")
            .await
            .status(),
        200
    );
    assert_error(
        &fixture.put("a", &[("if-none-match", "*")], "x").await,
        412,
        "PreconditionFailed",
    );
    assert_error(
        &fixture.put("a", &[("if-match", "\"0\"")], "x").await,
        412,
        "PreconditionFailed",
    );
    assert_eq!(
        fixture
            .put("a", &[("if-match", HELLO_MD5)], "x")
            .await
            .status(),
        200
    );
    assert_error(
        &fixture.put("a", &[("if-match", HELLO_MD5)], "y").await,
        412,
        "PreconditionFailed",
    );
    assert_error(
        &fixture.put("a", &[("if-none-match", HELLO_MD5)], "y").await,
        501,
        "NotImplemented",
    );
    assert_eq!(fixture.s3.get("images", "a").await.unwrap().unwrap(), "x");
    assert_eq!(fixture.announced().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn conditional_reads() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    assert_error(
        &fixture.get("a", &[("if-match", "\"0\"")]).await,
        412,
        "PreconditionFailed",
    );
    assert_eq!(
        fixture.get("a", &[("if-match", HELLO_MD5)]).await.status(),
        200
    );
    let same = fixture.get("a", &[("if-none-match", HELLO_MD5)]).await;
    assert_eq!(
        (same.status().as_u16(), header(&same, "etag"), text(&same)),
        (304, HELLO_MD5, "")
    );
    assert_eq!(
        fixture
            .get("a", &[("if-none-match", "\"0\"")])
            .await
            .status(),
        200
    );
    let since = [("if-modified-since", "Sat, 21 Nov 2026 10:00:00 GMT")];
    assert_eq!(fixture.get("a", &since).await.status(), 304);
}

#[tokio::test(start_paused = true)]
async fn ranges() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    let middle = fixture.get("a", &[("range", "bytes=1-3")]).await;
    assert_eq!(
        (
            middle.status().as_u16(),
            text(&middle),
            header(&middle, "content-range")
        ),
        (206, "ell", "bytes 1-3/5")
    );
    let end = fixture.get("a", &[("range", "bytes=-2")]).await;
    assert_eq!(
        (text(&end), header(&end, "content-range")),
        ("lo", "bytes 3-4/5")
    );
    for nowhere in ["bytes=9-", "bytes=5-", "bytes=-0", "bytes=9-12"] {
        let refused = fixture.get("a", &[("range", nowhere)]).await;
        assert_error(&refused, 416, "InvalidRange");
    }
    fixture.put("empty", &[], "").await;
    let refused = fixture.get("empty", &[("range", "bytes=-1")]).await;
    assert_error(&refused, 416, "InvalidRange");
    // What is not one range of bytes is ignored.
    for other in [
        "lines=1-3",
        "bytes=3-1",
        "bytes=0-0,2-3",
        "bytes",
        "bytes=a-b",
    ] {
        let whole = fixture.get("a", &[("range", other)]).await;
        assert_eq!(
            (whole.status().as_u16(), text(&whole)),
            (200, "hello"),
            "{other}"
        );
    }
    let head = [("range", "bytes=1-3")];
    let head = fixture.call(Method::HEAD, "/images/a", &head, "").await;
    assert_eq!(
        (
            head.status().as_u16(),
            header(&head, "content-range"),
            header(&head, "content-length")
        ),
        (206, "bytes 1-3/5", "3")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_said_to_be() {
    let fixture = Fixture::new().await;
    assert_error(&fixture.get("a", &[]).await, 404, "NoSuchKey");
    let head = fixture.head("a").await;
    assert_eq!((head.status().as_u16(), text(&head)), (404, ""));
    assert_error(
        &fixture.call(Method::GET, "/nowhere/a", &[], "").await,
        404,
        "NoSuchBucket",
    );
    assert_error(
        &fixture.call(Method::PUT, "/nowhere/a", &[], "x").await,
        404,
        "NoSuchBucket",
    );
    assert_error(
        &fixture
            .call(Method::GET, "/nowhere?list-type=2", &[], "")
            .await,
        404,
        "NoSuchBucket",
    );
    assert_eq!(
        fixture
            .call(Method::DELETE, "/images/a", &[], "")
            .await
            .status(),
        204
    );
    assert_error(
        &fixture
            .call(Method::GET, "/images/a?versionId=7", &[], "")
            .await,
        400,
        "InvalidArgument",
    );
    assert_error(
        &fixture.call(Method::GET, "/images?policy", &[], "").await,
        501,
        "NotImplemented",
    );
    assert_error(
        &fixture
            .put("a", &[("x-amz-website-redirect-location", "/b")], "x")
            .await,
        501,
        "NotImplemented",
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_replaced_outside_localaws_is_a_new_object() {
    let fixture = Fixture::new().await;
    fixture
        .put(
            "a",
            &[
                ("x-amz-acl", "aws-exec-read"),
                ("content-type", "text/plain"),
            ],
            "old",
        )
        .await;
    fs::write(fixture.folder.path().join("s3/images/a"), "hello").unwrap();
    let got = fixture.get("a", &[]).await;
    assert_eq!((text(&got), header(&got, "etag")), ("hello", HELLO_MD5));
    assert_eq!(header(&fixture.head("a").await, "etag"), HELLO_MD5);
    assert_eq!(header(&got, "content-type"), "binary/octet-stream");
    assert_eq!(
        fixture.s3.acl("images", "a").await.unwrap().unwrap(),
        "private"
    );
}
