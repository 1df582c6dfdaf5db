//! Conditions: what is true of an image now, for scripts, in Kubernetes' form.

use jiff::Timestamp;

use crate::image::message;
use crate::image::status::{Condition, ConditionKind, ConditionStatus, Status};
use crate::image::words::{ConditionReason, FailureKind, State};

/// Brings the conditions up to date with the rest of the status.
pub(super) fn update(status: &mut Status, now: Timestamp) {
    let (built, reason) = match status.state {
        State::Available | State::Incomplete => {
            (ConditionStatus::True, ConditionReason::ImageAvailable)
        }
        _ if status.is_built() => (ConditionStatus::True, ConditionReason::ImageAvailable),
        State::Working if status.build.ending.is_some() => {
            (ConditionStatus::False, ConditionReason::CleaningUp)
        }
        State::Working if status.build.waiting.is_some() => {
            (ConditionStatus::Unknown, ConditionReason::Waiting)
        }
        State::Working => (ConditionStatus::Unknown, ConditionReason::InProgress),
        State::Failed => (ConditionStatus::False, ConditionReason::Failed),
        State::Cancelled => (ConditionStatus::False, ConditionReason::Cancelled),
        State::Rejected => (ConditionStatus::False, ConditionReason::ManifestRejected),
        State::Superseded => (ConditionStatus::False, ConditionReason::Superseded),
        State::Deleted if status.regions.is_empty() => {
            (ConditionStatus::False, ConditionReason::Deregistered)
        }
        State::Deleted => (ConditionStatus::True, ConditionReason::ImageAvailable),
    };
    let message = message::condition(status);
    set(status, ConditionKind::Built, built, reason, message, now);
    published(status, now);
    released(status, now);
    retired(status, now);
}

/// Whether what the manifest says about the AMIs of earlier versions was done.
fn retired(status: &mut Status, now: Timestamp) {
    let (so, reason) = if status.state == State::Working && status.build.step.retires() {
        (ConditionStatus::Unknown, ConditionReason::InProgress)
    } else if status.retired.iter().any(|it| it.why.is_some()) {
        (ConditionStatus::False, ConditionReason::Kept)
    } else if !status.retired.is_empty() {
        (ConditionStatus::True, ConditionReason::AsInManifest)
    } else {
        return status
            .conditions
            .retain(|it| it.kind != ConditionKind::Retired);
    };
    let message = match so {
        ConditionStatus::Unknown => message::condition(status),
        ConditionStatus::True | ConditionStatus::False => message::retired(status),
    };
    set(status, ConditionKind::Retired, so, reason, message, now);
}

/// Whether the AMI has all settings of its manifest; nothing is said of that before there is one.
fn published(status: &mut Status, now: Timestamp) {
    let (so, reason) = match status.state {
        // There is no manifest any more that it could be like.
        _ if status.is_removed() => return forget_settings(status),
        State::Available => (ConditionStatus::True, ConditionReason::AsInManifest),
        State::Incomplete => (ConditionStatus::False, ConditionReason::Incomplete),
        State::Working if status.build.step.retires() => {
            (ConditionStatus::True, ConditionReason::AsInManifest)
        }
        State::Working if status.is_built() => {
            (ConditionStatus::Unknown, ConditionReason::InProgress)
        }
        State::Working
        | State::Failed
        | State::Cancelled
        | State::Rejected
        | State::Superseded
        | State::Deleted => return forget_settings(status),
    };
    let message = match status.state {
        State::Incomplete => message::incomplete(status),
        _ => String::new(),
    };
    set(
        status,
        ConditionKind::Published,
        so,
        reason,
        message.clone(),
        now,
    );
    let (so, reason, message) = match &status.drift {
        Some(drift) if !drift.repairing => (
            ConditionStatus::False,
            ConditionReason::Drifted,
            message::drift_line(drift),
        ),
        _ => (so, reason, message),
    };
    set(status, ConditionKind::InSync, so, reason, message, now);
}

fn forget_settings(status: &mut Status) {
    let is_about_settings =
        |it: &Condition| matches!(it.kind, ConditionKind::Published | ConditionKind::InSync);
    status.conditions.retain(|it| !is_about_settings(it));
}

/// Whether the parameters point to the AMI; nothing is said of that before there is one, and where there are none.
fn released(status: &mut Status, now: Timestamp) {
    let is_named = status.release.named().next().is_some();
    if !is_named || !status.is_built() {
        return status
            .conditions
            .retain(|it| it.kind != ConditionKind::Released);
    }
    let failed = status.release.failures().next();
    let (so, reason) = match (failed, status.state) {
        (Some((_, failure)), _) => (ConditionStatus::False, not_released(&failure.kind)),
        (None, _) if status.is_released() => (ConditionStatus::True, ConditionReason::AsInManifest),
        (None, State::Working) => (ConditionStatus::Unknown, ConditionReason::InProgress),
        (None, _) => (ConditionStatus::False, ConditionReason::HeldBack),
    };
    let message = match so {
        ConditionStatus::True => String::new(),
        ConditionStatus::False => message::not_released(status),
        ConditionStatus::Unknown => message::condition(status),
    };
    set(status, ConditionKind::Released, so, reason, message, now);
}

fn not_released(failure: &FailureKind) -> ConditionReason {
    match failure {
        FailureKind::ParameterConflict { .. } => ConditionReason::ParameterConflict,
        FailureKind::ParameterNotValidated => ConditionReason::ParameterNotValidated,
        _ => ConditionReason::ParameterNotSet,
    }
}

/// Gives a status of an older schema, which had no conditions, those that it would have been written with.
pub fn complete(status: &mut Status) {
    if status.conditions.is_empty() {
        let last = status.history.last();
        let since = last.map_or(status.build.step_since, |change| change.at);
        update(status, since);
    }
}

fn find(status: &Status, kind: ConditionKind) -> Option<&Condition> {
    status.conditions.iter().find(|it| it.kind == kind)
}

fn set(
    status: &mut Status,
    kind: ConditionKind,
    so: ConditionStatus,
    reason: ConditionReason,
    message: String,
    now: Timestamp,
) {
    let before = find(status, kind).filter(|before| before.status == so);
    let condition = Condition {
        kind,
        status: so,
        since: before.map_or(now, |before| before.since),
        reason,
        message,
    };
    match status.conditions.iter_mut().find(|it| it.kind == kind) {
        Some(known) => *known = condition,
        None => status.conditions.push(condition),
    }
}
