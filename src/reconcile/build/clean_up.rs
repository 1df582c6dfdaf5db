//! `clean-up`: what a failed or cancelled image left in AWS. Deleted is only what ownership tags or the prefix prove to
//! be ours: AMIs and snapshots with the tags of this very attempt, those that our own import task names, and objects
//! under the prefix that EC2 was given for this attempt.

use std::collections::BTreeMap;

use super::start_task;
use crate::aws::{AwsError, Remedy};
use crate::image::observed::MANIFEST_TAG;
use crate::image::outcome::{Claim, Evidence, StepOutcome};
use crate::image::ownership;
use crate::image::plan::{CLEAN_UP_GRACE, VISIBILITY_GRACE};
use crate::image::status::Orphan;
use crate::image::task::TaskKind;
use crate::image::words::{SourceKind, WaitReason};
use crate::limits;
use crate::manifest::location::s3_uri;
use crate::reconcile::context::Error;
use crate::reconcile::step_context::{StepContext, retrying};

/// One thing that is left over.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Leftover {
    Image(String),
    Snapshot(String),
    /// All objects whose keys begin so, in the state bucket.
    Objects(String),
}

impl Leftover {
    /// As people read it.
    fn name(&self, step: &StepContext<'_>) -> String {
        match self {
            Self::Image(id) | Self::Snapshot(id) => id.clone(),
            Self::Objects(prefix) => format!("{}*", s3_uri(&step.config().state_bucket, prefix)),
        }
    }
}

/// Deletes what is left over: looks, records what was found, deletes it, and looks again until nothing is found.
pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let found = match find(&step).await {
        Ok(found) => found,
        Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => {
            let what = "what was made for this image".to_owned();
            let why = refused.to_string();
            return Ok(cleaned_up(vec![Orphan { what, why }]));
        }
        Err(error) => return Err(error),
    };
    let found: Vec<Leftover> = found
        .into_iter()
        .filter(|it| !is_orphan(&step, &it.name(&step)))
        .collect();
    // An AMI that cannot be seen yet goes before what it is made of.
    if let Some(image) = not_visible_yet(&step, &found)
        && let Some(wait) = step.wait_up_to(WaitReason::ImageNotVisible { image }, VISIBILITY_GRACE)
    {
        return Ok(wait);
    }
    if found.is_empty() {
        return Ok(cleaned_up(Vec::new()));
    }
    let names: Vec<String> = found.iter().map(|it| it.name(&step)).collect();
    if names
        .iter()
        .any(|it| !step.status.build.deleted.contains(it))
    {
        return Ok(StepOutcome::Claim(Claim::Delete(names)));
    }
    for (at, leftover) in found.iter().enumerate() {
        if let Err(error) = delete(&step, leftover).await {
            return Ok(not_deleted(&step, &found[at..], &error));
        }
    }
    // Gone for us; EC2 may still show it for a moment.
    let wait = step.wait_up_to(WaitReason::DeletionNotVisible, VISIBILITY_GRACE);
    Ok(wait.unwrap_or_else(|| cleaned_up(Vec::new())))
}

fn cleaned_up(orphans: Vec<Orphan>) -> StepOutcome {
    StepOutcome::Advance(Evidence::CleanedUp { orphans })
}

fn is_orphan(step: &StepContext<'_>, name: &str) -> bool {
    let orphans = &step.status.build.orphans;
    orphans.iter().any(|orphan| orphan.what == name)
}

/// The AMI that EC2 has just made, if it does not show it yet. One that was looked for in vain for long is not there.
fn not_visible_yet(step: &StepContext<'_>, found: &[Leftover]) -> Option<String> {
    let status = step.status;
    let is_long = |since| step.now().duration_since(since) > VISIBILITY_GRACE;
    let mut made = status
        .regions
        .values()
        .filter(|it| it.image_state == "pending" && !it.unseen_since.is_some_and(is_long))
        .filter(|it| !status.build.deleted.contains(&it.image))
        .filter(|it| !found.contains(&Leftover::Image(it.image.clone())));
    made.next().map(|it| it.image.clone())
}

/// What is ours and still there, in the order in which it can be deleted: a snapshot or a bundle of an AMI is in use.
async fn find(step: &StepContext<'_>) -> Result<Vec<Leftover>, Error> {
    let images = images(step).await?;
    // An AMI that cannot be deregistered keeps what it is made of.
    if images.iter().any(|id| is_orphan(step, id)) {
        return Ok(Vec::new());
    }
    let mut found: Vec<Leftover> = images.into_iter().map(Leftover::Image).collect();
    found.extend(snapshots(step).await?);
    found.extend(bundle(step).await?);
    Ok(found)
}

