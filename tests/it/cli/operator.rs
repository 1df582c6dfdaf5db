//! `amiwright cancel` and `amiwright watch`: what a person does about images that are under way.

use std::time::Duration;

use crate::support::{DISK, TestStack, vmdk};
use amiwright::cli::watch::{Shows, Watch, poll};
use amiwright::cli::{Error, Exit, Terminal, cancel};
use amiwright::reconcile::Context;
use localaws::ec2::TaskKind;

const KEY: &str = "golden/web.image.yaml";

async fn cancel(stack: &TestStack, key: &str) -> Result<String, Error> {
    let (aws, config) = (stack.aws(), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    cancel::cancel(context, key).await
}

/// Watches these keys, or all that is open; whether all became available, and what was written.
async fn watch(stack: &TestStack, keys: &[&str]) -> (Result<bool, Error>, String) {
    let watch = Watch {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        uploads: std::collections::BTreeMap::new(),
        interval: Duration::from_secs(10),
        timeout: Some(Duration::from_secs(3 * 3600)),
        terminal: Terminal::PLAIN,
        shows: Shows::Progress,
    };
    follow_as(stack, &watch).await
}

async fn follow_as(stack: &TestStack, watch: &Watch) -> (Result<bool, Error>, String) {
    let (aws, config) = (stack.aws(), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let mut out = Vec::new();
    let outcome = poll(context, watch, &mut out).await;
    (outcome, String::from_utf8(out).unwrap())
}

/// A stack with an import that takes an hour, ten minutes on its way.
async fn importing() -> TestStack {
    let stack = TestStack::new().await;
    let hour = Duration::from_secs(3600);
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, hour);
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(hour / 6).await;
    stack
}

#[tokio::test(start_paused = true)]
async fn an_import_is_cancelled_and_leaves_nothing() {
    let stack = importing().await;
    let answer = cancel(&stack, KEY).await.unwrap();
    let status = stack.status(KEY).await;
    let task = status["build"]["tasks"][0]["id"].as_str().unwrap();
    assert_eq!(
        answer,
        format!(
            "cancellation requested: the next tick of advance-tasks cancels import-snapshot {task} and sends an email"
        )
    );
    let answer = cancel(&stack, KEY).await.unwrap();
    assert!(
        answer.contains("already requested by amiwright cancel at 2026-"),
        "{answer}"
    );

    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
    assert_eq!(
        stack.only_email().subject,
        "Cancelled: web-2026-11-21 (us-east-1)"
    );
    let error = cancel(&stack, KEY).await.unwrap_err();
    assert!(
        error.report().contains("it is already cancelled"),
        "{}",
        error.report()
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_marker_is_put_back_so_that_a_tick_comes_by() {
    let stack = importing().await;
    stack.remove_state(&format!("open/{KEY}.open")).await;
    cancel(&stack, KEY).await.unwrap();
    assert_eq!(stack.open().await, [format!("open/{KEY}.open")]);
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_because_nothing_came_of_it_puts_the_marker_back() {
    let stack = importing().await;
    cancel(&stack, KEY).await.unwrap();
    stack.remove_state(&format!("open/{KEY}.open")).await;
    stack.world.run_for(Duration::from_secs(3 * 60)).await;
    assert_eq!(stack.count("CancelImportTask"), 0);
    let answer = cancel(&stack, KEY).await.unwrap();
    let asked_at = stack.status(KEY).await["cancel"]["askedAt"].clone();
    let asked_at = asked_at.as_str().unwrap();
    let before = format!("already requested by amiwright cancel at {asked_at}: ");
    assert!(answer.contains(&before), "{answer}");
    stack.minute().await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled");
    assert_eq!(status["cancel"]["askedAt"], asked_at);
    let history = status["history"].to_string();
    assert_eq!(history.matches("an operator cancelled it").count(), 1);
    assert!(!history.contains("was ignored"), "{history}");
    assert_eq!(stack.count("CancelImportTask"), 1);
    stack.only_email();
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_that_is_not_recorded_in_time_is_left_to_the_next_tick() {
    let stack = TestStack::without_events_of_requests().await;
    let waiting = "name: web\nsource:\n  disk: {object: missing.raw, format: raw}\n";
    stack.drop_file(KEY, waiting).await;
    stack.minute().await;
    let answer = cancel(&stack, KEY).await.unwrap();
    assert_eq!(
        answer,
        format!(
            "cancellation requested: the next tick of advance-tasks records it; to see what becomes of it: amiwright watch {KEY}"
        )
    );
    assert_eq!(stack.status(KEY).await.get("cancel"), None);
    let (outcome, text) = watch(&stack, &[KEY]).await;
    assert!(!outcome.unwrap(), "{text}");
    assert!(text.contains("Finished: 1 cancelled."), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_or_never_was_is_not_cancelled() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web-1")).await;
    let report = cancel(&stack, KEY).await.unwrap_err().report();
    assert!(report.contains("it is already available"), "{report}");
    assert!(report.contains("deregister-image"), "{report}");
    let report = cancel(&stack, "golden/wep.image.yaml")
        .await
        .unwrap_err()
        .report();
    assert!(report.contains(&format!("did you mean {KEY}?")), "{report}");
    assert_eq!(stack.open().await, Vec::<String>::new());
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_being_stored_is_not_cancelled() {
    let stack = TestStack::new().await;
    let hour = Duration::from_secs(3600);
    stack.world.ec2().set_task_time(TaskKind::StoreImage, hour);
    let manifest = stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(hour / 6).await;
    let report = cancel(&stack, KEY).await.unwrap_err().report();
    assert!(report.contains("is being stored"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_image_is_watched_from_before_its_upload_to_its_email() {
    let stack = TestStack::new().await;
    let five_minutes = Duration::from_secs(300);
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, five_minutes);
    let drops = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        stack.drop_file(KEY, DISK).await;
    };
    let ((outcome, text), ()) = tokio::join!(watch(&stack, &[KEY]), drops);
    assert!(outcome.unwrap(), "{text}");
    let mut from = 0;
    for words in [
        "waiting for a status of golden/web.image.yaml",
        "import-snapshot 0 % pending",
        "import-snapshot 33 %",
        "import-snapshot 93 % converting",
        "pending",
        "available, email sent",
        "Finished: 1 available.",
    ] {
        let at = text[from..].find(words);
        from += at.unwrap_or_else(|| panic!("{words} not in its turn:\n{text}"));
    }
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_key_all_that_is_open_is_watched() {
    let stack = importing().await;
    stack
        .drop_file("db.image.yaml", stack.manifest("db-1"))
        .await;
    stack.world.run_for(Duration::from_secs(1)).await;
    let cancels = async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        cancel(&stack, KEY).await.unwrap();
    };
    let ((outcome, text), ()) = tokio::join!(watch(&stack, &[]), cancels);
    assert!(!outcome.unwrap(), "{text}");
    assert!(text.contains("cancelling: import-snapshot"), "{text}");
    assert!(
        text.contains("Finished: 1 cancelled, 1 available."),
        "{text}"
    );
    assert_eq!(stack.open().await, Vec::<String>::new());
    let (outcome, text) = watch(&stack, &[]).await;
    assert!(outcome.unwrap());
    assert_eq!(
        text,
        format!("No images in progress in s3://{}/.\n", stack.bucket)
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_version_is_watched_and_not_how_the_last_one_ended() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, "name: web\n").await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");
    stack.drop_file(KEY, stack.manifest("web-2")).await;
    let (outcome, text) = watch(&stack, &[KEY]).await;
    assert!(outcome.unwrap(), "{text}");
    assert!(!text.contains("rejected, "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_gives_up_in_time_and_says_how_far_it_was() {
    let stack = importing().await;
    let mut wanted = Watch {
        keys: vec![KEY.to_owned()],
        uploads: std::collections::BTreeMap::new(),
        interval: Duration::from_secs(2),
        timeout: Some(Duration::from_secs(30)),
        terminal: Terminal::PLAIN,
        shows: Shows::Progress,
    };
    let error = follow_as(&stack, &wanted).await.0.unwrap_err();
    assert_eq!(error.exit(), Exit::TimedOut);
    let report = error.report();
    assert!(
        report.contains("after 30 s: golden/web.image.yaml is working/await-task: import-snapshot"),
        "{report}"
    );
    wanted.keys = vec!["none.image.yaml".to_owned()];
    let report = follow_as(&stack, &wanted).await.0.unwrap_err().report();
    assert!(report.contains("none.image.yaml has no status"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_read_ends_no_watch_of_the_others() {
    let stack = importing().await;
    stack.write_state("status/odd.image.yaml.json", "{\"schema\": 1}");
    stack.write_state("open/odd.image.yaml.open", "x");
    let (outcome, text) = watch(&stack, &[]).await;
    assert!(!outcome.unwrap(), "{text}");
    assert!(
        text.contains("Finished: 1 unreadable, 1 available."),
        "{text}"
    );
}
