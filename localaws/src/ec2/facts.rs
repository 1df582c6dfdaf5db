//! What IAM asks EC2 about its resources: their tags, owners and other condition keys.

use super::Ec2;
use super::model::facts::Facts;
use super::model::image::Image;
use super::model::snapshot::{NO_VOLUME, Snapshot};
use crate::ACCOUNT;

impl Ec2 {
    /// What is known of the resource with this id; none if there is no such resource in the Region.
    pub(crate) fn facts(&self, region: &str, id: &str) -> Option<Facts> {
        let mut store = self.service.store();
        let state = store.region(region);
        if let Some(record) = state.images.get(id) {
            let mut facts = of_image(&record.image);
            let snapshots = state.snapshots_of(&record.image);
            facts.kms_key_id = snapshots.into_iter().find_map(|it| it.kms_key_id);
            return Some(facts);
        }
        if let Some(snapshot) = state.snapshots.get(id) {
            return Some(of_snapshot(snapshot));
        }
        let task = state.import_tasks.get(id)?;
        Some(Facts {
            tags: task.tags.clone(),
            owner: ACCOUNT.to_owned(),
            ..Facts::default()
        })
    }
}

fn of_image(image: &Image) -> Facts {
    Facts {
        tags: image.tags.clone(),
        owner: image.owner_id.clone(),
        keys: vec![
            ("ec2:ImageID", image.id.clone()),
            ("ec2:ImageType", "machine".to_owned()),
            ("ec2:Public", image.is_public().to_string()),
            ("ec2:RootDeviceType", image.root_device_type.to_string()),
        ],
        snapshots: image.snapshot_ids().cloned().collect(),
        ..Facts::default()
    }
}

fn of_snapshot(snapshot: &Snapshot) -> Facts {
    Facts {
        tags: snapshot.tags.clone(),
        owner: snapshot.owner_id.clone(),
        keys: vec![
            ("ec2:Encrypted", snapshot.encrypted.to_string()),
            ("ec2:SnapshotID", snapshot.id.clone()),
            ("ec2:VolumeSize", snapshot.volume_size.to_string()),
        ],
        volume: Some(NO_VOLUME),
        snapshots: Vec::new(),
        kms_key_id: snapshot.kms_key_id.clone(),
    }
}
