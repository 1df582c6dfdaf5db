//! Copies, forms, parts, and bodies as SDKs send them.

use super::*;

#[tokio::test(start_paused = true)]
async fn copies() {
    let mut fixture = Fixture::new().await;
    fixture
        .put(
            "a%20b",
            &[("x-amz-acl", "public-read"), ("content-type", "text/yaml")],
            "hello",
        )
        .await;
    let copied = fixture
        .put("c", &[("x-amz-copy-source", "images/a%20b")], "")
        .await;
    assert_eq!(
        elements(&copied, "ETag")[0].replace("&quot;", "\""),
        HELLO_MD5,
        "{}",
        text(&copied)
    );
    assert_eq!(
        header(&fixture.head("c").await, "content-type"),
        "text/yaml"
    );
    assert_eq!(
        fixture.s3.acl("images", "c").await.unwrap().unwrap(),
        "private"
    );
    assert_error(
        &fixture
            .put("d", &[("x-amz-copy-source", "/images/none")], "")
            .await,
        404,
        "NoSuchKey",
    );
    assert_eq!(
        fixture.announced(),
        [created("a b", "PutObject"), created("c", "CopyObject")]
    );
}

#[tokio::test(start_paused = true)]
async fn browser_forms_put_objects() {
    let mut fixture = Fixture::new().await;
    let part = |name: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nhello\r\n--B--\r\n";
    let policy = |prefix: &str, most: u32| {
        let policy = serde_json::json!({
            "expiration": "2999-01-01T00:00:00Z",
            "conditions": [{"bucket": "images"}, {"acl": "aws-exec-read"}, ["starts-with", "$key", prefix],
                           ["content-length-range", 1, most]],
        });
        base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            policy.to_string(),
        )
    };
    let signed = |policy: &str, more: &str| {
        part("key", "from/form")
            + &part("acl", "aws-exec-read")
            + &part("policy", policy)
            + more
            + &part("x-amz-signature", "ab")
            + file
    };
    let form = signed(&policy("from/", 5), "");
    let kind = [("content-type", "multipart/form-data; boundary=B")];
    let posted = fixture.call(Method::POST, "/images", &kind, &form).await;
    assert_eq!(posted.status(), StatusCode::NO_CONTENT, "{}", text(&posted));
    assert_eq!(text(&fixture.get("from/form", &[]).await), "hello");
    assert_eq!(
        fixture
            .s3
            .acl("images", "from/form")
            .await
            .unwrap()
            .unwrap(),
        "aws-exec-read"
    );
    assert_eq!(fixture.announced(), [created("from/form", "POST Object")]);
    let refused = async |form: &str| fixture.call(Method::POST, "/images", &kind, form).await;
    let elsewhere = refused(&signed(&policy("to/", 5), "")).await;
    assert_error(&elsewhere, 400, "InvalidPolicyDocument");
    let long = refused(&signed(&policy("from/", 4), "")).await;
    assert_error(&long, 400, "EntityTooLarge");
    let unnamed = refused(&signed(&policy("from/", 5), &part("x-amz-meta-a", "b"))).await;
    assert_error(&unnamed, 403, "AccessDenied");
    let unknown = refused(&signed(&policy("from/", 5), &part("tagging", "b"))).await;
    assert_error(&unknown, 501, "NotImplemented");
    let nobody = refused(&(part("key", "from/form") + file)).await;
    assert_error(&nobody, 403, "AccessDenied");
    assert_eq!(fixture.announced(), []);
}

#[tokio::test(start_paused = true)]
async fn parts_can_be_copied() {
    let mut fixture = Fixture::new().await;
    let begun = fixture
        .call(Method::POST, "/images/end?uploads", &[], "")
        .await;
    let id = elements(&begun, "UploadId")[0];
    fixture.s3.put("images", "source", "the end").await.unwrap();
    let from = [
        ("x-amz-copy-source", "images/source"),
        ("x-amz-copy-source-range", "bytes=4-6"),
    ];
    let copied = fixture
        .put(&format!("end?partNumber=1&uploadId={id}"), &from, "")
        .await;
    assert!(
        text(&copied).contains("7f021a1415b86f2d013b2618fb31ae53"),
        "{}",
        text(&copied)
    );
    assert_eq!(fixture.announced(), [created("source", "PutObject")]);
    let target = format!("/images/end?uploadId={id}");
    assert_eq!(
        fixture
            .call(Method::DELETE, &target, &[], "")
            .await
            .status(),
        204
    );
    assert_error(
        &fixture.get(&format!("end?uploadId={id}"), &[]).await,
        404,
        "NoSuchUpload",
    );
}

