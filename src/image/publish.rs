//! Publishing: the difference between what a manifest asks of an AMI that exists, what was applied to it, and what EC2
//! shows of it now.
//!
//! A three-way difference. What is asked for and not there is added. What was applied and is not asked for any more is
//! removed. What is there and was never applied is somebody else's and stays, unless the manifest says `exact`. No
//! progress is stored: a restart takes a new difference. What was written a moment ago and does not show yet is waited
//! for, because reads of attributes lag behind writes.
//!
//! One file per stage, all of one shape, in the order in which their actions are to be done: `describe`, `share`,
//! `protect`. [`difference()`] takes them together for one AMI, [`plan()`] for all Regions.

mod asked;
mod describe;
mod difference;
mod plan;
mod protect;
mod settings;
mod share;

pub use asked::{Asked, AskedRegion};
pub use difference::{confirm, difference, intend};
pub use plan::{Observation, Observed, Pending, Plan, plan};
pub use settings::{Blocker, Desired, Difference, Shown};
