//! Changes of what is there already. Reads may keep showing the old for a while.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::ec2::model::image::Image;
use crate::ec2::model::permission::Permission;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::snapshot::Snapshot;
use crate::ec2::wire::error::Failure;

impl Service {
    /// Changes one image of this account, as an action that reads nothing else asks.
    pub(crate) fn change_image(
        &self,
        call: &Call,
        id: &str,
        change: impl FnOnce(&mut Image, Timestamp) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (now, until) = (self.clock.now(), self.stale_until());
        let mut store = self.store();
        let region = store.region(&call.region);
        region.change_image(id, now, until, |image| change(image, now))
    }
}

impl Region {
    /// Changes an image of this account, or nothing if the change is refused.
    pub(crate) fn change_image(
        &mut self,
        id: &str,
        now: Timestamp,
        stale_until: Timestamp,
        change: impl FnOnce(&mut Image) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let record = self.own_image_mut(id, now)?;
        let mut image = record.image.clone();
        change(&mut image)?;
        if image != record.image {
            record.keep_for_reads(now, stale_until);
            record.image = image;
        }
        Ok(())
    }

    /// Sets who may use a snapshot that is there.
    pub(crate) fn set_snapshot_permissions(
        &mut self,
        id: &str,
        permissions: BTreeSet<Permission>,
        now: Timestamp,
        stale_until: Timestamp,
    ) {
        let Some(snapshot) = self.snapshots.get(id) else {
            return;
        };
        if snapshot.create_volume_permissions == permissions {
            return;
        }
        let seen = self.seen_permissions(snapshot, now).clone();
        self.stale_permissions.retain(|_, (_, until)| *until > now);
        if stale_until > now {
            let stale = (seen, stale_until);
            self.stale_permissions.insert(id.to_owned(), stale);
        }
        if let Some(snapshot) = self.snapshots.get_mut(id) {
            snapshot.create_volume_permissions = permissions;
        }
    }

    /// Takes a snapshot out of the Region.
    pub(crate) fn remove_snapshot(&mut self, id: &str) {
        self.snapshots.remove(id);
        self.hidden_snapshots.remove(id);
        self.filling.remove(id);
        self.failing.remove(id);
        self.stale_permissions.remove(id);
    }

    /// Who may use a snapshot, as reads show it by now.
    pub(crate) fn seen_permissions<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        now: Timestamp,
    ) -> &'a BTreeSet<Permission> {
        match self.stale_permissions.get(&snapshot.id) {
            Some((permissions, until)) if *until > now => permissions,
            _ => &snapshot.create_volume_permissions,
        }
    }
}
