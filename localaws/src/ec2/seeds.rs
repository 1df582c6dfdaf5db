//! What is put into the world, not made by a request: what a demo copies, and tests begin with.

use super::Ec2;
use crate::ACCOUNT;
use crate::ec2::model::image::{
    BlockDeviceMapping, Ebs, Image, ImageState, RootDeviceType, SeedImage,
};
use crate::ec2::model::instance::SeedInstance;
use crate::ec2::model::region::Record;
use crate::ec2::model::snapshot::{SeedSnapshot, Snapshot};

/// The device that a seeded image has its root on.
const ROOT: &str = "/dev/xvda";

impl Ec2 {
    /// Puts a snapshot into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_snapshot(&self, region: &str, snapshot: SeedSnapshot) -> String {
        let mut store = self.service.store();
        let region = store.region(region);
        let id = snapshot
            .id
            .unwrap_or_else(|| region.new_snapshot_id(&self.service.ids));
        let snapshot = Snapshot {
            id: id.clone(),
            volume_size: snapshot.volume_size,
            state: snapshot.state,
            state_message: None,
            description: snapshot.description,
            owner_id: snapshot.owner_id.unwrap_or_else(|| ACCOUNT.to_owned()),
            encrypted: snapshot.encrypted,
            kms_key_id: None,
            product_codes: snapshot.product_codes,
            tags: snapshot.tags,
            started_at: self.service.clock.now(),
        };
        region.snapshots.insert(id.clone(), snapshot);
        id
    }

    /// Puts an instance into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_instance(&self, region: &str, instance: SeedInstance) -> String {
        let mut store = self.service.store();
        let id = instance.id.clone();
        let id = id.unwrap_or_else(|| self.service.ids.resource("i"));
        let instance = SeedInstance {
            id: Some(id.clone()),
            ..instance
        };
        let region = store.region(region);
        region.instances.insert(id.clone(), instance);
        id
    }

    /// Puts an available image of this account into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_image(&self, region: &str, image: SeedImage) -> String {
        let now = self.service.clock.now();
        let mut store = self.service.store();
        let region = store.region(region);
        let id = image
            .id
            .clone()
            .unwrap_or_else(|| region.new_image_id(&self.service.ids));
        let record = Record {
            image: Image {
                created_at: now,
                ..seeded(id.clone(), image)
            },
            visible_at: now,
            settles_at: now,
            failure: None,
            order: region.registered(),
            request_id: String::new(),
        };
        region.add_image(record);
        id
    }
}

fn seeded(id: String, image: SeedImage) -> Image {
    let root = Ebs {
        snapshot_id: Some(image.snapshot_id),
        volume_size: image.volume_size,
        volume_type: "gp3".to_owned(),
        iops: None,
        throughput: None,
        delete_on_termination: true,
        encrypted: false,
    };
    Image {
        id,
        location: format!("{ACCOUNT}/{}", image.name),
        name: image.name,
        description: None,
        owner_id: ACCOUNT.to_owned(),
        state: ImageState::Available,
        state_reason: None,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        architecture: "x86_64".to_owned(),
        kernel_id: None,
        ramdisk_id: None,
        root_device_name: Some(ROOT.to_owned()),
        root_device_type: RootDeviceType::Ebs,
        virtualization_type: "hvm".to_owned(),
        ena_support: true,
        sriov_net_support: None,
        boot_mode: None,
        tpm_support: None,
        uefi_data: None,
        imds_support: None,
        platform: None,
        source_image_id: None,
        source_image_region: None,
        billing_products: Vec::new(),
        product_codes: Vec::new(),
        block_device_mappings: vec![BlockDeviceMapping {
            device_name: ROOT.to_owned(),
            virtual_name: None,
            ebs: Some(root),
        }],
        tags: std::collections::BTreeMap::new(),
    }
}
