//! Whether what nobody wants any more is gone, or somebody was told why it is not.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::image::observed::ObservedImage;
use amiwright::image::status::Orphan;
use localaws::ec2::{Image, Permission, Snapshot};
use serde_json::Value;

use super::by_hand::OTHER;
use super::manifest::short;
use super::monitor::{DEPRECATED, own_images};
use super::play::Played;
use super::rest::is_made_after_failing;
use super::script::{KEYS, Manifest, Retire};
use super::setting::regions;
use super::text;
use super::told::{Told, says_kept};
use crate::support::REGION;

/// An AMI of ours, where it is.
type Found = (&'static str, ObservedImage);

/// What is left that should not be.
pub(super) async fn check(
    played: &Played,
    statuses: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) {
    let mut images: Vec<Found> = Vec::new();
    for region in regions() {
        let ours = played.ours(region).await.into_iter();
        images.extend(ours.map(|image| (region, image)));
    }
    let told = Told::by(played);
    for (key, status) in statuses {
        let tag = format!("s3://{}/{key}", played.stack.bucket);
        let of_key = images.iter().filter(|(region, image)| {
            let edits = played.edited.get(&(*region, image.id.clone()));
            let is_taken_out = |edits: &BTreeSet<String>| {
                let mut outs = ["Deprecate", "Disable", "Deregister"].iter();
                outs.any(|it| edits.contains(*it))
            };
            image.tags.get("amiwright:manifest") == Some(&tag) && !edits.is_some_and(is_taken_out)
        });
        let of_key: Vec<&Found> = of_key.collect();
        for (region, image) in unwanted(played, &told, (key, status), &of_key) {
            let id = &image.id;
            wrong.push(format!(
                "{key}: {id} in {region} is left, and no status says why: {status:#}"
            ));
        }
    }
    check_retired(played, wrong);
    check_retired_by_functions(played, statuses, wrong);
    check_tasks(played, statuses, wrong);
    check_shares(played, wrong);
    check_requests(played, statuses, wrong);
    check_parameters(played, statuses, wrong);
}

/// The AMIs of a manifest that are not wanted, and of which nothing was said.
fn unwanted<'a>(
    played: &Played,
    told: &Told,
    (key, status): (&str, &Value),
    images: &[&'a Found],
) -> Vec<&'a Found> {
    let retired = played.monitor.retired();
    let is_own = |it: &Found| {
        it.1.tags.get("amiwright:digest").map(String::as_str) == status["build"]["digest"].as_str()
    };
    let versions = played.monitor.versions(&played.stack, key);
    let dropped = |version: &&Manifest| {
        let text_of = version.text(key, &played.sources);
        amiwright::manifest::sha256_hex(text_of.as_bytes()) == text(status, "/manifest/sha256")
    };
    let version = versions.iter().rfind(dropped);
    let now = played.stack.world.clock().now();
    // It was, for a version before.
    let is_deprecated_as_asked = |it: &Found| {
        let is_asked = version.is_some_and(|it| it.replaces == Retire::Deprecate);
        is_asked && it.1.deprecate_at.is_some_and(|at| at <= now)
    };
    let is_silent = |it: &Found| match retired.get(&it.1.id).map(String::as_str) {
        _ if it.1.state != "available" => false,
        Some("kept") if is_deprecated_as_asked(it) => false,
        Some("kept") => !is_answered(status, &it.1.id),
        Some("deprecated") => it.1.deprecate_at.is_none_or(|at| at > now),
        _ => true,
    };
    let orphans = status["build"]["orphans"].to_string();
    let is_unseen = orphans.contains(Orphan::UNSEEN);
    let previous = status["previous"].to_string();
    // A version without its Region came in between, which left it, as its email said.
    let is_earlier = |it: &Found| {
        status["regions"].get(it.0).is_none()
            && previous.contains(&it.1.id)
            && is_told_as_kept(played, it.0, &it.1.id)
    };
    let images = images.iter().copied();
    match (text(status, "/state"), version) {
        ("available", Some(version)) if version.replaces != Retire::Keep => {
            let others = images.filter(|it| !is_own(it) && is_silent(it));
            others.filter(|it| !told.is_left_over(&it.1.id)).collect()
        }
        ("deleted", Some(version)) if version.on_delete != Retire::Keep => {
            let own = images.filter(|it| is_own(it) && is_silent(it));
            own.filter(|it| !is_earlier(it)).collect()
        }
        // What its last attempt has begun is cleaned up.
        ("cancelled" | "failed", _) if !is_unseen => images
            .filter(|it| is_own(it) && it.1.state != "failed")
            .filter(|it| !orphans.contains(&it.1.id) && !previous.contains(&it.1.id))
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether a status says why an AMI stays: what became of it when it was last to go, that it is given up, or that people know of
/// what keeps it for many versions.
fn is_answered(status: &Value, id: &str) -> bool {
    let said = [&status["retired"], &status["forgotten"]["images"]];
    let mut said = said.into_iter().filter_map(Value::as_array).flatten();
    let previous = status["previous"].as_array().into_iter().flatten();
    let images = previous.filter_map(|version| version["regions"].as_object());
    let mut images = images.flat_map(|regions| regions.values());
    said.any(|it| text(it, "/image") == id)
        || images.any(|it| text(it, "/image") == id && !it["retiring"]["told"].is_null())
}

/// Whether an email says that an AMI of an earlier version is kept.
fn is_told_as_kept(played: &Played, region: &str, id: &str) -> bool {
    let named = format!("{id} in {region}");
    let emails = played.stack.emails();
    let mut lines = emails.iter().flat_map(|email| email.text.lines());
    lines.any(|line| says_kept(line) && line.contains(&named))
}

/// Of each AMI that nobody wants any more an email says what became of it, whatever that is.
fn check_retired(played: &Played, wrong: &mut Vec<String>) {
    let (emails, told) = (played.stack.emails(), Told::by(played));
    for (image, outcome) in played.monitor.outcomes() {
        let words = match outcome.as_str() {
            "gone" => "was deregistered by somebody else before",
            outcome => outcome,
        };
        let words = format!("{image} {words}");
        // What had to go first, and stays, is told with the version that was to take its place.
        let is_told_otherwise = outcome == "kept" && regions().any(|it| told.stayed(it, &image));
        if !emails.iter().any(|email| email.text.contains(&words)) && !is_told_otherwise {
            wrong.push(format!("no email says that {image} is {outcome}"));
        }
    }
}

/// Whatever becomes of a manifest and its status meanwhile: people are told of each AMI that a function has deregistered, or has
/// deprecated and left so, because it is not wanted any more.
fn check_retired_by_functions(
    played: &Played,
    statuses: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) {
    let told = Told::by(played);
    for ((region, id), words) in played.monitor.retired_by_functions() {
        let mut images = played.stack.world.ec2().images(&region).into_iter();
        let image = images.find(|it| it.id == id);
        // What was deprecated may have been taken back, or have gone since, which is told by itself.
        let is_left = image.is_some_and(|it| it.deprecation_time.is_some());
        let has = |it: &Value| text(it, "/state") != "deleted" && own_images(it).contains(&id);
        let is_over = words == DEPRECATED
            && (!is_left || statuses.values().any(has) || told.may_be_deprecated(&region, &id));
        if !is_over && !told.says(&id, words) {
            let what = format!("a function has retired {id} in {region}, and no email says");
            wrong.push(format!("{what} {}", words.join(" or ")));
        }
    }
}

/// What the imports of an image have made that was cancelled or failed is deleted, or its status says why not.
fn check_tasks(played: &Played, statuses: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    let told = Told::by(played);
    let snapshots = played.stack.world.ec2().snapshots(REGION);
    for (key, status) in statuses {
        if !["cancelled", "failed"].contains(&text(status, "/state")) {
            continue;
        }
        let orphans = status["build"]["orphans"].to_string();
        // All of it is kept.
        if text(status, "/build/failure/kind") == "image-disabled" {
            continue;
        }
        // Then its email names what is known of them.
        if orphans.contains(Orphan::UNSEEN) {
            continue;
        }
        let tasks = status["build"]["tasks"].as_array().into_iter().flatten();
        let tasks = tasks.map(|it| text(it, "/id"));
        for task in tasks.filter(|it| !told.is_task_left(it)) {
            // EC2 says in words whose it is.
            let is_of_task = |text: &str| text.ends_with(&format!(" for {task}"));
            let mut made = snapshots.iter().filter(|it| is_of_task(&it.description));
            let is_unknown =
                |it: &Snapshot| !orphans.contains(&it.id) && !is_made_after_failing(played, it);
            if let Some(snapshot) = made.find(|it| is_unknown(it)) {
                let id = &snapshot.id;
                wrong.push(format!(
                    "{key}: {id} of {task} is left, and no status says why: {status:#}"
                ));
            }
        }
    }
}

/// Whoever had an AMI with its snapshots does not keep them once it is gone, unless people were told.
fn check_shares(played: &Played, wrong: &mut Vec<String>) {
    let told = Told::by(played);
    for region in regions() {
        let ec2 = played.stack.world.ec2();
        let images = ec2.images(region);
        let used: BTreeSet<&String> = images.iter().flat_map(Image::snapshot_ids).collect();
        let is_left_by_hand = |id: &str| {
            let mut users = played.monitor.users(region, id).into_iter();
            users.any(|image| played.is_deregistered_by_hand(region, image))
        };
        for snapshot in played.snapshots(region) {
            let (id, readers) = (&snapshot.id, &snapshot.create_volume_permissions);
            let is_ours = !played.snapshots_before.contains(id);
            let is_told = |it: &Permission| told.stays_shared(played, (region, id), it);
            if is_ours && !readers.iter().all(is_told) && !used.contains(id) && !is_left_by_hand(id)
            {
                wrong.push(format!(
                    "{id} in {region} has no AMI, and {readers:?} have it"
                ));
            }
        }
    }
}

/// Nobody asks to cancel, or to try again, in vain, and without a word.
fn check_requests(played: &Played, statuses: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    for key in played.monitor.cancelled_unheard() {
        let status = statuses.get(&key).unwrap_or(&Value::Null);
        if status["cancel"].is_null() {
            wrong.push(format!(
                "{key} was to be cancelled, and nothing says so: {status:#}"
            ));
        }
    }
    for (key, asked_at) in played.monitor.retried_unheard() {
        // A request about a version that is not the last one need not be answered.
        let uploaded_at = played.monitor.uploaded_at(&played.stack, &key);
        let is_of_last = played.manifests.contains_key(key.as_str())
            && uploaded_at.is_some_and(|at| at.as_second() < asked_at.as_second());
        if is_of_last && let Some(status) = statuses.get(&key) {
            wrong.push(format!(
                "{key} was to be tried again, and nothing says so: {status:#}"
            ));
        }
    }
    for (key, status) in statuses {
        if !status["retry"].is_null() {
            wrong.push(format!("{key} was to be tried again, and was not"));
        }
        let uploaded_at = played.monitor.uploaded_at(&played.stack, key);
        // S3 tells whole seconds.
        let uploaded_at = uploaded_at.map(|at| at.as_second());
        let asked_at = played.monitor.cancelled_at(key).map(|at| at.as_second());
        let is_later = asked_at.is_some_and(|asked_at| uploaded_at > Some(asked_at));
        let is_again = text(status, "/cancel/by") == "manifest-removed" || is_later;
        let is_there = played.manifests.contains_key(key.as_str());
        if text(status, "/state") == "cancelled" && is_there && is_again {
            wrong.push(format!(
                "{key} was uploaded again after it was cancelled: {status:#}"
            ));
        }
    }
}

/// A parameter that somebody has set keeps its value, unless a manifest may take it over.
fn check_parameters(played: &Played, statuses: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    // Written over in the moment between reading and writing: that cannot be prevented, and is told.
    let is_overwritten = |region: &str, name: &str| {
        let all = statuses.values();
        let mut known = all.flat_map(|it| {
            it["release"]["parameters"]
                .as_object()
                .into_iter()
                .flatten()
        });
        known.any(|(id, it)| {
            id.starts_with(region) && id.ends_with(name) && !it["overwritten"].is_null()
        })
    };
    for (region, name) in &played.edited_parameters {
        let stacks = || std::iter::once(played).chain(played.beside.as_deref());
        let may_be_taken = KEYS.iter().any(|key| {
            let versions = stacks().flat_map(|it| it.monitor.versions(&it.stack, key));
            let mut naming = versions.filter(|it| it.parameters(key).contains(name));
            naming.any(|version| version.take_over)
        });
        let value = played.stack.world.ssm().parameter(region, name);
        if !may_be_taken && !is_overwritten(region, name) && value.as_deref() != Some(OTHER) {
            let what = format!("{name} in {region} was set by hand, and is {value:?} now");
            wrong.push(format!("{what}; manifests are {:?}", KEYS.map(short)));
        }
    }
}