#[tokio::test(start_paused = true)]
async fn uploads_in_parts() {
    let mut fixture = Fixture::new().await;
    let begun = fixture
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
        let part = fixture
            .put(
                &format!("disk.raw?partNumber={number}&uploadId={id}"),
                &[],
                body,
            )
            .await;
        let etag = header(&part, "etag");
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let listed = fixture.get(&format!("disk.raw?uploadId={id}"), &[]).await;
    assert_eq!(elements(&listed, "PartNumber"), ["1", "2"]);
    assert!(fixture.announced().is_empty());
    let (target, body) = (
        format!("/images/disk.raw?uploadId={id}"),
        format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"),
    );
    fixture.put("disk.raw", &[], "there").await;
    let refused = fixture
        .call(Method::POST, &target, &[("if-none-match", "*")], &body)
        .await;
    assert_error(&refused, 412, "PreconditionFailed");
    let done = fixture.call(Method::POST, &target, &[], &body).await;
    assert!(elements(&done, "ETag")[0].contains("-2"), "{}", text(&done));
    assert_eq!(
        header(&fixture.head("disk.raw").await, "content-length"),
        (big.len() + 3).to_string()
    );
    assert_eq!(
        fixture.s3.acl("images", "disk.raw").await.unwrap().unwrap(),
        "aws-exec-read"
    );
    assert_eq!(
        fixture.announced(),
        [
            created("disk.raw", "PutObject"),
            created("disk.raw", "CompleteMultipartUpload")
        ]
    );
    // The answer may have been lost: the same request again has the same answer, and changes nothing.
    let again = fixture.call(Method::POST, &target, &[], &body).await;
    assert_eq!(again.status(), 200);
    assert_eq!(elements(&again, "ETag"), elements(&done, "ETag"));
    assert_eq!(fixture.announced(), []);
    let other = body.replace("<PartNumber>1<", "<PartNumber>3<");
    assert_ne!(other, body);
    let other = fixture.call(Method::POST, &target, &[], &other).await;
    assert_error(&other, 404, "NoSuchUpload");
    fixture.put("disk.raw", &[], "another").await;
    let late = fixture.call(Method::POST, &target, &[], &body).await;
    assert_error(&late, 404, "NoSuchUpload");
}

#[tokio::test(start_paused = true)]
async fn bodies_as_boto3_and_the_rust_sdk_send_them() {
    let fixture = Fixture::new().await;
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
        let put = fixture.put("a?x-id=PutObject", &headers, coded).await;
        assert_eq!(
            (put.status().as_u16(), header(&put, "x-amz-checksum-crc32")),
            (200, "NhCmhg=="),
            "{}",
            text(&put)
        );
        let got = fixture
            .get("a", &[signed, ("x-amz-checksum-mode", "ENABLED")])
            .await;
        assert_eq!(
            (text(&got), header(&got, "content-encoding")),
            ("hello", "")
        );
        assert_eq!(header(&got, "x-amz-checksum-crc32"), "NhCmhg==");
        assert_error(
            &fixture
                .put("a", &headers, &coded.replace("hello", "hallo"))
                .await,
            400,
            "BadDigest",
        );
        assert_error(
            &fixture.put("a", &headers, &coded[..9]).await,
            400,
            "IncompleteBody",
        );
        assert_eq!(text(&fixture.get("a", &[]).await), "hello");
    }
    let of_another = [signed, ("x-amz-content-sha256", &*"0".repeat(64))];
    assert_error(
        &fixture.put("a", &of_another, "x").await,
        400,
        "InvalidRequest",
    );
    let url = "/images/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=20200101T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=ab";
    assert_eq!(
        text(&fixture.call(Method::GET, url, &[], "").await),
        "hello"
    );
    let virtual_hosted = [("host", "images.s3.us-east-1.amazonaws.com")];
    assert_eq!(
        text(&fixture.call(Method::GET, "/a", &virtual_hosted, "").await),
        "hello"
    );
}

