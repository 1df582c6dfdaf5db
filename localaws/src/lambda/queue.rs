//! The way of one asynchronous event: wait for room, try, wait, try again, give up.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::attempts::{Deployed, Functions};
use super::invocation::FunctionError;
use super::record::{Condition, DeadLetter, failure};
use crate::activity::Busy;
use crate::lock::lock;

/// How long Lambda waits before the retries: "a one-minute wait before the first retry, and two minutes before the
/// second" ("How Lambda handles errors and retries with asynchronous invocation", Lambda Developer Guide).
const RETRY_WAITS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// Brings one event to its end: handled, or given up.
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
        let Some(outcome) = event.attempt(&functions, attempts + 1).await else {
            break Condition::EventAgeExceeded;
        };
        attempts += 1;
        let Err(error) = outcome else {
            return;
        };
        last = Some(error);
        if attempts > event.deployed.function.maximum_retries {
            break Condition::RetriesExhausted;
        }
        let wait = RETRY_WAITS[usize::try_from(attempts - 1)
            .unwrap_or(1)
            .min(RETRY_WAITS.len() - 1)];
        let retry_at = functions
            .clock
            .now()
            .checked_add(wait)
            .unwrap_or(Timestamp::MAX);
        // A retry that waits is nothing in flight.
        drop(busy.take());
        functions
            .clock
            .sleep_until(retry_at.min(event.expires))
            .await;
        busy = Some(functions.activity.begin());
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
        let age = deployed.function.maximum_event_age;
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

    /// One attempt, as soon as there is room; `None` if the event gets too old before.
    async fn attempt(
        &self,
        functions: &Functions,
        attempt: u32,
    ) -> Option<Result<Value, FunctionError>> {
        let _room = tokio::select! {
            biased;
            () = functions.clock.sleep_until(self.expires) => return None,
            room = self.deployed.room.acquire() => room.ok()?,
        };
        Some(
            functions
                .attempt(
                    &self.deployed.function,
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
        let function = &self.deployed.function;
        tracing::error!(
            function = function.logical_id,
            request_id = self.request_id,
            ?condition,
            "an event was given up"
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
