//! What a status must be beyond its shape: ids in EC2's form, words of one line, names of a length that EC2 takes. One id
//! that EC2 refuses would fail the call for all images that are polled with it.

use std::collections::{BTreeMap, BTreeSet};

use super::build::Owners;
use super::copying::CopyRequest;
use super::drift::{Difference, Drift};
use super::records::{ManifestVersion, Orphan, OrphanReason, RegionStatus};
use super::release::Release;
use super::retiring::{KeptSnapshot, Replaced, Retirement};
use crate::image::task::{Task, TaskKind};
use crate::image::words::{FailureKind, WaitReason};
use crate::manifest::text::excerpt;

/// Longest AMI name, in characters (RegisterImage, Name).
const NAME_MAX: usize = 128;

/// Longest word: a digest, an `ETag`, a version id (1024 bytes at most, S3 User Guide), a Region.
const WORD_MAX: usize = 1024;

/// Longest part of an id after its prefix. EC2's have 8 or 17 digits.
const ID_MAX: usize = 40;

/// What is wrong with the manifest's version.
pub(super) fn manifest(manifest: &ManifestVersion) -> Result<(), String> {
    word("manifest.etag", &manifest.etag)?;
    word("manifest.sha256", &manifest.sha256)?;
    for (field, value) in [
        ("manifest.versionId", &manifest.version_id),
        ("manifest.publishDigest", &manifest.publish_digest),
    ] {
        value.as_deref().map_or(Ok(()), |it| word(field, it))?;
    }
    Ok(())
}

/// What is wrong with an AMI's name.
pub(super) fn name(name: &str) -> Result<(), String> {
    let is_printable = name.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    if name.is_empty() || name.len() > NAME_MAX || !is_printable {
        return Err("build.name is not the name of an AMI".to_owned());
    }
    Ok(())
}

/// What is wrong with whose the sources are.
pub(super) fn source_owners(owners: &Owners) -> Result<(), String> {
    for (source, owner) in owners {
        made("build.sourceOwners", source)?;
        word("build.sourceOwners.*.id", &owner.id)?;
        if let Some(alias) = &owner.alias {
            word("build.sourceOwners.*.alias", alias)?;
        }
    }
    Ok(())
}

/// What is wrong with a task.
pub(super) fn task(task: &Task) -> Result<(), String> {
    let prefix = match task.kind {
        TaskKind::ImportSnapshot => "import-snap-",
        TaskKind::ImportImage => "import-ami-",
        TaskKind::BundleInstance => "bun-",
        TaskKind::CopyImage | TaskKind::RestoreImage | TaskKind::StoreImage => "ami-",
    };
    id("build.tasks[].id", prefix, &task.id)?;
    word("build.tasks[].region", &task.region)?;
    if let Some(image) = &task.image {
        id("build.tasks[].image", "ami-", image)?;
    }
    snapshots("build.tasks[].snapshots", &task.snapshots)
}

/// What is wrong with the AMIs of a version.
pub(super) fn images(regions: &BTreeMap<String, RegionStatus>) -> Result<(), String> {
    for (region, image) in regions {
        word("regions", region)?;
        id("regions.*.image", "ami-", &image.image)?;
        snapshots("regions.*.snapshots", &image.snapshots)?;
        if let Some(it) = &image.failure {
            failure(&it.kind)?;
        }
        if let Some(source) = &image.licensed_source {
            id("regions.*.licensedSource.image", "ami-", &source.image)?;
        }
        let retiring = &image.retiring;
        snapshots("regions.*.retiring.snapshots", &retiring.snapshots)?;
        snapshots("regions.*.retiring.deleting", &retiring.deleting)?;
        snapshots("regions.*.retiring.deleted", &retiring.deleted)?;
        let mut not_shown = retiring.not_shown_since.keys();
        not_shown.try_for_each(|it| id("regions.*.retiring.notShownSince", "snap-", it))?;
        kept(&retiring.kept)?;
        shares(
            "regions.*.applied.snapshots",
            &image.applied.settings.snapshots,
        )?;
        shares("regions.*.retiring.revoked", &retiring.revoked)?;
        shares("regions.*.retiring.shared", &retiring.shared)?;
    }
    Ok(())
}

