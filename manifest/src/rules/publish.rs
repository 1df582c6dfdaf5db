//! Product codes, the stored copy, and what happens to the previous AMI.

use super::tags;
use crate::{
    document::at,
    findings::{Finding, Findings},
    hint::Hint,
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
            .hint(
                Hint::new(
                    "leave it out: product codes are for images in an instance store (`bundle`, `instance`)",
                )
                .removing(&path),
            )
            .rule(RULE)
            .because_of(at!["source"])
            .at_key(),
        );
    }
    for (index, code) in manifest.publish.product_codes.iter().enumerate() {
        if !is_product_code(code) {
            let place = path.join(index);
            let hint = Hint::new("letters and digits, as `774F4FF8`").example(&place, "774F4FF8");
            let finding = Finding::new(place, format!("{} is not a product code", quoted(code)));
            findings.add(finding.hint(hint).rule(RULE));
        }
    }
    // The second may be the first once more.
    if manifest.publish.product_codes.len() > 1 {
        let hint = Hint::new("keep one").removing(&path.join(1));
        let finding = Finding::new(path.join(1), "an AMI has only one product code");
        findings.add(finding.hint(hint).rule(RULE));
    }
}

fn store(manifest: &ImageManifest, findings: &mut Findings) {
    const RULE: &str = "EC2 User Guide, Store and restore an AMI using S3";
    let Some(store) = &manifest.publish.store else {
        return;
    };
    if let Some(fault) = bucket_fault(&store.bucket) {
        let hint = match S3Address::split(&store.bucket) {
            Some((bucket, _)) if bucket_fault(bucket).is_none() => {
                Hint::new(format!("the bucket's name alone: {}", quoted(bucket)))
                    .replacing(&at!["store", "bucket"], bucket)
            }
            _ => Hint::new("the name of a bucket in the AMI's Region"),
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
            .hint(Hint::new("remove `store`").removing(&at!["store"]))
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
            .hint(
                Hint::new("add `previous: deregister`, or leave it out")
                    .adding(&at!["replaces", "previous"], "deregister")
                    .removing(&at!["replaces", "snapshots"]),
            )
            .rule("EC2 API Reference, DeleteSnapshot")
            .because_of(at!["replaces", "previous"])
            .because_of(at!["onDelete"]),
        );
    }
}
