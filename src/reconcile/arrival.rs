//! What an upload of a manifest means: a new image, a new version, a new attempt, other settings, or nothing new.

use jiff::Timestamp;

use super::build::{self, bundle_is_replaced};
use super::context::{Context, Error};
use super::identity::{digest, manifest_version};
use super::manifest_reader::ManifestRead;
use super::spec::Spec;
use super::step_context::StepContext;
use crate::aws::{AwsError, Object};
use crate::image::apply::{is_rejected_for, note_repetition, open, publish_again, republish};
use crate::image::outcome::Publishing;
use crate::image::plan;
use crate::image::status::{Drift, Failure, ManifestVersion, Status};
use crate::image::words::{CancelBy, FailureKind, SourceKind, State};
use crate::manifest::key;
use crate::status_store::Loaded;

/// Whether a final status has to be reconciled again: its manifest, or the bundle that names, is another one now.
///
/// # Errors
/// If S3 does not answer, or refuses. People may know of manifests by the bucket's list alone, and that is enough.
pub(crate) async fn is_outdated(context: Context<'_>, status: &Status) -> Result<bool, AwsError> {
    let manifest = &status.manifest;
    let current = context
        .aws
        .head_or_listed_object(&manifest.bucket, &manifest.key)
        .await?;
    match current {
        // Nothing has come in its place yet.
        Some(current) if current.size == 0 => Ok(false),
        Some(_) if status.is_removed() => Ok(true),
        Some(current)
            if current.etag != manifest.etag
                || current.modified_at > manifest.last_uploaded_at()
                || is_asked_again(status, current.modified_at)
                || lacks_settings(status) =>
        {
            Ok(true)
        }
        Some(_) => bundle_is_replaced(context, status).await,
        None => Ok(false),
    }
}

/// Whether an image has ended because its manifest was missing. It may be there again under its old date, where its delete
/// marker was deleted: then nothing but the two together shows that.
pub(super) fn had_no_manifest(status: &Status) -> bool {
    let is_gone = is_failed_for(status, &FailureKind::ManifestGone) || lacks_settings(status);
    let is_cancelled = status
        .cancel
        .is_some_and(|cancel| cancel.by == CancelBy::ManifestRemoved);
    status.state.is_final() && (status.is_removed() || is_gone || is_cancelled)
}

/// Whether the manifest of an AMI was missing before all its settings were applied: they are, once it is there again.
fn lacks_settings(status: &Status) -> bool {
    status.state.is_final() && is_failed_for(status, &FailureKind::SettingsGone)
}

fn is_failed_for(status: &Status, kind: &FailureKind) -> bool {
    let failure = status.build.failure.as_ref();
    failure.is_some_and(|it| it.kind == *kind)
}

/// Whether the same content, uploaded at this time, asks for the image once more: it ended because it was removed, or
/// was cancelled before that.
fn is_asked_again(status: &Status, uploaded_at: Timestamp) -> bool {
    let cancelled = status
        .cancel
        .filter(|_| status.state == State::Cancelled)
        .is_some_and(|cancel| {
            cancel.by == CancelBy::ManifestRemoved || uploaded_at > cancel.uploaded_at
        });
    is_failed_for(status, &FailureKind::ManifestGone) || cancelled
}

/// Whether a manifest that was rejected is judged anew when it is uploaded again: it is not refused any more for what it was
/// rejected for. The stack's owner may have opened or closed something meanwhile, EC2 may say now that its sources are of
/// owners that are allowed, or another object may be there.
async fn is_judged_anew(
    context: Context<'_>,
    object: &Object,
    status: &Status,
    upload: &ManifestVersion,
) -> Result<bool, Error> {
    let is_again = upload.uploaded_at > status.manifest.last_uploaded_at();
    if !is_again || status.state != State::Rejected {
        return Ok(false);
    }
    // What is not named as a manifest is told of for each upload.
    if key::kind(&upload.key).is_none() {
        return Ok(true);
    }
    let (config, owners) = (context.config, &status.build.source_owners);
    let content = object.content.as_deref();
    let manifest = match content.map(|content| Spec::parse(upload, content, config, owners)) {
        Some(Ok(spec)) => ManifestRead::Spec(spec),
        Some(Err(problems)) => ManifestRead::Invalid(problems),
        None => ManifestRead::Unread,
    };
    let started = open(Some(status.clone()), upload.clone(), context.now);
    let step = StepContext::of_upload(context, &started, &manifest, object);
    let refusal = Box::pin(build::refusal(&step, status.build.step)).await?;
    Ok(refusal.is_none_or(|problems| !is_rejected_for(status, problems)))
}

