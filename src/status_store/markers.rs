//! Small objects that list what needs work: images that are not finalized, notices that are due, and where the next
//! tick begins.

use jiff::Timestamp;

use super::document::{StoreError, read_status, written_status};
use crate::aws::{Aws, AwsError, ObjectInfo, Saved, Which};
use crate::config::Config;
use crate::image::Status;
use crate::image::status::ManifestVersion;
use crate::image::words::NoticeKind;
use crate::keys;
use crate::limits;

/// Says that this manifest's image is not finalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMarker {
    /// The manifest's key.
    pub manifest_key: String,
    /// The `ETag` it had when it was listed.
    pub etag: String,
    /// When it was written.
    pub opened_at: Timestamp,
}

/// Marks a manifest's image as not finalized, before its status is written. Returns the marker's `ETag`, or that
/// another invocation has marked it: only one starts a version. The marker is written where there is none, or in place
/// of the one whose `ETag` is `known`.
///
/// It holds the version it is for and the time: who finalizes one version cannot delete the marker of the next, nor
/// that of the same manifest with another bundle.
///
/// # Errors
/// If S3 fails.
pub async fn mark_open(
    aws: &Aws,
    config: &Config,
    version: &ManifestVersion,
    known: Option<&str>,
    now: Timestamp,
) -> Result<Saved, AwsError> {
    let content = first_line(version, now).into_bytes();
    let key = keys::open_key(&version.key);
    let created = aws.put_if(&config.state_bucket, &key, content.clone(), None);
    match (created.await?, known) {
        (Saved::Conflict, Some(known)) => {
            let replaced = aws.put_if(&config.state_bucket, &key, content, Some(known));
            replaced.await
        }
        (saved, _) => Ok(saved),
    }
}

/// Marks an image as not finalized that has no status yet, right before the first call that makes something for it. The
/// marker holds the status as it is then, its draft: what that call makes can be found should the invocation die before
/// it writes the status. Returns the marker's `ETag`, or that another invocation has marked it.
///
/// # Errors
/// If S3 fails, or the draft is too large.
pub async fn mark_open_with_draft(
    aws: &Aws,
    config: &Config,
    draft: &Status,
    now: Timestamp,
) -> Result<Saved, StoreError> {
    let version = &draft.manifest;
    let key = keys::open_key(&version.key);
    let mut content = first_line(version, now).into_bytes();
    content.extend(written_status(&config.state_bucket, &key, draft)?);
    Ok(aws
        .put_if(&config.state_bucket, &key, content, None)
        .await?)
}

fn first_line(version: &ManifestVersion, now: Timestamp) -> String {
    format!("{} {} {now}\n", version.sha256, version.uploaded_at)
}

/// The draft that an open marker holds; none if it holds none, or is not the same any more. A draft is read as strictly
/// as a status, and has to be what [`mark_open_with_draft`] writes: one of this manifest, before anything was made.
///
/// # Errors
/// If S3 fails, or what it holds is not such a draft.
pub async fn load_draft(
    aws: &Aws,
    config: &Config,
    marker: &OpenMarker,
) -> Result<Option<Status>, StoreError> {
    let key = keys::open_key(&marker.manifest_key);
    let which = Which::Unchanged(&marker.etag);
    let object = aws.get_object(&config.state_bucket, &key, which, limits::MARKER_BYTES);
    let Some(object) = object.await? else {
        return Ok(None);
    };
    let unusable = |reason: String| StoreError::UnusableMarker {
        bucket: config.state_bucket.clone(),
        key: key.clone(),
        reason,
    };
    let Some(content) = object.content else {
        return Err(unusable(format!("it has {} bytes", object.info.size)));
    };
    let end = content.iter().position(|byte| *byte == b'\n');
    let (first, draft) = end.map_or((&content[..], &[][..]), |end| {
        (&content[..end], &content[end + 1..])
    });
    if draft.is_empty() {
        return Ok(None);
    }
    let about = (config.bucket.as_str(), marker.manifest_key.as_str());
    let draft = match read_status(&config.state_bucket, &key, about, draft) {
        Err(StoreError::Unreadable { reason, .. }) => return Err(unusable(reason)),
        Err(StoreError::OtherBucket { about, .. }) => {
            return Err(unusable(format!("it is about another manifest, {about}")));
        }
        draft => draft?,
    };
    match no_draft(&draft, &String::from_utf8_lossy(first)) {
        Some(reason) => Err(unusable(reason)),
        None => Ok(Some(draft)),
    }
}

