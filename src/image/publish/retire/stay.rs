//! An AMI that is retired no further, and stays, unless EC2 has deregistered it already.

use jiff::Timestamp;

use super::gone::given_up;
use super::next::{Next, protect_again};
use super::protection::{Anew, protected_anew};
use super::seen::{Pending, Seen};
use super::shares::{self, Going};
use super::targets::Target;
use crate::image::publish::difference::STALE_READS;
use crate::image::publish::observation::Observation;
use crate::image::status::KeptReason;

/// What is left to do about it, and `why` it is not retired any more. In a Region that the stack does not open, nothing can be
/// done: of shares that are left, and of a protection that was switched off, it is told then.
pub(in crate::image::publish) fn next(
    target: &Target,
    seen: &Seen,
    why: &KeptReason,
    now: Timestamp,
) -> Next {
    let retiring = &target.known.retiring;
    let stays = || Next::End(Box::new(given_up(target, Some(seen), why, now)));
    if retiring.deregistered_at.is_some() && !seen.is_closed {
        // Its snapshots stay, and nobody needs to copy them any more.
        return match shares::end(target, seen, &Going::new(), now) {
            Err(pending) => Next::Wait(pending),
            Ok(actions) if actions.is_empty() => stays(),
            Ok(actions) => Next::Do(actions),
        };
    }
    // Whether it is deprecated is all that could be seen, and it may not be shown any more.
    let is_unseen = seen.is_closed && retiring.is_only_deprecation_begun();
    if retiring.deregistered_at.is_some() || !retiring.is_begun() || is_unseen {
        return stays();
    }
    let shown = match &seen.image {
        Observation::Unknown => return Next::Wait(Pending::Unknown),
        Observation::Absent => return Next::Wait(Pending::NotShown),
        Observation::Seen(shown) => shown,
    };
    // A read that is older than our request shows it as it was.
    let is_stale = |at: Timestamp| now.duration_since(at) < STALE_READS;
    if retiring.asked_at.is_some_and(is_stale) {
        return Next::Wait(Pending::Settling);
    }
    if shown.is_ours && !seen.is_closed {
        match protected_anew(target, shown, now) {
            Anew::No => {}
            Anew::Unclear(why) => return Next::Wait(why),
            Anew::Yes => {
                let why = KeptReason::ProtectedAgain;
                return Next::End(Box::new(given_up(target, Some(seen), &why, now)));
            }
        }
    }
    match protect_again(target).filter(|_| shown.is_ours && !seen.is_closed) {
        Some(action) => Next::Do(vec![action]),
        None => stays(),
    }
}
