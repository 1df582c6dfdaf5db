//! A small stack, driven as a user would.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};

use super::{World, WorldError};
use crate::ec2::SeedSnapshot;
use crate::faults::Fault;
use crate::lambda::{FunctionError, FunctionRunner, Handler, Invocation};
use crate::wire::AnswerLost;
use crate::wire::{Request, Response};

/// A bucket, a queue, a topic and a function that is invoked by `.txt` objects and every minute.
pub(crate) const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: images
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
  Failed:
    Type: AWS::SQS::Queue
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      Subscription: [{Protocol: email, Endpoint: ops@example.com}]
  Work:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: work}}
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: .
      MemorySize: 128
      Timeout: 10
      Environment: {Variables: {BUCKET: !Ref Bucket}}
      Policies:
        - Version: "2012-10-17"
          Statement:
            - Sid: WriteObjects
              Effect: Allow
              Action: s3:PutObject
              Resource: !Sub "${Bucket.Arn}/*"
      EventInvokeConfig:
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failed.Arn}}
      Events:
        Put:
          Type: EventBridgeRule
          Properties:
            Pattern:
              source: [aws.s3]
              detail-type: [Object Created]
              detail: {object: {key: [{suffix: .txt}]}}
        Tick:
          Type: Schedule
          Properties: {Schedule: rate(1 minute), Input: '{"tick": true}'}
"#;

/// A request as a client signs it; the signature itself is not verified.
pub(crate) fn signed(service: &str, method: &str, uri: &str, body: &str) -> Request {
    let scope = format!("AKID/20251121/us-east-1/{service}/aws4_request");
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
    let request = http::Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", authorization);
    request.body(Bytes::from(body.to_owned())).unwrap()
}

/// A PutObject of one byte.
pub(crate) fn put(key: &str) -> Request {
    signed(
        "s3",
        "PUT",
        &format!("https://s3.us-east-1.amazonaws.com/images/{key}"),
        "x",
    )
}

/// A runner of this code.
pub(crate) fn handler<F>(code: impl Fn(Invocation) -> F + Send + Sync + 'static) -> FunctionRunner
where
    F: Future<Output = Result<Value, FunctionError>> + Send + 'static,
{
    let handler: Handler =
        Arc::new(move |invocation| -> BoxFuture<'static, _> { Box::pin(code(invocation)) });
    FunctionRunner::InProcess(handler)
}

/// A world of this template whose schedules stand still.
pub(crate) async fn start(template: &str, runner: FunctionRunner) -> World {
    World::builder()
        .template(template)
        .functions(runner)
        .schedules(false)
        .start()
        .await
        .unwrap()
}

/// A way into the world for handlers that are made before it.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<Mutex<Option<World>>>);

impl Door {
    pub(crate) async fn call(&self, request: Request) -> Result<Response, AnswerLost> {
        let world = self.0.lock().unwrap().clone().unwrap();
        world.dispatch(request).await
    }

    pub(crate) fn open(&self, world: &World) -> Opened {
        *self.0.lock().unwrap() = Some(world.clone());
        Opened(self.clone())
    }
}

pub(crate) struct Opened(Door);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().take();
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_object_invokes_the_function_whose_rule_it_matches() {
    let world = start(
        TEMPLATE,
        handler(
            |invocation| async move { Ok(invocation.payload["detail"]["object"]["key"].clone()) },
        ),
    )
    .await;
    world.s3().put("images", "a.txt", "x").await.unwrap();
    world.s3().put("images", "b.bin", "x").await.unwrap();
    world.settle().await;
    let invocations = world.invocations();
    assert_eq!(invocations.len(), 1);
    assert_eq!(invocations[0].function, "Work");
    assert_eq!(invocations[0].outcome, Ok(json!("a.txt")));
    assert_eq!(invocations[0].payload["detail-type"], "Object Created");
}

#[tokio::test(start_paused = true)]
async fn settle_waits_for_what_follows_from_what_it_waits_for() {
    let door = Door::default();
    let inside = door.clone();
    let world = start(
        TEMPLATE,
        handler(move |invocation| {
            let door = inside.clone();
            async move {
                if invocation.payload["detail"]["object"]["key"] == "first.txt" {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    assert_eq!(
                        door.call(put("second.txt")).await.unwrap().status(),
                        StatusCode::OK
                    );
                }
                Ok(Value::Null)
            }
        }),
    )
    .await;
    let _open = door.open(&world);
    world.s3().put("images", "first.txt", "x").await.unwrap();
    world.settle().await;
    assert_eq!(world.invocations().len(), 2);
    let calls = world.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].action.as_str(), calls[0].key.as_deref()),
        ("PutObject", Some("second.txt"))
    );
    assert_eq!(calls[0].function.as_deref(), Some("Work"));
}

