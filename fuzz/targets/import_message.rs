//! What EC2 says of a failed import: whatever it is, there is advice, of one line, and the same for the same message.

use amiwright::image::Status;
use amiwright::image::apply::apply;
use amiwright::image::message::{advice, failures};
use amiwright::image::outcome::StepOutcome;
use amiwright::image::task::{Task, TaskKind};
use jiff::Timestamp;
use serde_json::json;

use super::texts;

const AT: Timestamp = Timestamp::constant(1_795_262_400, 0);

/// Checks this text as a message of EC2.
pub(crate) fn run(data: &[u8]) {
    let Ok(message) = std::str::from_utf8(data) else {
        return;
    };
    for kind in [TaskKind::ImportSnapshot, TaskKind::ImportImage] {
        let hint = advised(kind, message);
        assert_eq!(hint, advised(kind, &format!("ClientError: {message}")));
        if message.is_ascii() {
            assert_eq!(hint, advised(kind, &message.to_ascii_uppercase()));
        }
        // It is no way around itself.
        let is_disk = kind == TaskKind::ImportSnapshot;
        assert!(
            !is_disk || !hint.contains("or use the source `disk`"),
            "{hint}"
        );
    }
}

/// What is said of an import that failed so.
fn advised(kind: TaskKind, message: &str) -> String {
    let id = match kind {
        TaskKind::ImportImage => "import-ami-0123456789abcdef0",
        _ => "import-snap-0123456789abcdef0",
    };
    let task: Task = serde_json::from_value(json!({
        "kind": kind, "id": id, "region": "us-east-1", "state": "deleted", "message": message,
        "startedAt": AT, "updatedAt": AT,
    }))
    .unwrap();
    let failure = failures::task_failed(&task);
    let mut status: Status = serde_json::from_value(json!({
        "schema": 3, "state": "working",
        "build": {"attempt": 0, "step": "await-task", "stepSince": AT, "startedAt": AT, "tasks": [task]},
        "manifest": {"bucket": "images", "key": "web.image.yaml", "etag": "e", "sha256": "0", "uploadedAt": AT},
    }))
    .unwrap();
    let hint = advice::hint(&status, &failure);
    apply(&mut status, StepOutcome::Fail(failure), AT);
    texts::failures(&status);
    for notice in &status.notices {
        texts::notice(&status, notice);
    }
    hint
}
