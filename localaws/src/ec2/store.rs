//! Everything EC2 remembers, per Region. It can be saved and loaded as JSON.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::agenda::{Agenda, Item};
use super::bundle_task::BundleTask;
use super::error::{Failure, refuse};
use super::import::ImportTask;
use super::instance::SeedInstance;
use super::model::{Image, ImageState, Snapshot, StateReason};
use super::stored::StoreTasks;
use super::task::{Course, Made, TaskKind};
use crate::ACCOUNT;
use crate::ids::Ids;

/// All Regions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Store {
    pub(super) regions: BTreeMap<String, Region>,
    /// Registrations to come that are to fail, in order.
    pub(super) failures: VecDeque<StateReason>,
    /// Tasks to come that are to fail, in order, and why.
    #[serde(default)]
    pub(super) task_failures: BTreeMap<TaskKind, VecDeque<String>>,
}

/// One Region: a world of its own.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Region {
    pub(super) images: BTreeMap<String, Record>,
    pub(super) snapshots: BTreeMap<String, Snapshot>,
    /// Names of deregistered images that are not free yet.
    pub(super) held_names: Vec<HeldName>,
    /// Ids of deregistered images: EC2 tells them from ids that never were.
    pub(super) deregistered: BTreeSet<String>,
    /// Snapshots that are being filled, until when.
    #[serde(default)]
    pub(super) filling: BTreeMap<String, Course>,
    /// Those of them that will not be completed, and why.
    #[serde(default)]
    pub(super) failing: BTreeMap<String, String>,
    /// ImportSnapshot's and ImportImage's, as long as they are listed.
    #[serde(default)]
    pub(super) import_tasks: BTreeMap<String, ImportTask>,
    /// CreateStoreImageTask's, as long as they are listed.
    #[serde(default)]
    pub(super) store_tasks: StoreTasks,
    /// How many of them there ever were.
    #[serde(default)]
    pub(super) stored: usize,
    /// Bundle tasks, as long as they are listed.
    #[serde(default)]
    pub(super) bundle_tasks: BTreeMap<String, BundleTask>,
    /// As they were put into the world; each has its id.
    #[serde(default)]
    pub(super) instances: BTreeMap<String, SeedInstance>,
    /// By action and client token.
    #[serde(default)]
    pub(super) tokens: BTreeMap<String, Made>,
    /// Names of images, and which image has it: copies may share one.
    #[serde(skip)]
    pub(super) names: BTreeSet<(String, String)>,
    /// Each instance's last bundle task, which need not be listed any more.
    #[serde(skip)]
    pub(super) bundled_last: BTreeMap<String, String>,
    /// When to look at what.
    #[serde(skip)]
    pub(super) agenda: Agenda,
    /// Tasks that may have something to write into S3.
    #[serde(skip)]
    pub(super) to_write: BTreeSet<Item>,
    /// Tasks whose objects are being written right now. After a restart they are written again.
    #[serde(skip)]
    pub(super) writing: BTreeSet<Item>,
}

/// An image, and what is to become of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) image: Image,
    /// Before this, EC2 does not find it (eventual consistency).
    pub(super) visible_at: Timestamp,
    /// When it stops being pending.
    pub(super) settles_at: Timestamp,
    /// How it fails, if it is to fail.
    pub(super) failure: Option<StateReason>,
    /// How many were registered in this Region before it.
    pub(super) order: usize,
    /// The request that registered it; events name it.
    pub(super) request_id: String,
}

/// A name that is still taken after its image is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct HeldName {
    pub(super) name: String,
    pub(super) image_id: String,
    pub(super) until: Timestamp,
}

impl Record {
    /// Where the image is in [`Region::names`].
    pub(super) fn place_of_name(&self) -> (String, String) {
        (self.image.name.clone(), self.image.id.clone())
    }
}

impl Store {
    /// Makes the listings forget a task.
    pub(super) fn hide_task(&mut self, id: &str) {
        for region in self.regions.values_mut() {
            if let Some(task) = region.import_tasks.get_mut(id) {
                task.hidden = true;
            }
            if let Some(task) = region.bundle_tasks.get_mut(id) {
                task.hidden = true;
            }
            region.store_tasks.change(id, |task| task.hidden = true);
        }
    }

    /// Makes the listings show a task in this state.
    pub(super) fn show_task_as(&mut self, id: &str, state: Option<&str>) {
        let said = || state.map(str::to_owned);
        for region in self.regions.values_mut() {
            if let Some(task) = region.import_tasks.get_mut(id) {
                task.said = said();
            }
            if let Some(task) = region.bundle_tasks.get_mut(id) {
                task.said = said();
            }
            region.store_tasks.change(id, |task| task.said = said());
        }
    }

    /// The Region, made when it is first spoken to.
    pub(super) fn region(&mut self, name: &str) -> &mut Region {
        self.regions.entry(name.to_owned()).or_default()
    }
}

