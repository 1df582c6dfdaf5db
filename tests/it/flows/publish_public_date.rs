//! A public AMI is deprecated two years after it was made at the latest: a later time is refused before the AMI is public.

use jiff::Timestamp;
use localaws::ec2::{Image, ImageBlock};

use crate::support::{REGION, TestStack, changes_by_name};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
/// 23 months from now: the manifest's rules let it through.
const LATE: &str = "2028-10-21T10:00:00Z";

/// An AMI with these settings that was made a year ago, and its manifest without them.
async fn a_year_old(settings: &str) -> (TestStack, String) {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("AllowPublic", "true")
            .parameter("CopyRegions", OREGON)
    })
    .await;
    for region in [REGION, OREGON] {
        let ec2 = stack.world.ec2();
        ec2.set_image_block(region, ImageBlock::Unblocked);
    }
    let bare = stack.manifest("web-{digest}");
    stack.drop_and_rest(KEY, format!("{bare}{settings}")).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let id = image(&stack, REGION).id;
    stack.world.ec2().edit_image(REGION, &id, |image| {
        // EC2 has set the time of a public one: two years after that.
        let date = image.is_public().then(|| at("2027-11-21T10:00:00Z"));
        image.deprecation_time = date.flatten().or(image.deprecation_time);
        image.created_at = at("2025-11-21T10:00:00Z").unwrap();
    });
    (stack, bare)
}

fn image(stack: &TestStack, region: &str) -> Image {
    let images = stack.world.ec2().images(region);
    assert_eq!(images.len(), 1, "{images:#?}");
    images.into_iter().next().unwrap()
}

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

/// Drops a manifest twice: the AMI of the stack's Region is left as it is, and one email says which time is the latest.
async fn refused(stack: &TestStack, manifest: &str) {
    let (before, emails) = (image(stack, REGION), stack.emails().len());
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert_eq!(image(stack, REGION), before);
    assert_eq!(stack.emails().len(), emails + 1);
    let text = stack.last_email();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "a public AMI is deprecated two years after it was made at the latest, this one at 2027-11-21T10:00:00Z",
        "Give an earlier time in `deprecate`, or leave `public` out",
        REGION,
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    let calls = changes_by_name(stack, 0);
    stack.minute().await;
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(changes_by_name(stack, 0), calls);
    assert_eq!(stack.emails().len(), emails + 1);
}

/// A copy is younger: its own two years count.
#[tokio::test(start_paused = true)]
async fn an_ami_that_becomes_public_is_not_to_be_deprecated_later_than_public_amis_are() {
    let (stack, bare) = a_year_old("").await;
    let settings = format!(
        "description: Web tier\ntags: {{team: web}}\naccess: {{public: true}}\nregions: {{{OREGON}: {{}}}}\n"
    );
    let dated = |at: &str| format!("{bare}{settings}deprecate: {{at: '{at}'}}\n");
    refused(&stack, &dated(LATE)).await;
    let copy = image(&stack, OREGON);
    assert!(copy.is_public());
    assert_eq!(copy.deprecation_time, at(LATE));

    let early = "2027-10-21T10:00:00Z";
    for _ in 0..2 {
        stack.drop_and_rest(KEY, dated(early)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
    }
    for region in [REGION, OREGON] {
        let image = image(&stack, region);
        assert!(image.is_public(), "{region}");
        assert_eq!(image.deprecation_time, at(early), "{region}");
        assert_eq!(image.description.as_deref(), Some("Web tier"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_public_is_not_deprecated_later_than_public_amis_are() {
    let public = "access: {public: true}\n";
    let (stack, bare) = a_year_old(public).await;
    let dated = format!("{bare}{public}description: Web tier\ndeprecate: {{at: '{LATE}'}}\n");
    refused(&stack, &dated).await;
    let without = format!("{bare}{public}description: Web tier\n");
    stack.drop_and_rest(KEY, without).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let image = image(&stack, REGION);
    assert_eq!(image.description.as_deref(), Some("Web tier"));
}

/// A time that somebody else has set stays set; one of amiwright's own goes with its field.
#[tokio::test(start_paused = true)]
async fn a_later_time_that_stays_set_is_in_the_way_of_the_public() {
    let (stack, bare) = a_year_old("deprecate: {after: 90d}\n").await;
    let public = format!("{bare}access: {{public: true}}\n");
    let id = image(&stack, REGION).id;
    stack.world.ec2().edit_image(REGION, &id, |image| {
        image.deprecation_time = at("2033-01-01T00:00:00Z");
    });
    refused(&stack, &public).await;

    let (stack, bare) = a_year_old("deprecate: {after: 5y}\n").await;
    let public = format!("{bare}access: {{public: true}}\n");
    stack.drop_and_rest(KEY, public).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert!(image(&stack, REGION).is_public());
}
