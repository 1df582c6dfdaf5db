//! What must be so once everything rests, by looking at the world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiwright::image::observed::ObservedImage;
use amiwright::image::status::Grantee;
use amiwright::keys;
use serde_json::Value;

use super::history::{Manifest, PARTNERS, STRANGER, parameter};
use super::play::{Played, regions};
use crate::support::REGION;

/// Checks the world at rest, and that more time changes nothing.
pub(super) async fn check(played: &Played) {
    let statuses = played.statuses().await;
    for (key, status) in &statuses {
        check_status(key, status);
    }
    for (key, manifest) in &played.manifests {
        let status = statuses
            .get(key)
            .unwrap_or_else(|| panic!("{key} has no status"));
        check_manifest(played, key, manifest, status).await;
    }
    check_nothing_is_lost(played, &statuses).await;
    check_foreign(played).await;
    for prefix in [keys::OPEN, keys::DUE_MARKERS] {
        assert_eq!(played.stack.state_keys(prefix).await, [""; 0]);
    }
    let before = world(played).await;
    played
        .stack
        .world
        .run_for(Duration::from_secs(40 * 60))
        .await;
    assert_eq!(world(played).await, before, "more time changes something");
}

/// Everything that could change.
async fn world(
    played: &Played,
) -> (
    Vec<(&'static str, String)>,
    BTreeMap<&'static str, Value>,
    usize,
    usize,
) {
    let mut images = Vec::new();
    for region in regions() {
        let of_region = played.stack.world.ec2().images(region);
        images.extend(
            of_region
                .into_iter()
                .map(|image| (region, format!("{image:?}"))),
        );
    }
    let calls = played.stack.world.calls();
    let reads = ["Describe", "Get", "List", "Head"];
    let is_change = |action: &str| !reads.iter().any(|word| action.starts_with(word));
    let changes = calls.iter().filter(|call| is_change(&call.action)).count();
    let emails = played.stack.emails().len();
    (images, played.statuses().await, changes, emails)
}

fn check_status(key: &str, status: &Value) {
    assert_ne!(status["state"], "working", "{key}: {status:#}");
    for notice in status["notices"].as_array().into_iter().flatten() {
        assert!(notice["sentAt"].is_string(), "{key}: {status:#}");
    }
    let notices = status["notices"].as_array().map_or(0, Vec::len);
    assert!(notices > 0, "{key} ended without a word: {status:#}");
}

/// The last version that was dropped is what the status is about, and its AMI is as it says.
async fn check_manifest(played: &Played, key: &str, manifest: &Manifest, status: &Value) {
    let text = manifest.text(key, &played.stack.snapshot);
    let digest = amiwright::manifest::sha256_hex(text.as_bytes());
    assert_eq!(
        status["manifest"]["sha256"],
        digest.as_str(),
        "{key}: {status:#}"
    );
    assert_eq!(
        status["state"] == "rejected",
        manifest.mistake,
        "{key}: {status:#}"
    );
    if status["state"] != "available" {
        return;
    }
    for region in std::iter::once(REGION).chain(manifest.regions.iter().copied()) {
        let id = status["regions"][region]["image"].as_str();
        let id = id.unwrap_or_else(|| panic!("{key} has no AMI in {region}: {status:#}"));
        let images = played.ours(region).await;
        let build = status["build"]["digest"].as_str();
        let is_of_version = |it: &&ObservedImage| {
            it.tags["amiwright:manifest"].ends_with(&format!("/{key}"))
                && it.tags.get("amiwright:digest").map(String::as_str) == build
        };
        let of_version: Vec<_> = images.iter().filter(is_of_version).collect();
        assert_eq!(
            of_version.len(),
            1,
            "{key} {region}: {of_version:#?}\n{status:#}"
        );
        assert_eq!(of_version[0].id, id, "{key} {region}");
        check_settings(played, manifest, region, of_version[0], status).await;
        if manifest.parameter {
            let value = played.stack.world.ssm().parameter(region, &parameter(key));
            assert_eq!(value.as_deref(), Some(id), "{key} {region}: {status:#}");
        }
    }
}

async fn check_settings(
    played: &Played,
    manifest: &Manifest,
    region: &'static str,
    image: &ObservedImage,
    status: &Value,
) {
    let case = || format!("{region} {image:#?}\n{manifest:#?}\n{status:#}");
    assert_eq!(image.state, "available", "{}", case());
    assert_eq!(
        image.description.as_deref(),
        manifest.description,
        "{}",
        case()
    );
    assert_eq!(
        image.tags.get("team").map(String::as_str),
        manifest.team,
        "{}",
        case()
    );
    assert_eq!(
        image.protection != "disabled" && !image.protection.is_empty(),
        manifest.protect,
        "{}",
        case()
    );
    assert_eq!(
        image.deprecate_at.is_some(),
        manifest.deprecate,
        "{}",
        case()
    );
    let aws = played.stack.aws().in_region(region);
    let granted = aws.launch_permissions(&image.id).await.unwrap();
    let asked: BTreeSet<_> = manifest
        .accounts
        .iter()
        .map(|it| Grantee::Account((*it).to_owned()))
        .collect();
    let partners: BTreeSet<_> = PARTNERS.map(|it| Grantee::Account(it.to_owned())).into();
    let of_manifests: BTreeSet<_> = granted.intersection(&partners).cloned().collect();
    assert_eq!(of_manifests, asked, "{}", case());
    for snapshot in &image.snapshots {
        let readers = aws.snapshot_accounts(snapshot).await.unwrap();
        let asked: BTreeSet<String> = match manifest.copy {
            true => manifest
                .accounts
                .iter()
                .map(|it| (*it).to_owned())
                .collect(),
            false => BTreeSet::new(),
        };
        // The snapshot that manifests are made from belongs to somebody, and may have several AMIs.
        if !played.snapshots_before.contains(snapshot) {
            assert_eq!(readers, asked, "{snapshot} {}", case());
        }
    }
}

/// Nothing that was made is unknown to every status.
async fn check_nothing_is_lost(played: &Played, statuses: &BTreeMap<&'static str, Value>) {
    let known: String = statuses.values().map(Value::to_string).collect();
    for region in regions() {
        let ours = played.ours(region).await;
        let mut used = BTreeSet::new();
        for image in &ours {
            assert!(
                known.contains(&image.id),
                "{region}: no status names {image:#?}\n{statuses:#?}"
            );
            used.extend(image.snapshots.iter().cloned());
        }
        // What a retired AMI leaves is the user's: its email told, and the status forgets it in time.
        if known.contains(" deregistered") {
            continue;
        }
        for snapshot in played.stack.world.ec2().snapshots(region) {
            let is_known = used.contains(&snapshot.id)
                || known.contains(&snapshot.id)
                || played.snapshots_before.contains(&snapshot.id);
            assert!(
                is_known,
                "{region}: no status names {snapshot:#?}\n{statuses:#?}"
            );
        }
    }
}

/// What somebody granted by hand stays, unless a manifest said that nobody else may have it.
async fn check_foreign(played: &Played) {
    if played.was_exact {
        return;
    }
    for (region, id) in &played.shared_by_hand {
        let images = played.ours(region).await;
        if images.iter().any(|image| image.id == *id) {
            let aws = played.stack.aws().in_region(region);
            let granted = aws.launch_permissions(id).await.unwrap();
            let stranger = Grantee::Account(STRANGER.to_owned());
            assert!(granted.contains(&stranger), "{region} {id}: {granted:?}");
        }
    }
}
