//! The AMI in each Region as a small table, for `status` and `watch`.

use std::collections::BTreeSet;

use comfy_table::{Table, presets};
use jiff::Timestamp;

use super::text::{ago, cut, plain, span};
use crate::image::Status;
use crate::image::message::wait_text;
use crate::image::status::Failure;

/// Longest text of a cell, in characters: all of a failure is in `status KEY -o json` and in the email.
const CELL_MAX: usize = 60;

/// The table, without a line break at the end; none for an image that has one Region.
pub(super) fn render(status: &Status, now: Timestamp) -> Option<String> {
    let regions = in_order(status);
    if regions.len() < 2 {
        return None;
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["REGION", "AMI", "STATE", "COPY", "SETTINGS"]);
    for region in regions {
        let mut row = row(status, region, now);
        row[4] = cut(&row[4], CELL_MAX);
        table.add_row(row);
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    Some(table.trim_fmt())
}

/// The Regions of an image. That of the AMI which the others are copies of is first.
pub(super) fn in_order(status: &Status) -> Vec<&str> {
    // Of a Region that the manifest does not name any more, it may only be known how often a copy was tried.
    let is_asked = |region: &&String| {
        let request = status.copies.get(*region);
        !status.state.is_final()
            || request.is_some_and(|it| it.asked_at.is_some() || it.failure.is_some())
    };
    let copies = status.copies.keys().filter(is_asked);
    let regions: BTreeSet<&String> = status.regions.keys().chain(copies).collect();
    let (copies, home): (Vec<&str>, Vec<&str>) = regions
        .into_iter()
        .map(String::as_str)
        .partition(|region| status.copies.contains_key(*region));
    home.into_iter().chain(copies).collect()
}

/// What is known in a Region: its name, the AMI, its state, how far its copy is, and its settings. All texts are safe to
/// show.
pub(super) fn row(status: &Status, region: &str, now: Timestamp) -> [String; 5] {
    let known = status.image_in(region);
    let or_none = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), plain);
    [
        plain(region),
        or_none(known.map(|it| it.image.as_str())),
        or_none(known.map(|it| it.image_state.as_str())),
        copy(status, region, now),
        plain(&settings(status, region, now)),
    ]
}

/// How far its copy is: EC2 tells no percent of it.
fn copy(status: &Status, region: &str, now: Timestamp) -> String {
    let Some(request) = status.copies.get(region) else {
        return "-".to_owned();
    };
    let attempt = match request.attempt {
        0 => String::new(),
        attempt => format!(", attempt {}", attempt.saturating_add(1)),
    };
    let is_copying = match status.image_in(region) {
        Some(known) => matches!(known.image_state.as_str(), "pending" | "transient"),
        None => request.failure.is_none(),
    };
    match request.asked_at {
        _ if request.failure.is_some() => format!("failed{attempt}"),
        None => format!("not begun{attempt}"),
        Some(at) if is_copying => format!("for {}{attempt}", span(now.duration_since(at))),
        Some(_) => format!("done{attempt}"),
    }
}

/// Whether it has its settings; what is in the way otherwise.
fn settings(status: &Status, region: &str, now: Timestamp) -> String {
    let known = status.image_in(region);
    let request = status.copies.get(region);
    if let Some(failure) = status.failure_in(region) {
        return failure_text(failure);
    }
    if known.is_some_and(|it| it.unlisted_since.is_some()) {
        return "kept, not asked for any more".to_owned();
    }
    let verified_at = known.and_then(|it| it.verified_at);
    let is_old = !status.state.is_final() && !status.is_verified_now(region);
    match (
        verified_at,
        request.and_then(|request| request.waiting.as_ref()),
    ) {
        (_, Some(waiting)) => wait_text(&waiting.reason),
        (Some(at), None) if !is_old => format!("verified {}", ago(at, now)),
        _ => "not verified yet".to_owned(),
    }
}

