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
