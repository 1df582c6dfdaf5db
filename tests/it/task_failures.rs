//! Tasks that cannot be started or looked at: somebody is told, and what was made is found again.

use std::time::Duration;

use localaws::ec2::TaskKind;

use crate::desk::Desk;
use crate::tasks::{DISK, vmdk};

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn what_may_not_be_looked_at_is_told() {
    let desk = Desk::new().await;
    let ec2 = desk.world.ec2();
    ec2.set_denied_actions(&["DescribeImportSnapshotTasks"]);
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(Duration::from_secs(30 * 60)).await;
    let mail = desk.only_mail();
    assert_eq!(mail.subject, "AMI waits for long: web-2026-11-21");
    assert!(mail.text.contains("UnauthorizedOperation"), "{}", mail.text);

    // Allowed, it goes on by itself.
    ec2.set_denied_actions(&[]);
    desk.rest().await;
    assert_eq!(desk.status(KEY).await["state"], "available");
    assert_eq!(desk.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_looked_for_is_told() {
    let desk = Desk::new().await;
    desk.world.ec2().set_denied_actions(&["DescribeImages"]);
    desk.drop_file(KEY, desk.manifest("web")).await;
    desk.world.run_for(Duration::from_secs(30 * 60)).await;
    assert_eq!(desk.only_mail().subject, "AMI waits for long: web");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_looked_at_for_hours_is_told_as_stalled() {
    let desk = Desk::new().await;
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    let faults = desk.world.faults();
    let throttle = localaws::faults::Fault::Throttle;
    faults.always("ec2", "DescribeImportSnapshotTasks", throttle);
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(Duration::from_secs(150 * 60)).await;
    let subjects: Vec<_> = desk.mails().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects, ["AMI stalled: web-2026-11-21"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_said_before_hours_of_importing() {
    let desk = Desk::new().await;
    desk.drop_and_rest("other.image.yaml", desk.manifest("web-{date}"))
        .await;
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_and_rest(KEY, DISK).await;
    let status = desk.status(KEY).await;
    assert_eq!(status["failure"]["code"], "InvalidAMIName.Duplicate");
    assert_eq!(desk.count("ImportSnapshot"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_removed_status_makes_no_second_ami() {
    let desk = Desk::new().await;
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_and_rest(KEY, DISK).await;
    let (images, snapshots) = (desk.images(), desk.snapshots());
    desk.remove(&format!("amiwright/status/{KEY}.json")).await;
    desk.world
        .invoke("RegisterImage", desk.object_created(KEY))
        .await
        .unwrap();
    desk.rest().await;
    assert_eq!((desk.images(), desk.snapshots()), (images, snapshots));
    assert_eq!(desk.count("ImportSnapshot"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_left_nothing_is_lost_and_says_what_was_seen() {
    let desk = Desk::new().await;
    let ec2 = desk.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, Duration::from_secs(24 * 3600));
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(Duration::from_secs(600)).await;
    let status = desk.status(KEY).await;
    ec2.hide_task(status["tasks"][0]["id"].as_str().unwrap());
    desk.rest().await;
    let mail = desk.only_mail();
    assert_eq!(mail.subject, "AMI lost: web-2026-11-21");
    assert!(
        mail.text.contains("has not listed the task since"),
        "{}",
        mail.text
    );
    assert_eq!(desk.status(KEY).await["state"], "failed");
}
