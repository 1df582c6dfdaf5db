//! Size, I/O operations and throughput: what each type of volume takes.

use crate::{
    document::Path,
    findings::{Finding, Findings},
    hint::Hint,
    spec::{Ebs, VolumeType},
};

const TYPES: &str = "EBS User Guide, Amazon EBS volume types";

/// What a volume type takes; ranges include both ends.
pub(super) struct Limits {
    kind: VolumeType,
    /// GiB.
    pub(super) size: (u32, u32),
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

pub(super) fn performance(ebs: &Ebs, path: &Path, findings: &mut Findings) {
    let kind = ebs.volume_type();
    let Some(limits) = limits_of(ebs) else { return };
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
        (
            "iops",
            ebs.iops,
            limits.iops_within(ebs.volume_size),
            "IOPS",
        ),
        ("throughput", ebs.throughput, limits.throughput, "MiB/s"),
    ];
    for (field, given, taken, unit) in settings {
        match (given, taken) {
            (Some(given), Some(taken))
                if field == "iops" && given > taken.1 && limits.may_have(given) =>
            {
                too_many(ebs, limits, taken.1, path, findings);
            }
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
                let hint = other_types(ebs, path).removing(&path.join(field));
                findings.add(depends(
                    Finding::new(path.join(field), message).hint(hint).at_key(),
                ));
            }
            (None, _) => {}
        }
    }
    if ebs.iops.is_none() && matches!(kind, VolumeType::Io1 | VolumeType::Io2) {
        let finding = Finding::new(path.join("iops"), format!("{name} volumes need `iops`"));
        let hint = Hint::new("add `iops`, or use gp3");
        let hint = match limits.iops {
            Some((least, _)) if ebs.throughput.is_none() => {
                hint.example_of(&path.join("iops"), least)
            }
            _ => hint,
        };
        let gp3 = as_type(ebs, VolumeType::Gp3);
        findings.add(depends(finding.hint(match fits(&gp3) {
            true => hint.replacing(&path.join("volumeType"), "gp3"),
            false => hint,
        })));
    }
    throughput(ebs, limits, path, findings);
}

pub(super) fn limits_of(ebs: &Ebs) -> Option<&'static Limits> {
    LIMITS
        .iter()
        .find(|limits| limits.kind == ebs.volume_type())
}

fn as_type(ebs: &Ebs, kind: VolumeType) -> Ebs {
    Ebs {
        volume_type: Some(kind),
        ..ebs.clone()
    }
}

/// Whether nothing is wrong with the performance of a volume.
fn fits(ebs: &Ebs) -> bool {
    let Some(limits) = limits_of(ebs) else {
        return false;
    };
    let within = |given: Option<u32>, taken: Option<(u32, u32)>| match (given, taken) {
        (Some(given), Some((least, most))) => (least..=most).contains(&given),
        (Some(_), None) => false,
        (None, _) => true,
    };
    let needs_iops = matches!(limits.kind, VolumeType::Io1 | VolumeType::Io2);
    let most = ebs.iops.unwrap_or(GP3_IOPS) / GP3_IOPS_PER_MIB;
    within(ebs.volume_size, Some(limits.size))
        && within(ebs.iops, limits.iops_within(ebs.volume_size))
        && within(ebs.throughput, limits.throughput)
        && (ebs.iops.is_some() || !needs_iops)
        && ebs
            .throughput
            .is_none_or(|it| it <= most.max(GP3_THROUGHPUT))
}

/// The types that take a volume's performance as it is given.
fn other_types(ebs: &Ebs, path: &Path) -> Hint {
    let kinds = [VolumeType::Gp3, VolumeType::Io1, VolumeType::Io2];
    let kinds: Vec<VolumeType> = kinds
        .into_iter()
        .filter(|kind| fits(&as_type(ebs, *kind)))
        .collect();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let words = match names.as_slice() {
        [] => "leave it out".to_owned(),
        [only] => format!("use {only}, or leave it out"),
        [first @ .., last] => format!("use {} or {last}, or leave it out", first.join(", ")),
    };
    names.iter().fold(Hint::new(words), |hint, name| {
        hint.adding(&path.join("volumeType"), *name)
    })
}

