//! The manifest of an AMI that is about to be published or stored, or to replace others, was uploaded with other settings
//! while the AMI was made: those count. What was public for a minute, or was deregistered, cannot be taken back. So an AMI
//! that would replace others retires none if another version is at its key by now: that may be the one that they are of.

use super::arrival::{Change, compare};
use super::context::{Context, Error};
use super::draft::Draft;
use super::identity::manifest_version;
use super::manifest_reader::ManifestReader;
use crate::image::apply::{note_repetition, republish};
use crate::image::plan::{self, Next};
use crate::image::words::Step;

/// What is at the manifest's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// What the status is about, or another version, which comes after this one.
    AsBefore,
    /// Other settings: they were taken over.
    Settings,
    /// Another version, which comes now: what this one has not retired yet is retired by the next one, as its manifest says.
    Version,
}

/// Takes over the settings that are at the manifest's key now, if only those are other ones than the status is about.
pub(super) async fn follow(
    context: Context<'_>,
    draft: &mut Draft,
    manifest: &mut ManifestReader<'_>,
) -> Result<Followed, Error> {
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
        return Ok(Followed::AsBefore);
    }
    let Some(object) = manifest.overtaken(context, status).await? else {
        return Ok(Followed::AsBefore);
    };
    // Whoever replaces the manifest may not have written it yet.
    let is_next = next == Next::Do(Step::Retire) && object.info.size > 0;
    let upload = manifest_version(context.config, &object);
    match compare(context, &object, status, &upload).await? {
        Change::Version if is_next => return Ok(Followed::Version),
        Change::Version => return Ok(Followed::AsBefore),
        Change::Settings(publishing) => {
            republish(&mut draft.status, upload, publishing, context.now);
        }
        Change::None => note_repetition(&mut draft.status, upload),
    }
    manifest.keep(object);
    draft.dirty = true;
    Ok(Followed::Settings)
}
