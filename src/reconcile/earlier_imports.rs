//! Imports that earlier attempts may have begun, of which no status is left: listed once for all images that an invocation starts.

use tokio::sync::OnceCell;

use crate::aws::{Aws, AwsError};
use crate::config::Config;
use crate::image::observed::{MANIFEST_TAG, ObservedTask};
use crate::image::task::{Phase, TaskKind, phase};
use crate::manifest::location::s3_uri;

/// The imports that have not come to a bad end and are of a manifest of the stack, as they were when the first image asked for
/// them: an attempt of which no status is left was begun long before.
#[derive(Debug, Default)]
pub struct EarlierImports {
    disks: OnceCell<Vec<ObservedTask>>,
    machines: OnceCell<Vec<ObservedTask>>,
}

impl EarlierImports {
    /// The imports of one kind.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: then the next image asks again.
    pub(super) async fn of(
        &self,
        aws: &Aws,
        config: &Config,
        kind: TaskKind,
    ) -> Result<&[ObservedTask], AwsError> {
        let stack = s3_uri(&config.bucket, "");
        let is_meant = |task: &ObservedTask| {
            let manifest = task.tags.get(MANIFEST_TAG);
            let is_of_stack = manifest.is_some_and(|it| it.starts_with(&stack));
            is_of_stack && matches!(phase(&task.state), Phase::Running | Phase::Complete)
        };
        let tasks = match kind {
            TaskKind::ImportImage => {
                let list = || aws.list_import_image_tasks(is_meant);
                self.machines.get_or_try_init(list).await?
            }
            _ => {
                let list = || aws.list_import_snapshot_tasks(is_meant);
                self.disks.get_or_try_init(list).await?
            }
        };
        Ok(tasks)
    }
}