async fn images(step: &StepContext<'_>) -> Result<Vec<String>, Error> {
    let (aws, tags) = (step.aws(), ownership::creation_tags(step.status));
    let (filter, uri) = owned(step);
    let mut found = aws.find_images(&filter, &uri).await?;
    found.retain(|image| ownership::has_tags(&image.tags, &tags));
    // An import that was cancelled has not been tagged; the task that names its AMI was started by us.
    let tasks = step.status.build.tasks.iter();
    let imported: Vec<String> = tasks
        .filter(|task| task.kind == TaskKind::ImportImage)
        .filter_map(|task| task.image.clone())
        .collect();
    if !imported.is_empty() {
        let imported = aws.find_images("image-id", &imported).await?;
        let untagged = imported
            .iter()
            .filter(|image| !ownership::has_tags(&image.tags, &tags));
        tag(step, &tags, untagged.map(|image| image.id.clone())).await?;
        found.extend(imported);
    }
    found.retain(|image| image.state != "deregistered");
    Ok(sorted(found.into_iter().map(|image| image.id)))
}

async fn snapshots(step: &StepContext<'_>) -> Result<Vec<Leftover>, Error> {
    let (aws, tags) = (step.aws(), ownership::creation_tags(step.status));
    let (filter, uri) = owned(step);
    let mut found = aws.find_snapshots(&filter, &uri).await?;
    found.retain(|snapshot| ownership::has_tags(&snapshot.tags, &tags));
    // An import that did not end well has not been tagged; the task that names its snapshots was started by us.
    let tasks = step.status.build.tasks.iter();
    let imported: Vec<String> = tasks
        .filter(|task| matches!(task.kind, TaskKind::ImportSnapshot | TaskKind::ImportImage))
        .flat_map(|task| task.snapshots.clone())
        .collect();
    if !imported.is_empty() {
        let imported = aws.find_snapshots("snapshot-id", &imported).await?;
        let untagged = imported
            .iter()
            .filter(|snapshot| !ownership::has_tags(&snapshot.tags, &tags));
        tag(step, &tags, untagged.map(|snapshot| snapshot.id.clone())).await?;
        found.extend(imported);
    }
    let ids = sorted(found.into_iter().map(|snapshot| snapshot.id));
    Ok(ids.into_iter().map(Leftover::Snapshot).collect())
}

/// The filter for what has this manifest's ownership tag.
fn owned(step: &StepContext<'_>) -> (String, [String; 1]) {
    (format!("tag:{MANIFEST_TAG}"), [step.status.manifest.uri()])
}

fn sorted(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids.dedup();
    ids
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

async fn bundle(step: &StepContext<'_>) -> Result<Option<Leftover>, Error> {
    if step.status.build.source != Some(SourceKind::Instance) {
        return Ok(None);
    }
    let prefix = format!("{}.", start_task::bundle_prefix(step));
    let bucket = &step.config().state_bucket;
    let objects = step
        .aws()
        .list_objects(bucket, &prefix, limits::BUNDLE_OBJECTS)
        .await?;
    Ok((!objects.is_empty()).then_some(Leftover::Objects(prefix)))
}

async fn delete(step: &StepContext<'_>, leftover: &Leftover) -> Result<(), AwsError> {
    match leftover {
        Leftover::Image(id) => absent_is_fine(step.aws().deregister_image(id).await),
        Leftover::Snapshot(id) => absent_is_fine(step.aws().delete_snapshot(id).await),
        Leftover::Objects(prefix) => {
            let bucket = &step.config().state_bucket;
            let objects = step
                .aws()
                .list_objects(bucket, prefix, limits::BUNDLE_OBJECTS);
            for object in objects.await? {
                step.aws().delete_object(bucket, &object.key).await?;
            }
            Ok(())
        }
    }
}

fn absent_is_fine(answer: Result<(), AwsError>) -> Result<(), AwsError> {
    let gone = [
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Unavailable",
        "InvalidSnapshot.NotFound",
    ];
    match answer {
        Err(error) if gone.iter().any(|code| error.has_code(code)) => Ok(()),
        answer => answer,
    }
}

/// The first of these was not deleted, the others were not tried. Some refusals pass: a snapshot is in use for a moment
/// after its AMI is gone. What does not pass is told.
fn not_deleted(step: &StepContext<'_>, leftovers: &[Leftover], error: &AwsError) -> StepOutcome {
    let Some((refused, untried)) = leftovers.split_first() else {
        return StepOutcome::Unchanged;
    };
    let reason = retrying(error);
    let may_pass = match error.remedy {
        Remedy::Never => {
            error.has_code("InvalidSnapshot.InUse") && !step.has_waited(&reason, VISIBILITY_GRACE)
        }
        Remedy::Later | Remedy::Ambiguous => !step.status.step_exceeds(CLEAN_UP_GRACE, step.now()),
    };
    if may_pass {
        return StepOutcome::Wait(reason);
    }
    let what = refused.name(step);
    let keeps = format!("kept, because {what} could not be deleted and may need it");
    let why = error.to_string();
    let mut orphans = vec![Orphan { what, why }];
    // An AMI that cannot be deregistered keeps what it is made of: that is not deleted either, and must not be told so.
    if matches!(refused, Leftover::Image(_)) {
        orphans.extend(untried.iter().map(|kept| Orphan {
            what: kept.name(step),
            why: keeps.clone(),
        }));
    }
    StepOutcome::Advance(Evidence::NotDeleted(orphans))
}
