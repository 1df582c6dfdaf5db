//! DescribeInstances, of what was put into the world.

use super::*;
use crate::ec2::{InstanceState, RootDeviceType, SeedInstance};

const WEB: &str = "i-0123456789abcdef0";
const BUILD: &str = "i-0123456789abcdef1";
const THEIRS: &str = "i-0123456789abcdef2";

fn world() -> World {
    let world = World::new();
    let web = SeedInstance {
        id: Some(WEB.to_owned()),
        platform: None,
        root_device_type: RootDeviceType::Ebs,
        image_id: Some("ami-0123456789abcdef0".to_owned()),
        instance_type: Some("m7g.large".to_owned()),
        architecture: "arm64".to_owned(),
        tags: [("Name".to_owned(), "web".to_owned())].into(),
        ..SeedInstance::default()
    };
    let build = SeedInstance {
        id: Some(BUILD.to_owned()),
        state: InstanceState::Stopped,
        product_codes: vec!["774F4FF8".to_owned()],
        metadata_disabled: true,
        ..SeedInstance::default()
    };
    let theirs = SeedInstance {
        id: Some(THEIRS.to_owned()),
        owner_id: Some("111122223333".to_owned()),
        ..SeedInstance::default()
    };
    for instance in [web, build, theirs] {
        world.ec2.seed_instance(REGION, instance);
    }
    world
}

#[tokio::test(start_paused = true)]
async fn own_instances_are_described() {
    let world = world();
    let xml = world.ok("DescribeInstances", "").await;
    assert_eq!(texts(&xml, "instanceId"), [WEB, BUILD]);
    assert_eq!(
        texts(&xml, "reservationId"),
        ["r-0123456789abcdef0", "r-0123456789abcdef1"]
    );
    assert_eq!(texts(&xml, "code"), ["16", "80"]);
    assert_eq!(texts(&xml, "launchTime")[0], "2026-11-21T10:00:00.000Z");
    assert_eq!(texts(&xml, "platform"), ["windows"]);
    assert_eq!(texts(&xml, "rootDeviceType"), ["ebs", "instance-store"]);
    assert_eq!(texts(&xml, "httpEndpoint"), ["enabled", "disabled"]);
    assert_eq!(texts(&xml, "value"), ["web"]);
    let one = format!("InstanceId.1={BUILD}");
    let xml = world.ok("DescribeInstances", &one).await;
    assert_eq!(texts(&xml, "productCode"), ["774F4FF8"]);
}

#[tokio::test(start_paused = true)]
async fn instances_are_filtered() {
    let world = world();
    for (name, value, expected) in [
        ("instance-state-name", "running", vec![WEB]),
        ("instance-state-code", "80", vec![BUILD]),
        ("image-id", "ami-0123456789abcdef*", vec![WEB]),
        ("instance-type", "m7g.*", vec![WEB]),
        ("architecture", "x86_64", vec![BUILD]),
        ("platform", "windows", vec![BUILD]),
        ("product-code", "774F4FF8", vec![BUILD]),
        ("root-device-type", "ebs", vec![WEB]),
        ("launch-time", "2026-11-21*", vec![WEB, BUILD]),
        ("metadata-options.http-endpoint", "disabled", vec![BUILD]),
        ("owner-id", "000000000000", vec![WEB, BUILD]),
        ("owner-id", "111122223333", vec![]),
        ("reservation-id", "r-0123456789abcdef1", vec![BUILD]),
        ("tag:Name", "web", vec![WEB]),
        ("tag-key", "Name", vec![WEB]),
    ] {
        let fields = format!("Filter.1.Name={name}&Filter.1.Value.1={value}");
        let xml = world.ok("DescribeInstances", &fields).await;
        assert_eq!(texts(&xml, "instanceId"), expected, "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_questions_about_instances_are_refused() {
    let world = world();
    for (fields, expected) in [
        (
            "InstanceId.1=web".to_owned(),
            "InvalidInstanceID.Malformed: Invalid id: \"web\"",
        ),
        (
            format!("InstanceId.1={THEIRS}"),
            "InvalidInstanceID.NotFound: The instance ID 'i-0123456789abcdef2' does not exist",
        ),
        (
            format!("InstanceId.1={THEIRS}&InstanceId.2=i-00000000&InstanceId.3={WEB}"),
            "InvalidInstanceID.NotFound: The instance IDs 'i-0123456789abcdef2, i-00000000' do not exist",
        ),
        (
            format!("InstanceId.1={WEB}&MaxResults=5"),
            "InvalidParameterCombination: The parameter instancesSet cannot be used",
        ),
        (
            "MaxResults=4".to_owned(),
            "InvalidParameterValue: Value ( 4 )",
        ),
        ("DryRun=true".to_owned(), "DryRunOperation"),
    ] {
        let error = world.refused("DescribeInstances", &fields).await;
        assert!(error.starts_with(expected), "{fields}\n  {error}");
    }
    for fields in [
        "Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-00000000",
        "IncludeManagedResources=true",
    ] {
        let (status, xml) = world.send("DescribeInstances", fields).await;
        assert_eq!(status, 501, "{xml}");
        let name = if fields.contains("vpc-id") {
            "vpc-id"
        } else {
            "IncludeManagedResources"
        };
        assert!(xml.contains(name), "{xml}");
    }
}
