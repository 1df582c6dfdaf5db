//! How AMIs that another one replaces are retired, and what is known of that.

mod forgetting;

use jiff::Timestamp;

use super::changes::{move_to, note, record_notice, stop_waiting, wait};
use super::shares::{self, in_region, known};
use crate::image::message;
use crate::image::outcome::Retired;
use crate::image::publish;
use crate::image::publish::retire::NotShown;
use crate::image::status::{
    Action, KeptReason, KeptSnapshot, PreviousVersion, Protection, RegionAction, RetireOutcome,
    Retirement, Retiring, SnapshotKept, Status,
};
use crate::image::words::{NoticeKind, State};
pub(super) use forgetting::forget_previous;
use forgetting::{forget_own, forget_replaced, replaced};

/// AMIs of earlier versions that are still to be retired and are remembered for that; the oldest go first.
const AMIS_KEPT: usize = 50;

/// Bytes that all earlier versions take at most, of the status and of each notice that is not sent yet. An AMI takes about a
/// kilobyte, and many more if it is shared with hundreds of accounts.
const PREVIOUS_BYTES: usize = 64 * 1024;

/// This is about to be done to AMIs that are retired: their snapshots are known from now on.
pub(super) fn intend(status: &mut Status, actions: &[RegionAction], now: Timestamp) {
    let mut of_previous = actions.iter().filter(|it| it.action.is_of_previous());
    status.build.has_changed_previous |= of_previous.next().is_some();
    for RegionAction { region, action } in actions {
        match action {
            Action::DeregisterPrevious {
                image,
                snapshots,
                delete,
            } => {
                for known in known(status, region, image) {
                    // EC2 has just shown it: for how long it did not before tells nothing of this request.
                    known.unseen_since = None;
                    known.snapshots.clone_from(snapshots);
                    deregisters(&mut known.retiring, snapshots, *delete, now);
                }
            }
            Action::UnprotectPrevious { image, cooldown } => {
                let protection = match cooldown {
                    true => Protection::WithCooldown,
                    false => Protection::On,
                };
                for known in known(status, region, image) {
                    known.retiring.protection.get_or_insert(protection);
                }
            }
            Action::DeprecatePrevious { image, at, why } => {
                let is_theirs = *why == Some(KeptReason::ProtectedAgain);
                let deprecation = Action::SetDeprecation { at: Some(*at) };
                for known in known(status, region, image) {
                    // Ours: should it become the current one again, it is taken back, also if reads do not show it yet.
                    let actions = std::slice::from_ref(&deprecation);
                    known.applied = publish::intend(&known.applied, actions, None, now);
                    known.retiring.deprecate_at = Some(*at);
                    // Somebody else's is on: also if EC2 refuses this, no other is switched on.
                    if is_theirs {
                        known.retiring.forget_protection();
                        known.applied.forget_protection();
                    }
                }
            }
            Action::DeleteSnapshot { snapshot, .. } => {
                // Several AMIs may have left it.
                for known in in_region(status, region) {
                    let retiring = &mut known.retiring;
                    let is_left = retiring.snapshots.contains(snapshot);
                    if is_left && !retiring.deleting.contains(snapshot) {
                        retiring.deleting.push(snapshot.clone());
                    }
                }
            }
            _ => {}
        }
    }
}

fn deregisters(retiring: &mut Retiring, snapshots: &[String], delete: bool, now: Timestamp) {
    let not_asked = |snapshot: &String| KeptSnapshot {
        snapshot: snapshot.clone(),
        why: SnapshotKept::NotAsked,
    };
    let (deleted, kept) = match delete {
        true => (snapshots.to_vec(), Vec::new()),
        false => (Vec::new(), snapshots.iter().map(not_asked).collect()),
    };
    *retiring = Retiring {
        protection: retiring.protection,
        stays_unprotected: retiring.stays_unprotected,
        unprotected_at: retiring.unprotected_at,
        has_cooldown: retiring.has_cooldown,
        asked_since: retiring.asked_since.or(Some(now)),
        asked_at: Some(now),
        is_asked_again: retiring.asked_at.is_some(),
        deprecate_at: retiring.deprecate_at,
        snapshots: deleted,
        kept,
        ..Retiring::default()
    };
}

