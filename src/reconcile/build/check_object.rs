//! `check-object`: the object that the image is made from has to be there, in the AMI's Region, and be what the
//! manifest says, before EC2 is asked to work on it. EC2 itself says so only after minutes.

use crate::aws::{ObjectPart, Remedy};
use crate::image::message::failures;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::status::SourceObject;
use crate::image::words::WaitReason;
use crate::manifest::Problem;
use crate::manifest::disk_format::{self, Expected};
use crate::manifest::image::Source;
use crate::reconcile::context::Error;
use crate::reconcile::spec::{ManifestRead, Spec};
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

/// Whether the object that the status names is not the manifest's.
pub(super) fn is_other(step: &StepContext<'_>, spec: &Spec) -> bool {
    let Some(object) = &step.status.build.object else {
        return false;
    };
    let location = spec.object_location(&step.status.manifest);
    location.is_some_and(|(bucket, key)| (&object.bucket, &object.key) != (&bucket, &key))
}

/// Whether the object was replaced since it was checked, so that it has to be checked again. Only asked where some
/// time has passed.
pub(super) async fn is_replaced(step: &StepContext<'_>) -> Result<bool, Error> {
    let Some(object) = &step.status.build.object else {
        return Ok(false);
    };
    if step.is_first {
        return Ok(false);
    }
    let current = step.aws().head_object(&object.bucket, &object.key).await?;
    Ok(current.is_none_or(|current| current.etag != object.etag))
}

/// What the object should be.
fn expected(spec: &Spec) -> Option<Expected> {
    match spec.source()? {
        Source::Disk(disk) => Some(Expected::from(disk.format)),
        Source::Vm(vm) => Some(Expected::from(vm.format)),
        Source::Stored(_) => Some(Expected::Stored),
        _ => None,
    }
}

async fn check(step: &StepContext<'_>, spec: &Spec) -> Result<StepOutcome, Error> {
    let version = &step.status.manifest;
    let (Some((bucket, key)), Some(expected)) = (spec.object_location(version), expected(spec))
    else {
        return Ok(StepOutcome::Unchanged);
    };
    // The own bucket is there and in this Region, or nothing would run.
    let is_own = bucket == step.config().bucket;
    let head = 0..=disk_format::HEAD_BYTES - 1;
    let Some(head) = step.aws().get_range(&bucket, &key, head).await? else {
        // S3 does not distinguish a bucket that is not there from a key that is not.
        if !is_own {
            step.aws().bucket_region(&bucket).await?;
        }
        return Ok(StepOutcome::Wait(WaitReason::ObjectMissing { bucket, key }));
    };
    if head.info.size == 0 {
        return Ok(StepOutcome::Wait(WaitReason::ObjectEmpty { bucket, key }));
    }
    let mut problem = None;
    if !is_own {
        problem = elsewhere(step, &bucket).await?;
    }
    if problem.is_none() {
        problem = otherwise(step, &bucket, &head, expected).await?;
    }
    if let Some(problem) = problem {
        return Ok(StepOutcome::Reject(vec![problem]));
    }
    let identity = spec.identity(version, &head.info.etag);
    let object = SourceObject {
        bucket,
        key,
        etag: head.info.etag,
        size: head.info.size,
    };
    Ok(StepOutcome::Advance(Evidence::ObjectChecked {
        object,
        identity,
    }))
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
