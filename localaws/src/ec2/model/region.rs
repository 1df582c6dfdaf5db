//! Everything EC2 remembers, per Region. It can be saved and loaded as JSON.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ec2::model::account::AccountSettings;
use crate::ec2::model::bundle_task::BundleTask;
use crate::ec2::model::client_token::ClientTokens;
use crate::ec2::model::gone::GoneImages;
use crate::ec2::model::image::{Image, ImageState, StateReason};
use crate::ec2::model::import_task::ImportTask;
use crate::ec2::model::instance::SeedInstance;
use crate::ec2::model::permission::Permission;
use crate::ec2::model::references::SeedLaunchTemplate;
use crate::ec2::model::snapshot::Snapshot;
use crate::ec2::model::store_task::StoreTasks;
use crate::ec2::model::timeline::{TaskKind, Timeline};
use crate::ec2::model::timers::{Timer, Timers};
use crate::ec2::wire::checks::check_image_id;
use crate::ec2::wire::error::{Failure, image_not_found, refuse};
use crate::ids::Ids;

/// How many images are kept after they were deregistered: more than any test makes, and little memory for a world that runs
/// for weeks.
const REMOVED_KEPT: usize = 1000;

/// All Regions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Store {
    pub(crate) regions: BTreeMap<String, Region>,
    /// Registrations to come that are to fail, in order.
    pub(crate) failures: VecDeque<StateReason>,
    /// Tasks to come that are to fail, in order, and why.
    #[serde(default)]
    pub(crate) task_failures: BTreeMap<TaskKind, VecDeque<String>>,
    /// Regions that the account has enabled, of those that it has to.
    #[serde(default)]
    pub(crate) opted_in: BTreeSet<String>,
}

/// One Region: a world of its own.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Region {
    pub(crate) images: BTreeMap<String, Record>,
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    /// Names of deregistered images that are not free yet.
    pub(crate) held_names: Vec<HeldName>,
    /// Ids of deregistered images: EC2 answers for them otherwise than for unknown ids.
    pub(crate) deregistered: BTreeSet<String>,
    /// Those of them that reads have not forgotten.
    #[serde(default)]
    pub(crate) gone: GoneImages,
    /// Those of them that a test may ask for: as they were, the last ones.
    #[serde(skip)]
    pub(crate) removed: VecDeque<Image>,
    /// Snapshots that are being filled, until when.
    #[serde(default)]
    pub(crate) filling: BTreeMap<String, Timeline>,
    /// Those of them that will not be completed, and why.
    #[serde(default)]
    pub(crate) failing: BTreeMap<String, String>,
    /// Snapshots that reads do not find before that (eventual consistency).
    #[serde(default)]
    pub(crate) hidden_snapshots: BTreeMap<String, Timestamp>,
    /// ImportSnapshot's and ImportImage's, as long as they are listed.
    #[serde(default)]
    pub(crate) import_tasks: BTreeMap<String, ImportTask>,
    /// CreateStoreImageTask's, as long as they are listed.
    #[serde(default)]
    pub(crate) store_tasks: StoreTasks,
    /// How many of them there ever were.
    #[serde(default)]
    pub(crate) stored: usize,
    /// BundleManifest tasks, as long as they are listed.
    #[serde(default)]
    pub(crate) bundle_tasks: BTreeMap<String, BundleTask>,
    /// As they were put into the world; each has its id.
    #[serde(default)]
    pub(crate) instances: BTreeMap<String, SeedInstance>,
    /// As they were put into the world, by id.
    #[serde(default)]
    pub(crate) launch_templates: BTreeMap<String, SeedLaunchTemplate>,
    #[serde(default)]
    pub(crate) account: AccountSettings,
    /// What reads still show of snapshots' permissions, and until when.
    #[serde(default)]
    pub(crate) stale_permissions: BTreeMap<String, (BTreeSet<Permission>, Timestamp)>,
    #[serde(default)]
    pub(crate) tokens: ClientTokens,
    /// Names of images, and which image has it: copies may share one.
    #[serde(skip)]
    pub(crate) names: BTreeSet<(String, String)>,
    /// Each instance's last bundle task, which need not be listed any more.
    #[serde(skip)]
    pub(crate) bundled_last: BTreeMap<String, String>,
    /// What is due when.
    #[serde(skip)]
    pub(crate) timers: Timers,
    /// Tasks that may have something to write into S3.
    #[serde(skip)]
    pub(crate) to_write: BTreeSet<Timer>,
    /// Tasks whose objects are being written right now. After a restart they are written again.
    #[serde(skip)]
    pub(crate) writing: BTreeSet<Timer>,
}

