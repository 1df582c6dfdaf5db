//! Versions come faster than earlier AMIs can be retired: those that there is no room for any more are told.

use super::*;
use crate::image::apply::recover;
use crate::image::outcome::Retired;
use crate::image::words::{State, Step};
use crate::manifest::Problem;

/// This version has this AMI, and was to retire the earlier ones, which it did not come to.
fn made(mut status: Status, image: &str) -> Status {
    status.regions = available().regions;
    let known = status.regions.get_mut(REGION).unwrap();
    image.clone_into(&mut known.image);
    (status.replaces, status.state) = (true, State::Incomplete);
    status
}

/// The version after so many others, of which none was told of.
fn after_versions(count: i64) -> Status {
    let mut status = opened();
    for number in 0..count {
        let before = made(status, &format!("ami-{number}"));
        status = open(Some(before), manifest("dddd"), after(number));
    }
    status
}

fn forgotten(status: &Status) -> Vec<&str> {
    let images = status.forgotten_previous();
    images.map(|it| it.image.as_str()).collect()
}

fn rejected(mut status: Status) -> Status {
    apply(
        &mut status,
        StepOutcome::Reject(vec![Problem::new("no")]),
        after(900),
    );
    status
}

const NAMED: &str = "not retired automatically any more";

#[test]
fn what_there_is_no_room_for_is_told_once_by_the_next_notice() {
    assert_eq!(forgotten(&after_versions(10)), [""; 0]);
    let status = after_versions(12);
    assert_eq!(status.previous.len(), 10);
    // No version between has told of anything.
    assert_eq!(forgotten(&status), ["ami-0", "ami-1"]);
    let line = "us-east-1: ami-1 kept; too many AMIs are kept";
    assert!(status.history.iter().any(|it| it.why.starts_with(line)));
    assert!(!status.forgotten.told);

    let status = rejected(status);
    let notice = newest(&status);
    assert!(notice.text.contains(NAMED), "{}", notice.text);
    for image in ["ami-0", "ami-1"] {
        let told = format!("\n  - {image} in {REGION}\n");
        assert!(notice.text.contains(&told), "{}", notice.text);
    }
    assert_eq!(notice.data["forgotten"][1]["image"], "ami-1");
    assert_eq!(notice.data["forgotten"][1]["outcome"], "kept");
    assert_eq!(forgotten(&status).len(), 2, "they stay on record");

    let next = rejected(open(Some(status), manifest("eeee"), after(901)));
    assert_eq!(forgotten(&next), [""; 0]);
    let notice = newest(&next);
    assert!(!notice.text.contains(NAMED), "{}", notice.text);
    assert!(notice.data.get("forgotten").is_none());
}

/// What was told by then is not told again.
#[test]
fn a_later_notice_of_the_same_version_does_not_repeat_it() {
    let mut status = rejected(after_versions(11));
    assert!(newest(&status).text.contains(NAMED));
    let mut later = status.notices.pop().unwrap();
    later.facts = None;
    let later = compose(&status, &later, SENDER);
    assert!(!later.text.contains(NAMED), "{}", later.text);
    assert!(later.data.get("forgotten").is_none());
}

#[test]
fn amis_that_nobody_asked_to_retire_are_not_told() {
    let mut status = opened();
    for number in 0..15 {
        let mut before = made(status, &format!("ami-{number}"));
        before.replaces = false;
        status = open(Some(before), manifest("dddd"), after(number));
    }
    assert_eq!(status.previous.len(), 10);
    assert!(status.forgotten.is_empty());
}

/// The next version, where this one has finished retiring the earlier AMIs, by deregistering them or not, and its settings were
/// changed since.
fn after_retiring(by_deregistering: bool, is_to_deregister: bool) -> Status {
    let mut status = made(after_versions(10), "ami-10");
    status.deregisters_previous = by_deregistering;
    (status.state, status.build.step) = (State::Working, Step::Retire);
    let retired = Retired {
        is_finished: true,
        ..Retired::default()
    };
    advance(&mut status, Evidence::Retired(retired), 11);
    assert_eq!(status.state, State::Available);
    status.deregisters_previous = is_to_deregister;
    open(Some(status), manifest("eeee"), after(12))
}

