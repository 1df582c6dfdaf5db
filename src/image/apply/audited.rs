//! What an audit has seen of a finished AMI.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::changes::{note, record_notice};
use super::conditions;
use super::polled::keep;
use super::publishing::begin_again;
use crate::image::message;
use crate::image::observed::ObservedImage;
use crate::image::publish::audit::{Audited, is_auditable};
use crate::image::status::{Deviation, Drift, ParameterId, RegionStatus, Retiring, Status, check};
use crate::image::words::{NoticeKind, Step};

/// What an audit has seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// What it was compared with.
    pub about: Compared,
    /// What it came to.
    pub audited: Audited,
    /// The AMIs as EC2 shows them, by Region.
    pub seen: BTreeMap<String, ObservedImage>,
    /// Whether what differs is to be set right.
    pub repair: bool,
}

/// What a status says of a finished AMI that an audit relies on.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    attempt: u32,
    step: Step,
    step_since: Timestamp,
    publish_digest: Option<String>,
    drift: Option<Drift>,
    regions: BTreeMap<String, RegionStatus>,
}

impl Compared {
    /// What this status says.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        Self {
            attempt: status.build.attempt,
            step: status.build.step,
            step_since: status.build.step_since,
            publish_digest: status.manifest.publish_digest.clone(),
            drift: status.drift.clone(),
            regions: status.regions.clone(),
        }
    }
}

/// Writes what an audit has seen of a finished AMI. Returns whether that is worth saving: not if something else was begun
/// for it meanwhile, or another audit was faster.
///
/// # Errors
/// What is wrong with the status that this would make. It is left as it was.
pub fn audited(status: &mut Status, audit: &Audit, now: Timestamp) -> Result<bool, String> {
    if !is_auditable(status, now) || Compared::of(status) != audit.about {
        return Ok(false);
    }
    let doubtful = doubtful(status, &audit.audited);
    if !doubtful.is_empty() {
        for region in &doubtful {
            if let Some(known) = status.regions.get_mut(region) {
                known.doubted_at = Some(now);
            }
        }
        return Ok(true);
    }
    let Audited {
        deviations,
        unseen,
        unknown,
        unread,
        held,
        ..
    } = &audit.audited;
    let untouched = status.clone();
    let mut changed = keep_seen(status, audit, now);
    let before = status.drift.take();
    // What cannot be seen now is as it was.
    let is_unseen = |region: &String| unseen.contains(region) || unknown.contains(region);
    let known = before.iter().flat_map(|drift| &drift.found);
    let is_unsaid = |it: &&Deviation| match it.parameter() {
        Some(id) => unread.contains(&id),
        None => is_unseen(&it.region),
    };
    let is_found = |known: &&Deviation| deviations.iter().any(|it| it.is_same(known));
    let kept = known.filter(is_unsaid).filter(|it| !is_found(it)).cloned();
    // One that lasts was last seen right when it was before.
    let known = || before.iter().flat_map(|drift| &drift.found);
    let lasting = |it: &Deviation| {
        known()
            .find(|known| known.is_same(it))
            .unwrap_or(it)
            .clone()
    };
    let found: Vec<_> = kept.chain(deviations.iter().map(lasting)).collect();
    // Publishing could do nothing about a parameter that is not written before something else, or was not read.
    let waits = |id: &ParameterId| held.contains(id) || unread.contains(id);
    let is_due = |it: &Deviation| it.parameter().is_none_or(|id| !waits(&id));
    let repair = audit.repair && found.iter().any(is_due);
    let is_all_seen = unseen.is_empty() && unknown.is_empty() && unread.is_empty();
    let drift = match &before {
        Some(before) => before.then(found, is_all_seen),
        None => Drift::of(now, found),
    };
    changed |= drifted(status, before.as_ref(), drift, repair, now);
    if changed {
        conditions::update(status, now);
    }
    // What others wrote must not make a status that cannot be read.
    if let Err(problem) = check(status) {
        *status = untouched;
        return Err(problem);
    }
    Ok(changed)
}

/// Keeps what was seen of the AMIs. Returns whether that is worth saving.
fn keep_seen(status: &mut Status, audit: &Audit, now: Timestamp) -> bool {
    let Audited {
        verified, unseen, ..
    } = &audit.audited;
    let mut changed = false;
    for (region, image) in &audit.seen {
        changed |= keep(status, region, image);
    }
    for region in verified {
        // What it was made with counts until it was verified.
        let applied = status.applied_in(region);
        if let Some(known) = status.regions.get_mut(region) {
            known.applied = applied;
            *known.retiring = Retiring::default();
            known.verified_at = Some(now);
            changed = true;
        }
    }
    for region in unseen {
        let known = status.regions.get_mut(region);
        if let Some(known) = known.filter(|it| it.unseen_since.is_none()) {
            known.unseen_since = Some(now);
            changed = true;
        }
    }
    end_doubts(status, &audit.audited) | changed
}

/// The Regions whose AMI EC2 shows with other settings than before, for the first time. Until it was asked again, nothing is said of
/// the image: what differs is told at once.
fn doubtful(status: &Status, audited: &Audited) -> BTreeSet<String> {
    let known = status.drift.as_ref();
    let is_new = |it: &&Deviation| {
        it.needs_second_look()
            && known.is_none_or(|known| !known.has(it))
            && status.doubted_in(&it.region).is_none()
    };
    let new = audited.deviations.iter().filter(is_new);
    new.map(|it| it.region.clone()).collect()
}

/// What was in doubt was looked at again, but for Regions that did not answer. Returns whether there was any.
fn end_doubts(status: &mut Status, audited: &Audited) -> bool {
    let mut ended = false;
    for (region, known) in &mut status.regions {
        let is_seen = audited.deviations.iter().any(|it| it.region == *region)
            || !audited.unknown.contains(region);
        if is_seen {
            ended |= known.doubted_at.take().is_some();
        }
    }
    ended
}

fn drifted(
    status: &mut Status,
    before: Option<&Drift>,
    drift: Drift,
    repair: bool,
    now: Timestamp,
) -> bool {
    if drift.found.is_empty() {
        let was = before.is_some();
        if was {
            note(status, "the AMI is as its manifest says again", now);
        }
        return was;
    }
    let is_new = before.is_none_or(|before| drift.exceeds(before));
    let changed = before != Some(&drift);
    let why = message::drift_line(&drift);
    if repair && drift.is_repairable() {
        begin_again(status, &format!("to be repaired: {why}"), now);
        status.drift = Some(Drift {
            repairing: true,
            ..drift
        });
        return true;
    }
    status.drift = Some(drift);
    if is_new {
        note(status, why, now);
        record_notice(status, NoticeKind::Drifted, now);
    }
    changed
}
