//! Somebody deletes the newest version of a manifest, or its delete marker, in a bucket that keeps versions: the one before it is
//! there again, under its old date.

use localaws::deliveries::Trigger;

use super::play::Played;
use super::script::Arrival;

impl Played {
    pub(super) async fn set_back(&mut self, key: &'static str, arrival: Arrival) {
        let versions = self.versions.entry(key).or_default();
        if !self.script.stack.versions || versions.pop().is_none() {
            return;
        }
        let before = versions.last().cloned().flatten();
        let text = before.as_ref().map(|it| it.text(key, &self.sources));
        let content = text.as_ref().map(String::as_bytes);
        if arrival == Arrival::Lost {
            self.stack.world.deliveries().on(Trigger::Event, 1, &[]);
        }
        self.stack.set_back(key, content).await;
        if arrival == Arrival::Twice {
            self.deleted_again(key);
        }
        let (Some(before), Some(text)) = (before, text) else {
            self.manifests.remove(key);
            self.monitor.unwant(&self.stack, key);
            return;
        };
        let replaced = self.manifests.insert(key, before.clone());
        // The same once more asks for nothing.
        if replaced.is_none_or(|it| it.text(key, &self.sources) != text) {
            self.monitor.want(&self.stack, key, &before, &text);
        }
    }
}
