//! The object that an image is made from: it has to be there, in the AMI's Region, and be what the manifest says,
//! before EC2 is asked to work on it. EC2 itself says so only after minutes.

use super::wanted::{self, Pinned, Wanted};
use super::{Context, Error, hints};
use crate::aws::{Object, ObjectInfo, Remedy};
use crate::image::status::{SourceObject, Status, Waiting};
use crate::image::transition;
use crate::manifest::Problem;
use crate::manifest::disk_format::{self, Expected};
use crate::manifest::image::Source;

/// Looks at the object. Returns whether the status changed.
pub(super) async fn check(
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
    let Some((location, expected)) = expected(&wanted, status) else {
        return Ok(false);
    };
    match look(context, status, &location, expected).await {
        // It may be in a bucket that cannot be read: asking every minute is no use, and nobody would know.
        Err(Error::Aws(refused)) if refused.remedy == Remedy::Never => {
            let what = wanted.source().map_or("object", Source::kind);
            let hint = hints::for_unreadable(what, &refused);
            transition::fail(status, refused.into_failure(hint), context.now);
            Ok(true)
        }
        changed => changed,
    }
}

/// Whether the object was replaced since it was looked at, so that it has to be looked at again. Only asked where some
/// time has passed.
pub(super) async fn is_replaced(context: Context<'_>, status: &Status) -> Result<bool, Error> {
    let Some(object) = &status.object else {
        return Ok(false);
    };
    if context.is_first {
        return Ok(false);
    }
    let current = context.aws.head_object(&object.bucket, &object.key).await?;
    Ok(current.is_none_or(|current| current.etag != object.etag))
}

/// Bucket and key of the object, and what it should be.
fn expected(wanted: &Wanted, status: &Status) -> Option<((String, String), Expected)> {
    let (location, expected) = match wanted.source()? {
        Source::Disk(disk) => (&disk.object, Expected::from(disk.format)),
        Source::Vm(vm) => (&vm.object, Expected::from(vm.format)),
        Source::Stored(stored) => (&stored.object, Expected::Stored),
        _ => return None,
    };
    let manifest = &status.manifest;
    Some((location.resolve(&manifest.bucket, &manifest.key), expected))
}

async fn look(
    context: Context<'_>,
    status: &mut Status,
    (bucket, key): &(String, String),
    expected: Expected,
) -> Result<bool, Error> {
    let Some(info) = context.aws.head_object(bucket, key).await? else {
        // A HEAD does not tell a bucket that is not there from a key that is not.
        context.aws.bucket_region(bucket).await?;
        let waiting = Waiting {
            missing_key: Some(key.clone()),
            ..Waiting::new(format!("s3://{bucket}/{key} is not uploaded yet"))
        };
        return Ok(transition::wait(status, waiting, context.now));
    };
    let mut problems = Vec::new();
    problems.extend(elsewhere(context, bucket).await?);
    if problems.is_empty() {
        problems.extend(otherwise(context, bucket, &info, expected).await?);
    }
    if !problems.is_empty() {
        transition::reject(status, problems, context.now);
        return Ok(true);
    }
    let object = SourceObject {
        bucket: bucket.clone(),
        key: key.clone(),
        etag: info.etag,
        size: info.size,
    };
    transition::object_checked(status, object, context.now);
    Ok(true)
}

/// Says that the object is in another Region than the AMI is to be.
async fn elsewhere(context: Context<'_>, bucket: &str) -> Result<Option<Problem>, Error> {
    let region = context.aws.bucket_region(bucket).await?;
    let ours = &context.config.region;
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
    context: Context<'_>,
    bucket: &str,
    info: &ObjectInfo,
    expected: Expected,
) -> Result<Option<Problem>, Error> {
    let read = async |from: u64, to: u64| -> Result<Vec<u8>, Error> {
        if info.size == 0 {
            return Ok(Vec::new());
        }
        let range = from..=to.min(info.size - 1);
        let bytes = context.aws.get_range(bucket, &info.key, range).await?;
        Ok(bytes.unwrap_or_default())
    };
    let head = read(0, disk_format::HEAD_BYTES - 1).await?;
    let tail = read(info.size.saturating_sub(disk_format::TAIL_BYTES), u64::MAX).await?;
    let judged = disk_format::judge(expected, info.size, &head, &tail);
    Ok(judged.err().map(|problem| problem.with_path("source")))
}
