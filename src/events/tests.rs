mod invocations;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn event(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn notification(records: &[Value]) -> Value {
    json!({"Records": records})
}

/// A record of S3's own notification, with no more in it than is read.
fn record(name: &str, key: &str, sequencer: &str) -> Value {
    json!({
        "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": name,
        "s3": {"bucket": {"name": "images"}, "object": {"key": key, "eTag": "e", "sequencer": sequencer}},
    })
}

fn message(id: &str, body: &str) -> Value {
    json!({"messageId": id, "body": body, "eventSource": "aws:sqs"})
}

fn keys(triggers: &Triggers) -> Vec<&str> {
    triggers
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect()
}

#[test]
fn reads_an_event_of_event_bridge() {
    let triggers = objects(event(include_str!("../../events/register-image.json")));
    let expected = ObjectRef {
        bucket: "amzn-s3-demo-bucket".to_owned(),
        key: "golden/web.image.yaml".to_owned(),
        alternative_key: None,
        etag: Some("b1946ac92492d2347c6235b4d2611184".to_owned()),
        version_id: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".to_owned()),
        sequencer: Some("00692035B83F0D2C1A".to_owned()),
        region: Some("us-east-1".to_owned()),
        deleted: false,
        message_ids: vec![],
    };
    assert_eq!(
        triggers,
        Triggers {
            objects: vec![expected],
            ..Triggers::default()
        }
    );

    let notify = objects(event(include_str!("../../events/notify.json")));
    assert_eq!(keys(&notify), ["due/golden/web.image.yaml.due"]);
}

#[test]
fn reads_a_notification_of_s3_and_decodes_its_keys() {
    let triggers = objects(event(include_str!(
        "../../events/register-image-s3-notification.json"
    )));
    assert_eq!(
        keys(&triggers),
        [
            "gold images/café 100% c++.manifest.xml",
            "golden/web.image.yaml"
        ]
    );
    let [first, second] = triggers.objects.as_slice() else {
        panic!("{triggers:?}")
    };
    assert_eq!(
        first.version_id.as_deref(),
        Some("096fKKXTRTtl3on89fVO.nfljtsv6qko")
    );
    assert_eq!(first.region.as_deref(), Some("us-east-1"));
    assert_eq!(second.version_id, None);
    assert!(triggers.problems.is_empty());
}

#[test]
fn reads_both_in_sqs_messages() {
    let triggers = objects(event(include_str!("../../events/register-image-sqs.json")));
    assert_eq!(
        keys(&triggers),
        [
            "golden/web.image.yaml",
            "gold images/café 100% c++.manifest.xml"
        ]
    );
    assert_eq!(
        triggers.objects[0].message_ids,
        ["059f36b4-87a3-44ab-83d2-661975830a7d"]
    );
    assert_eq!(triggers.ignored, 1, "the test event");
    assert!(triggers.problems.is_empty());
}

#[test]
fn reads_what_sns_put_into_sqs() {
    let inner = notification(&[record("ObjectCreated:Put", "a.image.yaml", "01")]).to_string();
    let envelope = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:111122223333:t", "Message": inner});
    let triggers = objects(notification(&[message("m1", &envelope.to_string())]));
    assert_eq!(keys(&triggers), ["a.image.yaml"]);
    assert_eq!(triggers.objects[0].message_ids, ["m1"]);
}

#[test]
fn offers_the_decoded_key_of_event_bridge_as_a_second_choice() {
    let with_key = |key: &str| {
        let mut event = event(include_str!("../../events/register-image.json"));
        event["detail"]["object"]["key"] = json!(key);
        let object = objects(event).objects.remove(0);
        (object.key, object.alternative_key)
    };
    assert_eq!(
        with_key("a+b%20c.image.yaml"),
        ("a+b%20c.image.yaml".into(), Some("a b c.image.yaml".into()))
    );
    assert_eq!(
        with_key("100%.image.yaml"),
        ("100%.image.yaml".into(), None)
    );
    assert_eq!(
        with_key("%FF.image.yaml"),
        ("%FF.image.yaml".into(), None),
        "not UTF-8 when decoded"
    );
}

#[test]
fn tells_of_deletions() {
    let mut deleted = event(include_str!("../../events/register-image.json"));
    deleted["detail-type"] = json!("Object Deleted");
    deleted["detail"]["object"]
        .as_object_mut()
        .unwrap()
        .remove("etag");
    let object = objects(deleted).objects.remove(0);
    assert!(object.deleted);
    assert_eq!(object.etag, None);
    for name in [
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "s3:ObjectRemoved:Delete",
        "LifecycleExpiration:Delete",
    ] {
        assert!(
            objects(notification(&[record(name, "a", "01")])).objects[0].deleted,
            "{name}"
        );
    }
}

#[test]
fn one_bad_record_does_not_lose_the_others() {
    let mut keyless = record("ObjectCreated:Put", "x", "01");
    keyless["s3"]["object"]
        .as_object_mut()
        .unwrap()
        .remove("key");
    let mut wrong = record("ObjectCreated:Put", "x", "01");
    wrong["s3"]["object"]["sequencer"] = json!(7);
    let triggers = objects(notification(&[
        record("ObjectCreated:Put", "a", "01"),
        record("ObjectCreated:Put", "%FF%FE", "01"),
        keyless,
        wrong,
        json!({"eventSource": "aws:kinesis", "secret": "hush"}),
        json!(7),
        record("ObjectTagging:Put", "a", "03"),
        record("ObjectCreated:Copy", "b", "01"),
    ]));
    assert_eq!(keys(&triggers), ["a", "b"]);
    assert_eq!(triggers.ignored, 1);
    let records: Vec<&str> = triggers
        .problems
        .iter()
        .map(|problem| problem.record.as_str())
        .collect();
    assert_eq!(
        records,
        [
            "Records[1]",
            "Records[2]",
            "Records[3]",
            "Records[4]",
            "Records[5]"
        ]
    );
    assert!(triggers.problems[0].to_string().contains("%FF%FE"));
    assert!(
        !format!("{:?}", triggers.problems).contains("hush"),
        "the shape is reported, not what is in it"
    );
}

#[test]
fn one_bad_message_does_not_lose_the_others_and_is_known_by_its_id() {
    let good = notification(&[
        record("ObjectCreated:Put", "a", "01"),
        record("ObjectCreated:Put", "%FF", "01"),
    ]);
    let triggers = objects(notification(&[
        message("m1", "not JSON"),
        message("m2", &good.to_string()),
        json!({"messageId": "m3", "eventSource": "aws:sqs"}),
        message("m4", "{}"),
        json!({"messageId": "m5", "body": {}, "eventSource": "aws:sqs"}),
    ]));
    assert_eq!(keys(&triggers), ["a"]);
    let bad: Vec<(&str, &str)> = triggers
        .problems
        .iter()
        .map(|p| (p.message_id.as_deref().unwrap(), p.record.as_str()))
        .collect();
    let expected = [
        ("m1", "Records[0].body"),
        ("m2", "Records[1].body.Records[1]"),
        ("m3", "Records[2].body"),
        ("m4", "Records[3].body"),
        ("m5", "Records[4]"),
    ];
    assert_eq!(bad, expected);
}

#[test]
fn keeps_an_object_once_by_its_last_event() {
    let triggers = objects(notification(&[
        record("ObjectCreated:Put", "a", "0055AED6DCD90281E5"),
        record("ObjectCreated:Put", "b", "01"),
        record("ObjectRemoved:Delete", "a", "0055AED6DCD90281E6"),
        record("ObjectCreated:Put", "a", "0055AED6DCD9"),
    ]));
    assert_eq!(keys(&triggers), ["a", "b"]);
    assert!(triggers.objects[0].deleted);
    assert_eq!(
        triggers.objects[0].sequencer.as_deref(),
        Some("0055AED6DCD90281E6")
    );

    let put = |sequencer| notification(&[record("ObjectCreated:Put", "a", sequencer)]).to_string();
    let triggers = objects(notification(&[
        message("m1", &put("02")),
        message("m2", &put("01")),
        message("m3", &put("03")),
    ]));
    assert_eq!(triggers.objects.len(), 1);
    assert_eq!(
        triggers.objects[0].message_ids,
        ["m1", "m2", "m3"],
        "each message waits for its object"
    );
}

#[test]
fn orders_sequencers_padded_to_the_right() {
    assert_eq!(later(Some("0A"), Some("0A00")), Ordering::Equal);
    assert_eq!(later(Some("0B"), Some("0A99")), Ordering::Greater);
    assert_eq!(later(Some("0a"), Some("0A01")), Ordering::Less);
    assert_eq!(later(None, Some("00")), Ordering::Less);
}

#[test]
fn orders_sequencers_of_any_length() {
    let long = |end: &str| "0".repeat(70_000) + end;
    assert_eq!(later(Some(&long("1")), Some("0")), Ordering::Greater);
    assert_eq!(later(Some("0"), Some(&long("1"))), Ordering::Less);
    assert_eq!(later(Some(&long("a")), Some(&long("A"))), Ordering::Equal);
}

proptest! {
    /// As S3's documentation says to compare them.
    #[test]
    fn orders_sequencers_as_padded_text(a in "[0-9a-fA-F]{0,20}", b in "[0-9a-fA-F]{0,20}") {
        let padded = |text: &str| format!("{text:0<20}").to_ascii_uppercase();
        prop_assert_eq!(later(Some(&a), Some(&b)), padded(&a).cmp(&padded(&b)));
    }

    #[test]
    fn orders_any_texts(a in ".*", b in ".*") {
        let order = later(Some(&a), Some(&b));
        prop_assert_eq!(later(Some(&b), Some(&a)), order.reverse());
        prop_assert_eq!(later(Some(&a), Some(&a)), Ordering::Equal);
    }
}

#[test]
fn ignores_test_events() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-21T09:29:00Z", "Bucket": "images"});
    assert_eq!(
        objects(test),
        Triggers {
            ignored: 1,
            ..Triggers::default()
        }
    );
    assert_eq!(objects(notification(&[])), Triggers::default());
}

