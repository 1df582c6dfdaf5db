//! Statuses: one that can be read is the same after it was written, of whatever schema; whatever is then done to it can be
//! read again; and its notices can be sent.

use amiwright::image::apply::{apply, note_stalled, open, remove, request_retry};
use amiwright::image::outcome::StepOutcome;
use amiwright::image::plan::{self, Next};
use amiwright::image::request;
use amiwright::image::status::{Failure, SCHEMA, Status, parse};
use amiwright::image::words::FailureKind;
use amiwright::limits::STATUS_BYTES;
use amiwright::manifest::Problem;
use jiff::Timestamp;

use super::texts;

/// 2026-11-21T12:00:00Z
const NOW: Timestamp = Timestamp::constant(1_795_262_400, 0);

/// Checks these bytes as a status, and as a request.
pub(crate) fn run(data: &[u8]) {
    if let Ok(request) = request::parse(data) {
        let again = serde_json::to_vec(&request).unwrap();
        assert_eq!(request::parse(&again), Ok(request));
    }
    if data.len() > STATUS_BYTES {
        return;
    }
    let Ok(status) = parse(data) else {
        return;
    };
    assert_eq!(status.schema, SCHEMA);
    assert_eq!(written(&status), status);
    asked(&status);
    texts::failures(&status);
    for notice in &status.notices {
        texts::notice(&status, notice);
    }
    changed(&status);
}

/// The status after it was written and read.
fn written(status: &Status) -> Status {
    let content = serde_json::to_vec_pretty(status).unwrap();
    parse(&content)
        .unwrap_or_else(|error| panic!("{error:?}: {}", String::from_utf8_lossy(&content)))
}

/// Whatever times a status has, questions about it have answers.
fn asked(status: &Status) {
    for now in [NOW, Timestamp::MIN, Timestamp::MAX] {
        let next = plan::next(status, now);
        assert!(
            !status.state.is_final() || !matches!(next, Next::Do(_) | Next::Poll),
            "{next:?}"
        );
        let _ = status.is_cooling_down(now);
        let _ = status.unverified(now);
        let _ = status.unsent().any(|it| it.is_due(now));
    }
    let _ = (
        status.place(),
        status.last_verified(),
        status.unchanged_since(),
    );
    let _ = (
        plan::may_be_cancelled(status),
        plan::may_be_superseded(status),
    );
}

/// What amiwright does to any status that it reads, it can read again; and what it tells of that can be sent.
fn changed(before: &Status) {
    let changes: [&dyn Fn(&mut Status); 8] = [
        &|status| _ = note_stalled(status, NOW),
        &|status| _ = request_retry(status, NOW),
        &|status| remove(status, NOW),
        &|status| *status = open(Some(before.clone()), before.manifest.clone(), NOW),
        &|status| _ = apply(status, StepOutcome::Unchanged, NOW),
        &|status| _ = apply(status, StepOutcome::Reject(vec![Problem::new("no")]), NOW),
        &|status| {
            let failure = Failure::new(FailureKind::Other, "trying", "no");
            apply(status, StepOutcome::Fail(failure), NOW);
        },
        &|status| drop(status.claim_notice(NOW)),
    ];
    for change in changes {
        let mut status = before.clone();
        change(&mut status);
        assert_eq!(written(&status), status);
        let known = before.notices.last().map_or(0, |it| it.seq);
        for notice in status.notices.iter().filter(|it| it.seq > known) {
            texts::notice(&status, notice);
        }
    }
}
