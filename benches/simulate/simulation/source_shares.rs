//! Who has the snapshots that manifests are made from, which belong to people: nobody keeps one that no AMI of it asks for.

use std::collections::BTreeMap;

use localaws::ec2::{Image, ImageState, Permission};
use serde_json::Value;

use super::monitor::own_images;
use super::play::Played;
use super::script::{Event, Source};
use super::text;
use super::told::Told;
use crate::support::REGION;

/// What somebody does to an AMI after which its snapshots are not amiwright's to judge by it.
const TAKEN_AWAY: [&str; 4] = ["Deregister", "Disable", "Disown", "Revoke"];

/// Shares that are left and should not be: an account that has a snapshot may launch an AMI of it, or people were told.
pub(super) fn check(played: &Played, statuses: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    // Two stacks have these snapshots together, each with AMIs of its own.
    let is_beside = |it: &Event| matches!(it, Event::DropBeside { .. });
    if played.script.moves.iter().any(|it| is_beside(&it.event)) {
        return;
    }
    let told = Told::by(played);
    let ec2 = played.stack.world.ec2();
    let ours = format!("s3://{}/", played.stack.bucket);
    let mut images = ec2.images(REGION);
    images.retain(|it| {
        let manifest = it.tags.get("amiwright:manifest");
        it.state == ImageState::Available && manifest.is_some_and(|it| it.starts_with(&ours))
    });
    for snapshot in ec2.snapshots(REGION) {
        let id = &snapshot.id;
        let Some(at) = played.sources.snapshots.iter().position(|it| it == id) else {
            continue;
        };
        if is_unfinished(played, statuses, at) || is_taken_away(played, id) {
            continue;
        }
        let may_launch = |it: &Image, reader: &Permission| {
            it.snapshot_ids().any(|of| of == id)
                && it.launch_permissions.contains(reader)
                && may_copy(played, statuses, it, reader)
        };
        let is_asked = |reader: &Permission| images.iter().any(|it| may_launch(it, reader));
        let readers = &snapshot.create_volume_permissions;
        let mut left: Vec<_> = readers.iter().filter(|it| !is_asked(it)).collect();
        // Of an AMI that is there, not all was seen to be set.
        let is_unseen = |reader: &Permission| {
            let named = told.copied_unseen(played, (REGION, id), reader);
            let mut named = images.iter().filter(|it| named.contains(&it.id));
            named.any(|it| it.snapshot_ids().any(|of| of == id))
        };
        left.retain(|it| !told.stays_shared(played, (REGION, id), it) && !is_unseen(it));
        if !left.is_empty() {
            wrong.push(format!(
                "{left:?} have {id}, may launch no AMI of it, and nobody was told: {images:#?}"
            ));
        }
    }
}

/// Whether the manifest of an AMI lets an account have the snapshots, too. Nobody knows that of an AMI of an earlier version, and
/// of a manifest that is gone.
fn may_copy(
    played: &Played,
    statuses: &BTreeMap<String, Value>,
    image: &Image,
    reader: &Permission,
) -> bool {
    let prefix = format!("s3://{}/", played.stack.bucket);
    let manifest = image.tags.get("amiwright:manifest");
    let Some(key) = manifest.and_then(|it| it.strip_prefix(&prefix)) else {
        return true;
    };
    let (Some(manifest), Some(status)) = (played.manifests.get(key), statuses.get(key)) else {
        return true;
    };
    let is_named = |account: &str| *reader == Permission::Account(account.to_owned());
    !own_images(status).contains(&image.id) || (manifest.copy && manifest.accounts().any(is_named))
}

/// Whether an image of this snapshot did not come to be as its manifest says: its status says why, and its shares are as they were.
fn is_unfinished(played: &Played, statuses: &BTreeMap<String, Value>, at: usize) -> bool {
    let is_of = |source: Source| match source {
        Source::Snapshot(it) => it % played.sources.snapshots.len() == at,
        _ => false,
    };
    let mut open = statuses
        .iter()
        .filter(|(_, status)| !["available", "deleted"].contains(&text(status, "/state")));
    open.any(|(key, _)| {
        let versions = played.monitor.versions(&played.stack, key);
        versions.iter().any(|it| is_of(it.source))
    })
}

/// Whether somebody has taken away an AMI of this snapshot, or who may launch it.
fn is_taken_away(played: &Played, snapshot: &str) -> bool {
    let mut users = played.monitor.users(REGION, snapshot).into_iter();
    users.any(|image| {
        let edits = played.edited.get(&(REGION, image));
        edits.is_some_and(|it| TAKEN_AWAY.iter().any(|edit| it.contains(*edit)))
    })
}
