//! How large a status may become. What is needed least goes first, before the status is written: one that is too large to
//! be read again would be lost.

use crate::image::Status;
use crate::limits::STATUS_BYTES;

/// What is kept free while an image is under way, so that it can still fail, and say so: a notice has up to 60 KiB.
const RESERVE: usize = 96 * 1024;

/// Entries of `history` that a status keeps that would be too large with all of them.
const HISTORY_KEPT: usize = 10;

/// Why a status is not written.
#[derive(Debug)]
pub(super) enum Unwritable {
    /// It has so many bytes, also without all that it can do without.
    TooLarge {
        /// Its bytes.
        size: usize,
        /// Those that it may have.
        limit: usize,
    },
    /// It cannot be written as JSON.
    NotJson(serde_json::Error),
}

/// A status as JSON of at most [`STATUS_BYTES`] bytes: if need be, without its older history, the notices that were sent, and
/// what the others remember of earlier versions. Very many problems are cut when they are recorded.
pub(super) fn to_json(status: &Status) -> Result<Vec<u8>, Unwritable> {
    let is_ending = status.state.is_final() || status.build.ending.is_some();
    let limit = if is_ending {
        STATUS_BYTES
    } else {
        STATUS_BYTES - RESERVE
    };
    let mut content = serde_json::to_vec_pretty(status).map_err(Unwritable::NotJson)?;
    if content.len() <= limit {
        return Ok(content);
    }
    let mut smaller = status.clone();
    for shorten in [shorten_history, drop_sent_notices, shorten_notices] {
        shorten(&mut smaller);
        content = serde_json::to_vec_pretty(&smaller).map_err(Unwritable::NotJson)?;
        if content.len() <= limit {
            let key = &status.manifest.key;
            tracing::warn!(manifest = key, "the status is kept without its older parts");
            return Ok(content);
        }
    }
    let size = content.len();
    Err(Unwritable::TooLarge { size, limit })
}

fn shorten_history(status: &mut Status) {
    let surplus = status.history.len().saturating_sub(HISTORY_KEPT);
    status.history.drain(..surplus);
}

/// The last notice stays in any case: the next one counts on from it.
fn drop_sent_notices(status: &mut Status) {
    let last = status.notices.last().map(|notice| notice.seq);
    status
        .notices
        .retain(|notice| notice.sent_at.is_none() || Some(notice.seq) == last);
}

/// While nobody can be told, each version adds a notice that remembers those before it. An email says little of them.
fn shorten_notices(status: &mut Status) {
    for notice in &mut status.notices {
        if let Some(facts) = &mut notice.facts {
            facts.keep_named_previous();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::image::status::Facts;
    use crate::manifest::Problem;

    /// A status with one notice that was sent and one that was not, and with some history.
    fn status() -> Status {
        let at = Timestamp::UNIX_EPOCH;
        let notice = |seq, sent_at: Option<Timestamp>| json!({"seq": seq, "kind": "rejected", "at": at, "sentAt": sent_at});
        let entry =
            |n: usize| json!({"at": at, "from": "working", "to": "working", "why": n.to_string()});
        serde_json::from_value(json!({
            "schema": 3, "state": "rejected",
            "build": {"attempt": 0, "step": "check-manifest", "stepSince": at, "startedAt": at},
            "manifest": {"bucket": "b", "key": "web.image.yaml", "etag": "\"e\"", "sha256": "0", "uploadedAt": at},
            "notices": [notice(1, Some(at)), notice(2, Some(at)), notice(3, None)],
            "history": (0..50).map(entry).collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    fn written(status: &Status) -> Status {
        let content = to_json(status).unwrap();
        assert!(content.len() <= STATUS_BYTES);
        serde_json::from_slice(&content).unwrap()
    }

    fn problem(length: usize) -> Problem {
        Problem::new("x".repeat(length))
    }

    #[test]
    fn a_usual_status_is_kept_as_it_is() {
        assert_eq!(written(&status()), status());
    }

    #[test]
    fn old_history_goes_before_anything_else() {
        let mut large = status();
        large.history[7].why = "x".repeat(STATUS_BYTES);
        let written = written(&large);
        assert_eq!(written.history, large.history[40..]);
        assert_eq!(written.notices, large.notices);
    }

    #[test]
    fn sent_notices_go_next() {
        let mut large = status();
        large.problems = vec![problem(STATUS_BYTES / 2)];
        for notice in large.notices.iter_mut().take(2) {
            notice.message_id = Some("x".repeat(STATUS_BYTES / 2));
        }
        let written = written(&large);
        assert_eq!(written.notices, large.notices[2..]);
        assert_eq!(written.problems, large.problems);
    }

    #[test]
    fn what_unsent_notices_remember_of_earlier_versions_goes_last() {
        let mut large = status();
        let at = Timestamp::UNIX_EPOCH;
        let version = |number: u8| {
            let why = "x".repeat(STATUS_BYTES / 40);
            let region =
                json!({"image": format!("ami-{number}"), "imageState": why, "createdAt": at});
            serde_json::from_value(json!({"regions": {"us-east-1": region}})).unwrap()
        };
        large.previous = (0..10).map(version).collect();
        let facts = Facts::of(&large);
        large.notices.remove(0);
        for notice in &mut large.notices {
            (notice.sent_at, notice.facts) = (None, Some(facts.clone()));
        }
        large.notices.push(large.notices[1].clone());
        large.notices[2].seq = 4;
        let written = written(&large);
        assert_eq!(written.previous, large.previous);
        assert_eq!(written.notices.len(), 3);
        for notice in &written.notices {
            let remembered = &notice.facts.as_ref().unwrap().status().previous;
            assert_eq!(*remembered, large.previous[9..]);
        }
    }

    #[test]
    fn what_is_needed_is_never_dropped() {
        let mut large = status();
        large.problems = vec![problem(STATUS_BYTES)];
        let unwritable = to_json(&large).unwrap_err();
        assert!(matches!(unwritable, Unwritable::TooLarge { size, .. } if size > STATUS_BYTES));
    }
}
