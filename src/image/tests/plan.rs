use jiff::SignedDuration;

use super::{accepted, after, available, awaiting_bundle, opened, registered};
use crate::image::plan::{Next, may_be_superseded, next, step_exceeds};

#[test]
fn each_place_has_its_next_step() {
    let cases = [
        (opened(), Next::CheckManifest),
        (awaiting_bundle(), Next::CheckBundle),
        (accepted(), Next::RegisterImage),
        (registered(), Next::AwaitImage),
        (available(), Next::SendNotices),
    ];
    for (status, expected) in cases {
        assert_eq!(next(&status, after(1)), expected, "{}", status.place());
    }
}

#[test]
fn a_final_state_is_settled_only_when_every_notice_was_sent() {
    let mut status = available();
    let notice = status.take_notice(after(1)).unwrap();
    assert_eq!(next(&status, after(1)), Next::AwaitNotices);
    assert_eq!(next(&status, after(2)), Next::SendNotices);
    assert!(status.notice_sent(notice.seq, "id", after(2)));
    assert_eq!(next(&status, after(2)), Next::Settle);
}

#[test]
fn a_version_is_superseded_only_while_no_ami_can_have_been_created() {
    let cases = [
        (opened(), true),
        (awaiting_bundle(), true),
        (accepted(), false),
        (registered(), false),
        (available(), true),
    ];
    for (status, expected) in cases {
        assert_eq!(may_be_superseded(&status), expected, "{}", status.place());
    }
}

#[test]
fn a_limit_counts_from_the_beginning_of_the_step_and_is_exceeded_after_it() {
    let limit = SignedDuration::from_mins(15);
    assert!(!step_exceeds(&registered(), limit, after(15)));
    assert!(step_exceeds(&registered(), limit, after(16)));
}