/// An image, and what is to become of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) image: Image,
    /// Before this, EC2 does not find it (eventual consistency).
    pub(crate) visible_at: Timestamp,
    /// When it stops being pending.
    pub(crate) settles_at: Timestamp,
    /// How it fails, if it is to fail.
    pub(crate) failure: Option<StateReason>,
    /// How many were registered in this Region before it.
    pub(crate) order: usize,
    /// The request that registered it; events name it.
    pub(crate) request_id: String,
    /// What reads still show of it, and until when.
    #[serde(default)]
    pub(crate) stale: Option<(Image, Timestamp)>,
    /// Before this, the listings leave it out.
    #[serde(default)]
    pub(crate) unlisted_until: Option<Timestamp>,
}

/// A name that is still taken after its image is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HeldName {
    pub(crate) name: String,
    pub(crate) image_id: String,
    pub(crate) until: Timestamp,
}

impl Record {
    /// Where the image is in [`Region::names`].
    pub(crate) fn place_of_name(&self) -> (String, String) {
        (self.image.name.clone(), self.image.id.clone())
    }

    /// Whether reads find it by now.
    pub(crate) fn is_visible(&self, now: Timestamp) -> bool {
        self.visible_at <= now && self.image.is_visible()
    }

    /// Whether the listings show it by now.
    pub(crate) fn is_listed(&self, now: Timestamp) -> bool {
        self.is_visible(now) && self.unlisted_until.is_none_or(|until| until <= now)
    }

    /// What reads show of it by now.
    pub(crate) fn seen(&self, now: Timestamp) -> &Image {
        match &self.stale {
            Some((image, until)) if *until > now => image,
            _ => &self.image,
        }
    }

    /// To be called before a change: reads keep showing until then what they show now.
    pub(crate) fn keep_for_reads(&mut self, now: Timestamp, until: Timestamp) {
        self.stale = (until > now).then(|| (self.seen(now).clone(), until));
    }
}

impl Store {
    /// Makes the listings forget a task.
    pub(crate) fn hide_task(&mut self, id: &str) {
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
    pub(crate) fn show_task_as(&mut self, id: &str, state: Option<&str>) {
        let state = || state.map(str::to_owned);
        for region in self.regions.values_mut() {
            if let Some(task) = region.import_tasks.get_mut(id) {
                task.state_override = state();
            }
            if let Some(task) = region.bundle_tasks.get_mut(id) {
                task.state_override = state();
            }
            region
                .store_tasks
                .change(id, |task| task.state_override = state());
        }
    }

    /// Rebuilds what is not saved: timers and indexes.
    pub(crate) fn reindex(&mut self) {
        self.regions.values_mut().for_each(Region::reindex);
    }

    /// Why the next task of this kind fails, if it is to fail. To be asked once for each task that is accepted.
    pub(crate) fn next_failure(&mut self, kind: TaskKind) -> Option<String> {
        self.task_failures.get_mut(&kind)?.pop_front()
    }

    /// The Region, made when a request first names it.
    pub(crate) fn region(&mut self, name: &str) -> &mut Region {
        self.regions.entry(name.to_owned()).or_default()
    }
}

impl Region {
    /// An image id that was never used here (a loaded world's seed may repeat itself).
    pub(crate) fn new_image_id(&self, ids: &Ids) -> String {
        loop {
            let id = ids.resource("ami");
            if !self.images.contains_key(&id) && !self.deregistered.contains(&id) {
                return id;
            }
        }
    }

    /// How many images were ever registered here.
    fn registered(&self) -> usize {
        self.images.len() + self.deregistered.len()
    }

    /// The image that has this name, or had it a moment ago.
    fn holder_of(&self, name: &str, now: Timestamp) -> Option<&str> {
        let mut images = self.names.range((name.to_owned(), String::new())..);
        let image = images.next().filter(|(taken, _)| taken == name);
        let mut held = self.held_names.iter();
        let held = held.find(|held| held.until > now && held.name == name);
        image
            .map(|(_, id)| id.as_str())
            .or(held.map(|held| held.image_id.as_str()))
    }

