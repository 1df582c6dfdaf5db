//! What can be read from a status.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::document::{Notice, Status};
use super::failure::Failure;
use super::previous::PreviousVersion;
use super::publishing::Applied;
use super::records::RegionStatus;
use super::retiring::{RetireOutcome, Retirement};
use crate::image::task::Task;
use crate::image::words::{NoticeKind, State, Step, WaitReason};

/// Times in a status are whole seconds.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

impl Status {
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

    /// Whether it is not known what came of copies that were asked for earlier versions.
    #[must_use]
    pub fn has_unanswered_earlier(&self) -> bool {
        self.previous.iter().any(|it| !it.copies.is_empty())
    }

    /// Whether the AMI of a Region was seen to be as its manifest says since it began to be published.
    #[must_use]
    pub fn is_verified_now(&self, region: &str) -> bool {
        let image = self.regions.get(region);
        let verified_at = image.and_then(|image| image.verified_at);
        verified_at.is_some_and(|at| at >= self.build.step_since)
    }

    /// Whether EC2 is known to have begun something for the image: a task or an AMI.
    #[must_use]
    pub fn has_begun_work(&self) -> bool {
        !self.build.tasks.is_empty() || !self.regions.is_empty()
    }

    /// When an AMI of this image was last seen to be as the manifest says.
    #[must_use]
    pub fn last_verified(&self) -> Option<Timestamp> {
        self.regions.values().filter_map(|it| it.verified_at).max()
    }

    /// When an audit saw settings of the AMI of a Region that are not as its manifest says, if it was not looked at again since, nor
    /// published.
    #[must_use]
    pub fn doubted_in(&self, region: &str) -> Option<Timestamp> {
        let doubted_at = self.regions.get(region)?.doubted_at;
        doubted_at.filter(|at| *at >= self.build.step_since)
    }

    /// When an audit last saw that of any Region.
    #[must_use]
    pub fn doubted_at(&self) -> Option<Timestamp> {
        let regions = self.regions.keys();
        regions.filter_map(|region| self.doubted_in(region)).max()
    }

