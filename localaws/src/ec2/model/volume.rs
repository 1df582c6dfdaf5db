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
    /// Whether instances boot from it.
    pub(crate) bootable: bool,
}

const GP2: VolumeType = VolumeType {
    name: "gp2",
    size: 1..=16_384,
    iops: None,
    iops_required: false,
    throughput: None,
    bootable: true,
};

const TYPES: [VolumeType; 7] = [
    GP2,
    VolumeType {
        name: "gp3",
        size: 1..=65_536,
        iops: Some(3_000..=80_000),
        throughput: Some(125..=2_000),
        ..GP2
    },
    VolumeType {
        name: "io1",
        size: 4..=16_384,
        iops: Some(100..=64_000),
        iops_required: true,
        ..GP2
    },
    VolumeType {
        name: "io2",
        size: 4..=65_536,
        iops: Some(100..=256_000),
        iops_required: true,
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
}
