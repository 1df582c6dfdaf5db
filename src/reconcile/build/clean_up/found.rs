//! What is there of what was made for an image, and what of it EC2's own record proves to be ours.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::deleting::Deletable;
use crate::image::observed::{ObservedImage, ObservedSnapshot};
use crate::image::ownership;
use crate::image::plan::AVAILABLE_FOR_GOOD;
use crate::image::publish::has_failed;
use crate::image::task::{Phase, Task, TaskKind};
use crate::image::words::SourceKind;
use crate::limits;
use crate::reconcile::build::proven;
use crate::reconcile::context::Error;
use crate::reconcile::step_context::StepContext;
use crate::reconcile::{lookup, proof};

/// What is there of what was made for the image.
#[derive(Default)]
pub(super) struct Found {
    /// Whether EC2 shows that a later attempt has made something. Then the status is not that of the last attempt, and
    /// what has the tags that it names is an earlier version's, which is kept.
    is_outdated: bool,
    /// What is proven to be ours, in the order in which it can be deleted: a snapshot or a bundle of an AMI is in use.
    pub(super) ours: Vec<Deletable>,
    /// The snapshots of the AMIs of ours, as EC2 shows those.
    pub(super) parts: BTreeSet<String>,
    /// The AMIs of ours that have failed: EC2 may have taken back what it had made for them.
    pub(super) failed: BTreeSet<String>,
    /// The AMIs of earlier attempts of this version that have failed.
    failed_before: BTreeSet<String>,
    /// The AMIs of ours that have been available for too long to be what an attempt has left.
    pub(super) for_long: Vec<String>,
    /// The ids of what the status, or a description, names and nothing proves to be ours.
    pub(super) unproven: Vec<String>,
}

pub(super) async fn find(step: &StepContext<'_>) -> Result<Found, Error> {
    let mut found = Found::default();
    images(step, &mut found).await?;
    // An AMI that cannot be deregistered keeps what it is made of.
    if found
        .ours
        .iter()
        .any(|it| matches!(it, Deletable::Image(id) if is_orphan(step, id)))
    {
        found.ours.clear();
        return Ok(found);
    }
    snapshots(step, &mut found).await?;
    found.ours.extend(bundle(step).await?);
    keep_earlier(step, &mut found);
    Ok(found)
}

/// What may be an earlier version's is not deleted, whatever attempt the status calls its own: it is reported.
fn keep_earlier(step: &StepContext<'_>, found: &mut Found) {
    let is_earlier = |it: &Deletable| {
        let is_previous = |what: &str| ownership::is_previous(step.status, what);
        let is_previous = match it {
            Deletable::Image(id) => is_previous(id) && !found.failed_before.contains(id),
            Deletable::Snapshot(id) => is_previous(id),
            Deletable::Objects(prefix) => is_previous(&format!("{prefix}manifest.xml")),
        };
        found.is_outdated || is_previous
    };
    let all = found.ours.iter().cloned();
    let (earlier, ours): (Vec<_>, Vec<_>) = all.partition(is_earlier);
    found.ours = ours;
    let earlier = earlier.iter().map(|it| it.name(step));
    found.unproven.extend(earlier);
}

