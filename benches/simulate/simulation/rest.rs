//! What must be so once everything rests, by looking at the world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiwright::image::observed::ObservedImage;
use amiwright::image::status::Grantee;
use amiwright::keys;
use localaws::ec2::Snapshot;
use serde_json::Value;

use super::manifest::key as manifest_key;
use super::monitor::own_images;
use super::play::Played;
use super::script::{Event, Manifest, STRANGER};
use super::setting::regions;
use super::told::Told;
use super::{bundles, disowned, lost, orphans, others, settled, source_shares, text, unwanted};
use crate::support::{REGION, changes_since};

/// What is wrong with the world at rest, and with what more time does to it.
pub(super) async fn check(played: &Played) -> Vec<String> {
    let mut wrong = Vec::new();
    let statuses = played.statuses().await;
    for (key, status) in &statuses {
        check_status(played, key, status, &mut wrong);
    }
    for (key, manifest) in &played.manifests {
        match statuses.get(*key) {
            Some(status) => settled::check(played, (key, manifest), status, &mut wrong).await,
            None => wrong.push(format!("{key} has no status")),
        }
    }
    played.monitor.ended(&statuses);
    check_invocations(played, &mut wrong);
    check_removed(played, &statuses, &mut wrong);
    check_once(played, &mut wrong).await;
    check_nothing_is_lost(played, &statuses, &mut wrong).await;
    unwanted::check(played, &statuses, &mut wrong).await;
    bundles::check(played, &statuses, &mut wrong).await;
    disowned::check(played, &statuses, &mut wrong);
    orphans::check(played, &mut wrong);
    others::check(played, &statuses, &mut wrong);
    source_shares::check(played, &statuses, &mut wrong);
    check_told(played, &mut wrong);
    check_strangers(played, &mut wrong).await;
    for prefix in [keys::OPEN, keys::DUE_MARKERS] {
        for marker in played.stack.state_keys(prefix).await {
            wrong.push(format!("{marker} is left"));
        }
    }
    if wrong.is_empty() {
        check_nothing_changes(played, &mut wrong).await;
    }
    if wrong.is_empty() {
        lost::check(played, &mut wrong).await;
    }
    wrong
}

/// All that people read, as it was received.
pub(super) fn emails(played: &Played) -> Vec<String> {
    let emails = played.stack.emails().into_iter();
    emails
        .map(|email| format!("{}\n{}", email.subject, email.text))
        .collect()
}

/// Everything that could change.
#[derive(Debug, Clone, PartialEq)]
struct Rest {
    images: Vec<(&'static str, String)>,
    statuses: BTreeMap<String, Value>,
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
                if let Some(region) = region.1.as_object_mut() {
                    region.remove("verifiedAt");
                }
            }
        }
        rest
    }

    /// Where this differs from how it was before.
    fn difference(&self, before: &Self) -> Option<String> {
        if self == before {
            return None;
        }
        let changed = self.statuses.iter();
        let changed = changed.filter(|(key, status)| before.statuses.get(*key) != Some(status));
        let changed: Vec<_> = changed
            .map(|(key, status)| {
                format!("{key}: {status:#}\nbefore: {:#?}", before.statuses.get(key))
            })
            .collect();
        Some(format!(
            "{} changes, {} writes, {} emails; {}",
            self.changes - before.changes,
            self.writes - before.writes,
            self.emails - before.emails,
            changed.join("\n")
        ))
    }
}

/// More time, one more sweep and one more audit change nothing.
async fn check_nothing_changes(played: &Played, wrong: &mut Vec<String>) {
    let before = Rest::of(played).await;
    let minutes = Duration::from_secs(40 * 60);
    played.stack.world.run_for(minutes).await;
    let after = Rest::of(played).await;
    // The schedule's own audit may have come by.
    let seen = after.but_when_seen();
    if let Some(what) = seen.difference(&before.but_when_seen()) {
        return wrong.push(format!("more time changes something: {what}"));
    }
    played.audited().await;
    let audited = Rest::of(played).await.but_when_seen();
    if let Some(what) = audited.difference(&after.but_when_seen()) {
        wrong.push(format!("one more audit changes something: {what}"));
    }
}

