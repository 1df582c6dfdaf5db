//! Whatever goes wrong, and whenever: nothing is made twice, nothing is lost.

mod at_once;
mod changes;
mod crowded;
mod deleted;
mod drafts;
mod drafts_forged;
mod failures;
mod faults;
mod in_turn;
mod interrupted;
mod late_calls;
mod late_copies;
mod lost;
mod many;
mod many_published;
mod many_removed;
mod polled;
mod publishing;
mod restored;
mod side_by_side;
mod task_failures;
mod task_faults;
mod transient;
mod unchanged;
mod written;
