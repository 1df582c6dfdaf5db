//! `check-bundle`: the bundle's manifest and its parts have to be there before EC2 is asked to register them.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::check_manifest;
use crate::aws::{AwsError, Object, Remedy, Which};
use crate::image::message::{failures, problems};
use crate::image::observed::ObservedParts;
use crate::image::outcome::{Evidence, Identity, StepOutcome};
use crate::image::plan::SIZE_GRACE;
use crate::image::status::{BundleVersion, Status};
use crate::image::words::WaitReason;
use crate::limits;
use crate::manifest::bundle::{self, BundleManifest};
use crate::manifest::{self, Problem, sha256_hex};
use crate::reconcile::context::{Context, Error};
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, unreadable};

/// HEAD requests under way at once. A bundle has up to about a thousand parts.
const HEADS_AT_ONCE: usize = 16;

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let spec = match step.manifest {
        ManifestRead::Spec(spec) => spec,
        ManifestRead::Invalid(problems) => {
            return Ok(match step.status.build.tasks.is_empty() {
                true => StepOutcome::Reject(problems.clone()),
                // The bundle that EC2 made may well be good.
                false => StepOutcome::Fail(problems::not_allowed(problems)),
            });
        }
        ManifestRead::Gone | ManifestRead::Unread => {
            return Ok(StepOutcome::Fail(failures::manifest_gone()));
        }
    };
    match check(&step, spec).await {
        Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => Ok(unreadable(refused)),
        outcome => outcome,
    }
}

async fn check(step: &StepContext<'_>, spec: &Spec) -> Result<StepOutcome, Error> {
    let Some((bucket, key)) = spec.bundle_location(step.config(), step.status) else {
        return Ok(StepOutcome::Unchanged);
    };
    if matches!(spec, Spec::Bundle)
        && let Some(image_manifest) = image_manifest_beside(step.context, &key).await?
    {
        return Ok(StepOutcome::Advance(Evidence::DecidedElsewhere {
            image_manifest,
        }));
    }
    let is_there = |it: &&Object| bucket == step.config().bucket && it.info.key == key;
    let object = match step.uploaded.filter(is_there) {
        Some(uploaded) => Some(uploaded.clone()),
        None => {
            let aws = step.aws();
            let object = aws.get_object(&bucket, &key, Which::Current, limits::MANIFEST_BYTES);
            object.await?
        }
    };
    let Some(object) = object else {
        return Ok(StepOutcome::Wait(WaitReason::BundleManifestMissing {
            bucket,
            key,
        }));
    };
    if object.info.size == 0 {
        return Ok(StepOutcome::Wait(WaitReason::ObjectEmpty { bucket, key }));
    }
    let bundle = match read(step, &bucket, &object).await? {
        Ok(bundle) => bundle,
        Err(found) => return Ok(StepOutcome::Reject(in_bundle(found, step.status, &key))),
    };
    if let Some(wait) = wait_for_parts(step, &bucket, &key, &bundle).await? {
        return Ok(match wait {
            Parts::Missing(reason) => StepOutcome::Wait(reason),
            Parts::Wrong(problem) => {
                StepOutcome::Reject(in_bundle(vec![problem], step.status, &key))
            }
        });
    }
    let bundle = bundle_version(bucket, key, &object, &bundle);
    let identity = identity(step.status, spec, &bundle);
    Ok(StepOutcome::Advance(Evidence::BundleChecked {
        bundle,
        identity,
    }))
}

/// Another bundle is another version; one that EC2 has made of an instance is what the version was to become.
fn identity(status: &Status, spec: &Spec, bundle: &BundleVersion) -> Identity {
    match (&status.build.name, &status.build.digest) {
        (Some(name), Some(digest)) if !status.build.tasks.is_empty() => Identity {
            name: name.clone(),
            digest: digest.clone(),
        },
        _ => spec.identity(&status.manifest, &bundle.sha256),
    }
}

