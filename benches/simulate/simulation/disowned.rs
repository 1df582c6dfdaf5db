//! Whether people were told of AMIs that were to be retired, and that are not, because somebody has taken amiwright's tags from
//! them. Of a current one, see `settled.rs`.

use std::collections::BTreeMap;

use localaws::ec2::Image;
use serde_json::Value;

use super::monitor::own_images;
use super::play::Played;
use super::script::{KEYS, Manifest, Retire};
use super::setting::regions;
use super::text;

/// What somebody does to an AMI after which it is as it is to be, or nobody finds it.
const SETTLES: [&str; 3] = ["Deprecate", "Deregister", "Disable"];

/// What stays without a word.
pub(super) fn check(played: &Played, statuses: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    for (of, image) in played.monitor.disowned_images() {
        let Some(region) = regions().find(|it| *it == of) else {
            continue;
        };
        let mut there = played.stack.world.ec2().images(region).into_iter();
        let edits = played.edited.get(&(region, image.id.clone()));
        let is_settled = edits.is_some_and(|it| SETTLES.iter().any(|edit| it.contains(*edit)));
        if is_settled || !there.any(|it| it.id == image.id) {
            continue;
        }
        let Some((key, status)) = status_of(played, statuses, &image) else {
            continue;
        };
        let is_said = played.monitor.retired().contains_key(&image.id);
        if is_to_go(played, key, status, &image.id) && !is_said {
            let what = format!("{} in {region} has lost its tags and stays", image.id);
            wrong.push(format!("{key}: {what}, and no status says why: {status:#}"));
        }
    }
}

/// The manifest that an AMI was made for, and its status.
fn status_of<'a>(
    played: &Played,
    statuses: &'a BTreeMap<String, Value>,
    image: &Image,
) -> Option<(&'static str, &'a Value)> {
    let prefix = format!("s3://{}/", played.stack.bucket);
    let key = image
        .tags
        .get("amiwright:manifest")?
        .strip_prefix(&prefix)?;
    let key = KEYS.into_iter().find(|it| *it == key)?;
    Some((key, statuses.get(key)?))
}

/// Whether the version that a status is about asks for an AMI to be retired, and all of that is done that can be.
fn is_to_go(played: &Played, key: &str, status: &Value, image: &str) -> bool {
    let is_meant = |version: &&Manifest| {
        let content = version.text(key, &played.sources);
        amiwright::manifest::sha256_hex(content.as_bytes()) == text(status, "/manifest/sha256")
    };
    let versions = played.monitor.versions(&played.stack, key);
    let Some(version) = versions.iter().rfind(is_meant) else {
        return false;
    };
    let is_own = own_images(status).contains(image);
    let is_previous = status["previous"].to_string().contains(image);
    match text(status, "/state") {
        "available" => is_previous && !is_own && version.replaces != Retire::Keep,
        "deleted" => is_own && version.on_delete != Retire::Keep,
        _ => false,
    }
}
