//! How EC2 is set to behave: times, failures to come, eras, permissions.

use std::time::Duration;

use super::Ec2;
use crate::ec2::model::image::StateReason;
use crate::ec2::model::settings::Era;
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
    /// does goes on.
    pub fn hide_task(&self, id: &str) {
        self.service.store().hide_task(id);
    }

    /// Makes the listings show a task, by its id or by the id of the image that it stores, in this state, whether EC2
    /// documents it or not: `canceling`, `error`, anything. `None` shows the true one again. What the task does goes on.
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

    /// How long images registered from now on stay `pending`, in the world's time.
    pub fn set_pending_time(&self, pending_time: Duration) {
        self.service.settings().pending_time = pending_time;
    }

    /// How long EC2 does not find images and tasks made from now on (eventual consistency), in the world's time.
    pub fn set_visibility_delay(&self, visibility_delay: Duration) {
        self.service.settings().visibility_delay = visibility_delay;
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
