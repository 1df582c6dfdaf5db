//! How EC2 is set to behave: times, failures to come, eras, permissions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Ec2;
use crate::ec2::model::account::{ImageBlock, SnapshotBlock};
use crate::ec2::model::image::{Image, ImageState, StateReason};
use crate::ec2::model::key::{self, Key};
use crate::ec2::model::settings::Era;
use crate::ec2::model::snapshot::Snapshot;
use crate::ec2::model::timeline::TaskKind;

impl Ec2 {
    /// Makes the next registration that is accepted end as `failed` for this reason. May be called several times.
    pub fn fail_next_registration(&self, reason: StateReason) {
        self.service.store().failures.push_back(reason);
    }

    /// Makes the next task of this kind that is accepted fail, with this message. May be called several times.
    ///
    /// A copied or restored image fails with the message as its state reason; `Client.Code: message` gives it a code of
    /// its own, as it does to a bundle task's error.
    pub fn fail_next_task(&self, kind: TaskKind, message: &str) {
        let mut store = self.service.store();
        let failures = store.task_failures.entry(kind).or_default();
        failures.push_back(message.to_owned());
    }

    /// How long tasks of this kind that begin from now on take, in the world's time.
    pub fn set_task_time(&self, kind: TaskKind, time: Duration) {
        self.service.settings().task_times.insert(kind, time);
    }

    /// Makes the listings forget a task before its time: by its id, or by the id of the image that it stores. What it
    /// does continues.
    pub fn hide_task(&self, id: &str) {
        self.service.store().hide_task(id);
    }

    /// Makes reads not find a snapshot for this long, in the world's time (eventual consistency).
    pub fn hide_snapshot(&self, region: &str, id: &str, time: Duration) {
        let until = self.service.later(time);
        let mut store = self.service.store();
        let hidden = &mut store.region(region).hidden_snapshots;
        hidden.insert(id.to_owned(), until);
    }

    /// Makes the listings leave out an image for this long, in the world's time, as an answer that is older than the image
    /// does; requests that name it find it.
    pub fn hide_image(&self, region: &str, id: &str, time: Duration) {
        let until = self.service.later(time);
        let mut store = self.service.store();
        if let Some(record) = store.region(region).images.get_mut(id) {
            record.unlisted_until = Some(until);
        }
    }

    /// Makes reads show an image with this changed for so long, in the world's time, as they do that are older than the last change
    /// of it.
    pub fn show_image_as(
        &self,
        region: &str,
        id: &str,
        time: Duration,
        change: impl FnOnce(&mut Image),
    ) {
        let until = self.service.later(time);
        let mut store = self.service.store();
        if let Some(record) = store.region(region).images.get_mut(id) {
            let mut shown = record.image.clone();
            change(&mut shown);
            record.stale = Some((shown, until));
        }
    }

    /// Makes the listings show a task, by its id or by the id of the image that it stores, in this state, whether EC2
    /// documents it or not: `canceling`, `error`, anything. `None` shows the true one again. What the task does goes
    /// on.
    pub fn show_task_as(&self, id: &str, state: Option<&str>) {
        self.service.store().show_task_as(id, state);
    }

    /// What EC2 still supports; today's unless set.
    pub fn set_era(&self, era: Era) {
        self.service.settings().era = era;
    }

    /// Makes a long-lived key known, with which clients sign the upload policies of bundle tasks.
    pub fn set_bundle_key(&self, access_key_id: &str, secret: &str) {
        let mut settings = self.service.settings();
        let (id, secret) = (access_key_id.to_owned(), secret.to_owned());
        settings.bundle_keys.insert(id, secret);
    }

    /// The IAM roles that the import service may assume; `vmimport` unless set.
    pub fn set_service_roles(&self, roles: &[&str]) {
        self.service.settings().roles = roles.iter().map(|&role| role.to_owned()).collect();
    }

    /// Whether the import service may assume this role.
    pub(crate) fn has_service_role(&self, name: &str) -> bool {
        self.service
            .settings()
            .roles
            .iter()
            .any(|role| role == name)
    }

    /// The key of this id, alias or ARN in a Region; none if it names none there.
    pub(crate) fn key(&self, region: &str, name: &str) -> Option<Key> {
        let arn = key::arn(region, name)?;
        let settings = self.service.settings();
        let unusable = &settings.unusable_keys;
        Some(Key {
            is_managed: key::is_managed(region, &arn),
            is_usable: !unusable.contains(&arn) && !unusable.contains(name),
            arn,
        })
    }

    /// How long images registered from now on stay `pending`, in the world's time.
    pub fn set_pending_time(&self, pending_time: Duration) {
        self.service.settings().pending_time = pending_time;
    }

    /// How long EC2 does not find images, snapshots and tasks made from now on, and still shows images that are deregistered
    /// (eventual consistency), in the world's time.
    pub fn set_visibility_delay(&self, visibility_delay: Duration) {
        self.service.settings().visibility_delay = visibility_delay;
    }

    /// The most that a page of a listing that has pages holds, whatever `MaxResults` says: it is "the maximum number of items
    /// to return", and a page may have fewer.
    pub fn set_page_limit(&self, limit: usize) {
        self.service.settings().page_limit = Some(limit);
    }

