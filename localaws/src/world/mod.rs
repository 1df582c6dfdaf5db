//! The world: the stack of one template, running, with both front doors open.
//!
//! [`World::builder`] starts one. Under `#[tokio::test(start_paused = true)]` its time stands still while anything is
//! in flight and jumps to the next timer when nothing is, so hours take milliseconds.

mod account;
mod builder;
mod deployment;
mod directory;
mod error;
mod kept;
mod making;
mod objects;
mod running;
mod update;

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod front_tests;
#[cfg(test)]
mod kept_tests;
#[cfg(test)]
mod object_tests;
#[cfg(test)]
mod publish_tests;
#[cfg(test)]
mod task_tests;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod update_tests;

pub use self::builder::Builder;
pub use self::error::WorldError;
pub use self::running::World;
