//! EBS volumes: what they are made from, and where they are.

mod performance;

use self::performance::{limits_of, performance, range};
use super::forms;
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    hint::Hint,
    spec::{Ebs, ImageManifest},
    text::quoted,
};

const RULE: &str = "EC2 API Reference, EbsBlockDevice";
const OUTPOST: &str = "arn:aws:outposts:us-east-1:111122223333:outpost/op-0123456789abcdef0";

pub(super) fn check(manifest: &ImageManifest, findings: &mut Findings) {
    let Some(register) = manifest.build.registered() else {
        return;
    };
    if manifest.build.source.is_instance_store() {
        return;
    }
    let root = manifest.build.root_device_name();
    for (index, mapping) in register.block_device_mappings.iter().enumerate() {
        let Some(ebs) = &mapping.ebs else { continue };
        let path = at!["register", "blockDeviceMappings", index, "ebs"];
        let is_root = root.as_ref() == Some(&mapping.device_name);
        origin(ebs, is_root, &path, findings);
        performance(ebs, &path, findings);
        placement(ebs, &path, findings);
    }
}

/// What the volume is made from.
fn origin(ebs: &Ebs, is_root: bool, path: &Path, findings: &mut Findings) {
    if let Some(snapshot) = &ebs.snapshot_id {
        forms::id(snapshot, "snap", path.join("snapshotId"), findings);
        if ebs.encrypted.is_some() {
            findings.add(
                Finding::new(
                    path.join("encrypted"),
                    "the volume comes from a snapshot, so its encryption cannot be given",
                )
                .hint(
                    Hint::new("leave it out; the volume is encrypted if the snapshot is")
                        .removing(&path.join("encrypted")),
                )
                .rule(RULE)
                .at_key(),
            );
        }
    } else if !is_root {
        if ebs.volume_size.is_none() {
            findings.add(
                Finding::new(path.clone(), "a volume needs a size or a snapshot")
                    .hint(
                        Hint::new("give `volumeSize` (GiB) or `snapshotId`").example_of(
                            &path.join("volumeSize"),
                            limits_of(ebs).map_or(8, |limits| limits.size.0.max(8)),
                        ),
                    )
                    .rule(RULE)
                    .because_of(path.join("volumeSize"))
                    .because_of(path.join("snapshotId"))
                    .because_of(at!["register", "rootDeviceName"])
                    .because_of(at!["source"])
                    .at_key(),
            );
        }
        if ebs.volume_initialization_rate.is_some() {
            findings.add(
                Finding::new(
                    path.join("volumeInitializationRate"),
                    "an empty volume has nothing to initialize from",
                )
                .hint(
                    Hint::new("give `snapshotId`, or leave it out")
                        .removing(&path.join("volumeInitializationRate")),
                )
                .rule(RULE)
                .because_of(path.join("snapshotId")),
            );
        }
    }
    unsupported(ebs, path, findings);
}

/// What RegisterImage does not take, and the rate of initialization.
fn unsupported(ebs: &Ebs, path: &Path, findings: &mut Findings) {
    if ebs.kms_key_id.is_some() {
        findings.add(
            Finding::new(
                path.join("kmsKeyId"),
                "RegisterImage does not take a KMS key for a volume",
            )
            .hint(
                Hint::new("leave it out: encrypt the snapshot with the key, or copy the image with one (`regions`)")
                    .removing(&path.join("kmsKeyId")),
            )
            .rule(
                "EC2 API Reference, EbsBlockDevice (KmsKeyId): RunInstances and Spot requests only",
            )
            .at_key(),
        );
    }
    if let Some(rate) = ebs.volume_initialization_rate {
        range(
            rate,
            (100, 300),
            "MiB/s",
            path.join("volumeInitializationRate"),
            findings,
            |finding| finding.rule(RULE),
        );
    }
}

/// Where the volume is made.
fn placement(ebs: &Ebs, path: &Path, findings: &mut Findings) {
    if ebs.availability_zone.is_some() && ebs.availability_zone_id.is_some() {
        let hint = Hint::new("keep one of the two")
            .removing(&path.join("availabilityZoneId"))
            .removing(&path.join("availabilityZone"));
        let finding = Finding::new(
            path.join("availabilityZoneId"),
            "the Availability Zone is given by name and by id",
        );
        findings.add(finding.hint(hint).rule(RULE).at_key());
    }
    if let Some(outpost) = &ebs.outpost_arn {
        let parts: Vec<&str> = outpost.splitn(6, ':').collect();
        let good = matches!(parts.as_slice(), ["arn", partition, "outposts", region, account, resource]
            if forms::is_partition(partition) && forms::is_region(region) && forms::is_account(account)
                && resource.strip_prefix("outpost/op-").is_some_and(|id| !id.is_empty()));
        if !good {
            let place = path.join("outpostArn");
            let hint = Hint::new(format!("as `{OUTPOST}`")).example(&place, OUTPOST);
            let message = format!("{} is not the ARN of an Outpost", quoted(outpost));
            findings.add(Finding::new(place, message).hint(hint).rule(RULE));
        }
    }
}
