//! Conditions: what is true of an image now, for scripts, in Kubernetes' form.

use jiff::Timestamp;

use crate::image::message;
use crate::image::status::{Condition, ConditionKind, ConditionStatus, Status};
use crate::image::words::State;

/// Brings the conditions up to date with the rest of the status.
pub(super) fn update(status: &mut Status, now: Timestamp) {
    let (built, reason) = match status.state {
        State::Available => (ConditionStatus::True, "ImageAvailable"),
        _ if status.only_storing() => (ConditionStatus::True, "ImageAvailable"),
        State::Working if status.build.ending.is_some() => (ConditionStatus::False, "CleaningUp"),
        State::Working if status.build.waiting.is_some() => (ConditionStatus::Unknown, "Waiting"),
        State::Working => (ConditionStatus::Unknown, "InProgress"),
        State::Failed => (ConditionStatus::False, "Failed"),
        State::Cancelled => (ConditionStatus::False, "Cancelled"),
        State::Rejected => (ConditionStatus::False, "ManifestRejected"),
        State::Superseded => (ConditionStatus::False, "Superseded"),
    };
    let message = message::condition(status);
    set(status, ConditionKind::Built, built, reason, message, now);
    if status.state == State::Working {
        status
            .conditions
            .retain(|condition| condition.kind != ConditionKind::InSync);
    } else if status.state == State::Available && find(status, ConditionKind::InSync).is_none() {
        settings_restored(status, now);
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

/// The AMI has the manifest's settings.
pub(super) fn settings_restored(status: &mut Status, now: Timestamp) {
    let (kind, so) = (ConditionKind::InSync, ConditionStatus::True);
    set(status, kind, so, "AsInManifest", String::new(), now);
}

/// The manifest has other settings than the AMI.
pub(super) fn settings_changed(status: &mut Status, now: Timestamp) {
    let message = message::settings_changed().to_owned();
    let (kind, so) = (ConditionKind::InSync, ConditionStatus::False);
    set(status, kind, so, "SettingsNotApplied", message, now);
}

fn find(status: &Status, kind: ConditionKind) -> Option<&Condition> {
    status.conditions.iter().find(|it| it.kind == kind)
}

fn set(
    status: &mut Status,
    kind: ConditionKind,
    so: ConditionStatus,
    reason: &str,
    message: String,
    now: Timestamp,
) {
    let before = find(status, kind).filter(|before| before.status == so);
    let condition = Condition {
        kind,
        status: so,
        since: before.map_or(now, |before| before.since),
        reason: reason.to_owned(),
        message,
    };
    match status.conditions.iter_mut().find(|it| it.kind == kind) {
        Some(known) => *known = condition,
        None => status.conditions.push(condition),
    }
}