/// A status says how its image has ended, why, and that somebody was told.
fn check_status(played: &Played, key: &str, status: &Value, wrong: &mut Vec<String>) {
    let state = text(status, "/state");
    let mut say = |what: &str| wrong.push(format!("{key} {what}: {status:#}"));
    if state == "working" {
        say("has not ended");
    }
    let notices = status["notices"].as_array().map_or(&[][..], Vec::as_slice);
    if notices.iter().any(|notice| !notice["sentAt"].is_string()) {
        say("has a notice that was not sent");
    }
    // Nobody need know of a manifest that goes before anything was made of it, or of a bundle that has one.
    if notices.is_empty() && !["deleted", "superseded", "cancelled"].contains(&state) {
        say("ended without a word");
    }
    let emails = played.stack.emails();
    // What comes before a history is forgotten.
    if state == "available" && key != "stored.image.yaml" {
        for image in own_images(status) {
            if !emails.iter().any(|email| email.text.contains(&image)) {
                say(&format!("is available, and no email names {image}"));
            }
        }
    }
    let kinds = played.monitor.notices();
    let prefix = format!("s3://{}/{key}#", played.stack.bucket);
    let mut kinds = kinds.iter().filter(|(id, _)| id.starts_with(&prefix));
    if !status["drift"].is_null() && !kinds.any(|(_, kind)| kind == "drifted") {
        say("differs from its manifest, and nobody was told");
    }
    let has = |pointer: &str| status.pointer(pointer).is_some_and(|it| !it.is_null());
    let conditions = status["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let is_explained = match state {
        "failed" => has("/build/failure"),
        "rejected" => has("/problems/0"),
        "cancelled" => has("/cancel") || has("/build/ending"),
        "incomplete" => conditions.any(|it| it["status"] == "false" && it["reason"].is_string()),
        _ => true,
    };
    if !is_explained {
        say("does not say why");
    }
    let is_for_bundle = key.ends_with(".manifest.xml");
    let was_dropped = played.script.moves.iter().any(|it| match &it.event {
        Event::Drop { key: at, .. } => manifest_key(*at) == key,
        _ => false,
    });
    if !was_dropped && !is_for_bundle && key != "stored.image.yaml" {
        say("is about a manifest that nobody dropped");
    }
}

/// Whatever happened, no function has panicked.
fn check_invocations(played: &Played, wrong: &mut Vec<String>) {
    for invocation in played.stack.world.invocations() {
        if let Err(error) = invocation.outcome
            && error.kind == "Panic"
        {
            wrong.push(format!("{} {}", invocation.function, error.message));
        }
    }
}

/// What nobody wants any more is not there, if its manifest said so, or its status says why.
fn check_removed(played: &Played, statuses: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    for (key, status) in statuses {
        let is_there = played.manifests.contains_key(key.as_str());
        let state = text(status, "/state");
        let is_ended = ["deleted", "cancelled", "failed", "rejected", "superseded"];
        let is_ours = key.ends_with(".image.yaml") || key.ends_with(".image.yml");
        if !is_there && is_ours && key != "stored.image.yaml" && !is_ended.contains(&state) {
            wrong.push(format!(
                "{key} is gone and its image is {state}: {status:#}"
            ));
        }
    }
}

/// One AMI of each version in each Region.
async fn check_once(played: &Played, wrong: &mut Vec<String>) {
    for region in regions() {
        let mut seen = BTreeSet::new();
        for image in played.ours(region).await {
            let tag = |name: &str| image.tags.get(name).cloned().unwrap_or_default();
            let version = (tag("amiwright:manifest"), tag("amiwright:digest"));
            if image.state != "failed" && !seen.insert(version) {
                wrong.push(format!("two AMIs of one version in {region}: {image:#?}"));
            }
        }
    }
}

/// Nothing that was made is unknown to every status.
async fn check_nothing_is_lost(
    played: &Played,
    statuses: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) {
    // What a retired AMI leaves is the user's: its email told, and the status forgets it in time.
    let told = Told::by(played);
    let known: String = statuses.values().map(known).collect();
    for region in regions() {
        let (mut used, mut there) = (BTreeSet::new(), BTreeSet::new());
        let is_told = |id: &str| told.stays(region, id);
        for image in played.ours(region).await {
            let manifest = image.tags.get("amiwright:manifest");
            let made = manifest.zip(image.created_at);
            let is_copy = made.is_some_and(|(it, at)| told.may_be_copied(it, region, at));
            if !known.contains(&image.id) && !is_told(&image.id) && !is_copy {
                wrong.push(format!(
                    "{region}: no status names {image:#?}\n{statuses:#?}"
                ));
            }
            used.extend(image.snapshots);
            there.insert(image.id);
        }
        // What has lost its tags is nobody's here, and its snapshots go with it.
        for image in played.stack.world.ec2().images(region) {
            if played.monitor.is_disowned(region, &image.id) {
                used.extend(image.snapshot_ids().cloned());
            }
        }
        for snapshot in played.snapshots(region) {
            // While a copy is made, only the snapshot says of which AMI it is.
            let copied = snapshot
                .description
                .strip_prefix("Copied for DestinationAmi ");
            let copy = copied.and_then(|it| it.split(' ').next());
            let is_left_by_hand =
                |image: &str| played.is_deregistered_by_hand(region, image.to_owned());
            let task = snapshot.description.rsplit_once(" for ");
            let is_of_left = task.is_some_and(|(_, it)| told.is_task_left(it));
            let is_known = used.contains(&snapshot.id)
                || is_of_left
                || is_made_after_failing(played, &snapshot)
                || copy.is_some_and(|image| there.contains(image) || is_left_by_hand(image))
                || known.contains(&snapshot.id)
                || is_told(&snapshot.id)
                || played.snapshots_before.contains(&snapshot.id);
            if !is_known {
                let what = format!("neither a status nor an email names {snapshot:#?}");
                wrong.push(format!("{region}: {what}\n{statuses:#?}"));
            }
        }
    }
}

