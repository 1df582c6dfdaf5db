//! What the image is made from.

use super::{forms, machine};
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    hint::Hint,
    key::{self, Kind},
    location::Location,
    spec::{ImageManifest, Source},
    text::quoted,
};

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let path = |field: &str| at!["source", manifest.build.source.kind(), field];
    match &manifest.build.source {
        Source::Disk(source) => {
            location(&source.object, path("object"), findings);
            let rule = "EC2 API Reference, ImportSnapshot (KmsKeyId)";
            encryption(manifest, path, rule, findings);
        }
        Source::Vm(source) => {
            machine::check(source, findings);
            let rule = "EC2 API Reference, ImportImage (KmsKeyId)";
            encryption(manifest, path, rule, findings);
        }
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
                let place = path("region");
                let hint = match forms::probable_region(&source.region) {
                    Some(meant) => Hint::meant(&place, &meant),
                    None => Hint::new("as `us-east-1`").example(&place, "us-east-1"),
                };
                findings.add(
                    finding
                        .hint(hint)
                        .rule("EC2 API Reference, CopyImage (SourceRegion)"),
                );
            }
            let rule = "EC2 API Reference, CopyImage (KmsKeyId)";
            encryption(manifest, path, rule, findings);
            completion(
                source.completion_minutes,
                path("completionMinutes"),
                findings,
            );
        }
    }
    registered(manifest, findings);
}

pub(super) fn location(location: &Location, path: Path, findings: &mut Findings) {
    if let Some(fault) = location.fault() {
        let bare = location.key().strip_prefix("./").map(Location::new);
        let bare = bare.filter(|bare| bare.fault().is_none());
        let hint = match location.probable_address() {
            _ if bare.is_some() => {
                let bare = bare.map(|bare| bare.to_string()).unwrap_or_default();
                Hint::new(format!("write {}", quoted(&bare))).replacing(&path, bare)
            }
            Some(address) => {
                let address = address.to_string();
                Hint::new(format!("write {}", quoted(&address))).replacing(&path, address)
            }
            None => Hint::new(
                "write a key relative to this manifest's folder, as `web.vmdk`, or `s3://bucket/key`",
            ),
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

/// A key needs encryption; `path` gives the path of a field of the source.
fn encryption(
    manifest: &ImageManifest,
    path: impl Fn(&str) -> Path,
    rule: &str,
    findings: &mut Findings,
) {
    let (encrypted, key) = manifest.build.source.encryption();
    let Some(key) = key else { return };
    forms::kms_key(key, None, path("kmsKeyId"), findings);
    if !encrypted {
        findings.add(
            Finding::new(
                path("kmsKeyId"),
                "a key is given, but what is made is not to be encrypted",
            )
            .hint(match manifest.publish.is_public() {
                // Nothing encrypted can be.
                true => Hint::new("leave it out").removing(&path("kmsKeyId")),
                false => Hint::new("add `encrypted: true`, or leave it out")
                    .adding(&path("encrypted"), true)
                    .removing(&path("kmsKeyId")),
            })
            .rule(rule)
            .because_of(path("encrypted")),
        );
    }
}

/// Time-based copies (EBS User Guide): "in 15-minute increments", 48 hours at most.
fn completion(minutes: Option<u32>, path: Path, findings: &mut Findings) {
    const STEP: u32 = 15;
    const MOST: u32 = 48 * 60;
    if let Some(minutes) = minutes
        && (!minutes.is_multiple_of(STEP) || !(STEP..=MOST).contains(&minutes))
    {
        let message = format!("a copy cannot be asked for within {minutes} minutes");
        findings.add(
            Finding::new(path, message)
                .hint(format!("a multiple of {STEP}, at most {MOST} (48 hours)"))
                .rule("EC2 API Reference, CopyImage (SnapshotCopyCompletionDurationMinutes)"),
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
            .hint(
                Hint::new(if matches!(manifest.build.source, Source::Vm(_)) {
                    "remove `register`: what ImportImage takes is in `source.vm` (`architecture`, `bootMode`, …)"
                } else {
                    "remove `register`: the AMI keeps the attributes it has in its source"
                })
                .removing(&at!["register"]),
            )
            .rule(format!("EC2 API Reference, {call}"))
            .because_of(at!["source"])
            .at_key(),
        );
    }
}
