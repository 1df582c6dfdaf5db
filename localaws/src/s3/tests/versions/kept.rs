//! What is kept of versions: over a restart, beside files that change by hand, and their tags and ACLs.

use super::*;

#[tokio::test(start_paused = true)]
async fn tags_and_acls_are_of_versions() {
    let fixture = Fixture::versioned().await;
    let first = fixture.version("a", "one").await;
    let second = fixture.version("a", "two").await;
    let tags = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
    let target = format!("/images/a?tagging&versionId={first}");
    let put = fixture.call(Method::PUT, &target, &[], tags).await;
    assert_eq!(header(&put, "x-amz-version-id"), first);
    let of_first = fixture.call(Method::GET, &target, &[], "").await;
    assert_eq!(elements(&of_first, "Value"), ["v"]);
    let of_current = fixture
        .call(Method::GET, "/images/a?tagging", &[], "")
        .await;
    assert!(elements(&of_current, "Value").is_empty());
    assert_eq!(header(&of_current, "x-amz-version-id"), second);
    let acl = [("x-amz-acl", "public-read")];
    let target = format!("/images/a?acl&versionId={first}");
    let put = fixture.call(Method::PUT, &target, &acl, "").await;
    assert_eq!(put.status(), 200, "{}", text(&put));
    let of_first = fixture.call(Method::GET, &target, &[], "").await;
    assert!(text(&of_first).contains("AllUsers"));

    fixture.delete("a").await;
    for (what, headers, body) in [("acl", &acl[..], ""), ("tagging", &[], tags)] {
        let target = format!("/images/a?{what}");
        let get = fixture.call(Method::GET, &target, &[], "").await;
        assert_error(&get, 404, "NoSuchKey");
        let put = fixture.call(Method::PUT, &target, headers, body);
        assert_error(&put.await, 405, "MethodNotAllowed");
    }
}

#[tokio::test(start_paused = true)]
async fn versions_survive_a_restart_and_keep_their_bucket() {
    let fixture = Fixture::versioned().await;
    let first = fixture.version("a", "one").await;
    fixture.version("a", "two").await;
    let marker = fixture.delete("a").await;
    let marker = header(&marker, "x-amz-version-id").to_owned();
    let before = fixture.versions().await;

    let (s3, events) = open(fixture.folder.path());
    let fixture = Fixture {
        s3,
        events,
        ..fixture
    };
    fixture.s3.create_bucket("images", true).await.unwrap();
    // The template says what a new bucket has; this one was told since.
    fixture.s3.begin_versioning("images", "Suspended").unwrap();
    assert_eq!(fixture.versions().await, before);
    assert_eq!(fixture.body(&format!("a?versionId={first}")).await, "one");
    let delete = || fixture.call(Method::DELETE, "/images", &[], "");
    assert_error(&delete().await, 409, "BucketNotEmpty");
    fixture.delete(&format!("a?versionId={marker}")).await;
    let latest = fixture.version("a", "three").await;
    assert!(!before.iter().any(|line| line[1] == latest));
    for line in fixture.versions().await {
        fixture.delete(&format!("a?versionId={}", line[1])).await;
    }
    assert_eq!(delete().await.status(), 204);
    fixture.s3.create_bucket("images", true).await.unwrap();
    assert_eq!(fixture.version("a", "unversioned").await, "");
}

/// What people do with the files themselves, while nobody watches.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_replaced_or_removed_by_hand_takes_its_version_along() {
    let fixture = Fixture::versioned().await;
    let first = fixture.version("a", "one").await;
    let second = fixture.version("a", "two").await;
    let path = fixture.folder.path().join("s3/images/a");
    fs::write(&path, "by hand").unwrap();
    assert_eq!(fixture.body("a").await, "by hand");
    assert_eq!(
        fixture.body(&format!("a?versionId={second}")).await,
        "NoSuchVersion"
    );
    assert_eq!(fixture.body(&format!("a?versionId={first}")).await, "one");
    assert_eq!(fixture.versions().await.len(), 2);
    fs::remove_file(&path).unwrap();
    assert_eq!(fixture.body("a").await, "NoSuchKey");
    assert_eq!(fixture.version("a", "three").await.len(), 32);
    assert_eq!(fixture.versions().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_multipart_upload_makes_a_version_and_says_so_again() {
    let fixture = Fixture::versioned().await;
    let begun = fixture
        .call(Method::POST, "/images/a?uploads", &[], "")
        .await;
    let id = elements(&begun, "UploadId")[0].to_owned();
    let part = format!("/images/a?partNumber=1&uploadId={id}");
    let part = fixture.call(Method::PUT, &part, &[], "hello").await;
    let etag = header(&part, "etag");
    let body = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let target = format!("/images/a?uploadId={id}");
    let done = fixture.call(Method::POST, &target, &[], &body).await;
    let version = header(&done, "x-amz-version-id").to_owned();
    assert_eq!(version.len(), 32);
    fixture.version("a", "newer").await;
    let again = fixture.call(Method::POST, &target, &[], &body).await;
    assert_eq!(header(&again, "x-amz-version-id"), version);
    assert_eq!(fixture.body("a").await, "newer");
}
