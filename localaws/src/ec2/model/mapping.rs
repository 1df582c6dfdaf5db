//! Block device mappings of RegisterImage: read from the request, checked, and resolved against the snapshots.

use std::collections::BTreeSet;

use crate::ec2::model::device::{is_device, is_ephemeral};
use crate::ec2::model::image::{Billing, BlockDeviceMapping, Ebs, ProductCode};
use crate::ec2::model::region::Region;
use crate::ec2::model::snapshot::SnapshotState;
use crate::ec2::model::volume::volume_type_named;
use crate::ec2::wire::error::{
    Failure, invalid_combination, invalid_mapping, invalid_value, refuse,
};
use crate::ec2::wire::query::Fields;

/// What EC2 makes of a mapping that names no volume type.
const DEFAULT_VOLUME_TYPE: &str = "standard";

/// Fields that EC2 knows and this world does not.
const NOT_BUILT: [&str; 5] = [
    "OutpostArn",
    "AvailabilityZone",
    "AvailabilityZoneId",
    "VolumeInitializationRate",
    "EbsCardIndex",
];

/// One `BlockDeviceMapping.N`.
#[derive(Debug)]
pub(crate) struct MappingRequest {
    pub(crate) device_name: String,
    pub(crate) virtual_name: Option<String>,
    pub(crate) no_device: bool,
    pub(crate) ebs: Option<EbsRequest>,
}

/// One `BlockDeviceMapping.N.Ebs`.
#[derive(Debug)]
pub(crate) struct EbsRequest {
    snapshot_id: Option<String>,
    volume_size: Option<u32>,
    volume_type: String,
    iops: Option<u32>,
    throughput: Option<u32>,
    delete_on_termination: bool,
    encrypted: Option<bool>,
}

/// All `BlockDeviceMapping.N` of a request.
pub(crate) fn read(fields: &mut Fields) -> Result<Vec<MappingRequest>, Failure> {
    fields
        .list("BlockDeviceMapping")?
        .into_iter()
        .map(read_one)
        .collect()
}

fn read_one(mut fields: Fields) -> Result<MappingRequest, Failure> {
    let name = fields.name_of("DeviceName");
    let device_name = fields
        .text("DeviceName")
        .filter(|device| !device.is_empty())
        .ok_or_else(|| invalid_mapping(format!("{name} is missing")))?;
    let mapping = MappingRequest {
        virtual_name: fields.text("VirtualName"),
        no_device: fields.text("NoDevice").is_some(),
        ebs: fields
            .group("Ebs")
            .map(|ebs| read_ebs(&device_name, ebs))
            .transpose()?,
        device_name,
    };
    fields.finish()?;
    Ok(mapping)
}

fn read_ebs(device: &str, mut fields: Fields) -> Result<EbsRequest, Failure> {
    for name in NOT_BUILT {
        if fields.text(name).is_some() {
            return Err(Failure::NotBuilt(format!(
                "RegisterImage with {}",
                fields.name_of(name)
            )));
        }
    }
    if fields.text("KmsKeyId").is_some() {
        let message =
            format!("The parameter KmsKeyId is not supported for {device}: only instances take it");
        return Err(invalid_combination(message));
    }
    let ebs = EbsRequest {
        snapshot_id: fields.text("SnapshotId"),
        volume_size: fields.number("VolumeSize")?,
        volume_type: fields
            .text("VolumeType")
            .unwrap_or_else(|| DEFAULT_VOLUME_TYPE.to_owned()),
        iops: fields.number("Iops")?,
        throughput: fields.number("Throughput")?,
        delete_on_termination: fields.flag("DeleteOnTermination")?.unwrap_or(true),
        encrypted: fields.flag("Encrypted")?,
    };
    fields.finish()?;
    Ok(ebs)
}

/// Checks what does not depend on the snapshots.
pub(crate) fn check(mappings: &[MappingRequest], virtualization_type: &str) -> Result<(), Failure> {
    let mut devices = BTreeSet::new();
    let mut stores = BTreeSet::new();
    for mapping in mappings {
        let device = &mapping.device_name;
        if !is_device(device, virtualization_type) {
            return Err(invalid_mapping(format!("Invalid device name {device}")));
        }
        if !devices.insert(device) {
            let message =
                format!("The device '{device}' is used in more than one block-device mapping");
            return Err(invalid_mapping(message));
        }
        mapping.check()?;
        if let Some(store) = &mapping.virtual_name
            && !stores.insert(store)
        {
            // What EC2 answers is not documented.
            let what = format!("RegisterImage with two devices of {store}");
            return Err(Failure::NotBuilt(what));
        }
    }
    Ok(())
}

impl MappingRequest {
    fn check(&self) -> Result<(), Failure> {
        let device = &self.device_name;
        if let Some(virtual_name) = &self.virtual_name {
            if !is_ephemeral(virtual_name) {
                return Err(invalid_mapping(format!(
                    "Invalid virtual name '{virtual_name}' for {device}"
                )));
            }
            if self.ebs.is_some() {
                return Err(invalid_mapping(format!(
                    "{device} cannot be both an EBS volume and {virtual_name}"
                )));
            }
        }
        if self.no_device && (self.ebs.is_some() || self.virtual_name.is_some()) {
            // Which of the two EC2 takes is not documented.
            let what = format!("RegisterImage with NoDevice and another target of {device}");
            return Err(Failure::NotBuilt(what));
        }
        match &self.ebs {
            _ if self.no_device => Ok(()),
            Some(ebs) => ebs.check(device),
            None if self.virtual_name.is_some() => Ok(()),
            None => Err(neither_snapshot_nor_size(device)),
        }
    }
}

