//! `amiwright cancel` and `amiwright watch`: what a person does about images that are under way.

use std::time::Duration;

use amiwright::cli::watch::{Watch, follow};
use amiwright::cli::{Error, cancel};
use amiwright::reconcile::Turn;
use localaws::ec2::TaskKind;

use crate::desk::Desk;
use crate::tasks::{DISK, vmdk};

const KEY: &str = "golden/web.image.yaml";

async fn cancel(desk: &Desk, key: &str) -> Result<String, Error> {
    let now = desk.world.clock().now();
    cancel::ask(&desk.aws(), &desk.config(), key, now).await
}

/// Watches these keys, or all that is open; whether all became available, and what was written.
async fn watch(desk: &Desk, keys: &[&str]) -> (Result<bool, Error>, String) {
    let watch = Watch {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        interval: Duration::from_secs(10),
        timeout: Some(Duration::from_secs(3 * 3600)),
        bars: false,
    };
    follow_as(desk, &watch).await
}

async fn follow_as(desk: &Desk, watch: &Watch) -> (Result<bool, Error>, String) {
    let (aws, config) = (desk.aws(), desk.config());
    let turn = Turn::new(&aws, &config, desk.world.clock().now());
    let mut out = Vec::new();
    let outcome = follow(turn, watch, &mut out).await;
    (outcome, String::from_utf8(out).unwrap())
}

/// A desk with an import that takes an hour, ten minutes on its way.
async fn importing() -> Desk {
    let desk = Desk::new().await;
    let hour = Duration::from_secs(3600);
    desk.world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, hour);
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(hour / 6).await;
    desk
}

#[tokio::test(start_paused = true)]
async fn an_import_is_cancelled_and_leaves_nothing() {
    let desk = importing().await;
    let answer = cancel(&desk, KEY).await.unwrap();
    let status = desk.status(KEY).await;
    let task = status["tasks"][0]["id"].as_str().unwrap();
    assert_eq!(
        answer,
        format!(
            "{KEY}: asked; the next tick of advance-tasks cancels import-snapshot {task} and tells you by mail"
        )
    );
    let answer = cancel(&desk, KEY).await.unwrap();
    assert!(
        answer.contains("asked before, by amiwright cancel at 2026-"),
        "{answer}"
    );

    desk.rest().await;
    assert_eq!(desk.status(KEY).await["state"], "cancelled");
    assert_eq!(desk.snapshots(), std::slice::from_ref(&desk.snapshot));
    assert_eq!(desk.only_mail().subject, "AMI cancelled: web-2026-11-21");
    let error = cancel(&desk, KEY).await.unwrap_err();
    assert!(
        error.report().contains("it is cancelled already"),
        "{}",
        error.report()
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_marker_is_put_back_so_that_a_tick_comes_by() {
    let desk = importing().await;
    desk.remove(&format!("amiwright/open/{KEY}")).await;
    cancel(&desk, KEY).await.unwrap();
    assert_eq!(desk.open().await, [format!("amiwright/open/{KEY}")]);
    desk.rest().await;
    assert_eq!(desk.status(KEY).await["state"], "cancelled");
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_or_never_was_is_not_cancelled() {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web-1")).await;
    let report = cancel(&desk, KEY).await.unwrap_err().report();
    assert!(report.contains("it is available already"), "{report}");
    assert!(report.contains("deregister-image"), "{report}");
    let report = cancel(&desk, "golden/wep.image.yaml")
        .await
        .unwrap_err()
        .report();
    assert!(report.contains(&format!("did you mean {KEY}?")), "{report}");
    assert_eq!(desk.open().await, Vec::<String>::new());
    assert_eq!(desk.mails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_being_stored_is_not_cancelled() {
    let desk = Desk::new().await;
    let hour = Duration::from_secs(3600);
    desk.world.ec2().set_task_time(TaskKind::StoreImage, hour);
    let manifest = desk.manifest("web") + &format!("store: {{bucket: {}}}\n", desk.bucket);
    desk.drop_file(KEY, manifest).await;
    desk.world.run_for(hour / 6).await;
    let report = cancel(&desk, KEY).await.unwrap_err().report();
    assert!(report.contains("is being stored"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_image_is_watched_from_before_its_upload_to_its_mail() {
    let desk = Desk::new().await;
    let five_minutes = Duration::from_secs(300);
    desk.world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, five_minutes);
    let drops = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        desk.drop_file("golden/web.vmdk", vmdk()).await;
        desk.drop_file(KEY, DISK).await;
    };
    let ((outcome, text), ()) = tokio::join!(watch(&desk, &[KEY]), drops);
    assert!(outcome.unwrap(), "{text}");
    let mut from = 0;
    for words in [
        "waiting for a status of golden/web.image.yaml",
        "import-snapshot 0 % pending",
        "import-snapshot 33 %",
        "import-snapshot 93 % converting",
        "pending",
        "available, mail sent",
        "Ended: 1 available.",
    ] {
        let at = text[from..].find(words);
        from += at.unwrap_or_else(|| panic!("{words} not in its turn:\n{text}"));
    }
    assert_eq!(desk.mails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_key_all_that_is_open_is_watched() {
    let desk = importing().await;
    desk.drop_file("db.image.yaml", desk.manifest("db-1")).await;
    desk.world.run_for(Duration::from_secs(1)).await;
    let cancels = async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        cancel(&desk, KEY).await.unwrap();
    };
    let ((outcome, text), ()) = tokio::join!(watch(&desk, &[]), cancels);
    assert!(!outcome.unwrap(), "{text}");
    assert!(text.contains("cancelling: import-snapshot"), "{text}");
    assert!(text.contains("Ended: 1 available, 1 cancelled."), "{text}");
    assert_eq!(desk.open().await, Vec::<String>::new());
    let (outcome, text) = watch(&desk, &[]).await;
    assert!(outcome.unwrap());
    assert_eq!(text, format!("Nothing is open in s3://{}.\n", desk.bucket));
}

#[tokio::test(start_paused = true)]
async fn a_new_version_is_watched_and_not_how_the_last_one_ended() {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, "name: web\n").await;
    assert_eq!(desk.status(KEY).await["state"], "rejected");
    desk.drop_file(KEY, desk.manifest("web-2")).await;
    let (outcome, text) = watch(&desk, &[KEY]).await;
    assert!(outcome.unwrap(), "{text}");
    assert!(!text.contains("rejected, "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_gives_up_in_time_and_says_how_far_it_was() {
    let desk = importing().await;
    let mut wanted = Watch {
        keys: vec![KEY.to_owned()],
        interval: Duration::from_secs(2),
        timeout: Some(Duration::from_secs(30)),
        bars: false,
    };
    let report = follow_as(&desk, &wanted).await.0.unwrap_err().report();
    assert!(
        report.contains("after 30 s, golden/web.image.yaml is working/await-task: import-snapshot"),
        "{report}"
    );
    wanted.keys = vec!["none.image.yaml".to_owned()];
    let report = follow_as(&desk, &wanted).await.0.unwrap_err().report();
    assert!(report.contains("none.image.yaml has no status"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_read_ends_no_watch_of_the_others() {
    let desk = importing().await;
    desk.drop_silently("amiwright/status/odd.image.yaml.json", "{\"schema\": 1}");
    desk.drop_silently("amiwright/open/odd.image.yaml", "x");
    let (outcome, text) = watch(&desk, &[]).await;
    assert!(!outcome.unwrap(), "{text}");
    assert!(text.contains("Ended: 1 available, 1 unreadable."), "{text}");
}