#[tokio::test(start_paused = true)]
async fn schedules_run_every_minute() {
    let runner = handler(|_| async { Ok(Value::Null) });
    let world = World::builder()
        .template(TEMPLATE)
        .functions(runner)
        .start()
        .await
        .unwrap();
    world.run_for(Duration::from_secs(5 * 60 + 1)).await;
    world.settle().await;
    let invocations = world.invocations();
    assert_eq!(invocations.len(), 5);
    assert!(
        invocations
            .iter()
            .all(|record| record.payload == json!({"tick": true}))
    );
    let gaps = invocations
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at).as_secs());
    assert!(gaps.into_iter().all(|gap| (59..=61).contains(&gap)));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_without_input_sends_the_event_of_its_rule() {
    let template = TEMPLATE.replace(", Input: '{\"tick\": true}'", "");
    let runner = handler(|_| async { Ok(Value::Null) });
    let world = World::builder().template(&template).functions(runner);
    let world = world.start().await.unwrap();
    world.run_for(Duration::from_secs(61)).await;
    let mut event = world.invocations()[0].payload.clone();
    assert!(event["id"].take().is_string());
    assert_eq!(
        event,
        json!({
            "version": "0", "id": null, "detail-type": "Scheduled Event", "source": "aws.events",
            "account": "000000000000", "time": "2025-11-21T10:01:00Z", "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:000000000000:rule/local-WorkTick"], "detail": {},
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_here_says_so() {
    let world = start(TEMPLATE, FunctionRunner::Nothing).await;
    let request = signed(
        "rds",
        "POST",
        "https://rds.us-east-1.amazonaws.com/",
        "Action=DescribeEvents",
    );
    let answer = world.dispatch(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_IMPLEMENTED);
    let text = String::from_utf8_lossy(answer.body());
    assert!(
        text.contains(
            "<Code>NotImplemented</Code><Message>localaws has not built rds DescribeEvents"
        ),
        "{text}"
    );
    let rest = signed(
        "lambda",
        "GET",
        "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions",
        "",
    );
    let answer = world.dispatch(rest).await.unwrap();
    assert!(String::from_utf8_lossy(answer.body()).contains("lambda GET /2015-03-31/functions"));
}

#[tokio::test(start_paused = true)]
async fn services_answer_through_the_front_door() {
    let world = start(TEMPLATE, FunctionRunner::Nothing).await;
    let who = signed(
        "sts",
        "POST",
        "https://sts.amazonaws.com/",
        "Action=GetCallerIdentity&Version=2011-06-15",
    );
    let answer = world.dispatch(who).await.unwrap();
    assert!(String::from_utf8_lossy(answer.body()).contains(crate::ACCOUNT));
    let topic = &world.stack().topics[0].arn;
    let publish = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("TopicArn", topic),
            ("Message", "hello"),
            ("Subject", "Hi"),
        ])
        .finish();
    let mut publish = signed(
        "sns",
        "POST",
        "https://sns.us-east-1.amazonaws.com/",
        &publish,
    );
    let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    publish
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, form);
    assert_eq!(
        world.dispatch(publish).await.unwrap().status(),
        StatusCode::OK
    );
    let emails = world.mailbox().unwrap();
    assert_eq!(emails.len(), 1);
    assert!(String::from_utf8_lossy(&emails[0].1).contains("ops@example.com"));
}

#[tokio::test(start_paused = true)]
async fn without_a_template_there_is_an_empty_account() {
    let world = World::builder().start().await.unwrap();
    assert_eq!(world.stack().functions, []);
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_run_here_is_refused_at_the_start() {
    let topic = TEMPLATE.replace(
        "{Type: SQS, Destination: !GetAtt Failed.Arn}",
        "{Type: SNS, Destination: !Ref Topic}",
    );
    let error = World::builder().template(&topic).start().await.unwrap_err();
    assert!(
        matches!(
            error,
            WorldError::Destination { .. } | WorldError::Template(_)
        ),
        "{error:?}"
    );
}

/// Each would have streams of its own there; here a log group is one file.
#[tokio::test(start_paused = true)]
async fn a_log_group_of_two_functions_is_refused() {
    let function = |name: &str| {
        format!(
            "  {name}:\n    Type: AWS::Serverless::Function\n    Properties: {{Runtime: provided.al2023, Handler: bootstrap, \
             CodeUri: ., MemorySize: 128, Timeout: 10, LoggingConfig: {{LogGroup: shared}}}}\n    Metadata: {{BuildMethod: \
             rust-cargolambda, BuildProperties: {{Binary: {}}}}}\n",
            name.to_lowercase()
        )
    };
    let template = format!(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n{}{}",
        function("One"),
        function("Two")
    );
    let refused = World::builder()
        .template(&template)
        .functions(handler(|_| async { Ok(Value::Null) }))
        .start()
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("a log group of two functions: shared"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_stacks_of_one_account_share_all_but_their_functions() {
    let echo = || {
        handler(
            |invocation| async move { Ok(invocation.payload["detail"]["object"]["key"].clone()) },
        )
    };
    let first = start(TEMPLATE, echo()).await;
    let other = TEMPLATE.replace("BucketName: images", "BucketName: others");
    let second = World::builder()
        .template(&other)
        .stack_name("second")
        .beside(&first)
        .functions(echo())
        .schedules(false);
    let second = second.start().await.unwrap();
    second.s3().put("others", "a.txt", "x").await.unwrap();
    first.s3().put("images", "b.txt", "x").await.unwrap();
    let snapshot = first
        .ec2()
        .seed_snapshot("us-east-1", SeedSnapshot::default());
    for world in [&first, &second] {
        world.settle().await;
        // Its rule names no bucket.
        let outcomes: Vec<_> = world
            .invocations()
            .into_iter()
            .map(|it| it.outcome)
            .collect();
        assert_eq!(outcomes, [Ok(json!("a.txt")), Ok(json!("b.txt"))]);
        assert!(world.s3().get("others", "a.txt").await.unwrap().is_some());
        let there = world.ec2().snapshots("us-east-1");
        assert!(there.iter().any(|it| it.id == snapshot));
        assert_eq!(world.clock().now(), first.clock().now());
    }
    let faults = second.faults();
    faults.on("s3", "PutObject", 1, Fault::Throttle);
    assert_eq!((faults.pending(), first.faults().pending()), (1, 0));
    drop(first);
    second.s3().put("others", "c.txt", "x").await.unwrap();
}
