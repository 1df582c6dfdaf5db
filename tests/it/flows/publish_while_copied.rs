//! What changes while an AMI is being copied, or before it is released: who may have it, and whether the account still has
//! the Region.

use std::collections::BTreeSet;
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::metrics::Meter;
use http::StatusCode;
use localaws::ec2::{Permission, TaskKind};
use localaws::faults::{Call, Fault};
use serde_json::{Value, json};

use crate::support::{REGION, TestStack, changes_since, minutes};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OREGON: &str = "us-west-2";
const CAPE_TOWN: &str = "af-south-1";
const NAME: &str = "/images/web";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowRetire", "true")
            .parameter("CopyRegions", "af-south-1,us-west-2")
            .parameter("ParameterPrefix", "/images")
    })
    .await
}

fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{settings}", stack.manifest("web-{digest}"))
}

/// Everybody else who may launch an AMI or has a snapshot in a Region.
fn grantees(stack: &TestStack, region: &str) -> BTreeSet<Permission> {
    let ec2 = stack.world.ec2();
    let images = ec2.images(region).into_iter();
    let snapshots = ec2.snapshots(region).into_iter();
    images
        .flat_map(|it| it.launch_permissions)
        .chain(snapshots.flat_map(|it| it.create_volume_permissions))
        .collect()
}

/// The calls that gave something to the account.
fn shares(stack: &TestStack, region: &str) -> usize {
    let calls = stack.world.calls().into_iter();
    let is_share = |name: &str| name.contains(".Add.");
    calls
        .filter(|call| call.region == region && call.done)
        .filter(|call| {
            let mut fields = call.fields.iter();
            fields.any(|(name, value)| is_share(name) && value == PARTNER)
        })
        .count()
}

/// Drops it again: nothing is done, and nobody is told anything.
async fn nothing_happens_twice(stack: &TestStack, manifest: &str) {
    let (calls, emails) = (stack.world.faults().count(), stack.emails().len());
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(changes_since(stack, calls), []);
    assert_eq!(stack.emails().len(), emails);
}

#[tokio::test(start_paused = true)]
async fn a_share_that_is_revoked_during_the_copy_ends_everywhere() {
    for copy in ["", ", copy: true"] {
        for (wait, is_shared) in [(0, false), (5, true)] {
            let stack = stack().await;
            stack
                .world
                .ec2()
                .set_task_time(TaskKind::CopyImage, minutes(20));
            let regions = format!("regions: {{{OREGON}: {{}}}}\nparameters: [{NAME}]\n");
            let shared = format!("{regions}access: {{accounts: ['{PARTNER}']{copy}}}\n");
            stack.drop_file(KEY, manifest(&stack, &shared)).await;
            while stack.count("CopyImage") == 0 {
                stack.world.run_for(Duration::from_secs(10)).await;
            }
            stack.world.run_for(minutes(wait)).await;
            assert_eq!(
                shares(&stack, REGION) > 0,
                is_shared || copy.is_empty() || wait == 0
            );
            let private = manifest(&stack, &regions);
            stack.drop_and_rest(KEY, &private).await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available", "{status:#}");
            for region in [REGION, OREGON] {
                assert_eq!(grantees(&stack, region), BTreeSet::new(), "{region}");
                let applied = &status["regions"][region]["applied"];
                assert_eq!(applied["grants"], Value::Null, "{status:#}");
                assert_eq!(applied["snapshots"], Value::Null, "{status:#}");
                let image = status["regions"][region]["image"].as_str();
                assert_eq!(stack.world.ssm().parameter(region, NAME).as_deref(), image);
            }
            assert_eq!(shares(&stack, OREGON), 0, "the copy was shared");
            assert_eq!(stack.count("CopyImage"), 1);
            nothing_happens_twice(&stack, &private).await;
        }
    }
}

/// `amiwright local --speed 60`: EC2 has made the copy within half a second of the functions' clock.
#[tokio::test(start_paused = true)]
async fn a_copy_is_looked_at_as_soon_as_fast_time_can_have_made_it() {
    let stack = stack().await;
    let second = Duration::from_secs(1);
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::CopyImage, second);
    let regions = format!("regions: {{{OREGON}: {{}}}}\n");
    stack.drop_file(KEY, manifest(&stack, &regions)).await;
    while stack.count("CopyImage") == 0 {
        stack.world.run_for(second).await;
    }
    stack.world.run_for(5 * second).await;
    for (time_scale, state) in [(1.0, "pending"), (60.0, "available")] {
        let history = PollingHistory::with_time_scale(time_scale);
        let (aws, config, meter) = (stack.aws(), stack.config(), Meter::default());
        let (event, now) = (json!({"task": "advance"}), stack.world.clock().now());
        let ticked = advance_tasks::handle(&aws, &config, &history, &event, now, None, &meter);
        Box::pin(ticked).await.unwrap();
        let status = stack.status(KEY).await;
        assert_eq!(status["regions"][OREGON]["imageState"], state, "{status:#}");
    }
}

