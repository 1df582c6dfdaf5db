//! `check-object`: the object that the image is made from has to be there, in the AMI's Region, and be what the
//! manifest says, before EC2 is asked to work on it. EC2 itself says so only after minutes.

use std::collections::BTreeSet;

use crate::aws::{AwsError, ObjectPart, Remedy};
use crate::image::message::failures;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::status::SourceObject;
use crate::image::words::WaitReason;
use crate::manifest::Problem;
use crate::manifest::disk_format::{self, Expected};
use crate::manifest::image::Source;
use crate::reconcile::context::Error;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, unreadable};

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let spec = match step.manifest {
        ManifestRead::Spec(spec) => spec,
        ManifestRead::Invalid(problems) => return Ok(StepOutcome::Reject(problems.clone())),
        ManifestRead::Gone | ManifestRead::Unread => {
            return Ok(StepOutcome::Fail(failures::manifest_gone()));
        }
    };
    match check(&step, spec).await {
        Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => Ok(unreadable(refused)),
        outcome => outcome,
    }
}

/// Whether the objects that the status names are not the manifest's.
pub(super) fn is_other(step: &StepContext<'_>, spec: &Spec) -> bool {
    let Some(object) = &step.status.build.object else {
        return false;
    };
    let locations = spec.object_locations(&step.status.manifest);
    let known = object.all().map(|it| (&it.bucket, &it.key));
    !locations.is_empty() && !known.eq(locations.iter().map(|(bucket, key)| (bucket, key)))
}

/// Whether an object was replaced since it was checked, so that it has to be checked again. Only asked where some
/// time has passed.
pub(super) async fn is_replaced(step: &StepContext<'_>) -> Result<bool, Error> {
    if step.is_first {
        return Ok(false);
    }
    let changed = changed(step).await?;
    match changed.refused {
        Some(refused) if changed.replaced.is_empty() && !changed.is_gone => Err(refused.into()),
        _ => Ok(changed.is_gone || !changed.replaced.is_empty()),
    }
}

/// The addresses of the objects that were replaced since their import began. EC2 is told a key, no version (ImportSnapshot,
/// UserBucket). What one was that is gone, was set back, or may not be looked at any more, is not known: it counts as the one that
/// was to be imported.
pub(super) async fn replaced_meanwhile(step: &StepContext<'_>) -> Result<BTreeSet<String>, Error> {
    Ok(changed(step).await?.replaced)
}

/// What became of the objects since they were checked.
#[derive(Default)]
struct Changed {
    /// The addresses at which another one is, by its `ETag`.
    replaced: BTreeSet<String>,
    /// Whether one is gone.
    is_gone: bool,
    /// Why one may not be looked at any more.
    refused: Option<AwsError>,
}

