//! What `status` shows of images in each state.

mod samples;

use insta::assert_snapshot;

use super::{Form, Place, View, details, write_list};
use crate::cli::terminal::Terminal;
use crate::image::Status;
use crate::image::words::{State, Step};
use crate::status_store::{Listed, Loaded};
use samples::{
    at, available_with_previous, cancelled, failed, importing, listed, rejected, waiting,
    with_all_parts,
};

const REGION: &str = "us-east-1";

fn detailed(status: &Status) -> String {
    let mut out = Vec::new();
    details::write(status, at("10:30:00"), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The list in a terminal of this size (columns, rows), or what is not a terminal.
fn list(listed: &[Listed], size: Option<(usize, usize)>, form: Form) -> String {
    let view = View {
        terminal: Terminal {
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            ..Terminal::PLAIN
        },
        form,
        ..View::of(&[""; 0])
    };
    let place = Place {
        bucket: "images",
        region: REGION,
        now: at("10:30:00"),
    };
    let (total, mut out) = (listed.len(), Vec::new());
    write_list(place, &view, listed, total, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_table_has_a_row_for_each_image() {
    assert_snapshot!(list(&listed(), None, Form::Text));
}

#[test]
fn the_json_in_examples_is_up_to_date() {
    let json = list(&listed(), None, Form::Json);
    let top = env!("CARGO_MANIFEST_DIR");
    let path = format!("{top}/examples/notices/status.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &json).unwrap();
    }
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(copy, json, "run with BLESS=1 to update {path}");
}

#[test]
fn the_table_fits_the_terminal() {
    for width in [60, 80, 100, 200] {
        let mut listed = listed();
        listed[4].manifest_key = format!("golden/{}.image.yaml", "web-".repeat(40));
        let text = list(&listed, Some((width, 24)), Form::Text);
        let widths = text.lines().map(console::measure_text_width);
        assert!(widths.max() <= Some(width), "{text}");
        assert!(
            text.contains("-.image.yaml"),
            "the end of a key is kept: {text}"
        );
    }
}

#[test]
fn a_wide_table_cuts_nothing_off() {
    let text = list(&listed(), Some((80, 24)), Form::Wide);
    assert!(text.contains("no change for 1 h"), "{text}");
    assert!(text.contains("9 problems: name: is missing"), "{text}");
    assert!(text.contains("ami-2"), "{text}");
}

#[test]
fn what_failed_is_listed_before_what_a_terminal_has_no_room_for() {
    let many = (0..60).map(|number| {
        let status = match number % 20 {
            0 => failed(),
            1 => importing(),
            _ => available_with_previous("available", "new"),
        };
        Listed {
            manifest_key: format!("image-{number:02}.image.yaml"),
            modified_at: at("10:00:00"),
            status: Ok(Loaded {
                status,
                etag: String::new(),
            }),
        }
    });
    let text = list(&many.collect::<Vec<_>>(), Some((80, 24)), Form::Text);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "images · us-east-1 · 60 images: 3 open, 3 failed, 54 available"
    );
    assert!(lines.len() < 24, "{text}");
    for number in ["00", "20", "40"] {
        assert!(
            text.contains(&format!("✗ image-{number}.image.yaml")),
            "{text}"
        );
    }
    assert!(
        lines.last().unwrap().contains("more available (--all)"),
        "{text}"
    );
}

#[test]
fn a_running_task_is_shown_with_its_progress() {
    assert_snapshot!(detailed(&importing()));
}

#[test]
fn what_is_waited_for_is_shown() {
    assert_snapshot!(detailed(&waiting()));
}

#[test]
fn a_failure_is_shown_with_what_to_do() {
    assert_snapshot!(detailed(&failed()));
}

#[test]
fn what_a_cancellation_deleted_and_did_not_is_shown() {
    assert_snapshot!(detailed(&cancelled()));
}

#[test]
fn previous_images_are_shown() {
    assert_snapshot!(detailed(&available_with_previous("available", "new")));
}

#[test]
fn previous_images_of_an_overwritten_bundle_are_no_longer_valid() {
    let text = detailed(&available_with_previous("available", "old"));
    assert!(
        text.contains("ami-1 in us-east-1 (no longer valid)"),
        "{text}"
    );
}

#[test]
fn previous_images_that_may_be_deprecated_are_said_to_be_once_nothing_is_retired_any_more() {
    let mut status = available_with_previous("available", "old");
    let known = status.previous[0].regions.values_mut().next().unwrap();
    known.retiring.deprecate_at = Some(status.build.started_at);
    let text = detailed(&status);
    let told = "it may be deprecated: check it; no longer valid)";
    assert!(text.contains(told), "{text}");
    (status.state, status.build.step) = (State::Working, Step::Retire);
    let text = detailed(&status);
    assert!(!text.contains("check it"), "{text}");
    let valid = "ami-1 in us-east-1 (no longer valid)";
    assert!(text.contains(valid), "{text}");
}

#[test]
fn all_problems_of_a_rejected_manifest_are_counted() {
    assert_snapshot!(detailed(&rejected()));
}

#[test]
fn conditions_notices_and_history_are_shown() {
    assert_snapshot!(detailed(&with_all_parts()));
}

#[test]
fn a_final_state_is_shown_since_it_was_reached() {
    let text = detailed(&with_all_parts());
    assert!(text.contains("Since      2026-11-21T10:00:00Z"), "{text}");
}
