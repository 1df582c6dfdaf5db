//! Product codes, the stored copy, and what happens to the previous AMI.

use super::tags;
use crate::{
    document::at,
    findings::{Finding, Findings},
    ids::is_product_code,
    location::{S3Address, bucket_fault},
    spec::{ImageManifest, OnDelete, Previous, Snapshots, VirtualizationType},
    text::quoted,
};

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    product_codes(manifest, findings);
    store(manifest, findings);
    replaces(manifest, findings);
}

fn product_codes(manifest: &ImageManifest, findings: &mut Findings) {
    const RULE: &str = "EC2 API Reference, ModifyImageAttribute (ProductCodes)";
    let path = at!["productCodes"];
    if !manifest.publish.product_codes.is_empty() && !manifest.build.source.is_instance_store() {
        findings.add(
            Finding::new(
                path.clone(),
                format!(
                    "the source `{}` makes an AMI that does not support product codes",
                    manifest.build.source.kind()
                ),
            )
            .hint("product codes are for images in an instance store (`bundle`, `instance`)")
            .rule(RULE)
            .because_of(at!["source"])
            .at_key(),
        );
    }
    for (index, code) in manifest.publish.product_codes.iter().enumerate() {
        if !is_product_code(code) {
            let finding = Finding::new(
                path.join(index),
                format!("{} is not a product code", quoted(code)),
            );
            findings.add(finding.hint("letters and digits, as `774F4FF8`").rule(RULE));
        }
    }
    // The second may be the first once more.
    if manifest.publish.product_codes.len() > 1 {
        let finding = Finding::new(path.join(1), "an AMI has only one product code");
        findings.add(finding.hint("keep one").rule(RULE));
    }
}

fn store(manifest: &ImageManifest, findings: &mut Findings) {
    const RULE: &str = "EC2 User Guide, Store and restore an AMI using S3";
    let Some(store) = &manifest.publish.store else {
        return;
    };
    if let Some(fault) = bucket_fault(&store.bucket) {
        let hint = match S3Address::split(&store.bucket) {
            Some((bucket, _)) => format!("the bucket's name alone: {}", quoted(bucket)),
            None => "the name of a bucket in the AMI's Region".to_owned(),
        };
        findings.add(
            Finding::new(at!["store", "bucket"], format!("the store {fault}"))
                .hint(hint)
                .rule(RULE),
        );
    }
    tags::of_object(&store.tags, &at!["store", "tags"], findings);
    let refuse = |message: &str| {
        let finding = Finding::new(at!["store"], message)
            .hint("remove `store`")
            .rule(RULE);
        finding
            .because_of(at!["source"])
            .because_of(at!["register", "virtualizationType"])
            .at_key()
    };
    if manifest.build.source.is_instance_store() {
        findings.add(refuse(
            "only EBS images can be stored, not those of an instance store",
        ));
    } else if manifest.build.source.is_registered()
        && manifest.build.virtualization_type() == Some(VirtualizationType::Paravirtual)
    {
        findings.add(refuse("only hvm images can be stored"));
    }
}

fn replaces(manifest: &ImageManifest, findings: &mut Findings) {
    let Some(replaces) = &manifest.publish.replaces else {
        return;
    };
    if replaces.snapshots == Some(Snapshots::Delete)
        && replaces.previous != Some(Previous::Deregister)
        && manifest.publish.on_delete != Some(OnDelete::Deregister)
    {
        findings.add(
            Finding::new(
                at!["replaces", "snapshots"],
                "the snapshots of an AMI that is kept cannot be deleted",
            )
            .hint("add `previous: deregister`")
            .rule("EC2 API Reference, DeleteSnapshot")
            .because_of(at!["replaces", "previous"])
            .because_of(at!["onDelete"]),
        );
    }
}
