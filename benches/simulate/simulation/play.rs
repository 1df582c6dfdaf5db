//! Plays a script on a stack.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use amiwright::cli::{cancel::cancel, retry::retry};
use amiwright::image::observed::ObservedImage;
use amiwright::keys;
use amiwright::reconcile::Context;
use localaws::deliveries::Trigger;
use localaws::ec2::Snapshot;
use serde_json::{Value, json};

use super::manifest::{Sources, beside, key, short};
use super::monitor::Monitor;
use super::script::{Arrival, Change, Event, KEYS, Manifest, Object, Script, Source, Stack, Task};
use super::setting::{self, region, regions};
use super::{beside, by_hand, text, weather};
use crate::support::{BUNDLE_MANIFEST, BUNDLE_PART, TestStack, other_bundle, vmdk, whole_seconds};

/// What a history left.
pub(crate) struct Played {
    pub(crate) stack: TestStack,
    pub(crate) script: Script,
    /// The parameters that the stack has now.
    pub(crate) given: Stack,
    pub(crate) sources: Sources,
    pub(crate) monitor: Arc<Monitor>,
    /// The manifests that are in the bucket.
    pub(crate) manifests: BTreeMap<&'static str, Manifest>,
    /// What each key had, oldest first: a manifest, or none where it was removed.
    pub(super) versions: BTreeMap<&'static str, Vec<Option<Manifest>>>,
    /// The AMIs that somebody has changed by hand, by Region, and how.
    pub(crate) edited: BTreeMap<(&'static str, String), BTreeSet<String>>,
    /// The parameters that somebody has changed by hand, by Region.
    pub(crate) edited_parameters: BTreeSet<(&'static str, String)>,
    /// The manifests of which a version said that nobody else may have its AMI.
    pub(crate) was_exact: BTreeSet<&'static str>,
    /// The tasks that EC2 shows in other states than they are in, until the end.
    pub(crate) shown: BTreeSet<String>,
    /// What was there before any manifest.
    pub(crate) snapshots_before: BTreeSet<String>,
    /// The other stack of the account, if there is one.
    pub(crate) beside: Option<Box<Played>>,
}

/// The name of the bundle beside a manifest.
pub(crate) const BUNDLE: &str = "image.manifest.xml";

/// How long an image may be open once all is well: the cooldowns of AMIs that have to go first, of two versions, and then those of
/// their copies, take a day each.
const LONGEST: Duration = Duration::from_secs(84 * 3600);

/// Plays a script until everything that was wanted is done or has failed.
pub(crate) async fn play(script: &Script, monitor: &Arc<Monitor>) -> Played {
    let (stack, sources) = setting::set(script, monitor).await;
    let mut snapshots_before = BTreeSet::new();
    for region in regions() {
        let before = stack.world.ec2().snapshots(region).into_iter();
        snapshots_before.extend(before.map(|snapshot| snapshot.id));
    }
    let mut played = Played::new(
        stack,
        script.clone(),
        sources,
        Arc::clone(monitor),
        snapshots_before,
    );
    played.beside = beside::set(&played).await;
    let theirs = played.beside.iter().map(|it| it.stack.snapshot.clone());
    played.snapshots_before.extend(theirs);
    for each in &script.moves {
        let pause = Duration::from_secs(each.pause);
        played.stack.world.run_for(pause).await;
        monitor.say(&played.stack, &each.event);
        if let Some(beside) = &played.beside {
            let event = each.event.beside();
            beside.monitor.hear(event.as_ref().unwrap_or(&each.event));
        }
        played.happen(&each.event).await;
    }
    played.end().await;
    if let Some(beside) = &played.beside {
        beside.end().await;
    }
    played
}

impl Played {
    pub(super) fn new(
        stack: TestStack,
        script: Script,
        sources: Sources,
        monitor: Arc<Monitor>,
        snapshots_before: BTreeSet<String>,
    ) -> Self {
        Self {
            stack,
            given: script.stack.clone(),
            script,
            sources,
            monitor,
            manifests: BTreeMap::new(),
            versions: BTreeMap::new(),
            edited: BTreeMap::new(),
            edited_parameters: BTreeSet::new(),
            was_exact: BTreeSet::new(),
            shown: BTreeSet::new(),
            snapshots_before,
            beside: None,
        }
    }

    async fn happen(&mut self, event: &Event) {
        if weather::happen(self, event).await {
            return;
        }
        match event {
            Event::Drop {
                key: at,
                manifest,
                arrival,
            } => self.drop(key(*at), manifest, *arrival).await,
            Event::DropBeside {
                key: at,
                manifest,
                arrival,
            } => {
                if let Some(beside) = &mut self.beside {
                    Self::drop(beside, key(*at), manifest, *arrival).await;
                }
            }
            Event::DropObject {
                key: at,
                what,
                content,
            } => self.drop_object(key(*at), *what, *content).await,
            Event::Remove { key: at, arrival } => self.remove(key(*at), *arrival).await,
            Event::SetBack { key: at, arrival } => self.set_back(key(*at), *arrival).await,
            Event::Cancel { key: at } => self.ask(key(*at), true).await,
            Event::Retry { key: at } => self.ask(key(*at), false).await,
            Event::Edit {
                key: at,
                region: place,
                edit,
            } => by_hand::edit(self, key(*at), region(*place), *edit).await,
            Event::Update { change } => self.update(change),
            Event::Run { task } => {
                let input = match task {
                    Task::Advance => json!({}),
                    Task::Sweep => json!({"task": "sweep"}),
                    Task::Audit => json!({"task": "audit"}),
                };
                self.stack.world.invoke_later("AdvanceTasks", input);
            }
            _ => {}
        }
    }

    /// Updates the stack. Nothing else happens then: nobody is told, and no event is sent again.
    fn update(&mut self, change: &Change) {
        self.given = self.given.with(change);
        let parameters = setting::parameters(&self.given);
        self.stack.update_stack(&parameters);
        let now = self.stack.world.clock().now();
        self.monitor.given(now, &self.given);
    }

    async fn drop(&mut self, key: &'static str, manifest: &Manifest, arrival: Arrival) {
        let text = manifest.text(key, &self.sources);
        self.monitor.want(&self.stack, key, manifest, &text);
        let stack = &self.stack;
        match arrival {
            // Through S3, so that a bucket with versions keeps the one before.
            Arrival::Lost => {
                stack.world.deliveries().on(Trigger::Event, 1, &[]);
                stack.drop_file(key, text).await;
            }
            Arrival::Once => stack.drop_file(key, text).await,
            Arrival::Twice => {
                stack.drop_file(key, text).await;
                let event = stack.object_created(key);
                stack.world.invoke_later("RegisterImage", event);
            }
        }
        if manifest.exact {
            self.was_exact.insert(key);
        }
        self.manifests.insert(key, manifest.clone());
        let versions = self.versions.entry(key).or_default();
        versions.push(Some(manifest.clone()));
    }

    async fn drop_object(&self, key: &str, what: Object, content: u8) {
        let (object, body) = object(key, what, content);
        self.stack.drop_file(&object, body).await;
    }

    async fn remove(&mut self, key: &'static str, arrival: Arrival) {
        if self.manifests.remove(key).is_none() {
            return;
        }
        if arrival == Arrival::Lost {
            self.stack.world.deliveries().on(Trigger::Event, 1, &[]);
        }
        self.stack.remove(key).await;
        self.monitor.unwant(&self.stack, key);
        self.versions.entry(key).or_default().push(None);
        if arrival == Arrival::Twice {
            self.deleted_again(key);
        }
    }

    /// The event of a deletion comes once more.
    pub(super) fn deleted_again(&self, key: &str) {
        let mut event = self.stack.object_created(key);
        event["detail-type"] = json!("Object Deleted");
        event["detail"]["reason"] = json!("DeleteObject");
        self.stack.world.invoke_later("RegisterImage", event);
    }

    /// Asks as an operator would. What does not make sense is refused, and a call of his may fail, too.
    pub(crate) async fn ask(&self, key: &str, to_cancel: bool) {
        let (aws, config) = (self.stack.aws(), self.stack.config());
        let now = whole_seconds(self.stack.world.clock().now());
        let context = Context::new(&aws, &config, now);
        if to_cancel {
            if cancel(context, key).await.is_ok() {
                self.monitor.asked_to_cancel(key);
            }
        } else {
            let _answer = retry(context, key).await;
        }
    }

    /// Whether somebody has deregistered an AMI past amiwright: whoever does so keeps its snapshots.
    pub(crate) fn is_deregistered_by_hand(&self, region: &'static str, image: String) -> bool {
        let edits = self.edited.get(&(region, image));
        edits.is_some_and(|edits| edits.contains("Deregister"))
    }

    /// The AMIs of a Region that say they were made for a manifest of this stack.
    pub(crate) async fn ours(&self, region: &str) -> Vec<ObservedImage> {
        let ids = self.stack.world.ec2().images(region);
        let ids: Vec<String> = ids.into_iter().map(|image| image.id).collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let aws = self.stack.aws().in_region(region);
        let mut images = aws.find_images("image-id", &ids).await.unwrap();
        let ours = format!("s3://{}/", self.stack.bucket);
        images.retain(|image| {
            let manifest = image.tags.get("amiwright:manifest");
            manifest.is_some_and(|it| it.starts_with(&ours))
        });
        images
    }

    /// The snapshots of a Region, but for those that another stack has made.
    pub(crate) fn snapshots(&self, region: &str) -> Vec<Snapshot> {
        let ours = format!("s3://{}/", self.stack.bucket);
        let mut snapshots = self.stack.world.ec2().snapshots(region);
        snapshots.retain(|snapshot| {
            let manifest = snapshot.tags.get("amiwright:manifest");
            match manifest {
                Some(manifest) => manifest.starts_with(&ours),
                None => self.monitor.may_have_imported(&snapshot.description),
            }
        });
        snapshots
    }

    /// Nothing fails any more, what is late arrives, and time runs until nothing is open.
    async fn end(&self) {
        let stack = &self.stack;
        weather::clear(self).await;
        self.monitor.calm(&self.stack);
        for (key, manifest) in &self.manifests {
            let needed: &[Object] = match manifest.source {
                Source::Disk => &[Object::Disk],
                Source::Vm => &[Object::Machine],
                Source::Bundle => &[Object::BundlePart, Object::BundleManifest],
                _ => &[],
            };
            for what in needed {
                let (object, body) = object(key, *what, 0);
                let found = stack.world.s3().get(&stack.bucket, &object).await.unwrap();
                if found.is_none() {
                    stack.drop_file(&object, body).await;
                }
            }
        }
        // A bundle is waited for as long as a part is missing.
        for key in KEYS {
            let [manifest, part] =
                [Object::BundleManifest, Object::BundlePart].map(|what| object(key, what, 0));
            let s3 = stack.world.s3();
            let is_there = async |key: &str| s3.get(&stack.bucket, key).await.unwrap().is_some();
            if is_there(&manifest.0).await && !is_there(&part.0).await {
                stack.drop_file(&part.0, part.1).await;
            }
        }
        // Two sweeps: what was lost is found.
        stack.world.run_for(Duration::from_secs(35 * 60)).await;
        self.until_nothing_is_open().await;
        self.check_sweeps().await;
        // That EC2 does not list an AMI is believed when a second audit finds it so, too.
        self.audited().await;
        self.audited().await;
    }

    /// An audit would find hours later what two sweeps have missed.
    async fn check_sweeps(&self) {
        let statuses = self.statuses().await;
        for (key, manifest) in &self.manifests {
            let content = manifest.text(key, &self.sources);
            let sha256 = amiwright::manifest::sha256_hex(content.as_bytes());
            let known = statuses.get(*key).map(|it| text(it, "/manifest/sha256"));
            if known != Some(&*sha256) {
                let what = format!("{key}: two sweeps have not found what was uploaded last");
                self.monitor.find(what);
            }
        }
    }

    /// Lets an audit come by, long enough after the last change, and all that it begins.
    pub(crate) async fn audited(&self) {
        let world = &self.stack.world;
        world.run_for(Duration::from_secs(20 * 60)).await;
        world.invoke_later("AdvanceTasks", json!({"task": "audit"}));
        world.run_for(Duration::from_secs(60)).await;
        self.until_nothing_is_open().await;
    }

    /// Lets time run until nothing is open.
    pub(crate) async fn until_nothing_is_open(&self) {
        let stack = &self.stack;
        let pause = Duration::from_secs(600);
        for _ in 0..LONGEST.as_secs() / pause.as_secs() {
            if stack.open().await.is_empty() {
                return;
            }
            stack.world.run_for(pause).await;
        }
        let statuses = self.statuses().await;
        let open: Vec<_> = stack.open().await;
        let open_statuses = statuses
            .iter()
            .filter(|(key, _)| open.contains(&keys::open_key(key)));
        panic!(
            "still open: {open:?}\n{:#?}",
            open_statuses.collect::<Vec<_>>()
        );
    }

    /// The statuses that there are, by manifest.
    pub(crate) async fn statuses(&self) -> BTreeMap<String, Value> {
        let mut statuses = BTreeMap::new();
        for found in self.stack.state_keys(keys::STATUSES).await {
            let key = keys::manifest_of_status(&found).unwrap();
            statuses.insert(key.to_owned(), self.stack.status(key).await);
        }
        statuses
    }
}

/// A file that images are made of: its key and content.
pub(super) fn object(key: &str, what: Object, content: u8) -> (String, Vec<u8>) {
    let short = short(key);
    match what {
        Object::Disk => {
            let mut disk = vmdk();
            disk.push(content);
            (beside(key, &format!("{short}.vmdk")), disk)
        }
        Object::Machine => {
            let mut machine = vec![0; 4096];
            machine[257..262].copy_from_slice(b"ustar");
            machine.push(content);
            (beside(key, &format!("{short}.ova")), machine)
        }
        Object::BundleManifest => (beside(key, BUNDLE), bundle(content).0),
        Object::BundlePart => (beside(key, "image.part.0"), bundle(content).1),
    }
}

/// One of two bundles of the same name: its manifest and its part.
fn bundle(content: u8) -> (Vec<u8>, Vec<u8>) {
    match content {
        0 => (BUNDLE_MANIFEST.to_vec(), BUNDLE_PART.to_vec()),
        _ => other_bundle(),
    }
}
