//! The KMS keys of an AMI that is shared.

use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    ids::is_managed_key,
    spec::ImageManifest,
};

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let access = manifest.publish.access.as_ref();
    if !access.is_some_and(|access| access.has_grantees()) {
        return;
    }
    for NamedKey { path, key, .. } in manifest.kms_keys() {
        if is_managed_key(key) {
            findings.add(
                Finding::new(
                    path,
                    "an AMI that is encrypted with a key that AWS manages cannot be shared",
                )
                .hint("name a key of your own, whose policy lets the recipients use it")
                .rule("EC2 User Guide, Share an Amazon EBS snapshot")
                .because_within(at!["access"]),
            );
        }
    }
}

/// A KMS key that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey<'a> {
    /// The Region that it is used in; none for the stack's.
    pub region: Option<&'a str>,
    /// The key, as the manifest names it.
    pub key: &'a str,
    /// Where the manifest does.
    pub(crate) path: Path,
}

impl ImageManifest {
    /// Every KMS key that the manifest names. (One of a block device mapping is always refused.)
    #[must_use]
    pub fn kms_keys(&self) -> Vec<NamedKey<'_>> {
        let source = &self.build.source;
        let (_, key) = source.encryption();
        let of_source = key.map(|key| NamedKey {
            region: None,
            key,
            path: at!["source", source.kind(), "kmsKeyId"],
        });
        let of_copies = self.publish.regions.iter().filter_map(|(region, copy)| {
            Some(NamedKey {
                region: Some(region),
                key: copy.as_ref()?.kms_key_id.as_ref()?,
                path: at!["regions", region, "kmsKeyId"],
            })
        });
        of_source.into_iter().chain(of_copies).collect()
    }
}
