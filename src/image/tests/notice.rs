//! Which sender has a notice, and until when it is kept.

use super::*;
use crate::image::status::Notice;

fn only(status: &Status) -> &Notice {
    assert_eq!(status.notices.len(), 1);
    &status.notices[0]
}

#[test]
fn a_notice_belongs_to_its_sender_until_the_lease_ends() {
    let mut status = available();
    assert!(status.claim_notice(after(1)).is_some());
    assert!(status.claim_notice(after(1)).is_none());
    let second = |seconds| after(1) + SignedDuration::from_secs(seconds);
    assert!(!only(&status).is_due(second(299)));
    assert!(only(&status).is_due(second(300)));
    let again = status.claim_notice(second(300)).unwrap();
    assert_eq!((again.seq, again.attempts), (1, 2));
}

#[test]
fn a_notice_that_could_not_be_sent_is_given_back() {
    let mut status = available();
    let first = status.claim_notice(after(1)).unwrap();
    assert!(status.notice_failed(&first));
    assert!(!status.notice_failed(&first), "once");
    let again = status.claim_notice(after(2)).unwrap();
    assert_eq!((again.attempts, again.attempt_failed), (2, false));
    // It is another sender's now.
    assert!(!status.notice_failed(&first));
    assert!(!only(&status).is_due(after(6)));
    assert!(status.notice_sent(1, "sent", after(6)));
    assert!(!status.notice_failed(&again));
    assert!(!only(&status).attempt_failed);
}

#[test]
fn the_pauses_double_up_to_an_hour() {
    let mut status = available();
    let mut now = after(1);
    for pause in [55, 110, 220, 440, 880, 1760, 3520, 3600, 3600] {
        let claimed = status.claim_notice(now).unwrap();
        assert!(status.notice_failed(&claimed));
        assert!(!only(&status).is_due(now + SignedDuration::from_secs(pause - 1)));
        now += SignedDuration::from_secs(pause);
        assert!(only(&status).is_due(now), "after {pause} s");
    }
    // However often it was tried.
    status.notices[0].attempts = u32::MAX;
    assert!(only(&status).is_due(now + SignedDuration::from_secs(3600)));
}

#[test]
fn a_notice_is_marked_once_and_lets_its_message_go() {
    let mut status = available();
    status.claim_notice(after(1));
    assert!(status.notice_sent(1, "first", after(2)));
    assert!(!status.notice_sent(1, "second", after(3)));
    assert!(!status.notice_sent(7, "none", after(3)));
    let notice = only(&status);
    assert_eq!(notice.message_id.as_deref(), Some("first"));
    assert_eq!(notice.sent_at, Some(after(2)));
    assert_eq!(notice.facts, None);
    assert!(!notice.is_due(after(1000)));
    assert_eq!(status.unsent().count(), 0);
}

#[test]
fn old_notices_are_dropped_but_unsent_ones_are_kept_and_no_number_is_used_twice() {
    let mut status = available();
    for seq in 1..=40 {
        if seq != 3 {
            status.notice_sent(seq, "id", after(2));
        }
        change_settings(&mut status, manifest(DIGEST), 2);
    }
    let numbers: Vec<u64> = status.notices.iter().map(|notice| notice.seq).collect();
    let expected: Vec<u64> = std::iter::once(3).chain(21..=41).collect();
    assert_eq!(numbers, expected);
}
