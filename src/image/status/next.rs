//! What the status of one version leaves for that of the next.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::copying::CopyRequest;
use super::document::Status;
use super::previous::PreviousVersion;
use super::records::RegionStatus;
use super::retiring::{RetireOutcome, Retirement};

/// Earlier versions that are kept in `previous`; the oldest go first, unless an AMI of theirs is still to be retired.
const PREVIOUS_KEPT: usize = 10;

impl Status {
    /// Takes over what is known of the versions before this one. Returns the AMIs that were to be retired and that there is no
    /// room for: this version's next notice names them, or that of a later one.
    pub(in crate::image) fn inherit(&mut self, before: &Self, now: Timestamp) -> Vec<Retirement> {
        let (gone, previous) = before.handed_on();
        let is_kept = |image: &str| {
            let mut kept = previous.iter().flat_map(|it| it.regions.values());
            kept.any(|it| it.image == image)
        };
        // Where nothing was to be retired, they are kept on purpose.
        let gone = gone
            .iter()
            .filter(|it| before.replaces && !it.is_done(before.deregisters_previous));
        let images = gone.flat_map(PreviousVersion::images);
        let images = images.filter(|(_, it)| !is_kept(&it.image));
        let forgotten = |(region, it): (&String, &RegionStatus)| Retirement {
            forgotten: true,
            ..Retirement::of(region, &it.image, RetireOutcome::Kept, now)
        };
        let forgotten: Vec<Retirement> = images.map(forgotten).collect();
        self.forgotten = before.forgotten.for_next();
        self.forgotten.images.retain(|it| !is_kept(&it.image));
        self.forgotten.add(forgotten.clone());
        self.previous = previous;
        // What EC2 refused then it may do now.
        let versions = self.previous.iter_mut();
        let known = versions.flat_map(|it| it.regions.values_mut());
        known.for_each(|it| it.retiring.stays_unprotected = false);
        forgotten
    }

    /// This version and those before it, the oldest first: those that there is no room for any more, and those that the next
    /// one knows.
    pub(in crate::image) fn handed_on(&self) -> (Vec<PreviousVersion>, Vec<PreviousVersion>) {
        let mut previous = self.previous.clone();
        if !self.regions.is_empty() {
            let version = PreviousVersion {
                digest: self.build.digest.clone(),
                copies: self.unanswered_copies(),
                regions: self.regions_with_applied(),
                bundle: self.build.bundle.clone(),
                is_dealt_with: false,
                is_only_deprecated: false,
            };
            // Attempts that found the same AMIs are one version.
            previous.retain(|it| it.is_to_be_retired() || !it.has_the_same_amis(&version));
            previous.push(version);
        }
        let others = previous
            .iter()
            .filter(|version| !version.is_to_be_retired())
            .count();
        let mut surplus = others.saturating_sub(PREVIOUS_KEPT);
        previous.into_iter().partition(|version| {
            let goes = surplus > 0 && !version.is_to_be_retired();
            surplus -= usize::from(goes);
            goes
        })
    }

    /// The copies that EC2 was asked for, and of which it is not known whether it makes them: also where they were given up.
    fn unanswered_copies(&self) -> BTreeMap<String, CopyRequest> {
        let asked = self.copies.iter().filter(|(region, request)| {
            request.may_have_begun() && !self.regions.contains_key(*region)
        });
        asked
            .map(|(region, request)| (region.clone(), request.clone()))
            .collect()
    }
}
