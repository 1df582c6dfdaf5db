//! Manifests: bytes in, a checked specification or all its problems out. Pure: no clock, no async, no AWS.

pub mod bundle;
mod problem;

pub use problem::Problem;
