//! The same manifest, again and changed.

use std::time::Duration;

use localaws::faults::Fault;
use serde_json::json;

use crate::desk::Desk;

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn the_same_content_again_does_nothing() {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web-{digest}")).await;
    let (image, mails) = (desk.only_image(), desk.mails());
    desk.minute().await;

    desk.drop_and_rest(KEY, desk.manifest("web-{digest}")).await;
    desk.world.run_for(Duration::from_secs(3600)).await;
    assert_eq!(desk.only_image(), image);
    assert_eq!(desk.mails(), mails);
    assert_eq!(
        desk.status(KEY).await["history"].as_array().unwrap().len(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn other_content_is_a_new_version_and_the_previous_ami_is_kept_and_named() {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web-{digest}")).await;
    let first = desk.only_image();

    let changed = format!("{}description: better\n", desk.manifest("web-{digest}"));
    desk.drop_and_rest(KEY, changed).await;
    let images = desk.images();
    assert_eq!(images.len(), 2, "{images:#?}");
    let second = images.iter().find(|image| image.id != first.id).unwrap();
    assert_eq!(second.description.as_deref(), Some("better"));

    let status = desk.status(KEY).await;
    assert_eq!(status["images"]["us-east-1"]["id"], json!(second.id));
    assert_eq!(status["previous"]["us-east-1"], json!(first.id));
    let mails = desk.mails();
    assert_eq!(mails.len(), 2);
    assert!(
        mails[1]
            .text
            .contains(&format!("is kept: {} in us-east-1", first.id)),
        "{}",
        mails[1].text
    );
    assert_eq!(
        (
            status["notices"][0]["seq"].clone(),
            status["notices"][1]["seq"].clone()
        ),
        (json!(1), json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_version_with_the_name_of_the_old_one_fails_and_says_why() {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web")).await;
    let first = desk.only_image();
    desk.drop_and_rest(
        KEY,
        format!("{}description: better\n", desk.manifest("web")),
    )
    .await;

    assert_eq!(desk.only_image(), first);
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "failed");
    assert_eq!(status["failure"]["code"], "InvalidAMIName.Duplicate");
    let mail = desk.mails().pop().unwrap();
    assert!(
        mail.text.contains("an earlier version of this manifest"),
        "{}",
        mail.text
    );
    assert!(mail.text.contains(&first.id), "{}", mail.text);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_waits_until_the_ami_of_the_old_one_is_there() {
    let desk = Desk::new().await;
    desk.world.ec2().set_pending_time(Duration::from_secs(600));
    desk.drop_file(KEY, desk.manifest("web-{digest}")).await;
    desk.minute().await;
    desk.drop_file(
        KEY,
        format!("{}description: better\n", desk.manifest("web-{digest}")),
    )
    .await;
    desk.rest().await;

    let images = desk.images();
    assert_eq!(images.len(), 2, "{images:#?}");
    let subjects: Vec<String> = desk.mails().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(
        images
            .iter()
            .all(|image| subjects.iter().any(|subject| subject.contains(&image.id))),
        "{subjects:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rejected_version_keeps_the_previous_ami_in_mind() {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web-{digest}")).await;
    let first = desk.only_image();
    desk.drop_and_rest(KEY, "name: web\n").await;
    assert_eq!(desk.status(KEY).await["state"], "rejected");

    desk.drop_and_rest(
        KEY,
        format!("{}description: better\n", desk.manifest("web-{digest}")),
    )
    .await;
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "available");
    assert_eq!(status["previous"]["us-east-1"], json!(first.id));
}

#[tokio::test(start_paused = true)]
async fn a_manifest_removed_at_once_still_gets_its_ami() {
    // The registration was under way: finishing it and saying so loses nothing.
    let desk = Desk::new().await;
    desk.world.ec2().set_pending_time(Duration::from_secs(600));
    desk.drop_file(KEY, desk.manifest("web")).await;
    desk.world.settle().await;
    std::fs::remove_file(
        desk.world
            .directory()
            .join("s3")
            .join(&desk.bucket)
            .join(KEY),
    )
    .unwrap();
    desk.rest().await;
    assert_eq!(desk.only_image().name, "web");
    assert_eq!(desk.mails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn settling_one_version_does_not_close_the_next() {
    // The tick that settles the first version is about to remove its marker when the second version arrives.
    let desk = Desk::built(|builder| builder.schedules(false)).await;
    desk.drop_file(KEY, desk.manifest("web-{digest}")).await;
    desk.world.run_for(Duration::from_secs(30)).await;
    desk.world.settle().await;
    assert_eq!(desk.status(KEY).await["notices"][0]["attempts"], 1);

    // It sees the first version, and hears so late.
    let late = Fault::Slow(Duration::from_secs(5));
    desk.world.faults().on("s3", "HeadObject", 1, late);
    let before = desk.world.calls().len();
    desk.world.invoke_later("AdvanceTasks", json!({}));
    while !desk.world.calls()[before..]
        .iter()
        .any(|call| call.action == "HeadObject")
    {
        tokio::task::yield_now().await;
    }
    desk.world.ec2().set_pending_time(Duration::from_secs(600));
    desk.drop_file(
        KEY,
        format!("{}description: better\n", desk.manifest("web-{digest}")),
    )
    .await;
    desk.world.settle().await;
    assert_eq!(desk.open().await, [format!("amiwright/open/{KEY}")]);
    assert_eq!(desk.status(KEY).await["state"], "working");
}

#[tokio::test(start_paused = true)]
async fn a_manifest_taken_away_while_its_bundle_is_waited_for_is_cancelled_and_may_come_back() {
    let desk = Desk::new().await;
    let key = "bundles/image.image.yaml";
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    desk.drop_file(key, manifest).await;
    desk.minute().await;
    std::fs::remove_file(
        desk.world
            .directory()
            .join("s3")
            .join(&desk.bucket)
            .join(key),
    )
    .unwrap();
    desk.rest().await;
    assert_eq!(desk.status(key).await["state"], "cancelled");
    let mail = desk.only_mail();
    assert!(
        mail.text.contains("its manifest was removed"),
        "{}",
        mail.text
    );

    // Put back, with the same content, it is wanted again.
    desk.drop_file(key, manifest).await;
    desk.minute().await;
    let status = desk.status(key).await;
    assert_eq!(status["state"], "working", "{status:#}");
}
