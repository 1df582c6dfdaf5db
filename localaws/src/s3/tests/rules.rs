//! Rules that hold for several operations: ownership of objects, kinds of checksums, sealed requests.

use super::*;

#[tokio::test(start_paused = true)]
async fn where_acls_are_disabled_only_that_of_the_owner_is_taken() {
    let fixture = Fixture::new().await;
    fixture.s3.create_bucket("new", true).await.unwrap();
    let put = |path: &'static str, acl: &'static str| {
        let headers = [("x-amz-acl", acl)];
        let headers = if acl.is_empty() {
            Vec::new()
        } else {
            headers.to_vec()
        };
        let fixture = &fixture;
        let body = if path.ends_with("?acl") { "" } else { "x" };
        async move { fixture.call(Method::PUT, path, &headers, body).await }
    };
    assert_eq!(put("/new/a", "").await.status(), 200);
    for acl in [
        "private",
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
    ] {
        for path in ["/new/a", "/new/a?acl"] {
            assert_error(&put(path, acl).await, 400, "AccessControlListNotSupported");
        }
        let headers = [("x-amz-acl", acl)];
        let begun = fixture
            .call(Method::POST, "/new/a?uploads", &headers, "")
            .await;
        assert_error(&begun, 400, "AccessControlListNotSupported");
        let headers = [("x-amz-acl", acl), ("x-amz-copy-source", "new/a")];
        let copied = fixture.call(Method::PUT, "/new/b", &headers, "").await;
        assert_error(&copied, 400, "AccessControlListNotSupported");
    }
    for path in ["/new/a", "/new/a?acl"] {
        let taken = put(path, "bucket-owner-full-control").await;
        assert_eq!(taken.status(), 200, "{}", text(&taken));
    }
    let bundle = fixture
        .s3
        .put_with("new", "b", "x", "aws-exec-read", [].into());
    assert!(bundle.await.unwrap_err().to_string().contains("ACLs"));
    for ownership in ["ObjectWriter", "BucketOwnerPreferred"] {
        fixture.s3.set_ownership("new", ownership);
        assert_eq!(put("/new/a", "aws-exec-read").await.status(), 200);
        let acl = fixture.s3.acl("new", "a").await.unwrap();
        assert_eq!(acl.as_deref(), Some("aws-exec-read"), "{ownership}");
    }
    // What it said before counts no longer.
    fixture.s3.set_ownership("new", "BucketOwnerEnforced");
    let acl = fixture.s3.acl("new", "a").await.unwrap();
    assert_eq!(acl.as_deref(), Some("private"));
}

#[tokio::test(start_paused = true)]
async fn a_new_bucket_has_no_acl() {
    let fixture = Fixture::new().await;
    for (acl, status) in [
        ("private", 200),
        ("public-read", 400),
        ("aws-exec-read", 400),
    ] {
        let target = format!("/new-{acl}");
        let made = fixture
            .call(Method::PUT, &target, &[("x-amz-acl", acl)], "")
            .await;
        assert_eq!(made.status(), status, "{acl}: {}", text(&made));
        if status == 400 {
            assert_eq!(
                elements(&made, "Code"),
                ["InvalidBucketAclWithObjectOwnership"]
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_of_checksums_go_with_their_algorithms() {
    let fixture = Fixture::new().await;
    for (algorithm, composite, full) in [
        ("CRC32", 200, 200),
        ("CRC32C", 200, 200),
        ("CRC64NVME", 400, 200),
        ("SHA1", 200, 400),
        ("SHA256", 200, 400),
    ] {
        for (kind, status) in [("COMPOSITE", composite), ("FULL_OBJECT", full)] {
            let headers = [
                ("x-amz-checksum-algorithm", algorithm),
                ("x-amz-checksum-type", kind),
            ];
            let begun = fixture
                .call(Method::POST, "/images/a?uploads", &headers, "")
                .await;
            assert_eq!(begun.status(), status, "{algorithm} {kind}");
            if status == 400 {
                assert_error(&begun, 400, "InvalidRequest");
            }
        }
    }
    let alone = [("x-amz-checksum-type", "COMPOSITE")];
    let begun = fixture
        .call(Method::POST, "/images/a?uploads", &alone, "")
        .await;
    assert_error(&begun, 400, "InvalidRequest");
}

#[tokio::test(start_paused = true)]
async fn many_are_deleted_only_by_a_request_with_a_checksum() {
    let fixture = Fixture::new().await;
    fixture.put("d", &[], "x").await;
    let body = "<Delete><Object><Key>d</Key></Object></Delete>";
    let refused = fixture
        .call(Method::POST, "/images?delete", &[], body)
        .await;
    assert_error(&refused, 400, "InvalidRequest");
    assert_eq!(fixture.head("d").await.status(), 200);
    let sum = sha256(body.as_bytes());
    let claim = [("x-amz-checksum-sha256", sum.as_str())];
    let deleted = fixture
        .call(Method::POST, "/images?delete", &claim, body)
        .await;
    assert_eq!(elements(&deleted, "Key"), ["d"], "{}", text(&deleted));
    assert_eq!(fixture.head("d").await.status(), 404);
}
