//! Publishing in a whole world: EC2's images in Parameter Store, and events in their own Regions.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::World;
use super::tests::{handler, start};
use crate::ec2::SeedImage;

const HOME: &str = "us-east-1";
const ELSEWHERE: &str = "eu-west-1";

/// A function that is invoked by every change of an image.
const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Resources:
  Work:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: work}}
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: .
      MemorySize: 128
      Timeout: 10
      Events:
        Image:
          Type: EventBridgeRule
          Properties:
            Pattern: {source: [aws.ec2], detail-type: [EC2 AMI State Change]}
"#;

fn image(name: &str) -> SeedImage {
    SeedImage {
        id: None,
        name: name.to_owned(),
        snapshot_id: "snap-0123456789abcdef0".to_owned(),
        volume_size: 8,
        owner_id: None,
        owner_alias: None,
    }
}

/// A call of EC2's Query protocol, past the front doors.
async fn ec2(world: &World, region: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields)
        .append_pair("Version", "2016-11-15");
    let request = http::Request::post("/").body(Bytes::from(form.finish()));
    let answer = world.ec2().handle(region, request.unwrap()).await;
    let body = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status(), body)
}

/// Puts a parameter that names an image.
async fn put(world: &World, region: &str, name: &str, value: &str) {
    let body = json!({"Name": name, "Value": value, "Type": "String", "DataType": "aws:ec2:image"});
    let request = http::Request::post("/")
        .header("x-amz-target", "AmazonSSM.PutParameter")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let answer = world.ssm().handle(region, request).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_takes_an_image_of_its_region_and_refers_to_it() {
    let world = World::builder().start().await.unwrap();
    let id = world.ec2().seed_image(HOME, image("web"));
    put(&world, HOME, "/images/web", &id).await;
    put(&world, ELSEWHERE, "/images/web", &id).await;
    world.run_for(Duration::from_secs(5)).await;
    let value = |region| world.ssm().parameter(region, "/images/web");
    assert_eq!((value(HOME), value(ELSEWHERE)), (Some(id.clone()), None));
    let references = [
        ("Action", "DescribeImageReferences"),
        ("ImageId.1", &id),
        ("IncludeAllResourceTypes", "true"),
    ];
    let (_, body) = ec2(&world, HOME, &references).await;
    assert!(body.contains(":parameter/images/web</arn>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn rules_see_the_events_of_their_own_region_only() {
    let world = start(TEMPLATE, handler(|_| async { Ok(json!(null)) })).await;
    for region in [ELSEWHERE, HOME] {
        let id = world.ec2().seed_image(region, image("web"));
        let fields = [("Action", "DisableImage"), ("ImageId", id.as_str())];
        let (status, body) = ec2(&world, region, &fields).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        world.settle().await;
    }
    assert_eq!(world.invocations().len(), 1);
}
