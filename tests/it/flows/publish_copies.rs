//! What a copy that fails, breaks, has another key or is just being deregistered comes to: nothing of an earlier one is
//! lost, and none is taken for what it is not.

use localaws::ec2::{Image, ImageState, TaskKind};
use localaws::faults::Fault;
use localaws::world::Builder;

use super::publish_retire::{allowed, retiring_calls, version};
use crate::support::{TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
const REASON: &str = "Client.InternalError: Copy image failed";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("CopyRegions", OREGON)
            .parameter("AllowRetire", "true")
            .parameter("KmsKeys", &format!("{},{}", key('1'), key('2')))
    })
    .await
}

/// The ARN of a KMS key.
fn key(digit: char) -> String {
    format!("arn:aws:kms:{OREGON}:000000000000:key/1234abcd-12ab-34cd-56ef-12345678900{digit}")
}

/// A manifest of the seeded snapshot, of this version, that is copied and replaces the earlier ones.
fn replacing(stack: &TestStack, version: &str) -> String {
    let manifest = stack.manifest(&format!("{version}-{{digest}}"));
    manifest + "regions: {us-west-2: {}}\nreplaces: {previous: deregister, snapshots: keep}\n"
}

fn snapshots(stack: &TestStack) -> Vec<String> {
    let snapshots = stack.world.ec2().snapshots(OREGON);
    snapshots.into_iter().map(|it| it.id).collect()
}

