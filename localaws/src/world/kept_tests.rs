//! What is kept of a world in its directory.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::World;
use super::tests::{TEMPLATE, handler, signed, start};
use crate::ec2::{ImageState, SeedSnapshot};

#[tokio::test(start_paused = true)]
async fn a_world_on_the_same_directory_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let builder = || {
        World::builder()
            .template(TEMPLATE)
            .directory(Some(directory.path()))
    };
    let first = builder().start().await.unwrap();
    first.s3().put("images", "a.txt", "kept").await.unwrap();
    let topic = signed(
        "sns",
        "POST",
        "https://sns.us-east-1.amazonaws.com/",
        "Action=CreateTopic&Name=another&Version=2010-03-31",
    );
    assert_eq!(
        first.dispatch(topic).await.unwrap().status(),
        StatusCode::OK
    );
    let snapshot = first
        .ec2()
        .seed_snapshot("us-east-1", SeedSnapshot::default());
    let register = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("Action", "RegisterImage"),
            ("Version", "2016-11-15"),
            ("Name", "web"),
            ("RootDeviceName", "/dev/xvda"),
            ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
            ("BlockDeviceMapping.1.Ebs.SnapshotId", &snapshot),
        ])
        .finish();
    let answer = first
        .dispatch(signed(
            "ec2",
            "POST",
            "https://ec2.us-east-1.amazonaws.com/",
            &register,
        ))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.body());
    let known = first.sns().save();
    // It is not closed: what was answered is kept all the same.
    drop(first);

    let second = builder().seed(1).start().await.unwrap();
    assert_eq!(
        second.s3().get("images", "a.txt").await.unwrap().unwrap(),
        "kept"
    );
    assert_eq!(second.sns().save(), known);
    assert_eq!(second.ec2().images("us-east-1")[0].name, "web");
    second.run_for(Duration::from_secs(60)).await;
    assert_eq!(
        second.ec2().images("us-east-1")[0].state,
        ImageState::Available
    );
}

#[tokio::test(start_paused = true)]
async fn time_never_goes_back_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let builder = || {
        World::builder()
            .epoch("2026-11-21T10:00:00Z".parse().unwrap())
            .speed(30.0)
            .directory(Some(directory.path()))
    };
    let first = builder().start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    first.close().await;
    drop(first);
    // An hour has passed in there, and two minutes outside.
    let second = builder().start().await.unwrap();
    let now = second.clock().now().to_string();
    assert!(now.starts_with("2026-11-21T11:00:00"), "{now}");
}

#[tokio::test(start_paused = true)]
async fn a_temporary_world_leaves_nothing_behind() {
    let world = start(TEMPLATE, handler(|_| async { Ok(Value::Null) })).await;
    let directory = world.directory().to_owned();
    assert!(directory.join("s3/images").is_dir());
    let _client = world.http_client();
    drop(world);
    assert!(!directory.exists());
}
