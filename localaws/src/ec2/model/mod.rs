//! What EC2 keeps, and the rules about it.

pub(crate) mod bundle_manifest;
pub(crate) mod bundle_task;
pub(crate) mod client_token;
pub(crate) mod device;
pub(crate) mod disk;
pub(crate) mod facts;
pub(crate) mod image;
pub(crate) mod import_task;
pub(crate) mod instance;
pub(crate) mod mapping;
pub(crate) mod objects;
pub(crate) mod region;
pub(crate) mod registration;
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod snapshot;
pub(crate) mod store_task;
pub(crate) mod timeline;
pub(crate) mod timers;
pub(crate) mod volume;
