//! How AMIs that another one replaces are retired, and what is known of that.

use jiff::Timestamp;

use super::changes::{move_to, note, record_notice, wait};
use crate::image::message;
use crate::image::outcome::Retired;
use crate::image::status::{
    Action, KeptSnapshot, RegionAction, RegionStatus, RetireOutcome, Retirement, Retiring,
    SnapshotKept, Status,
};
use crate::image::words::{NoticeKind, State};

/// This is about to be done to AMIs that are retired: their snapshots are known from now on.
pub(super) fn intend(status: &mut Status, actions: &[RegionAction], now: Timestamp) {
    for RegionAction { region, action } in actions {
        let Action::DeregisterPrevious {
            image,
            snapshots,
            delete,
        } = action
        else {
            continue;
        };
        for known in known(status, region, image) {
            known.snapshots.clone_from(snapshots);
            let not_asked = |snapshot: &String| KeptSnapshot {
                snapshot: snapshot.clone(),
                why: SnapshotKept::NotAsked,
            };
            *known.retiring = Retiring {
                asked_at: Some(now),
                snapshots: if *delete {
                    snapshots.clone()
                } else {
                    Vec::new()
                },
                kept: if *delete {
                    Vec::new()
                } else {
                    snapshots.iter().map(not_asked).collect()
                },
                ..Retiring::default()
            };
        }
    }
}

/// AMIs were retired, or not. Returns whether that is worth saving.
pub(super) fn retired(status: &mut Status, seen: Retired, now: Timestamp) -> bool {
    let changed = !seen.done.is_empty() || !seen.kept.is_empty() || !seen.ended.is_empty();
    if changed {
        status.build.waiting = None;
    }
    for what in &seen.done {
        note(status, message::change_line(what), now);
        done(status, what, now);
    }
    for (region, image, snapshot) in seen.kept {
        for known in known(status, &region, &image) {
            known
                .retiring
                .snapshots
                .retain(|id| *id != snapshot.snapshot);
            known.retiring.kept.push(snapshot.clone());
        }
    }
    for ended in seen.ended {
        end(status, ended, now);
    }
    if let Some(reason) = seen.later {
        return wait(status, reason, now) | changed;
    }
    if seen.is_finished {
        finish(status, now);
        return true;
    }
    changed
}

fn done(status: &mut Status, what: &RegionAction, now: Timestamp) {
    let region = &what.region;
    match &what.action {
        Action::DeprecatePrevious { image, at, why } => {
            for known in known(status, region, image) {
                // Ours: should it become the current one again, it is taken back.
                known.applied.settings.deprecate_at = Some(*at);
            }
            let ended = Retirement {
                region: region.clone(),
                image: image.clone(),
                outcome: RetireOutcome::Deprecated,
                at: now,
                why: why.clone(),
                deleted: Vec::new(),
                kept: Vec::new(),
            };
            end(status, ended, now);
        }
        Action::UnprotectPrevious { image, cooldown } => {
            for known in known(status, region, image) {
                let retiring = &mut known.retiring;
                (retiring.unprotected_at, retiring.has_cooldown) = (Some(now), *cooldown);
            }
        }
        Action::DeregisterPrevious { image, .. } => {
            for known in known(status, region, image) {
                known.retiring.deregistered_at = Some(now);
            }
        }
        Action::DeleteSnapshot { image, snapshot } => {
            for known in known(status, region, image) {
                known.retiring.snapshots.retain(|id| id != snapshot);
                known.retiring.deleted.push(snapshot.clone());
            }
        }
        Action::CopyImage { .. }
        | Action::RemoveFailedCopy { .. }
        | Action::SetDescription { .. }
        | Action::SetTags { .. }
        | Action::RemoveTags { .. }
        | Action::ShareSnapshot { .. }
        | Action::ChangeGrants { .. }
        | Action::RevokeSnapshot { .. }
        | Action::SetDeprecation { .. }
        | Action::SetProtection { .. }
        | Action::PutParameter { .. }
        | Action::LeaveParameter { .. } => {}
    }
}

/// This AMI is dealt with. One that is gone is forgotten; one that stays is retired again when the manifest asks for it
/// the next time.
fn end(status: &mut Status, ended: Retirement, now: Timestamp) {
    let Retirement { region, image, .. } = &ended;
    match ended.outcome {
        RetireOutcome::Deregistered | RetireOutcome::Gone => {
            for version in &mut status.previous {
                version
                    .regions
                    .retain(|of, known| of != region || known.image != *image);
            }
            status
                .previous
                .retain(|version| !version.regions.is_empty());
        }
        RetireOutcome::Deprecated | RetireOutcome::Kept => {
            for known in known(status, region, image) {
                *known.retiring = Retiring::default();
            }
        }
    }
    note(status, message::retirement_line(&ended), now);
    status.retired.push(ended);
}

/// Something else begins before all AMIs are dealt with: what became of the others is reported now.
pub(super) fn interrupted(status: &mut Status, now: Timestamp) {
    let is_under_way = status.build.step.retires() && !status.state.is_final();
    if is_under_way && !status.retired.is_empty() {
        record_notice(status, NoticeKind::Retired, now);
    }
}

fn finish(status: &mut Status, now: Timestamp) {
    let why = message::retired(status);
    move_to(status, State::Available, status.build.step, why, now);
    if !status.retired.is_empty() {
        record_notice(status, NoticeKind::Retired, now);
    }
}

/// What is known of an AMI that is retired.
fn known<'a>(
    status: &'a mut Status,
    region: &'a str,
    image: &'a str,
) -> impl Iterator<Item = &'a mut RegionStatus> {
    let versions = status.previous.iter_mut();
    let known = versions.filter_map(move |version| version.regions.get_mut(region));
    known.filter(move |known| known.image == image)
}
