//! A finished AMI that others change is noticed, told of once, and set back where the manifest says so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiwright::cli::retry::retry;
use amiwright::image::status::{Grantee, Protection};
use amiwright::keys;
use amiwright::reconcile::Context;
use jiff::Timestamp;
use localaws::ec2::{Image, ImageState, SeedImage, TaskKind};
use localaws::faults::Fault;
use serde_json::{Value, json};

use crate::support::{REGION, TestStack, minutes, refused};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OTHER: &str = "444455556666";
const OREGON: &str = "us-west-2";
/// Every setting that can drift.
const SETTINGS: &str = "description: Web tier\ntags: {team: web}\nprotect: true\ndeprecate: {after: 90d}\n\
                        access: {accounts: ['111122223333'], copy: true}\nregions: {us-west-2: {}}\n";

/// A finished image with these settings, of which the first audits have found nothing.
async fn finished(settings: &str) -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", OREGON)
            // The tests say when.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    let manifest = format!("{}{settings}", stack.manifest("web-{digest}"));
    stack.drop_and_rest(KEY, manifest).await;
    audit(&stack).await;
    assert_eq!(in_sync(&stack).await["status"], "true");
    assert_eq!(stack.emails().len(), 1);
    stack
}

/// Lets an audit come by, some time after the last, and all that it begins.
async fn audit(stack: &TestStack) {
    stack.world.run_for(minutes(20)).await;
    let tick = json!({"task": "audit"});
    stack.world.invoke_later("AdvanceTasks", tick);
    stack.rest().await;
}

async fn condition(stack: &TestStack, kind: &str) -> Value {
    let status = stack.status(KEY).await;
    let conditions = status["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|it| it["type"] == kind);
    found.unwrap().clone()
}

async fn in_sync(stack: &TestStack) -> Value {
    condition(stack, "InSync").await
}

/// The AMI in a Region.
async fn id(stack: &TestStack, region: &str) -> String {
    let status = stack.status(KEY).await;
    let image = status["regions"][region]["image"].as_str();
    image.unwrap().to_owned()
}

/// Something that others do to the AMI of a Region.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Description,
    Tag,
    Grant,
    SnapshotShare,
    Deprecation,
    Protection,
}

const CHANGES: [Change; 6] = [
    Change::Description,
    Change::Tag,
    Change::Grant,
    Change::SnapshotShare,
    Change::Deprecation,
    Change::Protection,
];

impl Change {
    async fn make(self, stack: &TestStack, region: &str) {
        let id = id(stack, region).await;
        let aws = stack.aws().in_region(region);
        let accounts = BTreeSet::from([PARTNER.to_owned()]);
        let grants = BTreeSet::from([Grantee::Account(PARTNER.to_owned())]);
        let made = match self {
            Self::Description => aws.set_image_description(&id, "Mine").await,
            Self::Tag => {
                let tags = [("team".to_owned(), "sales".to_owned())].into();
                aws.create_tags(&[id], &tags).await
            }
            Self::Grant => {
                aws.change_launch_permissions(&id, &BTreeSet::new(), &grants)
                    .await
            }
            Self::SnapshotShare => {
                let status = stack.status(KEY).await;
                let snapshot = status["regions"][region]["snapshots"][0].as_str().unwrap();
                aws.revoke_snapshot(snapshot, &accounts).await
            }
            Self::Deprecation => aws.set_deprecation(&id, None).await,
            Self::Protection => aws.set_protection(&id, None).await,
        };
        made.unwrap();
    }

