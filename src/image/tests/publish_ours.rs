//! What is ours of that which has one value at a time, after many values were asked for that may not have reached EC2.

use jiff::{SignedDuration, Timestamp};

use super::publish::{Ami, tags};
use crate::image::publish::{Desired, intend};
use crate::image::status::{Action, Settings};

/// A manifest that names this value in its description and its tag.
fn named(value: &str) -> Desired {
    Desired {
        description: Some(value.to_owned()),
        tags: tags(&[("team", value)]),
        ..Desired::default()
    }
}

/// Claims what a manifest asks for that names this value.
fn claimed(ami: &mut Ami, value: &str) -> Vec<Action> {
    let ready = ami.plan(&named(value)).ready;
    assert!(!ready.is_empty(), "{value}");
    ami.claim(&ready);
    ready
}

/// EC2 does it, too.
fn heard(ami: &mut Ami, value: &str) {
    for action in claimed(ami, value) {
        ami.perform(&action);
    }
}

/// The descriptions that were ours before.
fn earlier(ami: &Ami) -> Vec<&str> {
    let intended = ami.applied.intended.as_ref().unwrap();
    let earlier = intended.earlier.iter();
    earlier.filter_map(|it| it.description.as_deref()).collect()
}

/// Nothing is named any more: all of it goes.
fn is_taken_back(mut ami: Ami) {
    ami.bring_to(&Desired::default());
    assert_eq!(ami.shown.description.as_deref(), Some(""));
    assert_eq!(ami.shown.tags, tags(&[]));
}

#[test]
fn what_is_shown_stays_ours_however_many_others_are_refused() {
    for minutes in [1, 60] {
        let mut ami = Ami::new();
        ami.bring_to(&named("a"));
        // It is never verified, because something else is refused.
        heard(&mut ami, "b");
        for value in ["c", "d", "e", "f", "g", "h"] {
            ami.now += SignedDuration::from_mins(minutes);
            claimed(&mut ami, value);
        }
        assert_eq!(earlier(&ami), ["b", "e", "f", "g"]);
        is_taken_back(ami);
    }
}

#[test]
fn what_is_asked_for_again_is_forgotten_as_late_as_if_it_were_new() {
    let mut ami = Ami::new();
    ami.bring_to(&named("a"));
    let shown = ami.shown.clone();
    let second = SignedDuration::from_secs(1);
    for value in ["b", "c", "d"] {
        ami.now += second;
        claimed(&mut ami, value);
    }
    ami.now += second;
    heard(&mut ami, "b");
    // Reads show what was before for a while.
    let heard = std::mem::replace(&mut ami.shown, shown);
    for value in ["e", "f", "g"] {
        ami.now += second;
        claimed(&mut ami, value);
    }
    assert_eq!(earlier(&ami), ["a", "b", "e", "f"]);
    ami.shown = heard;
    is_taken_back(ami);
}

#[test]
fn a_read_that_is_older_than_the_last_one_leaves_ours_what_that_showed() {
    let mut ami = Ami::new();
    ami.bring_to(&named("a"));
    let older = ami.shown.clone();
    heard(&mut ami, "b");
    for value in ["c", "d", "e"] {
        claimed(&mut ami, value);
    }
    assert_eq!(earlier(&ami), ["b", "a", "c", "d"]);
    let newer = std::mem::replace(&mut ami.shown, older);
    for value in ["f", "g"] {
        claimed(&mut ami, value);
    }
    assert_eq!(earlier(&ami), ["a", "e", "b", "f"]);
    ami.shown = newer;
    is_taken_back(ami);
}

/// What is asked for where nobody has looked, as of AMIs that are retired.
#[test]
fn what_was_seen_last_stays_ours_where_nobody_looks() {
    let mut ami = Ami::new();
    let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
    ami.bring_to(&Desired {
        deprecate_at: Some(at(100_000_000)),
        ..Desired::default()
    });
    for minutes in 1..=6 {
        let action = Action::SetDeprecation {
            at: Some(at(minutes)),
        };
        ami.applied = intend(&ami.applied, &[action], None, ami.now);
    }
    let set_at = |it: &Settings| it.deprecate_at;
    let intended = ami.applied.intended.as_ref().unwrap();
    let known: Vec<_> = intended.earlier.iter().filter_map(set_at).collect();
    assert_eq!(known, [at(100_000_000), at(3), at(4), at(5)]);
    let done = ami.bring_to(&Desired::default());
    let ends = |it: &Action| matches!(it, Action::SetDeprecation { at: None });
    assert!(done.iter().any(ends), "{done:?}");
    assert_eq!(ami.shown.deprecate_at, None);
}

#[test]
fn times_of_deprecation_that_nobody_answered_leave_an_earlier_description_ours() {
    let mut ami = Ami::new();
    for text in ["first", "second"] {
        let text = text.to_owned();
        ami.claim(&[Action::SetDescription { text }]);
    }
    for hours in 1..=6 {
        let at = Some(ami.now + SignedDuration::from_hours(hours));
        ami.claim(&[Action::SetDeprecation { at }]);
    }
    ami.shown.description = Some("first".to_owned());
    let text = String::new();
    assert_eq!(
        ami.bring_to(&Desired::default()),
        [Action::SetDescription { text }]
    );
}
