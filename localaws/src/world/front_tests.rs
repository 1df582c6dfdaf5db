//! What clients meet at the front door, whatever they ask: signatures, errors, dates.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::World;
use super::tests::{TEMPLATE, signed};
use crate::wire::{Request, Response};

const OBJECT: &str = "https://images.s3.amazonaws.com/a.txt";

fn unsigned(method: &str, uri: &str) -> Request {
    let request = http::Request::builder().method(method).uri(uri);
    request.body(Bytes::new()).unwrap()
}

async fn answer(world: &World, request: Request) -> (StatusCode, String) {
    let answer = world.dispatch(request).await.unwrap();
    let text = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status(), text)
}

/// The texts of all elements of this name.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_default();
    rest.split("</").next().unwrap_or_default()
}

fn json_of(answer: &Response) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_signed_or_has_expired_is_refused() {
    let world = World::builder().template(TEMPLATE).start().await.unwrap();
    world.s3().put("images", "a.txt", "x").await.unwrap();
    for (method, uri) in [
        ("GET", OBJECT),
        ("PUT", OBJECT),
        ("DELETE", OBJECT),
        (
            "GET",
            "https://ec2.us-east-1.amazonaws.com/?Action=DescribeImages",
        ),
        ("POST", "https://sns.us-east-1.amazonaws.com/"),
        ("POST", "https://ssm.us-east-1.amazonaws.com/"),
        ("POST", "https://sts.amazonaws.com/"),
    ] {
        let (status, text) = answer(&world, unsigned(method, uri)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {uri}: {text}");
    }
    let date = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let now = world.clock().now();
    let url = |at: Timestamp, seconds: u32| {
        format!(
            "{OBJECT}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={}&X-Amz-Expires={seconds}&X-Amz-Signature=00\
             &X-Amz-SignedHeaders=host&X-Amz-Credential=AKID%2F20261121%2Fus-east-1%2Fs3%2Faws4_request",
            date(at)
        )
    };
    let valid = answer(&world, unsigned("GET", &url(now, 60))).await;
    assert_eq!(valid, (StatusCode::OK, "x".to_owned()));
    let before = now - jiff::SignedDuration::from_secs(120);
    let (status, text) = answer(&world, unsigned("GET", &url(before, 60))).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{text}");
    assert_eq!(element(&text, "Code"), "AccessDenied");
    assert_eq!(element(&text, "Message"), "Request has expired");
    assert!(!element(&text, "RequestId").is_empty() && !element(&text, "HostId").is_empty());
    let (status, text) = answer(&world, unsigned("GET", &url(now, 604_801))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    assert_eq!(element(&text, "Code"), "AuthorizationQueryParametersError");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_built_is_an_error_that_clients_of_each_protocol_read() {
    let world = World::builder().template(TEMPLATE).start().await.unwrap();
    for (service, body) in [
        ("ec2", "Action=RunInstances&Version=2016-11-15"),
        ("sns", "Action=PublishBatch&Version=2010-03-31"),
        ("iam", "Action=ListRoles&Version=2010-05-08"),
        ("rds", "Action=DescribeDBInstances&Version=2014-10-31"),
    ] {
        let uri = format!("https://{service}.us-east-1.amazonaws.com/");
        let (status, text) = answer(&world, signed(service, "POST", &uri, body)).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{service}: {text}");
        assert_eq!(
            element(&text, "Code"),
            "NotImplemented",
            "{service}: {text}"
        );
    }
    for (service, target) in [
        ("ssm", "AmazonSSM.ListDocuments"),
        ("events", "AWSEvents.PutRule"),
        ("kms", "TrentService.CreateKey"),
        ("dynamodb", "DynamoDB_20120810.ListTables"),
    ] {
        let uri = format!("https://{service}.us-east-1.amazonaws.com/");
        let mut request = signed(service, "POST", &uri, "{}");
        request
            .headers_mut()
            .insert("x-amz-target", target.parse().unwrap());
        let answer = world.dispatch(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_IMPLEMENTED, "{service}");
        let error = json_of(&answer);
        assert_eq!(error["__type"], "NotImplemented", "{service}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("has not built"), "{message}");
    }
}

/// `aws s3 sync` compares `LastModified` with the dates of files; people read the others by their own clocks.
#[tokio::test(start_paused = true)]
async fn what_clients_compare_with_their_clocks_is_dated_by_the_time_outside_at_any_speed() {
    let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let builder = World::builder().template(TEMPLATE).epoch(now).outside(now);
    let world = builder.speed(60.0).start().await.unwrap();
    world.run_for(Duration::from_secs(3600)).await;
    world.s3().put("images", "a.txt", "x").await.unwrap();
    let head = world
        .dispatch(signed("s3", "HEAD", OBJECT, ""))
        .await
        .unwrap();
    let modified = head.headers()["last-modified"].to_str().unwrap();
    assert_eq!(modified, "Sat, 21 Nov 2026 10:01:00 GMT");

    let begin = format!("{OBJECT}?uploads");
    answer(&world, signed("s3", "POST", &begin, "")).await;
    let list = "https://images.s3.amazonaws.com/?uploads";
    let (_, uploads) = answer(&world, signed("s3", "GET", list, "")).await;
    assert_eq!(element(&uploads, "Initiated"), "2026-11-21T10:01:00.000Z");

    let ssm = async |action: &str, body: Value| {
        let uri = "https://ssm.us-east-1.amazonaws.com/";
        let mut request = signed("ssm", "POST", uri, &body.to_string());
        let target = format!("AmazonSSM.{action}").parse().unwrap();
        request.headers_mut().insert("x-amz-target", target);
        json_of(&world.dispatch(request).await.unwrap())
    };
    let put = json!({"Name": "/a", "Value": "x", "Type": "String"});
    ssm("PutParameter", put).await;
    let got = ssm("GetParameter", json!({"Name": "/a"})).await;
    let outside: Timestamp = "2026-11-21T10:01:00Z".parse().unwrap();
    assert_eq!(got["Parameter"]["LastModifiedDate"], outside.as_second());

    let topic = world.sns().create_topic("us-east-1", "news");
    let publish = format!("Action=Publish&Version=2010-03-31&TopicArn={topic}&Message=x");
    let uri = "https://sns.us-east-1.amazonaws.com/";
    answer(&world, signed("sns", "POST", uri, &publish)).await;
    assert_eq!(world.sns().published()[0].at, outside);
}
