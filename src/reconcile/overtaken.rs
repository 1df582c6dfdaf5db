//! The manifest of an AMI that is about to be published or stored, or to replace others, was uploaded with other settings while
//! the AMI was made: those count. What was public for a minute, or was deregistered, cannot be taken back.

use super::arrival::{Change, compare, manifest_version};
use super::context::{Context, Error};
use super::draft::Draft;
use super::manifest_reader::ManifestReader;
use crate::image::apply::{note_repetition, republish};
use crate::image::plan::{self, Next};
use crate::image::words::Step;

/// Takes over the settings that are at the manifest's key now, if only those are other ones than the status is about.
/// Another version comes after this one. Returns whether the status was changed.
pub(super) async fn follow(
    context: Context<'_>,
    draft: &mut Draft,
    manifest: &mut ManifestReader<'_>,
) -> Result<bool, Error> {
    let status = &draft.status;
    let next = plan::next(status, context.now);
    let applies = match next {
        Next::Do(Step::Publish) => true,
        // What EC2 was asked to store cannot be cancelled.
        Next::Do(Step::StoreImage) => {
            let mut store = status.store.iter();
            store.all(|it| it.asked_at.is_none())
        }
        // Whoever waits for a cooldown reads no manifest.
        Next::Do(Step::Retire) => !status.is_removed() && !status.is_cooling_down(context.now),
        _ => false,
    };
    if !applies {
        return Ok(false);
    }
    let Some(object) = manifest.overtaken(context, status).await? else {
        return Ok(false);
    };
    let upload = manifest_version(context.config, &object);
    match compare(context, &object, status, &upload).await? {
        Change::Version => return Ok(false),
        Change::Settings(publishing) => {
            republish(&mut draft.status, upload, publishing, context.now);
        }
        Change::None => note_repetition(&mut draft.status, upload),
    }
    manifest.keep(object);
    draft.dirty = true;
    Ok(true)
}
