//! Questions about a stack, and what is not known here.

use bytes::Bytes;
use http::StatusCode;

use crate::wire::Response;
use crate::world::World;

const TEMPLATE: &str = r"
Parameters:
  Names: {Type: CommaDelimitedList, Default: 'a,b'}
  Quoted: {Type: String, Default: hidden, NoEcho: 'true'}
  Secret: {Type: String, Default: hidden, NoEcho: true}
  Shown: {Type: String, Default: open, NoEcho: false}
Resources:
  Images:
    Type: AWS::S3::Bucket
    Properties:
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerPreferred}]}
      NotificationConfiguration: {EventBridgeConfiguration: {}}
Outputs:
  Bucket: {Value: !Ref Images}
";

async fn world() -> World {
    World::builder().template(TEMPLATE).start().await.unwrap()
}

async fn ask(
    world: &World,
    service: &str,
    target: &str,
    path: &str,
    body: &str,
) -> (StatusCode, String) {
    let scope = format!("Credential=AKID/20261121/us-east-1/{service}/aws4_request");
    let mut request = http::Request::builder()
        .method(if body.is_empty() { "GET" } else { "POST" })
        .uri(path)
        .header("host", "127.0.0.1:4566")
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 {scope}, Signature=00"),
        );
    if !target.is_empty() {
        request = request.header("x-amz-target", target);
    }
    let request = request
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    let answer: Response = world.dispatch(request).await.unwrap();
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    (answer.status(), text)
}

#[tokio::test]
async fn a_stack_is_described_as_its_template_says() {
    let world = world().await;
    let (_, text) = ask(
        &world,
        "cloudformation",
        "",
        "/",
        "Action=DescribeStacks&StackName=local",
    )
    .await;
    for part in [
        "<ParameterKey>Names</ParameterKey><ParameterValue>a,b</ParameterValue>",
        "<ParameterKey>Quoted</ParameterKey><ParameterValue>****</ParameterValue>",
        "<ParameterKey>Secret</ParameterKey><ParameterValue>****</ParameterValue>",
        "<ParameterKey>Shown</ParameterKey><ParameterValue>open</ParameterValue>",
        "<OutputKey>Bucket</OutputKey><OutputValue>local-images</OutputValue>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, text) = ask(
        &world,
        "cloudformation",
        "",
        "/",
        "Action=DescribeStackResources&StackName=local",
    )
    .await;
    assert!(
        text.contains("<PhysicalResourceId>local-images</PhysicalResourceId>"),
        "{text}"
    );
    let (status, text) = ask(
        &world,
        "cloudformation",
        "",
        "/",
        "Action=DescribeStacks&StackName=other",
    )
    .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        text.contains("<Code>ValidationError</Code><Message>Stack with id other does not exist"),
        "{text}"
    );
}

#[tokio::test]
async fn settings_of_buckets_are_those_of_the_template() {
    let world = world().await;
    world.s3().create_bucket("other", false).await.unwrap();
    let (_, text) = ask(&world, "s3", "", "/local-images?ownershipControls", "").await;
    assert!(
        text.contains("<ObjectOwnership>BucketOwnerPreferred<"),
        "{text}"
    );
    let (_, text) = ask(&world, "s3", "", "/local-images?notification", "").await;
    assert!(text.contains("<EventBridgeConfiguration"), "{text}");
    let (_, text) = ask(&world, "s3", "", "/other?ownershipControls", "").await;
    assert!(
        text.contains("<ObjectOwnership>BucketOwnerEnforced<"),
        "{text}"
    );
    let (_, text) = ask(&world, "s3", "", "/other?notification", "").await;
    assert!(!text.contains("<EventBridgeConfiguration"), "{text}");
    let (status, text) = ask(&world, "s3", "", "/nowhere?ownershipControls", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{text}");
    let target = "/local-images?notification&other=1";
    let (status, text) = ask(&world, "s3", "", target, "").await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{text}");
}

#[tokio::test]
async fn keys_and_roles_are_those_that_ec2_knows() {
    let world = world().await;
    let describe = "TrentService.DescribeKey";
    let (_, text) = ask(
        &world,
        "kms",
        describe,
        "/",
        r#"{"KeyId": "alias/aws/ebs"}"#,
    )
    .await;
    assert!(text.contains(r#""KeyManager":"AWS""#), "{text}");
    let (_, text) = ask(&world, "kms", describe, "/", r#"{"KeyId": "alias/web"}"#).await;
    assert!(text.contains(r#""KeyManager":"CUSTOMER""#), "{text}");
    let (_, text) = ask(&world, "iam", "", "/", "Action=GetRole&RoleName=vmimport").await;
    assert!(text.contains("vmie%2Eamazonaws%2Ecom"), "{text}");
    let (status, text) = ask(&world, "iam", "", "/", "Action=GetRole&RoleName=other").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{text}");
}

#[tokio::test]
async fn what_is_not_built_answers_501() {
    let world = world().await;
    for (service, target, path, body) in [
        (
            "cloudformation",
            "",
            "/",
            "Action=DeleteStack&StackName=local",
        ),
        (
            "cloudformation",
            "",
            "/",
            "Action=DescribeStacks&NextToken=x",
        ),
        (
            "cloudformation",
            "",
            "/",
            "Action=DescribeStackResources&PhysicalResourceId=x",
        ),
        ("iam", "", "/", "Action=CreateRole&RoleName=x"),
        ("events", "AWSEvents.PutRule", "/", "{}"),
        (
            "events",
            "AWSEvents.ListTargetsByRule",
            "/",
            r#"{"Rule": "x", "Limit": 1}"#,
        ),
        ("kms", "TrentService.CreateKey", "/", "{}"),
        (
            "kms",
            "TrentService.DescribeKey",
            "/",
            r#"{"KeyId": "x", "GrantTokens": ["x"]}"#,
        ),
        ("lambda", "", "/2015-03-31/functions/x", ""),
        (
            "lambda",
            "",
            "/2015-03-31/functions/x/configuration?Qualifier=1",
            "",
        ),
    ] {
        let (status, text) = ask(&world, service, target, path, body).await;
        assert_eq!(
            status,
            StatusCode::NOT_IMPLEMENTED,
            "{service} {target} {body}: {text}"
        );
    }
}
