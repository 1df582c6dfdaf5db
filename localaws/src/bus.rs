//! The default event bus: services put events on it, rules (see `events`) take them off.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::lock::lock;

/// An event in EventBridge's envelope ("Events and event patterns", EventBridge User Guide).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// Always `"0"`.
    pub version: String,
    /// Unique id.
    pub id: String,
    /// For example `Object Created`.
    pub detail_type: String,
    /// For example `aws.s3`.
    pub source: String,
    /// Account id, 12 digits.
    pub account: String,
    /// When it happened, to the second.
    pub time: Timestamp,
    /// Region it happened in.
    pub region: String,
    /// ARNs it is about.
    pub resources: Vec<String>,
    /// The service's own fields.
    pub detail: Value,
}

/// The services' end of the bus. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    senders: Arc<Mutex<Vec<mpsc::UnboundedSender<Event>>>>,
}

impl Bus {
    /// A bus, and the end that takes events off it.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let bus = Self {
            senders: Arc::default(),
        };
        let events = bus.listen();
        (bus, events)
    }

    /// One more end that takes events off the bus: each gets all that are put on it from now on.
    #[must_use]
    pub fn listen(&self) -> mpsc::UnboundedReceiver<Event> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.senders).push(sender);
        receiver
    }

    /// Puts an event on the bus. While a world is shutting down there is no receiver: then it is dropped.
    pub fn publish(&self, event: Event) {
        let mut senders = lock(&self.senders);
        senders.retain(|sender| !sender.is_closed());
        let Some((last, others)) = senders.split_last() else {
            return tracing::debug!("the world is closed; an event was dropped");
        };
        for sender in others {
            let _ = sender.send(event.clone());
        }
        let _ = last.send(event);
    }
}