impl Limits {
    /// Whether a volume of this type may have so many IOPS, if it is large enough.
    fn may_have(&self, iops: u32) -> bool {
        let within = |(least, most): (u32, u32)| (least..=most).contains(&iops);
        self.iops.is_some_and(within)
    }

    /// The IOPS that a volume of this type and size may have.
    fn iops_within(&self, size: Option<u32>) -> Option<(u32, u32)> {
        let (least, most) = self.iops?;
        let free = match self.kind {
            VolumeType::Gp3 => GP3_IOPS,
            _ => least,
        };
        let of_size = size.map(|size| size.saturating_mul(self.iops_per_gib).max(free));
        Some((least, of_size.unwrap_or(most).min(most)))
    }
}

/// IOPS that a volume of this size cannot have, though its type can.
fn too_many(ebs: &Ebs, limits: &Limits, most: u32, path: &Path, findings: &mut Findings) {
    let (Some(size), Some(iops)) = (ebs.volume_size, ebs.iops) else {
        return;
    };
    let place = path.join("iops");
    let message = format!(
        "{iops} IOPS are too many for {size} GiB of {}",
        limits.kind.as_str()
    );
    let hint = Hint::new(format!(
        "at most {} for a GiB: {most} here",
        limits.iops_per_gib
    ));
    let fewer = Ebs {
        iops: Some(most),
        ..ebs.clone()
    };
    let hint = match fits(&fewer) {
        true => hint.replacing(&place, most),
        false => hint,
    };
    let finding = Finding::new(place, message).hint(hint).rule(TYPES);
    findings.add(
        finding
            .because_of(path.join("volumeType"))
            .because_of(path.join("volumeSize")),
    );
}

/// A throughput that the volume's IOPS do not allow.
fn throughput(ebs: &Ebs, limits: &Limits, path: &Path, findings: &mut Findings) {
    let (Some(throughput), Some(range)) = (ebs.throughput, limits.throughput) else {
        return;
    };
    let iops = ebs.iops.unwrap_or(GP3_IOPS);
    let most = (iops / GP3_IOPS_PER_MIB).max(GP3_THROUGHPUT);
    if throughput <= most || throughput > range.1 {
        return;
    }
    let needed = throughput * GP3_IOPS_PER_MIB;
    let with_iops = Ebs {
        iops: Some(needed),
        ..ebs.clone()
    };
    let place = path.join("throughput");
    let hint = if fits(&with_iops) {
        let words =
            format!("at most 0.25 MiB/s for each of the IOPS: give `iops: {needed}` or more");
        Hint::new(words).adding(&path.join("iops"), needed)
    } else {
        // More IOPS than that are too many for its size.
        Hint::new(format!(
            "at most 0.25 MiB/s for each of the IOPS: {most} here"
        ))
    };
    let hint = hint.replacing(&place, most);
    let message = format!("a throughput of {throughput} MiB/s is too much for {iops} IOPS");
    let finding = Finding::new(place, message).hint(hint).rule(TYPES);
    findings.add(
        finding
            .because_of(path.join("volumeType"))
            .because_of(path.join("iops")),
    );
}

pub(super) fn range(
    given: u32,
    (least, most): (u32, u32),
    unit: &str,
    path: Path,
    findings: &mut Findings,
    add: impl Fn(Finding) -> Finding,
) {
    if !(least..=most).contains(&given) {
        let hint = Hint::new(format!("{least} to {most} {unit}"));
        let hint = hint.example(&path, given.clamp(least, most));
        let message = format!("{given} is out of range");
        findings.add(add(Finding::new(path, message).hint(hint)));
    }
}
