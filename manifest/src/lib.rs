//! Manifests: bytes in, a checked specification or all its problems out. Pure: no clock, no async, no AWS.
//!
//! An image manifest passes through these steps, and every step adds to the problems instead of stopping at the first:
//! [`yaml`] or [`json`] (text to a tree with positions, [`document`]), [`decode`] (tree to the types of [`image`]),
//! [`rules`] (what EC2 would refuse), [`not_built`] (what this version cannot do yet).

pub mod bundle;
pub mod contents;
mod decode;
mod document;
mod findings;
pub mod image;
mod json;
pub mod key;
pub mod location;
mod not_built;
mod problem;
mod rules;
mod suggest;
mod yaml;

pub use image::sha256_hex;
pub use problem::Problem;
