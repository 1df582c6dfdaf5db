//! AWS makes a public AMI private that nobody has launched for long after its time of deprecation ("Deprecate an AMI", EC2
//! User Guide): no event tells that, an audit does.

use localaws::ec2::ImageBlock;

use super::publish_audit::{KEY, OREGON, edit, finished_in, id};
use crate::support::{REGION, TestStack, changes_by_name};

/// A finished public AMI and its copy, of which the first audits have found nothing.
async fn public(settings: &str) -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("AllowPublic", "true")
            .parameter("CopyRegions", OREGON)
            // The tests say when.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    for region in [REGION, OREGON] {
        let ec2 = stack.world.ec2();
        ec2.set_image_block(region, ImageBlock::Unblocked);
    }
    let public = format!("access: {{public: true}}\nregions: {{{OREGON}: {{}}}}\n{settings}");
    finished_in(stack, &public).await
}

/// What AWS does to the AMI of a Region.
async fn make_private(stack: &TestStack, region: &str) -> String {
    let id = id(stack, region).await;
    edit(stack, region, &id, |image| image.launch_permissions.clear());
    assert!(!is_public(stack, region));
    id
}

fn is_public(stack: &TestStack, region: &str) -> bool {
    let images = stack.world.ec2().images(region);
    images.iter().all(|image| image.is_public())
}

#[tokio::test(start_paused = true)]
async fn a_public_ami_that_aws_makes_private_is_told_once() {
    for (region, other) in [(REGION, OREGON), (OREGON, REGION)] {
        let stack = public("").await;
        let status = stack.status(KEY).await;
        let right = status["regions"][region]["verifiedAt"].as_str().unwrap();
        let image = make_private(&stack, region).await;
        let before = stack.world.faults().count();
        for _ in 0..2 {
            stack.audit().await;
            assert_eq!(stack.emails().len(), 2, "{region}");
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available");
            let found = status["drift"]["found"].as_array().unwrap();
            assert_eq!(found.len(), 1, "{status:#}");
        }
        let email = stack.emails().pop().unwrap();
        assert!(email.subject.starts_with("Drifted: "), "{}", email.subject);
        let text = email.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [
            format!("{region}: no longer shared with everybody"),
            format!("last seen right at {right}"),
            image,
            "repair: true".to_owned(),
        ] {
            assert!(text.contains(&words), "{words} is not in\n{}", email.text);
        }
        assert_eq!(changes_by_name(&stack, before), [""; 0], "{region}");
        assert!(is_public(&stack, other));
    }
}

#[tokio::test(start_paused = true)]
async fn with_repair_it_is_public_again() {
    let stack = public("repair: true\n").await;
    for region in [REGION, OREGON] {
        make_private(&stack, region).await;
    }
    stack.audit().await;
    for region in [REGION, OREGON] {
        assert!(is_public(&stack, region), "{region}");
    }
    assert_eq!(stack.in_sync(KEY).await, "true");
    let email = stack.emails().pop().unwrap();
    assert!(email.subject.starts_with("Repaired: "), "{}", email.subject);
    let before = stack.world.faults().count();
    stack.audit().await;
    assert_eq!(changes_by_name(&stack, before), [""; 0]);
    assert_eq!(stack.emails().len(), 2);
}