async fn images(step: &StepContext<'_>, found: &mut Found) -> Result<(), Error> {
    let tags = ownership::creation_tags(step.status);
    let is_tagged = |image: &ObservedImage| ownership::has_tags(&image.tags, &tags);
    let mut ours = lookup::tagged(step.context, step.status).await?;
    let is_later = |image: &ObservedImage| ownership::is_later_attempt(step.status, &image.tags);
    found.is_outdated |= ours.iter().any(is_later);
    // The next attempt would take it for its own.
    let failed_before = ours.iter().filter(|it| has_failed_before(step, it));
    found.failed_before = failed_before.map(|it| it.id.clone()).collect();
    ours.retain(|it| is_tagged(it) || found.failed_before.contains(&it.id));
    for task in imports(step, &[TaskKind::ImportImage]) {
        let known: Vec<&String> = ours.iter().map(|image| &image.id).collect();
        let named = task.image.iter().filter(|id| !known.contains(id));
        let named: Vec<String> = named.cloned().collect();
        let mut seen = by_id_or_name(step, task, named.clone()).await?;
        let shown = seen.iter().map(|image| image.id.as_str()).collect();
        found.unproven.extend(hidden(step, task, &named, &shown));
        seen.retain(|image| !is_orphan(step, &image.id) && !known.contains(&&image.id));
        let (tagged, untagged): (Vec<_>, Vec<_>) = seen.into_iter().partition(is_tagged);
        ours.extend(tagged);
        if untagged.is_empty() {
            continue;
        }
        let proof = proven::task(step, task).await?;
        let is_named = |image: &ObservedImage| {
            let named = proof.as_ref().and_then(|task| task.image.as_ref());
            named == Some(&image.id)
        };
        let (proven, unproven): (Vec<_>, Vec<_>) = untagged.into_iter().partition(is_named);
        tag(step, &tags, proven.iter().map(|image| image.id.clone())).await?;
        ours.extend(proven);
        found.unproven.extend(unproven.into_iter().map(|it| it.id));
    }
    ours.retain(|image| image.state != "deregistered");
    let failed = ours.iter().filter(|it| has_failed(&it.state));
    found.failed = failed.map(|it| it.id.clone()).collect();
    found.parts = ours.iter().flat_map(|it| it.snapshots.clone()).collect();
    let for_long = ours.iter().filter(|it| may_be_in_use(it, step.now()));
    found.for_long = for_long.map(|image| image.id.clone()).collect();
    let ids = sorted(ours.into_iter().map(|image| image.id));
    found.ours.extend(ids.into_iter().map(Deletable::Image));
    Ok(())
}

/// Whether an earlier attempt of this version has made this AMI, and it failed before it was ever available: nobody can use it.
fn has_failed_before(step: &StepContext<'_>, image: &ObservedImage) -> bool {
    let version = ownership::ownership_tags(step.status);
    let earlier = step.status.previous.iter();
    let mut known = earlier.flat_map(|version| version.regions.values());
    has_failed(&image.state)
        && ownership::has_tags(&image.tags, &version)
        && known.any(|it| it.image == image.id && has_failed(&it.image_state))
}

/// What a task that is complete has made, and EC2 does not show. Of one that failed, EC2 itself takes back what it made.
fn hidden(
    step: &StepContext<'_>,
    task: &Task,
    named: &[String],
    shown: &BTreeSet<&str>,
) -> Vec<String> {
    let is_hidden = |id: &&String| {
        task.phase() == Phase::Complete
            && !shown.contains(id.as_str())
            && !is_orphan(step, id)
            && !step.status.build.deleted.contains(id)
    };
    named.iter().filter(is_hidden).cloned().collect()
}

/// Whether it is older than what an attempt leaves, and can be, or become, what people launch.
fn may_be_in_use(image: &ObservedImage, now: Timestamp) -> bool {
    let is_old = |created_at| now.duration_since(created_at) > AVAILABLE_FOR_GOOD;
    // Whoever disabled it may enable it again.
    let is_whole = matches!(image.state.as_str(), "available" | "disabled");
    is_whole && image.created_at.is_some_and(is_old)
}

/// The AMIs with these ids. Of a task that EC2 no longer lists also the one that has its id for a name ("Import your VM
/// as an image").
async fn by_id_or_name(
    step: &StepContext<'_>,
    task: &Task,
    ids: Vec<String>,
) -> Result<Vec<ObservedImage>, Error> {
    let aws = step.aws();
    if !ids.is_empty() {
        return Ok(aws.find_images("image-id", &ids).await?);
    }
    if task.unseen_since.is_some() && task.image.is_none() {
        let name = std::slice::from_ref(&task.id);
        return Ok(aws.find_images("name", name).await?);
    }
    Ok(Vec::new())
}

