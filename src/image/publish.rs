//! Publishing: the difference between what a manifest asks of an AMI that exists, what was applied to it, and what EC2
//! shows of it now.
//!
//! A three-way difference. What is asked for and not there is added. What was applied and is not asked for any more is
//! removed. What is there and was never applied is somebody else's and stays, unless the manifest says `exact`. No
//! progress is stored: a restart takes a new difference. What was written a moment ago and does not show yet is waited
//! for, because reads of attributes lag behind writes.
//!
//! One file per stage, in the order in which their actions are to be done: `copy`, `describe`, `product_codes`, `share`,
//! `protect`, `release`. Those about the settings of one AMI are of one shape, and [`difference()`] takes them together: an AMI
//! of which they find no difference is verified, which needs no file of its own. [`plan()`] takes all Regions, their copies and
//! the parameters that point to them. [`retire`] comes after all of them, and is about other AMIs: those
//! that this one replaces. [`in_place`] is the exception: what has to go before there can be a new one. `blockers` tells
//! what EC2 would refuse to share, `public_date` what it would refuse to deprecate: then nothing is changed in that Region.
//! `unrecorded` says what is ours of an AMI whose status was lost. [`audit`] finds what others have changed.

mod asked;
pub mod audit;
mod blockers;
mod copy;
mod describe;
mod difference;
pub mod in_place;
mod observation;
mod on_its_way;
mod ours;
mod plan;
mod product_codes;
mod protect;
mod public_date;
mod rehearse;
mod release;
pub mod retire;
mod settings;
mod share;
mod unrecorded;
pub mod withdraw;

pub use asked::{Asked, AskedRegion};
pub use blockers::{AccountSettings, Encryption, PublicBlock, making, not_public, not_shareable};
pub use copy::{COPY_ATTEMPTS, has_failed, is_left_unfinished, is_under_way, is_unseen_for_long};
pub use difference::{STALE_READS, confirm, difference, done, intend};
pub use observation::{CopyFault, Observation, Observed, Pending};
pub use plan::{Plan, plan};
pub use rehearse::{
    Planned, Rehearsed, Replaced, Retired, rehearse, rehearse_in_place, rehearse_retiring,
};
pub use release::{
    Conflict, ConflictReason, PUTS_MAX, PendingParameter, ReleasePlan, VALIDATION, intend_put,
    may_change,
};
pub use settings::{Desired, Difference, Shown};
pub use share::copying;