/// What a status says is there, without what it only tells of the past.
fn known(status: &Value) -> String {
    let mut status = status.clone();
    let mut forget = |of: &str, what: &str| {
        let known = status.pointer_mut(of).and_then(Value::as_object_mut);
        known.and_then(|it| it.remove(what))
    };
    for what in ["history", "changes", "notices"] {
        let _past = forget("", what);
    }
    let _deleted = forget("/build", "deleted");
    let retired = status["retired"].as_array_mut().into_iter().flatten();
    for it in retired.filter_map(Value::as_object_mut) {
        let is_gone = ["deregistered", "gone"]
            .iter()
            .any(|gone| it["outcome"] == *gone);
        it.retain(|what, _| what != "deleted" && !(is_gone && what == "image"));
    }
    status.to_string()
}

/// Whether an import has made this that EC2 had shown as failed, and which went on in truth.
pub(super) fn is_made_after_failing(played: &Played, snapshot: &Snapshot) -> bool {
    let task = snapshot.description.rsplit_once(" for ");
    task.is_some_and(|(_, task)| played.monitor.was_shown_as_failed(task))
}

/// Every notice that was ever recorded has been published.
fn check_told(played: &Played, wrong: &mut Vec<String>) {
    let mut told = BTreeSet::new();
    for published in played.stack.world.sns().published() {
        let bodies: Value = serde_json::from_str(&published.message).unwrap();
        let notice: Value = serde_json::from_str(text(&bodies, "/default")).unwrap();
        told.insert(text(&notice, "/id").to_owned());
    }
    for (id, kind) in played.monitor.notices() {
        if !told.contains(&id) {
            wrong.push(format!("{id} ({kind}) was recorded and never published"));
        }
    }
}

/// What somebody granted by hand stays, unless its manifest said that nobody else may have it.
async fn check_strangers(played: &Played, wrong: &mut Vec<String>) {
    for ((region, id), edits) in &played.edited {
        let ends = ["Revoke", "Disable"];
        let is_ended = ends.iter().any(|it| edits.contains(*it));
        let is_lasting = edits.contains("Grant") && !is_ended;
        let images = played.ours(region).await;
        let Some(image) = images.iter().find(|image| image.id == *id && is_lasting) else {
            continue;
        };
        let of = |key: &str| image.tags["amiwright:manifest"].ends_with(&format!("/{key}"));
        if played.was_exact.iter().any(|key| of(key)) {
            continue;
        }
        let aws = played.stack.aws().in_region(region);
        let granted = aws.launch_permissions(id).await.unwrap();
        if !granted.contains(&Grantee::Account(STRANGER.to_owned())) {
            let what = format!("{id} in {region} was shared by hand and is so no more");
            wrong.push(format!("{what}: {granted:?}"));
        }
    }
}

/// The AMI of a version in a Region, by its tags.
pub(super) fn of_version<'a>(
    images: &'a [ObservedImage],
    key: &str,
    status: &Value,
) -> Vec<&'a ObservedImage> {
    let build = status["build"]["digest"].as_str();
    let is_of_version = |it: &&ObservedImage| {
        it.tags["amiwright:manifest"].ends_with(&format!("/{key}"))
            && it.tags.get("amiwright:digest").map(String::as_str) == build
    };
    images.iter().filter(is_of_version).collect()
}

/// The Regions in which a manifest wants an AMI.
pub(super) fn wanted_regions(manifest: &Manifest) -> impl Iterator<Item = &'static str> {
    std::iter::once(REGION).chain(manifest.copies().map(|(region, _)| region))
}
