//! What EC2's words mean, and that what is known of a task never goes backwards.

use super::*;
use crate::image::task::{Phase, phase, polling_interval};

/// A task as EC2 shows it: state, progress, message.
fn shown(state: &str, progress: Option<u8>, message: Option<&str>) -> ObservedTask {
    ObservedTask {
        progress,
        message: message.map(str::to_owned),
        ..seen_task(TaskKind::ImportSnapshot, state)
    }
}

fn known(state: &str, progress: Option<u8>) -> Task {
    let seen = shown(state, progress, None);
    Task::started(TaskKind::ImportSnapshot, REGION, &seen, after(0))
}

#[test]
fn every_word_of_ec2_has_its_meaning() {
    let words = [
        // Bundle tasks; some samples spell one of them with one `l`.
        ("pending", Phase::Running),
        ("waiting-for-shutdown", Phase::Running),
        ("bundling", Phase::Running),
        ("storing", Phase::Running),
        ("cancelling", Phase::Running),
        ("canceling", Phase::Running),
        ("complete", Phase::Complete),
        ("failed", Phase::Failed),
        // Imports.
        ("active", Phase::Running),
        ("updating", Phase::Running),
        ("validating", Phase::Running),
        ("validated", Phase::Running),
        ("converting", Phase::Running),
        ("completed", Phase::Complete),
        ("deleting", Phase::Ending),
        ("deleted", Phase::Failed),
        ("error", Phase::Failed),
        ("cancelled", Phase::Failed),
        ("canceled", Phase::Failed),
        // Stored AMIs.
        ("InProgress", Phase::Running),
        ("Completed", Phase::Complete),
        ("Failed", Phase::Failed),
        // Words that are not known yet.
        ("quantum", Phase::Running),
        ("completed-with-warnings", Phase::Running),
        ("", Phase::Running),
    ];
    for (word, meaning) in words {
        assert_eq!(phase(word), meaning, "{word}");
        assert_eq!(phase(&word.to_uppercase()), meaning, "{word}");
    }
}

#[test]
fn a_task_takes_over_what_was_seen() {
    let mut task = known("active", Some(3));
    let mut seen = shown("active", Some(42), Some("converting"));
    seen.snapshots = vec!["snap-1".to_owned()];
    seen.image = Some("ami-2".to_owned());
    assert!(task.update(&seen, after(1)));
    assert_eq!((task.progress, task.updated_at), (Some(42), after(1)));
    assert_eq!(task.message.as_deref(), Some("converting"));
    assert_eq!(task.snapshots, ["snap-1"]);
    assert_eq!(task.image.as_deref(), Some("ami-2"));
    // The same again is not news.
    assert!(!task.update(&seen, after(2)));
    assert_eq!(task.updated_at, after(1));
    // Nor is an answer that leaves out what is known.
    let silent = shown("active", None, Some("converting"));
    assert!(!task.update(&silent, after(3)));
    assert_eq!((task.progress, task.snapshots.len()), (Some(42), 1));
    assert_eq!(task.image.as_deref(), Some("ami-2"));
}

#[test]
fn what_it_made_is_news_though_it_does_not_end_the_silence() {
    let mut task = known("active", Some(42));
    let mut seen = shown("active", Some(42), None);
    seen.object = Some("s3://archive/ami-1.bin".to_owned());
    assert!(task.update(&seen, after(9)));
    assert_eq!(task.updated_at, after(0));
    assert!(!task.update(&seen, after(10)));
}

#[test]
fn progress_never_falls_while_it_runs() {
    let mut task = known("active", Some(42));
    assert!(!task.update(&shown("active", Some(19), Some("downloading")), after(1)));
    assert_eq!((task.progress, task.message), (Some(42), None));
}

#[test]
fn a_bundle_goes_one_way_only() {
    let order = [
        "pending",
        "waiting-for-shutdown",
        "bundling",
        "storing",
        "cancelling",
    ];
    for (known_at, known_word) in order.iter().enumerate() {
        for (seen_at, seen_word) in order.iter().enumerate() {
            for seen_word in [(*seen_word).to_owned(), seen_word.to_uppercase()] {
                let mut task = known(known_word, None);
                task.update(&shown(&seen_word, None, None), after(1));
                let forwards = seen_at >= known_at;
                let expected = if forwards {
                    seen_word.as_str()
                } else {
                    *known_word
                };
                assert_eq!(task.state, expected, "{known_word}, then {seen_word}");
            }
        }
    }
    let mut task = known("canceling", None);
    assert!(!task.update(&shown("storing", Some(80), None), after(1)));
}

