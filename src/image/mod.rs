//! One image from manifest to AMI, as values: what is known ([`Status`]), what to do next ([`plan`]),
//! how what was seen changes what is known ([`transition`]), and what people are told ([`notice`]).
//!
//! Pure: no clock, no async, no AWS. `now` is always a parameter.

mod advice;
pub mod look;
mod message;
pub mod notice;
pub mod observed;
pub mod plan;
pub mod status;
pub mod task;
pub mod transition;

pub(crate) use message::on_one_line;
pub use notice::{Notice, NoticeKind};
pub use status::Status;

#[cfg(test)]
mod tests;