    /// What the email says of it.
    fn text(self) -> &'static str {
        match self {
            Self::Description => "description is \"Mine\", the manifest says \"Web tier\"",
            Self::Tag => "tag team is \"sales\", the manifest says \"web\"",
            Self::Grant => "no longer shared with 111122223333",
            Self::SnapshotShare => "no longer shared with 111122223333",
            Self::Deprecation => "time of deprecation is none, the manifest says 20",
            Self::Protection => "deregistration protection is switched off, the manifest says",
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_change_is_told_once_and_not_set_back() {
    for region in [REGION, OREGON] {
        for change in CHANGES {
            let stack = finished(SETTINGS).await;
            change.make(&stack, region).await;
            let before = stack.world.calls().len();
            audit(&stack).await;
            let email = stack.emails().pop().unwrap();
            assert!(email.subject.starts_with("Drifted: "), "{change:?}");
            let line = format!("{region}: ");
            assert!(
                email.text.contains(&line) && email.text.contains(change.text()),
                "{change:?} {region}\n{}",
                email.text
            );
            assert!(email.text.contains("last seen right at"), "{}", email.text);
            let condition = in_sync(&stack).await;
            assert_eq!(condition["status"], "false", "{condition}");
            assert_eq!(condition["reason"], "Drifted");
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available");
            assert_eq!(status["drift"]["found"][0]["region"], region);

            audit(&stack).await;
            assert_eq!(stack.emails().len(), 2, "{change:?} {region}");
            let changes = writes(&stack, before);
            assert_eq!(changes, [""; 0], "{change:?} {region}");
        }
    }
}

/// The calls of the functions since then that change something in EC2.
fn writes(stack: &TestStack, since: usize) -> Vec<String> {
    let reads = ["Describe", "Get", "List"];
    let calls = stack.world.calls().into_iter().skip(since);
    calls
        .filter(|call| call.function.is_some() && call.service == "ec2")
        .filter(|call| !reads.iter().any(|word| call.action.starts_with(word)))
        .map(|call| format!("{} {}", call.region, call.action))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn with_repair_everything_is_set_back_and_told_once() {
    for region in [REGION, OREGON] {
        let stack = finished(&format!("{SETTINGS}repair: true\n")).await;
        for change in CHANGES {
            change.make(&stack, region).await;
        }
        audit(&stack).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(in_sync(&stack).await["status"], "true");
        assert_eq!(status["drift"], Value::Null);
        assert_eq!(stack.emails().len(), 2, "{region}");
        let email = stack.emails().pop().unwrap();
        assert!(email.subject.starts_with("Repaired: "), "{}", email.subject);
        for change in CHANGES {
            assert!(
                email.text.contains(change.text()),
                "{change:?}\n{}",
                email.text
            );
        }
        let (aws, id) = (stack.aws().in_region(region), id(&stack, region).await);
        let image = aws
            .find_images("image-id", std::slice::from_ref(&id))
            .await
            .unwrap();
        assert_eq!(image[0].description.as_deref(), Some("Web tier"));
        assert_eq!(image[0].tags["team"], "web");
        assert_eq!(image[0].protection, "enabled-without-cooldown");
        assert!(image[0].deprecate_at.is_some());
        assert_eq!(aws.launch_permissions(&id).await.unwrap().len(), 1);
        let snapshot = aws.snapshot_accounts(&image[0].snapshots[0]).await.unwrap();
        assert_eq!(snapshot.len(), 1);

        let before = stack.world.calls().len();
        audit(&stack).await;
        assert_eq!(writes(&stack, before), [""; 0]);
        assert_eq!(stack.emails().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_set_back_by_hand_is_in_sync_again_without_an_email() {
    let stack = finished(SETTINGS).await;
    Change::Protection.make(&stack, REGION).await;
    audit(&stack).await;
    let aws = stack.aws();
    let image = id(&stack, REGION).await;
    aws.set_protection(&image, Some(Protection::On))
        .await
        .unwrap();
    audit(&stack).await;
    assert_eq!(in_sync(&stack).await["status"], "true");
    assert_eq!(stack.emails().len(), 2);
    let status = stack.status(KEY).await;
    let why = status["history"].as_array().unwrap().last().unwrap()["why"].clone();
    assert_eq!(why, "the AMI is as its manifest says again");
    // The same once more is another drift.
    Change::Protection.make(&stack, REGION).await;
    audit(&stack).await;
    assert_eq!(stack.emails().len(), 3);
}

/// An operator has it set back once.
#[tokio::test(start_paused = true)]
async fn a_retry_sets_back_what_has_drifted() {
    let stack = finished(SETTINGS).await;
    Change::Grant.make(&stack, OREGON).await;
    audit(&stack).await;
    ask_for_retry(&stack).await;
    let aws = stack.aws().in_region(OREGON);
    let image = id(&stack, OREGON).await;
    assert_eq!(aws.launch_permissions(&image).await.unwrap().len(), 1);
    assert_eq!(in_sync(&stack).await["status"], "true");
    assert_eq!(stack.emails().len(), 3);
}

async fn ask_for_retry(stack: &TestStack) {
    let (aws, config) = (stack.aws(), stack.config());
    let now = stack.world.clock().now();
    retry(Context::new(&aws, &config, now), KEY).await.unwrap();
    stack.rest().await;
}

/// One empty answer proves nothing; the next audit tells, and nothing is made again unless somebody asks for it.
#[tokio::test(start_paused = true)]
async fn an_ami_that_was_deregistered_is_made_again_only_when_asked() {
    for region in [REGION, OREGON] {
        for repair in ["", "repair: true\n"] {
            let settings = format!("tags: {{team: web}}\nregions: {{us-west-2: {{}}}}\n{repair}");
            let stack = finished(&settings).await;
            let lost = id(&stack, region).await;
            let aws = stack.aws().in_region(region);
            aws.deregister_image(&lost).await.unwrap();
            let before = stack.world.calls().len();
            audit(&stack).await;
            assert_eq!(stack.emails().len(), 1);
            audit(&stack).await;
            audit(&stack).await;
            assert_eq!(stack.emails().len(), 2);
            let email = stack.emails().pop().unwrap();
            let line = format!("{region}: {lost} is deregistered");
            assert!(email.text.contains(&line), "{}", email.text);
            assert_eq!(writes(&stack, before), [""; 0]);

            ask_for_retry(&stack).await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available", "{region}: {status:#}");
            assert_ne!(id(&stack, region).await, lost);
            assert_eq!(stack.world.ec2().images(region).len(), 1);
            assert_eq!(in_sync(&stack).await["status"], "true");
        }
    }
}

fn edit(stack: &TestStack, region: &str, id: &str, change: impl FnOnce(&mut Image)) {
    assert!(stack.world.ec2().edit_image(region, id, change));
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_was_disabled_is_told_and_stays_so() {
    for region in [REGION, OREGON] {
        let stack = finished("regions: {us-west-2: {}}\nrepair: true\n").await;
        let image = id(&stack, region).await;
        edit(&stack, region, &image, |it| {
            it.state = ImageState::Disabled;
        });
        audit(&stack).await;
        audit(&stack).await;
        assert_eq!(stack.emails().len(), 2);
        let email = stack.emails().pop().unwrap();
        let line = format!("{region}: {image} is disabled");
        let command = format!("aws ec2 enable-image --region {region} --image-id {image}");
        assert!(
            email.text.contains(&line) && email.text.contains(&command),
            "{}",
            email.text
        );
        edit(&stack, region, &image, |it| {
            it.state = ImageState::Available;
        });
        audit(&stack).await;
        assert_eq!(in_sync(&stack).await["status"], "true");
        assert_eq!(stack.emails().len(), 2);
    }
}

/// What cannot be seen is no difference, and what differed before is not taken for repaired.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_has_not_drifted() {
    let calls = [
        "DescribeImages",
        "DescribeImageAttribute",
        "DescribeSnapshotAttribute",
    ];
    for action in calls {
        for fault in [Fault::Throttle, refused("UnauthorizedOperation")] {
            let stack = finished(&format!("{SETTINGS}repair: true\n")).await;
            for region in [REGION, OREGON] {
                for change in [Change::Grant, Change::SnapshotShare] {
                    change.make(&stack, region).await;
                }
            }
            let faults = stack.world.faults();
            faults.always("ec2", action, fault.clone());
            let before = stack.world.calls().len();
            audit(&stack).await;
            assert_eq!(stack.emails().len(), 1, "{action} {fault:?}");
            assert_eq!(writes(&stack, before), [""; 0]);
            assert_eq!(in_sync(&stack).await["status"], "true");
            faults.clear();
            audit(&stack).await;
            let email = stack.emails().pop().unwrap();
            assert!(email.subject.starts_with("Repaired"), "{action}");
        }
    }
}

/// Accounts that others have added are theirs, unless the manifest says `exact`.
#[tokio::test(start_paused = true)]
async fn what_others_add_is_drift_only_where_the_manifest_is_exact() {
    for (exact, emails) in [(false, 1), (true, 2)] {
        let access = format!("access: {{accounts: ['{PARTNER}'], exact: {exact}}}\n");
        let stack = finished(&access).await;
        let other = BTreeSet::from([Grantee::Account(OTHER.to_owned())]);
        let image = id(&stack, REGION).await;
        let aws = stack.aws();
        aws.change_launch_permissions(&image, &other, &BTreeSet::new())
            .await
            .unwrap();
        audit(&stack).await;
        assert_eq!(stack.emails().len(), emails, "{exact}");
    }
}

/// EC2's event of a Region, as it is forwarded to the bus of the stack's.
fn forwarded(region: &str, image: &str, state: &str) -> Value {
    json!({
        "version": "0", "id": "e", "detail-type": "EC2 AMI State Change", "source": "aws.ec2",
        "account": "000000000000", "time": "2026-11-21T10:00:00Z", "region": region,
        "resources": [format!("arn:aws:ec2:{region}::image/{image}")],
        "detail": {"RequestId": "r", "ImageId": image, "State": state, "ErrorMessage": ""}
    })
}

#[tokio::test(start_paused = true)]
async fn an_event_is_a_hint_from_any_region_that_gets_copies() {
    for region in [REGION, OREGON] {
        let stack = finished("regions: {us-west-2: {}}\n").await;
        let image = id(&stack, region).await;
        stack.world.run_for(minutes(20)).await;
        edit(&stack, region, &image, |it| {
            it.state = ImageState::Disabled;
        });
        let event = forwarded(region, &image, "disabled");
        for _ in 0..2 {
            let world = &stack.world;
            world.invoke("AdvanceTasks", event.clone()).await.unwrap();
            world.settle().await;
            assert_eq!(stack.emails().len(), 2, "{region}");
        }
        // Of no other Region is anything asked, whatever is on the bus.
        let before = stack.world.calls().len();
        let event = forwarded("eu-west-1", &image, "disabled");
        stack.world.invoke("AdvanceTasks", event).await.unwrap();
        assert_eq!(stack.world.calls().len(), before);
    }
}

/// The event of a copy moves it on before its poll is due.
#[tokio::test(start_paused = true)]
async fn a_forwarded_event_of_a_copy_moves_it_on() {
    let stack = TestStack::built(|builder| builder.parameter("CopyRegions", OREGON)).await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::CopyImage, minutes(62));
    let manifest = stack.manifest("web") + "regions: {us-west-2: {}}\n";
    stack.drop_file(KEY, manifest).await;
    while ec2_state(&stack).await != Some(ImageState::Available) {
        stack.world.run_for(Duration::from_secs(10)).await;
    }
    assert_eq!(stack.status(KEY).await["state"], "working");
    let event = forwarded(OREGON, &id(&stack, OREGON).await, "available");
    stack.world.invoke("AdvanceTasks", event).await.unwrap();
    assert_eq!(stack.status(KEY).await["state"], "available");
}

async fn ec2_state(stack: &TestStack) -> Option<ImageState> {
    let images = stack.world.ec2().images(OREGON);
    images.into_iter().next().map(|image| image.state)
}

/// Another finished image like that of `KEY`, with AMIs in both Regions.
async fn another_like(stack: &TestStack, manifest: &str, number: usize) {
    let key = format!("many/{number:04}.image.yaml");
    let mut status = stack.status(KEY).await;
    let ec2 = stack.world.ec2();
    let uri = format!("s3://{}/{key}", stack.bucket);
    for region in [REGION, OREGON] {
        let like = ec2.images(region).into_iter().next().unwrap();
        let known = &mut status["regions"][region];
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

/// A thousand finished images: EC2 is asked once for 200 AMIs of a Region, and once for each AMI that is shared.
#[tokio::test(start_paused = true)]
async fn the_calls_of_an_audit_grow_with_regions_and_pages() {
    const IMAGES: usize = 1000;
    for (access, shared) in [("", 0), ("access: {accounts: ['111122223333']}\n", 1)] {
        let images = if shared == 0 { IMAGES } else { 100 };
        let settings = format!("regions: {{us-west-2: {{}}}}\n{access}");
        let stack = finished(&settings).await;
        let manifest = format!("{}{settings}", stack.manifest("web-{digest}"));
        for number in 1..images {
            another_like(&stack, &manifest, number).await;
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