/// Remembers since when EC2 does not show what of AMIs that are retired.
pub(super) fn not_shown(status: &mut Status, all: &[NotShown], now: Timestamp) {
    for it in all {
        for known in known(status, &it.region, &it.image) {
            known.unseen_since = it
                .is_image
                .then(|| known.unseen_since.unwrap_or(now).min(now));
            let since = &mut known.retiring.not_shown_since;
            since.retain(|snapshot, _| it.snapshots.contains(snapshot));
            for snapshot in &it.snapshots {
                let at = since.entry(snapshot.clone()).or_insert(now);
                *at = (*at).min(now);
            }
        }
    }
}

/// AMIs were retired, or not. Returns whether that is worth saving.
pub(super) fn retired(status: &mut Status, seen: Retired, now: Timestamp) -> bool {
    let is_kept = !seen.kept.is_empty() || !seen.shared.is_empty() || !seen.unprotected.is_empty();
    let is_gone = !seen.gone.is_empty();
    let is_dealt_with = is_kept || is_gone || !seen.done.is_empty() || !seen.ended.is_empty();
    if is_dealt_with {
        stop_waiting(status, now);
    }
    let changed = is_dealt_with || !seen.not_shown.is_empty();
    not_shown(status, &seen.not_shown, now);
    for what in &seen.done {
        note(status, message::change_line(what), now);
        done(status, what, now);
    }
    forget_replaced(status);
    for it in seen.kept {
        for known in known(status, &it.region, &it.image) {
            let retiring = &mut known.retiring;
            retiring.snapshots.retain(|id| *id != it.kept.snapshot);
            retiring.deleting.retain(|id| *id != it.kept.snapshot);
            retiring.kept.push(it.kept.clone());
        }
    }
    for it in seen.shared {
        for known in known(status, &it.region, &it.image) {
            let accounts = known.applied.settings.snapshots.get(&it.snapshot);
            let accounts = accounts.filter(|it| !it.is_empty()).cloned();
            let shared = &mut known.retiring.shared;
            // It is that of another AMI that has it, too.
            shared.extend(accounts.map(|accounts| (it.snapshot.clone(), accounts)));
        }
    }
    for it in seen.unprotected {
        for known in known(status, &it.region, &it.image) {
            known.retiring.stays_unprotected = true;
        }
    }
    for it in seen.gone {
        for known in known(status, &it.region, &it.image) {
            let retiring = &mut known.retiring;
            // Its snapshots are looked at from now on, and one answer that does not show one counts for nothing.
            retiring.deregistered_at = Some(now);
            if retiring.was_not_asked() {
                retiring.kept = KeptSnapshot::all_of_others(&known.snapshots);
            }
        }
        shares::drop_passed_on(status, &it.region, &it.image);
    }
    shares::pass_on(status, &seen.passed_on);
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
        Action::DeprecatePrevious { image, why, .. } => {
            let ended = Retirement {
                why: why.clone(),
                ..Retirement::of(region, image, RetireOutcome::Deprecated, now)
            };
            end(status, ended, now);
        }
        Action::UnprotectPrevious { image, cooldown } => {
            for known in known(status, region, image) {
                let retiring = &mut known.retiring;
                (retiring.unprotected_at, retiring.has_cooldown) = (Some(now), *cooldown);
            }
        }
        Action::ProtectPrevious { image, .. } => protected(status, region, image, now),
        Action::DeregisterPrevious { image, .. } => {
            for known in known(status, region, image) {
                known.retiring.deregistered_at = Some(now);
            }
            shares::drop_passed_on(status, region, image);
            if !status.build.step.retires() {
                replaced(status, region, image, now);
            }
        }
        Action::RevokePrevious {
            image,
            snapshot,
            accounts,
        } => {
            for known in known(status, region, image) {
                let revoked = known.retiring.revoked.entry(snapshot.clone()).or_default();
                revoked.extend(accounts.clone());
            }
            shares::drop_ended(status, region, snapshot, accounts);
        }
        Action::DeleteSnapshot { snapshot, .. } => {
            // Several AMIs may have left it.
            for known in in_region(status, region) {
                let retiring = &mut known.retiring;
                let is_left = retiring.deregistered_at.is_some();
                if is_left && retiring.snapshots.contains(snapshot) {
                    retiring.snapshots.retain(|id| id != snapshot);
                    retiring.deleting.retain(|id| id != snapshot);
                    retiring.deleted.push(snapshot.clone());
                }
            }
        }
        Action::CopyImage { .. }
        | Action::RemoveFailedCopy { .. }
        | Action::SetDescription { .. }
        | Action::SetProductCode { .. }
        | Action::SetTags { .. }
        | Action::RemoveTags { .. }
        | Action::ShareSnapshot { .. }
        | Action::ChangeGrants { .. }
        | Action::RevokeSnapshot { .. }
        | Action::LeaveShare { .. }
        | Action::SetDeprecation { .. }
        | Action::SetProtection { .. }
        | Action::PutParameter { .. }
        | Action::LeaveParameter { .. } => {}
    }
}