/// When a Region is disabled.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// While the AMI is copied there.
    Copied,
    /// Once the copy is verified, before any parameter could be read.
    Verified,
    /// The same; then those of all other Regions can be.
    Unread,
}

const WHENS: [When; 3] = [When::Copied, When::Verified, When::Unread];

/// A Region that the account disables. What is asked for in each Region, and when that is.
async fn disabled(settings: &str, when: When) -> (TestStack, String) {
    let stack = stack().await;
    let manifest = disabled_on(&stack, settings, when).await;
    (stack, manifest)
}

async fn disabled_on(stack: &TestStack, settings: &str, when: When) -> String {
    let calls = stack.count("PutParameter");
    let ec2 = stack.world.ec2();
    ec2.set_opted_in(CAPE_TOWN, true);
    ec2.set_task_time(TaskKind::CopyImage, minutes(20));
    let manifest = manifest(stack, &format!("{settings}parameters: [{NAME}]\n"));
    if when != When::Copied {
        // It is copied and has its settings; that it is released is put off.
        let faults = stack.world.faults();
        faults.always("ssm", "GetParameters", Fault::Throttle);
    }
    stack.drop_file(KEY, &manifest).await;
    let wait = if when == When::Copied { 10 } else { 30 };
    stack.world.run_for(minutes(wait)).await;
    let status = stack.status(KEY).await;
    let known = &status["regions"][CAPE_TOWN];
    let is_verified = known["verifiedAt"].is_string();
    assert_eq!(is_verified, when != When::Copied, "{status:#}");
    assert_eq!(stack.count("PutParameter"), calls);
    stack.world.ec2().set_opted_in(CAPE_TOWN, false);
    let faults = stack.world.faults();
    faults.clear();
    if when == When::Unread {
        let is_unread = |call: &Call| call.action == "GetParameters" && call.region == CAPE_TOWN;
        faults.each(is_unread, Fault::Throttle);
    }
    // EC2 says which Regions are enabled: nothing is waited for where that is not so.
    stack.world.run_for(minutes(25)).await;
    stack.world.faults().clear();
    manifest
}

/// A Region is added to an image that is released, and ends without its parameter: the image is not as its manifest says.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_added_and_disabled_keeps_the_image_from_being_released() {
    for when in WHENS {
        let stack = stack().await;
        let at_home = manifest(&stack, &format!("parameters: [{NAME}]\n"));
        stack.drop_and_rest(KEY, &at_home).await;
        assert_eq!(stack.condition(KEY, "Released").await["status"], "true");
        let manifest =
            disabled_on(&stack, &format!("regions: {{{CAPE_TOWN}: {{}}}}\n"), when).await;
        // Its own parameter may be what is waited for.
        stack.rest().await;
        is_incomplete(&stack, &format!("{when:?}")).await;
        let status = stack.status(KEY).await;
        let released = stack.condition(KEY, "Released").await;
        assert_eq!(released["status"], "false", "{when:?}: {status:#}");
        assert_eq!(status["release"]["releasedAt"], Value::Null, "{when:?}");
        let told = format!("{NAME} in {CAPE_TOWN}: not set");
        let email = stack.last_email();
        assert!(email.contains(&told), "{when:?}: {email}");
        nothing_happens_twice(&stack, &manifest).await;

        stack.world.ec2().set_opted_in(CAPE_TOWN, true);
        stack.retry(KEY).await;
        assert_eq!(stack.condition(KEY, "Released").await["status"], "true");
        let copy = &stack.world.ec2().images(CAPE_TOWN)[0].id;
        let value = stack.world.ssm().parameter(CAPE_TOWN, NAME);
        assert_eq!(value.as_ref(), Some(copy), "{when:?}");
    }
}