#[test]
fn states_may_be_skipped_and_unknown_ones_are_shown() {
    let mut task = known("pending", None);
    for state in ["storing", "quantum", "complete"] {
        assert!(task.update(&shown(state, None, None), after(1)), "{state}");
        assert_eq!(task.state, state);
    }
}

#[test]
fn a_task_that_ends_does_not_run_again_and_an_end_is_final() {
    for (before, later) in [
        ("deleting", "active"),
        ("deleting", "quantum"),
        ("deleted", "active"),
        ("deleted", "deleting"),
        ("deleted", "completed"),
        ("completed", "active"),
        ("completed", "deleted"),
        ("complete", "failed"),
        ("failed", "storing"),
    ] {
        let mut task = known(before, Some(50));
        assert!(
            !task.update(&shown(later, Some(90), Some("late")), after(1)),
            "{before}, then {later}"
        );
        assert_eq!((task.state.as_str(), task.progress), (before, Some(50)));
    }
    // An end may still be explained.
    let mut task = known("deleted", None);
    assert!(task.update(&shown("deleted", None, Some("ClientError")), after(1)));
    assert_eq!(task.message.as_deref(), Some("ClientError"));
}

#[test]
fn a_task_is_unseen_until_it_is_seen_again_however_stale() {
    let mut task = known("active", Some(42));
    task.unseen_since = Some(after(1));
    assert!(task.update(&shown("active", Some(19), None), after(2)));
    assert_eq!((task.unseen_since, task.progress), (None, Some(42)));
    // That it was listed again is not a sign of life.
    assert_eq!(task.updated_at, after(0));
}

#[test]
fn it_is_polled_less_often_the_older_it_is() {
    let minutes = SignedDuration::from_mins;
    let second = SignedDuration::from_secs(1);
    let table = [(10, 1, 2), (60, 2, 5), (6 * 60, 5, 10), (24 * 60, 10, 30)];
    for (edge, before, from_then_on) in table {
        assert_eq!(
            polling_interval(minutes(edge) - second),
            minutes(before),
            "before {edge} min"
        );
        assert_eq!(
            polling_interval(minutes(edge)),
            minutes(from_then_on),
            "at {edge} min"
        );
    }
    assert_eq!(polling_interval(SignedDuration::ZERO), minutes(1));
    // A clock that went back.
    assert_eq!(polling_interval(minutes(-5)), minutes(1));
    assert_eq!(polling_interval(SignedDuration::MAX), minutes(30));
}

#[test]
fn kinds_are_named_alike_for_people_and_in_the_status() {
    for kind in TaskKind::ALL {
        let name = serde_json::to_value(kind).unwrap();
        assert_eq!(name.as_str(), Some(kind.to_string().as_str()));
        assert!(kind.stalled_after() >= SignedDuration::from_hours(1));
        assert_eq!(phase(first_state(kind)), Phase::Running);
    }
}

#[test]
fn progress_is_worth_a_write_every_ten_percent_or_five_minutes() {
    for (progress, minutes, expected) in [
        (43, 1, false),
        (51, 4, false),
        (52, 1, true),
        (43, 5, true),
        (42, 60, false),
        (100, 1, true),
    ] {
        let mut task = known("active", Some(42));
        let before = task.clone();
        let worth = task.update(&shown("active", Some(progress), None), after(minutes));
        assert_eq!(worth, expected, "{progress} % after {minutes} min");
        if expected {
            assert_eq!(
                (task.progress, task.updated_at),
                (Some(progress), after(minutes))
            );
        } else {
            assert_eq!(task, before);
        }
    }
    // Little by little it is worth one, too: what counts is what was written.
    let mut task = known("active", Some(42));
    for progress in 43..52 {
        assert!(!task.update(&shown("active", Some(progress), None), after(1)));
    }
    assert!(task.update(&shown("active", Some(52), None), after(1)));
}

#[test]
fn a_complete_task_is_all_done() {
    let mut task = known("active", Some(42));
    assert!(task.update(&shown("completed", None, None), after(1)));
    assert_eq!(task.progress, Some(100));
}
