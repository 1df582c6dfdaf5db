//! What makes functions run: events on the bus that meet their rules, and their schedules.

use std::sync::Arc;

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::ACCOUNT;
use crate::bus::Event;
use crate::clock::Clock;
use crate::deliveries::{Deliveries, Trigger};
use crate::events;
use crate::ids::Ids;
use crate::lambda::Lambda;
use crate::management::Management;
use crate::schedule::Expression;
use crate::template::stack::{Function, Schedule, Stack};
use crate::watcher::Watcher;

/// Asked for an answer once the bus is empty.
pub(crate) type Barrier = oneshot::Sender<()>;

/// Takes events off the bus and invokes the functions whose rules they meet, until the bus is gone. Rules are in the
/// stack's Region and see that Region's events only.
pub(crate) async fn pump(
    mut events: mpsc::UnboundedReceiver<Event>,
    mut barriers: mpsc::UnboundedReceiver<Barrier>,
    stack: Arc<Stack>,
    region: String,
    (lambda, deliveries): (Lambda, Deliveries),
    management: Management,
    watcher: Option<Watcher<Event>>,
) {
    let offer = |event: &Event| {
        if let Some(watcher) = &watcher {
            watcher.show(event);
        }
        let way = (&lambda, &deliveries);
        offer(event, &region, &stack.functions, way, &management);
    };
    loop {
        let barrier = tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(event) => {
                    offer(&event);
                    continue;
                }
                None => return,
            },
            Some(barrier) = barriers.recv() => barrier,
        };
        // tokio may have passed over a full bus for fairness; check again.
        while let Ok(event) = events.try_recv() {
            offer(&event);
        }
        // Whoever asked may have stopped waiting.
        let _ = barrier.send(());
    }
}

fn offer(
    event: &Event,
    region: &str,
    functions: &[Function],
    (lambda, deliveries): (&Lambda, &Deliveries),
    management: &Management,
) {
    if event.region != region {
        return;
    }
    let event = match serde_json::to_value(event) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(%error, "an event that is not JSON was dropped");
            return;
        }
    };
    for function in functions {
        let rules = function.rules.iter();
        for rule in
            rules.filter(|rule| management.is_rule_enabled(&function.logical_id, &rule.logical_id))
        {
            match events::matches(&rule.pattern, &event) {
                Ok(true) => {
                    let payload = rule.input.clone().unwrap_or_else(|| event.clone());
                    let delays = deliveries.next(Trigger::Event);
                    lambda.deliver(&function.logical_id, &payload, &delays);
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(rule = rule.logical_id, %error, "a rule's pattern is wrong; it matches nothing");
                }
            }
        }
    }
}

/// A rule of a function that runs on a schedule.
pub(crate) struct Scheduled {
    pub(crate) schedule: Schedule,
    /// Logical id of the function.
    pub(crate) function: String,
    pub(crate) region: String,
    pub(crate) ids: Ids,
    pub(crate) management: Management,
    pub(crate) deliveries: Deliveries,
}

impl Scheduled {
    /// What the function gets: the rule's input, or the event of the rule itself ("Creating a rule that runs on a
    /// schedule", EventBridge User Guide).
    fn payload(&self, at: Timestamp) -> Value {
        self.schedule.input.clone().unwrap_or_else(|| {
            json!({
                "version": "0",
                "id": self.ids.uuid(),
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": ACCOUNT,
                "time": at.round(Unit::Second).unwrap_or(at).to_string(),
                "region": self.region,
                "resources": [self.schedule.arn],
                "detail": {},
            })
        })
    }
}

/// One rule with a schedule: invokes its function each time, until its expression names no further time.
///
/// EventBridge's own retries are for targets that cannot be reached; the queue of a function here always can.
pub(crate) async fn run(
    expression: Expression,
    scheduled: Scheduled,
    clock: Clock,
    lambda: Lambda,
) {
    let start = clock.now();
    let mut last = start;
    while let Some(next) = expression.next_after(last, start) {
        clock.sleep_until(next).await;
        let event = &scheduled.schedule.logical_id;
        if scheduled
            .management
            .is_rule_enabled(&scheduled.function, event)
        {
            let delays = scheduled.deliveries.next(Trigger::Tick);
            lambda.deliver(&scheduled.function, &scheduled.payload(next), &delays);
        }
        // A machine that slept does not make up for all that it missed.
        last = clock.now();
    }
}
