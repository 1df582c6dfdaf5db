//! The events that invoke the functions, in every shape that AWS sends.

use crate::support::TestStack;
use serde_json::json;

fn record(bucket: &str, key: &str) -> serde_json::Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2026-11-21T10:00:00.000Z",
        "eventName": "ObjectCreated:Put", "userIdentity": {"principalId": "EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"}, "responseElements": {"x-amz-request-id": "EXAMPLE123456789"},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "id",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "EXAMPLE"}, "arn": format!("arn:aws:s3:::{bucket}")},
            "object": {"key": key, "size": 1024, "eTag": "0123456789abcdef0123456789abcdef", "sequencer": "0A1B2C3D4E5F678901"}
        }
    })
}

#[tokio::test(start_paused = true)]
async fn keys_with_spaces_plus_percent_and_umlauts_arrive() {
    let stack = TestStack::new().await;
    let keys = [
        "a b/web+1 100%.image.yaml",
        "grün/wéb.image.yaml",
        "literal%20percent.image.yaml",
    ];
    for (number, key) in keys.iter().enumerate() {
        stack
            .drop_file(key, stack.manifest(&format!("web-{number}")))
            .await;
    }
    stack.rest().await;
    assert_eq!(stack.images().len(), keys.len());
    for key in keys {
        assert_eq!(stack.status(key).await["state"], "available", "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_s3_notification_with_form_encoded_keys_is_understood() {
    let stack = TestStack::new().await;
    stack.drop_silently("a b/web+1.image.yaml", stack.manifest("web"));
    let event = json!({"Records": [record(&stack.bucket, "a+b/web%2B1.image.yaml")]});
    stack.world.invoke("RegisterImage", event).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_loses_no_other_and_fails_the_invocation() {
    let stack = TestStack::new().await;
    stack.drop_silently("web.image.yaml", stack.manifest("web"));
    let event = json!({"Records": [{"eventSource": "aws:s3"}, record(&stack.bucket, "web.image.yaml"),
                                   record(&stack.bucket, "notes.txt"), record("another-bucket", "x.image.yaml")]});
    let error = stack
        .world
        .invoke("RegisterImage", event)
        .await
        .unwrap_err();
    assert!(error.message.contains("Records[0]"), "{}", error.message);
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn sqs_gets_back_only_the_messages_that_failed() {
    let stack = TestStack::new().await;
    stack.drop_silently("web.image.yaml", stack.manifest("web"));
    let message = |id: &str, body: String| {
        json!({"messageId": id, "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {},
               "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q", "awsRegion": "us-east-1"})
    };
    let event = json!({"Records": [
        message("good", json!({"Records": [record(&stack.bucket, "web.image.yaml")]}).to_string()),
        message("eventbridge", stack.object_created("web.image.yaml").to_string()),
        message("bad", "{not json".to_owned()),
    ]});
    let answer = stack.world.invoke("RegisterImage", event).await.unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "bad"}]})
    );
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
}

#[tokio::test(start_paused = true)]
async fn a_test_event_is_ignored() {
    let stack = TestStack::new().await;
    let event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-21T10:00:00.000Z",
                       "Bucket": stack.bucket, "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"});
    let answer = stack.world.invoke("RegisterImage", event).await.unwrap();
    assert_eq!(answer, json!({"reconciled": 0, "ignored": 1}));
}