/// Its protection is on again. If nothing is to be retired, that is how it ends: people were told that it was begun.
fn protected(status: &mut Status, region: &str, image: &str, now: Timestamp) {
    let (mut was_begun, mut is_begun) = (false, false);
    for known in known(status, region, image) {
        let retiring = &mut known.retiring;
        was_begun |= retiring.is_begun();
        (retiring.protection, retiring.unprotected_at) = (None, None);
        is_begun |= retiring.is_begun();
    }
    let is_asked = status.replaces || status.is_removed() || !status.build.step.retires();
    if was_begun && !is_begun && !is_asked {
        let ended = Retirement {
            why: Some(KeptReason::NotAskedAnyMore),
            ..Retirement::of(region, image, RetireOutcome::Kept, now)
        };
        end(status, ended, now);
    }
}

/// This AMI is dealt with. One that is gone is forgotten; one that stays is retired again when the manifest asks for it
/// the next time.
fn end(status: &mut Status, mut ended: Retirement, now: Timestamp) {
    ended.may_be_deprecated = may_be_deprecated(status, &ended);
    let Retirement { region, image, .. } = &ended;
    let is_there = matches!(
        ended.outcome,
        RetireOutcome::Deprecated | RetireOutcome::Kept
    );
    let is_unprotected = ended.why != Some(KeptReason::ProtectedAgain)
        && known(status, region, image).any(|it| it.retiring.protection.is_some());
    match ended.outcome {
        RetireOutcome::Deregistered | RetireOutcome::Gone => {
            let others = shares::of_others(status, region, image);
            shares::subtract(&mut ended.shared, &others);
            let Retirement { region, image, .. } = &ended;
            if status.is_removed() {
                forget_own(status, region, image);
            }
            forget_previous(status, region, image);
        }
        RetireOutcome::Deprecated | RetireOutcome::Kept => {
            let is_to_go = ended.why.as_ref().is_some_and(KeptReason::may_pass);
            let kept_at = (is_to_go && !status.is_removed()).then_some(now);
            let told = ended.why.as_ref().and_then(KeptReason::lasting);
            // Its email tells of it. Before the new AMI is registered there is none: the step that retires comes to it again.
            let is_over = status.build.step.retires() || !is_unprotected;
            let is_theirs = ended.why == Some(KeptReason::ProtectedAgain);
            for known in known(status, region, image) {
                if is_theirs {
                    known.applied.forget_protection();
                }
                let left = match is_over {
                    true => Retiring::default(),
                    false => known.retiring.of_protection(),
                };
                *known.retiring = Retiring {
                    kept_at,
                    told,
                    ..left
                };
            }
        }
    }
    ended.unprotected = is_there && is_unprotected;
    note(status, message::retirement_line(&ended), now);
    status.retired.push(ended);
}

