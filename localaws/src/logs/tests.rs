//! FilterLogEvents: ranges, patterns and pages.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::pattern::Pattern;
use crate::world::World;

const TEMPLATE: &str = r"
Transform: AWS::Serverless-2016-10-31
Resources:
  Group:
    Type: AWS::Logs::LogGroup
  Greet:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: greet}}
    Properties:
      LoggingConfig: {LogFormat: JSON, LogGroup: !Ref Group}
  Other:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: other}}
";

async fn world() -> World {
    World::builder().template(TEMPLATE).start().await.unwrap()
}

/// Asks a log group, as a client of this Region.
async fn ask_in(world: &World, region: &str, action: &str, body: Value) -> (StatusCode, Value) {
    let scope = format!("Credential=AKID/20261121/{region}/logs/aws4_request");
    let request = http::Request::post("/")
        .header("host", "127.0.0.1:4566")
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 {scope}, Signature=00"),
        )
        .header("x-amz-target", format!("Logs_20140328.{action}"))
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let answer = world.dispatch(request).await.unwrap();
    let body = serde_json::from_slice(answer.body()).unwrap();
    (answer.status(), body)
}

async fn filter(world: &World, body: Value) -> Value {
    let (status, answer) = ask_in(world, "us-east-1", "FilterLogEvents", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

fn messages(answer: &Value) -> Vec<&str> {
    let events = answer["events"].as_array().unwrap().iter();
    events.map(|it| it["message"].as_str().unwrap()).collect()
}

fn line(second: u64, name: &str) -> String {
    json!({"timestamp": format!("2025-11-21T10:00:{second:02}Z"), "fields": {"name": name}})
        .to_string()
}

#[tokio::test]
async fn events_are_sorted_by_time_and_come_in_pages() {
    let world = world().await;
    for (second, name) in [(3, "c"), (1, "a"), (2, "b")] {
        world.logs().append("Greet", &line(second, name)).unwrap();
    }
    world.logs().append("Greet", "of the same time").unwrap();
    let first = filter(&world, json!({"logGroupName": "local-Group", "limit": 2})).await;
    assert_eq!(messages(&first), [line(1, "a"), line(2, "b")]);
    let token = &first["nextToken"];
    // What comes late is on no page that was read.
    world.logs().append("Greet", &line(0, "late")).unwrap();
    let rest = json!({"logGroupName": "local-Group", "limit": 2, "nextToken": token});
    let rest = filter(&world, rest).await;
    assert_eq!(messages(&rest), ["of the same time", &line(3, "c")]);
    assert!(rest["nextToken"].is_null(), "{rest}");
    let ids = |answer: &Value| {
        let events = answer["events"].as_array().unwrap().clone();
        events.into_iter().map(|it| it["eventId"].clone())
    };
    let all = filter(&world, json!({"logGroupName": "local-Group"})).await;
    let late = ids(&all).next();
    let parts: Vec<_> = late
        .into_iter()
        .chain(ids(&first))
        .chain(ids(&rest))
        .collect();
    assert_eq!(ids(&all).collect::<Vec<_>>(), parts, "ids stay");
    let from = json!({"logGroupName": "local-Group", "startTime": 1_763_719_202_500_u64, "endTime": 1_763_719_203_000_u64});
    assert_eq!(messages(&filter(&world, from).await), [line(3, "c")]);
}

#[tokio::test]
async fn patterns_select_by_members_of_json() {
    let world = world().await;
    for name in ["web", "web-2", "db"] {
        world.logs().append("Greet", &line(1, name)).unwrap();
    }
    world.logs().append("Greet", "web").unwrap();
    for (pattern, found) in [
        (r#"{ $.fields.name = "web" }"#, 1),
        (r#"{ ($.fields.name = "db") || ($.name = "web") }"#, 1),
        (r#"{ $.fields.name = "web*" }"#, 2),
        (r#""web""#, 3),
        ("", 4),
    ] {
        let asked = json!({"logGroupName": "local-Group", "filterPattern": pattern});
        let answer = filter(&world, asked).await;
        assert_eq!(messages(&answer).len(), found, "{pattern}: {answer}");
    }
}

#[tokio::test]
async fn other_groups_and_options_are_refused() {
    let world = world().await;
    let group = json!({"logGroupName": "/aws/lambda/local-Other"});
    assert_eq!(messages(&filter(&world, group.clone()).await), [""; 0]);
    for (region, body) in [
        ("us-east-1", json!({"logGroupName": "other"})),
        ("us-west-2", group),
    ] {
        let (status, answer) = ask_in(&world, region, "FilterLogEvents", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["__type"], "ResourceNotFoundException");
    }
    for (action, option) in [
        ("FilterLogEvents", json!({"logStreamNamePrefix": "x"})),
        ("FilterLogEvents", json!({"filterPattern": "{ $.a != 1 }"})),
        ("FilterLogEvents", json!({"filterPattern": "two words"})),
        ("GetLogEvents", json!({})),
    ] {
        let mut body = json!({"logGroupName": "local-Group"});
        body.as_object_mut()
            .unwrap()
            .extend(option.as_object().unwrap().clone());
        let (status, answer) = ask_in(&world, "us-east-1", action, body).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{option}: {answer}");
    }
    let long = Pattern::parse(&format!("\"{}\"", "x".repeat(1024)));
    assert!(long.is_err());
}
