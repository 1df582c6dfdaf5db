//! A notice for machines: the JSON that subscribers other than email get, and its schema.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::advice;
use super::headline::Sender;
use crate::image::status::{
    AppliedChange, BundleVersion, Cancel, CopyRequest, Drift, Failure, ManifestVersion, Notice,
    Orphan, PreviousVersion, RegionStatus, Release, Replaced, Retirement, SourceObject, Status,
    Waiting,
};
use crate::image::task::Task;
use crate::image::words::{NoticeKind, SourceKind, is_zero};
use crate::manifest::Problem;

/// A notice of amiwright, as subscribers other than email get it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Notice")]
pub(super) struct Document<'a> {
    /// What it says.
    event: NoticeKind,
    /// The same for every repetition of this notice, and for no other: SNS may deliver twice.
    id: String,
    /// When that happened.
    at: Timestamp,
    /// Account of the stack.
    account: &'a str,
    /// Region of the stack.
    region: &'a str,
    /// The manifest version that it is about.
    manifest: &'a ManifestVersion,
    /// The AMI's name, once it is fixed.
    name: Option<&'a str>,
    /// The version's identity: SHA-256 of the manifest's build half and of the version of what it is made from.
    digest: Option<&'a str>,
    /// What the image is made from; none for a manifest that could not be read.
    source: Option<SourceKind>,
    /// The bundle that is registered.
    bundle: Option<&'a BundleVersion>,
    /// The AMI in each Region.
    regions: &'a BTreeMap<String, RegionStatus>,
    /// What was asked of CopyImage, for each Region that is to have a copy.
    copies: &'a BTreeMap<String, CopyRequest>,
    /// What was changed about the AMI since its manifest, or its settings, were last uploaded, oldest first.
    changes: &'a [AppliedChange],
    /// The AMIs of earlier versions that had to go before this one could be registered.
    replaced: &'a [Replaced],
    /// When the manifest was seen to be removed, of an image that was made, or of one that did not become available while there were
    /// AMIs of it.
    removed_at: Option<Timestamp>,
    /// The SSM parameters that point to the AMI.
    release: &'a Release,
    /// What became of AMIs that were to be retired.
    retired: &'a [Retirement],
    /// The AMIs of earlier versions that no version retires any more, because too many came before they could be retired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    forgotten: Vec<&'a Retirement>,
    /// How many more there were before these.
    #[serde(skip_serializing_if = "is_zero")]
    forgotten_omitted: u32,
    /// How the finished AMI differs from what its manifest says.
    drift: Option<&'a Drift>,
    /// The versions of the manifest before this one that have AMIs, oldest first.
    previous: &'a [PreviousVersion],
    /// Whether the previous AMIs lost their registration, because their bundle was overwritten.
    previous_invalid: bool,
    /// Seconds since this version was started.
    seconds: i64,
    /// Why the manifest was rejected: the first problems.
    problems: Vec<&'a Problem>,
    /// How many problems there are.
    problem_count: usize,
    /// Why the image failed, or is incomplete.
    failure: Option<FailureWithHint<'a>>,
    /// What is waited for.
    waiting: Option<&'a Waiting>,
    /// The object that the image is made from, as it was when it was checked.
    object: Option<&'a SourceObject>,
    /// EC2's tasks that make the image, oldest first.
    tasks: &'a [Task],
    /// The request to cancel it.
    cancel: Option<&'a Cancel>,
    /// What was made for it and was deleted.
    deleted: &'a [String],
    /// What may have been made for it and was not deleted, each with the reason.
    orphans: &'a [Orphan],
    /// That lists or texts were shortened: the status has them whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
}

/// Why an image failed, and what to do.
#[derive(Debug, Serialize, JsonSchema)]
struct FailureWithHint<'a> {
    #[serde(flatten)]
    failure: &'a Failure,
    /// What to do.
    hint: String,
}

/// The shortest form of a notice, of which nothing more could be sent: the status has the rest.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ShortNotice")]
pub(super) struct ShortDocument<'a> {
    /// What it says.
    event: NoticeKind,
    /// The same for every repetition of this notice, and for no other.
    id: String,
    /// When that happened.
    at: Timestamp,
    /// Account of the stack.
    account: &'a str,
    /// Region of the stack.
    region: &'a str,
    /// The manifest that it is about.
    manifest: ShortManifest<'a>,
    /// The AMI's name, once it is fixed.
    name: Option<&'a str>,
    /// Always true.
    truncated: bool,
}

/// Where a manifest is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShortManifest<'a> {
    /// Bucket.
    bucket: &'a str,
    /// Key.
    key: &'a str,
}

/// For the schema alone: a notice is one or the other.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Notice of amiwright")]
#[expect(dead_code, reason = "only its schema is used")]
enum AnyDocument {
    Whole(Box<Document<'static>>),
    Short(ShortDocument<'static>),
}

impl<'a> Document<'a> {
    /// Of a status as it was, with so many of its problems.
    pub(super) fn of(
        status: &'a Status,
        notice: &Notice,
        problems: usize,
        sender: Sender<'a>,
    ) -> Self {
        let build = &status.build;
        let failure = build.failure.as_ref();
        Self {
            event: notice.kind,
            id: deduplication_id(status, notice.seq),
            at: notice.at,
            account: sender.account,
            region: sender.region,
            manifest: &status.manifest,
            name: build.name.as_deref(),
            digest: build.digest.as_deref(),
            source: build.source,
            bundle: build.bundle.as_ref(),
            regions: &status.regions,
            copies: &status.copies,
            changes: &status.changes,
            replaced: &status.replaced,
            removed_at: status.removed_at,
            release: &status.release,
            retired: &status.retired,
            forgotten: match status.forgotten.told {
                // An earlier notice named them.
                true => Vec::new(),
                false => status.forgotten_previous().collect(),
            },
            forgotten_omitted: match status.forgotten.told {
                true => 0,
                false => status.forgotten.omitted,
            },
            drift: status.drift.as_ref(),
            previous: &status.previous,
            previous_invalid: status.invalidates_previous(),
            seconds: notice.at.duration_since(build.started_at).as_secs(),
            problems: status.problems.iter().take(problems).collect(),
            problem_count: status.problem_count(),
            failure: failure.map(|failure| FailureWithHint {
                failure,
                hint: advice::hint(status, failure),
            }),
            waiting: build.waiting.as_ref(),
            object: build.object.as_ref(),
            tasks: &build.tasks,
            cancel: status.cancel.as_ref(),
            deleted: &build.deleted,
            orphans: &build.orphans,
            truncated: None,
        }
    }
}

impl<'a> ShortDocument<'a> {
    /// Of a status as it was.
    pub(super) fn of(status: &'a Status, notice: &Notice, sender: Sender<'a>) -> Self {
        let manifest = &status.manifest;
        Self {
            event: notice.kind,
            id: deduplication_id(status, notice.seq),
            at: notice.at,
            account: sender.account,
            region: sender.region,
            manifest: ShortManifest {
                bucket: &manifest.bucket,
                key: &manifest.key,
            },
            name: status.build.name.as_deref(),
            truncated: true,
        }
    }
}

/// The same for every try to send one notice, and for no other notice: with it a receiver knows a repetition.
fn deduplication_id(status: &Status, seq: u64) -> String {
    format!("{}#{seq}", status.manifest.uri())
}

/// The JSON Schema of notices for machines.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<AnyDocument>()
        .to_value()
}