/// The account disables a Region between what is written down and the call that it announces: what the call is answered is
/// about credentials.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_disabled_just_before_a_change_ends_as_disabled() {
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    ec2.set_opted_in(CAPE_TOWN, true);
    let regions = format!("regions: {{{CAPE_TOWN}: {{}}}}\nparameters: [{NAME}]\n");
    let shared = format!("{regions}access: {{accounts: ['{PARTNER}']}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &regions)).await;
    let is_change = |call: &Call| call.action == "ModifyImageAttribute" && call.region == CAPE_TOWN;
    let before = stack.world.calls().len();
    let refused = Fault::Refuse {
        status: StatusCode::UNAUTHORIZED,
        code: "AuthFailure".to_owned(),
        message: "AWS was not able to validate the provided access credentials".to_owned(),
    };
    stack.world.faults().each(is_change, refused);
    let shared = manifest(&stack, &shared);
    stack.drop_file(KEY, &shared).await;
    let changes = || {
        stack
            .world
            .calls()
            .split_off(before)
            .into_iter()
            .filter(is_change)
            .count()
    };
    while changes() == 0 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    ec2.set_opted_in(CAPE_TOWN, false);
    stack.rest().await;
    is_incomplete(&stack, "between").await;
    assert_eq!(changes(), 1);
    stack.world.faults().clear();
    nothing_happens_twice(&stack, &shared).await;
}

