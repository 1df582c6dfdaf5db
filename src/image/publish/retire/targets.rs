//! Which AMIs are to be retired.

use std::collections::BTreeSet;

use crate::image::status::{PreviousVersion, RegionStatus, Status};

/// An AMI that is to be retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its Region.
    pub region: String,
    /// What is known of it.
    pub known: RegionStatus,
    /// The digest of its version; none where an older amiwright did not write it down.
    pub digest: Option<String>,
    /// Whether a version that asked for no less has dealt with it, and nothing is left of that: nobody expects to be told of it.
    pub is_dealt_with: bool,
}

/// The AMIs that are to be retired, without those that were dealt with since this stage began.
///
/// Once the manifest is removed, these are the image's own. Before, they are those of earlier versions, which it replaces:
/// none that it has itself (a manifest that is set back to old content finds its old AMI).
#[must_use]
pub fn targets(status: &Status) -> Vec<Target> {
    let is_done = |it: &Target| {
        let mut done = status.retired.iter();
        done.any(|done| done.region == it.region && done.image == it.known.image)
    };
    let mut targets = all(status);
    targets.retain(|it| !is_done(it));
    targets
}

/// The same, with those that were dealt with.
fn all(status: &Status) -> Vec<Target> {
    let is_current = |image: &str| status.regions.values().any(|it| it.image == image);
    if status.is_removed() {
        let own = status.regions.iter();
        let digest = status.build.digest.as_ref();
        let digest = digest.unwrap_or(&status.manifest.sha256);
        let target = |(region, known): (&String, &RegionStatus)| Target {
            region: region.clone(),
            known: known.clone(),
            digest: Some(digest.clone()),
            // Those that are deprecated already are told of in the end.
            is_dealt_with: true,
        };
        return own.map(target).collect();
    }
    of_previous(status, |_, _, known| !is_current(&known.image))
}

/// Whether something is to be retired, or was begun to be and has to be brought to an end: also an AMI that had to stay before
/// this one was registered, and was left without its protection.
#[must_use]
pub fn is_due(status: &Status) -> bool {
    let mut all = all(status).into_iter();
    (status.replaces && !targets(status).is_empty()) || all.any(|it| it.known.retiring.is_begun())
}

/// The AMIs of earlier versions that this holds for.
pub(in crate::image::publish) fn of_previous(
    status: &Status,
    is_meant: impl Fn(&PreviousVersion, &str, &RegionStatus) -> bool,
) -> Vec<Target> {
    let of_version = |version: &PreviousVersion| {
        let regions = version.regions.iter();
        let meant = regions.filter(|(region, known)| is_meant(version, region, known));
        let is_done = version.is_done(status.deregisters_previous);
        let target = |(region, known): (&String, &RegionStatus)| Target {
            region: region.clone(),
            known: known.clone(),
            digest: version.digest.clone(),
            is_dealt_with: is_done && known.retiring.kept_at.is_none(),
        };
        meant.map(target).collect::<Vec<_>>()
    };
    let mut targets: Vec<Target> = status.previous.iter().flat_map(of_version).collect();
    // The same AMI may have been an earlier version's twice: the last one knows best.
    let mut seen = BTreeSet::new();
    targets.reverse();
    targets.retain(|target| seen.insert(target.known.image.clone()));
    targets.reverse();
    targets
}
