//! An AMI that is to be deregistered and that somebody uses is deprecated instead.

use std::collections::BTreeSet;

use amiwright::image::status::Grantee;
use localaws::ec2::{SeedInstance, SeedLaunchTemplate};

use super::publish_retire::{DEREGISTER, KEY, first, ids, image, retiring_calls, stack, version};
use crate::support::{REGION, TestStack};

async fn replace_in_use(stack: &TestStack, old: &str, by: &str) {
    stack
        .drop_and_rest(KEY, version(stack, 2, DEREGISTER))
        .await;
    assert!(image(stack, old).deprecation_time.is_some());
    assert!(!retiring_calls(stack).contains(&"DeregisterImage".to_owned()));
    let email = stack.last_email();
    let expected = format!("{old} deprecated, not deregistered: in use by ");
    assert!(email.contains(&expected) && email.contains(by), "{email}");
}

#[tokio::test(start_paused = true)]
async fn what_an_instance_uses_is_deprecated_instead_until_it_is_free() {
    let stack = stack().await;
    let old = first(&stack).await;
    let instance = SeedInstance {
        image_id: Some(old.clone()),
        ..SeedInstance::default()
    };
    let ec2 = stack.world.ec2();
    let id = ec2.seed_instance(REGION, instance);
    replace_in_use(&stack, &old, &id).await;

    let gone = SeedInstance {
        id: Some(id),
        ..SeedInstance::default()
    };
    ec2.seed_instance(REGION, gone);
    stack
        .drop_and_rest(KEY, version(&stack, 3, DEREGISTER))
        .await;
    assert_eq!(ids(&stack).len(), 1);
}

/// More versions than are remembered of those that are only kept.
#[tokio::test(start_paused = true)]
async fn what_was_in_use_for_many_versions_goes_once_it_is_free() {
    let stack = stack().await;
    let old = first(&stack).await;
    let instance = |id: Option<String>, image_id: Option<&String>| SeedInstance {
        id,
        image_id: image_id.cloned(),
        ..SeedInstance::default()
    };
    let ec2 = stack.world.ec2();
    let id = ec2.seed_instance(REGION, instance(None, Some(&old)));
    for number in 2..14 {
        let newer = version(&stack, number, DEREGISTER);
        stack.drop_and_rest(KEY, newer).await;
        assert!(ids(&stack).contains(&old), "{number}");
        assert_eq!(ids(&stack).len(), 2, "{number}");
    }
    ec2.seed_instance(REGION, instance(Some(id), None));
    stack
        .drop_and_rest(KEY, version(&stack, 14, DEREGISTER))
        .await;
    assert!(!ids(&stack).contains(&old));
}

#[tokio::test(start_paused = true)]
async fn what_an_old_version_of_a_launch_template_names_is_deprecated_instead() {
    let stack = stack().await;
    let old = first(&stack).await;
    let mut versions = vec![Some(old.clone())];
    versions.resize(40, None);
    let template = SeedLaunchTemplate { id: None, versions };
    let id = stack.world.ec2().seed_launch_template(REGION, template);
    replace_in_use(&stack, &old, &id).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_parameter_names_is_deprecated_instead() {
    let stack = stack().await;
    let old = first(&stack).await;
    let ssm = stack.world.ssm();
    ssm.seed_image_parameter(REGION, "/others/web", &old);
    replace_in_use(&stack, &old, "/others/web").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_shared_and_was_launched_lately_is_deprecated_instead() {
    let stack = stack().await;
    let old = first(&stack).await;
    let partner = BTreeSet::from([Grantee::Account("111122223333".to_owned())]);
    let aws = stack.aws();
    aws.change_launch_permissions(&old, &partner, &BTreeSet::new())
        .await
        .unwrap();
    let now = stack.world.clock().now();
    stack.world.ec2().edit_image(REGION, &old, |image| {
        image.last_launched_time = Some(now);
    });
    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;
    assert!(image(&stack, &old).deprecation_time.is_some());
    let email = stack.last_email();
    assert!(email.contains("was last launched at"), "{email}");
}