/// Why this is not what [`mark_open_with_draft`] writes below this first line: a first attempt, of which nothing was
/// made, notified or requested. Who may write a marker could have anything taken for a status otherwise.
fn no_draft(draft: &Status, first_line: &str) -> Option<String> {
    let version = &draft.manifest;
    let its_line = format!("{} {} ", version.sha256, version.uploaded_at);
    let build = &draft.build;
    let is_told = draft.notices.iter().any(|notice| {
        notice.kind != NoticeKind::Started
            || notice.attempts > 0
            || notice.attempt_failed
            || notice.claimed_at.is_some()
            || notice.sent_at.is_some()
    });
    let asked = draft.store.as_ref().and_then(|store| store.asked_at);
    let wrong = [
        (
            "another version in its first line",
            !first_line.starts_with(&its_line),
        ),
        (
            "an earlier attempt",
            build.attempt > 0 || !draft.previous.is_empty() || !draft.forgotten.is_empty(),
        ),
        (
            "something that was made",
            !build.tasks.is_empty() || !draft.regions.is_empty() || asked.is_some(),
        ),
        (
            "something that was cleaned up",
            !build.deleted.is_empty() || !build.orphans.is_empty(),
        ),
        (
            "an end",
            build.failure.is_some() || build.ending.is_some() || !draft.problems.is_empty(),
        ),
        (
            "a request",
            draft.cancel.is_some() || draft.retry.is_some() || draft.answered.is_some(),
        ),
        (
            "something that was notified",
            is_told || draft.notices.len() > 1,
        ),
    ];
    if draft.state.is_final() || !build.step.creates() {
        return Some(format!("it holds {}", draft.place()));
    }
    let found = wrong.into_iter().find(|(_, is_wrong)| *is_wrong);
    found.map(|(what, _)| format!("its draft has {what}"))
}

/// Deletes the open marker of a finalized image if it still has this `ETag`, and says whether it is gone: another
/// version may have been opened since.
///
/// # Errors
/// If S3 fails.
pub async fn mark_finalized(
    aws: &Aws,
    config: &Config,
    manifest_key: &str,
    etag: &str,
) -> Result<bool, AwsError> {
    let key = keys::open_key(manifest_key);
    aws.delete_if(&config.state_bucket, &key, etag).await
}

/// What a tick has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// The keys of the first requests, and of whatever else somebody wrote there: at most
    /// [`limits::REQUESTS_A_TICK`]. The others follow once these are deleted. Which images are open is asked after they
    /// are answered, because an answer may open one.
    Requests(Vec<String>),
    /// There is no request; the manifests whose images are not finalized, as [`list_open`] has them.
    Images(Vec<OpenMarker>),
}

/// The requests that are not answered yet or, if there are none, the images that are not finalized: mostly there is
/// neither, and one call tells.
///
/// # Errors
/// If S3 fails.
pub async fn list_requests_or_open(
    aws: &Aws,
    config: &Config,
    now: Timestamp,
) -> Result<Open, AwsError> {
    let mut requests: Vec<String> = Vec::new();
    let markers = list_markers(aws, config, keys::OPEN, |page| {
        let those = page.iter().map(|object| &object.key);
        let those = those.filter(|key| key.starts_with(keys::REQUESTS));
        requests.extend(those.cloned());
        requests.is_empty()
    });
    let markers = markers.await?;
    if requests.is_empty() {
        return Ok(Open::Images(markers));
    }
    Ok(Open::Requests(in_turn(requests, now)))
}

/// As many of these requests, which S3 listed with one call, as a tick answers: in another minute others, for those that cannot be
/// answered, as those about statuses of a newer release, stay where they are.
fn in_turn(mut requests: Vec<String>, now: Timestamp) -> Vec<String> {
    if requests.len() > limits::REQUESTS_A_TICK {
        let minutes = usize::try_from(now.as_second() / 60).unwrap_or_default();
        let first = minutes.wrapping_mul(limits::REQUESTS_A_TICK) % requests.len();
        requests.rotate_left(first);
        requests.truncate(limits::REQUESTS_A_TICK);
    }
    requests
}

/// The manifests whose images are not finalized, the oldest marker first. Of more than [`limits::OPEN_MARKERS`], those
/// with the oldest: the others start once some of these are finalized.
///
/// # Errors
/// If S3 fails.
pub async fn list_open(aws: &Aws, config: &Config) -> Result<Vec<OpenMarker>, AwsError> {
    list_markers(aws, config, keys::OPEN_MARKERS, |_| true).await
}

