//! Calls in a world, with the keys of a user who has one policy, and with others.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use s3s::crypto::{Checksum as _, Sha256};
use serde_json::{Value, json};

use super::signed;
use crate::ec2::SeedSnapshot;
use crate::iam::Denial;
use crate::wire::Response;
use crate::world::World;

const TEMPLATE: &str = r#"
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: images
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerPreferred}]}
      PublicAccessBlockConfiguration: {BlockPublicAcls: true}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Sid: Frozen, Effect: Deny, Principal: '*', Action: 's3:PutObject', Resource: 'arn:aws:s3:::images/frozen/*'}
          - {Sid: TlsOnly, Effect: Deny, Principal: '*', Action: 's3:*', Resource: '*', Condition: {Bool: {'aws:SecureTransport': false}}}
  Topic: {Type: AWS::SNS::Topic}
  Some:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Sid: Read, Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::images/in/*'}
          - {Sid: Write, Effect: Allow, Action: ['s3:PutObject', 's3:GetObject'], Resource: 'arn:aws:s3:::images/out/*'}
          - {Sid: Remove, Effect: Allow, Action: 's3:DeleteObject', Resource: 'arn:aws:s3:::images/out/*', Condition: {'Null': {'s3:if-match': false}}}
          - {Sid: List, Effect: Allow, Action: 's3:ListBucket', Resource: 'arn:aws:s3:::images', Condition: {StringLike: {'s3:prefix': ['in/*', 'out/*']}}}
          - {Sid: Register, Effect: Allow, Action: 'ec2:RegisterImage', Resource: 'arn:aws:ec2:us-east-1::image/*', Condition: {StringEquals: {'aws:RequestTag/owner': me}}}
          - {Sid: Snapshots, Effect: Allow, Action: 'ec2:RegisterImage', Resource: 'arn:aws:ec2:us-east-1::snapshot/*'}
          - {Sid: Tag, Effect: Allow, Action: 'ec2:CreateTags', Resource: 'arn:aws:ec2:us-east-1::image/*', Condition: {StringEquals: {'ec2:CreateAction': [RegisterImage, CopyImage]}}}
          - {Sid: Delete, Effect: Allow, Action: 'ec2:DeleteSnapshot', Resource: 'arn:aws:ec2:us-east-1::snapshot/*', Condition: {StringEquals: {'aws:ResourceTag/owner': me}}}
"#;

async fn world() -> World {
    let world = World::builder()
        .template(TEMPLATE)
        .user("ann", "Some")
        .user("nobody", "Missing")
        .start()
        .await
        .unwrap();
    for key in ["in/a", "other"] {
        world.s3().put("images", key, "x").await.unwrap();
    }
    world
}

fn ann(world: &World) -> String {
    world.iam().credentials("ann").unwrap().access_key_id
}

async fn s3(world: &World, key: &str, method: &str, path: &str) -> u16 {
    let uri = format!("https://s3.us-east-1.amazonaws.com/{path}");
    let request = signed(key, "s3", method, &uri, "");
    world.dispatch(request).await.unwrap().status().as_u16()
}

pub(super) async fn ec2(world: &World, query: &str) -> (StatusCode, String) {
    let uri = "https://ec2.us-east-1.amazonaws.com/";
    let body = format!("{query}&Version=2016-11-15");
    let request = signed(&ann(world), "ec2", "POST", uri, &body);
    text(world.dispatch(request).await.unwrap())
}

pub(super) fn text(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body = String::from_utf8(response.into_body().to_vec()).unwrap();
    (status, body)
}

#[tokio::test(start_paused = true)]
async fn a_user_has_what_its_policy_allows_and_the_administrator_everything() {
    let world = world().await;
    assert_eq!(world.iam().credentials("nobody"), None);
    let ann = ann(&world);
    for (method, path, expected) in [
        ("GET", "images/in/a", 200),
        ("HEAD", "images/in/a", 200),
        ("GET", "images/in/a?versionId=1", 403),
        ("GET", "images/other", 403),
        ("PUT", "images/out/b", 200),
        ("PUT", "images/in/a", 403),
        ("DELETE", "images/out/b", 403),
        ("GET", "images?list-type=2&prefix=in/", 200),
        ("GET", "images?list-type=2&prefix=secret/", 403),
        ("GET", "images?list-type=2", 403),
        ("HEAD", "images", 403),
        ("PUT", "images/in/a?acl", 403),
        // A principal that may not list is not told that an object does not exist.
        ("GET", "images/in/none", 403),
        // A bucket that is not there allows and denies nothing.
        ("GET", "nowhere/in/a", 404),
    ] {
        assert_eq!(
            s3(&world, &ann, method, path).await,
            expected,
            "{method} {path}"
        );
    }
    assert_eq!(s3(&world, "AKIDOTHER", "PUT", "images/in/a").await, 200);
    assert_eq!(s3(&world, "AKIDOTHER", "GET", "images/in/none").await, 404);
}

/// "DeleteObjects" (Amazon S3 API Reference): the answer has an error for each key that the caller may not delete.
#[tokio::test(start_paused = true)]
async fn each_of_many_objects_is_deleted_or_refused_by_itself() {
    let world = world().await;
    for key in ["out/a", "out/b", "out/c"] {
        world.s3().put("images", key, "x").await.unwrap();
    }
    // The MD5 of `x`, and another.
    let (same, other) = (
        "9dd4e461268c8034f5c8564e155c67a6",
        "00000000000000000000000000000000",
    );
    let object = |(key, etag): (&str, Option<&str>)| {
        let etag = etag.map(|etag| format!("<ETag>\"{etag}\"</ETag>"));
        format!(
            "<Object><Key>{key}</Key>{}</Object>",
            etag.unwrap_or_default()
        )
    };
    let objects = [
        ("out/a", Some(same)),
        ("out/b", None),
        ("out/c", Some(other)),
        ("out/none", Some(same)),
        ("in/a", Some(same)),
    ];
    let body = format!("<Delete>{}</Delete>", objects.map(object).concat());
    let sum = BASE64_STANDARD.encode(Sha256::checksum(body.as_bytes()));
    let delete = async |key: &str| {
        let uri = "https://s3.us-east-1.amazonaws.com/images?delete";
        let mut request = signed(key, "s3", "POST", uri, &body);
        let headers = request.headers_mut();
        headers.insert("x-amz-checksum-sha256", sum.parse().unwrap());
        let (status, text) = text(world.dispatch(request).await.unwrap());
        assert_eq!(status, StatusCode::OK, "{text}");
        objects.map(|(key, _)| {
            let at = text.find(&format!("<Key>{key}</Key>")).unwrap();
            let start = text[..at]
                .rfind("<Error>")
                .max(text[..at].rfind("<Deleted>"));
            let end = text[at..]
                .find("</Error>")
                .min(text[at..].find("</Deleted>"));
            let entry = &text[start.unwrap()..at + end.unwrap_or(text.len() - at)];
            let code = entry.split("<Code>").nth(1);
            let code = code.and_then(|code| code.split('<').next());
            code.unwrap_or("deleted").to_owned()
        })
    };
    let denied = "AccessDenied";
    let by_ann = ["deleted", denied, "PreconditionFailed", denied, denied];
    assert_eq!(delete(&ann(&world)).await, by_ann);
    // A condition on what is there is a read, too.
    world.iam().withdraw("ann", "Write");
    assert_eq!(delete(&ann(&world)).await, [denied; 5]);
    let gone = "NoSuchKey";
    let by_administrator = [gone, "deleted", "PreconditionFailed", gone, "deleted"];
    assert_eq!(delete("AKIDOTHER").await, by_administrator);
}

#[tokio::test(start_paused = true)]
async fn comparing_and_copying_is_reading() {
    let world = world().await;
    let ann = ann(&world);
    let put = |path: &str, header: (&'static str, &'static str)| {
        let uri = format!("https://s3.us-east-1.amazonaws.com/images/{path}");
        let mut request = signed(&ann, "s3", "PUT", &uri, "");
        let value = header.1.parse().unwrap();
        request.headers_mut().insert(header.0, value);
        request
    };
    for (path, header, expected) in [
        ("out/a", ("x-amz-copy-source", "/images/in/a"), 200),
        ("out/a", ("x-amz-copy-source", "/images/other"), 403),
        ("out/a", ("x-amz-acl", "private"), 403),
        ("out/new", ("if-none-match", "*"), 200),
        ("out/a", ("if-match", "\"0\""), 412),
        // It is there, or not: without the permission to list, both are the same.
        ("out/none", ("if-match", "\"0\""), 403),
    ] {
        let answer = world.dispatch(put(path, header)).await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{path} {header:?}");
    }
    world.iam().withdraw("ann", "Write");
    assert_eq!(s3(&world, &ann, "PUT", "images/out/a").await, 403);
}

#[tokio::test(start_paused = true)]
async fn a_buckets_policy_and_public_access_block_apply_to_every_principal() {
    let world = world().await;
    assert_eq!(s3(&world, "AKID", "PUT", "images/frozen/a").await, 403);
    assert_eq!(s3(&world, "AKID", "PUT", "images/free/a").await, 200);
    for (acl, expected) in [
        ("public-read", 403),
        ("public-read-write", 403),
        ("authenticated-read", 403),
        ("aws-exec-read", 200),
        ("private", 200),
    ] {
        for (path, body) in [("images/free/b", "x"), ("images/free/a?acl", "")] {
            let uri = format!("https://s3.us-east-1.amazonaws.com/{path}");
            let mut request = signed("AKID", "s3", "PUT", &uri, body);
            let value = acl.parse().unwrap();
            request.headers_mut().insert("x-amz-acl", value);
            let answer = world.dispatch(request).await.unwrap();
            assert_eq!(answer.status().as_u16(), expected, "{acl} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ec2_checks_each_resource_with_its_own_keys() {
    let world = world().await;
    let mine = SeedSnapshot {
        tags: [("owner".to_owned(), "me".to_owned())].into(),
        ..SeedSnapshot::default()
    };
    let mine = world.ec2().seed_snapshot("us-east-1", mine);
    let other = world
        .ec2()
        .seed_snapshot("us-east-1", SeedSnapshot::default());
    let register = |name: &str, owner: &str| {
        format!(
            "Action=RegisterImage&Name={name}&RootDeviceName=/dev/xvda&VirtualizationType=hvm\
             &BlockDeviceMapping.1.DeviceName=/dev/xvda&BlockDeviceMapping.1.Ebs.SnapshotId={other}\
             &TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=owner&TagSpecification.1.Tag.1.Value={owner}"
        )
    };
    let (status, answer) = ec2(&world, &register("image-a", "me")).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = ec2(&world, &register("image-b", "you")).await;
    assert_eq!(status, 403);
    for words in [
        "<Code>UnauthorizedOperation</Code>",
        "user/ann is not authorized to perform: ec2:RegisterImage on resource: arn:aws:ec2:us-east-1::image/*",
        "because no identity-based policy allows the ec2:RegisterImage action",
    ] {
        assert!(answer.contains(words), "{answer}");
    }
    let delete = |id: &str| format!("Action=DeleteSnapshot&SnapshotId={id}");
    assert_eq!(ec2(&world, &delete(&other)).await.0, 403);
    assert_eq!(ec2(&world, &delete(&mine)).await.0, 200);
    // The service itself says that something is not there.
    let (_, answer) = ec2(&world, &delete(&mine)).await;
    assert!(answer.contains("InvalidSnapshot.NotFound"), "{answer}");
    // Tagging something that is there is another thing than tagging what is made.
    let tag = format!("Action=CreateTags&ResourceId.1={other}&Tag.1.Key=owner&Tag.1.Value=me");
    assert_eq!(ec2(&world, &tag).await.0, 403);
    assert_eq!(ec2(&world, "Action=DescribeImages").await.0, 403);
    assert_eq!(ec2(&world, "Action=RunInstances").await.0, 501);
}

#[tokio::test(start_paused = true)]
async fn each_service_refuses_in_its_own_words() {
    let world = world().await;
    let ann = ann(&world);
    let publish =
        "Action=Publish&TopicArn=arn:aws:sns:us-east-1:000000000000:local-Topic&Message=x";
    let request = signed(
        &ann,
        "sns",
        "POST",
        "https://sns.us-east-1.amazonaws.com/",
        publish,
    );
    let (status, answer) = text(world.dispatch(request).await.unwrap());
    assert_eq!(status, 403);
    assert!(
        answer.contains("<Code>AuthorizationError</Code>"),
        "{answer}"
    );
    let uri = "https://ssm.us-east-1.amazonaws.com/";
    let mut request = signed(&ann, "ssm", "POST", uri, r#"{"Name": "/a"}"#);
    let target = "AmazonSSM.GetParameter".parse().unwrap();
    request.headers_mut().insert("x-amz-target", target);
    let (status, answer) = text(world.dispatch(request).await.unwrap());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (status.as_u16(), &answer["__type"]),
        (400, &json!("AccessDeniedException"))
    );
    let who = signed(
        &ann,
        "sts",
        "POST",
        "https://sts.amazonaws.com/",
        "Action=GetCallerIdentity",
    );
    let (status, answer) = text(world.dispatch(who).await.unwrap());
    assert_eq!(status, 200);
    assert!(
        answer.contains("<Arn>arn:aws:iam::000000000000:user/ann</Arn>"),
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn used_and_refused_grants_are_reported() {
    let world = world().await;
    let ann = ann(&world);
    s3(&world, &ann, "GET", "images/in/a").await;
    s3(&world, &ann, "GET", "images?list-type=2&prefix=in/").await;
    s3(&world, &ann, "GET", "images/other").await;
    let grants = world.iam().grants();
    let mut used: Vec<Value> = Vec::new();
    used.extend(grants.iter().filter(|it| it.uses > 0).map(|it| json!(it)));
    let by = |sid: &str, part: Value| {
        let mut grant = json!({"principal": "ann", "sid": sid, "uses": 1});
        grant
            .as_object_mut()
            .unwrap()
            .extend(part.as_object().unwrap().clone());
        grant
    };
    let value = json!({"operator": "StringLike", "key": "s3:prefix", "value": "in/*"});
    assert_eq!(used.len(), 3, "{used:?}");
    for grant in [
        by(
            "Read",
            json!({"action": "s3:getobject", "resource": "arn:aws:s3:::images/in/*"}),
        ),
        by(
            "List",
            json!({"action": "s3:listbucket", "resource": "arn:aws:s3:::images"}),
        ),
        by("List", value),
    ] {
        assert!(used.contains(&grant), "{grant} {used:?}");
    }
    let denial = Denial {
        principal: "ann".to_owned(),
        action: "s3:GetObject".to_owned(),
        resource: "arn:aws:s3:::images/other".to_owned(),
        denied_by: None,
    };
    assert_eq!(world.iam().denials(), [denial]);
}