/// What is to be done about what is at a manifest's key.
pub(super) enum Decision {
    /// Nothing new at the key.
    Continue(Box<Loaded>),
    /// Nothing is to be made; this is to be saved in place of the status with this `ETag`.
    Note(Box<Status>, String),
    /// The AMI that exists is to be changed; this is to be saved in place of the status with this `ETag`.
    Publish(Box<Status>, String),
    /// This version is to be started, in place of the status before it.
    Open(Box<Status>, Option<Box<Loaded>>),
}

/// Compares what is at the key with what is known.
pub(super) async fn decide(
    context: Context<'_>,
    object: &Object,
    before: Option<Loaded>,
) -> Result<Decision, Error> {
    let upload = manifest_version(context.config, object);
    let Some(before) = before else {
        return Ok(start(context, None, upload));
    };
    let status = &before.status;
    let is_finished = status.state.is_final() || status.build.step.retires();
    if object.info.size == 0 && is_finished && !status.manifest.is_empty() {
        // Whoever replaces the manifest has not written it yet.
        return Ok(Decision::Continue(Box::new(before)));
    }
    // What became of its AMIs, or is becoming, is no matter: it is asked for once more.
    if status.is_removed() {
        return Ok(start(context, Some(before), upload));
    }
    let same_content = status.manifest.sha256 == upload.sha256;
    // Where only others are being retired, this image is finished.
    if !is_finished {
        return unfinished(context, object, before, upload).await;
    }
    let has_image = !status.regions.is_empty();
    // What was built and is gone is built again.
    let is_gone = |drift: &Drift| drift.is_deregistered(&context.config.region);
    let failure = status.home_image().and_then(|it| it.failure.as_ref());
    let was_gone = |it: &Failure| matches!(it.kind, FailureKind::ImageDeregistered { .. });
    let is_gone = status.drift.as_ref().is_some_and(is_gone) || failure.is_some_and(was_gone);
    if status.retry.is_some() && status.is_built() && !is_gone {
        return published_again(context, object, before, upload).await;
    }
    if status.retry.is_some()
        || is_asked_again(status, upload.uploaded_at)
        || (!same_content && !has_image)
        || Box::pin(is_judged_anew(context, object, status, &upload)).await?
    {
        return Ok(start(context, Some(before), upload));
    }
    match compare(context, object, status, &upload).await? {
        Change::Version => Ok(start(context, Some(before), upload)),
        Change::Settings(publishing) if status.is_built() => {
            Ok(published(context, before, upload, publishing))
        }
        Change::Settings(_) => Ok(start(context, Some(before), upload)),
        Change::None => Ok(unchanged(before, upload)),
    }
}

/// The same of an image that is being made.
async fn unfinished(
    context: Context<'_>,
    object: &Object,
    before: Loaded,
    upload: ManifestVersion,
) -> Result<Decision, Error> {
    let status = &before.status;
    let same_content = status.manifest.sha256 == upload.sha256;
    let is_new = status.manifest.last_uploaded_at() < upload.uploaded_at;
    Ok(match (same_content, plan::may_be_superseded(status)) {
        (true, true) => unchanged(before, upload),
        (false, true) => start(context, Some(before), upload),
        // What it is made from may have been replaced: that is another version, which starts after this one.
        (true, false) if is_new => match compare(context, object, status, &upload).await? {
            Change::Version => Decision::Continue(Box::new(before)),
            Change::None | Change::Settings(_) => unchanged(before, upload),
        },
        // Its AMI is there, and has the settings of before, or is about to get them.
        (false, false) if is_new && status.is_built() => {
            match compare(context, object, status, &upload).await? {
                Change::Settings(publishing) => published(context, before, upload, publishing),
                Change::Version | Change::None => Decision::Continue(Box::new(before)),
            }
        }
        (false, false) => Decision::Continue(Box::new(before)),
        (true, false) => Decision::Continue(Box::new(before)),
    })
}

