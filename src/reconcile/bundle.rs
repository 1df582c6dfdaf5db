//! The bundle of an image: its manifest and its parts have to be there before EC2 is asked to register them.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::wanted::{self, Pinned, Wanted, sha256_hex};
use super::{Context, Error, MANIFEST_MAX, hints};
use crate::aws::{Object, Remedy, Which};
use crate::image::observed::ObservedParts;
use crate::image::status::{BundleVersion, Status, Waiting};
use crate::image::transition::{self, PartsVerdict, judge_parts};
use crate::manifest::bundle::{self, BundleManifest};
use crate::manifest::{self, Problem};

/// HEAD requests under way at once. A bundle has up to about a thousand parts.
const HEADS_AT_ONCE: usize = 16;

/// Looks for the bundle and its parts. Returns whether the status changed.
pub(super) async fn check(
    context: Context<'_>,
    status: &mut Status,
    at_hand: Option<&Object>,
) -> Result<bool, Error> {
    match look(context, status, at_hand).await {
        // The bundle may be in a bucket that cannot be read: asking every minute is no use, and nobody would know.
        Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => {
            let hint = hints::for_unreadable("bundle", &refused);
            transition::fail(status, refused.into_failure(hint), context.now);
            Ok(true)
        }
        changed => changed,
    }
}

async fn look(
    context: Context<'_>,
    status: &mut Status,
    at_hand: Option<&Object>,
) -> Result<bool, Error> {
    let wanted = match wanted::read(context, status, at_hand).await? {
        Pinned::Wanted(wanted) => wanted,
        Pinned::Gone => {
            transition::fail(status, hints::manifest_gone(), context.now);
            return Ok(true);
        }
        Pinned::Refused(problems) => {
            transition::reject(status, problems, context.now);
            return Ok(true);
        }
    };
    let Some((bucket, key)) = wanted.bundle_location(status) else {
        return Ok(false);
    };
    if matches!(wanted, Wanted::Bundle)
        && let Some(sibling) = image_manifest_beside(context, &key).await?
    {
        transition::leave_to(status, &sibling, context.now);
        return Ok(true);
    }
    let Some(object) = context
        .aws
        .get_object(&bucket, &key, Which::Current, MANIFEST_MAX)
        .await?
    else {
        let message = format!("the bundle's manifest s3://{bucket}/{key} is not uploaded yet");
        let waiting = Waiting::new(message);
        return Ok(transition::wait(status, waiting, context.now));
    };
    let bundle = match read(context, status, &bucket, &object).await? {
        Ok(bundle) => bundle,
        Err(problems) => {
            transition::reject(status, in_bundle(problems, status, &key), context.now);
            return Ok(true);
        }
    };
    let part_keys = bundle.part_keys(&key);
    if let Some(waiting) = still_missing(context, status, &bucket, &part_keys).await? {
        return Ok(transition::wait(status, waiting, context.now));
    }
    let parts = look_at_parts(context, &bucket, &part_keys).await?;
    match judge_parts(status, &parts, bundle.bundled_size, context.now) {
        PartsVerdict::Wait(waiting) => Ok(transition::wait(status, waiting, context.now)),
        PartsVerdict::Wrong(problem) => {
            transition::reject(status, in_bundle(vec![problem], status, &key), context.now);
            Ok(true)
        }
        PartsVerdict::Complete => {
            let version = bundle_version(bucket, key, &object, &bundle);
            let identity = wanted.identity(&status.manifest, &version.sha256);
            transition::bundle_complete(status, version, identity, context.now);
            Ok(true)
        }
    }
}

/// The key of the image manifest beside a bundle: if there is one, it decides about the bundle.
pub(crate) async fn image_manifest_beside(
    context: Context<'_>,
    bundle_key: &str,
) -> Result<Option<String>, Error> {
    let siblings = manifest::key::bundle_siblings(bundle_key);
    // `NAME.image.`, so that one listing shows all of them.
    let [first, ..] = &siblings;
    let prefix = first
        .rfind('.')
        .map_or(first.as_str(), |dot| &first[..=dot]);
    let listed = context
        .aws
        .list_objects(&context.config.bucket, prefix)
        .await?;
    Ok(siblings
        .into_iter()
        .find(|sibling| listed.iter().any(|object| object.key == *sibling)))
}

/// While the part that was missing last time is missing, there is no need to look at the others.
/// It may be none of the bundle's any more: the bundle can have been replaced by one with fewer parts.
async fn still_missing(
    context: Context<'_>,
    status: &Status,
    bucket: &str,
    part_keys: &[String],
) -> Result<Option<Waiting>, Error> {
    let Some(waiting) = &status.waiting else {
        return Ok(None);
    };
    match &waiting.missing_key {
        Some(key) if part_keys.contains(key) => {
            let found = context.aws.head_object(bucket, key).await?;
            Ok(found.is_none().then(|| waiting.clone()))
        }
        _ => Ok(None),
    }
}

