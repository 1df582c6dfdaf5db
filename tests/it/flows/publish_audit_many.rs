//! Audits of many images: how many calls they take, and what happens without time.

use std::collections::BTreeMap;
use std::time::Duration;

use amiwright::keys;
use jiff::Timestamp;
use localaws::ec2::{Image, SeedImage};
use localaws::faults::Fault;
use serde_json::{Value, json};

use super::publish_audit::{KEY, OREGON, PARTNER, edit, finished};
use crate::support::{REGION, TestStack, minutes};

/// Another finished image like that with this status and these AMIs, with AMIs in both Regions.
fn another_like(
    stack: &TestStack,
    manifest: &str,
    (status, images): (&Value, &[(&str, Image)]),
    number: usize,
) {
    let key = format!("many/{number:04}.image.yaml");
    let mut status = status.clone();
    let ec2 = stack.world.ec2();
    let uri = format!("s3://{}/{key}", stack.bucket);
    for (region, like) in images {
        let known = &mut status["regions"][*region];
        let image = SeedImage {
            name: like.name.clone(),
            snapshot_id: known["snapshots"][0].as_str().unwrap().to_owned(),
            id: None,
            volume_size: 8,
            owner_id: None,
            owner_alias: None,
        };
        let id = ec2.seed_image(region, image);
        known["image"] = json!(id);
        edit(stack, region, &id, |it| {
            it.tags.clone_from(&like.tags);
            it.tags.insert("amiwright:manifest".to_owned(), uri.clone());
            it.launch_permissions.clone_from(&like.launch_permissions);
        });
    }
    stack.drop_silently(&key, manifest);
    status["manifest"]["key"] = json!(key);
    status["manifest"]["uploadedAt"] = json!(stack.world.clock().now());
    stack.write_state(&keys::status_key(&key), status.to_string());
}

/// EC2 is asked once for 200 AMIs of a Region, and once for each AMI that is shared. Of those, two numbers show it, on both
/// sides of a page: at the rate that EC2 allows, an audit sees some 300 of them, and goes on with the others (as below).
#[tokio::test(start_paused = true)]
async fn the_calls_of_an_audit_grow_with_regions_and_pages() {
    const SHARED: &str = "access: {accounts: ['111122223333']}\n";
    for (images, access, shared) in [(1000, "", 0), (100, SHARED, 1), (250, SHARED, 1)] {
        let settings = format!("regions: {{us-west-2: {{}}}}\n{access}");
        let stack = finished(&settings).await;
        let manifest = format!("{}{settings}", stack.manifest("web-{digest}"));
        let status = stack.status(KEY).await;
        let image_of = |region| stack.world.ec2().images(region).remove(0);
        let like = [REGION, OREGON].map(|region| (region, image_of(region)));
        for number in 1..images {
            another_like(&stack, &manifest, (&status, &like), number);
        }
        stack.world.run_for(minutes(20)).await;
        let before = stack.world.faults().count();
        let tick = json!({"task": "audit"});
        let report = stack.world.invoke("AdvanceTasks", tick).await.unwrap();
        assert_eq!(report["audited"], images);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let calls = stack.world.calls();
        for call in calls
            .iter()
            .filter(|it| it.number > before && it.service == "ec2")
        {
            let name = format!("{} {}", call.region, call.action);
            *counts.entry(name).or_default() += 1;
        }
        let mut expected = BTreeMap::new();
        for region in [REGION, OREGON] {
            expected.insert(format!("{region} DescribeImages"), images.div_ceil(200));
            expected.insert(format!("{region} DescribeImageAttribute"), images * shared);
        }
        expected.retain(|_, calls| *calls > 0);
        assert_eq!(counts, expected);
        assert_eq!(stack.emails().len(), 1);
    }
}

/// An audit that runs out of time is continued by sweeps, and sees each image once.
#[tokio::test(start_paused = true)]
async fn an_audit_without_time_goes_on_where_it_stopped() {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    // `a.image.yaml` comes before `a.image.yaml-1/…`, and its status after that.
    let key = |number: u32| match number % 2 {
        0 => format!("many/{number:04}.image.yaml"),
        _ => format!("many/{:04}.image.yaml-1/x.image.yaml", number - 1),
    };
    for number in 0..40 {
        let key = key(number);
        let access = format!("access: {{accounts: ['{PARTNER}']}}\n");
        let manifest = stack.manifest(&format!("web-{number}")) + &access;
        stack.drop_file(&key, manifest).await;
    }
    stack.rest().await;
    stack.world.run_for(minutes(20)).await;
    let slow = Fault::Slow(Duration::from_secs(8));
    let faults = stack.world.faults();
    faults.always("ec2", "DescribeImageAttribute", slow);
    let before = stack.count("DescribeImageAttribute");
    let tick = json!({"task": "audit"});
    stack.world.invoke("AdvanceTasks", tick).await.unwrap();
    assert_eq!(stack.open().await, [keys::AUDIT_MARK]);
    assert!(stack.count("DescribeImageAttribute") < before + 40);
    stack.rest().await;
    assert_eq!(stack.count("DescribeImageAttribute"), before + 40);
    for number in 0..40 {
        let status = stack.status(&key(number)).await;
        let at = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
        let verified = at(&status["regions"][REGION]["verifiedAt"]);
        let finished = at(&status["completedAt"]);
        assert!(verified.duration_since(finished).as_mins() > 10);
    }
}

/// An upload whose event was lost is not hidden by the audit's write.
#[tokio::test(start_paused = true)]
async fn an_audit_starts_what_was_uploaded_since() {
    let stack = finished("").await;
    stack.world.run_for(minutes(20)).await;
    stack.drop_silently(KEY, stack.manifest("newer-{digest}"));
    let tick = json!({"task": "audit"});
    stack.world.invoke("AdvanceTasks", tick).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
    assert_eq!(stack.emails().len(), 2);
}
