//! The document itself, and what is changed about it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounded;
use super::build::Build;
use super::copying::CopyRequest;
use super::drift::Drift;
use super::forgotten::Forgotten;
use super::previous::PreviousVersion;
use super::publishing::AppliedChange;
use super::records::*;
use super::release::Release;
use super::retiring::{Replaced, Retire, Retirement};
use crate::image::notice;
use crate::image::words::{State, is_zero};
use crate::manifest::Problem;

/// The version of the status document that this code writes. Older ones are migrated when they are read. It is another one than
/// that of the last release as soon as a status may hold something that this release does not know and would drop when it
/// writes it (`src/image/tests/schema.rs`).
pub const SCHEMA: u32 = 3;

/// Entries of `history` that are kept; the oldest go first.
/// An image takes about ten; the rest is room for manifests that are uploaded again and again.
const HISTORY_KEPT: usize = 100;

/// Sent notices that a status keeps; the oldest go first.
const SENT_KEPT: usize = 20;

/// Everything known about the image of one manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The version of this form of the document: 3.
    pub schema: u32,
    /// The manifest version this status is about.
    pub manifest: ManifestVersion,
    /// How far the image is.
    pub state: State,
    /// How the AMI is built.
    pub build: Build,
    /// The AMI in each Region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, RegionStatus>,
    /// What was asked of CopyImage, for each Region that is to have a copy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub copies: BTreeMap<String, CopyRequest>,
    /// Whether anything is to be set on the AMI that it does not get when it is made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub publishes: bool,
    /// What was changed about the AMI since its manifest, or its settings, were last uploaded, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<AppliedChange>,
    /// How many of the last of them people were not told of yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untold: u32,
    /// The SSM parameters that point to the AMI.
    #[serde(default, skip_serializing_if = "Release::is_empty")]
    pub release: Release,
    /// Whether the AMIs of earlier versions are to be retired once this one is finished.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces: bool,
    /// Whether they are deregistered then, and not only deprecated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deregisters_previous: bool,
    /// The AMIs of earlier versions that had to go before this one could be registered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
    /// What is to be done about the AMI once its manifest is removed; none: it is kept. Written down while the manifest is
    /// there: afterwards nobody can read it, unless its bucket has versions. Before its manifest has passed the checks, what the
    /// version before had said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<Retire>,
    /// When the manifest was seen to be removed, of an image that was made, or of one that did not become available while
    /// there were AMIs of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    /// What became of AMIs that were to be retired since `retire` began last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Retirement>,
    /// The AMIs of earlier versions that no version retires any more, because too many came before they could be retired.
    #[serde(default, skip_serializing_if = "Forgotten::is_empty")]
    pub forgotten: Forgotten,
    /// When all that the manifest asks for was so for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Whether its AMIs, which people know to be available, are only looked at once more: a call for earlier settings may have
    /// been late. People are told of what comes of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub looked_at_again: bool,
    /// How the finished AMI differs from what its manifest says, as the last audit saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// That the AMI is to be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreRequest>,
    /// The request to cancel it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    /// The request for a new attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The last request that was answered: while it cannot be deleted, it is not answered once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<RequestVersion>,
    /// Why the manifest was rejected.
    #[serde(
        default,
        deserialize_with = "bounded::problems",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub problems: Vec<Problem>,
    /// How many more problems there were than `problems` keeps.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub problems_omitted: u32,
    /// The versions of the manifest before this one that have AMIs, oldest first. They are kept unless the manifest says
    /// `replaces`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<PreviousVersion>,
    /// What is true of the image now, as Kubernetes has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The notices that were or are to be sent, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// What happened, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Change>,
    /// The `ETag` of the open marker that was written for this version, by which it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_marker: Option<String>,
}

/// A notice about a status.
pub type Notice = notice::Notice<Facts>;

/// What a notice is about: the status as it was, without what it remembers of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Facts(Box<Status>);

