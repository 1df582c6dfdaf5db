//! SNS as clients use it: requests in, answers and e-emails out.

mod topics;

use std::fs;

use bytes::Bytes;
use tempfile::TempDir;

use super::*;

struct Fixture {
    sns: Sns,
    topic: String,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::new("2026-11-21T10:00:00Z".parse().unwrap(), 1.0);
        let sns = Sns::new(clock, Ids::new(1), &folder.path().join("mail"));
        let topic = sns.create_topic("us-east-1", "images");
        Self { sns, topic, folder }
    }

    async fn call(&self, action: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("Action", action)
            .append_pair("Version", "2010-03-31")
            .extend_pairs(fields);
        let request = http::Request::post("http://sns.us-east-1.amazonaws.com/")
            .body(Bytes::from(body.finish()));
        let answer = self.sns.handle("us-east-1", request.unwrap()).await;
        (
            answer.status().as_u16(),
            String::from_utf8(answer.into_body().to_vec()).unwrap(),
        )
    }

    async fn publish(&self, fields: &[(&str, &str)]) -> (u16, String) {
        let topic = [("TopicArn", self.topic.as_str())];
        self.call("Publish", &[&topic, fields].concat()).await
    }

    /// The mailbox: names and contents, as a listing of the folder sorts them.
    fn emails(&self) -> Vec<(String, String)> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("mail")) else {
            return Vec::new();
        };
        let mut emails: Vec<_> = entries
            .map(|entry| entry.unwrap())
            .map(|it| {
                (
                    it.file_name().into_string().unwrap(),
                    fs::read_to_string(it.path()).unwrap(),
                )
            })
            .collect();
        emails.sort();
        emails
    }
}

