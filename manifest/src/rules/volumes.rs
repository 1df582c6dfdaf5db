//! EBS volumes: what each type takes.

use super::forms;
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    spec::{Ebs, ImageManifest, VolumeType},
    text::quoted,
};

const RULE: &str = "EC2 API Reference, EbsBlockDevice";
const TYPES: &str = "EBS User Guide, Amazon EBS volume types";

/// What a volume type takes; ranges include both ends.
struct Limits {
    kind: VolumeType,
    /// GiB.
    size: (u32, u32),
    /// I/O operations a second, if they can be provisioned.
    iops: Option<(u32, u32)>,
    /// MiB a second, if it can be provisioned.
    throughput: Option<(u32, u32)>,
    /// Most I/O operations a second for a GiB.
    iops_per_gib: u32,
}

/// EC2 API Reference, EbsBlockDevice; the ratios are of the EBS User Guide, "Amazon EBS volume types".
const LIMITS: [Limits; 7] = [
    Limits {
        kind: VolumeType::Gp2,
        size: (1, 16_384),
        iops: None,
        throughput: None,
        iops_per_gib: 0,
    },
    Limits {
        kind: VolumeType::Gp3,
        size: (1, 65_536),
        iops: Some((3_000, 80_000)),
        throughput: Some((125, 2_000)),
        iops_per_gib: 500,
    },
    Limits {
        kind: VolumeType::Io1,
        size: (4, 16_384),
        iops: Some((100, 64_000)),
        throughput: None,
        iops_per_gib: 50,
    },
    Limits {
        kind: VolumeType::Io2,
        size: (4, 65_536),
        iops: Some((100, 256_000)),
        throughput: None,
        iops_per_gib: 1_000,
    },
    Limits {
        kind: VolumeType::St1,
        size: (125, 16_384),
        iops: None,
        throughput: None,
        iops_per_gib: 0,
    },
    Limits {
        kind: VolumeType::Sc1,
        size: (125, 16_384),
        iops: None,
        throughput: None,
        iops_per_gib: 0,
    },
    Limits {
        kind: VolumeType::Standard,
        size: (1, 1_024),
        iops: None,
        throughput: None,
        iops_per_gib: 0,
    },
];

/// IOPS that every gp3 volume has, whatever its size.
const GP3_IOPS: u32 = 3_000;

/// IOPS that a MiB/s of a gp3 volume's throughput needs.
const GP3_IOPS_PER_MIB: u32 = 4;

