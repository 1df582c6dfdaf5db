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
    for (path, key) in named(manifest) {
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

/// Every KMS key that the manifest names, and where. (One of a block device mapping is always refused.)
pub(crate) fn named(manifest: &ImageManifest) -> Vec<(Path, &String)> {
    let mut named = Vec::new();
    let source = &manifest.build.source;
    let (_, key) = source.encryption();
    named.extend(key.map(|key| (at!["source", source.kind(), "kmsKeyId"], key)));
    for (region, copy) in &manifest.publish.regions {
        let key = copy.as_ref().and_then(|copy| copy.kms_key_id.as_ref());
        named.extend(key.map(|key| (at!["regions", region, "kmsKeyId"], key)));
    }
    named
}
