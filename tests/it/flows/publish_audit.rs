//! A finished AMI that others change is noticed, told of once, and set back where the manifest says so.

use std::collections::BTreeSet;

use amiwright::image::status::{Grantee, Protection};
use localaws::ec2::{Image, ImageState};
use localaws::faults::Fault;
use serde_json::Value;

use crate::support::{REGION, TestStack, changes_by_name, refused};

pub(super) const KEY: &str = "golden/web.image.yaml";
pub(super) const PARTNER: &str = "111122223333";
const OTHER: &str = "444455556666";
pub(super) const OREGON: &str = "us-west-2";
/// Every setting that can drift.
const SETTINGS: &str = "description: Web tier\ntags: {team: web}\nprotect: true\ndeprecate: {after: 90d}\n\
                        access: {accounts: ['111122223333'], copy: true}\nregions: {us-west-2: {}}\n";

/// A finished image with these settings, of which the first audits have found nothing.
pub(super) async fn finished(settings: &str) -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", OREGON)
            // The tests say when.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    finished_in(stack, settings).await
}

/// The same in this world.
pub(super) async fn finished_in(stack: TestStack, settings: &str) -> TestStack {
    let manifest = format!("{}{settings}", stack.manifest("web-{digest}"));
    stack.drop_and_rest(KEY, manifest).await;
    stack.audit().await;
    assert_eq!(stack.in_sync(KEY).await, "true");
    assert_eq!(stack.emails().len(), 1);
    stack
}

/// The AMI in a Region.
pub(super) async fn id(stack: &TestStack, region: &str) -> String {
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
            let before = stack.world.faults().count();
            stack.audit().await;
            let email = stack.emails().pop().unwrap();
            assert!(email.subject.starts_with("Drifted: "), "{change:?}");
            let line = format!("{region}: ");
            assert!(
                email.text.contains(&line) && email.text.contains(change.text()),
                "{change:?} {region}\n{}",
                email.text
            );
            assert!(email.text.contains("last seen right at"), "{}", email.text);
            let condition = stack.condition(KEY, "InSync").await;
            assert_eq!(condition["status"], "false", "{condition}");
            assert_eq!(condition["reason"], "Drifted");
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available");
            assert_eq!(status["drift"]["found"][0]["region"], region);

            stack.audit().await;
            assert_eq!(stack.emails().len(), 2, "{change:?} {region}");
            let changes = changes_by_name(&stack, before);
            assert_eq!(changes, [""; 0], "{change:?} {region}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_repair_everything_is_set_back_and_told_once() {
    for region in [REGION, OREGON] {
        let stack = finished(&format!("{SETTINGS}repair: true\n")).await;
        for change in CHANGES {
            change.make(&stack, region).await;
        }
        stack.audit().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(stack.in_sync(KEY).await, "true");
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

        let before = stack.world.faults().count();
        stack.audit().await;
        assert_eq!(changes_by_name(&stack, before), [""; 0]);
        assert_eq!(stack.emails().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_set_back_by_hand_is_in_sync_again_without_an_email() {
    let stack = finished(SETTINGS).await;
    Change::Protection.make(&stack, REGION).await;
    stack.audit().await;
    let aws = stack.aws();
    let image = id(&stack, REGION).await;
    aws.set_protection(&image, Some(Protection::On))
        .await
        .unwrap();
    stack.audit().await;
    assert_eq!(stack.in_sync(KEY).await, "true");
    assert_eq!(stack.emails().len(), 2);
    let status = stack.status(KEY).await;
    let why = status["history"].as_array().unwrap().last().unwrap()["why"].clone();
    assert_eq!(why, "the AMI is as its manifest says again");
    // The same once more is another drift.
    Change::Protection.make(&stack, REGION).await;
    stack.audit().await;
    assert_eq!(stack.emails().len(), 3);
}

/// An operator has it set back once.
#[tokio::test(start_paused = true)]
async fn a_retry_sets_back_what_has_drifted() {
    let stack = finished(SETTINGS).await;
    Change::Grant.make(&stack, OREGON).await;
    stack.audit().await;
    stack.retry(KEY).await;
    let aws = stack.aws().in_region(OREGON);
    let image = id(&stack, OREGON).await;
    assert_eq!(aws.launch_permissions(&image).await.unwrap().len(), 1);
    assert_eq!(stack.in_sync(KEY).await, "true");
    assert_eq!(stack.emails().len(), 3);
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
            let before = stack.world.faults().count();
            stack.audit().await;
            assert_eq!(stack.emails().len(), 1);
            stack.audit().await;
            stack.audit().await;
            assert_eq!(stack.emails().len(), 2);
            let email = stack.emails().pop().unwrap();
            let line = format!("{region}: {lost} is deregistered");
            assert!(email.text.contains(&line), "{}", email.text);
            assert_eq!(changes_by_name(&stack, before), [""; 0]);

            stack.retry(KEY).await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available", "{region}: {status:#}");
            assert_ne!(id(&stack, region).await, lost);
            assert_eq!(stack.world.ec2().images(region).len(), 1);
            assert_eq!(stack.in_sync(KEY).await, "true");
        }
    }
}

pub(super) fn edit(stack: &TestStack, region: &str, id: &str, change: impl FnOnce(&mut Image)) {
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
        stack.audit().await;
        stack.audit().await;
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
        stack.audit().await;
        assert_eq!(stack.in_sync(KEY).await, "true");
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
            let before = stack.world.faults().count();
            stack.audit().await;
            assert_eq!(stack.emails().len(), 1, "{action} {fault:?}");
            assert_eq!(changes_by_name(&stack, before), [""; 0]);
            assert_eq!(stack.in_sync(KEY).await, "true");
            faults.clear();
            stack.audit().await;
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
        stack.audit().await;
        assert_eq!(stack.emails().len(), emails, "{exact}");
    }
}
