//! What proves that a thing in AWS is this image's: EC2's own record, never the status. Whoever may write a status could
//! put any id there.
//!
//! A thing is proven by its ownership tags, by an import task of this attempt that EC2 lists now and that names it, or,
//! where EC2 takes no tags (bundle tasks), by the prefix that only this attempt was given. What EC2 shows without proof
//! counts as not shown.

use crate::config::Config;
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::ownership;
use crate::image::status::Status;
use crate::image::task::{Task, TaskKind};
use crate::keys;
use crate::manifest::location::s3_uri;

/// Digits of the attempt's token that go into the prefix of a bundle: it never lies over that of another version.
const VERSION_DIGITS: usize = 16;

/// What EC2 showed in this very invocation of what an image waits for, and what is proven by it: the steps that follow
/// need not ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Observed {
    Task(ObservedTask),
    Image(ObservedImage),
}

impl Observed {
    /// What this evidence shows.
    pub(super) fn of(outcome: &StepOutcome) -> Option<Self> {
        match outcome {
            StepOutcome::Advance(Evidence::TaskPolled(Some(task))) => {
                Some(Self::Task(task.clone()))
            }
            StepOutcome::Advance(Evidence::ImagePolled {
                image: Some(image), ..
            }) => Some(Self::Image((**image).clone())),
            _ => None,
        }
    }
}

/// What was polled, without what EC2 does not prove to be this image's.
pub(super) fn checked(config: &Config, status: &Status, polled: StepOutcome) -> StepOutcome {
    match polled {
        StepOutcome::Advance(Evidence::TaskPolled(Some(seen))) => {
            let last = status.build.tasks.last();
            let is_own = last.is_some_and(|task| is_own_task(config, status, task, &seen));
            StepOutcome::Advance(Evidence::TaskPolled(is_own.then_some(seen)))
        }
        StepOutcome::Advance(Evidence::ImagePolled { region, image }) => {
            let image = image.filter(|image| is_own_image(status, image));
            StepOutcome::Advance(Evidence::ImagePolled { region, image })
        }
        polled => polled,
    }
}

/// Whether EC2 shows this task as the status' own.
pub(super) fn is_own_task(
    config: &Config,
    status: &Status,
    task: &Task,
    seen: &ObservedTask,
) -> bool {
    seen.id == task.id
        && match task.kind {
            TaskKind::ImportSnapshot | TaskKind::ImportImage => {
                ownership::has_tags(&seen.tags, &ownership::creation_tags(status))
            }
            TaskKind::BundleInstance => {
                let (bucket, key) = bundle_address(config, status);
                seen.object.as_deref() == Some(&s3_uri(&bucket, &key))
            }
            // It has neither tags nor anything else that could be changed by it: its AMI has.
            TaskKind::StoreImage => true,
            // They are seen as their AMI.
            TaskKind::CopyImage | TaskKind::RestoreImage => {
                ownership::has_tags(&seen.tags, &ownership::ownership_tags(status))
            }
        }
}

/// Whether EC2 shows this AMI as one of the status' version.
pub(super) fn is_own_image(status: &Status, image: &ObservedImage) -> bool {
    ownership::has_tags(&image.tags, &ownership::ownership_tags(status))
}

/// Where EC2 is to put the bundle of this attempt; it adds `.manifest.xml` and `.part.N`.
pub(super) fn bundle_prefix(status: &Status) -> String {
    let token = ownership::client_token(status);
    let version = token.get(..VERSION_DIGITS).unwrap_or(&token);
    keys::bundle_prefix(&status.manifest.key, version)
}

/// Bucket and key of the manifest of the bundle that EC2 makes for this attempt.
pub(super) fn bundle_address(config: &Config, status: &Status) -> (String, String) {
    let key = keys::bundle_manifest_key(&bundle_prefix(status));
    (config.state_bucket.clone(), key)
}
