//! What IAM asks EC2 about its resources: their tags, owners and other condition keys.

use std::collections::BTreeMap;

use super::Ec2;
use super::model::facts::{DefaultEncryption, Encrypted, Facts};
use super::model::image::Image;
use super::model::key;
use super::model::snapshot::{NO_VOLUME, Snapshot};
use crate::ACCOUNT;

impl Ec2 {
    /// What is known of the resource with this id; none if there is no such resource in the Region.
    pub(crate) fn facts(&self, region: &str, id: &str) -> Option<Facts> {
        let mut store = self.service.store();
        let state = store.region(region);
        if let Some(record) = state.images.get(id) {
            let snapshots = state.snapshots_of(&record.image);
            let encryption = snapshots.iter().map(|it| encryption(region, it));
            return Some(Facts {
                encryption: encryption.collect(),
                ..of_image(&record.image)
            });
        }
        if let Some(snapshot) = state.snapshots.get(id) {
            return Some(of_snapshot(region, snapshot));
        }
        let task = state.import_tasks.get(id)?;
        Some(Facts {
            tags: task.tags.clone(),
            owner: ACCOUNT.to_owned(),
            ..Facts::default()
        })
    }

    /// How the account encrypts what is new in the Region.
    pub(crate) fn default_encryption(&self, region: &str) -> DefaultEncryption {
        let mut store = self.service.store();
        let account = &store.region(region).account;
        let key = account.default_key.as_deref();
        let key = key.and_then(|key| key::arn(region, key));
        DefaultEncryption {
            is_on: account.encrypts_by_default,
            key: key.filter(|key| !key::is_managed(region, key)),
        }
    }
}

fn encryption(region: &str, snapshot: &Snapshot) -> Encrypted {
    let key = snapshot.kms_key_id.as_deref();
    let key = key.map(|key| key::arn(region, key).unwrap_or_else(|| key.to_owned()));
    Encrypted {
        is_on: snapshot.encrypted,
        key: key.filter(|key| !key::is_managed(region, key)),
    }
}

/// The tags that count in conditions: those that another account gave what it shares are its own ("the tags you assign are
/// available only to your account", "Tag your Amazon EC2 resources", EC2 User Guide).
fn own_tags(owner: &str, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    match owner == ACCOUNT {
        true => tags.clone(),
        false => BTreeMap::new(),
    }
}

fn of_image(image: &Image) -> Facts {
    Facts {
        tags: own_tags(&image.owner_id, &image.tags),
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

fn of_snapshot(region: &str, snapshot: &Snapshot) -> Facts {
    Facts {
        tags: own_tags(&snapshot.owner_id, &snapshot.tags),
        owner: snapshot.owner_id.clone(),
        keys: vec![
            ("ec2:Encrypted", snapshot.encrypted.to_string()),
            ("ec2:SnapshotID", snapshot.id.clone()),
            ("ec2:VolumeSize", snapshot.volume_size.to_string()),
        ],
        volume: Some(NO_VOLUME),
        snapshots: Vec::new(),
        encryption: vec![encryption(region, snapshot)],
    }
}
