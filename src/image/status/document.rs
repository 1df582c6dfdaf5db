//! The document itself, and what can be read from it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::bounded;
use super::build::Build;
use super::copying::CopyRequest;
use super::drift::Drift;
use super::failure::Failure;
use super::previous::PreviousVersion;
use super::publishing::{Applied, AppliedChange};
use super::records::*;
use super::release::Release;
use super::retiring::{Replaced, Retire, Retirement};
use crate::image::notice;
use crate::image::task::Task;
use crate::image::words::{State, Step, WaitReason, is_zero};
use crate::manifest::Problem;

/// The version of the status document that this code writes. Older ones are migrated when they are read.
pub const SCHEMA: u32 = 2;

/// Entries of `history` that are kept; the oldest go first.
/// An image takes about ten; the rest is room for manifests that are uploaded again and again.
const HISTORY_KEPT: usize = 100;

/// Earlier versions that are kept in `previous`; the oldest go first.
const PREVIOUS_KEPT: usize = 10;

/// Sent notices that a status keeps; the oldest go first.
const SENT_KEPT: usize = 20;

/// Everything known about the image of one manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// [`SCHEMA`].
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
    /// The AMIs of earlier versions that had to go before this one could be registered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
    /// What is to be done about the AMI once its manifest is removed; none: it is kept. Written down while the manifest is
    /// there: afterwards nobody can read it, unless its bucket has versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<Retire>,
    /// When the manifest was seen to be removed, of an image that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    /// What became of AMIs that were to be retired since `retire` began last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Retirement>,
    /// When all that the manifest asks for was so for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
            drift: status.drift.clone(),
            store: status.store.clone(),
            problems: status.problems.clone(),
            previous: status.previous.clone(),
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
            replaced: Vec::new(),
            on_delete: None,
            removed_at: None,
            retired: Vec::new(),
            completed_at: None,
            drift: None,
            store: None,
            cancel: None,
            retry: None,
            problems: Vec::new(),
            problems_omitted: 0,
            previous: Vec::new(),
            conditions: Vec::new(),
            notices: Vec::new(),
            history: Vec::new(),
            open_marker: None,
        }
    }

    /// State and, while working, step: `working/register-image`.
    #[must_use]
    pub fn place(&self) -> String {
        match self.state {
            State::Working => format!("{}/{}", self.state, self.build.step),
            _ => self.state.to_string(),
        }
    }

    /// The AMI in a Region.
    #[must_use]
    pub fn image_in(&self, region: &str) -> Option<&RegionStatus> {
        self.regions.get(region)
    }

    /// The AMI that was made in the stack's Region: the others are copies of it.
    #[must_use]
    pub fn home_image(&self) -> Option<&RegionStatus> {
        let mut images = self.regions.iter();
        images.find_map(|(region, image)| (!self.copies.contains_key(region)).then_some(image))
    }

    /// Whether the AMI of a Region was seen to be as its manifest says since it began to be published.
    #[must_use]
    pub fn is_verified_now(&self, region: &str) -> bool {
        let image = self.regions.get(region);
        let verified_at = image.and_then(|image| image.verified_at);
        verified_at.is_some_and(|at| at > self.build.step_since)
    }

    /// When an AMI of this image was last seen to be as the manifest says.
    #[must_use]
    pub fn last_verified(&self) -> Option<Timestamp> {
        self.regions.values().filter_map(|it| it.verified_at).max()
    }

    /// The same status as one whose AMIs are looked at again from now on, whenever they were verified: also by an invocation
    /// that began later than this one.
    #[must_use]
    pub fn unverified(&self, now: Timestamp) -> Self {
        let mut status = self.clone();
        status.build.step_since = self.last_verified().map_or(now, |at| at.max(now));
        status
    }

    /// Why this Region will not be as the manifest says.
    #[must_use]
    pub fn failure_in(&self, region: &str) -> Option<&Failure> {
        let image = self.regions.get(region).and_then(|it| it.failure.as_ref());
        let copy = self.copies.get(region);
        image.or_else(|| copy?.failure.as_ref())
    }

    /// Why a Region is not, or has no AMI that is, as the manifest says.
    pub fn failed_regions(&self) -> impl Iterator<Item = (&String, &Failure)> {
        let images = self
            .regions
            .iter()
            .map(|(region, it)| (region, &it.failure));
        let copies = self.copies.iter().map(|(region, it)| (region, &it.failure));
        let all = images.chain(copies);
        all.filter_map(|(region, failure)| Some((region, failure.as_ref()?)))
    }

    /// What failed: what the AMI is made by, then each Region, then each parameter.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let regions = self.failed_regions().map(|(_, failure)| failure);
        let parameters = self.release.failures().map(|(_, failure)| failure);
        self.build.failure.iter().chain(regions).chain(parameters)
    }

    /// What failed for good once there was an AMI, each with its Region: what is about the AMI there, then what is about
    /// the parameters that point to it.
    pub fn failed_places(&self) -> impl Iterator<Item = (&String, &Failure)> {
        let parameters = self.release.failures();
        let parameters = parameters.map(|(id, failure)| (&id.region, failure));
        self.failed_regions().chain(parameters)
    }

    /// Whether all parameters of the manifest were seen to point to the AMI: whoever follows them gets it.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.release.released_at.is_some()
    }

    /// How many problems the manifest has, with those that are not kept.
    #[must_use]
    pub fn problem_count(&self) -> usize {
        let omitted = usize::try_from(self.problems_omitted).unwrap_or(usize::MAX);
        self.problems.len().saturating_add(omitted)
    }

    /// The last version before this one that still has AMIs.
    #[must_use]
    pub fn last_previous(&self) -> Option<&PreviousVersion> {
        let mut versions = self.previous.iter().rev();
        versions.find(|it| it.images().next().is_some())
    }

    /// Whether the previous AMIs lost their registration.
    #[must_use]
    pub fn invalidates_previous(&self) -> bool {
        // A bare bundle that was uploaded over the old one may be no bundle, or not be complete.
        let (bucket, key, sha256) = match &self.build.bundle {
            Some(now) => (&now.bucket, &now.key, &now.sha256),
            None => (
                &self.manifest.bucket,
                &self.manifest.key,
                &self.manifest.sha256,
            ),
        };
        let previous = self.last_previous();
        previous.is_some_and(|it| it.is_overwritten(bucket, key, sha256))
    }

    /// The notices that were not sent yet.
    pub fn unsent(&self) -> impl Iterator<Item = &Notice> {
        self.notices
            .iter()
            .filter(|notice| notice.sent_at.is_none())
    }

    /// Since when nothing has changed about what is waited for.
    #[must_use]
    pub fn unchanged_since(&self) -> Timestamp {
        self.polled_task()
            .map_or(self.build.step_since, |task| task.updated_at)
    }

    /// The task that is polled now, directly or by its AMI.
    #[must_use]
    pub fn polled_task(&self) -> Option<&Task> {
        let task = self.build.tasks.last()?;
        match self.build.step {
            Step::AwaitTask | Step::AwaitStore => Some(task),
            Step::AwaitImage if task.kind.is_image() => Some(task),
            _ => None,
        }
    }

    /// Whether the AMI is there, whatever became of publishing and storing it.
    #[must_use]
    pub fn is_built(&self) -> bool {
        let step = self.build.step;
        let is_after = step.publishes() || step.stores() || step.retires();
        let has_ended = matches!(self.state, State::Available | State::Incomplete);
        !self.regions.is_empty() && (is_after || has_ended)
    }

    /// Whether its manifest was removed after its AMI was made: what becomes of the AMI then is `on_delete`'s to say.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.removed_at.is_some()
    }

    /// Whether the AMI is there, and only storing it is not done.
    #[must_use]
    pub fn only_storing(&self) -> bool {
        !self.regions.is_empty() && self.build.step.stores()
    }

    /// What was set on the AMI in a Region: what it was made with, until something was changed.
    #[must_use]
    pub fn applied_in(&self, region: &str) -> Applied {
        match self.regions.get(region) {
            Some(known) if known.verified_at.is_some() || !known.applied.is_empty() => {
                known.applied.clone()
            }
            _ => Applied {
                settings: self.build.created_with.clone(),
                intended: None,
            },
        }
    }

    /// Whether a protection holds until a known time, before which nothing has to be looked at.
    #[must_use]
    pub fn is_cooling_down(&self, now: Timestamp) -> bool {
        let waiting = self.build.waiting.as_ref();
        matches!(
            waiting.map(|waiting| &waiting.reason),
            Some(WaitReason::ProtectionCooldown { until, .. }) if *until > now
        )
    }

    /// Since when just this is waited for: since `now`, if it was not yet.
    #[must_use]
    pub fn waiting_since(&self, reason: &WaitReason, now: Timestamp) -> Timestamp {
        let before = self.build.waiting.as_ref();
        before
            .filter(|before| before.reason.is_same(reason))
            .map_or(now, |before| before.since)
    }

    /// Whether just this was waited for longer than `limit`. The step may have waited for something else before.
    #[must_use]
    pub fn has_waited(&self, reason: &WaitReason, limit: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(self.waiting_since(reason, now)) > limit
    }

    /// Whether the step has lasted longer than `limit`.
    #[must_use]
    pub fn step_exceeds(&self, limit: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(self.build.step_since) > limit
    }

    /// Claims the first notice that is due: until its lease ends it is this sender's.
    pub fn claim_notice(&mut self, now: Timestamp) -> Option<Notice> {
        let notice = self.notices.iter_mut().find(|notice| notice.is_due(now))?;
        notice.claimed_at = Some(now);
        notice.attempts += 1;
        Some(notice.clone())
    }

    /// Marks a notice as sent; returns whether that is new. One that another sender marked before stays as it is.
    pub fn notice_sent(&mut self, seq: u64, message_id: &str, now: Timestamp) -> bool {
        let unsent = |notice: &&mut Notice| notice.seq == seq && notice.sent_at.is_none();
        let Some(notice) = self.notices.iter_mut().find(unsent) else {
            return false;
        };
        notice.sent_at = Some(now);
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

    /// The copies that EC2 was asked for, and of which it is not known whether it makes them.
    fn unanswered_copies(&self) -> BTreeMap<String, CopyRequest> {
        let asked = self.copies.iter().filter(|(region, request)| {
            let is_open = request.asked_at.is_some() && request.failure.is_none();
            is_open && !self.regions.contains_key(*region)
        });
        asked
            .map(|(region, request)| (region.clone(), request.clone()))
            .collect()
    }

    /// The versions that stay from before, for the one that comes after this.
    pub(in crate::image) fn previous_for_next(&self) -> Vec<PreviousVersion> {
        let mut previous = self.previous.clone();
        if !self.regions.is_empty() {
            let mut regions = self.regions.clone();
            for (region, image) in &mut regions {
                image.applied = self.applied_in(region);
            }
            previous.push(PreviousVersion {
                digest: self.build.digest.clone(),
                copies: self.unanswered_copies(),
                regions,
                bundle: self.build.bundle.clone(),
            });
        }
        let surplus = previous.len().saturating_sub(PREVIOUS_KEPT);
        previous.drain(..surplus);
        previous
    }
}
