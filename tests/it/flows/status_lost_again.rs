//! What EC2 imports for attempts of which no status is left is looked for until an attempt has looked, however those before it ended.

use localaws::faults::Fault;

use super::status_lost::{IMPORTS, Lost, is_made, lose};
use crate::support::{Before, making, minutes, starting_call};

const KEY: &str = "golden/web.image.yaml";

/// The calls that list imports, of each kind.
const LISTS: [&str; 2] = ["DescribeImportSnapshotTasks", "DescribeImportImageTasks"];

/// The upload after the loss is rejected at the import itself, before anybody could look: the stack's owner has closed what it asks
/// for.
#[tokio::test(start_paused = true)]
async fn an_import_is_taken_up_after_an_upload_was_rejected_at_the_import() {
    const TAG_KEYS: &str = "AMIWRIGHT_TAG_KEYS";
    for (kind, list) in IMPORTS.into_iter().zip(LISTS) {
        let (stack, manifest) = making(kind).await;
        let manifest = match manifest.contains("tags:") {
            true => manifest,
            false => manifest + "tags: {team: web}\n",
        };
        let before = Before::of(&stack);
        stack.world.ec2().set_task_time(kind, minutes(30));
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(5)).await;
        lose(&stack, Lost::StatusAndMarker).await;

        let faults = stack.world.faults();
        faults.always("ec2", list, Fault::Throttle);
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(1)).await;
        assert_eq!(stack.status(KEY).await["build"]["step"], "start-task");
        stack.update(TAG_KEYS, "cost");
        faults.clear();
        stack.world.run_for(minutes(20)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "rejected", "{status:#}");
        assert_eq!(status["build"]["step"], "start-task", "{status:#}");

        stack.update(TAG_KEYS, "team");
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(stack.count(starting_call(kind)), 1, "{kind:?}");
        is_made(&stack, &manifest, &before, 1).await;
    }
}

/// Nothing else can have begun one since: that would be a call for each of them.
#[tokio::test(start_paused = true)]
async fn a_version_after_one_that_has_looked_does_not_look() {
    for (kind, list) in IMPORTS.into_iter().zip(LISTS) {
        let (stack, manifest) = making(kind).await;
        stack.drop_and_rest(KEY, &manifest).await;
        let status = stack.status(KEY).await;
        let looked = status["build"]["lookedForImportsAt"].clone();
        assert!(looked.is_string(), "{status:#}");

        let before = stack.world.faults().count();
        let next = manifest.replacen("name: web", "name: next", 1);
        stack.drop_and_rest(KEY, next).await;
        let calls = stack.world.calls().into_iter();
        let calls = calls.filter(|it| it.number > before).map(|it| it.action);
        let mut until_begun = calls.take_while(|it| it != starting_call(kind));
        assert!(until_begun.all(|it| it != list), "{kind:?}");
        assert_eq!(stack.count(starting_call(kind)), 2, "{kind:?}");
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["build"]["lookedForImportsAt"], looked, "{kind:?}");
    }
}
