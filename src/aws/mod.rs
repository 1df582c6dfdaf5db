//! The only place that knows the SDK's types. Callers see our own types alone.

mod account;
mod attempts;
mod buckets;
mod bundles;
mod client_settings;
mod connect;
mod copies;
mod deletions;
mod ec2;
mod error;
mod images;
mod imports;
#[cfg(feature = "doctor")]
mod inspect;
mod instance_metadata;
mod objects;
mod parameters;
mod products;
mod profile;
mod publishing;
mod rate_limiter;
mod reach;
mod references;
mod regions;
mod snapshots;
mod stored;
mod topic;
mod uploads;

pub use account::ImageBlock;
pub use bundles::BundledInstance;
pub use connect::Aws;
pub use copies::CopiedImage;
pub use error::{AwsError, BundleFault, Remedy};
pub use images::{FILTER_VALUES_MAX, Registered};
pub use imports::{Import, ImportedDisk, ImportedMachine};
#[cfg(feature = "doctor")]
pub use inspect::{
    Bucket, Caller, DeployedStack, DryRun, FunctionState, Key, LogEvent, LogFilter, LogPage,
    RuleState, StackResource, Subscription, Subscriptions, Verdict,
};
pub use instance_metadata::{InstanceMetadata, MetadataError};
pub use objects::{Object, ObjectInfo, ObjectPart, Saved, Which};
pub use parameters::{PARAMETERS_MAX, Secret};
pub use products::Confirmed;
pub use profile::Profile;
pub use rate_limiter::{Limited, RateLimiter, Reservation};
pub use reach::{Trouble, Try, Unreached};
pub use references::{REFERENCED_IDS_MAX, Reference};
pub use stored::{RestoredImage, STORED_IDS_MAX};
pub use topic::PUBLISH;
pub use uploads::{BegunUpload, FileRange, SentPart};