/// What is wrong with what was asked of CopyImage.
pub(super) fn copies(copies: &BTreeMap<String, CopyRequest>) -> Result<(), String> {
    for (region, copy) in copies {
        word("copies", region)?;
        if let Some(it) = &copy.waiting {
            waiting(&it.reason)?;
        }
        let mut removed = copy.removed.iter();
        removed.try_for_each(|it| id("copies.*.removed[]", "ami-", it))?;
        let mut failures = copy.last_error.iter().chain(&copy.failure);
        failures.try_for_each(|it| failure(&it.kind))?;
    }
    Ok(())
}

/// What is wrong with how an AMI differs from what its manifest says.
pub(super) fn drift(drift: &Drift) -> Result<(), String> {
    for it in &drift.found {
        word("drift.found[].region", &it.region)?;
        id("drift.found[].image", "ami-", &it.image)?;
        // Its value may be anything, and is quoted wherever it is shown.
        if let Difference::Parameter { name, .. } = &it.what {
            word("drift.found[].name", name)?;
        }
    }
    let mut digests = drift.digests.iter();
    digests.try_for_each(|it| word("drift.digests", it))
}

/// What is wrong with the parameters that point to the AMI.
pub(super) fn release(release: &Release) -> Result<(), String> {
    for (key, known) in &release.parameters {
        word("release.parameters", &key.region)?;
        word("release.parameters", &key.name)?;
        let put = known.put.iter().map(|put| &put.value);
        let possible = known.possible.iter().map(|it| &it.value);
        for value in known.value.iter().chain(put).chain(possible) {
            id("release.parameters.*.value", "ami-", value)?;
        }
        if let Some(it) = &known.failure {
            failure(&it.kind)?;
        }
    }
    Ok(())
}

/// What is wrong with what became of an AMI that was to be retired.
pub(super) fn retirement(retirement: &Retirement) -> Result<(), String> {
    word("retired[].region", &retirement.region)?;
    id("retired[].image", "ami-", &retirement.image)?;
    snapshots("retired[].deleted", &retirement.deleted)?;
    shares("retired[].revoked", &retirement.revoked)?;
    shares("retired[].shared", &retirement.shared)?;
    kept(&retirement.kept)
}

/// What is wrong with an AMI that had to go first.
pub(super) fn replaced(replaced: &Replaced) -> Result<(), String> {
    word("replaced[].region", &replaced.region)?;
    id("replaced[].image", "ami-", &replaced.image)
}

fn kept(snapshots: &[KeptSnapshot]) -> Result<(), String> {
    snapshots
        .iter()
        .try_for_each(|it| id("kept[].snapshot", "snap-", &it.snapshot))
}

/// Snapshots, with the accounts that have them.
fn shares(field: &str, shares: &BTreeMap<String, BTreeSet<String>>) -> Result<(), String> {
    shares.keys().try_for_each(|it| id(field, "snap-", it))
}

fn snapshots(field: &str, ids: &[String]) -> Result<(), String> {
    ids.iter().try_for_each(|it| id(field, "snap-", it))
}

/// What is wrong with a failure: the advice about it names its ids.
pub(super) fn failure(kind: &FailureKind) -> Result<(), String> {
    match kind {
        FailureKind::NameTaken { image, .. }
        | FailureKind::ImageFailed { image }
        | FailureKind::ImageDeregistered { image }
        | FailureKind::CopyFailed { image, .. }
        | FailureKind::CopyUnusable { image }
        | FailureKind::ImageLost { image } => id("build.failure.image", "ami-", image),
        FailureKind::ImageDisabled { region, image } => {
            word("build.failure.region", region)?;
            id("build.failure.image", "ami-", image)
        }
        FailureKind::SeveralImages { images } => images
            .iter()
            .try_for_each(|it| id("build.failure.images[]", "ami-", it)),
        FailureKind::Unproven { what } => made("build.failure.what", what),
        FailureKind::RequestRefused { action: name } => action("build.failure.action", name),
        FailureKind::ManifestGone
        | FailureKind::BundleInvalid
        | FailureKind::ManifestNotAllowed
        | FailureKind::SourceUnreadable { .. }
        | FailureKind::BundleKeyUnusable
        | FailureKind::TaskFailed
        | FailureKind::TaskMadeNothing
        | FailureKind::TaskLost
        | FailureKind::StatusTooLarge
        | FailureKind::SettingsGone
        | FailureKind::Blocked
        | FailureKind::NotShareable { .. }
        | FailureKind::NotPublished
        | FailureKind::RegionDisabled
        | FailureKind::NotCopyable
        | FailureKind::ParameterConflict { .. }
        | FailureKind::ParameterNotValidated
        | FailureKind::AnswerUnusable
        // A name or a bucket: quoted wherever it is shown.
        | FailureKind::NotInManifest { .. }
        | FailureKind::Other => Ok(()),
    }
}

