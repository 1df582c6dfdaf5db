//! Every call of an image's life goes wrong once, in every way; then the world comes to rest, and is as it should be.

use std::time::Duration;

use http::StatusCode;
use localaws::faults::Fault;

use crate::desk::Desk;

const KEY: &str = "golden/web.image.yaml";

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        Fault::Throttle,
        Fault::LoseAnswer,
        Fault::Crash,
        Fault::CrashBefore,
        Fault::Slow(Duration::from_secs(30)),
        Fault::Refuse {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalError".to_owned(),
            message: "We encountered an internal error. Please try again.".to_owned(),
        },
    ]
}

/// How many calls a world makes from the drop until it is at rest.
async fn calls_of_a_quiet_run() -> u64 {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web-{date}")).await;
    desk.world.faults().count()
}

#[tokio::test(start_paused = true)]
async fn one_ami_and_its_mail_whatever_goes_wrong_once() {
    let calls = calls_of_a_quiet_run().await;
    assert!(calls > 10, "{calls}");
    for number in 1..=calls {
        for fault in faults() {
            let desk = Desk::new().await;
            desk.world.faults().at(number, fault.clone());
            desk.drop_and_rest(KEY, desk.manifest("web-{date}")).await;
            let case = format!(
                "call {number}: {fault:?}, {:?}",
                desk.world.calls().get(number as usize - 1)
            );

            let images = desk.images();
            assert_eq!(images.len(), 1, "{case}: {images:#?}");
            assert_eq!(desk.status(KEY).await["state"], "available", "{case}");
            // Between publishing a notice and marking it as sent, it may be repeated; nowhere else, and none is ever lost.
            let mails = desk.mails();
            let calls = desk.world.calls();
            let sender_wrote =
                ["Publish", "PutObject"].contains(&calls[number as usize - 1].action.as_str());
            let unmarked = sender_wrote
                && calls[..number as usize]
                    .iter()
                    .any(|call| call.action == "Publish");
            assert!(
                mails.len() == 1 || (unmarked && mails.len() == 2),
                "{case}: {mails:#?}"
            );
            assert!(
                mails.iter().all(|mail| mail == &mails[0]),
                "{case}: {mails:#?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_at_once_makes_one_ami_and_one_mail() {
    let desk = Desk::new().await;
    let event = desk.object_created(KEY);
    desk.drop_silently(KEY, desk.manifest("web"));
    for _ in 0..5 {
        desk.world.invoke_later("RegisterImage", event.clone());
    }
    desk.rest().await;
    assert_eq!(desk.images().len(), 1, "{:#?}", desk.images());
    assert_eq!(desk.mails().len(), 1);

    // And later, out of order, again.
    desk.world.invoke("RegisterImage", event).await.unwrap();
    desk.rest().await;
    assert_eq!(desk.images().len(), 1);
    assert_eq!(desk.mails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_registrations_at_once_meet_in_one_ami() {
    // Both have looked before either creates: EC2 answers slowly.
    let desk = Desk::new().await;
    desk.world
        .ec2()
        .set_visibility_delay(Duration::from_secs(90));
    desk.drop_silently(KEY, desk.manifest("web"));
    desk.world.faults().on(
        "ec2",
        "RegisterImage",
        1,
        Fault::Slow(Duration::from_secs(5)),
    );
    for _ in 0..2 {
        desk.world
            .invoke_later("RegisterImage", desk.object_created(KEY));
    }
    desk.rest().await;
    assert_eq!(desk.images().len(), 1, "{:#?}", desk.images());
    assert_eq!(desk.mails().len(), 1);
    assert_eq!(desk.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_register_image_is_resolved_by_looking() {
    let desk = Desk::new().await;
    desk.world
        .ec2()
        .set_visibility_delay(Duration::from_secs(150));
    desk.world
        .faults()
        .on("ec2", "RegisterImage", 1, Fault::LoseAnswer);
    desk.drop_and_rest(KEY, desk.manifest("web")).await;
    assert_eq!(desk.images().len(), 1, "{:#?}", desk.images());
    let status = desk.status(KEY).await;
    let adopted = status["history"].as_array().unwrap().iter().any(|change| {
        change["why"]
            .as_str()
            .unwrap()
            .starts_with("found where an earlier try had registered it")
    });
    assert!(adopted, "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_after_a_long_wait_is_resolved_by_looking_too() {
    let desk = Desk::new().await;
    desk.world
        .ec2()
        .set_visibility_delay(Duration::from_secs(150));
    desk.world
        .faults()
        .always("ec2", "RegisterImage", Fault::Throttle);
    desk.drop_file(KEY, desk.manifest("web")).await;
    desk.world.run_for(Duration::from_secs(20 * 60)).await;
    desk.world.faults().clear();
    desk.world
        .faults()
        .on("ec2", "RegisterImage", 1, Fault::LoseAnswer);
    desk.rest().await;
    assert_eq!(desk.images().len(), 1, "{:#?}", desk.images());
    assert_eq!(desk.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn an_ami_whose_manifest_was_removed_is_still_looked_for() {
    // The answer was lost, after a long wait, and the AMI cannot be seen yet.
    let desk = Desk::new().await;
    desk.world
        .ec2()
        .set_visibility_delay(Duration::from_secs(300));
    desk.world
        .faults()
        .always("ec2", "RegisterImage", Fault::Throttle);
    desk.drop_file(KEY, desk.manifest("web")).await;
    desk.world.run_for(Duration::from_secs(20 * 60)).await;
    desk.world.faults().clear();
    desk.world
        .faults()
        .on("ec2", "RegisterImage", 1, Fault::LoseAnswer);
    while desk.images().is_empty() {
        desk.world.run_for(Duration::from_secs(5)).await;
    }
    desk.world.settle().await;
    let path = desk.world.directory().join("s3").join(&desk.bucket);
    std::fs::remove_file(path.join(KEY)).unwrap();
    desk.rest().await;
    assert_eq!(desk.status(KEY).await["state"], "available");
}
