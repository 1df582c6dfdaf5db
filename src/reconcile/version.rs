//! Versions of a manifest: is what is at its key new, and does it pass the checks?

use jiff::Timestamp;

use super::wanted::{self, Wanted};
use super::{Context, Error, MANIFEST_MAX, bundle, hints};
use crate::aws::Object;
use crate::config::Config;
use crate::image::status::{CancelBy, ManifestVersion, State, Status, Step};
use crate::image::{look, plan, transition};
use crate::manifest::Problem;
use crate::store::Loaded;

/// Whether a settled status is to be taken up again: its manifest, or the bundle that names, is another one now.
///
/// # Errors
/// If S3 does not answer, or refuses.
pub(crate) async fn is_outdated(context: Context<'_>, status: &Status) -> Result<bool, Error> {
    let manifest = &status.manifest;
    let current = context
        .aws
        .head_object(&manifest.bucket, &manifest.key)
        .await?;
    match current {
        Some(current)
            if current.etag != manifest.etag || is_wanted_anew(status, current.modified_at) =>
        {
            Ok(true)
        }
        Some(_) => bundle::beside_is_replaced(context, status).await,
        None => Ok(false),
    }
}

/// Whether the same content, uploaded at this time, asks for the image once more: it was given up because it was
/// removed, or cancelled before.
fn is_wanted_anew(status: &Status, uploaded_at: Timestamp) -> bool {
    let cancelled = status
        .cancel
        .filter(|_| status.state == State::Cancelled)
        .is_some_and(|cancel| {
            cancel.by == CancelBy::ManifestRemoved || uploaded_at > cancel.uploaded_at
        });
    // Where the object was refused, another one may be there now; the manifest itself was right.
    let manifest = &status.manifest;
    let is_about_object = status.state == State::Rejected && status.step == Step::CheckObject;
    let is_again = uploaded_at > manifest.repeated_at.unwrap_or(manifest.uploaded_at);
    hints::is_manifest_gone(status) || cancelled || (is_about_object && is_again)
}

/// What is to be done about what is at a manifest's key.
pub(super) enum Decision {
    /// Nothing new at the key.
    GoOn(Box<Loaded>),
    /// A new attempt: it is to be saved in place of the status with this `ETag`.
    Write(Box<Status>, Option<String>),
    /// The same upload once more: that is to be saved, and changes nothing.
    Note(Box<Status>, String),
}

/// Compares what is at the key with what is known.
pub(super) async fn decide(
    context: Context<'_>,
    object: &Object,
    before: Option<Loaded>,
) -> Result<Decision, Error> {
    let version = manifest_version(context.config, object);
    let Some(before) = before else {
        return Ok(Decision::Write(
            Box::new(opened(context, None, version, object)),
            None,
        ));
    };
    let known = &before.status.manifest;
    if known.sha256 != version.sha256 {
        if !plan::may_be_superseded(&before.status) {
            return Ok(Decision::GoOn(Box::new(before)));
        }
        let status = opened(context, Some(before.status), version, object);
        return Ok(Decision::Write(Box::new(status), Some(before.etag)));
    }
    // What was given up because it was removed, or its bundle changed, starts anew.
    if before.status.state.is_final()
        && (is_wanted_anew(&before.status, version.uploaded_at)
            || bundle::has_changed(context, &before.status).await?)
    {
        let status = opened(context, Some(before.status), version, object);
        return Ok(Decision::Write(Box::new(status), Some(before.etag)));
    }
    if known.repeated_at.unwrap_or(known.uploaded_at) < version.uploaded_at {
        // The same content again: nothing is to be done, but the sweep should not come back to it.
        let mut status = before.status;
        status.manifest.repeated_at = Some(version.uploaded_at);
        (status.manifest.etag, status.manifest.version_id) = (version.etag, version.version_id);
        return Ok(Decision::Note(Box::new(status), before.etag));
    }
    Ok(Decision::GoOn(Box::new(before)))
}

fn manifest_version(config: &Config, object: &Object) -> ManifestVersion {
    let info = &object.info;
    ManifestVersion {
        bucket: config.bucket.clone(),
        key: info.key.clone(),
        etag: info.etag.clone(),
        version_id: info.version_id.clone(),
        // What is too large to be read is told apart by its `ETag`.
        sha256: object
            .content
            .as_deref()
            .map_or_else(|| info.etag.clone(), wanted::sha256_hex),
        uploaded_at: info.modified_at,
        repeated_at: None,
    }
}

/// The status of a manifest version that was just taken up and checked.
fn opened(
    context: Context<'_>,
    before: Option<Status>,
    version: ManifestVersion,
    object: &Object,
) -> Status {
    let mut status = transition::open(before, version, context.now);
    match object.content.as_deref() {
        Some(content) => check(context, &mut status, content),
        None => transition::reject(&mut status, vec![too_large(object.info.size)], context.now),
    }
    status
}

pub(super) fn check(context: Context<'_>, status: &mut Status, content: &[u8]) {
    let now = context.now;
    let problems = match Wanted::parse(&status.manifest, content) {
        Ok(wanted) => match tag_problem(status) {
            None => {
                let accepted = wanted.accepted(&status.manifest);
                return transition::accept(status, accepted, context.config.tell_started, now);
            }
            Some(problem) => vec![problem],
        },
        Err(problems) => problems,
    };
    transition::reject(status, problems, now);
}

/// The ownership tag has to hold the manifest's address: without it nobody could tell whose the AMI is.
fn tag_problem(status: &Status) -> Option<Problem> {
    if status.manifest.key.contains(char::is_control) {
        let problem =
            Problem::new("the manifest's key has a control character, which a tag cannot");
        return Some(problem.with_hint("name it with letters, digits and usual punctuation"));
    }
    let longest = look::creation_tags(status)
        .values()
        .map(|value| value.chars().count())
        .max()
        .unwrap_or(0);
    (longest > look::TAG_VALUE_MAX).then(|| {
        Problem::new(format!(
            "the manifest's address has {longest} characters; a tag of the AMI has to hold it"
        ))
        .with_hint(format!(
            "give the manifest a shorter key: at most {} characters with s3://bucket/",
            look::TAG_VALUE_MAX
        ))
        .with_rule("EC2 User Guide, \"Tag restrictions\"")
    })
}

pub(super) fn too_large(size: u64) -> Problem {
    Problem::new(format!(
        "the manifest has {size} bytes; at most {MANIFEST_MAX} are read"
    ))
    .with_hint("a manifest is a short text: is this the image itself?")
}