/// The key of the image manifest beside a bundle: if there is one, it describes the bundle.
pub(crate) async fn image_manifest_beside(
    context: Context<'_>,
    bundle_key: &str,
) -> Result<Option<String>, AwsError> {
    // Each by itself: every uploader can put any number of objects between them.
    for sibling in manifest::key::bundle_siblings(bundle_key) {
        let bucket = &context.config.bucket;
        let found = context.aws.head_or_listed_object(bucket, &sibling);
        if found.await?.is_some() {
            return Ok(Some(sibling));
        }
    }
    Ok(None)
}

/// What keeps the parts from being registered.
enum Parts {
    Missing(WaitReason),
    Wrong(Problem),
}

async fn wait_for_parts(
    step: &StepContext<'_>,
    bucket: &str,
    key: &str,
    bundle: &BundleManifest,
) -> Result<Option<Parts>, Error> {
    let keys = bundle.part_keys(key);
    if let Some(reason) = still_missing(step, bucket, &keys).await? {
        return Ok(Some(Parts::Missing(reason)));
    }
    let parts = observe_parts(step, bucket, &keys).await?;
    if let Some(first) = parts.missing.first() {
        return Ok(Some(Parts::Missing(WaitReason::PartsMissing {
            missing: parts.missing.len(),
            of: keys.len(),
            first: first.clone(),
        })));
    }
    let (size, expected) = (parts.size(), bundle.bundled_size);
    if size == expected {
        return Ok(None);
    }
    let reason = WaitReason::PartsSizeMismatch { size, expected };
    Ok(Some(if step.has_waited(&reason, SIZE_GRACE) {
        Parts::Wrong(problems::wrong_size(size, expected))
    } else {
        Parts::Missing(reason)
    }))
}

/// While the part that was missing last time is missing, there is no need to check the others.
/// It may not be the bundle's any more: the bundle can have been replaced by one with fewer parts.
async fn still_missing(
    step: &StepContext<'_>,
    bucket: &str,
    keys: &[String],
) -> Result<Option<WaitReason>, Error> {
    let waiting = step.status.build.waiting.as_ref().map(|it| &it.reason);
    match waiting {
        Some(reason @ WaitReason::PartsMissing { first, .. }) if keys.contains(first) => {
            let found = step.aws().head_object(bucket, first).await?;
            let is_there = found.is_some_and(|found| found.size > 0);
            Ok((!is_there).then(|| reason.clone()))
        }
        _ => Ok(None),
    }
}

/// Reads the bundle's manifest, and checks what it cannot know itself: the account and the Region.
async fn read(
    step: &StepContext<'_>,
    bucket: &str,
    object: &Object,
) -> Result<Result<BundleManifest, Vec<Problem>>, Error> {
    let Some(content) = object.content.as_deref() else {
        return Ok(Err(vec![check_manifest::too_large()]));
    };
    let bundle = match bundle::parse(content) {
        Ok(bundle) => bundle,
        Err(problems) => return Ok(Err(problems)),
    };
    let mut problems = Vec::new();
    let config = step.config();
    let account = config.account_id()?;
    if bundle.account != account {
        let message = format!(
            "the bundle was made for account {}, this is account {account}",
            bundle.account
        );
        let problem = Problem::new(message).with_path("manifest.image.user");
        problems.push(
            problem.with_hint("bundle the image again with this account's id and certificate"),
        );
    }
    if ![&*config.bucket, &*config.state_bucket].contains(&bucket) {
        let region = step.aws().bucket_region(bucket).await?;
        problems.extend(
            region
                .filter(|region| *region != config.region)
                .map(|region| elsewhere(step, bucket, &region)),
        );
    }
    Ok(if problems.is_empty() {
        Ok(bundle)
    } else {
        Err(problems)
    })
}

