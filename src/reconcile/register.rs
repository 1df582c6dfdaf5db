//! RegisterImage: look, create, and look again where the answer leaves a doubt.

use super::wanted::{self, Wanted};
use super::{Context, Error, bundle, hints, start};
use crate::aws::{AwsError, Object, Registered, Remedy};
use crate::image::look::{self, Look};
use crate::image::observed::{MANIFEST_TAG, ObservedImage};
use crate::image::plan::{REGISTER_GRACE, VISIBILITY_GRACE};
use crate::image::status::{Image, Status, Waiting};
use crate::image::transition;

/// Sees to it that the AMI exists. Returns whether the status changed.
pub(super) async fn register(
    context: Context<'_>,
    status: &mut Status,
    at_hand: Option<&Object>,
) -> Result<bool, Error> {
    // EC2 registers the bundle that is there, not the one whose parts were counted and whose digest the tags would have.
    let replaced = match &status.bundle {
        Some(bundle) => bundle::is_replaced(context, bundle).await?,
        None => false,
    };
    let content = if replaced {
        None
    } else {
        wanted::pinned(context, &status.manifest, at_hand).await?
    };
    let found = look(context, status).await?;
    if content.is_none() && found == Look::Absent {
        return Ok(without_manifest(context, status));
    }
    let wanted = match content.map(|content| Wanted::parse(&status.manifest, &content)) {
        Some(Ok(wanted)) => Some(wanted.registered(status)),
        Some(Err(problems)) if found == Look::Absent => {
            transition::reject(status, problems, context.now);
            return Ok(true);
        }
        _ => None,
    };
    match (found, wanted) {
        (Look::Absent, Some(wanted)) => create(context, status, &wanted).await,
        (found, _) => Ok(settle_look(context, status, found)),
    }
}

/// The AMIs that are, or could be taken for, the one that is wanted.
pub(super) async fn look(context: Context<'_>, status: &Status) -> Result<Look, Error> {
    let mut found = context
        .aws
        .find_images(&format!("tag:{MANIFEST_TAG}"), &[status.manifest.uri()])
        .await?;
    if let Some(name) = &status.name {
        found.extend(
            context
                .aws
                .find_images("name", std::slice::from_ref(name))
                .await?,
        );
    }
    Ok(look::judge(status, &found))
}

/// What a look means where nothing is to be created.
pub(super) fn settle_look(context: Context<'_>, status: &mut Status, found: Look) -> bool {
    match found {
        Look::Ours(image) => adopt(context, status, &image),
        Look::NameTaken(image) => {
            transition::fail(status, hints::name_taken(status, &image), context.now);
        }
        Look::Several(ids) => {
            transition::fail_as_it_is(status, hints::several(&ids), context.now);
        }
        Look::Absent => return false,
    }
    true
}

pub(super) fn adopt(context: Context<'_>, status: &mut Status, image: &ObservedImage) {
    let image = Image {
        id: image.id.clone(),
        state: image.state.clone(),
        unseen_since: None,
        snapshots: image.snapshots.clone(),
    };
    transition::registered(
        status,
        &context.config.region,
        image,
        "found where an earlier try had registered it",
        context.now,
    );
}

/// The manifest or its bundle is gone, and no AMI can be seen. One may still come into sight: an answer may have been lost.
fn without_manifest(context: Context<'_>, status: &mut Status) -> bool {
    let waiting = Waiting::new(
        "the manifest, or the bundle it names, was removed or replaced; \
         looking whether its AMI was registered",
    );
    if context.is_first || status.has_waited(&waiting, VISIBILITY_GRACE, context.now) {
        transition::fail(status, hints::manifest_gone(), context.now);
        return true;
    }
    transition::wait(status, waiting, context.now)
}

async fn create(
    context: Context<'_>,
    status: &mut Status,
    wanted: &Registered,
) -> Result<bool, Error> {
    let mut answer = context.aws.register_image(wanted).await;
    if let (Err(error), Some(bundle)) = (&answer, status.bundle.clone())
        && is_unreadable(error)
    {
        // Uploads by other means than the AMI tools have no aws-exec-read ACL.
        match bundle::let_ec2_read(context, &bundle).await {
            Ok(()) => answer = context.aws.register_image(wanted).await,
            Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => answer = Err(refused),
            Err(error) => return Err(error),
        }
    }
    match answer {
        Ok(id) => {
            let image = Image {
                id,
                state: "pending".to_owned(),
                unseen_since: None,
                snapshots: Vec::new(),
            };
            transition::registered(
                status,
                &context.config.region,
                image,
                "registered",
                context.now,
            );
            Ok(true)
        }
        Err(error) => not_created(context, status, error).await,
    }
}

/// EC2 may not read the bundle's manifest (InvalidManifest, `HTTP 403 (Forbidden) response for URL …`).
fn is_unreadable(error: &AwsError) -> bool {
    error.has_code("InvalidManifest") && error.message.contains("HTTP 403")
}

/// EC2 does not see what S3 shows us: true for a while after an upload or a change of ACL.
fn is_not_visible_yet(error: &AwsError) -> bool {
    error.has_code("InvalidManifest")
        && ["HTTP 403", "HTTP 404"]
            .iter()
            .any(|text| error.message.contains(text))
}

async fn not_created(
    context: Context<'_>,
    status: &mut Status,
    error: AwsError,
) -> Result<bool, Error> {
    let name_in_use = error.has_code("InvalidAMIName.Duplicate");
    if name_in_use {
        // Somebody has the name: another invocation for the same image, or a try whose answer was lost.
        let found = look(context, status).await?;
        if found != Look::Absent {
            return Ok(settle_look(context, status, found));
        }
    }
    let may_pass = name_in_use || is_not_visible_yet(&error);
    let waiting = start::refusal(&error);
    let may_pass = may_pass && !status.has_waited(&waiting, REGISTER_GRACE, context.now);
    if error.remedy != Remedy::Never || may_pass {
        return Ok(transition::wait(status, waiting, context.now));
    }
    let hint = hints::for_refusal(&error);
    Ok(start::refused(context, status, error, hint))
}
