//! What must be so once everything rests, by looking at the world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiwright::image::observed::ObservedImage;
use amiwright::image::status::Grantee;
use amiwright::keys;
use serde_json::Value;

use super::history::{Manifest, PARTNERS, STRANGER, parameter};
use super::play::{Played, regions};
use crate::support::{REGION, changes_since};

/// Checks the world at rest, and that more time changes nothing. Returns the states of the images whose manifests are there.
pub(super) async fn check(played: &Played) -> Vec<String> {
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
    let before = Rest::of(played).await;
    let minutes = Duration::from_secs(40 * 60);
    played.stack.world.run_for(minutes).await;
    let after = Rest::of(played).await;
    assert_eq!(after, before, "more time changes something");
    played.audited().await;
    let audited = Rest::of(played).await;
    assert_eq!(
        audited.but_when_seen(),
        after.but_when_seen(),
        "one more audit changes something"
    );
    let states = played.manifests.keys().map(|key| &statuses[key]["state"]);
    states.map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// Everything that could change.
#[derive(Debug, Clone, PartialEq)]
struct Rest {
    images: Vec<(&'static str, String)>,
    statuses: BTreeMap<&'static str, Value>,
    /// The calls that change something in EC2 and the parameters.
    changes: usize,
    writes: usize,
    emails: usize,
}

impl Rest {
    async fn of(played: &Played) -> Self {
        let stack = &played.stack;
        let mut images = Vec::new();
        for region in regions() {
            let of_region = stack.world.ec2().images(region).into_iter();
            images.extend(of_region.map(|image| (region, format!("{image:?}"))));
        }
        let calls = stack.world.calls();
        Self {
            images,
            statuses: played.statuses().await,
            changes: changes_since(stack, 0).len(),
            writes: calls.iter().filter(|call| !call.is_read()).count(),
            emails: stack.emails().len(),
        }
    }

    /// The same without what each audit writes down: when it saw the AMIs.
    fn but_when_seen(&self) -> Self {
        let mut rest = self.clone();
        rest.writes = 0;
        for status in rest.statuses.values_mut() {
            for region in status["regions"].as_object_mut().into_iter().flatten() {
                region.1.as_object_mut().unwrap().remove("verifiedAt");
            }
        }
        rest
    }
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
    if manifest.exact && manifest.repair {
        assert_eq!(granted, asked, "{}", case());
    }
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
        if played.snapshots_before.contains(snapshot) {
            assert!(
                readers.is_superset(&asked),
                "{snapshot} {readers:?} {}",
                case()
            );
        } else {
            assert_eq!(readers, asked, "{snapshot} {}", case());
        }
    }
}

/// Nothing that was made is unknown to every status.
async fn check_nothing_is_lost(played: &Played, statuses: &BTreeMap<&'static str, Value>) {
    // What a retired AMI leaves is the user's: its email told, and the status forgets it in time.
    let emails = played.stack.emails();
    let is_told = |snapshot: &str| {
        let line = format!("{snapshot} kept: ");
        emails.iter().any(|email| email.text.contains(&line))
    };
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
        for snapshot in played.stack.world.ec2().snapshots(region) {
            let is_known = used.contains(&snapshot.id)
                || known.contains(&snapshot.id)
                || is_told(&snapshot.id)
                || played.snapshots_before.contains(&snapshot.id);
            assert!(
                is_known,
                "{region}: neither a status nor an email names {snapshot:#?}\n{statuses:#?}"
            );
        }
    }
}

/// What somebody granted by hand stays, unless its manifest said that nobody else may have it.
async fn check_foreign(played: &Played) {
    for (region, id) in &played.shared_by_hand {
        let images = played.ours(region).await;
        let Some(image) = images.iter().find(|image| image.id == *id) else {
            continue;
        };
        let of = |key: &str| image.tags["amiwright:manifest"].ends_with(&format!("/{key}"));
        if played.was_exact.iter().any(|key| of(key)) {
            continue;
        }
        let aws = played.stack.aws().in_region(region);
        let granted = aws.launch_permissions(id).await.unwrap();
        let stranger = Grantee::Account(STRANGER.to_owned());
        assert!(granted.contains(&stranger), "{region} {id}: {granted:?}");
    }
}
