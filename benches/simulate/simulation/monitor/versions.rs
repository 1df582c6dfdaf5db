//! Which version of a manifest a function acts for, and whether the manifest is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use amiwright::manifest::sha256_hex;
use jiff::Timestamp;
use localaws::faults::Call;
use serde_json::Value;

use super::given::RUNNING_MAX;
use super::{State, text};
use crate::simulation::script::Manifest;

/// What is known of the versions of manifests.
#[derive(Default)]
pub(super) struct Versions {
    /// What texts say, by the manifest's address and the text's SHA-256.
    said: BTreeMap<(String, String), Manifest>,
    /// Whether a manifest is in the bucket, and since when.
    presence: BTreeMap<String, (bool, Timestamp)>,
    /// The statuses that a function may still act by, oldest first, and when each was written.
    written: BTreeMap<String, Vec<(Timestamp, Arc<Value>)>>,
    /// The version that an AMI was made for, by the manifest's address and the digest.
    made: BTreeMap<(String, String), Manifest>,
}

impl Versions {
    /// Somebody uploads this.
    pub(super) fn said(&mut self, uri: &str, text: &str, manifest: &Manifest) {
        let place = (uri.to_owned(), sha256_hex(text.as_bytes()));
        self.said.insert(place, manifest.clone());
    }

    /// A manifest is in the bucket from now on, or was before.
    pub(super) fn put(&mut self, key: &str, at: Timestamp) {
        let known = self.presence.entry(key.to_owned()).or_insert((true, at));
        if !known.0 {
            *known = (true, at);
        }
    }

    /// A manifest is gone.
    pub(super) fn removed(&mut self, key: &str, at: Timestamp) {
        self.presence.insert(key.to_owned(), (false, at));
    }

    /// For how many seconds a manifest has been in the bucket, or not.
    pub(super) fn presence(&self, key: &str, at: Timestamp) -> Option<(bool, i64)> {
        let (is_there, since) = self.presence.get(key)?;
        Some((*is_there, at.as_second() - since.as_second()))
    }

    /// A function has written this.
    pub(super) fn written(&mut self, key: &str, at: Timestamp, status: &Value) {
        let known = self.written.entry(key.to_owned()).or_default();
        known.push((at, Arc::new(status.clone())));
        // The last one that is as old was in force until the next was written.
        let is_old = |it: &(Timestamp, Arc<Value>)| at.as_second() - it.0.as_second() > RUNNING_MAX;
        let old = known.iter().take_while(|it| is_old(it)).count();
        known.drain(..old.saturating_sub(1));
        let (bucket, digest) = (
            text(status, "/manifest/bucket"),
            text(status, "/build/digest"),
        );
        let uri = format!("s3://{bucket}/{key}");
        let place = (uri.clone(), text(status, "/manifest/sha256").to_owned());
        if let Some(version) = self.said.get(&place) {
            let made = self.made.entry((uri, digest.to_owned()));
            made.or_insert_with(|| version.clone());
        }
    }

    /// What was said by the version that an AMI with these tags was made for.
    pub(super) fn made(&self, manifest: &str, digest: &str) -> Option<&Manifest> {
        let place = (manifest.to_owned(), digest.to_owned());
        self.made.get(&place)
    }

    /// The statuses by which a function may act that calls at a time: the one that is there, and those that were there since
    /// the function may have begun.
    pub(super) fn lately(&self, key: &str, at: Timestamp) -> Vec<Arc<Value>> {
        let known = self.written.get(key).map_or(&[][..], Vec::as_slice);
        let is_old =
            |it: &&(Timestamp, Arc<Value>)| at.as_second() - it.0.as_second() > RUNNING_MAX;
        let old = known.iter().take_while(is_old).count();
        let known = known.iter().skip(old.saturating_sub(1));
        known.map(|(_, status)| Arc::clone(status)).collect()
    }
}

impl State {
    /// What the version says that a status is about. All that its manifest ever said, if nobody knows its text.
    pub(super) fn versions_about(&self, manifest: &str, status: &Value) -> Vec<Manifest> {
        let sha256 = text(status, "/manifest/sha256");
        let place = (manifest.to_owned(), sha256.to_owned());
        match self.versions.said.get(&place) {
            Some(version) => vec![version.clone()],
            None => self.wanted.get(manifest).cloned().unwrap_or_default(),
        }
    }

    /// The versions of a manifest that a function may act for which makes a call: those of the status that is there, and of those
    /// that were since it may have begun. All, before there is a status.
    pub(super) fn versions_now(&self, call: &Call, manifest: &str) -> Vec<Manifest> {
        let prefix = format!("s3://{}/", self.eyes().bucket);
        let key = manifest.strip_prefix(&prefix).unwrap_or_default();
        let lately = self.versions.lately(key, call.at);
        let mut versions = Vec::new();
        for status in &lately {
            for version in self.versions_about(manifest, status) {
                if !versions.contains(&version) {
                    versions.push(version);
                }
            }
        }
        match lately.is_empty() {
            true => self.wanted.get(manifest).cloned().unwrap_or_default(),
            false => versions,
        }
    }
}