impl Region {
    /// An image id that was never used here (a loaded world's seed may repeat itself).
    pub(super) fn new_image_id(&self, ids: &Ids) -> String {
        loop {
            let id = ids.resource("ami");
            if !self.images.contains_key(&id) && !self.deregistered.contains(&id) {
                return id;
            }
        }
    }

    /// How many images were ever registered here.
    pub(super) fn registered(&self) -> usize {
        self.images.len() + self.deregistered.len()
    }

    /// A snapshot id that is not used here.
    pub(super) fn new_snapshot_id(&self, ids: &Ids) -> String {
        loop {
            let id = ids.resource("snap");
            if !self.snapshots.contains_key(&id) {
                return id;
            }
        }
    }

    /// The image that has this name, or had it a moment ago.
    pub(super) fn holder_of(&self, name: &str, now: Timestamp) -> Option<&str> {
        let mut images = self.names.range((name.to_owned(), String::new())..);
        let image = images.next().filter(|(taken, _)| taken == name);
        let mut held = self.held_names.iter();
        let held = held.find(|held| held.until > now && held.name == name);
        image
            .map(|(_, id)| id.as_str())
            .or(held.map(|held| held.image_id.as_str()))
    }

    /// Puts an image into the Region; one that is pending is settled in time.
    pub(super) fn add_image(&mut self, record: Record) {
        let id = record.image.id.clone();
        if record.image.state == ImageState::Pending {
            let item = Item::Image(id.clone());
            self.agenda.note(record.settles_at, item);
        }
        self.names.insert(record.place_of_name());
        self.images.insert(id, record);
    }

    /// Takes an image out of the Region. Its name is not free until then.
    pub(super) fn remove_image(&mut self, id: &str, now: Timestamp, free_at: Timestamp) {
        self.held_names.retain(|held| held.until > now);
        let Some(record) = self.images.remove(id) else {
            return;
        };
        self.names.remove(&record.place_of_name());
        self.deregistered.insert(id.to_owned());
        self.held_names.push(HeldName {
            name: record.image.name,
            image_id: id.to_owned(),
            until: free_at,
        });
    }

    /// Puts a snapshot into the Region that is pending until its course ends.
    pub(super) fn fill(&mut self, snapshot: Snapshot, course: Course) {
        let id = snapshot.id.clone();
        self.agenda.note(course.ends_at, Item::Snapshot(id.clone()));
        self.filling.insert(id.clone(), course);
        self.snapshots.insert(id, snapshot);
    }

    /// The images that can be seen by now.
    pub(super) fn visible(&self, now: Timestamp) -> impl Iterator<Item = &Image> {
        self.images
            .values()
            .filter(move |record| record.visible_at <= now)
            .map(|record| &record.image)
    }

    /// This image, if it can be seen by now.
    pub(super) fn image_mut(&mut self, id: &str, now: Timestamp) -> Result<&mut Record, Failure> {
        check_image_id(id)?;
        self.images
            .get_mut(id)
            .filter(|record| record.visible_at <= now)
            .ok_or_else(|| image_not_found(&[id]))
    }

    /// This snapshot, if this account may see it.
    pub(super) fn snapshot(&self, id: &str) -> Result<&Snapshot, Failure> {
        check_id(id, "snap", "InvalidSnapshotID.Malformed")?;
        self.snapshots
            .get(id)
            .filter(|snapshot| snapshot.owner_id == ACCOUNT)
            .ok_or_else(|| snapshot_not_found(id))
    }
}

/// `InvalidAMIID.NotFound`, which names the ids.
pub(super) fn image_not_found(ids: &[&str]) -> Failure {
    let message = match ids {
        [id] => format!("The image id '[{id}]' does not exist"),
        ids => format!("The image ids '[{}]' do not exist", ids.join(", ")),
    };
    refuse("InvalidAMIID.NotFound", message)
}

/// `InvalidSnapshot.NotFound`, which names the id.
pub(super) fn snapshot_not_found(id: &str) -> Failure {
    refuse(
        "InvalidSnapshot.NotFound",
        format!("The snapshot '{id}' does not exist."),
    )
}

/// `InvalidAMIID.Malformed` unless the id has an AMI id's form.
pub(super) fn check_image_id(id: &str) -> Result<(), Failure> {
    check_id(id, "ami", "InvalidAMIID.Malformed")
}

/// Refuses an id that is not `prefix-` and 8 or 17 hex digits, as EC2's ids are.
pub(super) fn check_id(id: &str, prefix: &str, code: &str) -> Result<(), Failure> {
    let digits = id
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'));
    let well_formed = |digits: &str| {
        matches!(digits.len(), 8 | 17)
            && digits
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match digits {
        Some(digits) if well_formed(digits) => Ok(()),
        Some(_) => Err(refuse(code, format!("Invalid id: \"{id}\""))),
        None => Err(refuse(
            code,
            format!("Invalid id: \"{id}\" (expecting \"{prefix}-...\")"),
        )),
    }
}
