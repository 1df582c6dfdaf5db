//! Somebody deletes the status of an image that is finished. The next upload of its manifest, or the next sweep, finds its AMIs by
//! their tags: none is made twice, and all is as it was.

use std::collections::BTreeSet;
use std::time::Duration;

use amiwright::keys;
use amiwright::manifest::sha256_hex;

use super::manifest::key as manifest_key;
use super::monitor::own_images;
use super::play::Played;
use super::script::{Event, Manifest};
use super::setting::regions;
use super::{settled, text};

/// What is wrong once the status was deleted and its image is finished again.
pub(super) async fn check(played: &Played, wrong: &mut Vec<String>) {
    let Some(key) = played.script.lost.map(manifest_key) else {
        return;
    };
    let Some(manifest) = played.manifests.get(key) else {
        return;
    };
    let before = images(played, key).await;
    if !is_as_it_was(played, key, manifest, &before).await {
        return;
    }
    played.monitor.lose(&played.stack, key);
    let stack = &played.stack;
    stack.remove_state(&keys::status_key(key)).await;
    if played.script.seed.is_multiple_of(2) {
        let text = manifest.text(key, &played.sources);
        stack.drop_file(key, text).await;
    }
    // Two sweeps come by.
    stack.world.run_for(Duration::from_secs(35 * 60)).await;
    played.until_nothing_is_open().await;
    let after = images(played, key).await;
    if before != after {
        let what = format!("the status of {key} was lost: its AMIs were {before:?}");
        wrong.push(format!("{what}, and are {after:?} now"));
    }
    let statuses = played.statuses().await;
    let Some(status) = statuses.get(key) else {
        return wrong.push(format!(
            "the status of {key} was lost, and there is no other"
        ));
    };
    // That its parameters are its own, no status says any more.
    if text(status, "/state") != "available" && manifest.parameters(key).is_empty() {
        wrong.push(format!(
            "the status of {key} was lost, and it is not available again: {status:#}"
        ));
    }
    settled::check(played, (key, manifest), status, wrong).await;
}

/// Whether an image is available, nobody has changed its AMIs, and what it is made from is what it was made from.
async fn is_as_it_was(
    played: &Played,
    key: &str,
    manifest: &Manifest,
    images: &BTreeSet<(&'static str, String)>,
) -> bool {
    let statuses = played.statuses().await;
    let Some(status) = statuses.get(key) else {
        return false;
    };
    let text_of = manifest.text(key, &played.sources);
    let is_of_manifest = text(status, "/manifest/sha256") == sha256_hex(text_of.as_bytes());
    let is_replaced = |event: &Event| matches!(event, Event::DropObject { key: at, .. } if manifest_key(*at) == key);
    let mut moves = played.script.moves.iter();
    text(status, "/state") == "available"
        && is_of_manifest
        && status["drift"].is_null()
        && !manifest.is_refused(&played.given)
        && !moves.any(|it| is_replaced(&it.event))
        && played.edited_parameters.is_empty()
        // Nor does one that has lost its tags count as its AMI.
        && !played.edited.keys().any(|(_, id)| own_images(status).contains(id))
        && !images.iter().any(|it| played.edited.contains_key(it))
}

/// The AMIs of a manifest, where they are.
async fn images(played: &Played, key: &str) -> BTreeSet<(&'static str, String)> {
    let tag = format!("s3://{}/{key}", played.stack.bucket);
    let mut found = BTreeSet::new();
    for region in regions() {
        let mut ours = played.ours(region).await;
        ours.retain(|it| it.tags.get("amiwright:manifest") == Some(&tag));
        found.extend(ours.into_iter().map(|it| (region, it.id)));
    }
    found
}
