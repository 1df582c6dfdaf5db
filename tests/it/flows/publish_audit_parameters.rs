//! Audits of the parameters that point to the AMI, and of AMIs that got nothing after they were made.

use serde_json::json;

use crate::support::{TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";
const HOME: &str = "us-east-1";
const NAME: &str = "/images/web";
const OTHER: &str = "ami-0fedcba9876543210";

async fn finished(settings: &str) -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ParameterPrefix", "/images")
            // The tests say when.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    stack.drop_and_rest(KEY, manifest(&stack, settings)).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    stack
}

fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{settings}", stack.manifest("web-{digest}"))
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_others_move_is_told_once_whatever_it_holds() {
    for (value, repair) in [(OTHER, ""), ("not an AMI\n", ""), (OTHER, "repair: true\n")] {
        let stack = finished(&format!("parameters: [{NAME}]\n{repair}")).await;
        let ssm = stack.world.ssm();
        ssm.seed_parameter(HOME, NAME, "String", value);
        for _ in 0..3 {
            stack.audit().await;
            assert_eq!(stack.in_sync(KEY).await, "false", "{value}");
        }
        let subjects = stack.subjects();
        assert_eq!(subjects.len(), 2, "{subjects:?}");
        assert!(subjects[1].starts_with("Drifted"), "{subjects:?}");
        assert!(stack.emails()[1].text.contains(NAME));
        assert_eq!(ssm.parameter(HOME, NAME).as_deref(), Some(value));

        let image = stack.only_image().id;
        ssm.seed_image_parameter(HOME, NAME, &image);
        stack.audit().await;
        assert_eq!(stack.in_sync(KEY).await, "true");
        assert_eq!(stack.emails().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_is_taken_over_is_repaired() {
    let settings = format!("parameters: [{{name: {NAME}, takeOver: true}}]\nrepair: true\n");
    let stack = finished(&settings).await;
    stack.world.ssm().seed_image_parameter(HOME, NAME, OTHER);
    stack.audit().await;
    let image = stack.only_image().id;
    assert_eq!(stack.world.ssm().parameter(HOME, NAME), Some(image));
    assert_eq!(stack.status(KEY).await["state"], "available");
}

/// Both manifests take the parameter over, and both repair: it is the later one's, and the other one is told of once.
#[tokio::test(start_paused = true)]
async fn two_manifests_do_not_fight_over_a_parameter() {
    let settings = format!("parameters: [{{name: {NAME}, takeOver: true}}]\nrepair: true\n");
    let stack = finished(&settings).await;
    let other = "team/web.image.yaml";
    let theirs = format!("{}{settings}", stack.manifest("other"));
    stack.drop_and_rest(other, theirs).await;
    let id = async |key: &str| stack.status(key).await["regions"][HOME]["image"].clone();
    let held = || json!(stack.world.ssm().parameter(HOME, NAME));
    assert_eq!(held(), id(other).await);
    for _ in 0..4 {
        stack.audit().await;
        assert_eq!(held(), id(other).await);
    }
    assert_eq!(stack.count("PutParameter"), 2);
    assert_eq!(stack.status(other).await["state"], "available");
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    let subjects = stack.subjects();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    let told = stack.last_email();
    for words in [other, NAME, "two manifests set it"] {
        assert!(told.contains(words), "{words}: {told}");
    }

    // A person asks for it: it changes hands once.
    stack.retry(KEY).await;
    for _ in 0..3 {
        stack.audit().await;
        assert_eq!(held(), id(KEY).await);
    }
    assert_eq!(stack.count("PutParameter"), 3);
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.status(other).await["state"], "incomplete");
}

/// Tags and description that an AMI was made with are known to be amiwright's also after an audit.
#[tokio::test(start_paused = true)]
async fn an_audit_does_not_forget_what_an_ami_was_made_with() {
    let stack = finished("description: Web tier\ntags: {team: web}\n").await;
    stack.audit().await;
    stack.audit().await;
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    let image = stack.only_image().id;
    let found = stack.aws().find_images("image-id", &[image]).await.unwrap();
    assert_eq!(found[0].description, None);
    assert!(!found[0].tags.contains_key("team"), "{:?}", found[0].tags);
}

#[tokio::test(start_paused = true)]
async fn parameters_of_many_images_are_read_ten_at_a_time() {
    const IMAGES: usize = 25;
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ParameterPrefix", "/images")
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    let name = |number: usize, which: &str| format!("{NAME}-{number:02}/{which}");
    for number in 0..IMAGES {
        let names = format!("{}, {}", name(number, "latest"), name(number, "today"));
        let manifest = stack.manifest(&format!("web-{number:02}"));
        let manifest = format!("{manifest}parameters: [{names}]\n");
        let key = format!("many/web-{number:02}.image.yaml");
        stack.drop_file(&key, manifest).await;
    }
    stack.rest().await;
    let others = "not an AMI";
    let ssm = stack.world.ssm();
    ssm.seed_parameter(HOME, &name(7, "today"), "String", others);
    let before = stack.count("GetParameters");
    stack.world.run_for(minutes(20)).await;
    let tick = json!({"task": "audit"});
    let report = stack.world.invoke("AdvanceTasks", tick).await.unwrap();
    assert_eq!(report["audited"], IMAGES);
    let calls = stack.count("GetParameters") - before;
    assert_eq!(calls, (2 * IMAGES).div_ceil(10));

    // Each is compared with its own.
    stack.rest().await;
    let emails = stack.emails();
    let drifted: Vec<_> = emails.iter().skip(IMAGES).collect();
    assert_eq!(drifted.len(), 1, "{drifted:?}");
    let status = stack.status("many/web-07.image.yaml").await;
    let found = status["drift"]["found"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{status:#}");
    assert!(found[0].to_string().contains(&name(7, "today")));
}
