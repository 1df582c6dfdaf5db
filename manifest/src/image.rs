//! The image manifest: what image somebody wants (DESIGN, section 4).
//!
//! Field names are EC2's own in camelCase, enum values are spelled as EC2 spells them. The types here are the one
//! source of the document's shape: the decoder reads into them and the JSON Schema is made from them.
//! A field that may be left out is an `Option`, a `Vec` or a map.

mod name;
mod publish;
mod register;
mod registration;
mod source;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

pub use name::NameTemplate;
pub(crate) use name::Piece;
pub use publish::{Access, Deprecate, Previous, RegionCopy, Replaces, Snapshots, Store};
pub use register::{
    Architecture, BlockDeviceMapping, BootMode, Ebs, ImdsSupport, Register, SriovNetSupport,
    TpmSupport, VirtualizationType, VolumeType,
};
pub use registration::Registration;
pub use source::{
    Bundle, Disk, DiskFormat, Image, Instance, Snapshot, Source, Stored, Vm, VmFormat,
};

use super::{Problem, decode, document, not_built, rules};

/// An image manifest: which image is wanted, from what, and where it is published.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageManifest {
    /// The AMI's name, unique per account and Region. `{date}` (YYYY-MM-DD), `{time}` (HHMMSS, UTC) and `{digest}`
    /// (8 hex digits of the manifest version) are filled in.
    pub name: NameTemplate,
    /// The AMI's description, at most 255 characters.
    #[schemars(length(max = 255))]
    pub description: Option<String>,
    /// What the image is made from: exactly one source.
    pub source: Source,
    /// Parameters of RegisterImage. Not for sources whose AMI is made by another call (`vm`, `stored`, `image`).
    pub register: Option<Register>,
    /// Tags of the AMI and its snapshots, set in the call that creates them.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Product codes of a paid AMI; instance store only.
    #[serde(default)]
    pub product_codes: Vec<String>,
    /// Who may launch the AMI besides its owner.
    pub access: Option<Access>,
    /// Regions that get a copy, by name.
    #[serde(default)]
    pub regions: BTreeMap<String, Option<RegionCopy>>,
    /// When the AMI is to be deprecated.
    pub deprecate: Option<Deprecate>,
    /// Whether deregistration protection is switched on.
    pub protect: Option<bool>,
    /// Names of the SSM parameters that point to the newest AMI.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// What happens to the AMI of the previous manifest version; without it that AMI is kept.
    pub replaces: Option<Replaces>,
    /// Where the finished AMI is stored as an S3 object.
    pub store: Option<Store>,
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
    schemars::schema_for!(ImageManifest).to_value()
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