fn elsewhere(step: &StepContext<'_>, bucket: &str, region: &str) -> Problem {
    let ours = &step.config().region;
    Problem::new(format!(
        "the bundle's bucket {bucket} is in {region}, the AMI is registered in {ours}"
    ))
    .with_hint(format!(
        "upload the bundle to {}, or to a bucket in {ours}",
        step.status.manifest.bucket
    ))
    .with_rule("RegisterImage, ImageLocation")
}

async fn observe_parts(
    step: &StepContext<'_>,
    bucket: &str,
    keys: &[String],
) -> Result<ObservedParts, Error> {
    let heads: Vec<_> = stream::iter(keys.iter().cloned())
        .map(
            |key| async move { Ok::<_, Error>((step.aws().head_object(bucket, &key).await?, key)) },
        )
        .buffered(HEADS_AT_ONCE)
        .try_collect()
        .await?;
    let mut parts = ObservedParts::default();
    for (info, key) in heads {
        match info {
            // One that is empty is still being uploaded.
            Some(info) if info.size > 0 => parts.present.push((key, info.size)),
            _ => parts.missing.push(key),
        }
    }
    Ok(parts)
}

/// Lets EC2 read the bundle: its manifest and every part ("aws-exec-read"). Nothing of another that has taken its place:
/// its parts were not checked, and may be anybody's objects. EC2 refuses that one, and the next tick sees it.
pub(super) async fn let_ec2_read(
    step: &StepContext<'_>,
    bundle: &BundleVersion,
) -> Result<(), Error> {
    let (bucket, key) = (&bundle.bucket, &bundle.key);
    let object = step
        .aws()
        .get_object(bucket, key, Which::Current, limits::MANIFEST_BYTES);
    let object = object.await?.filter(|it| it.info.etag == bundle.etag);
    let content = object.and_then(|object| object.content);
    let checked = content.filter(|content| sha256_hex(content) == bundle.sha256);
    let Some(Ok(manifest)) = checked.as_deref().map(bundle::parse) else {
        return Ok(());
    };
    let mut keys = vec![key.clone()];
    keys.extend(manifest.part_keys(key));
    stream::iter(keys)
        .map(|key| async move { step.aws().let_ec2_read(bucket, &key).await })
        .buffered(HEADS_AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(())
}

/// Whether another bundle is where the one was that is to be registered.
pub(super) async fn has_other_content(
    step: &StepContext<'_>,
    bundle: &BundleVersion,
) -> Result<bool, Error> {
    let current = step.aws().head_object(&bundle.bucket, &bundle.key).await?;
    Ok(current.is_some_and(|current| current.etag != bundle.etag))
}

/// Whether the bundle that the status names is not the manifest's: EC2 would register another, and its objects would be
/// made readable for EC2.
pub(super) fn is_other(step: &StepContext<'_>, spec: &Spec) -> bool {
    let Some(bundle) = &step.status.build.bundle else {
        return false;
    };
    let location = spec.bundle_location(step.config(), step.status);
    location.is_none_or(|(bucket, key)| (&bundle.bucket, &bundle.key) != (&bucket, &key))
}

/// Whether another bundle is beside the manifest than the one that a status is about. One that may not be read any more
/// counts as unchanged; one that is itself the manifest is not meant.
pub(in crate::reconcile) async fn is_replaced(
    context: Context<'_>,
    status: &Status,
) -> Result<bool, AwsError> {
    let manifest = &status.manifest;
    let bundle = status.build.bundle.as_ref();
    let Some(bundle) =
        bundle.filter(|bundle| (&bundle.bucket, &bundle.key) != (&manifest.bucket, &manifest.key))
    else {
        return Ok(false);
    };
    let found = context
        .aws
        .head_or_listed_object(&bundle.bucket, &bundle.key);
    match found.await {
        Err(error) if error.remedy == Remedy::Never => Ok(false),
        // An empty one is still being written.
        found => Ok(found?.is_some_and(|it| it.size > 0 && it.etag != bundle.etag)),
    }
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
