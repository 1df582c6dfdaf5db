//! An AMI gets the settings of its manifest, and other ones when they change.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::aws::Aws;
use amiwright::image::observed::ObservedImage;
use amiwright::image::status::Grantee;
use http::StatusCode;
use localaws::faults::Fault;

use crate::support::{TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OTHER: &str = "444455556666";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowPublic", "true")
    })
    .await
}

/// A manifest of the seeded snapshot with these settings.
fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{settings}", stack.manifest("web"))
}

async fn shown(stack: &TestStack) -> ObservedImage {
    let id = stack.only_image().id;
    let found = stack.aws().find_images("image-id", &[id]).await.unwrap();
    found.into_iter().next().unwrap()
}

async fn grants(aws: &Aws, image: &str) -> BTreeSet<Grantee> {
    aws.launch_permissions(image).await.unwrap()
}

/// The calls of the functions that change something in EC2, by name.
fn changes(stack: &TestStack) -> BTreeMap<String, usize> {
    let mut calls = stack.calls_of("register-image");
    for (action, count) in stack.calls_of("advance-tasks") {
        *calls.entry(action).or_default() += count;
    }
    calls.retain(|action, _| {
        [
            "Modify",
            "Enable",
            "Disable",
            "CreateTags",
            "DeleteTags",
            "Register",
        ]
        .iter()
        .any(|word| action.starts_with(word))
    });
    calls
}

#[tokio::test(start_paused = true)]
async fn an_ami_is_made_with_the_settings_of_its_manifest() {
    let stack = stack().await;
    let settings = format!(
        "description: Web tier\ntags: {{team: web}}\naccess: {{accounts: ['{PARTNER}']}}\n\
         deprecate: {{after: 90d}}\nprotect: true\n"
    );
    stack.drop_and_rest(KEY, manifest(&stack, &settings)).await;

    let image = shown(&stack).await;
    assert_eq!(image.description.as_deref(), Some("Web tier"));
    assert_eq!(image.tags["team"], "web");
    assert_eq!(image.protection, "enabled-without-cooldown");
    let after = image
        .deprecate_at
        .unwrap()
        .duration_since(image.created_at.unwrap());
    assert_eq!(after.as_hours(), 90 * 24);
    let partner = Grantee::Account(PARTNER.to_owned());
    assert_eq!(
        grants(&stack.aws(), &image.id).await,
        BTreeSet::from([partner])
    );

    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available");
    assert!(status["regions"]["us-east-1"]["verifiedAt"].is_string());
    let email = stack.only_email();
    assert!(email.subject.starts_with("Available"), "{}", email.subject);
    for fact in [PARTNER, "Deprecated", "Protected"] {
        assert!(
            email.text.contains(fact),
            "{fact} is not in\n{}",
            email.text
        );
    }
    let before = changes(&stack);
    stack.drop_and_rest(KEY, manifest(&stack, &settings)).await;
    assert_eq!(changes(&stack), before);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn settings_that_change_are_changed_in_place_and_set_back() {
    let stack = stack().await;
    let bare = manifest(&stack, "");
    stack.drop_and_rest(KEY, &bare).await;
    let id = stack.only_image().id;

    let shared = format!("access: {{accounts: ['{PARTNER}', '{OTHER}']}}\ntags: {{team: web}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &shared)).await;
    assert_eq!(grants(&stack.aws(), &id).await.len(), 2);
    let email = stack.emails().pop().unwrap();
    assert_eq!(email.subject, "Changed: web (us-east-1)");
    assert!(
        email
            .text
            .contains("shared with 111122223333, 444455556666"),
        "{}",
        email.text
    );

    let fewer = format!("access: {{accounts: ['{OTHER}']}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &fewer)).await;
    let other = Grantee::Account(OTHER.to_owned());
    assert_eq!(grants(&stack.aws(), &id).await, BTreeSet::from([other]));
    assert_eq!(shown(&stack).await.tags.get("team"), None);

    stack.drop_and_rest(KEY, &bare).await;
    assert_eq!(grants(&stack.aws(), &id).await, BTreeSet::new());
    assert_eq!(stack.only_image().id, id);
    assert_eq!(stack.subjects().len(), 4);
    let before = changes(&stack);
    stack.drop_and_rest(KEY, &bare).await;
    assert_eq!(changes(&stack), before);
    assert_eq!(stack.subjects().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_others_have_granted_stays() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    let id = stack.only_image().id;
    let by_hand = BTreeSet::from([Grantee::Account(OTHER.to_owned())]);
    let none = BTreeSet::new();
    stack
        .aws()
        .change_launch_permissions(&id, &by_hand, &none)
        .await
        .unwrap();

    let shared = format!("access: {{accounts: ['{PARTNER}']}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &shared)).await;
    assert_eq!(grants(&stack.aws(), &id).await.len(), 2);
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    assert_eq!(grants(&stack.aws(), &id).await, by_hand);
}

/// EC2 fails for longer than anybody waits: the image ends, says so, and is tried again when asked.
#[tokio::test(start_paused = true)]
async fn a_setting_that_ec2_does_not_take_for_hours_ends_incomplete() {
    let stack = stack().await;
    let down = Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "An internal error has occurred".to_owned(),
    };
    let faults = stack.world.faults();
    faults.always("ec2", "ModifyImageAttribute", down);
    let settings = format!("access: {{accounts: ['{PARTNER}']}}\n");
    stack.drop_file(KEY, manifest(&stack, &settings)).await;
    stack.world.run_for(minutes(7 * 60)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert_eq!(
        status["regions"]["us-east-1"]["failure"]["kind"],
        "not-published"
    );
    let email = stack.emails().pop().unwrap();
    assert!(email.subject.starts_with("Incomplete"), "{}", email.subject);

    stack.world.faults().clear();
    stack.retry(KEY).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let image = stack.only_image().id;
    assert_eq!(grants(&stack.aws(), &image).await.len(), 1);
}

/// The AMI of the first version is taken up again, and what it was made with was amiwright's, too.
#[tokio::test(start_paused = true)]
async fn what_an_ami_was_made_with_is_taken_back_when_another_version_came_between() {
    let stack = stack().await;
    let made = "description: Web tier\ntags: {team: web}\n";
    let first = stack.manifest("web-{digest}");
    let between = first.replace("web-{digest}", "other-{digest}");
    stack.drop_and_rest(KEY, format!("{first}{made}")).await;
    let image = stack.only_image().id;
    stack.drop_and_rest(KEY, between).await;
    stack.drop_and_rest(KEY, first).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["regions"]["us-east-1"]["image"], image.as_str());
    let found = stack.aws().find_images("image-id", &[image]).await.unwrap();
    assert_eq!(found[0].description, None);
    assert!(!found[0].tags.contains_key("team"), "{:?}", found[0].tags);
}

/// Two manifests make AMIs of one snapshot, and share it with the same account: one that stops leaves it to the other, whose
/// AMI could no longer be copied without it.
#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_ami_stays_shared() {
    let stack = stack().await;
    let shared = format!("access: {{accounts: ['{PARTNER}'], copy: true}}\n");
    let other = "golden/other.image.yaml";
    stack.drop_and_rest(KEY, manifest(&stack, &shared)).await;
    let second = format!("{}{shared}", stack.manifest("other"));
    stack.drop_and_rest(other, second).await;
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let readers = stack.aws().snapshot_accounts(&stack.snapshot).await;
    assert_eq!(readers.unwrap(), BTreeSet::from([PARTNER.to_owned()]));
}
