//! All statuses as a table, the latest change at the end.

use comfy_table::{Table, presets};
use jiff::Timestamp;

use crate::cli::progress_text::summary_with_age;
use crate::cli::text::{ago, cut, plain};
use crate::image::status::Status;
use crate::image::words::{CancelBy, State, counted};
use crate::status_store::Listed;

/// Longest text of a cell, in characters: an error of AWS may fill a screen. `status KEY` shows all of it.
const CELL_MAX: usize = 60;

/// The table, without a line break at the end.
pub(super) fn render(listed: &[Listed], now: Timestamp) -> String {
    let mut sorted: Vec<&Listed> = listed.iter().collect();
    sorted.sort_by(|one, other| {
        (one.modified_at, &one.manifest_key).cmp(&(other.modified_at, &other.manifest_key))
    });
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["MANIFEST", "STATE", "DETAIL", "AMI", "CHANGED"]);
    for listed in sorted {
        table.add_row(row(listed, now));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    table.trim_fmt()
}

fn row(listed: &Listed, now: Timestamp) -> [String; 5] {
    let key = plain(&listed.manifest_key);
    let changed = ago(listed.modified_at, now);
    match &listed.status {
        Ok(loaded) => [
            key,
            loaded.status.place(),
            cut(&detail(&loaded.status, now), CELL_MAX),
            images(&loaded.status),
            changed,
        ],
        Err(error) => [
            key,
            "unreadable".to_owned(),
            cut(&error.to_string(), CELL_MAX),
            String::new(),
            changed,
        ],
    }
}

/// What is running or awaited, the failure, or the result.
fn detail(status: &Status, now: Timestamp) -> String {
    match status.state {
        State::Working => summary_with_age(status, now),
        State::Available => status.build.name.clone().unwrap_or_default(),
        State::Rejected => counted(status.problem_count(), "problem"),
        State::Superseded => "the image manifest of the bundle is used instead".to_owned(),
        State::Deleted if status.regions.is_empty() => {
            "the manifest was removed, and its AMIs were deregistered".to_owned()
        }
        State::Deleted => "the manifest was removed, and its AMIs were kept".to_owned(),
        State::Cancelled => match status.cancel.map(|cancel| cancel.by) {
            Some(CancelBy::ManifestRemoved) => "the manifest was removed".to_owned(),
            Some(CancelBy::Command) | None => "by amiwright cancel".to_owned(),
        },
        State::Failed | State::Incomplete => {
            let failure = status.failures().next();
            failure
                .map(|failure| {
                    failure
                        .code
                        .clone()
                        .unwrap_or_else(|| failure.message.clone())
                })
                .unwrap_or_default()
        }
    }
}

fn images(status: &Status) -> String {
    let ids: Vec<&str> = status
        .regions
        .values()
        .map(|it| it.image.as_str())
        .collect();
    plain(&ids.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::observed::ObservedTask;
    use crate::image::status::{Cancel, ManifestVersion, RegionStatus};
    use crate::image::task::{Task, TaskKind};
    use crate::image::words::{Step, TerminalReason};
    use crate::status_store::{Loaded, StoreError};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn status(key: &str, state: State) -> Status {
        let uploaded_at = at("2026-11-21T09:00:00Z");
        let manifest = ManifestVersion {
            bucket: "images".to_owned(),
            key: key.to_owned(),
            etag: "\"1\"".to_owned(),
            version_id: None,
            sha256: "0123456789abcdef".to_owned(),
            publish_digest: None,
            uploaded_at,
            repeated_at: None,
        };
        let mut status = Status::new(manifest, uploaded_at);
        (status.state, status.build.step) = (state, Step::AwaitImage);
        status
    }

    fn listed(status: Status, modified_at: &str) -> Listed {
        let manifest_key = status.manifest.key.clone();
        Listed {
            manifest_key,
            modified_at: at(modified_at),
            status: Ok(Loaded {
                status,
                etag: String::new(),
            }),
        }
    }

    #[test]
    fn progress_is_shown_in_the_terms_of_ec2() {
        let mut web = status("web.image.yaml", State::Working);
        web.build.step = Step::AwaitTask;
        web.build.tasks.push(Task {
            progress: Some(42),
            message: Some("converting".to_owned()),
            ..task(TaskKind::ImportSnapshot, "active")
        });
        let now = at("2026-11-21T09:03:00Z");
        assert_eq!(detail(&web, now), "import-snapshot 42 % converting (3 min)");
        let asked_at = at("2026-11-21T09:02:00Z");
        web.cancel = Some(Cancel {
            asked_at,
            by: CancelBy::Command,
            uploaded_at: asked_at,
        });
        web.build.tasks[0].state = "deleting".to_owned();
        assert_eq!(
            detail(&web, now),
            "cancelling: import-snapshot 42 % deleting: converting (3 min)"
        );
        (web.build.step, web.build.ending) = (Step::CleanUp, Some(TerminalReason::Cancelled));
        web.build.deleted = vec!["snap-1".to_owned()];
        assert_eq!(detail(&web, now), "cancelled, deleting 1 resource (3 min)");

        let mut copy = status("copy.image.yaml", State::Working);
        copy.build.tasks.push(task(TaskKind::CopyImage, "pending"));
        copy.build.stalls = 1;
        assert_eq!(
            detail(&copy, at("2026-11-21T16:00:00Z")),
            "copy-image pending (7 h), no change for 7 h"
        );
    }

    fn task(kind: TaskKind, state: &str) -> Task {
        let seen = ObservedTask {
            id: "import-snap-1".to_owned(),
            state: state.to_owned(),
            ..ObservedTask::default()
        };
        Task::started(kind, "us-east-1", &seen, at("2026-11-21T09:00:00Z"))
    }

    #[test]
    fn the_latest_is_last_and_unreadable_ones_are_shown() {
        let mut web = status("web.image.yaml", State::Available);
        web.build.name = Some("web-1".to_owned());
        let image = RegionStatus {
            image_state: "available".to_owned(),
            ..RegionStatus::pending("ami-1".to_owned())
        };
        web.regions.insert("us-east-1".to_owned(), image);
        let broken = StoreError::Unreadable {
            bucket: "images".to_owned(),
            key: "status/odd\x1b.image.yaml.json".to_owned(),
            reason: "expected value".to_owned(),
        };
        let odd = Listed {
            manifest_key: "odd\x1b.image.yaml".to_owned(),
            modified_at: at("2026-11-21T08:00:00Z"),
            status: Err(broken),
        };
        let all = [
            listed(web, "2026-11-21T09:58:00Z"),
            odd,
            listed(
                status("db.image.yaml", State::Working),
                "2026-11-21T09:00:00Z",
            ),
        ];
        let text = render(&all, at("2026-11-21T10:00:00Z"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[1].contains("odd\u{fffd}.image.yaml") && lines[1].contains("unreadable"),
            "{text}"
        );
        assert!(
            lines[2].contains("working/await-image") && lines[2].contains("1 h ago"),
            "{text}"
        );
        assert!(
            lines[3].contains("ami-1")
                && lines[3].contains("web-1")
                && lines[3].contains("2 min ago"),
            "{text}"
        );
        assert!(!text.contains('\x1b'));
    }
}