fn copies(stack: &TestStack) -> Vec<String> {
    let images = stack.world.ec2().images(OREGON);
    images.into_iter().map(|it| it.id).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_copy_takes_no_snapshot_with_it_that_was_kept() {
    let stack = stack().await;
    let first = replacing(&stack, "one");
    stack.drop_and_rest(KEY, &first).await;
    let kept = snapshots(&stack);
    assert_eq!(kept.len(), 1);
    stack.drop_and_rest(KEY, replacing(&stack, "two")).await;
    assert_eq!(copies(&stack).len(), 1, "the first one was deregistered");

    stack
        .world
        .ec2()
        .fail_next_task(TaskKind::CopyImage, REASON);
    stack.drop_and_rest(KEY, &first).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let left = snapshots(&stack);
    assert!(left.contains(&kept[0]), "{kept:?} is not among {left:?}");
    // That of the second version was kept, too; that of the failed copy was deleted.
    assert_eq!(left.len(), 3, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_copy_that_still_shows_is_not_taken_again() {
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    ec2.set_visibility_delay(minutes(2));
    ec2.fail_next_task(TaskKind::CopyImage, REASON);
    stack.drop_and_rest(KEY, replacing(&stack, "one")).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(copies(&stack).len(), 1);
    assert_eq!(snapshots(&stack).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_finished_copy_that_breaks_is_told_and_left() {
    let stack = stack().await;
    let manifest = stack.manifest("web") + "regions: {us-west-2: {}}\n";
    stack.drop_and_rest(KEY, &manifest).await;
    let copy = copies(&stack).remove(0);
    let ec2 = stack.world.ec2();
    assert!(ec2.edit_image(OREGON, &copy, |it| it.state = ImageState::Failed));
    stack
        .drop_and_rest(KEY, manifest + "tags: {team: web}\n")
        .await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    assert_eq!(copies(&stack), std::slice::from_ref(&copy));
    assert_eq!(snapshots(&stack).len(), 1);
    let email = stack.emails().pop().unwrap();
    let told = format!("{copy} was finished, and EC2 shows it as failed now");
    assert!(email.text.contains(&told), "{}", email.text);

    // Once it is gone, one retry makes another.
    stack.world.run_for(minutes(2)).await;
    let aws = stack.aws().in_region(OREGON);
    aws.deregister_image(&copy).await.unwrap();
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_ne!(copies(&stack), [copy]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_under_another_key_is_not_taken_for_the_one_that_is_asked_for() {
    let stack = stack().await;
    let of = |name: &str, key: &str| {
        let regions = format!("regions: {{{OREGON}: {{kmsKeyId: '{key}'}}}}\n");
        stack.manifest(&format!("{name}-{{digest}}")) + &regions
    };
    stack.drop_and_rest(KEY, of("one", &key('1'))).await;
    let copy = copies(&stack).remove(0);
    stack.drop_and_rest(KEY, of("two", &key('1'))).await;
    // Set back, with another key; and with its own.
    stack.drop_and_rest(KEY, of("one", &key('2'))).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let email = stack.emails().pop().unwrap();
    let told = format!("{copy} was copied with another KMS key");
    assert!(email.text.contains(&told), "{}", email.text);

    // One retry is enough.
    let aws = stack.aws().in_region(OREGON);
    aws.deregister_image(&copy).await.unwrap();
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let made = status["regions"][OREGON]["snapshots"][0].as_str();
    let shown = stack.world.ec2().snapshots(OREGON);
    let shown = shown.into_iter().find(|it| Some(&*it.id) == made);
    assert_eq!(shown.unwrap().kms_key_id, Some(key('2')));
}

/// A version is set back, and asks for no key any more: its copy has one that was named for it.
#[tokio::test(start_paused = true)]
async fn a_copy_under_a_named_key_is_not_taken_for_one_without() {
    let stack = stack().await;
    let of = |name: &str, copy: &str| {
        stack.manifest(&format!("{name}-{{digest}}")) + &format!("regions: {{{OREGON}: {copy}}}\n")
    };
    let named = format!("{{kmsKeyId: '{}'}}", key('1'));
    stack.drop_and_rest(KEY, of("one", &named)).await;
    let copy = copies(&stack).remove(0);
    stack.drop_and_rest(KEY, of("two", "{}")).await;
    stack.drop_and_rest(KEY, of("one", "{}")).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let email = stack.emails().pop().unwrap();
    let told = format!("{copy} was copied with another KMS key, {}", key('1'));
    assert!(email.text.contains(&told), "{}", email.text);
}

/// A version is set back, and asks for a key now: its copy is not encrypted.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_not_encrypted_is_not_taken_for_one_under_a_key() {
    // An empty volume that is encrypted says nothing of the others.
    let empty = "register: {blockDeviceMappings: [{deviceName: /dev/sdb, ebs: {volumeSize: 8, encrypted: true}}]}\n";
    for register in ["", empty] {
        is_not_taken_for_one_under_a_key(register).await;
    }
}

async fn is_not_taken_for_one_under_a_key(register: &str) {
    let stack = stack().await;
    let of = |name: &str, copy: &str| {
        let manifest = stack.manifest(&format!("{name}-{{digest}}"));
        format!("{manifest}{register}regions: {{{OREGON}: {copy}}}\n")
    };
    let named = format!("{{kmsKeyId: '{}'}}", key('1'));
    stack.drop_and_rest(KEY, of("one", "{}")).await;
    let copy = copies(&stack).remove(0);
    stack.drop_and_rest(KEY, of("two", &named)).await;
    stack.drop_and_rest(KEY, of("one", &named)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let email = stack.emails().pop().unwrap();
    let told = format!("{copy} was copied with another KMS key, none that is named, than");
    assert!(email.text.contains(&told), "{}", email.text);

    let before = stack.world.faults().count();
    stack.drop_and_rest(KEY, of("one", &named)).await;
    assert_eq!(crate::support::changes_since(&stack, before), []);
}

/// The account encrypts all there, with a key that manifests may name as well.
#[tokio::test(start_paused = true)]
async fn a_copy_under_the_key_by_default_is_one_without_a_named_key() {
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    ec2.set_encryption_by_default(OREGON, true, Some(&key('1')));
    let of = |name: &str| {
        stack.manifest(&format!("{name}-{{digest}}")) + &format!("regions: {{{OREGON}: {{}}}}\n")
    };
    stack.drop_and_rest(KEY, of("one")).await;
    let copy = copies(&stack).remove(0);
    stack.drop_and_rest(KEY, of("two")).await;
    stack.drop_and_rest(KEY, of("one")).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["regions"][OREGON]["image"], copy.as_str());
}

/// EC2 may still be about to be asked to deregister it.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_just_being_deregistered_is_not_taken_up_again() {
    let stack = stack().await;
    let first = replacing(&stack, "one");
    stack.drop_and_rest(KEY, &first).await;
    let copy = copies(&stack).remove(0);
    let faults = stack.world.faults();
    faults.on("ec2", "DeregisterImage", 2, Fault::CrashBefore);
    stack.drop_file(KEY, replacing(&stack, "two")).await;
    while stack.world.faults().pending() > 0 {
        stack.world.run_for(std::time::Duration::from_secs(5)).await;
    }
    stack.drop_file(KEY, &first).await;
    stack.world.run_for(minutes(8)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["step"], "publish", "{status:#}");
    assert_eq!(status["regions"][OREGON]["image"], serde_json::Value::Null);
    assert!(copies(&stack).contains(&copy));
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["regions"][OREGON]["image"], copy.as_str());
}

/// A Region that the manifest does not name any more gets no AMI that could replace its copy.
#[tokio::test(start_paused = true)]
async fn a_copy_that_nothing_replaces_is_kept() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, replacing(&stack, "one")).await;
    let copy = copies(&stack);
    let second = replacing(&stack, "two").replace("regions: {us-west-2: {}}\n", "");
    stack.drop_and_rest(KEY, second).await;
    assert_eq!(copies(&stack), copy);
    let home = stack.only_image();
    assert!(home.name.starts_with("two-"), "{}", home.name);
    let email = stack.emails().pop().unwrap();
    let told = "there is no AMI in its Region that replaces it";
    assert!(email.text.contains(told), "{}", email.text);

    // Told once, and still replaced as soon as something does.
    let third = replacing(&stack, "three").replace("regions: {us-west-2: {}}\n", "");
    stack.drop_and_rest(KEY, third).await;
    assert_eq!(copies(&stack), copy);
    let emails = stack.emails();
    let all = emails.iter().filter(|it| it.text.contains(told));
    assert_eq!(all.count(), 1, "{:?}", stack.subjects());
    stack.drop_and_rest(KEY, replacing(&stack, "four")).await;
    assert_eq!(copies(&stack).len(), 1);
    assert_ne!(copies(&stack), copy);
    let told = format!("{} deregistered", copy[0]);
    assert!(stack.last_email().contains(&told), "{}", stack.last_email());
}

/// EC2 makes the copy, and shows it only after the manifest has stopped naming its Region.
#[tokio::test(start_paused = true)]
async fn a_copy_whose_answer_was_lost_is_known_although_its_region_is_removed() {
    let stack = stack().await;
    let manifest = |settings: &str| stack.manifest("web") + settings;
    stack.drop_and_rest(KEY, manifest("")).await;
    stack.world.ec2().set_visibility_delay(minutes(5));
    let faults = stack.world.faults();
    faults.always("ec2", "CopyImage", Fault::LoseAnswer);
    stack
        .drop_file(KEY, manifest("regions: {us-west-2: {}}\n"))
        .await;
    stack.world.run_for(minutes(1)).await;
    stack.world.faults().clear();
    let copy = copies(&stack).remove(0);
    stack
        .drop_and_rest(KEY, manifest("tags: {team: web}\n"))
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let known = &status["regions"][OREGON];
    assert_eq!(known["image"], copy.as_str(), "{status:#}");
    assert!(known["unlistedSince"].is_string(), "{status:#}");
    assert_eq!(copies(&stack), [copy]);
    let before = stack.world.faults().count();
    stack
        .drop_and_rest(KEY, manifest("tags: {team: web}\n"))
        .await;
    assert_eq!(crate::support::changes_since(&stack, before), []);
}

#[tokio::test(start_paused = true)]
async fn a_previous_ami_that_is_still_being_copied_is_retired_after_that() {
    for previous in ["deregister", "deprecate"] {
        // Without versions, a manifest that is replaced is not finished.
        let template = TestStack::template_without_versions();
        let copies = |it: Builder| allowed(it.template(&template)).parameter("CopyRegions", OREGON);
        let stack = TestStack::built(copies).await;
        let ec2 = stack.world.ec2();
        let settings = format!("regions: {{{OREGON}: {{}}}}\nreplaces: {{previous: {previous}}}\n");
        ec2.set_task_time(TaskKind::CopyImage, minutes(90));
        stack.drop_file(KEY, version(&stack, 1, &settings)).await;
        stack.world.run_for(minutes(5)).await;
        let old = ec2.images(OREGON);
        ec2.set_task_time(TaskKind::CopyImage, minutes(5));
        stack.drop_file(KEY, version(&stack, 2, &settings)).await;
        stack.world.run_for(minutes(60)).await;
        let images = ec2.images(OREGON);
        assert!(images.contains(&old[0]), "{images:#?}");
        assert_eq!(images.len(), 2);

        stack.rest().await;
        assert_eq!(stack.status(KEY).await["state"], "available");
        let images = ec2.images(OREGON);
        let old = images.iter().find(|it| it.id == old[0].id);
        let email = stack.last_email();
        match previous {
            "deregister" => {
                assert!(old.is_none() && images.len() == 1, "{images:#?}");
                let left = ec2.snapshots(OREGON);
                assert_eq!(left.len(), 2);
                assert!(left.iter().all(|it| email.contains(&it.id)), "{email}");
            }
            _ => assert!(old.unwrap().deprecation_time.is_some(), "{old:#?}"),
        }
        let (calls, emails) = (retiring_calls(&stack), stack.emails().len());
        stack
            .drop_and_rest(KEY, version(&stack, 2, &settings))
            .await;
        assert_eq!(retiring_calls(&stack), calls);
        assert_eq!(stack.emails().len(), emails);
    }
}

/// The copy that has failed was asked for by an attempt that another version has replaced since.
#[tokio::test(start_paused = true)]
async fn a_failed_copy_that_an_earlier_attempt_had_asked_for_leaves_no_snapshot() {
    for is_interrupted in [false, true] {
        // Without versions, a manifest that is replaced is not finished.
        let template = TestStack::template_without_versions();
        let copies = |it: Builder| it.template(&template).parameter("CopyRegions", OREGON);
        let stack = TestStack::built(copies).await;
        let ec2 = stack.world.ec2();
        let settings = format!("regions: {{{OREGON}: {{}}}}\n");
        ec2.set_task_time(TaskKind::CopyImage, minutes(30));
        ec2.fail_next_task(TaskKind::CopyImage, REASON);
        stack.drop_file(KEY, version(&stack, 1, &settings)).await;
        stack.world.run_for(minutes(5)).await;
        let failed = ec2.images(OREGON).remove(0);
        for number in [2, 1] {
            let again = version(&stack, number, &settings);
            stack.drop_file(KEY, again).await;
            stack.world.run_for(minutes(5)).await;
        }
        let status = stack.status(KEY).await;
        assert_eq!(status["regions"][OREGON]["image"], failed.id, "{status:#}");
        if is_interrupted {
            let faults = stack.world.faults();
            faults.always("ec2", "DeleteSnapshot", Fault::Throttle);
            stack.world.run_for(minutes(40)).await;
            assert!(ec2.images(OREGON).iter().all(|it| it.id != failed.id));
            stack.world.faults().clear();
        }
        stack.rest().await;

        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        let images = ec2.images(OREGON);
        assert!(images.iter().all(|it| it.id != failed.id), "{images:#?}");
        let used: Vec<_> = images.iter().flat_map(Image::snapshot_ids).collect();
        let there = snapshots(&stack);
        assert!(
            there.iter().all(|it| used.contains(&it)),
            "{there:?} {images:#?}"
        );
        assert_eq!(there.len(), images.len());

        let before = stack.world.faults().count();
        stack
            .drop_and_rest(KEY, version(&stack, 1, &settings))
            .await;
        assert_eq!(crate::support::changes_since(&stack, before), []);
    }
}
