//! What goes over the wire, in EC2's dialect.

pub(crate) mod checks;
pub(crate) mod error;
pub(crate) mod filter;
pub(crate) mod limits;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod tags;
pub(crate) mod xml;
