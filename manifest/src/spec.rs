//! What an image manifest says, as types: field names are EC2's own in camelCase, enum values are spelled as EC2 spells
//! them. The decoder reads into them and the JSON Schema is made from them. A field that may be left out is an `Option`,
//! a `Vec` or a map.

mod build;
mod canonical;
mod flat;
mod form;
mod name;
mod publish;
mod register;
mod registration;
mod schema;
mod source;

use serde::Deserialize;

pub use build::BuildSpec;
pub use name::NameTemplate;
pub(crate) use name::{DIGEST_DIGITS, NAME_LENGTH, Piece};
pub use publish::{
    Access, Deprecate, OnDelete, Parameter, Previous, Protect, PublishSpec, RegionCopy, Replaces,
    Snapshots, Store,
};
pub use register::{
    Architecture, BlockDeviceMapping, BootMode, Ebs, ImdsSupport, Register, SriovNetSupport,
    TpmSupport, VirtualizationType, VolumeType,
};
pub use registration::Registration;
pub use schema::schema;
pub use source::{
    Bundle, Disk, DiskFormat, Image, Instance, LicenseType, NamedSource, Platform, Snapshot,
    Source, Stored, Vm, VmArchitecture, VmBootMode, VmDisk, VmFile, VmFormat,
};

/// An image manifest. Its document is flat; it has two halves, because a change of one means a new AMI and a change of
/// the other does not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "flat::Document")]
pub struct ImageManifest {
    /// What is built.
    pub build: BuildSpec,
    /// How it is published.
    pub publish: PublishSpec,
    /// The snapshots and the AMI that it is made from, by where the document names them: only AWS knows whose they are.
    pub named_sources: Vec<NamedSource>,
}