/// An operator asks to publish the AMI that exists once more: as what is at the key says by now, whose event may be lost.
async fn published_again(
    context: Context<'_>,
    object: &Object,
    mut before: Loaded,
    upload: ManifestVersion,
) -> Result<Decision, Error> {
    let status = &before.status;
    let change = match status.manifest.sha256 == upload.sha256 {
        true => Change::None,
        false => compare(context, object, status, &upload).await?,
    };
    if let Change::Version = change {
        return Ok(start(context, Some(before), upload));
    }
    publish_again(&mut before.status, context.now);
    if let Change::Settings(publishing) = change {
        return Ok(published(context, before, upload, publishing));
    }
    let Loaded { mut status, etag } = before;
    if status.manifest.sha256 != upload.sha256 {
        note_repetition(&mut status, upload);
    }
    Ok(Decision::Publish(Box::new(status), etag))
}

/// The AMI that exists is to have other settings.
fn published(
    context: Context<'_>,
    before: Loaded,
    upload: ManifestVersion,
    publishing: Publishing,
) -> Decision {
    let mut status = before.status;
    republish(&mut status, upload, publishing, context.now);
    Decision::Publish(Box::new(status), before.etag)
}

fn start(context: Context<'_>, before: Option<Loaded>, upload: ManifestVersion) -> Decision {
    let status = before.as_ref().map(|before| before.status.clone());
    Decision::Open(
        Box::new(open(status, upload, context.now)),
        before.map(Box::new),
    )
}

/// Nothing new; an upload that the status does not know of is noted, so that the sweep does not come back to it.
fn unchanged(before: Loaded, upload: ManifestVersion) -> Decision {
    if before.status.manifest.last_uploaded_at() >= upload.uploaded_at {
        return Decision::Continue(Box::new(before));
    }
    let mut status = before.status;
    note_repetition(&mut status, upload);
    Decision::Note(Box::new(status), before.etag)
}

/// What an upload changes about an image that has ended.
pub(super) enum Change {
    None,
    /// Other settings than were uploaded last.
    Settings(Publishing),
    /// It asks for another AMI.
    Version,
}

pub(super) async fn compare(
    context: Context<'_>,
    object: &Object,
    status: &Status,
    upload: &ManifestVersion,
) -> Result<Change, Error> {
    let same_content = status.manifest.sha256 == upload.sha256;
    let lacks_settings = lacks_settings(status);
    // Where nothing else identifies a version, its content does.
    let by_content = |is_same| match is_same {
        true => Ok(Change::None),
        false => Ok(Change::Version),
    };
    let known = status.manifest.publish_digest.as_deref();
    let (Some(content), Some(known)) = (object.content.as_deref(), known) else {
        // What is too large was rejected, and an older amiwright wrote no digest down.
        return by_content(same_content);
    };
    let owners = &status.build.source_owners;
    let Ok(spec) = Spec::parse(upload, content, context.config, owners) else {
        // What is not allowed any more is rejected, and told.
        return by_content(same_content && !lacks_settings);
    };
    // An upload is compared as a whole; the bundle beside an image manifest is a manifest, too, and may come alone.
    let is_upload =
        !same_content || status.manifest.last_uploaded_at() < upload.uploaded_at || lacks_settings;
    let is_bundle = spec.source_kind() == SourceKind::Bundle && status.build.bundle.is_some();
    if !is_upload && !is_bundle {
        return Ok(Change::None);
    }
    let Some(digest) = digest(context, &spec, status, upload, content).await? else {
        return by_content(same_content);
    };
    let publishing = spec.publishing();
    Ok(if status.build.digest.as_ref() != Some(&digest) {
        Change::Version
    } else if known != publishing.digest || lacks_settings {
        Change::Settings(publishing)
    } else {
        Change::None
    })
}
