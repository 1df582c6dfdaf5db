//! Functions, invoked as Lambda invokes them: in process, or as real processes that speak the Runtime API.
//!
//! Asynchronous invocations wait in the function's queue, are tried again after failures, and end up in the on-failure
//! destination ("How Lambda handles errors and retries with asynchronous invocation", Lambda Developer Guide).

mod attempts;
mod caller;
mod in_process;
mod instance;
mod invocation;
mod log;
#[cfg(test)]
mod print_tests;
mod process;
#[cfg(test)]
mod process_tests;
mod queue;
mod record;
mod runtime_api;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use self::attempts::{Deployed, Functions, Runner};
pub(crate) use self::caller::{Caller, Callers};
use self::instance::Setting;
pub use self::invocation::{CommandOf, FunctionError, FunctionRunner, Handler, Invocation};
use self::process::Processes;
pub use self::record::{DeadLetter, InvocationRecord};
use crate::activity::Activity;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::lock::lock;
use crate::template::stack::Function;
use crate::watcher::Watcher;

/// How many invocations of a function run at once unless its concurrency is reserved. An account has 1,000 for all of
/// its functions ("Lambda quotas"); ten real processes of each are enough for one machine.
pub const DEFAULT_CONCURRENCY: u32 = 10;

/// What [`Lambda`] is made of.
pub(crate) struct Parts {
    pub(crate) functions: Vec<Function>,
    pub(crate) runner: FunctionRunner,
    pub(crate) http_client: SharedHttpClient,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) region: String,
    pub(crate) activity: Activity,
    pub(crate) callers: Callers,
    pub(crate) endpoint: watch::Receiver<Option<String>>,
    pub(crate) logs: PathBuf,
    pub(crate) watcher: Option<Watcher<InvocationRecord>>,
}

/// The Lambda service of one world. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lambda {
    inner: Arc<Functions>,
}

impl Lambda {
    /// The service with these functions.
    pub(crate) fn new(parts: Parts) -> Self {
        let deployed = |function: Function| {
            let concurrency = function.reserved_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
            let room = Arc::new(Semaphore::new(
                usize::try_from(concurrency).unwrap_or(Semaphore::MAX_PERMITS),
            ));
            (function.logical_id.clone(), Deployed::new(function, room))
        };
        let runner = match parts.runner {
            FunctionRunner::Nothing => Runner::Nothing,
            FunctionRunner::InProcess(handler) => Runner::InProcess(handler),
            FunctionRunner::Process(command) => Runner::Process(Processes::new(Setting {
                command,
                endpoint: parts.endpoint,
                logs: parts.logs.clone(),
                callers: parts.callers.clone(),
                ids: parts.ids.clone(),
                region: parts.region,
            })),
        };
        let inner = Functions {
            functions: parts.functions.into_iter().map(deployed).collect(),
            runner,
            http_client: parts.http_client,
            callers: parts.callers,
            clock: parts.clock,
            logs: parts.logs,
            ids: parts.ids,
            activity: parts.activity,
            tasks: Mutex::new(Some(JoinSet::new())),
            invocations: Mutex::default(),
            dead_letters: Mutex::default(),
            watcher: parts.watcher,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Puts an event into a function's queue: Lambda's `Event` invocation type.
    pub(crate) fn enqueue(&self, logical_id: &str, payload: Value) {
        if matches!(self.inner.runner, Runner::Nothing) {
            return;
        }
        let Some(deployed) = self.inner.functions.get(logical_id).cloned() else {
            tracing::error!(
                function = logical_id,
                "an event for a function that is not in the stack was dropped"
            );
            return;
        };
        let busy = self.inner.activity.begin();
        let inner = Arc::clone(&self.inner);
        let mut tasks = lock(&self.inner.tasks);
        // Without a set of tasks the world is being taken down.
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(queue::deliver(inner, deployed, payload, busy));
        }
    }

    /// Puts an event into a function's queue once for each of these delays, so late. What is on its way is nothing in flight.
    pub(crate) fn deliver(&self, logical_id: &str, payload: &Value, delays: &[Duration]) {
        for delay in delays {
            if delay.is_zero() {
                self.enqueue(logical_id, payload.clone());
                continue;
            }
            let (lambda, clock, delay) = (self.clone(), self.inner.clock, *delay);
            let (logical_id, payload) = (logical_id.to_owned(), payload.clone());
            if let Some(tasks) = lock(&self.inner.tasks).as_mut() {
                tasks.spawn(async move {
                    clock.sleep(delay).await;
                    lambda.enqueue(&logical_id, payload);
                });
            }
        }
    }

    /// Runs a function once and waits for it: Lambda's `RequestResponse` invocation type.
    pub(crate) async fn invoke(
        &self,
        logical_id: &str,
        payload: Value,
    ) -> Result<Value, FunctionError> {
        let Some(deployed) = self.inner.functions.get(logical_id).cloned() else {
            return Err(FunctionError::new(
                "ResourceNotFoundException",
                format!("Function not found: {logical_id}"),
            ));
        };
        let _busy = self.inner.activity.begin();
        let room = match deployed.current().function.reserved_concurrency {
            None => deployed.room.acquire().await.ok(),
            Some(_) => match deployed.room.try_acquire() {
                Ok(room) => Some(room),
                Err(_) => {
                    return Err(FunctionError::new(
                        "TooManyRequestsException",
                        "Rate Exceeded.",
                    ));
                }
            },
        };
        let Some(_room) = room else {
            return Err(FunctionError::new(
                "ServiceException",
                "the world is closed",
            ));
        };
        let request_id = self.inner.ids.uuid();
        self.inner.attempt(&deployed, &request_id, payload, 1).await
    }

    /// What begins from now on are these, each in the place of the one with its logical id.
    pub(crate) fn update(&self, functions: Vec<Function>) {
        for function in functions {
            if let Some(deployed) = self.inner.functions.get(&function.logical_id) {
                deployed.update(function);
            }
        }
    }

    /// The variables that a function begins with now.
    pub(crate) fn environment(&self, logical_id: &str) -> Option<BTreeMap<String, String>> {
        let deployed = self.inner.functions.get(logical_id)?;
        Some(deployed.current().function.environment.clone())
    }

    /// The attempts so far, in the order they ended; of very many the last 10,000.
    pub(crate) fn invocations(&self) -> Vec<InvocationRecord> {
        lock(&self.inner.invocations).iter().cloned().collect()
    }

    /// All records that on-failure destinations got.
    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        lock(&self.inner.dead_letters).clone()
    }

    /// Ends everything that runs or waits, and all processes.
    pub(crate) async fn shutdown(&self) {
        let tasks = lock(&self.inner.tasks).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        if let Runner::Process(processes) = &self.inner.runner {
            processes.shutdown().await;
        }
    }

    /// Ends everything that runs or waits, without waiting for it.
    pub(crate) fn abort(&self) {
        drop(lock(&self.inner.tasks).take());
    }
}