impl Facts {
    /// The facts of a status as it is.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        Self(Box::new(Status {
            manifest: status.manifest.clone(),
            build: status.build.clone(),
            regions: status.regions.clone(),
            copies: status.copies.clone(),
            changes: status.changes.clone(),
            replaced: status.replaced.clone(),
            release: status.release.clone(),
            retired: status.retired.clone(),
            forgotten: status.forgotten.clone(),
            drift: status.drift.as_ref().map(Drift::named),
            store: status.store.clone(),
            problems: status.problems.clone(),
            previous: status.previous.clone(),
            answered: None,
            conditions: Vec::new(),
            notices: Vec::new(),
            history: Vec::new(),
            open_marker: None,
            ..*status
        }))
    }

    /// The status as it was.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.0
    }

    /// Leaves of the earlier versions only those of which the email says something: the last one, those whose AMIs are to be
    /// retired, or are this one's again, and those that may have copies which nobody has seen.
    pub(crate) fn keep_named_previous(&mut self) {
        let last = self.0.last_previous().cloned();
        let begun: BTreeSet<String> = self
            .0
            .begun_previous()
            .into_iter()
            .map(|(_, it)| it.image.clone())
            .collect();
        let current: BTreeSet<String> =
            self.0.regions.values().map(|it| it.image.clone()).collect();
        let (replaces, deregisters) = (self.0.replaces, self.0.deregisters_previous);
        self.0.previous.retain(|version| {
            let is_named = |it: &RegionStatus| {
                begun.contains(&it.image)
                    || current.contains(&it.image)
                    || it.retiring.kept_at.is_some()
            };
            last.as_ref() == Some(version)
                || (replaces && !version.is_done(deregisters))
                || version.copies.values().any(CopyRequest::may_have_begun)
                || version.regions.values().any(is_named)
        });
    }
}

impl Status {
    /// A status for a manifest version of which nothing is known yet.
    #[must_use]
    pub fn new(manifest: ManifestVersion, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            manifest,
            state: State::Working,
            build: Build::new(now),
            regions: BTreeMap::new(),
            copies: BTreeMap::new(),
            publishes: false,
            changes: Vec::new(),
            untold: 0,
            release: Release::default(),
            replaces: false,
            deregisters_previous: false,
            replaced: Vec::new(),
            on_delete: None,
            removed_at: None,
            retired: Vec::new(),
            forgotten: Forgotten::default(),
            completed_at: None,
            looked_at_again: false,
            drift: None,
            store: None,
            cancel: None,
            retry: None,
            answered: None,
            problems: Vec::new(),
            problems_omitted: 0,
            previous: Vec::new(),
            conditions: Vec::new(),
            notices: Vec::new(),
            history: Vec::new(),
            open_marker: None,
        }
    }

    /// Makes a status that was read one of this schema. Schema 2 had less, and nothing else.
    pub(super) fn raise_schema(&mut self) {
        self.schema = SCHEMA;
        let facts = self.notices.iter_mut().filter_map(|it| it.facts.as_mut());
        facts.for_each(|facts| facts.0.schema = SCHEMA);
    }

    /// Claims the first notice that is due: until its lease ends it is this sender's.
    pub fn claim_notice(&mut self, now: Timestamp) -> Option<Notice> {
        let notice = self.notices.iter_mut().find(|notice| notice.is_due(now))?;
        notice.claimed_at = Some(now);
        notice.attempts += 1;
        notice.attempt_failed = false;
        Some(notice.clone())
    }

    /// Gives a notice back that was claimed and could not be sent; returns whether that is new. One that another sender has
    /// claimed or sent meanwhile stays as it is.
    pub fn notice_failed(&mut self, claimed: &Notice) -> bool {
        let is_claimed = |notice: &&mut Notice| {
            let claim = |it: &Notice| (it.seq, it.claimed_at, it.attempts);
            claim(notice) == claim(claimed) && notice.sent_at.is_none() && !notice.attempt_failed
        };
        let Some(notice) = self.notices.iter_mut().find(is_claimed) else {
            return false;
        };
        notice.attempt_failed = true;
        true
    }

    /// Marks a notice as sent; returns whether that is new. One that another sender marked before stays as it is.
    pub fn notice_sent(&mut self, seq: u64, message_id: &str, now: Timestamp) -> bool {
        let unsent = |notice: &&mut Notice| notice.seq == seq && notice.sent_at.is_none();
        let Some(notice) = self.notices.iter_mut().find(unsent) else {
            return false;
        };
        notice.sent_at = Some(now);
        notice.attempt_failed = false;
        notice.message_id = Some(message_id.to_owned());
        notice.facts = None;
        self.drop_sent(SENT_KEPT);
        true
    }

    fn drop_sent(&mut self, kept: usize) {
        let sent = self.notices.iter().filter(|it| it.sent_at.is_some());
        let mut surplus = sent.count().saturating_sub(kept);
        self.notices.retain(|notice| {
            let goes = surplus > 0 && notice.sent_at.is_some();
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// Adds what happened to the history.
    pub(in crate::image) fn record(&mut self, from: String, why: String, now: Timestamp) {
        let (at, to) = (now, self.place());
        self.history.push(Change { at, from, to, why });
        let surplus = self.history.len().saturating_sub(HISTORY_KEPT);
        self.history.drain(..surplus);
    }
}
