//! What `amiwright doctor` and `amiwright logs` look at. Nothing here changes anything; the functions are built without it.
//!
//! Its clients are built for each call: a person runs it once.

mod account;
mod bucket;
mod caller;
mod dry_run;
mod function;
mod key;
mod logs;
mod role;
mod rule;
mod stack;
mod subscriptions;

pub use bucket::Bucket;
pub use caller::Caller;
pub use dry_run::{DryRun, Verdict};
pub use function::FunctionState;
pub use key::Key;
pub use logs::{LogEvent, LogFilter, LogPage};
pub use rule::RuleState;
pub use stack::{DeployedStack, StackResource};
pub use subscriptions::{Subscription, Subscriptions};
