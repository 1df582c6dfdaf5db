//! An earlier AMI that EC2 was asked to deprecate, and that is kept before EC2's answer is known.

use super::retire::{DEPRECATE, seen_as};
use super::*;
use crate::image::outcome::Retired;
use crate::image::publish::retire::{Seen, Shown, plan, targets};
use crate::image::status::{KeptReason, Lasting, RetireOutcome, Retirement, Retiring};
use crate::image::words::{State, Step};

/// An earlier AMI is being retired, and EC2 was asked to deprecate it then.
fn retiring(deprecate_at: Option<Timestamp>) -> Status {
    let mut known = RegionStatus::pending("ami-old".to_owned());
    known.retiring = Box::new(Retiring {
        deprecate_at,
        ..Retiring::default()
    });
    let mut status = available();
    status.replaces = true;
    (status.state, status.build.step) = (State::Working, Step::Retire);
    status.previous = vec![earlier_version(known)];
    status
}

/// Whatever it is kept for.
fn kept() -> [Seen; 3] {
    let of = |is_ours| {
        seen_as(Shown {
            is_ours,
            ..Shown::default()
        })
    };
    let last = Seen {
        is_last: true,
        ..of(true)
    };
    let closed = Seen {
        is_closed: true,
        ..of(true)
    };
    [last, closed, of(false)]
}

/// What the email says of it.
fn told(status: &mut Status, ended: Vec<Retirement>) -> String {
    let retired = Retired {
        ended,
        is_finished: true,
        ..Retired::default()
    };
    advance(status, Evidence::Retired(retired), 10);
    of_now(status.clone()).text
}

#[test]
fn it_is_told_that_it_may_be_deprecated() {
    for (asked, seen) in [None, Some(after(1))]
        .into_iter()
        .flat_map(|asked| kept().map(|seen| (asked, seen)))
    {
        let mut status = retiring(asked);
        let target = targets(&status).remove(0);
        let ended = plan(DEPRECATE, &[(target, seen)], after(10)).ended;
        assert_eq!(ended[0].outcome, RetireOutcome::Kept);
        let text = told(&mut status, ended);
        assert_eq!(status.retired[0].may_be_deprecated, asked.is_some());
        let is_told = text.contains("it may be deprecated: check it");
        assert_eq!(is_told, asked.is_some(), "{text}");
    }
}

/// That nothing replaces it was told before EC2 was asked.
#[test]
fn its_end_is_told_although_it_was_told_before_that_it_is_kept() {
    let [last, closed, _] = kept();
    for (told, seen) in [
        (Lasting::NoSuccessor, last),
        (Lasting::RegionClosed, closed),
    ] {
        for asked in [None, Some(after(1))] {
            let mut status = retiring(asked);
            let known = status.previous[0].regions.get_mut(REGION).unwrap();
            known.retiring.told = Some(told);
            let target = targets(&status).remove(0);
            let plan = plan(DEPRECATE, &[(target, seen.clone())], after(10));
            assert!(plan.ready.is_empty() && plan.pending.is_empty(), "{plan:?}");
            assert_eq!(plan.ended.len(), usize::from(asked.is_some()));
        }
    }
}

/// What was refused is something else, which was asked for later; or EC2 did not answer for hours.
#[test]
fn what_ec2_refused_later_may_be_deprecated() {
    let code = Some("UnauthorizedOperation".to_owned());
    for (asked_at, code, is_told) in [
        (Some(after(5)), code.clone(), true),
        (None, None, true),
        (None, code, false),
    ] {
        let mut status = retiring(Some(after(1)));
        let known = status.previous[0].regions.get_mut(REGION).unwrap();
        known.retiring.asked_at = asked_at;
        let message = "You are not authorized to perform this operation.".to_owned();
        let ended = Retirement {
            why: Some(KeptReason::Refused { code, message }),
            ..Retirement::of(REGION, "ami-old", RetireOutcome::Kept, after(9))
        };
        let text = told(&mut status, vec![ended]);
        assert_eq!(text.contains("may be deprecated"), is_told, "{text}");
    }
}