    /// Whether EC2's request limits hold: `RequestLimitExceeded` with HTTP 503.
    pub fn set_request_limits(&self, on: bool) {
        self.service.limits().on = on;
    }

    /// How many requests were answered `RequestLimitExceeded` because the request limits hold.
    #[must_use]
    pub fn refused_by_limits(&self) -> u64 {
        self.service.limits().refused
    }

    /// Whether the account may register images with billing products; most accounts may not.
    pub fn set_billing_products_allowed(&self, allowed: bool) {
        self.service.settings().billing_products = allowed;
    }

    /// Makes these actions answer `UnauthorizedOperation`, as if no policy allowed them.
    pub fn set_denied_actions(&self, actions: &[&str]) {
        self.service.settings().denied = actions.iter().map(|&action| action.to_owned()).collect();
    }
}

/// What the account has set, how many it may have of what, and what others do behind a client's back.
impl Ec2 {
    /// Enables or disables a Region of those that accounts have to enable. In one that is off every call is answered
    /// `AuthFailure`, as those to other services there are in their words.
    pub fn set_opted_in(&self, region: &str, opted_in: bool) {
        let mut store = self.service.store();
        if opted_in {
            store.opted_in.insert(region.to_owned());
        } else {
            store.opted_in.remove(region);
        }
    }

    /// Sets block public access for images in a Region. As in a new account it is on unless set.
    pub fn set_image_block(&self, region: &str, block: ImageBlock) {
        self.service.store().region(region).account.image_block = block;
    }

    /// Sets block public access for snapshots in a Region; off unless set.
    pub fn set_snapshot_block(&self, region: &str, block: SnapshotBlock) {
        self.service.store().region(region).account.snapshot_block = block;
    }

    /// Whether an organization's declarative policy sets what is blocked in a Region: calls cannot change it then.
    pub fn set_blocks_by_policy(&self, region: &str, by_policy: bool) {
        self.service.store().region(region).account.by_policy = by_policy;
    }

    /// Sets whether new volumes and copies in a Region are encrypted whatever a request says, and with which key; none
    /// is the one that AWS manages.
    pub fn set_encryption_by_default(&self, region: &str, on: bool, key: Option<&str>) {
        let mut store = self.service.store();
        let account = &mut store.region(region).account;
        account.encrypts_by_default = on;
        account.default_key = key.map(str::to_owned);
    }

    /// Keys that cannot be used (disabled, pending deletion, or their policy does not let EC2), as requests name them.
    pub fn set_unusable_keys(&self, keys: &[&str]) {
        let keys = keys.iter().map(|&key| key.to_owned());
        self.service.settings().unusable_keys = keys.collect();
    }

    /// Product codes of other accounts: ConfirmProductInstance is refused for them.
    pub fn set_foreign_product_codes(&self, codes: &[&str]) {
        let codes = codes.iter().map(|&code| code.to_owned());
        self.service.settings().foreign_product_codes = codes.collect();
    }

    /// How long reads show images, their tags and permissions as they were before a change, in the world's time.
    pub fn set_stale_reads(&self, stale_reads: Duration) {
        self.service.settings().stale_reads = stale_reads;
    }

    /// The quota of public images in a Region; 5 unless set.
    pub fn set_public_image_quota(&self, images: usize) {
        self.service.settings().public_images = images;
    }

    /// The quota of accounts, organizations and units that an image can be shared with; 1000 unless set.
    pub fn set_share_quota(&self, entities: usize) {
        self.service.settings().shares = entities;
    }

    /// How many copies of images may be under way into a Region; 300 unless set.
    pub fn set_copy_limit(&self, copies: usize) {
        self.service.settings().copies = copies;
    }

    /// Changes an image past all rules, as AWS, another account or a user of the console could have; false if there
    /// is none of this id.
    pub fn edit_image(&self, region: &str, id: &str, change: impl FnOnce(&mut Image)) -> bool {
        let mut store = self.service.store();
        let region = store.region(region);
        let Some(record) = region.images.get_mut(id) else {
            return false;
        };
        change(&mut record.image);
        region.reindex_names();
        true
    }

    /// Changes a snapshot past all rules; false if there is none of this id.
    pub fn edit_snapshot(
        &self,
        region: &str,
        id: &str,
        change: impl FnOnce(&mut Snapshot),
    ) -> bool {
        let mut store = self.service.store();
        let snapshot = store.region(region).snapshots.get_mut(id);
        snapshot.map(change).is_some()
    }

    /// Whether this account sees an available image of this id in a Region.
    #[must_use]
    pub fn has_available_image(&self, region: &str, id: &str) -> bool {
        self.service.advance();
        let now = self.service.clock.now();
        let mut store = self.service.store();
        let record = store.region(region).images.get(id);
        record.is_some_and(|it| it.is_visible(now) && it.image.state == ImageState::Available)
    }

    /// Whether the account can use a Region.
    #[must_use]
    pub fn is_enabled(&self, region: &str) -> bool {
        self.service.store().is_enabled(region)
    }

    /// Where DescribeImageReferences looks for parameters that name images: values by name, of a Region. It must not
    /// ask EC2 anything.
    pub fn set_image_parameters(
        &self,
        source: impl Fn(&str) -> BTreeMap<String, String> + Send + Sync + 'static,
    ) {
        self.service.parameters.set(Arc::new(source));
    }
}
