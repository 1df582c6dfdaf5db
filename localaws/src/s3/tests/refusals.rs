//! What is refused, and how it is said.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_not_acted_on_is_refused_by_name() {
    let fixture = Fixture::new().await;
    for (method, target, header) in [
        (Method::PUT, "a", "x-amz-checksum-md5"),
        (
            Method::PUT,
            "a",
            "x-amz-server-side-encryption-aws-kms-key-id",
        ),
        (Method::PUT, "a", "x-amz-website-redirect-location"),
        (Method::PUT, "a", "x-amz-something-new"),
        (Method::PUT, "a", "if-modified-since"),
        (Method::GET, "a?partNumber=1", ""),
        (Method::GET, "a?nonsense=1", ""),
        (Method::GET, "?list-type=2&metadata=1", ""),
    ] {
        let headers = [(header, "x")];
        let headers = if header.is_empty() { &[] } else { &headers[..] };
        let answer = fixture
            .call(method, &format!("/images/{target}"), headers, "x")
            .await;
        assert_error(&answer, 501, "NotImplemented");
        let name = target.rsplit(['?', '&']).next().unwrap().split('=').next();
        let named = if header.is_empty() {
            name.unwrap()
        } else {
            header
        };
        assert!(text(&answer).contains(named), "{named}: {}", text(&answer));
    }
    let kms = [("x-amz-server-side-encryption", "aws:kms")];
    assert_error(&fixture.put("a", &kms, "x").await, 501, "NotImplemented");
    let own = [("x-amz-server-side-encryption", "AES256")];
    let put = fixture.put("a", &own, "x").await;
    assert_eq!(header(&put, "x-amz-server-side-encryption"), "AES256");
}

#[tokio::test(start_paused = true)]
async fn what_a_signed_url_says_in_its_query_counts_as_headers() {
    let fixture = Fixture::new().await;
    let put = fixture
        .put(
            "a?x-amz-acl=aws-exec-read&x-amz-meta-by=ann&X-Amz-Signature=00",
            &[],
            "x",
        )
        .await;
    assert_eq!(put.status(), 200, "{}", text(&put));
    assert_eq!(
        fixture.s3.acl("images", "a").await.unwrap().unwrap(),
        "aws-exec-read"
    );
    assert_eq!(header(&fixture.head("a").await, "x-amz-meta-by"), "ann");
    let tagged = fixture.put("a?x-amz-tagging=a%3Db", &[], "x").await;
    assert_eq!(tagged.status(), 200, "{}", text(&tagged));
    let tags = fixture.get("a?tagging", &[]).await;
    assert_eq!(elements(&tags, "Key"), ["a"]);
    let acl = fixture.put("a?x-amz-grant-read=x", &[], "x").await;
    assert_error(&acl, 501, "NotImplemented");
}

#[tokio::test(start_paused = true)]
async fn metadata_have_two_kibibytes() {
    let fixture = Fixture::new().await;
    let (most, more) = ("x".repeat(2048 - 3), "x".repeat(2048 - 2));
    let put = fixture
        .put("a", &[("x-amz-meta-a", "1"), ("x-amz-meta-b", &most)], "x")
        .await;
    assert_eq!(put.status(), 200, "{}", text(&put));
    let refused = fixture
        .put("a", &[("x-amz-meta-a", "1"), ("x-amz-meta-b", &more)], "x")
        .await;
    assert_error(&refused, 400, "MetadataTooLarge");
}

#[tokio::test(start_paused = true)]
async fn errors_say_what_they_are_about() {
    let fixture = Fixture::new().await;
    for (target, name, value) in [
        ("/images/a%26b", "Key", "a&amp;b"),
        ("/nowhere/a", "BucketName", "nowhere"),
        ("/images/a?uploadId=00", "Resource", "/images/a"),
    ] {
        let answer = fixture.call(Method::GET, target, &[], "").await;
        assert_eq!(elements(&answer, name), [value], "{}", text(&answer));
        let id = header(&answer, "x-amz-request-id");
        assert_eq!(elements(&answer, "RequestId"), [id]);
        assert_eq!(elements(&answer, "HostId"), [id]);
        assert!(!elements(&answer, "Message")[0].is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_on_what_a_copy_overwrites() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    let copy = async |condition: (&str, &str)| {
        let headers = [("x-amz-copy-source", "images/a"), condition];
        fixture.put("b", &headers, "").await
    };
    assert_error(&copy(("if-match", HELLO_MD5)).await, 404, "NoSuchKey");
    assert_eq!(copy(("if-none-match", "*")).await.status(), 200);
    assert_error(
        &copy(("if-none-match", "*")).await,
        412,
        "PreconditionFailed",
    );
    assert_error(
        &copy(("if-match", "\"00\"")).await,
        412,
        "PreconditionFailed",
    );
    let checked = copy(("x-amz-checksum-algorithm", "SHA256")).await;
    assert_eq!(
        elements(&checked, "ChecksumSHA256"),
        ["LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="]
    );
}

#[tokio::test(start_paused = true)]
async fn documents_are_checked() {
    let fixture = Fixture::new().await;
    let body = "<Delete><Object><Key>d</Key></Object></Delete>";
    for (header, code) in [
        (("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="), "BadDigest"),
        (("x-amz-checksum-crc32", "AAAAAA=="), "BadDigest"),
        (("x-amz-sdk-checksum-algorithm", "CRC32"), "InvalidRequest"),
    ] {
        let answer = fixture
            .call(Method::POST, "/images?delete", &[header], body)
            .await;
        assert_error(&answer, 400, code);
    }
}