async fn changed(step: &StepContext<'_>) -> Result<Changed, AwsError> {
    let mut changed = Changed::default();
    let guardrails = &step.config().guardrails;
    let known = step.status.build.object.iter().flat_map(SourceObject::all);
    // The stack's owner may have closed a bucket since.
    for known in known.filter(|it| guardrails.allows_source_bucket(&it.bucket)) {
        match step.aws().head_object(&known.bucket, &known.key).await {
            Ok(Some(current)) if current.etag != known.etag => {
                changed.replaced.insert(known.uri());
            }
            Ok(Some(_)) => {}
            Ok(None) => changed.is_gone = true,
            Err(refused) if refused.remedy == Remedy::Never => changed.refused = Some(refused),
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

/// What the objects should be, in the order of their locations.
fn expected(spec: &Spec) -> Vec<Expected> {
    match spec.source() {
        Some(Source::Disk(disk)) => vec![Expected::from(disk.format)],
        Some(Source::Vm(vm)) => {
            let files = vm.files().into_iter();
            files.map(|file| Expected::from(file.format)).collect()
        }
        Some(Source::Stored(_)) => vec![Expected::Stored],
        _ => Vec::new(),
    }
}

/// What became of one object.
enum Checked {
    /// It is what it should be.
    Good(SourceObject),
    /// It is not there yet.
    Wait(WaitReason),
    /// It cannot be imported.
    Bad(Problem),
}

async fn check(step: &StepContext<'_>, spec: &Spec) -> Result<StepOutcome, Error> {
    let version = &step.status.manifest;
    let locations = spec.object_locations(version);
    let (mut good, mut wait, mut problems) = (Vec::new(), None, Vec::new());
    for ((bucket, key), expected) in locations.into_iter().zip(expected(spec)) {
        match check_one(step, bucket, key, expected).await? {
            Checked::Good(object) => good.push(object),
            Checked::Wait(reason) => wait = wait.or(Some(reason)),
            Checked::Bad(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Ok(StepOutcome::Reject(problems));
    }
    if let Some(reason) = wait {
        return Ok(StepOutcome::Wait(reason));
    }
    let identity = spec.identity(
        version,
        &SourceObject::version(good.iter().map(|it| &*it.etag)),
    );
    let mut good = good.into_iter();
    let Some(first) = good.next() else {
        return Ok(StepOutcome::Unchanged);
    };
    let object = SourceObject {
        further: good.collect(),
        ..first
    };
    Ok(StepOutcome::Advance(Evidence::ObjectChecked {
        object,
        identity,
    }))
}

async fn check_one(
    step: &StepContext<'_>,
    bucket: String,
    key: String,
    expected: Expected,
) -> Result<Checked, Error> {
    // The own bucket is there and in this Region, or nothing would run.
    let is_own = bucket == step.config().bucket;
    let head = 0..=disk_format::HEAD_BYTES - 1;
    let Some(head) = step.aws().get_range(&bucket, &key, head).await? else {
        // S3 does not distinguish a bucket that is not there from a key that is not.
        if !is_own {
            step.aws().bucket_region(&bucket).await?;
        }
        return Ok(Checked::Wait(WaitReason::ObjectMissing { bucket, key }));
    };
    if head.info.size == 0 {
        return Ok(Checked::Wait(WaitReason::ObjectEmpty { bucket, key }));
    }
    let mut problem = None;
    if !is_own {
        problem = elsewhere(step, &bucket).await?;
    }
    if problem.is_none() {
        problem = otherwise(step, &bucket, &head, expected).await?;
    }
    Ok(match problem {
        Some(problem) => Checked::Bad(problem),
        None => Checked::Good(SourceObject {
            bucket,
            key,
            etag: head.info.etag,
            size: head.info.size,
            is_replaced: false,
            further: Vec::new(),
        }),
    })
}

/// Says that the object is in another Region than the AMI is to be.
async fn elsewhere(step: &StepContext<'_>, bucket: &str) -> Result<Option<Problem>, Error> {
    let region = step.aws().bucket_region(bucket).await?;
    let ours = &step.config().region;
    Ok(region.filter(|region| region != ours).map(|region| {
        Problem::new(format!(
            "the bucket {bucket} is in {region}, the AMI is to be in {ours}"
        ))
        .with_path("source")
        .with_hint(format!("upload the object to a bucket in {ours}"))
        .with_rule("VM Import/Export User Guide, \"Required permissions\"; CreateRestoreImageTask")
    }))
}

/// Says that the object is not what the manifest says it is.
async fn otherwise(
    step: &StepContext<'_>,
    bucket: &str,
    head: &ObjectPart,
    expected: Expected,
) -> Result<Option<Problem>, Error> {
    let size = head.info.size;
    // Other formats are recognised by their first bytes.
    let needs_tail = matches!(expected, Expected::Raw | Expected::Stored);
    if !needs_tail && disk_format::judge(expected, size, &head.bytes, &[]).is_ok() {
        return Ok(None);
    }
    let from = size.saturating_sub(disk_format::TAIL_BYTES);
    // The head of a small object has its tail, too.
    let has_all = head.bytes.len() as u64 >= size;
    let tail = if has_all {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        head.bytes.get(from..).unwrap_or_default().to_vec()
    } else {
        let part = step
            .aws()
            .get_range(bucket, &head.info.key, from..=size - 1);
        part.await?.map(|part| part.bytes).unwrap_or_default()
    };
    let judged = disk_format::judge(expected, size, &head.bytes, &tail);
    Ok(judged.err().map(|problem| problem.with_path("source")))
}
