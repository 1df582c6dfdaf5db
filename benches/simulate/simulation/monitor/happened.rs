//! What has happened so far in the script, which is what things that go wrong may have as their cause.

use amiwright::manifest::sha256_hex;

use super::{Monitor, State};
use crate::simulation::manifest::key as manifest_key;
use crate::simulation::script::{Edit, Event, Manifest, Wrong};

/// How long it has to be unclear what becomes of an AMI before nothing more is tried, in seconds.
pub(super) const UNCLEAR: u64 = 6 * 3600;

impl Monitor {
    /// Something happens to the account, in the words of this stack.
    pub(in crate::simulation) fn hear(&self, event: &Event) {
        let mut state = self.lock();
        if let Some(now) = state.now {
            state.forget_refusals(event, now);
        }
        state.happened.push(event.clone());
    }
}

impl State {
    /// Whether something like this has happened.
    pub(super) fn has_happened(&self, is_meant: impl Fn(&Event) -> bool) -> bool {
        self.happened.iter().any(is_meant)
    }

    /// Whether somebody has edited AMIs of a manifest in one of these ways.
    pub(super) fn is_edited(&self, key: &str, edits: &[Edit]) -> bool {
        self.has_happened(|event| match event {
            Event::Edit { key: at, edit, .. } => manifest_key(*at) == key && edits.contains(edit),
            _ => false,
        })
    }

    /// Whether a manifest was removed.
    pub(super) fn is_removed(&self, key: &str) -> bool {
        self.has_happened(
            |event| matches!(event, Event::Remove { key: at, .. } | Event::SetBack { key: at, .. } if manifest_key(*at) == key),
        )
    }

    /// Whether the stack was updated.
    pub(super) fn is_updated(&self) -> bool {
        self.has_happened(|event| matches!(event, Event::Update { .. }))
    }

    /// Whether calls were refused for good for a while.
    pub(super) fn is_denied(&self) -> bool {
        self.has_happened(|event| match event {
            Event::Storm { fault, .. } | Event::Fail { fault, .. } => *fault == Wrong::Denied,
            _ => false,
        })
    }

    /// For how many seconds calls to publish were refused at most.
    pub(super) fn denied_for(&self) -> u64 {
        let storms = self.happened.iter().map(|event| match event {
            Event::Storm {
                what,
                fault: Wrong::Denied,
                seconds,
            } if what.is_of("ec2") || what.is_of("ssm") => *seconds,
            _ => 0,
        });
        storms.sum()
    }

    /// For how many seconds calls have no answer at most, by what has happened.
    pub(super) fn silence(&self) -> u64 {
        self.happened.iter().map(Event::silence).sum()
    }

    /// For how many seconds calls fail at most, by what has happened.
    pub(super) fn unclear(&self) -> u64 {
        let storms = self.happened.iter().map(|event| match event {
            Event::Storm { seconds, .. } => *seconds,
            _ => 0,
        });
        storms.sum()
    }

    /// Whether the account's other stack got a manifest with this key, which names its AMI and its parameters as this one does.
    pub(super) fn has_twin(&self, key: &str) -> bool {
        self.has_happened(
            |event| matches!(event, Event::DropBeside { key: at, .. } if manifest_key(*at) == key),
        )
    }

    /// Whether a version of a manifest that was uploaded so far is so.
    pub(super) fn some_version(&self, key: &str, is_so: impl FnMut(&Manifest) -> bool) -> bool {
        let uri = format!("s3://{}/{key}", self.eyes().bucket);
        self.wanted.get(&uri).into_iter().flatten().any(is_so)
    }

    /// The version of a manifest whose text has this digest.
    pub(super) fn version(&self, key: &str, sha256: &str) -> Option<Manifest> {
        let eyes = self.eyes();
        let uri = format!("s3://{}/{key}", eyes.bucket);
        let mut versions = self.wanted.get(&uri).into_iter().flatten().rev();
        let found =
            versions.find(|it| sha256_hex(it.text(key, &eyes.made_from).as_bytes()) == sha256);
        found.cloned()
    }
}
