//! A disk that is replaced while it is imported, and an AMI of it all the same.

use jiff::Timestamp;
use localaws::ec2::TaskKind;
use serde_json::json;

use super::{KEY, assert_found};
use crate::support::order::{Recorded, Told};
use crate::support::uploads::Upload;
use crate::support::{importing, making};

const DISK: &str = "golden/web.vmdk";

/// Before the call with this number, the disk is replaced by another.
fn replaced(recorded: &Recorded, number: u64) -> Recorded {
    let mut other = recorded.clone();
    let mut before = recorded.calls.iter().rev();
    let at = before.find(|it| it.number <= number).unwrap().at;
    let place = other.uploads.partition_point(|it| it.number < number);
    let upload = Upload {
        number: number - 1,
        at,
        object: Some((DISK.to_owned(), Some(b"KDMV of another".to_vec()))),
        is_rejected: false,
    };
    other.uploads.insert(place, upload);
    other
}

#[tokio::test(start_paused = true)]
async fn an_ami_of_another_disk_than_its_version_names_is_found() {
    for kind in [TaskKind::ImportSnapshot, TaskKind::ImportImage] {
        let (stack, manifest) = making(kind).await;
        stack.drop_and_rest(KEY, manifest).await;
        assert_eq!(stack.status(KEY).await["state"], "available");
        let uploads = stack.uploads.lock().unwrap().clone();
        let recorded = Recorded::of(&stack.world, &uploads);
        assert_eq!(recorded.violations(), [""; 0]);

        let number = |action: &str| {
            let mut calls = recorded.calls.iter();
            calls
                .find(|it| it.action.starts_with(action))
                .unwrap()
                .number
        };
        let (begun, taken) = (number("Import"), number("CreateTags"));
        let found = [DISK, "which is made from another version of it"];
        assert_found(&replaced(&recorded, begun), &found);
        assert_found(&replaced(&recorded, begun + 1), &found);
        // Nobody can have known when it was looked at last.
        assert_eq!(replaced(&recorded, taken).violations(), [""; 0]);
        let mut blind = recorded.clone();
        blind.looks.clear();
        assert_found(&replaced(&blind, taken), &found);
    }
}

/// Somebody was told only by a notice of this version that says it, after the import.
#[tokio::test(start_paused = true)]
async fn a_notice_that_does_not_say_that_the_disk_was_replaced_does_not_count() {
    let stack = importing(KEY).await;
    stack.drop_file(DISK, b"KDMV of another").await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let uploads = stack.uploads.lock().unwrap().clone();
    let recorded = Recorded::of(&stack.world, &uploads);
    assert_eq!(recorded.violations(), [""; 0]);
    assert_eq!(recorded.told.len(), 1);

    let others: [fn(&mut Told); 5] = [
        |it| it.notice["object"]["isReplaced"] = json!(false),
        |it| it.notice["digest"] = json!("another"),
        |it| it.notice["manifest"]["key"] = json!("golden/other.image.yaml"),
        |it| it.email = it.email.replace("Replaced since", "Since"),
        |it| it.at = Timestamp::UNIX_EPOCH,
    ];
    for other in others {
        let mut changed = recorded.clone();
        other(&mut changed.told[0]);
        assert_found(
            &changed,
            &[DISK, "which is made from another version of it"],
        );
    }
}