#[tokio::test(start_paused = true)]
async fn parts_and_their_whole_have_checksums() {
    let fixture = Fixture::new().await;
    let with_sha256 = [("x-amz-checksum-algorithm", "SHA256")];
    let begun = fixture
        .call(Method::POST, "/images/disk?uploads", &with_sha256, "")
        .await;
    assert_eq!(header(&begun, "x-amz-checksum-type"), "COMPOSITE");
    let id = elements(&begun, "UploadId")[0];
    let target = format!("disk?partNumber=1&uploadId={id}");
    assert_error(
        &fixture.put(&target, &[], "end").await,
        400,
        "InvalidRequest",
    );
    let sum = sha256(b"end");
    let part = fixture
        .put(&target, &[("x-amz-checksum-sha256", &sum)], "end")
        .await;
    let listed = fixture.get(&format!("disk?uploadId={id}"), &[]).await;
    assert_eq!(elements(&listed, "ChecksumSHA256"), [sum.as_str()]);
    assert_eq!(elements(&listed, "ChecksumAlgorithm"), ["SHA256"]);

    let complete = |checksum: &str| {
        let etag = header(&part, "etag");
        format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag>{checksum}</Part></CompleteMultipartUpload>"
        )
    };
    let target = format!("/images/disk?uploadId={id}");
    let silent = fixture
        .call(Method::POST, &target, &[], &complete(""))
        .await;
    assert_error(&silent, 400, "InvalidRequest");
    let wrong = complete("<ChecksumSHA256>AAAA</ChecksumSHA256>");
    let wrong = fixture.call(Method::POST, &target, &[], &wrong).await;
    assert_error(&wrong, 400, "InvalidPart");
    let right = complete(&format!("<ChecksumSHA256>{sum}</ChecksumSHA256>"));
    let other = format!("{}-1", sha256(b"other"));
    for (claim, code) in [("AAAA-1", "InvalidRequest"), (&other, "BadDigest")] {
        let claim = [("x-amz-checksum-sha256", claim)];
        let claimed = fixture.call(Method::POST, &target, &claim, &right).await;
        assert_error(&claimed, 400, code);
    }
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(&sum);
    let composite = format!("{}-1", sha256(&bytes.unwrap()));
    let wrong_size = [("x-amz-mp-object-size", "4")];
    let refused = fixture
        .call(Method::POST, &target, &wrong_size, &right)
        .await;
    assert_error(&refused, 400, "InvalidRequest");
    let claim = [
        ("x-amz-checksum-sha256", composite.as_str()),
        ("x-amz-mp-object-size", "3"),
    ];
    let done = fixture.call(Method::POST, &target, &claim, &right).await;
    assert_eq!(done.status(), 200, "{}", text(&done));
    let mode = [("x-amz-checksum-mode", "ENABLED")];
    let got = fixture.call(Method::HEAD, "/images/disk", &mode, "").await;
    assert_eq!(header(&got, "x-amz-checksum-sha256"), composite);
    assert_eq!(header(&got, "x-amz-checksum-type"), "COMPOSITE");
    // A copy is of one piece.
    fixture
        .put("copy", &[("x-amz-copy-source", "images/disk")], "")
        .await;
    let got = fixture.call(Method::HEAD, "/images/copy", &mode, "").await;
    assert_eq!(header(&got, "x-amz-checksum-sha256"), sum);
}

#[tokio::test(start_paused = true)]
async fn uploads_under_way_are_listed_in_pages() {
    let fixture = Fixture::new().await;
    for key in ["b", "a", "c/d"] {
        fixture
            .call(Method::POST, &format!("/images/{key}?uploads"), &[], "")
            .await;
    }
    let list = async |more: &str| {
        fixture
            .call(Method::GET, &format!("/images?uploads{more}"), &[], "")
            .await
    };
    let all = list("").await;
    assert_eq!(elements(&all, "Key"), ["a", "b", "c/d"], "{}", text(&all));
    assert_eq!(elements(&all, "Initiated")[0], "2026-11-21T10:00:00.000Z");
    let first = list("&max-uploads=2").await;
    assert_eq!(elements(&first, "IsTruncated"), ["true"]);
    let (key, id) = (
        elements(&first, "NextKeyMarker")[0],
        elements(&first, "NextUploadIdMarker")[0],
    );
    let second = list(&format!("&key-marker={key}&upload-id-marker={id}")).await;
    assert_eq!(elements(&second, "Key"), ["c/d"]);
    assert_eq!(elements(&list("&prefix=c/").await, "Key"), ["c/d"]);
    let target = format!("/images/b?uploadId={id}");
    let done = fixture.call(Method::DELETE, &target, &[], "").await;
    assert_eq!(done.status(), 204);
    assert_eq!(elements(&list("").await, "Key"), ["a", "c/d"]);
}
