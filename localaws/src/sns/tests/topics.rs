//! Topics with their attributes and subscriptions.

use super::*;

#[tokio::test(start_paused = true)]
async fn topics_and_subscriptions_are_listed_and_survive_a_restart() {
    let fixture = Fixture::new();
    let again = fixture.call("CreateTopic", &[("Name", "images")]).await.1;
    assert!(again.contains(&format!(
        "<CreateTopicResult><TopicArn>{}</TopicArn></CreateTopicResult>",
        fixture.topic
    )));
    let first = fixture
        .sns
        .subscribe(&fixture.topic, "email", "ann@example.com")
        .unwrap();
    assert_eq!(
        fixture
            .sns
            .subscribe(&fixture.topic, "email", "ann@example.com")
            .unwrap(),
        first
    );
    for (protocol, endpoint) in [
        ("email", "nobody"),
        ("email", "a@b\r\nBcc: c@d"),
        ("pigeon", "x"),
    ] {
        assert!(matches!(
            fixture.sns.subscribe(&fixture.topic, protocol, endpoint),
            Err(Error::Refused { .. })
        ));
    }
    assert!(matches!(
        fixture.sns.subscribe(&fixture.topic, "sqs", "arn"),
        Err(Error::NotBuilt { .. })
    ));
    assert_eq!(
        fixture.call("CreateTopic", &[("Name", "a.fifo")]).await.0,
        501
    );
    assert_eq!(fixture.call("PublishBatch", &[]).await.0, 501);

    let restarted = Fixture::new();
    restarted.sns.load(fixture.sns.save()).unwrap();
    let listed = restarted
        .call("ListSubscriptionsByTopic", &[("TopicArn", &fixture.topic)])
        .await
        .1;
    assert!(
        listed.contains(&format!("<SubscriptionArn>{first}</SubscriptionArn>")),
        "{listed}"
    );
    let attributes = restarted
        .call("GetTopicAttributes", &[("TopicArn", &fixture.topic)])
        .await
        .1;
    assert!(
        attributes.contains("<entry><key>SubscriptionsConfirmed</key><value>1</value></entry>")
    );
    restarted
        .call("Unsubscribe", &[("SubscriptionArn", &first)])
        .await;
    assert!(
        !restarted
            .call("ListSubscriptions", &[])
            .await
            .1
            .contains("<member>")
    );
}

#[tokio::test(start_paused = true)]
async fn attributes_of_a_topic_are_set_and_read() {
    let fixture = Fixture::new();
    let topic = ("TopicArn", fixture.topic.as_str());
    let subscription = fixture
        .sns
        .subscribe(&fixture.topic, "email", "ann@example.com")
        .unwrap();
    let set = async |name: &str, value: &str| {
        let fields = [topic, ("AttributeName", name), ("AttributeValue", value)];
        fixture.call("SetTopicAttributes", &fields).await
    };
    let shown = async |name: &str, value: &str| {
        let (_, body) = fixture.call("GetTopicAttributes", &[topic]).await;
        body.contains(&format!(
            "<entry><key>{name}</key><value>{value}</value></entry>"
        ))
    };
    assert!(shown("DisplayName", "").await);
    assert_eq!(set("DisplayName", "Image builds").await.0, 200);
    assert_eq!(set("KmsMasterKeyId", "alias/aws/sns").await.0, 200);
    assert!(shown("DisplayName", "Image builds").await);
    assert!(shown("KmsMasterKeyId", "alias/aws/sns").await);
    fixture.publish(&[("Message", "hello")]).await;
    assert!(fixture.emails()[0].1.contains("From: \"Image builds\" <"));
    assert_eq!(set("DisplayName", "").await.0, 200);
    assert!(shown("DisplayName", "").await);
    fixture.publish(&[("Message", "again")]).await;
    assert!(
        fixture.emails()[1]
            .1
            .contains("From: \"AWS Notifications\" <")
    );
    let gone = [("SubscriptionArn", subscription.as_str())];
    fixture.call("Unsubscribe", &gone).await;
    assert!(shown("SubscriptionsConfirmed", "0").await);
    assert!(shown("SubscriptionsDeleted", "1").await);

    let long = "x".repeat(101);
    let refused = set("DisplayName", &long).await;
    assert_refused(
        &refused,
        400,
        "InvalidParameter",
        "Invalid parameter: DisplayName",
    );
    let refused = set("Colour", "red").await;
    assert_refused(
        &refused,
        400,
        "InvalidParameter",
        "Invalid parameter: AttributeName",
    );
    for (name, value) in [("Policy", "{}"), ("HTTPSuccessFeedbackRoleArn", "arn")] {
        let (status, body) = set(name, value).await;
        assert_eq!(status, 501, "{body}");
        assert!(body.contains(name), "{body}");
    }
    let lost = [
        ("TopicArn", "arn:aws:sns:us-east-1:000000000000:none"),
        ("AttributeName", "DisplayName"),
    ];
    let lost = fixture.call("SetTopicAttributes", &lost).await;
    assert_refused(&lost, 404, "NotFound", "Topic does not exist");
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_made_once_with_its_attributes() {
    let fixture = Fixture::new();
    let made = async |name: &str| {
        let fields = [
            ("Name", "builds"),
            ("Attributes.entry.1.key", "DisplayName"),
            ("Attributes.entry.1.value", name),
        ];
        fixture.call("CreateTopic", &fields).await
    };
    assert_eq!(made("Builds").await.0, 200);
    assert_eq!(made("Builds").await.0, 200);
    assert_eq!(
        fixture.call("CreateTopic", &[("Name", "builds")]).await.0,
        200
    );
    assert_refused(
        &made("Others").await,
        400,
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    );
}
