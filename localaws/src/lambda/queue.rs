//! One asynchronous event: wait for capacity, invoke, wait, retry, drop.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::SemaphorePermit;

use super::attempts::{Deployed, Functions};
use super::invocation::FunctionError;
use super::record::{Condition, DeadLetter, failure};
use crate::activity::Busy;
use crate::lock::lock;

/// How long Lambda waits before the retries: "a one-minute wait before the first retry, and two minutes before the
/// second" ("How Lambda handles errors and retries with asynchronous invocation", Lambda Developer Guide).
const RETRY_WAITS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// How long a throttled event waits: "the retry interval increases exponentially from 1 second after the first attempt
/// to a maximum of 5 minutes" (same place).
const THROTTLE_WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// Runs one event to its end: handled, or dropped.
pub(super) async fn deliver(
    functions: Arc<Functions>,
    deployed: Deployed,
    payload: Value,
    busy: Busy,
) {
    let event = Event::new(&functions, deployed, payload);
    let mut busy = Some(busy);
    let mut attempts = 0;
    let mut last = None;
    let condition = loop {
        let attempt = event.attempt(&functions, attempts + 1, &mut busy);
        let Some(outcome) = attempt.await else {
            break Condition::EventAgeExceeded;
        };
        attempts += 1;
        let Err(error) = outcome else {
            return;
        };
        last = Some(error);
        if attempts > event.deployed.current().function.maximum_retries {
            break Condition::RetriesExhausted;
        }
        let wait = RETRY_WAITS[usize::try_from(attempts - 1)
            .unwrap_or(1)
            .min(RETRY_WAITS.len() - 1)];
        event.wait(&functions, wait, &mut busy).await;
    };
    event.give_up(&functions, condition, attempts, last.as_ref());
}

struct Event {
    deployed: Deployed,
    payload: Value,
    request_id: String,
    expires: Timestamp,
}

impl Event {
    fn new(functions: &Functions, deployed: Deployed, payload: Value) -> Self {
        let age = deployed.current().function.maximum_event_age;
        let expires = functions
            .clock
            .now()
            .checked_add(age)
            .unwrap_or(Timestamp::MAX);
        Self {
            deployed,
            payload,
            request_id: functions.ids.uuid(),
            expires,
        }
    }

    /// Waits for so long, but not longer than until the event is too old. An event that waits is nothing in flight.
    async fn wait(&self, functions: &Functions, wait: Duration, busy: &mut Option<Busy>) {
        let now = functions.clock.now();
        let until = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        drop(busy.take());
        functions.clock.sleep_until(until.min(self.expires)).await;
        *busy = Some(functions.activity.begin());
    }

    /// Room to run, once there is some; `None` if the event gets too old before. A function that uses up its reserved
    /// concurrency is throttled; otherwise there is only so much room because this machine is small.
    async fn room(
        &self,
        functions: &Functions,
        busy: &mut Option<Busy>,
    ) -> Option<SemaphorePermit<'_>> {
        let room = &self.deployed.room;
        let current = self.deployed.current().function;
        if current.reserved_concurrency.is_none() {
            return tokio::select! {
                biased;
                () = functions.clock.sleep_until(self.expires) => None,
                room = room.acquire() => room.ok(),
            };
        }
        let (mut wait, longest) = THROTTLE_WAITS;
        while functions.clock.now() < self.expires {
            if let Ok(room) = room.try_acquire() {
                return Some(room);
            }
            self.wait(functions, wait, busy).await;
            wait = (wait * 2).min(longest);
        }
        None
    }

    /// One attempt, as soon as there is room; `None` if the event gets too old before.
    async fn attempt(
        &self,
        functions: &Functions,
        attempt: u32,
        busy: &mut Option<Busy>,
    ) -> Option<Result<Value, FunctionError>> {
        let _room = self.room(functions, busy).await?;
        Some(
            functions
                .attempt(
                    &self.deployed,
                    &self.request_id,
                    self.payload.clone(),
                    attempt,
                )
                .await,
        )
    }

    fn give_up(
        &self,
        functions: &Functions,
        condition: Condition,
        attempts: u32,
        last: Option<&FunctionError>,
    ) {
        let function = &self.deployed.current().function;
        tracing::error!(
            function = function.logical_id,
            request_id = self.request_id,
            ?condition,
            "an event was dropped"
        );
        let Some(destination) = function.on_failure.clone() else {
            return;
        };
        let now = functions.clock.now();
        let record = failure(
            function,
            &self.request_id,
            &self.payload,
            (condition, attempts),
            last,
            now,
        );
        lock(&functions.dead_letters).push(DeadLetter {
            destination,
            function: function.logical_id.clone(),
            record,
        });
    }
}
