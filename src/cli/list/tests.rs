//! Rows and the screen of a watch.

use jiff::{SignedDuration, Timestamp};

use super::row::Work;
use super::*;
use crate::cli::terminal::Terminal;
use crate::image::Status;
use crate::image::observed::ObservedTask;
use crate::image::status::{ManifestVersion, RegionStatus};
use crate::image::task::{Task, TaskKind};
use crate::image::words::{State, Step};

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().unwrap()
}

fn status(key: &str, state: State) -> Status {
    let manifest = ManifestVersion::sample(key, at("09:00:00"));
    let mut status = Status::new(manifest, at("09:00:01"));
    status.state = state;
    status
}

fn with_task(kind: TaskKind, state: &str, progress: Option<u8>) -> Status {
    let mut status = status("web.image.yaml", State::Working);
    let seen = ObservedTask {
        id: "import-snap-1".to_owned(),
        state: state.to_owned(),
        progress,
        ..ObservedTask::default()
    };
    status
        .build
        .tasks
        .push(Task::started(kind, "us-east-1", &seen, at("09:00:00")));
    status.build.step = if kind.is_image() {
        Step::AwaitImage
    } else {
        Step::AwaitTask
    };
    status
}

fn row(status: &Status, usual: &Usual) -> Row {
    Row::of(
        &status.manifest.key,
        Known::Status(status),
        usual,
        at("09:03:00"),
    )
}

/// Two copies that took 10 and 12 minutes.
fn usual(kind: TaskKind) -> Usual {
    let took = |until| {
        let mut status = with_task(kind, "completed", Some(100));
        status.build.tasks[0].updated_at = at(until);
        status
    };
    Usual::of(&[took("09:10:00"), took("09:12:00")])
}

#[test]
fn a_task_says_how_far_it_is_and_how_long_it_will_take() {
    let import = with_task(TaskKind::ImportSnapshot, "active", Some(42));
    let known = usual(TaskKind::ImportSnapshot);
    let row = row(&import, &known);
    assert_eq!((row.state.as_str(), row.kind), ("importing", Kind::Open));
    assert_eq!(row.work, Some(Work { percent: Some(42) }));
    assert_eq!(row.detail, "42 % active, about 9 min left");
    let copy = with_task(TaskKind::CopyImage, "pending", None);
    let shown = super::tests::row(&copy, &usual(TaskKind::CopyImage));
    assert_eq!(
        shown.detail,
        "copying (EC2 gives no percent), usually 12 min"
    );
    assert_eq!(
        super::tests::row(&copy, &Usual::default()).detail,
        "copying (EC2 gives no percent)"
    );
}

#[test]
fn the_time_of_an_image_stands_still_at_its_end() {
    let mut ended = status("web.image.yaml", State::Rejected);
    ended.build.step_since = at("09:00:02");
    let row = row(&ended, &Usual::default());
    assert_eq!(row.took(at("09:03:00")), Some(SignedDuration::from_secs(2)));
    assert_eq!(row.took(at("19:03:00")), Some(SignedDuration::from_secs(2)));
    assert_eq!(row.age(at("09:03:00")), Some(SignedDuration::from_mins(3)));
}

fn rows() -> Vec<Row> {
    let usual = Usual::default();
    let named = |key: &str, mut status: Status| {
        status.manifest.key = key.to_owned();
        row(&status, &usual)
    };
    let mut available = status("", State::Available);
    let image = RegionStatus::pending("ami-0cbef0123456789ab".to_owned());
    available.regions.insert("us-east-1".to_owned(), image);
    vec![
        named("web.image.yaml", available.clone()),
        named("golden/one.image.yaml", available),
        named(
            "disk.image.yaml",
            with_task(TaskKind::ImportSnapshot, "active", Some(82)),
        ),
        named(
            "copy.image.yaml",
            with_task(TaskKind::CopyImage, "pending", None),
        ),
        named("nosnap.image.yaml", status("", State::Cancelled)),
    ]
}

fn drawn(rows: &[Row], size: (usize, usize)) -> Vec<String> {
    let terminal = Terminal {
        width: Some(size.0),
        height: Some(size.1),
        live: true,
        ..Terminal::PLAIN
    };
    let look = Frame {
        terminal,
        step: 2,
        last_look: Some(SignedDuration::from_secs(1)),
        trouble: None,
    };
    frame(rows, look, at("09:03:00"))
}

#[test]
fn a_watch_shows_one_row_an_image_and_what_is_available_in_one() {
    let lines = drawn(&rows(), (80, 24));
    let text = lines.join("\n");
    assert_eq!(lines.len(), 6, "{text}");
    assert!(
        lines[0].starts_with("Watching 5 · 2 open · 1 cancelled · 2 available  "),
        "{text}"
    );
    assert!(lines[0].ends_with("last look 1s ago"), "{text}");
    for (at, key, words) in [
        (
            2,
            "✗ nosnap.image.yaml",
            &["cancelled", "by amiwright cancel", "took 1s"][..],
        ),
        (
            3,
            "⠹ copy.image.yaml",
            &["░░▓▓░░░░░░", "copying (EC2 gives no", "age 3m"],
        ),
        (
            4,
            "⠹ disk.image.yaml",
            &["████████░░", "82 % active", "age 3m"],
        ),
        (5, "✓ 2 available", &["one, web"]),
    ] {
        assert!(lines[at].starts_with(key), "{text}");
        for word in words {
            assert!(lines[at].contains(word), "{word}: {text}");
        }
    }
}

#[test]
fn a_screen_is_never_larger_than_its_terminal() {
    let mut many = rows();
    for number in 0..40 {
        let mut status = status("", State::Failed);
        status.manifest.key = format!("a-rather-long-folder/of-image-{number}.image.yaml");
        many.push(row(&status, &Usual::default()));
    }
    for size in [(40, 10), (80, 24), (100, 40), (200, 50)] {
        let lines = drawn(&many, size);
        assert!(lines.len() < size.1, "{size:?}: {lines:#?}");
        let widest = lines
            .iter()
            .map(|line| console::measure_text_width(line))
            .max();
        assert!(widest < Some(size.0), "{size:?}: {lines:#?}");
        // In the narrowest one keys are cut.
        for key in ["sk.image.yaml", "py.image.yaml"]
            .iter()
            .filter(|_| size.0 > 40)
        {
            assert_eq!(
                lines.iter().filter(|line| line.contains(*key)).count(),
                1,
                "{lines:#?}"
            );
        }
    }
    assert!(
        drawn(&many, (80, 24))
            .iter()
            .any(|line| line == "  +24 more")
    );
}
