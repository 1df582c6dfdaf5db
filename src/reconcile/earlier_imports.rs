//! Imports that earlier attempts may have begun, of which no status is left: listed once for all images that a tick starts.
//! Polling lists by itself, after it has read the statuses: what it polls may have been begun since.

use tokio::sync::OnceCell;

use crate::aws::{Aws, AwsError};
use crate::config::Config;
use crate::image::observed::{MANIFEST_TAG, ObservedTask};
use crate::image::task::TaskKind;
use crate::manifest::location::s3_uri;

/// The imports of manifests of the stack, however they ended, as they were when the first image asked for them: an attempt of
/// which no status is left was begun before this tick.
#[derive(Debug, Default)]
pub struct EarlierImports {
    disks: Listed,
    machines: Listed,
}

/// What EC2 lists, or why it does not: the next tick asks again.
type Listed = OnceCell<Result<Vec<ObservedTask>, AwsError>>;

impl EarlierImports {
    /// The imports of one kind.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: the same for all images.
    pub(super) async fn of(
        &self,
        aws: &Aws,
        config: &Config,
        kind: TaskKind,
    ) -> Result<&[ObservedTask], AwsError> {
        let listed = match kind {
            TaskKind::ImportImage => &self.machines,
            _ => &self.disks,
        };
        let list = || async { Ok(of_stack(config, aws.list_import_tasks(kind).await?)) };
        let listed = listed.get_or_init(list).await;
        listed.as_ref().map(Vec::as_slice).map_err(AwsError::clone)
    }
}

/// Those of a manifest of the stack.
fn of_stack(config: &Config, mut tasks: Vec<ObservedTask>) -> Vec<ObservedTask> {
    let manifests = s3_uri(&config.bucket, "");
    tasks.retain(|task| {
        let manifest = task.tags.get(MANIFEST_TAG);
        manifest.is_some_and(|it| it.starts_with(&manifests))
    });
    tasks
}
