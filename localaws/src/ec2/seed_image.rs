//! Images that are put into the world, not registered: what a demo copies, and tests begin with.

use super::Ec2;
use super::model::{BlockDeviceMapping, Ebs, Image, ImageState, RootDeviceType};
use super::store::Record;
use crate::ACCOUNT;

/// The device that a seeded image has its root on.
const ROOT: &str = "/dev/xvda";

/// An EBS image to put into the world, see `Ec2::seed_image`.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedImage {
    /// Its id; none makes one.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// The snapshot of its root volume, which is in the same Region.
    pub snapshot_id: String,
    /// GiB of the root volume.
    pub volume_size: u32,
}

impl Ec2 {
    /// Puts an available image of this account into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_image(&self, region: &str, image: SeedImage) -> String {
        let now = self.inner.clock.now();
        let mut store = self.inner.store();
        let region = store.region(region);
        let id = image
            .id
            .clone()
            .unwrap_or_else(|| region.new_image_id(&self.inner.ids));
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
