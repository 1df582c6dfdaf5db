//! A finished AMI loses the tags that prove whose it is: that is told once, and nothing about the AMI is changed.

use std::collections::BTreeMap;

use localaws::ec2::Image;

use super::publish_audit::{KEY, OREGON, edit, finished};
use crate::support::{REGION, TestStack, changes_by_name};

const SETTINGS: &str = "description: Web tier\nrepair: true\nregions: {us-west-2: {}}\n";

fn image(stack: &TestStack, region: &str) -> Image {
    let images = stack.world.ec2().images(region);
    assert_eq!(images.len(), 1, "{images:#?}");
    images.into_iter().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn lost_tags_are_told_once_and_nothing_is_changed_until_they_are_back() {
    type Loss = fn(&mut BTreeMap<String, String>);
    let losses: [Loss; 3] = [
        |tags| tags.clear(),
        |tags| drop(tags.remove("amiwright:manifest")),
        |tags| drop(tags.insert("amiwright:digest".to_owned(), "00ff".to_owned())),
    ];
    for region in [REGION, OREGON] {
        for lose in losses {
            let stack = finished(SETTINGS).await;
            let before = image(&stack, region);
            edit(&stack, region, &before.id, |image| {
                lose(&mut image.tags);
                // Whose it is comes first.
                image.description = Some("Mine".to_owned());
            });
            let calls = stack.world.faults().count();
            for _ in 0..2 {
                stack.audit().await;
                assert_eq!(stack.in_sync(KEY).await, "false", "{region}");
            }
            let emails = stack.emails();
            assert_eq!(emails.len(), 2, "{emails:#?}");
            let text = &emails[1].text;
            let told = format!("{region}: {} has lost amiwright's tags", before.id);
            assert!(text.contains(&told), "{text}");
            assert!(text.contains("amiwright:manifest = s3://"), "{text}");
            assert_eq!(changes_by_name(&stack, calls), [""; 0]);

            // Its tags are back: the rest is repaired, as the manifest says.
            edit(&stack, region, &before.id, |image| {
                image.tags.clone_from(&before.tags);
            });
            stack.audit().await;
            stack.audit().await;
            assert_eq!(stack.in_sync(KEY).await, "true", "{region}");
            let now = image(&stack, region);
            assert_eq!(now.description, before.description);
        }
    }
}

/// Whoever may write a status can name any AMI in it: nothing is said of one that has another name.
#[tokio::test(start_paused = true)]
async fn an_ami_that_only_a_status_names_is_neither_told_of_nor_changed() {
    let stack = finished(SETTINGS).await;
    let own = image(&stack, REGION).id;
    let foreign = stack.image_elsewhere(REGION).await;
    let calls = stack.world.faults().count();
    let key = amiwright::keys::status_key(KEY);
    let status = stack.status(KEY).await.to_string();
    stack.write_state(&key, status.replace(&own, &foreign));
    stack.audit().await;
    stack.audit().await;
    assert_eq!(changes_by_name(&stack, calls), [""; 0]);
    let emails = stack.emails();
    assert!(
        emails.iter().all(|it| !it.text.contains(&foreign)),
        "{emails:#?}"
    );
}

/// A copy is deprecated as many days after the AMI of the stack's Region was made, whatever becomes of that one since.
#[tokio::test(start_paused = true)]
async fn a_copy_gets_its_relative_deprecation_although_what_it_is_of_lost_its_tags_or_is_gone() {
    for is_gone in [false, true] {
        let stack = finished(SETTINGS).await;
        let own = image(&stack, REGION);
        let settings = format!("{SETTINGS}deprecate: {{after: 90d}}\n");
        let manifest = format!("{}{settings}", stack.manifest("web-{digest}"));
        if is_gone {
            stack.deregister(&own.id).await;
        } else {
            edit(&stack, REGION, &own.id, |image| image.tags.clear());
        }
        stack.drop_file(KEY, manifest).await;
        for _ in 0..3 {
            stack.minute().await;
        }
        let asked = own.created_at.as_second() + 90 * 24 * 60 * 60;
        let deprecation = image(&stack, OREGON).deprecation_time.unwrap();
        let is_off_by = (deprecation.as_second() - asked).abs();
        assert!(is_off_by <= 60, "{is_gone}: {deprecation}");
    }
}