impl EbsRequest {
    fn check(&self, device: &str) -> Result<(), Failure> {
        if self.snapshot_id.is_none() && self.volume_size.is_none() {
            return Err(neither_snapshot_nor_size(device));
        }
        if self.snapshot_id.is_some() && self.encrypted.is_some() {
            let message = format!(
                "the encrypted flag cannot be specified since device {device} has a snapshot specified."
            );
            return Err(invalid_mapping(message));
        }
        let volume_type = volume_type_named(&self.volume_type)?;
        volume_type.check_performance(self.iops, self.throughput)?;
        self.volume_size
            .map_or(Ok(()), |size| volume_type.check_size(size))
    }
}

fn neither_snapshot_nor_size(device: &str) -> Failure {
    invalid_mapping(format!(
        "Either snapshot ID or volume size must be provided for: {device}"
    ))
}

/// Mappings as an image keeps them, and what its root snapshot passes on.
pub(crate) struct Resolved {
    pub(crate) mappings: Vec<BlockDeviceMapping>,
    pub(crate) billing: Option<Billing>,
    pub(crate) product_codes: Vec<ProductCode>,
}

/// Looks the snapshots up. `NoDevice` takes its device out.
pub(crate) fn resolve(
    requests: &[MappingRequest],
    root: &str,
    region: &Region,
) -> Result<Resolved, Failure> {
    let mut resolved = Resolved {
        mappings: Vec::new(),
        billing: None,
        product_codes: Vec::new(),
    };
    for request in requests.iter().filter(|request| !request.no_device) {
        let device = &request.device_name;
        let ebs = request
            .ebs
            .as_ref()
            .map(|ebs| ebs.resolve(region))
            .transpose()?;
        let ebs = ebs.map(|(ebs, codes)| {
            if device != root && !codes.is_empty() {
                let message =
                    format!("The snapshot of {device} has product codes; only a root volume's may");
                return Err(refuse("OperationNotPermitted", message));
            }
            let marketplace = |id| ProductCode {
                id,
                kind: "marketplace".to_owned(),
            };
            resolved
                .product_codes
                .extend(codes.into_iter().map(marketplace));
            Ok(ebs)
        });
        resolved.mappings.push(BlockDeviceMapping {
            device_name: device.clone(),
            virtual_name: request.virtual_name.clone(),
            ebs: ebs.transpose()?,
        });
    }
    let snapshot = check_root(&resolved.mappings, root)?;
    // "derives the correct billing information from the snapshot's metadata, but this requires the appropriate metadata to
    // be present" (EC2 API Reference, RegisterImage)
    let snapshot = snapshot.and_then(|id| region.snapshots.get(id));
    resolved.billing = snapshot.and_then(|it| it.billing.clone());
    Ok(resolved)
}

/// Gives the snapshot of the root volume.
fn check_root<'a>(
    mappings: &'a [BlockDeviceMapping],
    root: &str,
) -> Result<Option<&'a str>, Failure> {
    let mapping = mappings.iter().find(|mapping| mapping.device_name == root);
    let Some(ebs) = mapping.and_then(|mapping| mapping.ebs.as_ref()) else {
        return Err(invalid_mapping(format!(
            "The root device {root} has no EBS volume in the block device mapping"
        )));
    };
    if !volume_type_named(&ebs.volume_type)?.bootable {
        let message = format!(
            "Volume type {} cannot be used as the root device {root}",
            ebs.volume_type
        );
        return Err(invalid_value(message));
    }
    Ok(ebs.snapshot_id.as_deref())
}

impl EbsRequest {
    /// The volume, and its snapshot's product codes.
    fn resolve(&self, region: &Region) -> Result<(Ebs, Vec<String>), Failure> {
        let snapshot = self
            .snapshot_id
            .as_deref()
            .map(|id| region.usable_snapshot(id))
            .transpose()?;
        if let Some(snapshot) = snapshot {
            if snapshot.state != SnapshotState::Completed {
                return Err(refuse(
                    "IncorrectState",
                    format!("Snapshot '{}' is not 'completed'.", snapshot.id),
                ));
            }
            if let Some(size) = self.volume_size.filter(|size| *size < snapshot.volume_size) {
                return Err(invalid_mapping(format!(
                    "Volume of size {size}GB is smaller than snapshot '{}', expect size >= {}GB",
                    snapshot.id, snapshot.volume_size
                )));
            }
        }
        let volume_size = self
            .volume_size
            .or_else(|| snapshot.map(|snapshot| snapshot.volume_size))
            .unwrap_or_default();
        let volume_type = volume_type_named(&self.volume_type)?;
        volume_type.check_size(volume_size)?;
        volume_type.check_ratios(volume_size, self.iops, self.throughput)?;
        let ebs = Ebs {
            snapshot_id: self.snapshot_id.clone(),
            volume_size,
            volume_type: self.volume_type.clone(),
            iops: self.iops,
            throughput: self.throughput,
            delete_on_termination: self.delete_on_termination,
            encrypted: snapshot.map_or(self.encrypted.unwrap_or(false), |snapshot| {
                snapshot.encrypted
            }),
        };
        Ok((
            ebs,
            snapshot
                .map(|snapshot| snapshot.product_codes.clone())
                .unwrap_or_default(),
        ))
    }
}
