//! What the image is made from.

use super::forms;
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    key::{self, Kind},
    location::Location,
    spec::{Disk, ImageManifest, Source},
    text::quoted,
};

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let path = |field: &str| at!["source", manifest.build.source.kind(), field];
    match &manifest.build.source {
        Source::Disk(source) => {
            location(&source.object, path("object"), findings);
            encryption(source, findings);
        }
        Source::Vm(source) => location(&source.object, path("object"), findings),
        Source::Snapshot(source) => forms::id(&source.id, "snap", path("id"), findings),
        Source::Bundle(source) => bundle(&source.manifest, path("manifest"), findings),
        Source::Instance(source) => forms::loose_id(&source.id, "i", path("id"), findings),
        Source::Stored(source) => location(&source.object, path("object"), findings),
        Source::Image(source) => {
            forms::id(&source.id, "ami", path("id"), findings);
            if !forms::is_region(&source.region) {
                let finding = Finding::new(
                    path("region"),
                    format!("{} is not a Region", quoted(&source.region)),
                );
                findings.add(
                    finding
                        .hint("as `us-east-1`")
                        .rule("EC2 API Reference, CopyImage (SourceRegion)"),
                );
            }
        }
    }
    registered(manifest, findings);
}

fn location(location: &Location, path: Path, findings: &mut Findings) {
    if let Some(fault) = location.fault() {
        let hint = match location.probable_address() {
            Some(address) => format!("write {}", quoted(&address.to_string())),
            None => {
                "write a key relative to this manifest's folder, as `web.vmdk`, or `s3://bucket/key`"
                    .to_owned()
            }
        };
        findings.add(
            Finding::new(path, format!("the location {fault}"))
                .hint(hint)
                .rule(
                    "S3 User Guide, Naming Amazon S3 objects; General purpose bucket naming rules",
                ),
        );
    }
}

/// EC2 takes any name. But what a bundle is made of may be opened to EC2 (`aws-exec-read`): it has to be one by its name.
fn bundle(manifest: &Location, path: Path, findings: &mut Findings) {
    let is_named = key::kind(manifest.key()) == Some(Kind::Bundle);
    if is_named || manifest.fault().is_some() {
        return location(manifest, path, findings);
    }
    let message = format!("{} is not a bundle's manifest", quoted(manifest.key()));
    findings.add(
        Finding::new(path, message)
            .hint("the AMI tools name it `NAME.manifest.xml`")
            .rule("EC2 API Reference, RegisterImage (ImageLocation)"),
    );
}

fn encryption(disk: &Disk, findings: &mut Findings) {
    let Some(key) = &disk.kms_key_id else { return };
    let path = at!["source", "disk", "kmsKeyId"];
    forms::kms_key(key, None, path.clone(), findings);
    if disk.encrypted != Some(true) {
        findings.add(
            Finding::new(
                path,
                "a key is given, but the snapshot is not to be encrypted",
            )
            .hint("add `encrypted: true`")
            .rule("EC2 API Reference, ImportSnapshot (KmsKeyId)")
            .because_of(at!["source", "disk", "encrypted"]),
        );
    }
}

/// `register` has no meaning where another call makes the AMI.
fn registered(manifest: &ImageManifest, findings: &mut Findings) {
    let call = match manifest.build.source {
        Source::Vm(_) => "ImportImage",
        Source::Stored(_) => "CreateRestoreImageTask",
        Source::Image(_) => "CopyImage",
        _ => return,
    };
    if manifest.build.register.is_some() {
        let kind = manifest.build.source.kind();
        findings.add(
            Finding::new(
                at!["register"],
                format!(
                    "the source `{kind}` makes its AMI with {call}, which has no such parameters"
                ),
            )
            .hint("remove `register`: the AMI keeps the attributes it has in its source")
            .rule(format!("EC2 API Reference, {call}"))
            .because_of(at!["source"])
            .at_key(),
        );
    }
}
