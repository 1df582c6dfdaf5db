//! Requests that no SDK sends: nothing in them is ignored, and errors say what S3's say.

use super::*;

#[tokio::test(start_paused = true)]
async fn headers_that_say_nothing_are_refused() {
    let fixture = Fixture::new().await;
    for (headers, status, code) in [
        (&[("if-match", "")][..], 501, "NotImplemented"),
        (&[("expires", "tomorrow")], 501, "NotImplemented"),
        (
            &[("x-amz-trailer", "x-amz-checksum-crc32")],
            501,
            "NotImplemented",
        ),
        (
            &[("x-amz-decoded-content-length", "77")],
            501,
            "NotImplemented",
        ),
        (&[("x-amz-content-sha256", "00")], 400, "InvalidArgument"),
        (&[("x-amz-checksum-crc32", "AAAA")], 400, "InvalidRequest"),
        (
            &[("x-amz-checksum-sha256", "not base64!")],
            400,
            "InvalidRequest",
        ),
        (
            &[
                ("x-amz-checksum-crc32", "NhCmhg=="),
                ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
            ],
            400,
            "InvalidRequest",
        ),
    ] {
        let refused = fixture.put("a", headers, "hello").await;
        assert_error(&refused, status, code);
        assert_eq!(fixture.head("a").await.status(), 404, "{headers:?}");
    }
    fixture.put("a", &[], "hello").await;
    let mode = fixture.get("a", &[("x-amz-checksum-mode", "YES")]).await;
    assert_error(&mode, 501, "NotImplemented");
}

#[tokio::test(start_paused = true)]
async fn queries_that_say_nothing_are_refused() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    for (target, status, code) in [
        ("?list-type=3", 501, "NotImplemented"),
        ("?encoding-type=foo", 400, "InvalidArgument"),
        ("?list-type=2&continuation-token=", 400, "InvalidArgument"),
        ("?prefix=%FF", 400, "InvalidURI"),
        ("?uploads&max-uploads=-1", 400, "InvalidArgument"),
        ("?max-keys=99999999999", 400, "InvalidArgument"),
        ("?policy", 501, "NotImplemented"),
    ] {
        assert_error(&fixture.get(target, &[]).await, status, code);
    }
    let wanted = [
        ("x-amz-object-attributes", "ETag"),
        ("x-amz-max-parts", "-1"),
    ];
    let refused = fixture.get("a?attributes", &wanted).await;
    assert_error(&refused, 400, "InvalidArgument");
    // A part without its upload is not an object.
    let part = fixture.put("a?partNumber=1", &[], "part").await;
    assert_error(&part, 501, "NotImplemented");
    assert_eq!(text(&fixture.get("a", &[]).await), "hello");
}