/// Throughput that every gp3 volume has, MiB/s.
const GP3_THROUGHPUT: u32 = 125;

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
                .hint("leave it out; the volume is encrypted if the snapshot is")
                .rule(RULE)
                .at_key(),
            );
        }
    } else if !is_root {
        if ebs.volume_size.is_none() {
            findings.add(
                Finding::new(path.clone(), "a volume needs a size or a snapshot")
                    .hint("give `volumeSize` (GiB) or `snapshotId`")
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
                .hint("give `snapshotId`, or leave it out")
                .rule(RULE)
                .because_of(path.join("snapshotId")),
            );
        }
    }
    if ebs.kms_key_id.is_some() {
        findings.add(
            Finding::new(
                path.join("kmsKeyId"),
                "RegisterImage does not take a KMS key for a volume",
            )
            .hint("encrypt the snapshot with the key, or copy the image with one (`regions`)")
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

fn performance(ebs: &Ebs, path: &Path, findings: &mut Findings) {
    let kind = ebs.volume_type();
    let Some(limits) = LIMITS.iter().find(|limits| limits.kind == kind) else {
        return;
    };
    let name = kind.as_str();
    let depends = |finding: Finding| finding.rule(TYPES).because_of(path.join("volumeType"));
    if let Some(size) = ebs.volume_size {
        range(
            size,
            limits.size,
            &format!("GiB for {name}"),
            path.join("volumeSize"),
            findings,
            depends,
        );
    }
    let settings = [
        ("iops", ebs.iops, limits.iops, "IOPS"),
        ("throughput", ebs.throughput, limits.throughput, "MiB/s"),
    ];
    for (field, given, taken, unit) in settings {
        match (given, taken) {
            (Some(given), Some(taken)) => {
                range(
                    given,
                    taken,
                    &format!("{unit} for {name}"),
                    path.join(field),
                    findings,
                    depends,
                );
            }
            (Some(_), None) => {
                let message = format!("{name} volumes take no `{field}`");
                let hint = if field == "iops" {
                    "use gp3, io1 or io2, or leave it out"
                } else {
                    "use gp3, or leave it out"
                };
                findings.add(depends(
                    Finding::new(path.join(field), message).hint(hint).at_key(),
                ));
            }
            (None, _) => {}
        }
    }
    if ebs.iops.is_none() && matches!(kind, VolumeType::Io1 | VolumeType::Io2) {
        let finding = Finding::new(path.join("iops"), format!("{name} volumes need `iops`"));
        findings.add(depends(finding.hint("add `iops`, or use gp3")));
    }
    ratios(ebs, limits, path, findings);
}

/// Performance that a volume of this size cannot have.
fn ratios(ebs: &Ebs, limits: &Limits, path: &Path, findings: &mut Findings) {
    let depends = |finding: Finding| finding.rule(TYPES).because_of(path.join("volumeType"));
    let free = if limits.kind == VolumeType::Gp3 {
        GP3_IOPS
    } else {
        0
    };
    if let (Some(size), Some(iops), Some(range)) = (ebs.volume_size, ebs.iops, limits.iops) {
        let most = size.saturating_mul(limits.iops_per_gib);
        if iops > most.max(free) && iops <= range.1 {
            let message = format!(
                "{iops} IOPS are too many for {size} GiB of {}",
                limits.kind.as_str()
            );
            let hint = format!(
                "at most {} for a GiB: {} here",
                limits.iops_per_gib,
                most.max(free)
            );
            findings.add(
                depends(Finding::new(path.join("iops"), message).hint(hint))
                    .because_of(path.join("volumeSize")),
            );
        }
    }
    if let (Some(throughput), Some(range)) = (ebs.throughput, limits.throughput) {
        let iops = ebs.iops.unwrap_or(GP3_IOPS);
        if throughput > (iops / GP3_IOPS_PER_MIB).max(GP3_THROUGHPUT) && throughput <= range.1 {
            let message = format!("a throughput of {throughput} MiB/s is too much for {iops} IOPS");
            let needed = throughput * GP3_IOPS_PER_MIB;
            let hint =
                format!("at most 0.25 MiB/s for each of the IOPS: give `iops: {needed}` or more");
            findings.add(
                depends(Finding::new(path.join("throughput"), message).hint(hint))
                    .because_of(path.join("iops")),
            );
        }
    }
}

fn range(
    given: u32,
    (least, most): (u32, u32),
    unit: &str,
    path: Path,
    findings: &mut Findings,
    add: impl Fn(Finding) -> Finding,
) {
    if !(least..=most).contains(&given) {
        findings.add(add(Finding::new(path, format!("{given} is out of range"))
            .hint(format!("{least} to {most} {unit}"))));
    }
}

/// Where the volume is made.
fn placement(ebs: &Ebs, path: &Path, findings: &mut Findings) {
    if ebs.availability_zone.is_some() && ebs.availability_zone_id.is_some() {
        let finding = Finding::new(
            path.join("availabilityZoneId"),
            "the Availability Zone is given by name and by id",
        );
        findings.add(finding.hint("keep one of the two").rule(RULE).at_key());
    }
    if let Some(outpost) = &ebs.outpost_arn {
        let parts: Vec<&str> = outpost.splitn(6, ':').collect();
        let good = matches!(parts.as_slice(), ["arn", partition, "outposts", region, account, resource]
            if forms::is_partition(partition) && forms::is_region(region) && forms::is_account(account)
                && resource.strip_prefix("outpost/op-").is_some_and(|id| !id.is_empty()));
        if !good {
            let finding = Finding::new(
                path.join("outpostArn"),
                format!("{} is not the ARN of an Outpost", quoted(outpost)),
            );
            findings.add(
                finding
                    .hint(
                        "as `arn:aws:outposts:us-east-1:111122223333:outpost/op-0123456789abcdef0`",
                    )
                    .rule(RULE),
            );
        }
    }
}
