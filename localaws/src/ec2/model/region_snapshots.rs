//! The snapshots of a Region: from when on there is one, and from when on reads find it.

use jiff::Timestamp;

use crate::ACCOUNT;
use crate::ec2::model::image::Image;
use crate::ec2::model::region::Region;
use crate::ec2::model::snapshot::Snapshot;
use crate::ec2::model::timeline::Timeline;
use crate::ec2::model::timers::Timer;
use crate::ec2::wire::checks::check_id;
use crate::ec2::wire::error::{Failure, snapshot_not_found};
use crate::ids::Ids;

impl Region {
    /// A snapshot id that is not used here.
    pub(crate) fn new_snapshot_id(&self, ids: &Ids) -> String {
        loop {
            let id = ids.resource("snap");
            if !self.snapshots.contains_key(&id) {
                return id;
            }
        }
    }

    /// Puts a snapshot into the Region that is pending until its timeline ends, and that reads do not find before it is
    /// visible.
    pub(crate) fn fill(&mut self, snapshot: Snapshot, timeline: Timeline, visible_at: Timestamp) {
        let id = snapshot.id.clone();
        self.timers
            .set(timeline.ends_at, Timer::Snapshot(id.clone()));
        self.filling.insert(id.clone(), timeline);
        self.add_snapshot(snapshot, (timeline.started_at, visible_at));
    }

    /// Puts a snapshot into the Region that reads do not find before it is visible.
    pub(crate) fn add_snapshot(
        &mut self,
        snapshot: Snapshot,
        (now, visible_at): (Timestamp, Timestamp),
    ) {
        self.hidden_snapshots.retain(|_, until| *until > now);
        if visible_at > now {
            let id = snapshot.id.clone();
            self.hidden_snapshots.insert(id, visible_at);
        }
        self.snapshots.insert(snapshot.id.clone(), snapshot);
    }

    /// Whether reads find this snapshot by now.
    pub(crate) fn shows_snapshot(&self, id: &str, now: Timestamp) -> bool {
        let visible_at = self.hidden_snapshots.get(id);
        visible_at.is_none_or(|visible_at| *visible_at <= now)
    }

    /// This snapshot, if this account may see it and reads find it by now.
    pub(crate) fn visible_snapshot(&self, id: &str, now: Timestamp) -> Result<&Snapshot, Failure> {
        let snapshot = self.usable_snapshot(id)?;
        match self.shows_snapshot(id, now) {
            true => Ok(snapshot),
            false => Err(snapshot_not_found(id)),
        }
    }

    /// The snapshots that an image needs, as far as they are still there.
    pub(crate) fn snapshots_of(&self, image: &Image) -> Vec<Snapshot> {
        let ids = image.snapshot_ids();
        ids.filter_map(|id| self.snapshots.get(id).cloned())
            .collect()
    }

    /// This snapshot, if it is this account's.
    pub(crate) fn snapshot(&self, id: &str) -> Result<&Snapshot, Failure> {
        let snapshot = self.usable_snapshot(id)?;
        if snapshot.owner_id != ACCOUNT {
            let what = format!("changing or copying {id}, which another account shares");
            return Err(Failure::NotBuilt(what));
        }
        Ok(snapshot)
    }

    /// This snapshot, if this account may see it and make images of it.
    pub(crate) fn usable_snapshot(&self, id: &str) -> Result<&Snapshot, Failure> {
        check_id(id, "snap", "InvalidSnapshotID.Malformed")?;
        self.snapshots
            .get(id)
            .filter(|snapshot| snapshot.is_usable())
            .ok_or_else(|| snapshot_not_found(id))
    }
}
