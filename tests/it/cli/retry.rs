//! `amiwright retry`: a new attempt, asked for by a request.

use std::collections::BTreeSet;

use amiwright::cli::Exit;
use amiwright::cli::retry::retry;
use amiwright::reconcile::Context;
use http::StatusCode;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;

use crate::flows::bundles;
use crate::support::{DISK, REGION, TestStack, minutes, refused, vmdk, whole_seconds};

const KEY: &str = "golden/web.image.yaml";

async fn ask(stack: &TestStack, key: &str) -> Result<String, String> {
    let (aws, config) = (stack.aws(), stack.config());
    let now = whole_seconds(stack.world.clock().now());
    retry(Context::new(&aws, &config, now), key)
        .await
        .map_err(|error| error.report())
}

/// An image whose registration was refused, for a reason that has passed.
async fn failed() -> TestStack {
    let stack = TestStack::new().await;
    let refused = refused("UnauthorizedOperation");
    stack.world.faults().on("ec2", "RegisterImage", 1, refused);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    stack
}

#[tokio::test(start_paused = true)]
async fn a_failed_image_is_tried_again_and_becomes_available() {
    let stack = failed().await;
    let email = stack.only_email();
    assert!(
        email.text.contains("amiwright retry s3://"),
        "{}",
        email.text
    );

    let answer = ask(&stack, KEY).await.unwrap();
    assert!(answer.starts_with("new attempt requested"), "{answer}");
    let again = ask(&stack, KEY).await.unwrap();
    assert!(
        again.starts_with("a new attempt was already requested"),
        "{again}"
    );
    stack.rest().await;

    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["build"]["attempt"], 1);
    assert_eq!(status.get("retry"), None);
    assert_eq!(stack.only_image().name, "web");
    let subjects: Vec<String> = stack.emails().into_iter().map(|it| it.subject).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[1].starts_with("Available"), "{subjects:?}");

    // At rest nothing more happens.
    let (puts, images) = (stack.count("PutObject"), stack.images());
    for _ in 0..20 {
        stack.minute().await;
    }
    assert_eq!((stack.count("PutObject"), stack.images()), (puts, images));
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_because_nothing_came_of_it_gets_one_new_attempt() {
    let stack = failed().await;
    ask(&stack, KEY).await.unwrap();
    stack.remove_state(&amiwright::keys::open_key(KEY)).await;
    for _ in 0..5 {
        stack.minute().await;
    }
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "no tick looks at it");
    let asked_at = status["retry"]["askedAt"].as_str().unwrap();
    let again = ask(&stack, KEY).await.unwrap();
    let before = format!("a new attempt was already requested at {asked_at}: ");
    assert!(again.starts_with(&before), "{again}");
    stack.minute().await;
    stack.rest().await;

    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["build"]["attempt"], 1);
    let history = status["history"].to_string();
    assert_eq!(history.matches("asked for a new attempt").count(), 1);
    assert!(!history.contains("was ignored"), "{history}");
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_import_is_tried_again_as_another_task() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(24 * 60));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.minute().await;
    let first = stack.status(KEY).await["build"]["tasks"][0]["id"].clone();
    stack.world.ec2().hide_task(first.as_str().unwrap());
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "failed");

    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(2));
    ask(&stack, KEY).await.unwrap();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_ne!(status["build"]["tasks"][0]["id"], first);
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_failed_is_tried_again() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let says = "ClientError: Disk validation failed";
    stack
        .world
        .ec2()
        .fail_next_task(TaskKind::ImportSnapshot, says);
    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");

    ask(&stack, KEY).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_has_nothing_to_try_again_is_refused() {
    let stack = TestStack::new().await;
    let refusal = ask(&stack, KEY).await.unwrap_err();
    assert!(refusal.contains("no status"), "{refusal}");

    stack
        .world
        .ec2()
        .set_pending_time(std::time::Duration::from_secs(600));
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.minute().await;
    let refusal = ask(&stack, KEY).await.unwrap_err();
    assert!(refusal.contains("in progress"), "{refusal}");
    stack.rest().await;
    let refusal = ask(&stack, KEY).await.unwrap_err();
    assert!(refusal.contains("available"), "{refusal}");

    stack.drop_and_rest("bad.image.yaml", "name: [").await;
    let refusal = ask(&stack, "bad.image.yaml").await.unwrap_err();
    assert!(refusal.contains("fix the manifest"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_bundle_described_by_a_manifest_and_what_is_not_a_manifest_are_refused() {
    let stack = TestStack::new().await;
    let bundle = "bundles/image.manifest.xml";
    stack.drop_file(bundle, bundles::MANIFEST).await;
    stack.world.settle().await;
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    stack.drop_file("bundles/image.image.yaml", manifest).await;
    stack.drop_file("bundles/image.part.0", bundles::PART).await;
    stack.rest().await;
    let before = stack.status(bundle).await;
    assert_eq!(before["state"], "superseded");
    let refusal = ask(&stack, bundle).await.unwrap_err();
    assert!(
        refusal.contains("the image manifest beside this bundle decides: retry that one"),
        "{refusal}"
    );

    // Objects of the same bucket that are not manifests.
    for key in ["bundles/image.part.0", "golden/web.vmdk", "notes.txt"] {
        let refusal = ask(&stack, key).await.unwrap_err();
        assert!(refusal.contains(key), "{refusal}");
        assert_eq!(
            stack.state_keys(&amiwright::keys::status_key(key)).await,
            [] as [String; 0]
        );
    }
    assert_eq!(stack.status(bundle).await, before);
    assert_eq!(stack.open().await, Vec::<String>::new());
}

/// The client tokens of ImportSnapshot, and the attempt tags of its tasks.
fn tokens_and_attempts(stack: &TestStack) -> (BTreeSet<String>, BTreeSet<String>) {
    let ec2 = stack.world.ec2().save();
    let region = &ec2["regions"][REGION];
    let tokens = region["tokens"].as_object().unwrap();
    let tokens = tokens.keys().filter(|it| it.starts_with("ImportSnapshot "));
    let tasks = region["import_tasks"].as_object().unwrap();
    let attempts = tasks.values().map(|task| {
        let attempt = &task["tags"]["amiwright:attempt"];
        attempt.as_str().unwrap().to_owned()
    });
    (tokens.cloned().collect(), attempts.collect())
}

#[tokio::test(start_paused = true)]
async fn a_new_attempt_has_another_client_token_and_another_attempt_tag() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let says = "ClientError: Disk validation failed";
    let ec2 = stack.world.ec2();
    ec2.fail_next_task(TaskKind::ImportSnapshot, says);
    stack.drop_and_rest(KEY, DISK).await;
    let (first_tokens, first_attempts) = tokens_and_attempts(&stack);
    assert_eq!((first_tokens.len(), first_attempts.len()), (1, 1));

    ask(&stack, KEY).await.unwrap();
    stack.rest().await;
    let (tokens, attempts) = tokens_and_attempts(&stack);
    assert_eq!(tokens.len(), 2, "{tokens:?}");
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert!(tokens.is_superset(&first_tokens));
    // The same upload, started once more.
    let uploaded = first_attempts.first().unwrap().strip_suffix(" 0").unwrap();
    assert!(attempts.contains(&format!("{uploaded} 1")), "{attempts:?}");
    let image = stack.only_image();
    assert_eq!(image.tags["amiwright:attempt"], format!("{uploaded} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_image_without_a_manifest_is_not_tried_again() {
    let stack = failed().await;
    stack.remove(KEY).await;
    stack.world.settle().await;
    let refusal = ask(&stack, KEY).await.unwrap_err();
    assert!(refusal.contains("manifest was removed"), "{refusal}");
    assert_eq!(stack.open().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_changes_while_a_retry_is_asked_for_makes_one_ami() {
    let stack = failed().await;
    ask(&stack, KEY).await.unwrap();
    stack.drop_and_rest(KEY, stack.manifest("web-2")).await;
    assert_eq!(stack.only_image().name, "web-2");
    assert_eq!(stack.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_told_if_another_version_is_started_meanwhile() {
    let stack = TestStack::without_events_of_requests().await;
    let refused = refused("UnauthorizedOperation");
    stack.world.faults().on("ec2", "RegisterImage", 1, refused);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let uploads = async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        stack.drop_file(KEY, stack.manifest("web-2")).await;
    };
    let (answer, ()) = tokio::join!(ask(&stack, KEY), uploads);
    let refusal = answer.unwrap_err();
    assert!(
        refusal.contains("another version was started meanwhile"),
        "{refusal}"
    );
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web-2");
    assert_eq!(stack.status(KEY).await["build"]["attempt"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_removed_after_a_retry_was_asked_for_leaves_nothing_open() {
    let stack = failed().await;
    // Without its event: a tick finds the request, and no manifest.
    ask(&stack, KEY).await.unwrap();
    let manifest = stack
        .world
        .directory()
        .join("s3")
        .join(&stack.bucket)
        .join(KEY);
    std::fs::remove_file(manifest).unwrap();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed");
    assert_eq!(status.get("retry"), None);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_image_is_tried_again_and_keeps_what_it_makes() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(10));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.minute().await;
    let (aws, config) = (stack.aws(), stack.config());
    let now = whole_seconds(stack.world.clock().now());
    let context = Context::new(&aws, &config, now);
    amiwright::cli::cancel::cancel(context, KEY).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");

    ask(&stack, KEY).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let subjects: Vec<String> = stack.emails().into_iter().map(|it| it.subject).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    for _ in 0..20 {
        stack.minute().await;
    }
    assert_eq!(stack.images().len(), 1);
    assert_eq!(stack.emails().len(), 2);
}

/// The answer to a HEAD request has no body, so no code; and yet it came, and says what is wrong.
#[tokio::test(start_paused = true)]
async fn an_answer_without_a_code_is_no_matter_of_the_network() {
    for (status, words) in [
        (StatusCode::MOVED_PERMANENTLY, "use --region"),
        (
            StatusCode::BAD_REQUEST,
            "the credentials are invalid or expired",
        ),
        (StatusCode::FORBIDDEN, "OperatorPolicyArn"),
        (StatusCode::SERVICE_UNAVAILABLE, "HTTP status 503"),
    ] {
        let stack = failed().await;
        let answer = Fault::Refuse {
            status,
            code: "Unseen".to_owned(),
            message: "unseen".to_owned(),
        };
        stack.world.faults().always("s3", "HeadObject", answer);
        let (aws, config) = (stack.aws(), stack.config());
        let context = Context::new(&aws, &config, stack.world.clock().now());
        let error = retry(context, KEY).await.unwrap_err();
        assert!(error.report().contains(words), "{}", error.report());
        assert!(!error.report().contains("network"), "{}", error.report());
        assert_eq!(error.exit(), Exit::Failed, "{status}");
        stack.world.faults().clear();
    }
}

/// What failed is not tried again because its manifest is uploaded again, and whoever asks for that is told so.
#[tokio::test(start_paused = true)]
async fn a_failed_image_whose_manifest_was_removed_is_uploaded_and_then_retried() {
    let stack = failed().await;
    stack.remove(KEY).await;
    stack.world.run_for(minutes(2)).await;
    let refused = ask(&stack, KEY).await.unwrap_err();
    let hint = "upload the manifest again, and then ask for this again";
    assert!(refused.contains(hint), "{refused}");
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    ask(&stack, KEY).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");

    // What is cancelled is begun by the upload.
    let stack = TestStack::new().await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(2)).await;
    stack.remove(KEY).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    let refused = ask(&stack, KEY).await.unwrap_err();
    assert!(refused.contains("again: that starts it"), "{refused}");
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}
