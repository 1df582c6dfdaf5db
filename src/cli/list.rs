//! Images as lists show them: one model for `status`, `watch` and `demo`.
//!
//! A [`Row`] is a value made of a status; a screen is one function from rows to lines. Neither reads anything.

mod cells;
mod counts;
mod row;
mod screen;
mod select;
mod table;
#[cfg(test)]
mod tests;
mod usual;

pub(super) use cells::{fit_end, shorten};
pub(super) use counts::{counts, summary};
pub(super) use row::{Kind, Known, Row, changed_at};
pub(super) use screen::{Frame, frame};
pub use select::Selection;
#[cfg(feature = "console")]
pub(super) use table::by_attention;
pub(super) use table::{Table, Time, table};
pub(super) use usual::Usual;
