//! What is known of the things that a call names: keys of all snapshots, tags of whom, and what is not there.

use super::calls::{ec2, text};
use super::signed;
use crate::ec2::SeedSnapshot;
use crate::world::World;

const REGION: &str = "us-east-1";
const OURS: &str = "arn:aws:kms:us-east-1:000000000000:key/aaaaaaaa-0000-0000-0000-000000000000";
const OTHER: &str = "arn:aws:kms:us-east-1:000000000000:key/bbbbbbbb-0000-0000-0000-000000000000";

const TEMPLATE: &str = r#"
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: images}
  Some:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Sid: Make, Effect: Allow, Action: ['ec2:CopyImage', 'ec2:CopySnapshot', 'ec2:CreateStoreImageTask', 'ec2:DescribeTags', 'ec2:DeregisterImage'], Resource: '*'}
          - {Sid: Store, Effect: Allow, Action: ['ebs:*', 's3:*'], Resource: '*'}
          - {Sid: Mine, Effect: Allow, Action: 'ec2:DeleteSnapshot', Resource: '*', Condition: {StringEquals: {'aws:ResourceTag/owner': me}}}
          - {Sid: Key, Effect: Allow, Action: 'kms:*', Resource: 'arn:aws:kms:us-east-1:000000000000:key/aaaaaaaa-0000-0000-0000-000000000000'}
          - {Sid: Kept, Effect: Deny, Action: 'ec2:DeregisterImage', Resource: '*', Condition: {StringEquals: {'aws:RequestedRegion': us-east-1}}}
  Copy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Sid: Copy, Effect: Allow, Action: ['s3:GetObject', 's3:PutObject'], Resource: '*'}
  Parameters:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Sid: Put, Effect: Allow, Action: 'ssm:PutParameter', Resource: '*'}
"#;

async fn world() -> World {
    let builder = World::builder().template(TEMPLATE);
    let builder = builder.user("ann", "Some").user("bob", "Parameters");
    builder.start().await.unwrap()
}

/// An image of one snapshot for each key; none is one that is not encrypted.
async fn image(world: &World, keys: &[Option<&str>]) -> String {
    let mut query =
        "Action=RegisterImage&Name=web&RootDeviceName=/dev/sda1&VirtualizationType=hvm".to_owned();
    for (at, key) in keys.iter().enumerate() {
        let id = world.ec2().seed_snapshot(REGION, SeedSnapshot::default());
        world.ec2().edit_snapshot(REGION, &id, |snapshot| {
            snapshot.encrypted = key.is_some();
            snapshot.kms_key_id = key.map(str::to_owned);
        });
        let device = ["/dev/sda1", "/dev/sdf"][at];
        let number = at + 1;
        query += &format!(
            "&BlockDeviceMapping.{number}.DeviceName={device}&BlockDeviceMapping.{number}.Ebs.SnapshotId={id}"
        );
    }
    let uri = "https://ec2.us-east-1.amazonaws.com/";
    let body = format!("{query}&Version=2016-11-15");
    let answer = world.dispatch(signed("AKID", "ec2", "POST", uri, &body));
    let (_, body) = text(answer.await.unwrap());
    world.run_for(std::time::Duration::from_secs(60)).await;
    let id = body.split("<imageId>").nth(1).expect(&body);
    id.split('<').next().unwrap().to_owned()
}

fn copy(id: &str, more: &str) -> String {
    format!("Action=CopyImage&SourceImageId={id}&SourceRegion={REGION}&Name=copy{more}")
}

/// The keys whose use was refused.
fn refused_keys(world: &World) -> Vec<String> {
    let denials = world.iam().denials().into_iter();
    let keys = denials.filter(|denial| denial.action.starts_with("kms:"));
    keys.map(|denial| denial.resource).collect()
}