#[tokio::test(start_paused = true)]
async fn operations_that_are_not_built_are_named() {
    let fixture = Fixture::new().await;
    let subresources = [
        "policy",
        "tagging",
        "lifecycle",
        "cors",
        "logging",
        "abac",
        "session",
        "acl",
        "metadataTable",
        "policyStatus",
    ];
    for subresource in subresources {
        for method in [Method::PUT, Method::DELETE, Method::GET] {
            if method != Method::PUT && subresource == "acl" {
                continue;
            }
            for bucket in ["images", "made-by-nobody"] {
                let target = format!("/{bucket}?{subresource}");
                let answer = fixture.call(method.clone(), &target, &[], "").await;
                let about = format!("{method} {target}: {}", text(&answer));
                assert_eq!(answer.status(), 501, "{about}");
                let named = format!("localaws has not built S3 {method} ?{subresource};");
                assert!(text(&answer).contains(&named), "{about}");
            }
        }
    }
    // Neither made nor deleted.
    assert_eq!(
        fixture
            .call(Method::HEAD, "/images", &[], "")
            .await
            .status(),
        200
    );
    let nobodys = fixture.call(Method::HEAD, "/made-by-nobody", &[], "").await;
    assert_eq!(nobodys.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn documents_without_what_they_need_are_refused() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    let valueless = "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>";
    let refused = fixture.put("a?tagging", &[], valueless).await;
    assert_error(&refused, 400, "MalformedXML");
    let nameless = "<Delete><Object><Key></Key></Object></Delete>";
    let sum = sha256(nameless.as_bytes());
    let claim = [("x-amz-checksum-sha256", sum.as_str())];
    let answer = fixture
        .call(Method::POST, "/images?delete", &claim, nameless)
        .await;
    assert_eq!(elements(&answer, "Code"), ["NotImplemented"]);
}

#[tokio::test(start_paused = true)]
async fn errors_say_what_they_are_of() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    for (target, headers, elements_and_values) in [
        (
            "a",
            &[("range", "bytes=9-20")][..],
            &[("RangeRequested", "bytes=9-20"), ("ActualObjectSize", "5")][..],
        ),
        ("a", &[("if-match", "\"00\"")], &[("Condition", "If-Match")]),
        ("a?uploadId=00", &[], &[("UploadId", "00")]),
        (
            "?max-keys=x",
            &[],
            &[
                ("ArgumentName", "max-keys"),
                ("ArgumentValue", "x"),
                (
                    "Message",
                    "Provided max-keys not an integer or within integer range",
                ),
            ],
        ),
    ] {
        let answer = fixture.get(target, headers).await;
        for (name, value) in elements_and_values {
            assert_eq!(elements(&answer, name), [*value], "{}", text(&answer));
        }
        assert_eq!(header(&answer, "localaws-error-detail"), "");
    }
    let copied = [
        ("x-amz-copy-source", "images/a"),
        ("x-amz-copy-source-if-none-match", HELLO_MD5),
    ];
    let refused = fixture.put("b", &copied, "").await;
    assert_eq!(
        elements(&refused, "Condition"),
        ["x-amz-copy-source-If-None-Match"]
    );
    let lost = fixture.call(Method::GET, "/nowhere/a", &[], "").await;
    assert_eq!(
        elements(&lost, "Message"),
        ["The specified bucket does not exist"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_range_that_ends_before_it_begins_is_no_range() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    let whole = fixture.get("a", &[("range", "bytes=3-1")]).await;
    assert_eq!((whole.status().as_u16(), text(&whole)), (200, "hello"));
}

#[tokio::test(start_paused = true)]
async fn an_object_is_copied_onto_itself_with_another_storage_class_or_encryption() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    let onto_itself = ("x-amz-copy-source", "images/a");
    let refused = fixture.put("a", &[onto_itself], "").await;
    assert_error(&refused, 400, "InvalidRequest");
    for change in [
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-server-side-encryption", "AES256"),
    ] {
        let copied = fixture.put("a", &[onto_itself, change], "").await;
        assert_eq!(copied.status(), 200, "{}", text(&copied));
    }
}

#[tokio::test(start_paused = true)]
async fn listings_name_algorithms_of_checksums() {
    let fixture = Fixture::new().await;
    let checksum = [("x-amz-checksum-crc32", "NhCmhg==")];
    fixture.put("a", &checksum, "hello").await;
    fixture.put("b", &[], "hello").await;
    for target in ["?list-type=2", "?versions"] {
        let listed = fixture.get(target, &[]).await;
        assert_eq!(elements(&listed, "ChecksumAlgorithm"), ["CRC32"]);
        assert_eq!(elements(&listed, "ChecksumType"), ["FULL_OBJECT"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_signed_for_no_region_is_told_the_right_one() {
    let fixture = Fixture::new().await;
    for (header, code) in [
        (
            Some(("authorization", "AWS4-HMAC-SHA256 …")),
            "AuthorizationHeaderMalformed",
        ),
        (None, "AuthorizationQueryParametersError"),
    ] {
        let mut request = http::Request::put("http://127.0.0.1:4566/images/a")
            .extension(crate::s3::RequestRegion("US".to_owned()));
        if let Some((name, value)) = header {
            request = request.header(name, value.as_bytes());
        }
        let request = request.body(Bytes::from("hello")).unwrap();
        let refused = fixture.s3.handle(request).await;
        assert_error(&refused, 400, code);
        assert_eq!(elements(&refused, "Region"), ["us-east-1"]);
        let message = elements(&refused, "Message")[0].replace("&apos;", "'");
        assert!(
            message.ends_with("the region 'US' is wrong; expecting 'us-east-1'"),
            "{message}"
        );
        assert_eq!(fixture.head("a").await.status(), 404);
    }
}

/// XML 1.0 has no such characters; S3 writes them as references all the same.
#[tokio::test(start_paused = true)]
async fn keys_that_xml_cannot_hold_are_references() {
    let fixture = Fixture::new().await;
    fixture.put("%01%08", &[], "hello").await;
    for target in ["?list-type=2", "", "?versions"] {
        let listed = fixture.get(target, &[]).await;
        assert_eq!(elements(&listed, "Key"), ["&#x1;&#x8;"], "{target}");
    }
    let encoded = fixture.get("?list-type=2&encoding-type=url", &[]).await;
    assert_eq!(elements(&encoded, "Key"), ["%01%08"]);
    let missing = fixture.get("%02", &[]).await;
    assert_error(&missing, 404, "NoSuchKey");
    let written = fixture.get("%01%08", &[]).await;
    assert_eq!(text(&written), "hello");
}
