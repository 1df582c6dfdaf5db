//! Plays a history on a stack.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiwright::cli::{cancel::cancel, retry::retry};
use amiwright::image::observed::ObservedImage;
use amiwright::reconcile::Context;
use jiff::Timestamp;
use localaws::ec2::{ImageState, Permission, StateReason, TaskKind};
use localaws::faults::Fault;
use serde_json::{Value, json};

use super::history::{Arrival, COPY_REGIONS, Event, History, KEYS, Manifest, STRANGER, disk_key};
use crate::support::{REGION, TestStack, whole_seconds};

/// What a history left.
pub(super) struct Played {
    pub(super) stack: TestStack,
    /// When its schedules began.
    began: Timestamp,
    /// The manifests that are in the bucket.
    pub(super) manifests: BTreeMap<&'static str, Manifest>,
    /// The AMIs that somebody shared with an account of his own, by Region.
    pub(super) shared_by_hand: BTreeSet<(&'static str, String)>,
    /// The manifests of which a version said that nobody else may have its AMI.
    pub(super) was_exact: BTreeSet<&'static str>,
    /// What was there before any manifest.
    pub(super) snapshots_before: BTreeSet<String>,
}

/// How often the template has finished AMIs audited.
const AUDITS: Duration = Duration::from_secs(6 * 3600);

/// All Regions that there may be AMIs in.
pub(super) fn regions() -> impl Iterator<Item = &'static str> {
    std::iter::once(REGION).chain(COPY_REGIONS)
}

/// Plays a history until everything that was wanted is done or has failed.
pub(super) async fn play(history: &History) -> Played {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowRetire", "true")
            .parameter("ParameterPrefix", "/images")
            .parameter("CopyRegions", &COPY_REGIONS.join(","))
    })
    .await;
    let mut played = Played {
        snapshots_before: stack.snapshots().into_iter().collect(),
        began: stack.world.clock().now(),
        stack,
        manifests: BTreeMap::new(),
        shared_by_hand: BTreeSet::new(),
        was_exact: BTreeSet::new(),
    };
    for each in &history.moves {
        let pause = Duration::from_secs(each.pause);
        played.stack.world.run_for(pause).await;
        played.happen(&each.event).await;
    }
    played.end().await;
    played
}

impl Played {
    async fn happen(&mut self, event: &Event) {
        let stack = &self.stack;
        let (ec2, faults) = (stack.world.ec2(), stack.world.faults());
        match event {
            Event::Drop {
                key,
                manifest,
                arrival,
            } => self.drop(key, manifest, *arrival).await,
            Event::DropDisk { key, content } => {
                stack.drop_file(&disk_key(key), disk(*content)).await;
            }
            Event::Remove { key } => {
                if self.manifests.remove(key).is_some() {
                    stack.remove(key).await;
                }
            }
            Event::Cancel { key } => self.ask(key, true).await,
            Event::Retry { key } => self.ask(key, false).await,
            Event::Fail { later, fault } => faults.at(faults.count() + later, fault.clone()),
            Event::ThrottleAll { service, action } => {
                faults.always(service, action, Fault::Throttle);
            }
            Event::ThrottleNone => faults.clear(),
            Event::FailNext { registration: true } => ec2.fail_next_registration(StateReason {
                code: "Client.InternalError".to_owned(),
                message: "it broke".to_owned(),
            }),
            Event::FailNext {
                registration: false,
            } => {
                ec2.fail_next_task(TaskKind::CopyImage, "Client.InternalError: it broke");
            }
            Event::StaleReads { seconds } => ec2.set_stale_reads(Duration::from_secs(*seconds)),
            Event::LateVisibility { seconds } => {
                ec2.set_visibility_delay(Duration::from_secs(*seconds));
            }
            Event::Audit => stack
                .world
                .invoke_later("AdvanceTasks", json!({"task": "audit"})),
            Event::GrantToStranger => self.grant_to_stranger(),
        }
    }

