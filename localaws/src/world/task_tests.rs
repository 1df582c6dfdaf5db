//! Tasks of EC2 in a whole world: with S3's buckets, events, SSM, and a restart.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::StatusCode;
use serde_json::{Value, json};

use super::World;
use super::tests::{TEMPLATE, signed};
use crate::ec2::{Era, SeedInstance, SeedSnapshot, TaskKind};
use crate::faults::Fault;

const HOME: &str = "us-east-1";

/// A call of EC2's Query protocol to a Region.
async fn ec2(world: &World, region: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields)
        .append_pair("Version", "2016-11-15");
    let uri = format!("https://ec2.{region}.amazonaws.com/");
    let mut request = signed("ec2", "POST", &uri, &form.finish());
    let scope = request.headers()["authorization"].to_str().unwrap();
    let scope = scope.replace(HOME, region).parse().unwrap();
    request.headers_mut().insert("authorization", scope);
    let answer = world.dispatch(request).await.unwrap();
    let body = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status(), body)
}

fn import(key: &str) -> Vec<(&str, &str)> {
    vec![
        ("Action", "ImportSnapshot"),
        ("DiskContainer.Format", "raw"),
        ("DiskContainer.UserBucket.S3Bucket", "images"),
        ("DiskContainer.UserBucket.S3Key", key),
    ]
}

async fn ssm(world: &World, action: &str, body: &Value) -> (u16, Value) {
    let uri = "https://ssm.us-east-1.amazonaws.com/";
    let mut request = signed("ssm", "POST", uri, &body.to_string());
    let target = format!("AmazonSSM.{action}").parse().unwrap();
    request.headers_mut().insert("x-amz-target", target);
    let answer = world.dispatch(request).await.unwrap();
    let body = serde_json::from_slice(answer.body()).unwrap();
    (answer.status().as_u16(), body)
}

#[tokio::test(start_paused = true)]
async fn an_import_needs_no_acl_but_a_bucket_of_its_region() {
    let world = World::builder().template(TEMPLATE).start().await.unwrap();
    world.s3().put("images", "disk.raw", "disk").await.unwrap();
    let (status, body) = ec2(&world, HOME, &import("disk.raw")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (_, body) = ec2(&world, "eu-west-1", &import("disk.raw")).await;
    assert!(
        body.contains("The given S3 bucket is not local to the Region"),
        "{body}"
    );
    let (_, body) = ec2(&world, HOME, &import("lost.raw")).await;
    assert!(body.contains("Invalid S3 source location"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_bundle_lands_in_the_bucket_and_is_registered() {
    // EC2 writes a bundle with an ACL.
    let bucket = "BucketName: images\n";
    let owned = format!(
        "{bucket}      OwnershipControls: {{Rules: [{{ObjectOwnership: BucketOwnerPreferred}}]}}\n"
    );
    let template = TEMPLATE.replace(bucket, &owned);
    let world = World::builder().template(&template).era(Era::Classic);
    let world = world.start().await.unwrap();
    world.ec2().set_bundle_key("AKID", "secret");
    world
        .ec2()
        .set_task_time(TaskKind::BundleInstance, Duration::from_secs(10));
    let instance = world.ec2().seed_instance(HOME, SeedInstance::default());
    let expiration = world.clock().now() + Duration::from_secs(86_400);
    let policy = json!({"expiration": expiration.to_string(), "conditions": [
        {"bucket": "images"}, {"acl": "ec2-bundle-read"}, ["starts-with", "$key", "win"]]});
    let policy = STANDARD.encode(policy.to_string());
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"secret").unwrap();
    mac.update(policy.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let fields = [
        ("Action", "BundleInstance"),
        ("InstanceId", &instance),
        ("Storage.S3.AWSAccessKeyId", "AKID"),
        ("Storage.S3.Bucket", "images"),
        ("Storage.S3.Prefix", "win"),
        ("Storage.S3.UploadPolicy", &policy),
        ("Storage.S3.UploadPolicySignature", &signature),
    ];
    let (status, body) = ec2(&world, HOME, &fields).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    world.run_for(Duration::from_secs(11)).await;
    let keys = world.s3().keys("images", "win").await.unwrap();
    assert_eq!(keys, ["win.manifest.xml", "win.part.0", "win.part.1"]);
    let acl = world.s3().acl("images", "win.manifest.xml").await.unwrap();
    assert_eq!(acl.as_deref(), Some("aws-exec-read"));
    let register = [
        ("Action", "RegisterImage"),
        ("Name", "web"),
        ("VirtualizationType", "hvm"),
        ("ImageLocation", "images/win.manifest.xml"),
    ];
    let (status, body) = ec2(&world, HOME, &register).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (_, body) = ec2(&world, "eu-west-1", &register).await;
    assert!(body.contains("HTTP 301"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn tasks_and_parameters_outlive_a_world() {
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        World::builder()
            .template(TEMPLATE)
            .directory(Some(directory.path()))
    };
    let world = start().start().await.unwrap();
    world.s3().put("images", "disk.raw", "disk").await.unwrap();
    ec2(&world, HOME, &import("disk.raw")).await;
    let put = json!({"Name": "/latest", "Value": "ami-1", "Type": "String"});
    ssm(&world, "PutParameter", &put).await;
    world.close().await;
    let world = start().start().await.unwrap();
    let (_, got) = ssm(&world, "GetParameter", &json!({"Name": "/latest"})).await;
    assert_eq!(got["Parameter"]["Value"], "ami-1");
    world.run_for(Duration::from_secs(61)).await;
    let describe = [("Action", "DescribeImportSnapshotTasks")];
    let (_, body) = ec2(&world, HOME, &describe).await;
    assert!(body.contains("<status>completed</status>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn parameters_are_throttled_in_their_own_words() {
    let world = World::builder().start().await.unwrap();
    world.faults().on("ssm", "GetParameter", 1, Fault::Throttle);
    let (status, body) = ssm(&world, "GetParameter", &json!({"Name": "a"})).await;
    assert_eq!(
        (status, &body["__type"]),
        (400, &"ThrottlingException".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_stored_image_is_an_object_with_tags() {
    let world = World::builder().template(TEMPLATE).start().await.unwrap();
    let snapshot = world.ec2().seed_snapshot(HOME, SeedSnapshot::default());
    let register = [
        ("Action", "RegisterImage"),
        ("Name", "web"),
        ("VirtualizationType", "hvm"),
        ("RootDeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.SnapshotId", &snapshot),
    ];
    ec2(&world, HOME, &register).await;
    world.run_for(Duration::from_secs(6)).await;
    let image = world.ec2().images(HOME).remove(0).id;
    let store = [
        ("Action", "CreateStoreImageTask"),
        ("ImageId", &image),
        ("Bucket", "images"),
        ("S3ObjectTag.1.Key", "team"),
        ("S3ObjectTag.1.Value", "web"),
    ];
    let (status, body) = ec2(&world, HOME, &store).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    world.run_for(Duration::from_secs(31)).await;
    let uri = format!("https://s3.us-east-1.amazonaws.com/images/{image}.bin?tagging");
    let tags = world.dispatch(signed("s3", "GET", &uri, "")).await.unwrap();
    let tags = String::from_utf8(tags.body().to_vec()).unwrap();
    assert!(tags.contains("<Key>team</Key><Value>web</Value>"), "{tags}");
}
