//! A version of a manifest arrives: a new image, a new version, or the same once more.

use jiff::Timestamp;

use super::changes::{move_to, note, record_notice};
use super::lately::deregistered_lately;
use super::{conditions, retiring};
use crate::image::message;
use crate::image::status::{ManifestVersion, Retirement, Status};
use crate::image::words::{State, Step, shortened};

/// Starts a manifest version: a new image, or a new version or attempt in place of `before`.
#[must_use]
pub fn open(before: Option<Status>, manifest: ManifestVersion, now: Timestamp) -> Status {
    let mut status = Status::new(manifest, now);
    let why = match before {
        None => "the manifest was uploaded".to_owned(),
        Some(mut before) => {
            retiring::interrupted(&mut before, now);
            let why = if before.retry.is_some() {
                "a new attempt was asked for".to_owned()
            } else {
                format!(
                    "a new version replaces the one with SHA-256 {}",
                    shortened(&before.manifest.sha256)
                )
            };
            let forgotten = status.inherit(&before, now);
            status.build.deregistered_before = deregistered_lately(&before, now);
            status.build.looked_for_imports_at = before.build.looked_for_imports_at;
            status.on_delete = before.on_delete;
            status.build.source_owners = before.build.source_owners;
            status.build.is_retry = before.retry.is_some();
            status.build.attempt = before.build.attempt.saturating_add(1);
            (status.state, status.build.step) = (before.state, before.build.step);
            status.conditions = before.conditions;
            status.release = before.release.for_next();
            status.answered = before.answered;
            (status.notices, status.history) = (before.notices, before.history);
            note_forgotten(&mut status, &forgotten, now);
            why
        }
    };
    status.build.step_since = now;
    move_to(&mut status, State::Working, Step::CheckManifest, why, now);
    conditions::update(&mut status, now);
    status
}

/// Continues with a version of which only the draft is known: whoever was to write its status died, maybe after it had
/// made something. `current` is the status that is there. None if that is about this version already, or is not final:
/// then nothing is to be taken over, or not yet.
#[must_use]
pub fn recover(mut draft: Status, current: Option<Status>, now: Timestamp) -> Option<Status> {
    let mut notices = Vec::new();
    if let Some(current) = current {
        let (known, started) = (&current.build, &draft.build);
        let is_same_version = known.digest == started.digest;
        let is_same_start =
            (known.attempt, known.started_at) == (started.attempt, started.started_at);
        let is_known = is_same_version && (is_same_start || current.state == State::Available);
        if !current.state.is_final() || is_known {
            return None;
        }
        let forgotten = draft.inherit(&current, now);
        draft.build.deregistered_before = deregistered_lately(&current, now);
        let looked_at = current.build.looked_for_imports_at;
        draft.build.looked_for_imports_at = draft.build.looked_for_imports_at.or(looked_at);
        notices = current.notices;
        draft.history.splice(..0, current.history);
        draft.conditions = current.conditions;
        draft.answered = current.answered;
        if draft.release.is_empty() {
            draft.release = current.release.for_next();
        }
        note_forgotten(&mut draft, &forgotten, now);
    }
    // Rewritten: each is counted, and states what this status says.
    for notice in std::mem::replace(&mut draft.notices, notices) {
        record_notice(&mut draft, notice.kind, now);
    }
    note(
        &mut draft,
        "the invocation that started this was cut short; it is continued",
        now,
    );
    conditions::update(&mut draft, now);
    Some(draft)
}

/// These AMIs of earlier versions are not retired any more.
fn note_forgotten(status: &mut Status, forgotten: &[Retirement], now: Timestamp) {
    for it in forgotten {
        note(status, message::retirement_line(it), now);
    }
}

/// The manifest was uploaded again and asks for nothing new: that is only noted, so that the sweep does not come back
/// to it.
pub fn note_repetition(status: &mut Status, upload: ManifestVersion) {
    let manifest = &mut status.manifest;
    manifest.repeated_at = Some(upload.uploaded_at);
    (manifest.etag, manifest.version_id) = (upload.etag, upload.version_id);
    manifest.sha256 = upload.sha256;
}
