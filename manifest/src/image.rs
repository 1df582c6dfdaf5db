//! The image manifest: what image is wanted, and how it is published.
//!
//! Field names are EC2's own in camelCase, enum values are spelled as EC2 spells them. The types here are the one
//! source of the document's shape: the decoder reads into them and the JSON Schema is made from them.
//! A field that may be left out is an `Option`, a `Vec` or a map.

mod build;
mod canonical;
pub use canonical::sha256_hex;
mod flat;
mod name;
mod publish;
mod register;
mod registration;
mod source;

use jiff::Timestamp;
use serde::Deserialize;

pub use build::BuildSpec;
pub use name::NameTemplate;
pub(crate) use name::Piece;
pub use publish::{
    Access, Deprecate, Previous, PublishSpec, RegionCopy, Replaces, Snapshots, Store,
};
pub use register::{
    Architecture, BlockDeviceMapping, BootMode, Ebs, ImdsSupport, Register, SriovNetSupport,
    TpmSupport, VirtualizationType, VolumeType,
};
pub use registration::Registration;
pub use source::{
    Bundle, Disk, DiskFormat, Image, Instance, Snapshot, Source, Stored, Vm, VmFormat,
};

use super::{Problem, decode, document, not_built, rules};

/// An image manifest. Its document is flat; it has two halves, because a change of one means a new AMI and a change of
/// the other does not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "flat::Document")]
pub struct ImageManifest {
    /// What is built.
    pub build: BuildSpec,
    /// How it is published.
    pub publish: PublishSpec,
}

/// Reads and checks an image manifest.
///
/// The format follows `key`'s extension: JSON for `.json`, YAML for all others. `now` is needed because a manifest may
/// name dates, which must lie ahead.
///
/// # Errors
/// All that is wrong with the manifest, sorted by line and column.
pub fn parse(key: &str, bytes: &[u8], now: Timestamp) -> Result<ImageManifest, Vec<Problem>> {
    finish(read(key, bytes, now, true))
}

/// [`parse`] without the list of what is not built yet: proves in tests that a document passes every other rule.
#[cfg(test)]
pub(crate) fn parse_whole(
    key: &str,
    bytes: &[u8],
    now: Timestamp,
) -> Result<ImageManifest, Vec<Problem>> {
    finish(read(key, bytes, now, false))
}

/// The JSON Schema of the image manifest, made from the types of this module.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(flat::Document).to_value()
}

/// The manifest as far as it could be read, and everything found on the way.
fn read(
    key: &str,
    bytes: &[u8],
    now: Timestamp,
    built_only: bool,
) -> (Option<ImageManifest>, Vec<Problem>) {
    let (root, mut problems) = match document::read(key, bytes) {
        Ok(read) => read,
        Err(problems) => return (None, problems),
    };
    let (manifest, mut findings) = decode::decode::<ImageManifest>(&root);
    if let Some(manifest) = &manifest {
        rules::check(manifest, now, &mut findings);
        if built_only {
            not_built::check(&mut findings);
        }
    }
    problems.append(&mut findings.into_problems());
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.truncate(document::MAX_PROBLEMS);
    (manifest, problems)
}

fn finish(
    (manifest, problems): (Option<ImageManifest>, Vec<Problem>),
) -> Result<ImageManifest, Vec<Problem>> {
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(manifest),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests;