/// The open markers under a prefix, page by page while `goes_on` says so of each.
async fn list_markers(
    aws: &Aws,
    config: &Config,
    prefix: &str,
    mut goes_on: impl FnMut(&[ObjectInfo]) -> bool,
) -> Result<Vec<OpenMarker>, AwsError> {
    let mut objects: Vec<ObjectInfo> = Vec::new();
    aws.each_page(&config.state_bucket, prefix, |page| {
        let more = goes_on(&page);
        let is_marker = |object: &ObjectInfo| keys::manifest_of_open(&object.key).is_some();
        objects.extend(page.into_iter().filter(is_marker));
        if objects.len() >= 2 * limits::OPEN_MARKERS {
            keep_oldest(&mut objects);
        }
        more
    })
    .await?;
    keep_oldest(&mut objects);
    let marker = |object: ObjectInfo| {
        let manifest_key = keys::manifest_of_open(&object.key)?.to_owned();
        Some(OpenMarker {
            manifest_key,
            etag: object.etag,
            opened_at: object.modified_at,
        })
    };
    Ok(objects.into_iter().filter_map(marker).collect())
}

/// Sorts markers by age, and drops what is too much to hold.
fn keep_oldest(objects: &mut Vec<ObjectInfo>) {
    objects.sort_by(|one, other| (one.modified_at, &one.key).cmp(&(other.modified_at, &other.key)));
    if objects.len() > limits::OPEN_MARKERS {
        let left_out = objects.len() - limits::OPEN_MARKERS;
        tracing::warn!(left_out, "too many images are open; the newest wait");
        objects.truncate(limits::OPEN_MARKERS);
    }
}

/// Says that the status of this manifest has a notice that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMarker {
    /// The manifest's key.
    pub manifest_key: String,
    /// Its `ETag`; none if its event does not say.
    pub etag: Option<String>,
}

/// Invokes `notify` for the status that was just written. It holds that status's `ETag`: no two markers are the same.
///
/// A failure does not fail what was done and saved: the schedule sends what `notify` does not.
pub(super) async fn mark_due(aws: &Aws, config: &Config, manifest_key: &str, status_etag: &str) {
    let key = keys::due_key(manifest_key);
    let content = format!("{status_etag}\n");
    if let Err(error) = aws.put_object(&config.state_bucket, &key, content).await {
        tracing::warn!(manifest = manifest_key, %error, "notify was not invoked; the schedule sends the notice");
    }
}

/// Deletes a due marker, if it is still the same: a newer one is for a newer notice. One whose `ETag` is not known
/// stays, until a sweep finds it.
///
/// # Errors
/// If S3 fails.
pub async fn delete_due(aws: &Aws, config: &Config, marker: &DueMarker) -> Result<(), AwsError> {
    if let Some(etag) = &marker.etag {
        let key = keys::due_key(&marker.manifest_key);
        aws.delete_if(&config.state_bucket, &key, etag).await?;
    }
    Ok(())
}

/// Deletes the due marker and, with the same call, the open marker of an image that is finalized by it. Says whether the
/// open marker is gone; each is deleted only if it is still the same, as [`delete_due`] and [`mark_finalized`] do it.
///
/// # Errors
/// If S3 fails.
pub async fn delete_due_and_open(
    aws: &Aws,
    config: &Config,
    due: &DueMarker,
    open_etag: &str,
) -> Result<bool, AwsError> {
    let Some(due_etag) = &due.etag else {
        return mark_finalized(aws, config, &due.manifest_key, open_etag).await;
    };
    let due_key = keys::due_key(&due.manifest_key);
    let open_key = keys::open_key(&due.manifest_key);
    let markers = [(&*due_key, &**due_etag), (&*open_key, open_etag)];
    let deleted = aws.delete_each_if(&config.state_bucket, &markers);
    Ok(deleted.await?.last() == Some(&true))
}

/// Remembers where a tick ran out of time: the next one begins with this marker, so that none is left out for good.
///
/// # Errors
/// If S3 fails.
pub async fn save_resume_point(
    aws: &Aws,
    config: &Config,
    next: &OpenMarker,
) -> Result<(), AwsError> {
    let content = format!("{}\n{}\n", next.opened_at, next.manifest_key);
    aws.put_object(&config.state_bucket, keys::RESUME_POINT, content)
        .await?;
    Ok(())
}

/// Rotates the markers, oldest first, so that they begin where an earlier tick ran out of time.
///
/// # Errors
/// If S3 fails.
pub async fn load_resume_point(
    aws: &Aws,
    config: &Config,
    open: &mut [OpenMarker],
) -> Result<(), AwsError> {
    let object = aws
        .get_object(
            &config.state_bucket,
            keys::RESUME_POINT,
            Which::Current,
            limits::RESUME_POINT_BYTES,
        )
        .await?;
    let content = object.and_then(|object| object.content).unwrap_or_default();
    let content = String::from_utf8_lossy(&content);
    let point = content
        .split_once('\n')
        .and_then(|(at, key)| Some((at.parse::<Timestamp>().ok()?, key.trim_end_matches('\n'))));
    if let Some(point) = point {
        let before = |marker: &OpenMarker| (marker.opened_at, &*marker.manifest_key) < point;
        let at = open.partition_point(before);
        open.rotate_left(at.min(open.len()));
    }
    Ok(())
}
