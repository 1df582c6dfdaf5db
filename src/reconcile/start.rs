//! Starting the task that makes an image: exactly once. Where EC2 takes a client token, the same request is the same
//! task; where it does not, look before; every error after sending leaves a doubt, which the next try resolves.

mod bundle;
mod image;
mod import;

pub(super) use bundle::prefix as bundle_prefix;

use super::wanted::{self, Pinned, Wanted, sha256_hex};
use super::{Context, Error, hints, object, register};
use crate::aws::{AwsError, Object, Remedy};
use crate::image::look::{self, Look};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Status, Waiting};
use crate::image::task::Task;
use crate::image::transition;
use crate::manifest::image::Source;

/// Sees to it that the task runs. Returns whether the status changed.
pub(super) async fn start(
    context: Context<'_>,
    status: &mut Status,
    at_hand: Option<&Object>,
) -> Result<bool, Error> {
    let wanted = match wanted::read(context, status, at_hand).await? {
        Pinned::Wanted(wanted) => wanted,
        Pinned::Gone => return without_manifest(context, status).await,
        Pinned::Refused(problems) => {
            if !adopt(context, status).await? {
                transition::reject(status, problems, context.now);
            }
            return Ok(true);
        }
    };
    let Some(call) = wanted.source().and_then(call) else {
        return Ok(false);
    };
    // What is looked at before would be looked at in vain.
    if !context.aws.has_capacity(call) {
        return Ok(transition::wait(status, its_turn(call), context.now));
    }
    if is_already_there(context, status).await? {
        return Ok(true);
    }
    if object::is_replaced(context, status).await? {
        // A try whose answer was lost may have begun with the object that was there before.
        if !adopt(context, status).await? {
            transition::object_replaced(status, context.now);
        }
        return Ok(true);
    }
    match wanted.source() {
        Some(Source::Disk(disk)) => import::disk(context, status, &wanted, disk).await,
        Some(Source::Vm(vm)) => import::vm(context, status, &wanted, vm).await,
        Some(Source::Instance(instance)) => bundle::bundle(context, status, &instance.id).await,
        Some(Source::Stored(_)) => image::restore(context, status, &wanted).await,
        Some(Source::Image(source)) => image::copy(context, status, &wanted, source).await,
        Some(Source::Snapshot(_) | Source::Bundle(_)) | None => Ok(false),
    }
}

/// The call that starts the task.
fn call(source: &Source) -> Option<&'static str> {
    match source {
        Source::Disk(_) => Some("ImportSnapshot"),
        Source::Vm(_) => Some("ImportImage"),
        Source::Instance(_) => Some("BundleInstance"),
        Source::Stored(_) => Some("CreateRestoreImageTask"),
        Source::Image(_) => Some("CopyImage"),
        Source::Snapshot(_) | Source::Bundle(_) => None,
    }
}

/// Takes up the task that an earlier try has started, if EC2 shows one. Returns whether it does.
pub(super) async fn adopt(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    match status.source.as_deref() {
        Some("disk" | "vm") => import::adopt(context, status).await,
        Some("instance") => bundle::adopt(context, status).await,
        Some("stored" | "image") => image::adopt(context, status).await,
        _ => Ok(false),
    }
}

/// Whether the AMI of a disk or a machine is there without its task being known, as where a status was removed; or the
/// name is somebody else's, which is better said before hours of importing than after.
async fn is_already_there(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    let is_import = matches!(status.source.as_deref(), Some("disk" | "vm"));
    if !is_import {
        return Ok(false);
    }
    match register::look(context, status).await? {
        // EC2 names the AMI of a machine itself.
        Look::NameTaken(_) if status.source.as_deref() == Some("vm") => Ok(false),
        found => Ok(register::settle_look(context, status, found)),
    }
}

/// The manifest was replaced, and no task can be seen. One may still come into sight: an answer may have been lost.
async fn without_manifest(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    if adopt(context, status).await? {
        return Ok(true);
    }
    let waiting = Waiting::new(
        "the manifest was removed or replaced; looking whether anything was started for it",
    );
    if status.has_waited(&waiting, VISIBILITY_GRACE, context.now) {
        transition::fail(status, hints::manifest_gone(), context.now);
        return Ok(true);
    }
    Ok(transition::wait(status, waiting, context.now))
}

/// What every try of this attempt to start a task calls its request ("Ensuring idempotency in Amazon EC2 API
/// requests": at most 64 ASCII characters). What was cancelled and is wanted again is another attempt.
pub(super) fn client_token(status: &Status) -> String {
    let manifest = &status.manifest;
    let (uri, sha256, attempt) = (manifest.uri(), &manifest.sha256, look::attempt(status));
    sha256_hex(format!("{uri}\n{sha256}\n{attempt}\n").as_bytes())
}

/// Keeps EC2's answer: the task, or what to do without one.
fn answered(
    context: Context<'_>,
    status: &mut Status,
    answer: Result<Task, AwsError>,
    hint: impl FnOnce(&AwsError) -> String,
) -> bool {
    match answer {
        Ok(task) => {
            transition::task_started(status, task, "started", context.now);
            true
        }
        Err(error) if error.remedy == Remedy::Never => {
            let hint = hint(&error);
            refused(context, status, error, hint)
        }
        Err(error) => wait_for(context, status, &error),
    }
}

/// EC2 refuses to make something. At the first try nothing was made, and the image fails. An earlier one may have been
/// heard although its answer was lost: what it made is looked for first, at every tick for a while.
pub(super) fn refused(
    context: Context<'_>,
    status: &mut Status,
    error: AwsError,
    hint: impl Into<String>,
) -> bool {
    let waiting = refusal(&error);
    if context.is_first || status.has_waited(&waiting, VISIBILITY_GRACE, context.now) {
        transition::fail(status, error.into_failure(hint), context.now);
        return true;
    }
    transition::wait(status, waiting, context.now)
}

/// The next tick tries again.
pub(super) fn wait_for(context: Context<'_>, status: &mut Status, error: &AwsError) -> bool {
    transition::wait(status, refusal(error), context.now)
}

/// A wait that names an error.
pub(super) fn refusal(error: &AwsError) -> Waiting {
    let code = error.code.as_deref().map(|code| format!("{code}: "));
    let message = format!(
        "trying again: {}{}",
        code.unwrap_or_default(),
        error.message
    );
    Waiting {
        code: error.code.clone(),
        ..Waiting::new(message)
    }
}

/// Others have their turn before.
pub(super) fn its_turn(call: &str) -> Waiting {
    Waiting::new(format!(
        "EC2 takes few {call} calls: others have their turn before"
    ))
}

/// The description of what is made: the manifest's, or where it comes from.
fn description(wanted: &Wanted, status: &Status) -> String {
    wanted
        .description()
        .map_or_else(|| status.manifest.uri(), str::to_owned)
}
