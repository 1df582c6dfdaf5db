//! How far an AMI is built.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::publishing::Settings;
use super::records::{BundleVersion, Orphan, SourceObject, Waiting};
use crate::image::task::Task;
use crate::image::words::{SourceKind, Step, TerminalReason, is_zero};
use crate::manifest::guardrails::Owner;

/// Whose snapshots and AMIs are, by their ids.
pub type Owners = BTreeMap<String, Owner>;

/// How one version's AMI is built: a line of steps, in the stack's Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// The version's identity: SHA-256 of the manifest's build half and of the version of what it is made from.
    /// It goes into the ownership tag and into `{digest}`. None while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How often this manifest was started before, for other versions or for this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Whether an operator asked for this attempt (`amiwright retry`): otherwise it is the first one of an upload.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_retry: bool,
    /// What the image is made from; none for a manifest that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceKind>,
    /// The AMI's name, fixed before anything is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is being done, or was done last.
    pub step: Step,
    /// When `step` began.
    pub step_since: Timestamp,
    /// When this version was started.
    pub started_at: Timestamp,
    /// The object that the image is made from, as it was when it was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<SourceObject>,
    /// The bundle that is registered, once its manifest was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleVersion>,
    /// Whose the snapshots and the AMI are that the manifest names, by their ids, as EC2 said when it was looked at last: what
    /// the stack does not allow any more is known by that. One that is not named was not looked at yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_owners: Owners,
    /// What the AMI gets when it is made: it is ours from the beginning.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub created_with: Settings,
    /// EC2's tasks that make the image, oldest first. The last is the one that is polled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Percent of the task that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<u8>,
    /// What is waited for, if the step cannot proceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// When something was over in this step that takes its time, as a copy does, or whose end is known, as a cooldown's is:
    /// what keeps the image in its step counts from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_until: Option<Timestamp>,
    /// How many stalled notices there were since anything last changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stalls: u32,
    /// How it ends once what it left in AWS is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<TerminalReason>,
    /// What was made for it and was deleted, or is being deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// What of that may be there: it is about to be deleted, or the answer was lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleting: Vec<String>,
    /// What may have been made for it and was not deleted, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<Orphan>,
    /// AMIs of earlier versions that EC2 had deregistered not long before this one was started, each with when it was known:
    /// EC2 may still show them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deregistered_before: BTreeMap<String, Timestamp>,
    /// Whether an AMI of an earlier version was, or may have been, changed for this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_changed_previous: bool,
    /// When imports of attempts of which no status is left were looked for, before another was begun, for this version or for
    /// an earlier one: later attempts do not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_for_imports_at: Option<Timestamp>,
    /// Why the image failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Build {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            digest: None,
            attempt: 0,
            is_retry: false,
            source: None,
            name: None,
            step: Step::CheckManifest,
            step_since: now,
            started_at: now,
            object: None,
            bundle: None,
            source_owners: Owners::new(),
            created_with: Settings::default(),
            tasks: Vec::new(),
            progress: None,
            waiting: None,
            usual_until: None,
            stalls: 0,
            ending: None,
            deleted: Vec::new(),
            deleting: Vec::new(),
            orphans: Vec::new(),
            deregistered_before: BTreeMap::new(),
            has_changed_previous: false,
            looked_for_imports_at: None,
            failure: None,
        }
    }
}
