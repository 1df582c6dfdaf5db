//! What a test sees of its world: the state bucket, AMIs, emails, calls.

use std::collections::BTreeMap;

use amiwright::keys;
use localaws::ec2::Image;
use serde_json::Value;

use super::email::Email;
use super::stack::{REGION, TestStack};

impl TestStack {
    /// The keys that are marked as open.
    pub(crate) async fn open(&self) -> Vec<String> {
        self.state_keys(keys::OPEN_MARKERS).await
    }

    /// The keys in the state bucket under a prefix.
    pub(crate) async fn state_keys(&self, prefix: &str) -> Vec<String> {
        let s3 = self.world.s3();
        s3.keys(&self.state_bucket, prefix).await.unwrap()
    }

    /// The subjects of the emails, oldest first.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let emails = self.emails().into_iter();
        emails.map(|email| email.subject).collect()
    }

    /// The status of a manifest.
    pub(crate) async fn status(&self, manifest_key: &str) -> Value {
        let key = keys::status_key(manifest_key);
        let content = self.world.s3().get(&self.state_bucket, &key).await.unwrap();
        let content = content.unwrap_or_else(|| panic!("there is no status for {manifest_key}"));
        serde_json::from_slice(&content).unwrap()
    }

    /// A condition of a manifest's status; null if nothing is said of it.
    pub(crate) async fn condition(&self, manifest_key: &str, kind: &str) -> Value {
        let status = self.status(manifest_key).await;
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        let found = conditions.find(|it| it["type"] == kind);
        found.cloned().unwrap_or_default()
    }

    /// Whether its AMIs are as a manifest says: `true`, `false` or `unknown`.
    pub(crate) async fn in_sync(&self, manifest_key: &str) -> Value {
        self.condition(manifest_key, "InSync").await["status"].clone()
    }

    /// The AMIs in the account.
    pub(crate) fn images(&self) -> Vec<Image> {
        self.world.ec2().images(REGION)
    }

    /// The ids of the snapshots in the account.
    pub(crate) fn snapshots(&self) -> Vec<String> {
        let snapshots = self.world.ec2().snapshots(REGION);
        snapshots.into_iter().map(|snapshot| snapshot.id).collect()
    }

    /// The only AMI in the account.
    pub(crate) fn only_image(&self) -> Image {
        let images = self.images();
        assert_eq!(images.len(), 1, "{images:#?}");
        images.into_iter().next().unwrap()
    }

    /// The emails, oldest first.
    pub(crate) fn emails(&self) -> Vec<Email> {
        let emails = self.world.mailbox().unwrap();
        emails
            .iter()
            .map(|(_, content)| Email::read(content))
            .collect()
    }

    /// The only email.
    pub(crate) fn only_email(&self) -> Email {
        let emails = self.emails();
        assert_eq!(emails.len(), 1, "{emails:#?}");
        emails.into_iter().next().unwrap()
    }

    /// The newest email: subject and text.
    pub(crate) fn last_email(&self) -> String {
        let email = self.emails().pop().unwrap();
        format!("{}\n{}", email.subject, email.text)
    }

    /// What the queue of failed events has.
    pub(crate) fn failed_events(&self) -> String {
        let letters = self.world.dead_letters();
        let texts: Vec<String> = letters.iter().map(|it| it.record.to_string()).collect();
        texts.join("\n")
    }

    /// How many calls a function made, by action.
    pub(crate) fn calls_of(&self, function: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self
            .world
            .calls()
            .iter()
            .filter(|call| call.function.as_deref() == Some(function))
        {
            *counts
                .entry(format!("{}:{}", call.service, call.action))
                .or_default() += 1;
        }
        counts
    }

    /// How many calls of this action were made in all.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.world
            .calls()
            .iter()
            .filter(|call| call.action == action)
            .count()
    }
}