/// Those that stay were told when they were dealt with. But that they were deprecated was all that was asked for.
#[test]
fn what_was_only_deprecated_is_named_where_it_was_to_be_deregistered() {
    let named = |by_deregistering, is_to_deregister| {
        let status = after_retiring(by_deregistering, is_to_deregister);
        forgotten(&status).join(" ")
    };
    assert_eq!(named(false, false), "");
    assert_eq!(named(false, true), "ami-0");
    assert_eq!(named(true, true), "");
    assert_eq!(named(true, false), "");
}

/// What could not be deregistered, which was told, is not named because a later version only deprecates.
#[test]
fn what_was_dealt_with_by_deregistering_stays_so() {
    let mut version = after_retiring(true, false).previous.remove(0);
    assert!(version.is_dealt_with && !version.is_only_deprecated);
    version.deal_with(false);
    assert!(version.is_dealt_with && !version.is_only_deprecated);
    let mut version = after_retiring(false, false).previous.remove(0);
    assert!(version.is_dealt_with && version.is_only_deprecated);
    version.deal_with(true);
    assert!(version.is_dealt_with && !version.is_only_deprecated);
}

/// Each may have several Regions, and none may ever be told.
#[test]
fn what_is_not_told_is_bounded_and_counted() {
    let status = after_versions(120);
    assert_eq!(status.forgotten.images.len(), 50);
    assert_eq!(status.forgotten.images[49].image, "ami-109");
    assert_eq!(status.forgotten.omitted, 60);
    let told = rejected(status);
    let notice = newest(&told);
    let omitted = "\n  - 60 AMIs of even older versions,";
    assert!(notice.text.contains(omitted), "{}", notice.text);
    assert_eq!(notice.data["forgottenOmitted"], 60);
    let next = rejected(open(Some(told), manifest("eeee"), after(901)));
    let notice = newest(&next);
    assert!(!notice.text.contains(omitted), "{}", notice.text);
    assert!(notice.data.get("forgottenOmitted").is_none());
}

/// All that are named are those of a version that is the current one again.
#[test]
fn what_is_only_counted_is_told() {
    let mut status = after_versions(120);
    let named = status.forgotten.images.len();
    let regions = (0..named).map(|it| {
        (
            format!("region-{it}"),
            RegionStatus::pending(format!("ami-{}", 60 + it)),
        )
    });
    status.regions = regions.collect();
    assert_eq!(forgotten(&status), [""; 0]);
    let notice = newest(&rejected(status));
    assert!(notice.text.contains(NAMED), "{}", notice.text);
    let omitted = "\n  - 60 AMIs of even older versions,";
    assert!(notice.text.contains(omitted), "{}", notice.text);
    assert_eq!(notice.data["forgottenOmitted"], 60);
}

/// The manifest is set back to an old version: its AMI is the current one, and then the previous one again.
#[test]
fn an_ami_that_is_the_current_one_again_is_not_named() {
    let status = made(after_versions(11), "ami-0");
    assert_eq!(forgotten(&status), [""; 0]);
    let next = open(Some(status), manifest("eeee"), after(20));
    assert_eq!(forgotten(&next), ["ami-1"]);
    let mut known = next.previous.iter().flat_map(|it| it.regions.values());
    assert!(known.any(|it| it.image == "ami-0"));
}

/// An AMI of the oldest version that a later one has, too, is known by that.
#[test]
fn an_ami_that_a_later_version_has_is_not_forgotten() {
    let next = |mut status: Status, number: i64| {
        status.build.digest = Some(format!("digest-{number}"));
        let before = made(status, &format!("ami-{number}"));
        open(Some(before), manifest("dddd"), after(number))
    };
    let numbers = std::iter::once(0).chain(10..19);
    let status = numbers.fold(after_versions(1), next);
    assert_eq!(status.previous.len(), 10);
    assert_eq!(forgotten(&status), [""; 0]);
    assert_eq!(forgotten(&next(status, 19)), ["ami-0"]);
}

/// The invocation that started the next version died: its draft knows nothing of earlier ones.
#[test]
fn a_draft_that_is_continued_tells_what_there_is_no_room_for() {
    let current = made(after_versions(10), "ami-10");
    let draft = open(None, manifest("eeee"), after(20));
    let status = recover(draft, Some(current), after(30)).unwrap();
    assert_eq!(status.previous.len(), 10);
    assert_eq!(forgotten(&status), ["ami-0"]);
    let text = newest(&rejected(status)).text;
    assert!(text.contains("  - ami-0 in us-east-1\n"), "{text}");
}