/// What is wrong with what is waited for.
pub(super) fn waiting(reason: &WaitReason) -> Result<(), String> {
    match reason {
        WaitReason::RateLimited { action: name } => action("build.waiting.action", name),
        WaitReason::InstanceBusy { instance, task } => {
            id("build.waiting.instance", "i-", instance)?;
            let task = task.as_deref();
            task.map_or(Ok(()), |it| id("build.waiting.task", "bun-", it))
        }
        WaitReason::StoreUnanswered { image, .. }
        | WaitReason::ImageNotVisible { image }
        | WaitReason::ProtectionCooldown { image, .. } => id("build.waiting.image", "ami-", image),
        WaitReason::Unproven { what } => made("build.waiting.what", what),
        // Keys and EC2's words have any form; they are quoted wherever they are shown.
        WaitReason::ObjectMissing { .. }
        | WaitReason::ObjectEmpty { .. }
        | WaitReason::BundleManifestMissing { .. }
        | WaitReason::PartsMissing { .. }
        | WaitReason::PartsSizeMismatch { .. }
        | WaitReason::ManifestGone
        | WaitReason::Retrying { .. }
        | WaitReason::CancelUnanswered
        | WaitReason::CancelRefused { .. }
        | WaitReason::DeletionNotVisible => Ok(()),
        WaitReason::SettingsNotVisible { region } | WaitReason::CopyPending { region } => {
            word("build.waiting.region", region)
        }
        WaitReason::ImagePending { region, image } | WaitReason::NoSuccessor { region, image } => {
            word("build.waiting.region", region)?;
            id("build.waiting.image", "ami-", image)
        }
        WaitReason::ParameterNotConfirmed { region, name } => {
            word("build.waiting.region", region)?;
            word("build.waiting.name", name)
        }
    }
}

/// What is wrong with something that was not deleted.
pub(super) fn orphan(orphan: &Orphan) -> Result<(), String> {
    if orphan.what != Orphan::UNSEEN {
        made("build.orphans[].what", &orphan.what)?;
    }
    match &orphan.reason {
        OrphanReason::NeededBy { by } => made("build.orphans[].by", by),
        OrphanReason::Unproven
        | OrphanReason::Refused { .. }
        | OrphanReason::Ambiguous
        | OrphanReason::AvailableForLong => Ok(()),
    }
}

/// Something that is made for an image: an id, or an address in S3.
pub(super) fn made(field: &str, value: &str) -> Result<(), String> {
    let prefixes = ["ami-", "snap-", "import-snap-", "import-ami-", "bun-"];
    let is_id = prefixes
        .iter()
        .any(|prefix| id(field, prefix, value).is_ok());
    (is_id || value.starts_with("s3://"))
        .then_some(())
        .ok_or_else(|| format!("{field} is neither an id of EC2 nor an address in S3"))
}

/// The name of a request, as `RegisterImage`.
fn action(field: &str, value: &str) -> Result<(), String> {
    let is_name = !value.is_empty()
        && value.len() <= ID_MAX
        && value.chars().all(|c| c.is_ascii_alphanumeric());
    is_name
        .then_some(())
        .ok_or_else(|| format!("{field} is not the name of a request"))
}

/// An id of EC2: its prefix, letters and digits.
fn id(field: &str, prefix: &str, value: &str) -> Result<(), String> {
    let rest = value.strip_prefix(prefix).unwrap_or_default();
    let is_id =
        !rest.is_empty() && rest.len() <= ID_MAX && rest.chars().all(|c| c.is_ascii_alphanumeric());
    is_id.then_some(()).ok_or_else(|| {
        format!(
            "{field} is not an id that begins with {prefix}: {}",
            excerpt(value)
        )
    })
}

/// One word of printable ASCII.
pub(super) fn word(field: &str, value: &str) -> Result<(), String> {
    let is_word = value.len() <= WORD_MAX && value.chars().all(|c| c.is_ascii_graphic());
    is_word
        .then_some(())
        .ok_or_else(|| format!("{field} is not one word of at most {WORD_MAX} characters"))
}