    async fn drop(&mut self, key: &'static str, manifest: &Manifest, arrival: Arrival) {
        let stack = &self.stack;
        let text = manifest.text(key, &stack.snapshot);
        match arrival {
            Arrival::Lost => stack.drop_silently(key, text),
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
    }

    /// Asks as an operator would. What does not make sense is refused, and a call of his may fail, too.
    async fn ask(&self, key: &str, to_cancel: bool) {
        let (aws, config) = (self.stack.aws(), self.stack.config());
        let now = whole_seconds(self.stack.world.clock().now());
        let context = Context::new(&aws, &config, now);
        let _answer = if to_cancel {
            cancel(context, key).await
        } else {
            retry(context, key).await
        };
    }

    /// By no call of ours, so that what is to go wrong still does.
    fn grant_to_stranger(&mut self) {
        let ec2 = self.stack.world.ec2();
        for region in regions() {
            for image in ec2.images(region) {
                let is_ours = image.tags.contains_key("amiwright:manifest");
                if image.state != ImageState::Available || !is_ours {
                    continue;
                }
                ec2.edit_image(region, &image.id, |image| {
                    let stranger = Permission::Account(STRANGER.to_owned());
                    image.launch_permissions.insert(stranger);
                });
                self.shared_by_hand.insert((region, image.id));
            }
        }
    }

    /// The AMIs of a Region that say they were made for a manifest.
    pub(super) async fn ours(&self, region: &str) -> Vec<ObservedImage> {
        let ids = self.stack.world.ec2().images(region);
        let ids: Vec<String> = ids.into_iter().map(|image| image.id).collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let aws = self.stack.aws().in_region(region);
        let mut images = aws.find_images("image-id", &ids).await.unwrap();
        images.retain(|image| image.tags.contains_key("amiwright:manifest"));
        images
    }

    /// Nothing fails any more, late disks arrive, and time runs until nothing is open.
    async fn end(&self) {
        let stack = &self.stack;
        stack.world.faults().clear();
        stack.world.ec2().set_stale_reads(Duration::ZERO);
        stack.world.ec2().set_visibility_delay(Duration::ZERO);
        for (key, manifest) in &self.manifests {
            let disk_key = disk_key(key);
            let found = stack
                .world
                .s3()
                .get(&stack.bucket, &disk_key)
                .await
                .unwrap();
            if manifest.from_disk && found.is_none() {
                stack.drop_file(&disk_key, disk(0)).await;
            }
        }
        // Two sweeps: what was lost is found.
        stack.world.run_for(Duration::from_secs(35 * 60)).await;
        self.until_nothing_is_open().await;
        self.audited().await;
    }

    /// Lets the next audit of the schedule come by, long enough after the last change, and all that it begins.
    pub(super) async fn audited(&self) {
        let world = &self.stack.world;
        world.run_for(Duration::from_secs(20 * 60)).await;
        let now = world.clock().now();
        let since = now.duration_since(self.began).unsigned_abs();
        let rest = AUDITS.as_secs() - since.as_secs() % AUDITS.as_secs();
        world.run_for(Duration::from_secs(rest + 60)).await;
        self.until_nothing_is_open().await;
    }

    async fn until_nothing_is_open(&self) {
        let stack = &self.stack;
        for _ in 0..72 {
            if stack.open().await.is_empty() {
                return;
            }
            stack.world.run_for(Duration::from_secs(600)).await;
        }
        let statuses = self.statuses().await;
        panic!("still open: {:?}\n{statuses:#?}", stack.open().await);
    }

    /// The statuses that there are.
    pub(super) async fn statuses(&self) -> BTreeMap<&'static str, Value> {
        let mut statuses = BTreeMap::new();
        for key in KEYS {
            let status_key = amiwright::keys::status_key(key);
            let there = self.stack.state_keys(&status_key).await;
            if !there.is_empty() {
                statuses.insert(key, self.stack.status(key).await);
            }
        }
        statuses
    }
}

/// A disk file with this content.
fn disk(content: u8) -> Vec<u8> {
    let mut disk = crate::support::vmdk();
    disk.push(content);
    disk
}
