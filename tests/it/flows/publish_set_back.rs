//! A manifest is set back to its old content while its old AMI is being retired: that AMI is the current one again, and what
//! was done to it in order to deregister it is undone.

use std::time::Duration;

use localaws::ec2::DeregistrationProtection::{
    self, CoolingDown, Disabled, EnabledWithCooldown, EnabledWithoutCooldown,
};
use localaws::ec2::Image;
use localaws::faults::{Call, Fault};

use crate::support::{DISK, REGION, TestStack, changes_since, faults, minutes, vmdk};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
const COPY: &str = "regions: {us-west-2: {}}\n";
const DEREGISTER: &str = "replaces: {previous: deregister}\n";
const COOLDOWN: &str = "protect: {cooldown: true}\n";
const ENABLE: &str = "EnableImageDeregistrationProtection";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("AllowRetire", "true")
            .parameter("CopyRegions", OREGON)
    })
    .await
}

fn version(stack: &TestStack, number: u32, settings: &str) -> String {
    let manifest = stack.manifest("web-{digest}");
    let size = 8 + number;
    format!(
        "{manifest}register: {{blockDeviceMappings: [{{deviceName: /dev/sdb, ebs: {{volumeSize: {size}}}}}]}}\n{COPY}{settings}"
    )
}

/// The AMI of the first version in each Region.
type Old = [(&'static str, String); 2];

fn images(stack: &TestStack) -> Old {
    [REGION, OREGON].map(|region| (region, stack.world.ec2().images(region)[0].id.clone()))
}

fn protection(stack: &TestStack, (region, id): &(&str, String)) -> DeregistrationProtection {
    let images = stack.world.ec2().images(region);
    let image = images.iter().find(|image| image.id == *id);
    image.unwrap().deregistration_protection
}

/// The first version with these settings; then the second, which was about to deregister it and has switched its protection
/// off. EC2 answers to nothing more than that.
async fn about_to_be_deregistered(stack: &TestStack, settings: &str) -> Old {
    stack.drop_and_rest(KEY, version(stack, 1, settings)).await;
    let old = images(stack);
    let faults = stack.world.faults();
    faults.always("ec2", "DeregisterImage", Fault::Throttle);
    stack.drop_file(KEY, version(stack, 2, DEREGISTER)).await;
    stack.world.run_for(minutes(40)).await;
    for old in &old {
        let now = protection(stack, old);
        assert!(matches!(now, Disabled | CoolingDown(_)), "{now:?}");
    }
    faults.clear();
    old
}

fn is_protected(stack: &TestStack, old: &Old, expected: DeregistrationProtection, about: &str) {
    for old in old {
        let now = protection(stack, old);
        let is_off = |it| matches!(it, Disabled | CoolingDown(_));
        let is_right = now == expected || (is_off(now) && is_off(expected));
        assert!(is_right, "{about}: {now:?} in {}", old.0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_current_again_is_protected_as_before_or_as_its_manifest_says() {
    let plain = "protect: true\n";
    for (first, then, expected) in [
        (COOLDOWN, COOLDOWN, EnabledWithCooldown),
        (COOLDOWN, plain, EnabledWithoutCooldown),
        (COOLDOWN, "", Disabled),
        (plain, plain, EnabledWithoutCooldown),
        (plain, COOLDOWN, EnabledWithCooldown),
    ] {
        let about = format!("{first}{then}");
        let stack = stack().await;
        let old = about_to_be_deregistered(&stack, first).await;
        stack.drop_and_rest(KEY, version(&stack, 1, then)).await;
        is_protected(&stack, &old, expected, &about);
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{about}{status:#}");
        assert_eq!(status["regions"][REGION]["image"], old[0].1, "{about}");

        let before = (stack.count(ENABLE), stack.emails().len());
        stack.world.run_for(minutes(45)).await;
        stack.rest().await;
        assert_eq!((stack.count(ENABLE), stack.emails().len()), before);
        is_protected(&stack, &old, expected, &about);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_current_again_is_protected_whatever_goes_wrong_once() {
    for fault in faults() {
        let stack = stack().await;
        let old = about_to_be_deregistered(&stack, COOLDOWN).await;
        stack.world.faults().on("ec2", ENABLE, 1, fault.clone());
        stack.drop_and_rest(KEY, version(&stack, 1, COOLDOWN)).await;
        is_protected(&stack, &old, EnabledWithCooldown, &format!("{fault:?}"));
        assert_eq!(stack.status(KEY).await["state"], "available", "{fault:?}");
    }
}

/// The manifest is set back, at first without the Region in which it has a copy.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_found_again_is_told_and_not_said_to_be_made() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, version(&stack, 1, "")).await;
    let [_, (_, copy)] = images(&stack);
    stack.drop_and_rest(KEY, version(&stack, 2, "")).await;
    let alone = version(&stack, 1, "").replace(COPY, "");
    stack.drop_and_rest(KEY, alone).await;
    let made = stack.count("CopyImage");
    stack.drop_and_rest(KEY, version(&stack, 1, "")).await;
    assert_eq!(stack.count("CopyImage"), made);
    let email = stack.last_email();
    assert!(email.starts_with("Changed"), "{email}");
    let told = format!("{OREGON}: {copy}, which was there, belongs to it again");
    assert!(
        email.contains(&told) && !email.contains("copied"),
        "{email}"
    );
}

/// The manifest is set back and forth, faster than the protection is switched on again.
#[tokio::test(start_paused = true)]
async fn an_ami_that_is_current_only_for_a_moment_is_protected_in_the_end() {
    for settings in ["", "replaces: {previous: deprecate}\n"] {
        let stack = stack().await;
        let old = about_to_be_deregistered(&stack, COOLDOWN).await;
        let faults = stack.world.faults();
        faults.always("ec2", ENABLE, Fault::Throttle);
        stack.drop_file(KEY, version(&stack, 1, COOLDOWN)).await;
        stack.world.run_for(minutes(10)).await;
        stack.drop_file(KEY, version(&stack, 2, settings)).await;
        stack.world.run_for(minutes(10)).await;
        faults.clear();
        stack.rest().await;
        is_protected(&stack, &old, EnabledWithCooldown, settings);
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
    }
}

/// Another invocation may still be about to deregister the copy: it is the current one only if it stays.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_being_deregistered_is_not_taken_for_the_current_one() {
    for is_gone in [false, true] {
        let stack = stack().await;
        stack.drop_and_rest(KEY, version(&stack, 1, "")).await;
        let old = images(&stack);
        let faults = stack.world.faults();
        let is_of_copy = |it: &Call| it.region == OREGON && it.action == "DeregisterImage";
        faults.each(is_of_copy, Fault::CrashBefore);
        stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
        stack.world.run_for(minutes(20)).await;
        assert!(stack.count("DeregisterImage") > 0);
        faults.clear();
        stack.drop_file(KEY, version(&stack, 1, "")).await;
        stack.world.run_for(minutes(3)).await;
        let (_, copy) = &old[1];
        if is_gone {
            let aws = stack.aws().in_region(OREGON);
            aws.deregister_image(copy).await.unwrap();
        }
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{is_gone} {status:#}");
        let now = &status["regions"][OREGON]["image"];
        assert_eq!(*now == copy.as_str(), !is_gone, "{status:#}");
        let copies = stack.world.ec2().images(OREGON);
        assert!(
            copies.iter().any(|it| *now == it.id.as_str()),
            "{copies:#?}"
        );
    }
}

/// Reads are some minutes old: EC2 still shows the AMI as it was before it was deprecated.
#[tokio::test(start_paused = true)]
async fn an_ami_that_is_current_again_at_once_is_deprecated_no_more() {
    let stale = minutes(3);
    for is_removed in [false, true] {
        let stack = stack().await;
        let first = version(&stack, 1, "onDelete: deprecate\n");
        stack.drop_and_rest(KEY, &first).await;
        let old = images(&stack);
        stack.world.ec2().set_stale_reads(stale);
        match is_removed {
            true => stack.remove(KEY).await,
            false => {
                let second = version(&stack, 2, "replaces: {previous: deprecate}\n");
                stack.drop_file(KEY, second).await;
            }
        }
        let is_deprecated = |(region, id): &(&str, String)| {
            let images = stack.world.ec2().images(region);
            let image = images.iter().find(|image| image.id == *id);
            image.unwrap().deprecation_time.is_some()
        };
        for _ in 0..900 {
            if old.iter().all(is_deprecated) {
                break;
            }
            stack.world.run_for(Duration::from_secs(1)).await;
        }
        assert!(old.iter().all(is_deprecated), "{is_removed}");

        stack.drop_and_rest(KEY, &first).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["regions"][REGION]["image"], old[0].1, "{status:#}");
        assert!(!old.iter().any(is_deprecated), "{is_removed} {status:#}");
        let before = stack.world.faults().count();
        stack.drop_and_rest(KEY, &first).await;
        assert_eq!(changes_since(&stack, before), []);
    }
}

/// EC2 shows AMIs for minutes after it has deregistered them: the version that had them is made anew.
#[tokio::test(start_paused = true)]
async fn amis_that_are_still_shown_after_they_were_deregistered_are_made_anew() {
    for is_removed in [false, true] {
        let stack = stack().await;
        let first = version(&stack, 1, "onDelete: deregister\n");
        let old = match is_removed {
            true => {
                stack.drop_and_rest(KEY, &first).await;
                images(&stack)
            }
            false => about_to_be_deregistered(&stack, "onDelete: deregister\n").await,
        };
        stack.world.ec2().set_visibility_delay(minutes(10));
        if is_removed {
            stack.remove(KEY).await;
        }
        let is_there = |(region, id): &(&str, String)| {
            let images = stack.world.ec2().images(region);
            images.iter().any(|image| image.id == *id)
        };
        for _ in 0..900 {
            if !old.iter().any(is_there) && stack.status(KEY).await["state"] != "working" {
                break;
            }
            stack.world.run_for(Duration::from_secs(1)).await;
        }
        assert!(!old.iter().any(is_there), "{is_removed}");

        stack.drop_and_rest(KEY, &first).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{is_removed} {status:#}");
        for (region, _) in &old {
            let now = status["regions"][*region]["image"].as_str().unwrap();
            assert!(is_there(&(*region, now.to_owned())), "{status:#}");
        }
        let before = (stack.world.faults().count(), stack.emails().len());
        stack.drop_and_rest(KEY, &first).await;
        assert_eq!(changes_since(&stack, before.0), []);
        assert_eq!(stack.emails().len(), before.1);
    }
}

/// The value of a tag of a snapshot.
fn team(stack: &TestStack, id: &str) -> Option<String> {
    let snapshots = stack.world.ec2().snapshots(REGION);
    let snapshot = snapshots.iter().find(|it| it.id == id);
    snapshot.unwrap().tags.get("team").cloned()
}

/// No task of this attempt has made its AMI, which is found.
#[tokio::test(start_paused = true)]
async fn an_ami_that_is_current_again_and_its_snapshots_have_the_same_tags() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let first = DISK.replace("{date}", "{digest}");
    stack.drop_and_rest(KEY, &first).await;
    let own = |image: &Image| image.snapshot_ids().next().unwrap().clone();
    let first_image = stack.only_image();
    let (image, snapshot) = (&first_image.id, own(&first_image));
    let second = format!("{first}register: {{imdsSupport: v2.0}}\n");
    stack.drop_and_rest(KEY, second).await;
    let images = stack.images();
    let other = own(images.iter().find(|it| it.id != *image).unwrap());
    for (tags, expected) in [("tags: {team: api}\n", Some("api")), ("", None)] {
        let manifest = first.replace("tags: {team: web}\n", tags);
        for _ in 0..2 {
            stack.drop_and_rest(KEY, &manifest).await;
            let status = stack.status(KEY).await;
            assert_eq!(status["regions"][REGION]["image"], **image, "{status:#}");
            assert_eq!(team(&stack, &snapshot).as_deref(), expected);
            assert_eq!(team(&stack, &other).as_deref(), Some("web"));
        }
    }
    assert_eq!(stack.count("ImportSnapshot"), 2);
}
