//! Tags of objects.

use super::*;

fn tagging(tags: &[(&str, &str)]) -> String {
    let tags = tags
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"));
    format!(
        "<Tagging><TagSet>{}</TagSet></Tagging>",
        tags.collect::<String>()
    )
}

#[tokio::test(start_paused = true)]
async fn objects_have_tags() {
    let mut fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    let tags = tagging(&[("team", "web"), ("empty", "")]);
    let tagged = fixture.put("a?tagging", &[], &tags).await;
    assert_eq!(tagged.status(), 200, "{}", text(&tagged));
    let got = fixture.get("a?tagging", &[]).await;
    assert_eq!(elements(&got, "Key"), ["empty", "team"]);
    assert_eq!(
        header(&fixture.get("a", &[]).await, "x-amz-tagging-count"),
        "2"
    );
    // A copy takes them along, a new content does not have them.
    fixture
        .put("b", &[("x-amz-copy-source", "images/a")], "")
        .await;
    let got = fixture.get("b?tagging", &[]).await;
    assert_eq!(elements(&got, "Value").len(), 2);
    fixture.put("a", &[], "again").await;
    assert_eq!(
        elements(&fixture.get("a?tagging", &[]).await, "Key"),
        [""; 0]
    );
    let gone = fixture
        .call(Method::DELETE, "/images/b?tagging", &[], "")
        .await;
    assert_eq!(gone.status(), 204);
    assert_eq!(
        elements(&fixture.get("b?tagging", &[]).await, "Key"),
        [""; 0]
    );
    let announced: Vec<String> = fixture
        .announced()
        .into_iter()
        .map(|event| event.0)
        .collect();
    assert_eq!(
        announced,
        [
            "Object Created",
            "Object Tags Added",
            "Object Created",
            "Object Created",
            "Object Tags Deleted"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_tags_are_refused() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "x")).collect();
    let long = "x".repeat(257);
    let refused = fixture.put("a?tagging", &[], &tagging(&many)).await;
    assert_error(&refused, 400, "BadRequest");
    for wrong in [
        tagging(&[("", "x")]),
        tagging(&[("aws:a", "x")]),
        tagging(&[("a", "x"), ("a", "y")]),
        tagging(&[("a", &long)]),
    ] {
        let refused = fixture.put("a?tagging", &[], &wrong).await;
        assert_error(&refused, 400, "InvalidTag");
    }
    let lost = fixture
        .put("none?tagging", &[], &tagging(&[("a", "b")]))
        .await;
    assert_error(&lost, 404, "NoSuchKey");
}

#[tokio::test(start_paused = true)]
async fn new_objects_come_with_tags() {
    let mut fixture = Fixture::new().await;
    let tags = [("x-amz-tagging", "team=web+shop&stage=a%2Fb&empty=")];
    fixture.put("a", &tags, "hello").await;
    let got = fixture.get("a?tagging", &[]).await;
    assert_eq!(elements(&got, "Key"), ["empty", "stage", "team"]);
    assert_eq!(elements(&got, "Value"), ["", "a/b", "web shop"]);
    for answer in [fixture.get("a", &[]).await, fixture.head("a").await] {
        assert_eq!(header(&answer, "x-amz-tagging-count"), "3");
    }
    assert_eq!(header(&fixture.head("a").await, "x-amz-tagging-count"), "3");
    let replaced = [
        ("x-amz-copy-source", "images/a"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-tagging", "only=this"),
    ];
    fixture.put("b", &replaced, "").await;
    let got = fixture.get("b?tagging", &[]).await;
    assert_eq!(elements(&got, "Key"), ["only"]);
    fixture.put("c", &replaced[..2], "").await;
    assert_eq!(header(&fixture.head("c").await, "x-amz-tagging-count"), "");
    // Nobody tags what is new: its tags are not news.
    let announced = fixture.announced();
    assert!(
        announced.iter().all(|event| event.0 == "Object Created"),
        "{announced:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_parts_comes_with_tags() {
    let fixture = Fixture::new().await;
    let begun = fixture
        .call(
            Method::POST,
            "/images/big?uploads",
            &[("x-amz-tagging", "team=web")],
            "",
        )
        .await;
    let id = elements(&begun, "UploadId")[0].to_owned();
    let part = fixture
        .put(&format!("big?partNumber=1&uploadId={id}"), &[], "hello")
        .await;
    let etag = header(&part, "etag");
    let done = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let target = format!("/images/big?uploadId={id}");
    let done = fixture.call(Method::POST, &target, &[], &done).await;
    assert_eq!(done.status(), 200, "{}", text(&done));
    let got = fixture.get("big?tagging", &[]).await;
    assert_eq!(elements(&got, "Value"), ["web"]);
}

#[tokio::test(start_paused = true)]
async fn wrong_tags_of_new_objects_are_refused() {
    let fixture = Fixture::new().await;
    let many: Vec<String> = (0..11).map(|n| format!("{n}=x")).collect();
    let long = format!("a={}", "x".repeat(257));
    for (tags, code) in [
        ("=", "InvalidArgument"),
        ("a=1&a=2", "InvalidArgument"),
        ("a=%FF", "InvalidArgument"),
        ("TagSet=[{Key=a,Value=b}]", "InvalidArgument"),
        ("TagSet%3D%5B=x", "InvalidTag"),
        ("aws:a=x", "InvalidTag"),
        (long.as_str(), "InvalidTag"),
        (&many.join("&"), "BadRequest"),
    ] {
        let refused = fixture.put("a", &[("x-amz-tagging", tags)], "x").await;
        assert_error(&refused, 400, code);
    }
    assert_eq!(fixture.head("a").await.status(), 404);
    fixture.put("a", &[], "x").await;
    let copied = [
        ("x-amz-copy-source", "images/a"),
        ("x-amz-tagging", "team=web"),
    ];
    let refused = fixture.put("b", &copied, "").await;
    assert_error(&refused, 501, "NotImplemented");
    for directive in ["x-amz-tagging-directive", "x-amz-metadata-directive"] {
        let copied = [("x-amz-copy-source", "images/a"), (directive, "MOVE")];
        let refused = fixture.put("b", &copied, "").await;
        assert_error(&refused, 400, "InvalidArgument");
    }
}