#[tokio::test(start_paused = true)]
async fn a_copy_uses_the_keys_of_all_snapshots() {
    for (keys, allowed) in [
        (&[Some(OURS), None][..], true),
        (&[Some(OURS), Some(OURS)], true),
        (&[Some(OURS), Some(OTHER)], false),
        (&[None, Some(OTHER)], false),
    ] {
        let world = world().await;
        let id = image(&world, keys).await;
        let (status, body) = ec2(&world, &copy(&id, "")).await;
        assert_eq!(status == 200, allowed, "{keys:?}: {body}");
        let refused = if allowed { Vec::new() } else { vec![OTHER] };
        assert_eq!(refused_keys(&world), refused, "{keys:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_a_key_of_its_own_uses_the_key_by_default() {
    let named = format!("&Encrypted=true&KmsKeyId={OURS}");
    for (on, key, source, more, allowed) in [
        (true, Some(OTHER), None, "", false),
        (true, Some(OURS), None, "", true),
        (true, None, None, "", true),
        (false, Some(OTHER), None, "", true),
        (false, Some(OTHER), None, "&Encrypted=true", false),
        (false, Some(OTHER), Some(OURS), "&Encrypted=true", false),
        // It keeps its own.
        (true, Some(OTHER), Some(OURS), "", true),
        (true, Some(OTHER), None, named.as_str(), true),
    ] {
        let world = world().await;
        let id = image(&world, &[source]).await;
        world.ec2().set_encryption_by_default(REGION, on, key);
        let (status, body) = ec2(&world, &copy(&id, more)).await;
        assert_eq!(
            status == 200,
            allowed,
            "{on} {key:?} {source:?} {more}: {body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn storing_an_encrypted_image_uses_its_keys() {
    for (key, allowed) in [(None, true), (Some(OURS), true), (Some(OTHER), false)] {
        let world = world().await;
        let id = image(&world, &[key]).await;
        let query = format!("Action=CreateStoreImageTask&ImageId={id}&Bucket=images");
        let (status, body) = ec2(&world, &query).await;
        assert_eq!(status == 200, allowed, "{key:?}: {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deny_holds_for_what_is_not_there_too() {
    let world = world().await;
    let (status, body) = ec2(
        &world,
        "Action=DeregisterImage&ImageId=ami-0123456789abcdef0",
    )
    .await;
    assert!(
        status == 403 && body.contains("UnauthorizedOperation"),
        "{body}"
    );
    assert_eq!(world.iam().denials()[0].denied_by.as_deref(), Some("Kept"));
}

#[tokio::test(start_paused = true)]
async fn tags_of_another_account_do_not_count() {
    let world = world().await;
    for (owner, status) in [(None, 200), (Some("111122223333"), 403)] {
        let seed = SeedSnapshot {
            owner_id: owner.map(str::to_owned),
            tags: [("owner".to_owned(), "me".to_owned())].into(),
            ..SeedSnapshot::default()
        };
        let id = world.ec2().seed_snapshot(REGION, seed);
        let (found, body) = ec2(&world, &format!("Action=DeleteSnapshot&SnapshotId={id}")).await;
        assert_eq!(found, status, "{owner:?}: {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_are_copied_by_who_may_read_and_write_them() {
    let world = World::builder().template(TEMPLATE).user("ann", "Copy");
    let world = world.start().await.unwrap();
    let ann = world.iam().credentials("ann").unwrap().access_key_id;
    let send = async |key: &str, path: &str, headers: &[(&'static str, &str)], body: &str| {
        let uri = format!("https://s3.us-east-1.amazonaws.com/images/{path}");
        let mut request = signed(key, "s3", "PUT", &uri, body);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        world.dispatch(request).await.unwrap().status().as_u16()
    };
    assert_eq!(send("AKID", "plain", &[], "x").await, 200);
    assert_eq!(
        send("AKID", "tagged", &[("x-amz-tagging", "a=b")], "x").await,
        200
    );
    let replace = ("x-amz-tagging-directive", "REPLACE");
    for (source, more, status) in [
        ("images/plain", None, 200),
        ("images/tagged", None, 403),
        ("images/tagged", Some(replace), 200),
    ] {
        let headers: Vec<_> = [Some(("x-amz-copy-source", source)), more]
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(
            send(&ann, "copy", &headers, "").await,
            status,
            "{source} {more:?}"
        );
    }
    let denial = &world.iam().denials()[0];
    assert_eq!(denial.action, "s3:GetObjectTagging");
    assert_eq!(denial.resource, "arn:aws:s3:::images/tagged");
}

#[tokio::test(start_paused = true)]
async fn a_parameter_of_an_image_is_written_by_who_may_see_images() {
    let world = world().await;
    let key = world.iam().credentials("bob").unwrap().access_key_id;
    for (kind, allowed) in [("text", true), ("aws:ec2:image", false)] {
        let body = format!(
            r#"{{"Name": "/a", "Value": "ami-0123456789abcdef0", "Type": "String", "DataType": "{kind}", "Overwrite": true}}"#
        );
        let uri = "https://ssm.us-east-1.amazonaws.com/";
        let mut request = signed(&key, "ssm", "POST", uri, &body);
        let target = "AmazonSSM.PutParameter".parse().unwrap();
        request.headers_mut().insert("x-amz-target", target);
        let (status, body) = text(world.dispatch(request).await.unwrap());
        assert_eq!(status == 200, allowed, "{kind}: {body}");
    }
    assert_eq!(world.iam().denials()[0].action, "ec2:DescribeImages");
}
