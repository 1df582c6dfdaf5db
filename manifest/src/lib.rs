//! Manifests: bytes in, a checked specification or all its problems out. Pure: no clock, no async, no AWS.
//!
//! An image manifest passes through these steps, and every step adds to the problems instead of stopping at the first:
//! [`read`] ([`yaml`] or [`json`]: text to a [`document`], a tree with positions), [`decode`] (tree to the types of
//! [`spec`]), [`rules`] (what EC2 would refuse), [`guardrails`] (what the stack's owner has not opened). [`image`] goes through them; [`bundle`] does the same for bundle manifests, and
//! [`disk_format`] checks the object that a manifest names.
//!
//! A module uses only those before it in this list; `tests/it/structure.rs` of the workspace holds it to that.

// The order of imports: begin
pub mod characters;
mod device;
pub mod digest;
pub mod ids;
pub mod key;
pub mod limits;
pub mod text;

pub mod location;
mod suggestion;

mod problem;
mod suggest;

mod document;

mod hint;

mod json;
mod yaml;

mod read;

mod findings;
mod spec;

mod decode;
mod rules;

pub mod guardrails;

pub mod bundle;
pub mod disk_format;
pub mod image;
// The order of imports: end

pub use digest::sha256_hex;
pub use problem::Problem;
pub use suggestion::{Change, Suggestion, Suggestions};