    /// The same status as one whose AMIs are looked at again from now on, whenever they were verified: also by an invocation
    /// that began later than this one, and in this very second.
    #[must_use]
    pub fn unverified(&self, now: Timestamp) -> Self {
        let mut status = self.clone();
        let after = |at: Timestamp| at.checked_add(SECOND).unwrap_or(at);
        let since = self.last_verified().map(after);
        status.build.step_since = since.map_or(now, |at| at.max(now));
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
        // What is left where the manifest names no Region any more fails nothing.
        let listed = self.regions.iter();
        let listed = listed.filter(|(_, it)| it.unlisted_since.is_none());
        let images = listed.map(|(region, it)| (region, &it.failure));
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

    /// The last version before this one that still has AMIs, which are not this one's again.
    #[must_use]
    pub fn last_previous(&self) -> Option<&PreviousVersion> {
        let is_current = |(region, known): (&String, &RegionStatus)| {
            let now = self.regions.get(region);
            now.is_some_and(|now| now.image == known.image)
        };
        let mut versions = self.previous.iter().rev();
        versions.find(|it| it.images().any(|it| !is_current(it)))
    }

    /// The AMIs of earlier versions, with their Regions, whose deregistration was begun, and of which it is not known that it
    /// was finished or taken back; and those that are deregistered and leave something that was to go with them. The last version
    /// knows best of an AMI that was several versions'.
    #[must_use]
    pub fn begun_previous(&self) -> Vec<(&String, &RegionStatus)> {
        let is_current = |image: &str| self.regions.values().any(|it| it.image == image);
        let versions = self.previous.iter().rev();
        let images = versions.flat_map(|version| &version.regions);
        let mut seen = BTreeSet::new();
        let images = images.filter(|(_, it)| seen.insert(&it.image) && !is_current(&it.image));
        let begun = images.filter(|(_, it)| {
            let is_there = it.retiring.deregistered_at.is_none();
            (it.retiring.is_begun() && is_there) || it.leaves_something()
        });
        begun.collect()
    }

    /// Its own AMIs, with their Regions, that were to be deregistered before, and whose protection was switched off for that: they
    /// are not published any more, and were not seen since to be as the manifest says.
    pub fn left_unprotected(&self) -> impl Iterator<Item = (&String, &RegionStatus)> {
        let is_published = self.state.is_final() || self.build.step.retires();
        let is_retired = self.is_removed() && matches!(self.state, State::Working | State::Deleted);
        let is_meant = is_published && !is_retired;
        let own = self.regions.iter();
        own.filter(move |(_, it)| is_meant && it.retiring.protection.is_some())
    }

    /// Whether an earlier AMI had to go for this one, or EC2 was asked for what that needs: something was changed in AWS.
    #[must_use]
    pub fn has_begun_replacing(&self) -> bool {
        let is_for_this = |known: &RegionStatus| {
            let retiring = &known.retiring;
            let mut begun = [retiring.asked_at, retiring.unprotected_at].into_iter();
            begun.any(|at| at.is_some_and(|at| at >= self.build.started_at))
        };
        let begun = self.begun_previous();
        !self.replaced.is_empty() || begun.into_iter().any(|(_, known)| is_for_this(known))
    }

    /// The copies that EC2 was asked for, that may be there, and that were never seen: their Regions, whether they are of an earlier
    /// version, and when EC2 was asked.
    #[must_use]
    pub fn unseen_copies(&self) -> Vec<(&String, bool, Timestamp)> {
        let own = self.copies.iter();
        let own = own.filter(|(region, _)| self.image_in(region).is_none());
        let earlier = self.previous.iter().flat_map(|it| &it.copies);
        let all = own
            .map(|it| (it, false))
            .chain(earlier.map(|it| (it, true)));
        let unseen = all.filter(|((_, request), _)| request.may_have_begun());
        unseen
            .filter_map(|((region, request), is_earlier)| {
                Some((region, is_earlier, request.last_unanswered()?))
            })
            .collect()
    }

    /// The AMIs of earlier versions that no version retires any more, without those that are this one's again.
    pub fn forgotten_previous(&self) -> impl Iterator<Item = &Retirement> {
        let images = self.forgotten.images.iter();
        images.filter(|it| {
            let mut current = self.regions.values();
            current.all(|current| current.image != it.image)
        })
    }

    /// How many more there are that no version retires any more, and that are not named.
    #[must_use]
    pub fn unnamed_forgotten(&self) -> usize {
        usize::try_from(self.forgotten.omitted).unwrap_or(usize::MAX)
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

    /// Whether its manifest was removed after its AMI was made: what becomes of the AMI then is `on_delete`'s to say. Or after it
    /// had ended without becoming available, and AMIs of earlier versions are left.
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
                ..Applied::default()
            },
        }
    }

    /// Whether people were told how its AMIs are: that they are finished, or that not all of them became so.
    #[must_use]
    pub fn is_known_to_people(&self) -> bool {
        let mut notices = self.notices.iter();
        self.completed_at.is_some() || notices.any(|it| it.kind == NoticeKind::Incomplete)
    }

    /// Its AMIs, with what was set on them, for what does not know any more what they were made with.
    pub(in crate::image) fn regions_with_applied(&self) -> BTreeMap<String, RegionStatus> {
        let mut regions = self.regions.clone();
        for (region, image) in &mut regions {
            image.applied = self.applied_in(region);
        }
        regions
    }

    /// Whether no status has a record of what was set on the AMI of a Region: it was found, and neither seen to be as its
    /// manifest says nor changed since; and no earlier version that is known had it.
    #[must_use]
    pub fn is_unrecorded(&self, region: &str) -> bool {
        let Some(known) = self.regions.get(region) else {
            return false;
        };
        let is_recorded = known.verified_at.is_some() || known.applied.intended.is_some();
        let versions = self.previous.iter();
        let mut earlier = versions.flat_map(|version| version.regions.values());
        !is_recorded && !earlier.any(|it| it.image == known.image)
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

    /// Since when its step keeps an image, whatever it waited for: since the step began, since it is to be cancelled, or since
    /// what takes its time, or has a date, was over last, as an AMI that had to go first.
    #[must_use]
    pub fn kept_since(&self) -> Timestamp {
        let gone = self.replaced.iter().map(|it| it.at);
        let asked = self.cancel.map(|it| it.asked_at);
        let later = gone.chain(asked).chain(self.build.usual_until).max();
        later.map_or(self.build.step_since, |at| at.max(self.build.step_since))
    }

    /// The AMIs that were deregistered as they were retired, or in the way of the one that was made, and that `previous` does not
    /// name any more, with when.
    pub fn deregistered(&self) -> impl Iterator<Item = (&String, Timestamp)> {
        let earlier = &self.build.deregistered_before;
        let earlier = earlier.iter().map(|(image, at)| (image, *at));
        let replaced = self.replaced.iter().map(|it| (&it.image, it.at));
        let retired = self.retired.iter();
        let retired = retired.filter(|it| it.outcome == RetireOutcome::Deregistered);
        let retired = retired.map(|it| (&it.image, it.at));
        earlier.chain(replaced).chain(retired)
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
}