/// How the image ended for the Region that was disabled.
async fn is_incomplete(stack: &TestStack, about: &str) {
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{about}: {status:#}");
    let failure = &status["regions"][CAPE_TOWN]["failure"];
    assert_eq!(failure["kind"], "region-disabled", "{about}: {status:#}");
    let email = stack.emails().pop().unwrap();
    assert!(email.subject.starts_with("Incomplete"), "{}", email.subject);
    let told = "the account has not enabled af-south-1";
    assert!(email.text.contains(told), "{about}: {}", email.text);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_disabled_before_the_release_holds_it_back() {
    for when in WHENS {
        held_back(when).await;
    }
}

async fn held_back(when: When) {
    let settings = format!("regions: {{{CAPE_TOWN}: {{}}, {OREGON}: {{}}}}\n");
    let (stack, manifest) = disabled(&settings, when).await;
    is_incomplete(&stack, &format!("{when:?}")).await;
    assert_eq!(stack.count("PutParameter"), 0, "{when:?}");
    let email = stack.last_email();
    for region in [REGION, OREGON, CAPE_TOWN] {
        let value = stack.world.ssm().parameter(region, NAME);
        assert_eq!(value, None, "{when:?} {region}");
        let told = format!("{NAME} in {region}: not set");
        assert!(email.contains(&told), "{when:?}: {email}");
    }
    let copy = stack.world.ec2().images(CAPE_TOWN).remove(0).id;

    // It is enabled again: one retry finishes it, with the copy that there is.
    stack.world.ec2().set_opted_in(CAPE_TOWN, true);
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["regions"][CAPE_TOWN]["image"], copy.as_str());
    let copies = stack.world.ec2().images(CAPE_TOWN);
    assert_eq!(copies.len(), 1, "{copies:#?}");
    for region in [REGION, OREGON, CAPE_TOWN] {
        let image = status["regions"][region]["image"].as_str();
        let value = stack.world.ssm().parameter(region, NAME);
        assert_eq!(value.as_deref(), image, "{region}");
    }
    nothing_happens_twice(&stack, &manifest).await;
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_required_and_disabled_holds_nothing_back() {
    for when in WHENS {
        let regions = format!("{{{CAPE_TOWN}: {{required: false}}, {OREGON}: {{}}}}");
        let (stack, manifest) = disabled(&format!("regions: {regions}\n"), when).await;
        // Its own parameter may be what is waited for.
        stack.rest().await;
        is_incomplete(&stack, &format!("{when:?}")).await;
        let status = stack.status(KEY).await;
        for region in [REGION, OREGON] {
            let image = status["regions"][region]["image"].as_str();
            let value = stack.world.ssm().parameter(region, NAME);
            assert_eq!(value.as_deref(), image, "{when:?}: {region}: {status:#}");
        }
        assert_eq!(stack.world.ssm().parameter(CAPE_TOWN, NAME), None);
        let email = stack.emails().pop().unwrap();
        assert!(email.text.contains(CAPE_TOWN), "{}", email.text);
        nothing_happens_twice(&stack, &manifest).await;
    }
}

/// Whether its AMI is there cannot be seen for hours, for another reason than that it is disabled: nothing is released, and
/// the image ends.
#[tokio::test(start_paused = true)]
async fn a_required_region_that_cannot_be_seen_before_the_release_ends_it() {
    for is_unanswered in [true, false] {
        let stack = stack().await;
        let settings = format!("regions: {{{OREGON}: {{}}}}\nparameters: [{NAME}]\n");
        let manifest = manifest(&stack, &settings);
        let faults = stack.world.faults();
        faults.always("ssm", "GetParameters", Fault::Throttle);
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(90)).await;
        let status = stack.status(KEY).await;
        let copy = status["regions"][OREGON]["image"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            status["regions"][OREGON]["verifiedAt"].is_string(),
            "{status:#}"
        );
        faults.clear();
        let is_of_oregon =
            move |call: &Call| call.region == OREGON && (is_unanswered || call.service == "ssm");
        faults.each(is_of_oregon, Fault::Throttle);
        if !is_unanswered {
            let ec2 = stack.world.ec2();
            ec2.edit_image(OREGON, &copy, |image| image.tags.clear());
        }
        stack.world.run_for(minutes(30)).await;
        let waiting = stack.status(KEY).await["build"]["waiting"].clone();
        let expected = if is_unanswered {
            "RequestLimitExceeded"
        } else {
            &copy
        };
        let text = waiting.to_string();
        assert!(text.contains(expected), "{waiting:#}");
        stack.world.run_for(minutes(7 * 60)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "incomplete", "{is_unanswered}: {status:#}");
        assert_eq!(stack.count("PutParameter"), 0, "{is_unanswered}");
        let failure = &status["regions"][OREGON]["failure"];
        assert_eq!(failure["kind"], "not-published", "{status:#}");
        let email = stack.last_email();
        for region in [REGION, OREGON] {
            let told = format!("{NAME} in {region}: not set");
            assert!(email.contains(&told), "{is_unanswered}: {email}");
        }
        faults.clear();
        nothing_happens_twice(&stack, &manifest).await;
    }
}

/// SSM validates the value at home when the account disables the other Region: what becomes of it is seen, and told.
#[tokio::test(start_paused = true)]
async fn a_parameter_that_is_being_validated_while_another_region_ends_is_told_as_it_is() {
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    ec2.set_opted_in(CAPE_TOWN, true);
    stack.world.ssm().set_validation_time(minutes(3));
    let settings = format!("regions: {{{CAPE_TOWN}: {{}}}}\nparameters: [{NAME}]\n");
    let manifest = manifest(&stack, &settings);
    stack.drop_file(KEY, &manifest).await;
    while stack.count("PutParameter") < 2 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    assert_eq!(stack.world.ssm().parameter(REGION, NAME), None);
    ec2.set_opted_in(CAPE_TOWN, false);
    stack.rest().await;
    is_incomplete(&stack, "validated").await;
    let status = stack.status(KEY).await;
    let image = status["regions"][REGION]["image"].as_str().unwrap();
    let value = stack.world.ssm().parameter(REGION, NAME);
    assert_eq!(value.as_deref(), Some(image));
    let email = stack.last_email();
    let told = format!("{NAME} in {REGION}: {image}");
    assert!(email.contains(&told), "{email}");
    assert_eq!(stack.condition(KEY, "Released").await["status"], "false");
    nothing_happens_twice(&stack, &manifest).await;
}
