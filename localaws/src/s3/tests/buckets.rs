//! Buckets, keys, lists, ACLs and deleting.

use super::*;

#[tokio::test(start_paused = true)]
async fn buckets_report_their_region() {
    let fixture = Fixture::new().await;
    let head = fixture.call(Method::HEAD, "/images", &[], "").await;
    assert_eq!(
        (head.status().as_u16(), header(&head, "x-amz-bucket-region")),
        (200, "us-east-1")
    );
    assert_eq!(
        fixture
            .call(Method::HEAD, "/nowhere", &[], "")
            .await
            .status(),
        404
    );
    let location = fixture.call(Method::GET, "/images?location", &[], "").await;
    assert!(
        text(&location).contains("<LocationConstraint"),
        "{}",
        text(&location)
    );
    let versioning = fixture
        .call(Method::GET, "/images?versioning", &[], "")
        .await;
    assert!(
        text(&versioning).contains("<VersioningConfiguration")
            && !text(&versioning).contains("Status")
    );
    assert_eq!(
        fixture.call(Method::PUT, "/more", &[], "").await.status(),
        200
    );
    let all = fixture.call(Method::GET, "/", &[], "").await;
    assert_eq!(elements(&all, "Name"), ["images", "more"]);
    assert_eq!(elements(&all, "BucketRegion"), [""; 0]);
    let first = fixture.call(Method::GET, "/?max-buckets=1", &[], "").await;
    assert_eq!(elements(&first, "Name"), ["images"]);
    assert_eq!(elements(&first, "BucketRegion"), ["us-east-1"]);
    assert_eq!(
        fixture
            .call(Method::DELETE, "/more", &[], "")
            .await
            .status(),
        204
    );
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_made_where_its_endpoint_is() {
    let folder = TempDir::new().unwrap();
    for (region, constraint, status, code) in [
        ("us-east-1", "", 200, ""),
        ("us-east-1", "us-east-1", 400, "InvalidLocationConstraint"),
        ("us-east-1", "eu-west-1", 501, "NotImplemented"),
        ("eu-west-1", "", 400, "IllegalLocationConstraintException"),
        (
            "eu-west-1",
            "us-west-2",
            400,
            "IllegalLocationConstraintException",
        ),
        ("eu-west-1", "eu-west-1", 200, ""),
        ("eu-west-1", "EU", 200, ""),
    ] {
        let clock = Clock::new("2026-11-21T10:00:00Z".parse().unwrap(), 1.0);
        let root = folder.path().join(format!("{region}{constraint}"));
        let s3 = S3::open(&root, clock, Ids::new(1), Bus::new().0, region).unwrap();
        let body = match constraint {
            "" => String::new(),
            named => format!(
                "<CreateBucketConfiguration><LocationConstraint>{named}</LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        let request = http::Request::put("http://127.0.0.1:4566/new");
        let answer = s3.handle(request.body(Bytes::from(body)).unwrap()).await;
        assert_eq!(
            answer.status(),
            status,
            "{region} {constraint}: {}",
            text(&answer)
        );
        let codes = elements(&answer, "Code");
        assert_eq!(codes.first().copied().unwrap_or_default(), code);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_go_with_their_bucket() {
    let fixture = Fixture::new().await;
    fixture.s3.set_ownership("images", "ObjectWriter");
    let ask = |query: &str| {
        let target = format!("/images?{query}");
        let fixture = &fixture;
        async move { fixture.call(Method::GET, &target, &[], "").await }
    };
    let ownership = ask("ownershipControls").await;
    assert_eq!(elements(&ownership, "ObjectOwnership"), ["ObjectWriter"]);
    assert!(text(&ask("notification").await).contains("<EventBridgeConfiguration"));

    fixture.call(Method::DELETE, "/images", &[], "").await;
    assert_error(&ask("notification").await, 404, "NoSuchBucket");
    fixture.call(Method::PUT, "/images", &[], "").await;
    let ownership = ask("ownershipControls").await;
    assert_eq!(
        elements(&ownership, "ObjectOwnership"),
        ["BucketOwnerEnforced"]
    );
    assert!(!text(&ask("notification").await).contains("<EventBridgeConfiguration"));
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_files_are_refused_and_lead_nowhere() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "x").await;
    fixture.put("b/c", &[], "x").await;
    for key in ["a/b", "b", "%2E%2E/x", "x/../../../y", "x//y", "x//"] {
        assert_error(&fixture.put(key, &[], "x").await, 501, "NotImplemented");
        assert_error(&fixture.get(key, &[]).await, 404, "NoSuchKey");
    }
    assert_error(
        &fixture.put(&"x".repeat(1025), &[], "x").await,
        400,
        "KeyTooLongError",
    );
    assert_error(
        &fixture.call(Method::GET, "/.state/objects", &[], "").await,
        400,
        "InvalidBucketName",
    );
    let long = vec!["x".repeat(200); 5].join("/");
    assert_eq!(fixture.put(&long, &[], "long").await.status(), 200);
    assert_eq!(text(&fixture.get(&long, &[]).await), "long");
}

#[tokio::test(start_paused = true)]
async fn lists_in_pages_with_etags() {
    let fixture = Fixture::new().await;
    for key in ["b/2", "a", "b/1", "Z", "ü+ %", "c"] {
        fixture.s3.put("images", key, "hello").await.unwrap();
    }
    fs::write(fixture.folder.path().join("s3/images/by-hand"), "hello").unwrap();
    let all = fixture
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
    // A page may hold less than was asked for.
    fixture.s3.set_page_limit(2);
    let short = "/images?list-type=2&max-keys=3";
    let short = fixture.call(Method::GET, short, &[], "").await;
    assert_eq!(
        (elements(&short, "Key"), elements(&short, "IsTruncated")),
        (vec!["Z", "a"], vec!["true"])
    );
    assert_eq!(elements(&short, "MaxKeys"), ["3"]);
    fixture.s3.set_page_limit(usize::MAX);
    let first = fixture
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
    let rest = fixture.call(Method::GET, &rest, &[], "").await;
    assert_eq!(
        (elements(&rest, "Key"), elements(&rest, "KeyCount")),
        (vec!["by-hand", "c", "ü+ %"], vec!["3"])
    );
    let after = fixture
        .call(
            Method::GET,
            "/images?list-type=2&prefix=b/&start-after=b/1",
            &[],
            "",
        )
        .await;
    assert_eq!(elements(&after, "Key"), ["b/2"]);
    let old = fixture
        .call(Method::GET, "/images?prefix=b&marker=b/1", &[], "")
        .await;
    assert_eq!(elements(&old, "Key"), ["b/2", "by-hand"]);
}

#[tokio::test(start_paused = true)]
async fn acls_are_granted_and_kept_over_a_restart() {
    let fixture = Fixture::new().await;
    fixture
        .put("bundle", &[("x-amz-acl", "aws-exec-read")], "x")
        .await;
    fixture.put("plain", &[], "x").await;
    let acl = fixture.get("bundle?acl", &[]).await;
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
        elements(&fixture.get("plain?acl", &[]).await, "Permission"),
        ["FULL_CONTROL"]
    );
    assert_eq!(
        fixture
            .put("plain?acl", &[("x-amz-acl", "public-read")], "")
            .await
            .status(),
        200
    );
    assert!(text(&fixture.get("plain?acl", &[]).await).contains("groups/global/AllUsers"));
    assert_error(
        &fixture
            .put("plain", &[("x-amz-acl", "ec2-read")], "x")
            .await,
        400,
        "InvalidArgument",
    );
    assert_error(
        &fixture.put("plain?acl", &[], "").await,
        501,
        "NotImplemented",
    );
    let (again, _events) = open(fixture.folder.path());
    // A template says so at each start.
    again.set_ownership("images", "ObjectWriter");
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
    let mut fixture = Fixture::new().await;
    for key in ["a/b/c", "d", "e"] {
        fixture.put(key, &[], "x").await;
    }
    fixture.announced();
    assert_eq!(
        fixture
            .call(Method::DELETE, "/images/a/b/c", &[], "")
            .await
            .status(),
        204
    );
    assert!(!fixture.folder.path().join("s3/images/a").exists());
    let body = "<Delete><Object><Key>d</Key></Object><Object><Key>none</Key></Object></Delete>";
    let sum = sha256(body.as_bytes());
    let claim = [("x-amz-checksum-sha256", sum.as_str())];
    let many = fixture
        .call(Method::POST, "/images?delete", &claim, body)
        .await;
    assert_eq!(elements(&many, "Key"), ["d", "none"], "{}", text(&many));
    let announced = fixture.announced();
    let gone = |key: &str| {
        (
            "Object Deleted".to_owned(),
            key.to_owned(),
            "DeleteObject".to_owned(),
        )
    };
    assert_eq!(announced, [gone("a/b/c"), gone("d")]);
    assert_error(
        &fixture.call(Method::DELETE, "/images", &[], "").await,
        409,
        "BucketNotEmpty",
    );
}
