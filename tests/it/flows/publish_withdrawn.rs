//! Settings that are withdrawn while the AMI is still being made are not applied: a share, a parameter and a
//! deregistration cannot be taken back.

use std::collections::BTreeSet;

use amiwright::image::status::Grantee;
use localaws::ec2::{DeregistrationProtection, TaskKind};

use crate::support::{DISK, REGION, TestStack, changes_since, minutes, vmdk};

const KEY: &str = "golden/web.image.yaml";
const PARAMETER: &str = "/images/web/latest";

/// A disk whose import takes half an hour.
async fn stack() -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowPublic", "true")
            .parameter("AllowRetire", "true")
            .parameter("ParameterPrefix", "/images")
    })
    .await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(30));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack
}

fn shared() -> String {
    format!("{DISK}access: {{public: true}}\nparameters: [{{name: {PARAMETER}}}]\n")
}

/// Drops one manifest and, while its disk is imported, another in its place.
async fn overtake(stack: &TestStack, first: &str, second: &str) {
    stack.drop_file(KEY, first).await;
    stack.world.run_for(minutes(10)).await;
    assert_eq!(
        stack.status(KEY).await["build"]["step"],
        "await-task",
        "the import takes longer"
    );
    stack.drop_file(KEY, second).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_during_the_import_is_never_set() {
    let stack = stack().await;
    overtake(&stack, &shared(), DISK).await;
    let image = stack.only_image();
    assert_eq!(image.launch_permissions, BTreeSet::new());
    let forbidden = ["ModifyImageAttribute", "PutParameter"];
    let made = stack.world.calls().into_iter().map(|call| call.action);
    let made: Vec<String> = made.filter(|it| forbidden.contains(&it.as_str())).collect();
    assert_eq!(made, [""; 0]);
    let email = stack.only_email();
    assert!(email.subject.starts_with("Available"), "{}", email.subject);
    // Nothing is left to do.
    let before = stack.world.faults().count();
    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(changes_since(&stack, before), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_corrected_during_the_import_is_set_alone() {
    let account = |digit: &str| digit.repeat(12);
    let shared = |with: &str| format!("{DISK}access: {{accounts: ['{with}']}}\n");
    let stack = stack().await;
    let (wrong, right) = (shared(&account("1")), shared(&account("2")));
    overtake(&stack, &wrong, &right).await;
    let image = stack.only_image().id;
    let grants = stack.aws().launch_permissions(&image).await.unwrap();
    assert_eq!(grants, BTreeSet::from([Grantee::Account(account("2"))]));
    let calls = stack.world.calls();
    let calls = calls
        .iter()
        .filter(|it| it.action == "ModifyImageAttribute");
    assert_eq!(calls.count(), 1);
    assert!(!stack.only_email().text.contains(&account("1")));
}

#[tokio::test(start_paused = true)]
async fn earlier_amis_stay_if_replacing_them_is_withdrawn_during_the_import() {
    let stack = stack().await;
    let named = |name: &str| DISK.replace("web-", name);
    stack.drop_and_rest(KEY, named("old-")).await;
    let old = stack.only_image().id;
    let replacing = named("new-") + "replaces: {previous: deregister}\n";
    overtake(&stack, &replacing, &named("new-")).await;
    let images = stack.images();
    assert!(images.iter().any(|it| it.id == old), "{images:#?}");
    assert_eq!(images.len(), 2);
}

/// EC2 cannot cancel that.
#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_stored_any_more_is_not_stored() {
    let stack = stack().await;
    let stored = format!("{DISK}store: {{bucket: {}}}\n", stack.bucket);
    overtake(&stack, &stored, DISK).await;
    assert_eq!(stack.count("CreateStoreImageTask"), 0);
    let status = stack.status(KEY).await;
    assert_eq!(status["store"], serde_json::Value::Null, "{status:#}");
    assert_eq!(stack.emails().len(), 1);

    // And the other way round.
    overtake_settings(&stack, &stored).await;
    assert_eq!(stack.count("CreateStoreImageTask"), 1);
}

async fn overtake_settings(stack: &TestStack, manifest: &str) {
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

/// The earlier AMI has the name of the new one, which would take its place.
#[tokio::test(start_paused = true)]
async fn an_ami_keeps_its_name_if_replacing_it_is_withdrawn_during_the_import() {
    let stack = stack().await;
    let named = |settings: &str| DISK.replace("web-{date}", "web") + settings;
    stack.drop_and_rest(KEY, named("")).await;
    let old = stack.only_image().id;
    let second = "register: {imdsSupport: v2.0}\n";
    let replacing = format!("{second}replaces: {{previous: deregister}}\n");
    stack.drop_file(KEY, named(&replacing)).await;
    stack.world.run_for(minutes(10)).await;
    stack.drop_file(KEY, named(second)).await;
    stack.rest().await;
    assert_eq!(stack.only_image().id, old);
    assert_eq!(stack.count("DeregisterImage"), 0);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    let email = stack.last_email();
    assert!(email.contains(&format!("in use by AMI {old}")), "{email}");
}

/// The protection of the only AMI.
fn protection(stack: &TestStack) -> DeregistrationProtection {
    stack.only_image().deregistration_protection
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_keeps_its_name_after_all_is_protected_again() {
    let stack = stack().await;
    let named = |settings: &str| stack.manifest("web") + settings;
    let protected = "protect: {cooldown: true}\n";
    stack.drop_and_rest(KEY, named(protected)).await;
    let (old, on) = (stack.only_image().id, protection(&stack));
    assert_ne!(on, DeregistrationProtection::Disabled);
    let second = "register: {imdsSupport: v2.0}\n";
    let replacing = format!("{second}{protected}replaces: {{previous: deregister}}\n");
    stack.drop_file(KEY, named(&replacing)).await;
    stack.world.run_for(minutes(30)).await;
    assert_ne!(protection(&stack), on, "the cooldown runs");
    stack.drop_file(KEY, named(second)).await;
    stack.world.run_for(minutes(26 * 60)).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(stack.only_image().id, old);
    assert_eq!(stack.count("DeregisterImage"), 0);
    assert_eq!(protection(&stack), on, "{status:#}");
}

/// Protected with a cooldown, and in the place of its earlier versions.
const IN_PLACE: &str = "protect: {cooldown: true}\nreplaces: {previous: deregister}\n";

/// The cooldown ends, and then days go by: the only AMI is this one, as it was before.
async fn stays_as_it_was(stack: &TestStack, (old, on): (&str, DeregistrationProtection)) {
    stack.world.run_for(minutes(60 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.only_image().id, old);
    assert_eq!(stack.count("DeregisterImage"), 0);
    assert_eq!(protection(stack), on);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["regions"][REGION]["image"], old, "{status:#}");

    let before = (stack.world.faults().count(), stack.emails().len());
    stack.world.run_for(minutes(12 * 60)).await;
    stack.rest().await;
    assert_eq!(changes_since(stack, before.0), []);
    assert_eq!(stack.emails().len(), before.1);
}

/// The newer version waits for the cooldown of the AMI's protection when the manifest is that of this AMI again.
#[tokio::test(start_paused = true)]
async fn an_ami_keeps_its_name_if_the_manifest_is_set_back_to_its_version() {
    let stack = stack().await;
    let first = stack.manifest("web") + IN_PLACE;
    stack.drop_and_rest(KEY, &first).await;
    let (old, on) = (stack.only_image().id, protection(&stack));
    let second = format!("{first}register: {{imdsSupport: v2.0}}\n");
    stack.drop_file(KEY, second).await;
    stack.world.run_for(minutes(30)).await;
    assert_ne!(protection(&stack), on, "the cooldown runs");
    stack.drop_file(KEY, &first).await;
    stays_as_it_was(&stack, (&old, on)).await;
}

/// The same where only the disk is another one, and then that of before.
#[tokio::test(start_paused = true)]
async fn an_ami_keeps_its_name_if_its_disk_is_uploaded_again() {
    let stack = stack().await;
    let manifest = DISK.replace("web-{date}", "web") + IN_PLACE;
    stack.drop_and_rest(KEY, &manifest).await;
    let (old, on) = (stack.only_image().id, protection(&stack));
    let mut other = vmdk();
    other.extend([0; 512]);
    stack.drop_file("golden/web.vmdk", other).await;
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(minutes(60)).await;
    assert_ne!(protection(&stack), on, "the cooldown runs");
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, &manifest).await;
    stays_as_it_was(&stack, (&old, on)).await;
}

#[tokio::test(start_paused = true)]
async fn an_ami_keeps_its_name_if_the_manifest_is_deleted_and_nobody_has_told() {
    let stack = stack().await;
    let named = |settings: &str| DISK.replace("web-{date}", "web") + settings;
    stack.drop_and_rest(KEY, named("")).await;
    let old = stack.only_image().id;
    let replacing = "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister}\n";
    stack.drop_file(KEY, named(replacing)).await;
    stack.world.run_for(minutes(5)).await;
    let rule = "RegisterImageManifest";
    assert!(stack.world.set_rule_enabled(rule, false));
    stack.remove(KEY).await;
    stack.rest().await;
    assert_eq!(stack.only_image().id, old);
    assert_eq!(stack.count("DeregisterImage"), 0);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn the_ami_of_a_disk_goes_first_where_its_name_is_asked_for() {
    let stack = stack().await;
    let named = |settings: &str| DISK.replace("web-{date}", "web") + settings;
    stack.drop_and_rest(KEY, named("")).await;
    let old = stack.only_image().id;
    let replacing = "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister}\n";
    stack.drop_and_rest(KEY, named(replacing)).await;
    let new = stack.only_image();
    assert_ne!(new.id, old);
    assert_eq!(new.name, "web");
    assert_eq!(stack.status(KEY).await["state"], "available");
    let last = stack.world.calls().last().map(|call| call.number);
    stack.drop_and_rest(KEY, named(replacing)).await;
    let more = changes_since(&stack, last.unwrap());
    assert!(more.is_empty(), "{more:?}");
}