async fn snapshots(step: &StepContext<'_>, found: &mut Found) -> Result<(), Error> {
    let tags = ownership::creation_tags(step.status);
    let is_tagged = |snapshot: &ObservedSnapshot| ownership::has_tags(&snapshot.tags, &tags);
    let mut ours = lookup::tagged_snapshots(step.context, step.status).await?;
    let is_later =
        |snapshot: &ObservedSnapshot| ownership::is_later_attempt(step.status, &snapshot.tags);
    found.is_outdated |= ours.iter().any(is_later);
    ours.retain(is_tagged);
    for task in imports(step, &[TaskKind::ImportSnapshot, TaskKind::ImportImage]) {
        let known: Vec<&String> = ours.iter().map(|snapshot| &snapshot.id).collect();
        let named = task.snapshots.iter().filter(|id| !known.contains(id));
        let named: Vec<String> = named.cloned().collect();
        let mut seen = by_id_or_description(step, task, named.clone()).await?;
        let shown = seen.iter().map(|snapshot| snapshot.id.as_str()).collect();
        found.unproven.extend(hidden(step, task, &named, &shown));
        seen.retain(|snapshot| !is_orphan(step, &snapshot.id) && !known.contains(&&snapshot.id));
        let (tagged, untagged): (Vec<_>, Vec<_>) = seen.into_iter().partition(is_tagged);
        ours.extend(tagged);
        if untagged.is_empty() {
            continue;
        }
        let proof = proven::task(step, task).await?;
        let is_named = |snapshot: &ObservedSnapshot| {
            let task = proof.as_ref();
            task.is_some_and(|task| task.snapshots.contains(&snapshot.id))
        };
        let (proven, unproven): (Vec<_>, Vec<_>) = untagged.into_iter().partition(is_named);
        tag(step, &tags, proven.iter().map(|it| it.id.clone())).await?;
        ours.extend(proven);
        found.unproven.extend(unproven.into_iter().map(|it| it.id));
    }
    let ids = sorted(ours.into_iter().map(|snapshot| snapshot.id));
    found.ours.extend(ids.into_iter().map(Deletable::Snapshot));
    Ok(())
}

/// The snapshots with these ids. Of a task that EC2 no longer lists also those that name it ("Created by AWS-VMImport
/// service for …").
async fn by_id_or_description(
    step: &StepContext<'_>,
    task: &Task,
    ids: Vec<String>,
) -> Result<Vec<ObservedSnapshot>, Error> {
    let aws = step.aws();
    if !ids.is_empty() {
        return Ok(aws.find_snapshots("snapshot-id", &ids).await?);
    }
    if task.unseen_since.is_some() && task.snapshots.is_empty() {
        let made_by = format!("Created by AWS-VMImport service for {}", task.id);
        return Ok(aws.find_snapshots("description", &[made_by]).await?);
    }
    Ok(Vec::new())
}

/// The tasks of these kinds. What they made has no tags yet if it did not end well.
pub(super) fn imports<'a>(
    step: &StepContext<'a>,
    kinds: &'a [TaskKind],
) -> impl Iterator<Item = &'a Task> + use<'a> {
    let tasks = step.status.build.tasks.iter();
    tasks.filter(|task| kinds.contains(&task.kind))
}

/// Tags what an import made before it is deleted: the functions may delete only what has the tags (template.yaml).
async fn tag(
    step: &StepContext<'_>,
    tags: &BTreeMap<String, String>,
    ids: impl Iterator<Item = String>,
) -> Result<(), Error> {
    let ids: Vec<String> = ids.collect();
    if !ids.is_empty() {
        step.aws().create_tags(&ids, tags).await?;
    }
    Ok(())
}

async fn bundle(step: &StepContext<'_>) -> Result<Option<Deletable>, Error> {
    if step.status.build.source != Some(SourceKind::Instance) {
        return Ok(None);
    }
    let prefix = format!("{}.", proof::bundle_prefix(step.status));
    let bucket = &step.config().state_bucket;
    let objects = step
        .aws()
        .list_objects(bucket, &prefix, limits::BUNDLE_OBJECTS)
        .await?;
    Ok((!objects.is_empty()).then_some(Deletable::Objects(prefix)))
}

/// Whether it could not be deleted, and is reported.
pub(super) fn is_orphan(step: &StepContext<'_>, name: &str) -> bool {
    let orphans = &step.status.build.orphans;
    orphans.iter().any(|orphan| orphan.what == name)
}

pub(super) fn sorted(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids.dedup();
    ids
}
