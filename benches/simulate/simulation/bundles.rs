//! The bundles in the state bucket: those of nothing are gone, and those of AMIs are there.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::image::status::Orphan;
use amiwright::keys;
use localaws::ec2::ImageState;
use serde_json::Value;

use super::play::Played;
use super::text;
use crate::support::REGION;

/// What is left that should not be, and what is not that should.
pub(super) async fn check(
    played: &Played,
    statuses: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) {
    check_left(played, statuses, wrong).await;
    check_there(played, wrong).await;
}

/// EC2 reads the bundle of an AMI whenever an instance is launched.
async fn check_there(played: &Played, wrong: &mut Vec<String>) {
    let there: BTreeSet<String> = played
        .stack
        .state_keys(keys::BUNDLES)
        .await
        .into_iter()
        .collect();
    let prefix = format!("{}/", played.stack.state_bucket);
    for image in played.stack.world.ec2().images(REGION) {
        let Some(manifest) = image.location.strip_prefix(&prefix) else {
            continue;
        };
        let parts = manifest.replace(".manifest.xml", ".part.");
        let has_parts = there.iter().any(|it| it.starts_with(&parts));
        if image.state == ImageState::Available && !(has_parts && there.contains(manifest)) {
            let id = &image.id;
            wrong.push(format!("the bundle of {id} is gone: {manifest}"));
        }
    }
}

/// The bundle of an image that was cancelled or failed is deleted, unless an AMI is made of it, or somebody was told.
async fn check_left(played: &Played, statuses: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    let emails = played.stack.emails();
    let images = played.stack.world.ec2().images(REGION);
    for (key, status) in statuses {
        if !["cancelled", "failed"].contains(&text(status, "/state")) {
            continue;
        }
        let orphans = status["build"]["orphans"].to_string();
        // Its email names what is known of it, or all of it is kept.
        if orphans.contains(Orphan::UNSEEN)
            || text(status, "/build/failure/kind") == "image-disabled"
        {
            continue;
        }
        let [previous, tasks] =
            [&status["previous"], &status["build"]["tasks"]].map(Value::to_string);
        // That of an earlier version, of which there was an AMI, is named in its email.
        let is_earlier = |bundle: &str| {
            let mut emails = emails.iter();
            !tasks.contains(bundle) && emails.any(|email| email.text.contains(bundle))
        };
        let is_told = |bundle: &str| {
            orphans.contains(bundle) || previous.contains(bundle) || is_earlier(bundle)
        };
        let is_used = |bundle: &str| images.iter().any(|it| it.location.contains(bundle));
        let prefix = format!("{}{key}/", keys::BUNDLES);
        for object in played.stack.state_keys(&prefix).await {
            let (folder, file) = object.rsplit_once('/').unwrap_or_default();
            let name = file.split('.').next().unwrap_or_default();
            let bundle = format!("{folder}/{name}");
            if !is_told(&bundle) && !is_used(&bundle) {
                wrong.push(format!(
                    "{key}: {object} is left, and no status says why: {status:#}"
                ));
            }
        }
    }
}
