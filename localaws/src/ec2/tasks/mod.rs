//! What happens over time.

pub(crate) mod advance;
pub(crate) mod bundle;
pub(crate) mod bundle_objects;
pub(crate) mod disk;
pub(crate) mod import;
pub(crate) mod import_answers;
pub(crate) mod import_listing;
pub(crate) mod import_start;
pub(crate) mod lifecycle;
pub(crate) mod store_image;
pub(crate) mod upload_policy;
pub(crate) mod uploads;
pub(crate) mod wakeups;
