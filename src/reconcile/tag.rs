//! Tags on what was imported: ImportSnapshot and ImportImage tag their task, not what it makes.

use super::wanted::{self, Pinned};
use super::{Context, Error, hints, start};
use crate::aws::{Object, Remedy};
use crate::image::look;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Status, Waiting};
use crate::image::transition;

/// The tag that people and the console take for a name. An imported AMI has its task's id for one, and keeps it.
const NAME_TAG: &str = "Name";

/// Tags the snapshots and the AMI of an import. Returns whether the status changed.
pub(super) async fn tag(
    context: Context<'_>,
    status: &mut Status,
    at_hand: Option<&Object>,
) -> Result<bool, Error> {
    let Some(task) = status.tasks.last() else {
        return Ok(false);
    };
    let ids: Vec<String> = task.image.iter().chain(&task.snapshots).cloned().collect();
    // What is imported is ours whatever became of the manifest: without the tags it could not be removed.
    let mut tags = match wanted::read(context, status, at_hand).await? {
        Pinned::Wanted(wanted) => wanted.tags(status),
        Pinned::Gone | Pinned::Refused(_) => look::creation_tags(status),
    };
    if task.image.is_some()
        && let Some(name) = &status.name
    {
        tags.entry(NAME_TAG.to_owned()).or_insert(name.clone());
    }
    match context.aws.create_tags(&ids, &tags).await {
        Ok(()) => {
            transition::imported_is_tagged(status, context.now);
            Ok(true)
        }
        Err(error) => {
            let code = error.code.as_deref().unwrap_or_default();
            let waiting = Waiting {
                code: error.code.clone(),
                ..Waiting::new(error.message.clone())
            };
            // EC2's answers are eventually consistent: what a task has just made may not be found.
            let may_pass = code.ends_with(".NotFound")
                && !status.has_waited(&waiting, VISIBILITY_GRACE, context.now);
            if error.remedy == Remedy::Never && !may_pass {
                let hint = hints::for_refusal(&error);
                transition::fail(status, error.into_failure(hint), context.now);
                return Ok(true);
            }
            Ok(start::wait_for(context, status, &error))
        }
    }
}
