//! The Query protocol of EC2, SNS, STS and the services that tools ask about a stack, and Systems Manager's JSON: answers are
//! well-formed, what is not built is a 501, and what is refused changes nothing.
//!
//! The input is lines: `ec2 Action=…&…`, or `ssm ACTION {…}`.

use http::StatusCode;
use localaws::ec2::{SeedImage, SeedInstance, SeedSnapshot};
use localaws::wire::{Request, Response};
use localaws::world::World;
use serde_json::Value;

use super::small_world::{elements, send, within};

/// Requests of one input.
const MOST: usize = 12;

const SERVICES: [&str; 6] = ["ec2", "sns", "sts", "iam", "cloudformation", "ssm"];

const REGION: &str = "us-east-1";

/// Sends these requests.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let requests: Vec<_> = text.lines().take(MOST).filter_map(request).collect();
    if requests.is_empty() {
        return;
    }
    within(async |world| {
        seed(world).await;
        for (service, request) in requests {
            let shown = format!("{service} {request:?}");
            let before = state(world);
            let answer = send(world, service, request).await;
            if answer.status().is_success() {
                well_formed(service, &answer);
            } else {
                assert_eq!(state(world), before, "refused, and yet changed: {shown}");
            }
        }
    });
}

fn request(line: &str) -> Option<(&'static str, Request)> {
    let (service, rest) = line.split_once(' ')?;
    let service = SERVICES.into_iter().find(|it| *it == service)?;
    let uri = format!("https://{service}.{REGION}.amazonaws.com/");
    let request = http::Request::builder().method("POST").uri(uri);
    let (request, body) = match service {
        "ssm" => {
            let (action, body) = rest.split_once(' ')?;
            (
                request.header("x-amz-target", format!("AmazonSSM.{action}")),
                body,
            )
        }
        _ => (
            request.header("content-type", "application/x-www-form-urlencoded"),
            rest,
        ),
    };
    Some((service, request.body(body.to_owned().into()).ok()?))
}

async fn seed(world: &World) {
    let ec2 = world.ec2();
    let id = |id: &str| Some(id.to_owned());
    let snapshot = SeedSnapshot {
        id: id("snap-0123456789abcdef0"),
        ..SeedSnapshot::default()
    };
    let snapshot_id = ec2.seed_snapshot(REGION, snapshot);
    ec2.seed_instance(
        REGION,
        SeedInstance {
            id: id("i-0123456789abcdef0"),
            ..SeedInstance::default()
        },
    );
    ec2.seed_image(
        REGION,
        SeedImage {
            id: id("ami-0123456789abcdef0"),
            name: "base".to_owned(),
            snapshot_id,
            volume_size: 8,
            owner_id: None,
            owner_alias: None,
        },
    );
    world.ssm().seed_parameter(REGION, "/web", "String", "a");
    world
        .s3()
        .put("images", "disk.raw", vec![1; 512])
        .await
        .unwrap();
}

/// All that is known. A Region that was only named knows nothing.
fn state(world: &World) -> [Value; 3] {
    let mut ec2 = world.ec2().save();
    if let Some(Value::Object(regions)) = ec2.get_mut("regions") {
        regions.retain(|_, region| !is_empty(region));
    }
    [ec2, world.sns().save(), world.ssm().save()]
}

/// Whether nothing was ever made in a Region.
fn is_empty(region: &Value) -> bool {
    let made = [
        "images",
        "snapshots",
        "import_tasks",
        "bundle_tasks",
        "instances",
    ];
    let is_empty = |name: &str| region[name].as_object().is_none_or(|made| made.is_empty());
    made.into_iter().all(is_empty)
}

fn well_formed(service: &str, answer: &Response) {
    assert_eq!(answer.status(), StatusCode::OK);
    if service == "ssm" {
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(answer.is_object(), "{answer}");
        return;
    }
    let elements = elements(answer.body());
    let (root, _) = elements.last().unwrap();
    assert!(root.ends_with("Response"), "{root}");
    assert!(
        elements
            .iter()
            .any(|(name, text)| name.eq_ignore_ascii_case("requestId") && !text.is_empty())
    );
}
