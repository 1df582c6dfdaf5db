//! Buckets, keys, lists, ACLs and deleting.

use super::*;

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
