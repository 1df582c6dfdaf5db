//! What a failed or cancelled image leaves behind. Removed is only what ownership tags or the prefix prove to be ours:
//! AMIs and snapshots with the tags of this very version, those that our own import task names, and objects under the
//! prefix that EC2 was given for this attempt.

use std::collections::BTreeMap;

use super::{Context, Error, start};
use crate::aws::{AwsError, Remedy};
use crate::image::look;
use crate::image::observed::MANIFEST_TAG;
use crate::image::plan::{CLEAN_UP_GRACE, VISIBILITY_GRACE, step_exceeds};
use crate::image::status::{Left, Status, Waiting};
use crate::image::task::TaskKind;
use crate::image::transition;

/// One thing that is left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Leftover {
    Image(String),
    Snapshot(String),
    /// All objects whose keys begin so, in our own bucket.
    Objects(String),
}

impl Leftover {
    /// As it is told.
    fn name(&self, context: Context<'_>) -> String {
        match self {
            Self::Image(id) | Self::Snapshot(id) => id.clone(),
            Self::Objects(prefix) => format!("s3://{}/{prefix}*", context.config.bucket),
        }
    }
}

/// Removes what is left behind: looks, records what was found, removes it, and looks again until nothing is found.
/// Returns whether the status changed.
pub(super) async fn clean_up(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    let found = match find(context, status).await {
        Ok(found) => found,
        Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => {
            let what = "what was made for this image".to_owned();
            let why = refused.to_string();
            transition::could_not_remove(status, Left { what, why });
            transition::cleaned_up(status, context.now);
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    let is_left = |leftover: &Leftover| {
        let name = leftover.name(context);
        status.left.iter().any(|left| left.what == name)
    };
    let found: Vec<Leftover> = found.into_iter().filter(|found| !is_left(found)).collect();
    // An AMI that cannot be seen yet goes before what it is made of.
    if let Some(id) = not_seen_yet(status, &found) {
        let waiting = Waiting::new(format!("waiting until EC2 shows {id}, to deregister it"));
        if !status.has_waited(&waiting, VISIBILITY_GRACE, context.now) {
            return Ok(transition::wait(status, waiting, context.now));
        }
    }
    if found.is_empty() {
        transition::cleaned_up(status, context.now);
        return Ok(true);
    }
    let names: Vec<String> = found
        .iter()
        .map(|leftover| leftover.name(context))
        .collect();
    if transition::found_leftovers(status, &names) {
        return Ok(true);
    }
    for (at, leftover) in found.iter().enumerate() {
        if let Err(error) = remove(context, leftover).await {
            return Ok(not_removed(context, status, &found[at..], &error));
        }
    }
    // Gone for us; EC2 may still show it for a moment.
    let waiting = Waiting::new("waiting until what was removed is seen no longer");
    if status.has_waited(&waiting, VISIBILITY_GRACE, context.now) {
        transition::cleaned_up(status, context.now);
        return Ok(true);
    }
    Ok(transition::wait(status, waiting, context.now))
}

/// The AMI that EC2 has just made, if it does not show it yet. One that was looked for in vain for long is not there.
fn not_seen_yet(status: &Status, found: &[Leftover]) -> Option<String> {
    let mut made = status
        .images
        .values()
        .filter(|image| image.state == "pending" && image.unseen_since.is_none())
        .filter(|image| !status.removed.contains(&image.id))
        .filter(|image| !found.contains(&Leftover::Image(image.id.clone())));
    made.next().map(|image| image.id.clone())
}

/// What is ours and still there, in the order in which it can be removed: a snapshot or a bundle of an AMI is in use.
async fn find(context: Context<'_>, status: &Status) -> Result<Vec<Leftover>, Error> {
    let tag = format!("tag:{MANIFEST_TAG}");
    let uri = [status.manifest.uri()];
    let images = images(context, status, &tag, &uri).await?;
    // An AMI that cannot be removed keeps what it is made of.
    if images
        .iter()
        .any(|id| status.left.iter().any(|left| left.what == *id))
    {
        return Ok(Vec::new());
    }
    let mut left: Vec<Leftover> = images.into_iter().map(Leftover::Image).collect();
    left.extend(snapshots(context, status, &tag, &uri).await?);
    left.extend(bundle(context, status).await?);
    Ok(left)
}

async fn images(
    context: Context<'_>,
    status: &Status,
    tag: &str,
    uri: &[String],
) -> Result<Vec<String>, Error> {
    let tags = look::creation_tags(status);
    let mut found = context.aws.find_images(tag, uri).await?;
    found.retain(|image| look::has_tags(&image.tags, &tags));
    // An import that was cancelled has not been tagged; the task that names its AMI was started by us.
    let imports = status
        .tasks
        .iter()
        .filter(|task| task.kind == TaskKind::ImportImage);
    let imported: Vec<String> = imports.filter_map(|task| task.image.clone()).collect();
    if !imported.is_empty() {
        let imported = context.aws.find_images("image-id", &imported).await?;
        let untagged = imported
            .iter()
            .filter(|image| !look::has_tags(&image.tags, &tags));
        claim(context, &tags, untagged.map(|image| image.id.clone())).await?;
        found.extend(imported);
    }
    found.retain(|image| image.state != "deregistered");
    let mut ids: Vec<String> = found.into_iter().map(|image| image.id).collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}

async fn snapshots(
    context: Context<'_>,
    status: &Status,
    tag: &str,
    uri: &[String],
) -> Result<Vec<Leftover>, Error> {
    let tags = look::creation_tags(status);
    let mut found = context.aws.find_snapshots(tag, uri).await?;
    found.retain(|snapshot| look::has_tags(&snapshot.tags, &tags));
    // An import that did not end well has not been tagged; the task that names its snapshots was started by us.
    let imports = status
        .tasks
        .iter()
        .filter(|task| matches!(task.kind, TaskKind::ImportSnapshot | TaskKind::ImportImage));
    let imported: Vec<String> = imports.flat_map(|task| task.snapshots.clone()).collect();
    if !imported.is_empty() {
        let imported = context.aws.find_snapshots("snapshot-id", &imported).await?;
        let untagged = imported
            .iter()
            .filter(|snapshot| !look::has_tags(&snapshot.tags, &tags));
        claim(context, &tags, untagged.map(|snapshot| snapshot.id.clone())).await?;
        found.extend(imported);
    }
    let mut ids: Vec<String> = found.into_iter().map(|snapshot| snapshot.id).collect();
    ids.sort();
    ids.dedup();
    Ok(ids.into_iter().map(Leftover::Snapshot).collect())
}

/// Tags what an import made before it is removed: the functions may remove only what has the tags (template.yaml).
async fn claim(
    context: Context<'_>,
    tags: &BTreeMap<String, String>,
    ids: impl Iterator<Item = String>,
) -> Result<(), Error> {
    let ids: Vec<String> = ids.collect();
    if !ids.is_empty() {
        context.aws.create_tags(&ids, tags).await?;
    }
    Ok(())
}

async fn bundle(context: Context<'_>, status: &Status) -> Result<Option<Leftover>, Error> {
    if status.source.as_deref() != Some("instance") {
        return Ok(None);
    }
    let prefix = format!("{}.", start::bundle_prefix(context, status));
    let objects = context
        .aws
        .list_objects(&context.config.bucket, &prefix)
        .await?;
    Ok((!objects.is_empty()).then_some(Leftover::Objects(prefix)))
}

async fn remove(context: Context<'_>, leftover: &Leftover) -> Result<(), AwsError> {
    match leftover {
        Leftover::Image(id) => absent_is_fine(context.aws.deregister_image(id).await),
        Leftover::Snapshot(id) => absent_is_fine(context.aws.delete_snapshot(id).await),
        Leftover::Objects(prefix) => {
            let bucket = &context.config.bucket;
            for object in context.aws.list_objects(bucket, prefix).await? {
                context.aws.delete_object(bucket, &object.key).await?;
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

/// The first of these was not removed, the others were not tried. Some refusals pass: a snapshot is in use for a moment
/// after its AMI is gone. What does not pass is told.
fn not_removed(
    context: Context<'_>,
    status: &mut Status,
    leftovers: &[Leftover],
    error: &AwsError,
) -> bool {
    let Some((refused, untried)) = leftovers.split_first() else {
        return false;
    };
    let waiting = Waiting {
        code: error.code.clone(),
        ..Waiting::new(error.to_string())
    };
    let may_pass = match error.remedy {
        Remedy::Never => {
            error.has_code("InvalidSnapshot.InUse")
                && !status.has_waited(&waiting, VISIBILITY_GRACE, context.now)
        }
        Remedy::Later | Remedy::Ambiguous => !step_exceeds(status, CLEAN_UP_GRACE, context.now),
    };
    if may_pass {
        return start::wait_for(context, status, error);
    }
    let what = refused.name(context);
    let why = error.to_string();
    let keeps = format!("kept, because {what} could not be removed and may need it");
    transition::could_not_remove(status, Left { what, why });
    // An AMI that cannot be removed keeps what it is made of: that is not removed either, and must not be told so.
    if matches!(refused, Leftover::Image(_)) {
        for kept in untried {
            let (what, why) = (kept.name(context), keeps.clone());
            transition::could_not_remove(status, Left { what, why });
        }
    }
    true
}
