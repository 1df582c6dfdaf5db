//! All statuses as a table, the one that changed last at the end.

use comfy_table::{Table, presets};
use jiff::Timestamp;

use crate::cli::text::{ago, plain};
use crate::image::status::{State, Status};
use crate::image::transition::counted;
use crate::store::Listed;

/// Longest text of a cell, in characters: an error of AWS may fill a screen. The details have all of it.
const CELL_MAX: usize = 72;

/// The table, without a line break at its end.
pub(super) fn render(listed: &[Listed], now: Timestamp) -> String {
    let mut sorted: Vec<&Listed> = listed.iter().collect();
    sorted.sort_by(|one, other| {
        (one.modified_at, &one.manifest_key).cmp(&(other.modified_at, &other.manifest_key))
    });
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["MANIFEST", "STATE", "WHAT", "AMI", "CHANGED"]);
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
            cell(&what(&loaded.status)),
            images(&loaded.status),
            changed,
        ],
        Err(error) => [
            key,
            "unreadable".to_owned(),
            cell(&error.to_string()),
            String::new(),
            changed,
        ],
    }
}

/// What is waited for, what went wrong, or what became of it.
fn what(status: &Status) -> String {
    match status.state {
        State::Working => status
            .waiting
            .as_ref()
            .map(|waiting| waiting.message.clone())
            .unwrap_or_default(),
        State::Available => status.name.clone().unwrap_or_default(),
        State::Rejected => counted(status.problems.len(), "problem"),
        State::Superseded => "the image manifest beside it decides".to_owned(),
        State::Cancelled => "it was asked for".to_owned(),
        State::Failed => {
            let failure = status.failure.as_ref();
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
        .images
        .values()
        .map(|image| image.id.as_str())
        .collect();
    plain(&ids.join(" "))
}

fn cell(text: &str) -> String {
    let text = plain(text);
    match text.char_indices().nth(CELL_MAX) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::status::{Image, ManifestVersion, Step};
    use crate::store::{Loaded, StoreError};

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
            uploaded_at,
            repeated_at: None,
        };
        let mut status = Status::new(manifest, uploaded_at);
        (status.state, status.step) = (state, Step::AwaitImage);
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
    fn the_newest_is_last_and_the_unreadable_is_shown() {
        let mut web = status("web.image.yaml", State::Available);
        web.name = Some("web-1".to_owned());
        let image = Image {
            id: "ami-1".to_owned(),
            state: "available".to_owned(),
            unseen_since: None,
            snapshots: Vec::new(),
        };
        web.images.insert("us-east-1".to_owned(), image);
        let broken = StoreError::Unreadable {
            bucket: "images".to_owned(),
            key: "amiwright/status/odd\x1b.image.yaml.json".to_owned(),
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
            lines[1].contains("odd .image.yaml") && lines[1].contains("unreadable"),
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
