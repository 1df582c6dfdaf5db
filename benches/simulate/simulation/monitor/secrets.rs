//! What nobody may read: the key that signs upload policies, and what it has signed.

use std::collections::BTreeSet;

use localaws::faults::Call;

use crate::support::SECRET;

/// The secrets of a world.
#[derive(Default)]
pub(super) struct Secrets {
    known: BTreeSet<String>,
}

impl Secrets {
    /// Remembers what a call carries.
    pub(super) fn learn(&mut self, call: &Call, sent: &[(String, String)]) {
        self.known.insert(SECRET.to_owned());
        if call.action != "BundleInstance" {
            return;
        }
        let carried = sent
            .iter()
            .filter(|(name, _)| name.contains("UploadPolicy"));
        self.known.extend(carried.map(|(_, value)| value.clone()));
    }

    /// The secrets that a text holds.
    pub(super) fn leaks(&self, what: &str, text: &str) -> Vec<String> {
        let held = self.known.iter().filter(|it| text.contains(it.as_str()));
        held.map(|secret| format!("{what} holds the secret {secret}"))
            .collect()
    }
}
