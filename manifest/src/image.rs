//! Image manifests, `NAME.image.yaml`, `.yml` and `.json`: what image is wanted, and how it is published.

use jiff::Timestamp;

use crate::document::Value;
pub use crate::rules::{INSTANCE_STORE_COPY, YEARS_PUBLIC, keys::NamedKey};
pub use crate::spec::{
    Access, Architecture, BlockDeviceMapping, BootMode, BuildSpec, Bundle, Deprecate, Disk,
    DiskFormat, Ebs, Image, ImageManifest, ImdsSupport, Instance, LicenseType, NameTemplate,
    NamedSource, OnDelete, Parameter, Platform, Previous, Protect, PublishSpec, RegionCopy,
    Register, Registration, Replaces, Snapshot, Snapshots, Source, SriovNetSupport, Store, Stored,
    TpmSupport, VirtualizationType, Vm, VmArchitecture, VmBootMode, VmDisk, VmFile, VmFormat,
    VolumeType, schema,
};
use crate::{Problem, decode, guardrails, guardrails::Guardrails, limits, read, rules};

/// Reads and checks an image manifest, without the limits of any stack.
///
/// The format follows `key`'s extension: JSON for `.json`, YAML for all others. `now` is needed because a manifest may
/// name dates, which must lie ahead.
///
/// # Errors
/// All that is wrong with the manifest, sorted by line and column.
pub fn parse(key: &str, bytes: &[u8], now: Timestamp) -> Result<ImageManifest, Vec<Problem>> {
    parse_within(key, bytes, now, &Guardrails::open())
}

/// [`parse`], which also refuses what this stack does not let manifests ask for.
///
/// # Errors
/// All that is wrong with the manifest, sorted by line and column.
pub fn parse_within(
    key: &str,
    bytes: &[u8],
    now: Timestamp,
    guardrails: &Guardrails,
) -> Result<ImageManifest, Vec<Problem>> {
    let (root, mut problems) = read::document(key, bytes)?;
    if problems.len() >= limits::PROBLEMS {
        return Err(problems);
    }
    let (mut manifest, mut findings) = decode::decode::<ImageManifest>(&root);
    if let Some(manifest) = &mut manifest {
        manifest.named_sources = guardrails::named_sources(manifest, &findings);
        let stack = rules::Stack {
            account: guardrails.account.as_deref(),
            region: guardrails.region.as_deref(),
        };
        rules::check(manifest, stack, now, &mut findings);
        guardrails::check(manifest, guardrails, &mut findings);
    }
    problems.append(&mut findings.into_problems());
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.truncate(limits::PROBLEMS);
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(manifest),
        _ => Err(problems),
    }
}

/// What a manifest may ask for, and will hardly be meant so. Nothing is said of one that has problems.
#[must_use]
pub fn warnings(key: &str, bytes: &[u8]) -> Vec<Problem> {
    let Ok((root, _)) = read::document(key, bytes) else {
        return Vec::new();
    };
    let (manifest, mut findings) = decode::decode::<ImageManifest>(&root);
    if let Some(manifest) = &manifest {
        rules::warn(manifest, &mut findings);
    }
    findings.into_problems()
}

/// Whether this is the text of an image manifest, right or wrong: `source` names what an image can be made from.
#[must_use]
pub fn looks_like(key: &str, bytes: &[u8]) -> bool {
    let Ok((root, _)) = read::document(key, bytes) else {
        return false;
    };
    let Value::Mapping(entries) = root.value else {
        return false;
    };
    let mut source = entries.into_iter().filter(|entry| &*entry.key == "source");
    source.any(|entry| match entry.node.value {
        Value::Mapping(kinds) => kinds
            .iter()
            .any(|kind| decode::SOURCES.contains(&&*kind.key)),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