#[track_caller]
fn assert_refused(answer: &(u16, String), status: u16, code: &str, message: &str) {
    assert_eq!(answer.0, status, "{}", answer.1);
    let error = format!(
        "<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    assert!(answer.1.contains(&error), "{}", answer.1);
}

#[tokio::test(start_paused = true)]
async fn a_message_becomes_an_email() {
    let fixture = Fixture::new();
    fixture
        .sns
        .subscribe(&fixture.topic, "email", "ann@example.com")
        .unwrap();
    let (status, answer) = fixture
        .publish(&[
            ("Subject", "AMI web/../x is ready"),
            ("Message", "ami-1 is ready\nGrüße"),
        ])
        .await;
    let [published] = &fixture.sns.published()[..] else {
        panic!("one message")
    };
    assert_eq!(status, 200);
    assert!(answer.contains(&format!(
        "<PublishResult><MessageId>{}</MessageId></PublishResult>",
        published.message_id
    )));
    assert_eq!(published.message, "ami-1 is ready\nGrüße");
    let emails = fixture.emails();
    assert_eq!(emails.len(), 1);
    assert_eq!(emails[0].0, "20261121T100000Z-0001-ami-web-x-is-ready.eml");
    for line in [
        "From: \"AWS Notifications\" <no-reply@sns.amazonaws.com>\r\n",
        "To: <ann@example.com>\r\n",
        "Subject: AMI web/../x is ready\r\n",
        "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n",
        "Content-Type: text/plain; charset=\"utf-8\"\r\n",
    ] {
        assert!(emails[0].1.contains(line), "{line}{}", emails[0].1);
    }
    assert!(emails[0].1.contains(&published.message_id));
}

#[tokio::test(start_paused = true)]
async fn each_protocol_gets_its_form() {
    let fixture = Fixture::new();
    fixture
        .sns
        .subscribe(&fixture.topic, "email", "ann@example.com")
        .unwrap();
    fixture
        .sns
        .subscribe(&fixture.topic, "email-json", "robot@example.com")
        .unwrap();
    let message = r#"{"default": "for all", "email": "for people", "sqs": "x", "http": 7}"#;
    let (status, _) = fixture
        .publish(&[("MessageStructure", "json"), ("Message", message)])
        .await;
    assert_eq!(status, 200);
    let emails = fixture.emails();
    assert!(
        emails[0].1.contains("for people\r\n")
            && emails[0]
                .1
                .contains("Subject: AWS Notification Message\r\n")
    );
    assert!(
        emails[1].1.contains("\"Message\":\"for all\""),
        "{}",
        emails[1].1
    );
    assert_eq!(fixture.sns.published()[0].message, message);
}

#[tokio::test(start_paused = true)]
async fn what_sns_refuses_is_refused() {
    let fixture = Fixture::new();
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[], "Empty message"),
        (&[("Message", &"x".repeat(262_145))], "Message too long"),
        (
            &[("Message", "x"), ("Subject", &"x".repeat(100))],
            "Subject",
        ),
        (&[("Message", "x"), ("Subject", "two\nlines")], "Subject"),
        (&[("Message", "x"), ("Subject", "Grüße")], "Subject"),
        (
            &[("Message", "x"), ("Subject", " starts with a space")],
            "Subject",
        ),
        (
            &[("Message", "x"), ("MessageStructure", "json")],
            "Message Structure - JSON message body failed to parse",
        ),
        (
            &[
                ("Message", r#"{"default": "a", "default": "b"}"#),
                ("MessageStructure", "json"),
            ],
            "Message Structure - JSON message body failed to parse",
        ),
        (
            &[
                ("Message", r#"{"email": "a"}"#),
                ("MessageStructure", "json"),
            ],
            "Message Structure - No default entry in JSON message body",
        ),
    ];
    for (fields, message) in cases {
        assert_refused(
            &fixture.publish(fields).await,
            400,
            "InvalidParameter",
            &format!("Invalid parameter: {message}"),
        );
    }
    let nowhere = [
        ("TopicArn", "arn:aws:sns:us-east-1:000000000000:none"),
        ("Message", "x"),
    ];
    assert_refused(
        &fixture.call("Publish", &nowhere).await,
        404,
        "NotFound",
        "Topic does not exist",
    );
    let fifo = fixture
        .publish(&[("Message", "x"), ("MessageDeduplicationId", "1")])
        .await;
    assert_eq!(fifo.0, 400);
    assert!(fixture.sns.published().is_empty() && fixture.emails().is_empty());
    let edge = fixture
        .publish(&[
            ("Message", &"x".repeat(262_144)),
            ("Subject", &"x".repeat(99)),
        ])
        .await;
    assert_eq!(edge.0, 200);
}

#[tokio::test(start_paused = true)]
async fn filter_policies_let_exact_strings_pass() {
    let fixture = Fixture::new();
    let subscribe = |policy| {
        [
            ("TopicArn", fixture.topic.clone()),
            ("Protocol", "email".into()),
            ("Endpoint", "ann@example.com".into()),
        ]
        .into_iter()
        .chain([
            ("Attributes.entry.1.key", "FilterPolicy".to_owned()),
            ("Attributes.entry.1.value", policy),
        ])
        .collect::<Vec<(&str, String)>>()
    };
    let borrowed = |fields: &[(&'static str, String)]| {
        fields
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .collect::<Vec<_>>()
    };
    for (policy, status) in [
        ("{\"event\": [{\"prefix\": \"f\"}]}", 501),
        ("{\"event\": []}", 400),
        ("{", 400),
        ("{\"event\": [\"failed\"]}", 200),
    ] {
        let fields = borrowed(&subscribe(policy.to_owned()));
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(
            fixture.call("Subscribe", &fields).await.0,
            status,
            "{policy}"
        );
    }
    for event in ["completed", "failed"] {
        let attributes = [
            ("Message", event),
            ("MessageAttributes.entry.1.Name", "event"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", event),
        ];
        assert_eq!(fixture.publish(&attributes).await.0, 200);
    }
    assert_eq!(fixture.emails().len(), 1);
    assert_eq!(
        fixture.sns.published()[1].attributes["event"],
        Attribute {
            data_type: "String".into(),
            value: "failed".into()
        }
    );
    let empty = [
        ("Message", "x"),
        ("MessageAttributes.entry.1.Name", "event"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
    ];
    assert!(
        fixture
            .publish(&empty)
            .await
            .1
            .contains("<Code>ParameterValueInvalid</Code>")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_acted_on_is_refused_by_name_and_nothing_happens() {
    let fixture = Fixture::new();
    let topic = fixture.topic.clone();
    fixture
        .sns
        .subscribe(&topic, "email", "ann@example.com")
        .unwrap();
    let new = ("Nonsense", "x");
    let topic = ("TopicArn", topic.as_str());
    let name = ("AttributeName", "DisplayName");
    let actions: [(&str, &[(&str, &str)]); 9] = [
        ("CreateTopic", &[("Name", "new"), new]),
        ("DeleteTopic", &[topic, new]),
        ("ListTopics", &[new]),
        ("GetTopicAttributes", &[topic, new]),
        ("SetTopicAttributes", &[topic, name, new]),
        (
            "Subscribe",
            &[
                topic,
                ("Protocol", "email"),
                ("Endpoint", "bob@example.com"),
                new,
            ],
        ),
        (
            "Unsubscribe",
            &[
                ("SubscriptionArn", "arn:aws:sns:us-east-1:000000000000:x:y"),
                new,
            ],
        ),
        ("ListSubscriptionsByTopic", &[topic, new]),
        ("Publish", &[topic, ("Message", "m"), new]),
    ];
    for (action, fields) in actions {
        let (status, body) = fixture.call(action, fields).await;
        assert_eq!(status, 501, "{action}: {body}");
        assert!(body.contains("Nonsense"), "{action}: {body}");
    }
    let (_, topics) = fixture.call("ListTopics", &[]).await;
    assert_eq!(topics.matches("<TopicArn>").count(), 1, "{topics}");
    let (_, all) = fixture.call("ListSubscriptions", &[]).await;
    assert_eq!(all.matches("<SubscriptionArn>").count(), 1, "{all}");
    assert_eq!(fixture.emails(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_an_arn_or_another_version_is_refused() {
    let fixture = Fixture::new();
    for (action, fields, member) in [
        ("DeleteTopic", &[][..], "TopicArn"),
        ("DeleteTopic", &[("TopicArn", "x")], "TopicArn"),
        (
            "Unsubscribe",
            &[("SubscriptionArn", "x")],
            "SubscriptionArn",
        ),
        (
            "Subscribe",
            &[
                ("TopicArn", fixture.topic.as_str()),
                ("Protocol", "email"),
                ("Endpoint", "ann@example.com"),
                ("ReturnSubscriptionArn", "maybe"),
            ],
            "ReturnSubscriptionArn",
        ),
    ] {
        let refused = fixture.call(action, fields).await;
        let message = format!("Invalid parameter: {member}");
        assert_refused(&refused, 400, "InvalidParameter", &message);
    }
    let other = http::Request::post("http://sns.us-east-1.amazonaws.com/")
        .body(Bytes::from("Action=ListTopics&Version=1999-01-01"))
        .unwrap();
    let answer = fixture.sns.handle("us-east-1", other).await;
    assert_eq!(answer.status(), 501);
}