/// What failed: the Region says where.
fn failure_text(failure: &Failure) -> String {
    match &failure.code {
        Some(code) => format!("{code}: {}", failure.message),
        None => failure.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::image::message::failures;
    use crate::image::status::{CopyRequest, ManifestVersion, RegionStatus, Waiting};
    use crate::image::words::{State, Step, WaitReason};

    fn at(time: &str) -> Timestamp {
        format!("2026-11-21T{time}Z").parse().unwrap()
    }

    fn status() -> Status {
        let manifest = ManifestVersion::sample("web.image.yaml", at("09:00:00"));
        let mut status = Status::new(manifest, at("09:00:00"));
        (status.state, status.build.step) = (State::Working, Step::Publish);
        status
    }

    fn image(id: &str, state: &str) -> RegionStatus {
        RegionStatus {
            image_state: state.to_owned(),
            ..RegionStatus::pending(id.to_owned())
        }
    }

    #[test]
    fn an_image_of_one_region_has_no_table() {
        let mut status = status();
        assert_eq!(render(&status, at("09:10:00")), None);
        let home = image("ami-0000000000000000a", "available");
        status.regions.insert("us-east-1".to_owned(), home);
        assert_eq!(render(&status, at("09:10:00")), None);
    }

    #[test]
    fn every_region_has_its_row() {
        let mut status = status();
        let home = RegionStatus {
            verified_at: Some(at("09:08:00")),
            ..image("ami-0000000000000000a", "available")
        };
        status.regions.insert("us-east-1".to_owned(), home);
        let asked = |time| CopyRequest {
            asked_at: Some(at(time)),
            ..CopyRequest::default()
        };
        let pending = CopyRequest {
            waiting: Some(Waiting {
                reason: WaitReason::CopyPending {
                    region: "us-west-2".to_owned(),
                },
                since: at("09:06:00"),
            }),
            ..asked("09:05:00")
        };
        status.copies.insert("us-west-2".to_owned(), pending);
        let copy = image("ami-0000000000000000b", "pending");
        status.regions.insert("us-west-2".to_owned(), copy);
        status
            .copies
            .insert("ap-south-1".to_owned(), CopyRequest::default());
        let failed = CopyRequest {
            attempt: 1,
            failure: Some(failures::region_disabled("af-south-1", None)),
            ..asked("09:05:00")
        };
        status.copies.insert("af-south-1".to_owned(), failed);
        status
            .copies
            .insert("eu-west-1".to_owned(), asked("09:01:00"));
        let kept = RegionStatus {
            unlisted_since: Some(at("09:00:00")),
            ..image("ami-0000000000000000c\x1b[2J", "available")
        };
        status.regions.insert("eu-west-1".to_owned(), kept);
        assert_snapshot!(render(&status, at("09:10:00")).unwrap(), @r"
        REGION      AMI                        STATE      COPY               SETTINGS
        us-east-1   ami-0000000000000000a      available  -                  verified 2 min ago
        af-south-1  -                          -          failed, attempt 2  the account has not enabled af-south-1, or there is no such…
        ap-south-1  -                          -          not begun          not verified yet
        eu-west-1   ami-0000000000000000c�[2J  available  done               kept, not asked for any more
        us-west-2   ami-0000000000000000b      pending    for 5 min          waiting until the copy in us-west-2 is available
        ");
    }

    #[test]
    fn what_was_verified_before_the_settings_changed_is_not_verified_yet() {
        let mut status = status();
        for (region, id) in [("us-east-1", "ami-a"), ("us-west-2", "ami-b")] {
            let known = RegionStatus {
                verified_at: Some(at("08:00:00")),
                ..image(id, "available")
            };
            status.regions.insert(region.to_owned(), known);
        }
        let asked = CopyRequest {
            asked_at: Some(at("07:00:00")),
            ..CopyRequest::default()
        };
        status.copies.insert("us-west-2".to_owned(), asked);
        let working = render(&status, at("09:10:00")).unwrap();
        assert_eq!(working.matches("not verified yet").count(), 2, "{working}");
        status.state = State::Available;
        assert_snapshot!(render(&status, at("09:10:00")).unwrap(), @r"
        REGION     AMI    STATE      COPY  SETTINGS
        us-east-1  ami-a  available  -     verified 1 h ago
        us-west-2  ami-b  available  done  verified 1 h ago
        ");
    }
}
