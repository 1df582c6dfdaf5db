//! One image from manifest to AMI, as values: what is known ([`Status`]), what to do next ([`plan`]), what a step comes
//! to ([`outcome`]), how that changes what is known ([`apply`]), and what people are notified of ([`message`]).
//!
//! Pure: no clock, no async, no AWS. `now` is always a parameter. Imports go one way: words, observed, task, notice,
//! status, request, workflow, ownership, plan, publish, outcome, message, apply.

pub mod apply;
pub mod message;
pub mod notice;
pub mod observed;
pub mod outcome;
pub mod ownership;
pub mod plan;
pub mod publish;
pub mod request;
pub mod status;
pub mod task;
pub mod words;
pub mod workflow;

pub use status::Status;

#[cfg(test)]
mod tests;
