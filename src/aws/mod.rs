//! The only place that knows the SDK's types. Everything that leaves it is in our own words.

mod connect;
mod error;
mod images;
mod objects;
mod topic;

pub use connect::Aws;
pub use error::{AwsError, Remedy};
pub use images::{FILTER_VALUES_MAX, Registered};
pub use objects::{Object, ObjectInfo, Saved, Which};