    /// Refuses a name that is taken.
    pub(crate) fn check_name_is_free(&self, name: &str, now: Timestamp) -> Result<(), Failure> {
        let Some(holder) = self.holder_of(name, now) else {
            return Ok(());
        };
        let message = format!("AMI name {name} is already in use by AMI {holder}");
        Err(refuse("InvalidAMIName.Duplicate", message))
    }

    /// Puts an image into the Region; one that is pending settles in time.
    pub(crate) fn add_image(
        &mut self,
        image: Image,
        visible_at: Timestamp,
        settles_at: Timestamp,
        failure: Option<StateReason>,
        request_id: &str,
    ) {
        let id = image.id.clone();
        if image.state == ImageState::Pending {
            self.timers.set(settles_at, Timer::Image(id.clone()));
        }
        let record = Record {
            image,
            visible_at,
            settles_at,
            failure,
            order: self.registered(),
            request_id: request_id.to_owned(),
            stale: None,
            unlisted_until: None,
        };
        if record.image.is_own() {
            self.names.insert(record.place_of_name());
        }
        self.images.insert(id, record);
    }

    /// Takes an image out of the Region. Its name is not free, and it is not out of what reads show, until then.
    pub(crate) fn remove_image(
        &mut self,
        id: &str,
        now: Timestamp,
        (free_at, shown_until): (Timestamp, Timestamp),
    ) {
        self.held_names.retain(|held| held.until > now);
        let Some(record) = self.images.remove(id) else {
            return;
        };
        self.names.remove(&record.place_of_name());
        self.deregistered.insert(id.to_owned());
        self.held_names.push(HeldName {
            name: record.image.name.clone(),
            image_id: id.to_owned(),
            until: free_at,
        });
        if self.removed.len() == REMOVED_KEPT {
            self.removed.pop_front();
        }
        self.removed.push_back(record.image.clone());
        self.gone.add(record.image, now, shown_until);
    }

    /// The images that are listed by now.
    pub(crate) fn visible(&self, now: Timestamp) -> impl Iterator<Item = &Image> {
        self.images
            .values()
            .filter(move |record| record.is_listed(now))
            .map(move |record| record.seen(now))
    }

    /// This image, if it can be seen by now.
    pub(crate) fn image_mut(&mut self, id: &str, now: Timestamp) -> Result<&mut Record, Failure> {
        check_image_id(id)?;
        self.images
            .get_mut(id)
            .filter(|record| record.is_visible(now))
            .ok_or_else(|| image_not_found(&[id]))
    }

    /// This image, to be changed: it must be this account's. What EC2 answers for others' is known from public reports
    /// only.
    pub(crate) fn own_image_mut(
        &mut self,
        id: &str,
        now: Timestamp,
    ) -> Result<&mut Record, Failure> {
        let record = self.image_mut(id, now)?;
        if record.image.is_own() {
            return Ok(record);
        }
        Err(refuse(
            "AuthFailure",
            format!("Not authorized for image:{id}"),
        ))
    }

    /// Rebuilds the index of names: only this account's are taken.
    pub(crate) fn reindex_names(&mut self) {
        let own = self.images.values().filter(|record| record.image.is_own());
        self.names = own.map(Record::place_of_name).collect();
    }

    fn reindex(&mut self) {
        self.reindex_names();
        let bundles = self.bundle_tasks.values();
        let mut bundles: Vec<_> = bundles
            .map(|task| (task.timeline.started_at, &task.instance_id, &task.id))
            .collect();
        bundles.sort_unstable();
        let latest = bundles.into_iter();
        self.bundled_last = latest
            .map(|(_, instance, task)| (instance.clone(), task.clone()))
            .collect();
        let mut timers = Timers::default();
        let images = self.images.values();
        for record in images.filter(|record| record.image.state == ImageState::Pending) {
            timers.set(record.settles_at, Timer::Image(record.image.id.clone()));
        }
        for (id, timeline) in &self.filling {
            timers.set(timeline.ends_at, Timer::Snapshot(id.clone()));
        }
        // What a task has missed happens when it is due next.
        let now = Timestamp::MIN;
        for task in self.import_tasks.values() {
            timers.set_next(task.due_times(), now, Timer::Import(task.id.clone()));
        }
        for task in self.store_tasks.iter() {
            timers.set(task.due_time(), Timer::StoreImage(task.order));
        }
        for task in self.bundle_tasks.values() {
            timers.set_next(task.due_times(), now, Timer::Bundle(task.id.clone()));
        }
        self.timers = timers;
    }
}