#[test]
fn an_event_of_very_many_records_is_read_up_to_the_limit() {
    let most = crate::limits::EVENT_RECORDS;
    let triggers = objects(json!({"Records": vec![json!(0); most + 7]}));
    assert_eq!(triggers.problems.len(), most + 1);
    let said = triggers.problems[0].to_string();
    assert!(
        said.contains("7 records are not read: at most 10000"),
        "{said}"
    );

    let body = json!({"Records": vec![json!(0); most]}).to_string();
    let message = json!({"eventSource": "aws:sqs", "messageId": "1", "body": body});
    let triggers = objects(json!({"Records": [message.clone(), message]}));
    assert_eq!(triggers.problems.len(), most + 1);
}

#[test]
fn says_what_it_received_and_what_it_expected() {
    let said = |event: Value| {
        let triggers = objects(event);
        assert!(triggers.objects.is_empty());
        triggers.problems[0].to_string()
    };
    let unknown = said(json!({"hello": 1, "token": "hush"}));
    assert!(unknown.starts_with("the event: received an object of [\"hello\", \"token\"]; expected an EventBridge event of S3"));
    assert!(!unknown.contains("hush"));
    assert!(said(json!({})).contains("an empty object"));
    assert!(said(json!([])).contains("an array"));
    assert!(said(json!({"Records": 1})).contains("[\"Records\"]"));
    assert!(
        said(event(include_str!(
            "../../events/advance-tasks-image-state-change.json"
        )))
        .contains("EC2 AMI State Change")
    );
    assert!(said(json!({"source": "aws.s3", "detail-type": "Object Created"})).contains("detail"));
}