#[tokio::test(start_paused = true)]
async fn manifests_in_the_state_bucket_start_nothing() {
    let stack = TestStack::new().await;
    for key in ["web.image.yaml", "bundles/web.image.yaml"] {
        stack.write_state(key, stack.manifest("web"));
        let event = stack.state_created(key);
        let answer = stack.world.invoke("RegisterImage", event).await;
        assert_eq!(answer.unwrap()["reconciled"], 0);
    }
    stack
        .world
        .run_for(std::time::Duration::from_secs(16 * 60))
        .await;
    assert_eq!(stack.images(), []);
    assert_eq!(stack.state_keys("status/").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn every_key_of_the_manifest_bucket_may_be_a_manifest() {
    let stack = TestStack::new().await;
    let key = "status/open/web.image.yaml";
    stack.drop_and_rest(key, stack.manifest("web")).await;
    assert_eq!(stack.status(key).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn markers_and_statuses_in_the_manifest_bucket_mean_nothing() {
    let stack = TestStack::new().await;
    for key in [
        "due/web.image.yaml.due",
        "open/web.image.yaml.open",
        "status/web.image.yaml.json",
    ] {
        stack.drop_file(key, "x").await;
    }
    let event = stack.object_created("due/web.image.yaml.due");
    let report = stack.world.invoke("Notify", event).await.unwrap();
    assert_eq!(report["statuses"], 0);
    stack
        .world
        .run_for(std::time::Duration::from_secs(16 * 60))
        .await;
    assert_eq!(stack.state_keys("").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_no_known_shape_fails_and_says_what_was_expected() {
    let stack = TestStack::new().await;
    let error = stack
        .world
        .invoke("RegisterImage", json!({"hello": "world"}))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("expected an EventBridge event"),
        "{}",
        error.message
    );
    let error = stack
        .world
        .invoke("AdvanceTasks", json!({"task": "dance"}))
        .await
        .unwrap_err();
    assert!(error.message.contains("dance"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn a_status_whose_key_arrives_form_encoded_is_notified_all_the_same() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    let fault = localaws::faults::Fault::Throttle;
    stack.world.faults().always("sns", "Publish", fault);
    stack
        .drop_file("a b/web+1.image.yaml", stack.manifest("web"))
        .await;
    stack
        .world
        .run_for(std::time::Duration::from_secs(3600))
        .await;
    stack.world.invoke("AdvanceTasks", json!({})).await.ok();
    stack
        .world
        .run_for(std::time::Duration::from_secs(3600))
        .await;
    stack.world.faults().clear();
    let key = "due/a+b/web%2B1.image.yaml.due";
    let report = stack
        .world
        .invoke("Notify", stack.state_created(key))
        .await
        .unwrap();
    assert_eq!(report["sent"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_foreign_ami_costs_one_call() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack
        .drop_file("web.image.yaml", stack.manifest("web"))
        .await;
    stack.world.settle().await;
    let before = stack.world.calls().len();
    let event = json!({
        "version": "0", "id": "e", "detail-type": "EC2 AMI State Change", "source": "aws.ec2",
        "account": "000000000000", "time": "2026-11-21T10:00:00Z", "region": "us-east-1", "resources": [],
        "detail": {"RequestId": "r", "ImageId": "ami-0123456789abcdef0", "State": "available", "ErrorMessage": ""}
    });
    stack.world.invoke("AdvanceTasks", event).await.unwrap();
    let calls: Vec<String> = stack.world.calls()[before..]
        .iter()
        .map(|call| call.action.clone())
        .collect();
    assert_eq!(calls, ["DescribeImages"]);

    // That of our own moves it on at once, without a tick.
    stack
        .world
        .run_for(std::time::Duration::from_secs(30))
        .await;
    stack.world.settle().await;
    assert_eq!(stack.status("web.image.yaml").await["state"], "available");
    assert_eq!(stack.count("ListObjectsV2"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_finished_bundle_requeues_its_image_at_once() {
    let hourly =
        |builder: localaws::world::Builder| builder.parameter("AdvanceSchedule", "rate(1 hour)");
    let (stack, instance) = TestStack::classic_built(hourly).await;
    let manifest = format!("name: win\nsource: {{instance: {{id: {instance}}}}}\n");
    stack.drop_file("win.image.yaml", manifest).await;
    // Bundling takes a minute; the next tick would come after an hour.
    stack
        .world
        .run_for(std::time::Duration::from_secs(90))
        .await;
    assert_eq!(stack.status("win.image.yaml").await["state"], "available");
}