/// Whether EC2 was asked to deprecate an AMI that is kept, and its answer was lost or could not be saved.
fn may_be_deprecated(status: &mut Status, ended: &Retirement) -> bool {
    let is_kept = ended.outcome == RetireOutcome::Kept;
    let is_refused = matches!(ended.why, Some(KeptReason::Refused { code: Some(_), .. }));
    let mut known = known(status, &ended.region, &ended.image);
    is_kept
        && known.any(|it| {
            let retiring = &it.retiring;
            // What was refused is just that.
            retiring.deprecate_at.is_some() && !(is_refused && retiring.is_only_deprecation_begun())
        })
}

/// Something else begins before all AMIs are dealt with: what became of the others is reported now.
pub(super) fn interrupted(status: &mut Status, now: Timestamp) {
    let is_under_way = status.build.step.retires() && !status.state.is_final();
    if is_under_way {
        end_begun(status, &KeptReason::UploadedAgain, now);
    }
    if is_under_way && !status.retired.is_empty() {
        record_notice(status, NoticeKind::Retired, now);
    }
}

/// Those that are deregistered already are no previous AMIs of what begins now, and that is told: all of a manifest that was removed,
/// of which nothing more is retired, and else those that leave nothing.
/// What else was begun is brought to an end by what begins now: a protection is switched on again where the AMI is its own, too
/// ([`super::adopted`]), and else when it is finished, as it is then found out whether EC2 has deregistered one.
fn end_begun(status: &mut Status, why: &KeptReason, now: Timestamp) {
    let is_removed = status.is_removed();
    let targets = publish::retire::targets(status).into_iter();
    let begun = targets.filter(|it| {
        let is_gone = it.known.retiring.deregistered_at.is_some();
        is_gone && (is_removed || !it.known.leaves_something())
    });
    let begun: Vec<Retirement> = begun
        .map(|target| publish::retire::given_up(&target, None, why, now))
        .collect();
    begun.into_iter().for_each(|ended| end(status, ended, now));
}

/// What is left of a removed manifest's AMIs was deprecated already: its email names those, too.
fn end_deprecated(status: &mut Status, now: Timestamp) {
    let left = publish::retire::targets(status).into_iter().map(|target| {
        let deprecated = RetireOutcome::Deprecated;
        publish::retire::retirement(&target, deprecated, None, now)
    });
    let left: Vec<Retirement> = left.collect();
    left.into_iter().for_each(|ended| end(status, ended, now));
}

fn finish(status: &mut Status, now: Timestamp) {
    if status.is_removed() && status.on_delete.is_some() {
        end_deprecated(status, now);
    }
    forget_surplus(status);
    // Else only what was begun of them, or this version's own AMIs, were brought to an end.
    if status.replaces && !status.is_removed() {
        let deregisters = status.deregisters_previous;
        for version in &mut status.previous {
            version.deal_with(deregisters);
        }
    }
    let why = message::retired(status);
    let state = if status.is_removed() {
        State::Deleted
    } else {
        State::Available
    };
    move_to(status, state, status.build.step, why, now);
    if !status.retired.is_empty() {
        record_notice(status, NoticeKind::Retired, now);
    }
}

/// More AMIs are kept than a status has room for: the oldest are not tried again, which is told.
fn forget_surplus(status: &mut Status) {
    let versions = status.previous.iter();
    let images = versions.flat_map(|version| version.regions.iter());
    let kept = images.filter(|(_, known)| known.retiring.kept_at.is_some());
    let kept: Vec<(String, String)> = kept
        .map(|(region, known)| (region.clone(), known.image.clone()))
        .collect();
    let surplus = kept.len().saturating_sub(AMIS_KEPT);
    for (at, (region, image)) in kept.into_iter().enumerate() {
        if at >= surplus && size(&status.previous) <= PREVIOUS_BYTES {
            return;
        }
        let told = status.retired.iter_mut();
        told.filter(|it| it.region == region && it.image == image)
            .for_each(|it| it.forgotten = true);
        forget_previous(status, &region, &image);
    }
}

/// How many bytes these take of a status. What cannot be written takes none; a status is refused for that elsewhere.
fn size(previous: &[PreviousVersion]) -> usize {
    serde_json::to_vec_pretty(previous).map_or(0, |text| text.len())
}
