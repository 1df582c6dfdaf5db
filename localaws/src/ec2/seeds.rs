//! What is put into the world, not made by a request: what a demo copies, and tests begin with.

use std::collections::BTreeSet;

use super::Ec2;
use crate::ACCOUNT;
use crate::ec2::model::image::{BlockDeviceMapping, Ebs, Image, ImageState, SeedImage};
use crate::ec2::model::instance::SeedInstance;
use crate::ec2::model::permission::Permission;
use crate::ec2::model::references::SeedLaunchTemplate;
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
            billing: None,
            tags: snapshot.tags,
            started_at: self.service.clock.now(),
            create_volume_permissions: with_us(snapshot.shared),
        };
        region.snapshots.insert(id.clone(), snapshot);
        id
    }

    /// Puts an instance into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_instance(&self, region: &str, instance: SeedInstance) -> String {
        let mut store = self.service.store();
        let id = instance.id.clone();
        let id = id.unwrap_or_else(|| self.service.ids.resource("i"));
        let now = self.service.clock.now();
        let instance = SeedInstance {
            id: Some(id.clone()),
            launched_at: instance.launched_at.or(Some(now)),
            ..instance
        };
        let region = store.region(region);
        region.instances.insert(id.clone(), instance);
        id
    }

    /// Puts a launch template into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_launch_template(&self, region: &str, template: SeedLaunchTemplate) -> String {
        let mut store = self.service.store();
        let id = template.id.clone();
        let id = id.unwrap_or_else(|| self.service.ids.resource("lt"));
        let templates = &mut store.region(region).launch_templates;
        templates.insert(id.clone(), template);
        id
    }

    /// Puts an available image into a Region, in the place of one with the same id, and gives its id.
    pub fn seed_image(&self, region: &str, image: SeedImage) -> String {
        let now = self.service.clock.now();
        let mut store = self.service.store();
        let region = store.region(region);
        let id = image
            .id
            .clone()
            .unwrap_or_else(|| region.new_image_id(&self.service.ids));
        let image = Image {
            created_at: now,
            ..seeded(id.clone(), image)
        };
        region.add_image(image, now, now, None, "");
        id
    }
}

/// The permissions of what another account shares with this world's, or does not.
fn with_us(shared: bool) -> BTreeSet<Permission> {
    let account = Permission::Account(ACCOUNT.to_owned());
    shared.then_some(account).into_iter().collect()
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
    let owner_id = image.owner_id.unwrap_or_else(|| ACCOUNT.to_owned());
    Image {
        launch_permissions: with_us(owner_id != ACCOUNT),
        location: format!("{owner_id}/{}", image.name),
        owner_id,
        owner_alias: image.owner_alias,
        state: ImageState::Available,
        root_device_name: Some(ROOT.to_owned()),
        block_device_mappings: vec![BlockDeviceMapping {
            device_name: ROOT.to_owned(),
            virtual_name: None,
            ebs: Some(root),
        }],
        ..Image::new(id, image.name)
    }
}
