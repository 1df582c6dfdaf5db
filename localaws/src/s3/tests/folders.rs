//! Keys that end with a slash: S3's console makes a folder of an object without bytes ("Organizing objects in the Amazon
//! S3 console by using folders", Amazon S3 User Guide).

use super::*;

#[tokio::test(start_paused = true)]
async fn a_folder_is_an_object_whose_key_ends_with_a_slash() {
    let mut fixture = Fixture::new().await;
    let made = fixture.put("golden/", &[], "").await;
    assert_eq!(made.status(), 200, "{}", text(&made));
    fixture.put("golden/web.yaml", &[], "hello").await;
    let head = fixture.head("golden/").await;
    assert_eq!(
        (head.status().as_u16(), header(&head, "content-length")),
        (200, "0")
    );
    let listed = fixture.get("?list-type=2", &[]).await;
    assert_eq!(elements(&listed, "Key"), ["golden/", "golden/web.yaml"]);
    let inside = fixture
        .get("?list-type=2&prefix=golden/&delimiter=/", &[])
        .await;
    assert_eq!(elements(&inside, "Key"), ["golden/", "golden/web.yaml"]);
    let above = fixture.get("?list-type=2&delimiter=/", &[]).await;
    assert_eq!(elements(&above, "CommonPrefixes").len(), 1);
    // The folder stays without what was in it, and goes by itself.
    for key in ["golden/web.yaml", "golden/"] {
        assert_eq!(fixture.head("golden/").await.status(), 200);
        let target = format!("/images/{key}");
        let gone = fixture.call(Method::DELETE, &target, &[], "").await;
        assert_eq!(gone.status(), 204);
    }
    assert_eq!(fixture.head("golden/").await.status(), 404);
    assert!(!fixture.folder.path().join("s3/images/golden").exists());
    assert_eq!(
        fixture.announced(),
        [
            created("golden/", "PutObject"),
            created("golden/web.yaml", "PutObject"),
            deleted("golden/web.yaml"),
            deleted("golden/"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_folder_is_copied_and_kept_in_versions() {
    let fixture = Fixture::new().await;
    let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let versioned = fixture
        .call(Method::PUT, "/images?versioning", &[], enabled)
        .await;
    assert_eq!(versioned.status(), 200, "{}", text(&versioned));
    fixture.put("a/", &[], "").await;
    fixture.put("a/", &[], "").await;
    let copied = fixture
        .put("b/", &[("x-amz-copy-source", "images/a/")], "")
        .await;
    assert_eq!(copied.status(), 200, "{}", text(&copied));
    fixture.call(Method::DELETE, "/images/a/", &[], "").await;
    let listed = fixture.get("?versions", &[]).await;
    assert_eq!(elements(&listed, "Key"), ["a/", "a/", "a/", "b/"]);
    assert_eq!(fixture.s3.keys("images", "").await.unwrap(), ["b/"]);
}

#[tokio::test(start_paused = true)]
async fn a_prefix_with_two_slashes_has_no_keys_of_one() {
    let fixture = Fixture::new().await;
    fixture.put("a/b", &[], "hello").await;
    let listed = fixture.get("?list-type=2&prefix=a//", &[]).await;
    assert_eq!(elements(&listed, "Key"), [""; 0]);
    let refused = fixture.put("a//b", &[], "hello").await;
    assert_error(&refused, 501, "NotImplemented");
}

fn deleted(key: &str) -> (String, String, String) {
    (
        "Object Deleted".to_owned(),
        key.to_owned(),
        "DeleteObject".to_owned(),
    )
}