/// Reads the bundle's manifest, and checks what it cannot know itself: the account and the Region.
async fn read(
    context: Context<'_>,
    status: &Status,
    bucket: &str,
    object: &Object,
) -> Result<Result<BundleManifest, Vec<Problem>>, Error> {
    let Some(content) = object.content.as_deref() else {
        return Ok(Err(vec![super::version::too_large(object.info.size)]));
    };
    let bundle = match bundle::parse(content) {
        Ok(bundle) => bundle,
        Err(problems) => return Ok(Err(problems)),
    };
    let mut problems = Vec::new();
    let account = context.config.account_id()?;
    if bundle.account != account {
        let message = format!(
            "the bundle was made for account {}, this is account {account}",
            bundle.account
        );
        let problem = Problem::new(message).with_path("manifest.image.user");
        problems.push(
            problem.with_hint("bundle the image anew with this account's id and certificate"),
        );
    }
    let region = context.aws.bucket_region(bucket).await?;
    if let Some(region) = region.filter(|region| *region != context.config.region) {
        let message = format!(
            "the bundle's bucket {bucket} is in {region}, the AMI is registered in {}",
            context.config.region
        );
        let hint = format!(
            "upload the bundle to {}, or to a bucket in {}",
            status.manifest.bucket, context.config.region
        );
        problems.push(
            Problem::new(message)
                .with_hint(hint)
                .with_rule("RegisterImage, ImageLocation"),
        );
    }
    Ok(if problems.is_empty() {
        Ok(bundle)
    } else {
        Err(problems)
    })
}

async fn look_at_parts(
    context: Context<'_>,
    bucket: &str,
    keys: &[String],
) -> Result<ObservedParts, Error> {
    let heads: Vec<_> =
        stream::iter(keys.iter().cloned())
            .map(|key| async move {
                Ok::<_, Error>((context.aws.head_object(bucket, &key).await?, key))
            })
            .buffered(HEADS_AT_ONCE)
            .try_collect()
            .await?;
    let mut parts = ObservedParts::default();
    for (info, key) in heads {
        match info {
            Some(info) => parts.present.push((key, info.size)),
            None => parts.missing.push(key),
        }
    }
    Ok(parts)
}

/// Lets EC2 read the bundle: its manifest and every part ("aws-exec-read").
pub(super) async fn let_ec2_read(
    context: Context<'_>,
    bundle: &BundleVersion,
) -> Result<(), Error> {
    let object = context
        .aws
        .get_object(&bundle.bucket, &bundle.key, Which::Current, MANIFEST_MAX)
        .await?;
    let content = object.and_then(|object| object.content).unwrap_or_default();
    let mut keys = vec![bundle.key.clone()];
    if let Ok(manifest) = bundle::parse(&content) {
        keys.extend(manifest.part_keys(&bundle.key));
    }
    stream::iter(keys)
        .map(|key| async move { context.aws.let_ec2_read(&bundle.bucket, &key).await })
        .buffered(HEADS_AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(())
}

/// Whether another bundle is where the one was that a status is about.
pub(super) async fn is_replaced(
    context: Context<'_>,
    bundle: &BundleVersion,
) -> Result<bool, Error> {
    let current = context.aws.head_object(&bundle.bucket, &bundle.key).await?;
    Ok(current.is_some_and(|current| current.etag != bundle.etag))
}

/// [`is_replaced`] for a bundle that is not itself the manifest. One that may not be read any more counts as unchanged.
pub(super) async fn beside_is_replaced(
    context: Context<'_>,
    status: &Status,
) -> Result<bool, Error> {
    let manifest = &status.manifest;
    let Some(bundle) = status
        .bundle
        .as_ref()
        .filter(|bundle| (&bundle.bucket, &bundle.key) != (&manifest.bucket, &manifest.key))
    else {
        return Ok(false);
    };
    match is_replaced(context, bundle).await {
        Err(Error::Aws(error)) if error.remedy == Remedy::Never => Ok(false),
        replaced => replaced,
    }
}

/// Whether the bundle that a status was registered from has another content now.
pub(super) async fn has_changed(context: Context<'_>, status: &Status) -> Result<bool, Error> {
    let Some(bundle) = &status.bundle else {
        return Ok(false);
    };
    if !beside_is_replaced(context, status).await? {
        return Ok(false);
    }
    let object = context
        .aws
        .get_object(&bundle.bucket, &bundle.key, Which::Current, MANIFEST_MAX)
        .await?;
    let content = object.and_then(|object| object.content);
    Ok(content.is_some_and(|content| sha256_hex(&content) != bundle.sha256))
}

fn bundle_version(
    bucket: String,
    key: String,
    object: &Object,
    bundle: &BundleManifest,
) -> BundleVersion {
    BundleVersion {
        bucket,
        key,
        etag: object.info.etag.clone(),
        sha256: object
            .content
            .as_deref()
            .map(sha256_hex)
            .unwrap_or_default(),
        virtualization_type: bundle.virtualization_type().as_str().to_owned(),
    }
}

/// Says in which document the problems are, where it is not the manifest itself.
fn in_bundle(problems: Vec<Problem>, status: &Status, key: &str) -> Vec<Problem> {
    if key == status.manifest.key {
        return problems;
    }
    let name = |problem: Problem| {
        let path = format!("{key}: {}", problem.path);
        problem.with_path(path.trim_end_matches(": ").to_owned())
    };
    problems.into_iter().map(name).collect()
}
