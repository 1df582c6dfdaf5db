//! The EBS volume types and what they can do ("EbsBlockDevice", EC2 API Reference).

use std::ops::RangeInclusive;

use crate::ec2::wire::error::{Failure, invalid_combination, invalid_value};

/// What a volume type allows.
#[derive(Debug)]
pub(crate) struct VolumeType {
    name: &'static str,
    /// GiB.
    size: RangeInclusive<u32>,
    iops: Option<RangeInclusive<u32>>,
    iops_required: bool,
    /// MiB/s.
    throughput: Option<RangeInclusive<u32>>,
    /// Most IOPS for each GiB ("Amazon EBS volume types", EBS User Guide).
    iops_per_gib: u32,
    /// Whether instances boot from it.
    pub(crate) bootable: bool,
}

const GP2: VolumeType = VolumeType {
    name: "gp2",
    size: 1..=16_384,
    iops: None,
    iops_required: false,
    throughput: None,
    iops_per_gib: 0,
    bootable: true,
};

const TYPES: [VolumeType; 7] = [
    GP2,
    VolumeType {
        name: "gp3",
        size: 1..=65_536,
        iops: Some(3_000..=80_000),
        throughput: Some(125..=2_000),
        iops_per_gib: 500,
        ..GP2
    },
    VolumeType {
        name: "io1",
        size: 4..=16_384,
        iops: Some(100..=64_000),
        iops_required: true,
        iops_per_gib: 50,
        ..GP2
    },
    VolumeType {
        name: "io2",
        size: 4..=65_536,
        iops: Some(100..=256_000),
        iops_required: true,
        iops_per_gib: 1_000,
        ..GP2
    },
    VolumeType {
        name: "st1",
        size: 125..=16_384,
        bootable: false,
        ..GP2
    },
    VolumeType {
        name: "sc1",
        size: 125..=16_384,
        bootable: false,
        ..GP2
    },
    VolumeType {
        name: "standard",
        size: 1..=1_024,
        ..GP2
    },
];

/// IOPS that every gp3 volume has, of whatever size, and that each MiB/s of throughput needs: "0.25 MiB/s for each
/// provisioned IOPS" (the same page).
const BASELINE_IOPS: u32 = 3_000;
const IOPS_PER_MIB: u32 = 4;

/// The type of this name.
pub(crate) fn volume_type_named(name: &str) -> Result<&'static VolumeType, Failure> {
    TYPES
        .iter()
        .find(|volume_type| volume_type.name == name)
        .ok_or_else(|| invalid_value(format!("Invalid value '{name}' for volumeType.")))
}

impl VolumeType {
    /// Refuses a size, in GiB, that this type does not come in.
    pub(crate) fn check_size(&self, size: u32) -> Result<(), Failure> {
        let (name, least, most) = (self.name, self.size.start(), self.size.end());
        if size < *least {
            let message = format!(
                "Volume of {size}GiB is too small for volume type {name}; minimum is {least}GiB."
            );
            return Err(invalid_value(message));
        }
        if size > *most {
            let message = format!(
                "Volume of {size}GiB is too large for volume type {name}; maximum is {most}GiB."
            );
            return Err(invalid_value(message));
        }
        Ok(())
    }

    /// Refuses provisioned performance that this type does not have.
    pub(crate) fn check_performance(
        &self,
        iops: Option<u32>,
        throughput: Option<u32>,
    ) -> Result<(), Failure> {
        if iops.is_none() && self.iops_required {
            let message = format!(
                "The parameter iops must be specified for {} volumes.",
                self.name
            );
            return Err(invalid_combination(message));
        }
        self.check_range("iops", iops, self.iops.as_ref())?;
        self.check_range("throughput", throughput, self.throughput.as_ref())
    }

    /// Refuses more IOPS than a volume of so many GiB can have, and more throughput than its IOPS can carry. The codes are
    /// not documented.
    pub(crate) fn check_ratios(
        &self,
        size: u32,
        iops: Option<u32>,
        throughput: Option<u32>,
    ) -> Result<(), Failure> {
        let is_gp3 = self.name == "gp3";
        let most = u64::from(size) * u64::from(self.iops_per_gib);
        let is_baseline = |iops: &u32| is_gp3 && *iops <= BASELINE_IOPS;
        if let Some(iops) = iops.filter(|iops| u64::from(*iops) > most && !is_baseline(iops)) {
            let ratio = f64::from(iops) / f64::from(size.max(1));
            return Err(invalid_value(format!(
                "Iops to volume size ratio of {ratio:.6} is too high; maximum is {}.000000",
                self.iops_per_gib
            )));
        }
        let carrying = iops.unwrap_or(BASELINE_IOPS);
        if let Some(throughput) = throughput.filter(|it| it.saturating_mul(IOPS_PER_MIB) > carrying)
        {
            let ratio = f64::from(throughput) / f64::from(carrying.max(1));
            return Err(invalid_value(format!(
                "Throughput (MiBps) to iops ratio of {ratio:.6} is too high; maximum is 0.250000 MiBps per iops."
            )));
        }
        Ok(())
    }

    fn check_range(
        &self,
        what: &str,
        value: Option<u32>,
        range: Option<&RangeInclusive<u32>>,
    ) -> Result<(), Failure> {
        let Some(value) = value else { return Ok(()) };
        let Some(range) = range else {
            let message = format!(
                "The parameter {what} is not supported for {} volumes.",
                self.name
            );
            return Err(invalid_combination(message));
        };
        if value < *range.start() {
            return Err(invalid_value(format!(
                "Volume {what} of {value} is too low; minimum is {}.",
                range.start()
            )));
        }
        if value > *range.end() {
            return Err(invalid_value(format!(
                "Volume {what} of {value} is too high; maximum is {}.",
                range.end()
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_table() {
        let refused = |name: &str, size, iops, throughput| {
            let volume_type = volume_type_named(name).unwrap();
            volume_type
                .check_size(size)
                .and_then(|()| volume_type.check_performance(iops, throughput))
                .is_err()
        };
        assert!(!refused("gp3", 65_536, Some(80_000), Some(2_000)));
        assert!(refused("gp3", 8, Some(2_999), None));
        assert!(refused("gp2", 8, Some(3_000), None));
        assert!(refused("io2", 8, None, None));
        assert!(!refused("io1", 4, Some(100), None));
        assert!(refused("io1", 3, Some(100), None));
        assert!(refused("st1", 124, None, None));
        assert!(refused("standard", 1_025, None, None));
        assert!(volume_type_named("gp4").is_err());
    }

    #[test]
    fn performance_is_in_proportion_to_size() {
        let refused = |name: &str, size, iops, throughput| {
            let volume_type = volume_type_named(name).unwrap();
            volume_type.check_ratios(size, iops, throughput).is_err()
        };
        assert!(!refused("gp3", 1, Some(3_000), Some(750)));
        assert!(!refused("gp3", 8, Some(4_000), None));
        assert!(refused("gp3", 8, Some(4_001), None));
        assert!(refused("gp3", 100, None, Some(751)));
        assert!(!refused("gp3", 100, Some(4_000), Some(1_000)));
        assert!(refused("gp3", 100, Some(3_999), Some(1_000)));
        assert!(!refused("io1", 100, Some(5_000), None));
        assert!(refused("io1", 100, Some(5_001), None));
        assert!(!refused("io2", 4, Some(4_000), None));
        assert!(refused("io2", 4, Some(4_001), None));
        assert!(!refused("gp2", 8, None, None));
    }
}
