//! Functions, invoked as Lambda invokes them: in process, or as real processes that speak the Runtime API.
//!
//! Asynchronous invocations wait in the function's queue, are tried again after failures, and end up in the on-failure
//! destination ("How Lambda handles errors and retries with asynchronous invocation", Lambda Developer Guide).

mod caller;
mod in_process;
mod instance;
mod log;
mod process;
#[cfg(test)]
mod process_tests;
mod queue;
mod record;
mod runtime_api;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub(crate) use caller::{Caller, Callers};
pub use record::{DeadLetter, InvocationRecord};

use crate::clock::Clock;
use crate::ids::Ids;
use crate::template::stack::Function;
use crate::world::activity::Activity;

/// How many invocations of a function run at once unless its concurrency is reserved. An account has 1,000 for all of
/// its functions ("Lambda quotas"); ten real processes of each are enough for one desk.
pub const DEFAULT_CONCURRENCY: u32 = 10;

/// How many attempts are remembered: more than any test makes, and a week of ticks in a world that keeps running.
const KEPT: usize = 10_000;

/// A function's code, in process. It is dropped when its time is up.
pub type Handler =
    Arc<dyn Fn(Invocation) -> BoxFuture<'static, Result<Value, FunctionError>> + Send + Sync>;

/// What starts a process of a function: the program and its arguments.
pub type CommandOf = Arc<dyn Fn(&Function) -> std::process::Command + Send + Sync>;

/// How functions run.
#[derive(Clone, Default)]
pub enum FunctionRunner {
    /// They do not: events and schedules invoke nothing. For tests of the services alone.
    #[default]
    Nothing,
    /// By one handler, in this process. It tells functions apart by [`Invocation::function`].
    InProcess(Handler),
    /// As processes with the Lambda Runtime API. They start with a clean environment (`PATH`, Lambda's variables, the
    /// function's own and what the command sets), and need a [`crate::server::Server`] for their AWS calls.
    Process(CommandOf),
}

impl fmt::Debug for FunctionRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::InProcess(_) => "InProcess",
            Self::Process(_) => "Process",
        })
    }
}

/// One attempt to run a function, as its code sees it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function: name, ARN, environment, binary, …
    pub function: Arc<Function>,
    /// The same for all attempts of one event, as in Lambda.
    pub request_id: String,
    /// 1 for the first attempt of an event.
    pub attempt: u32,
    /// The event.
    pub payload: Value,
    /// When its time is up, in the world's time.
    pub deadline: Timestamp,
    /// The way into this world for an SDK client.
    pub http_client: SharedHttpClient,
    /// The world's time.
    pub clock: Clock,
}

/// How a function failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct FunctionError {
    /// Lambda's `errorType`.
    pub kind: String,
    /// Lambda's `errorMessage`.
    pub message: String,
}

impl FunctionError {
    /// An error of this type and message.
    #[must_use]
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
        }
    }

    /// The payload that Lambda answers for a failed invocation.
    #[must_use]
    pub fn payload(&self) -> Value {
        serde_json::json!({"errorMessage": self.message, "errorType": self.kind})
    }

    /// "Task timed out" as Lambda words it.
    fn timed_out(request_id: &str, limit: std::time::Duration) -> Self {
        let message = format!(
            "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
            limit.as_secs_f64()
        );
        Self::new("Sandbox.Timedout", message)
    }

    /// A process that ended, as Lambda words it.
    fn exited(request_id: &str, reason: Option<&str>) -> Self {
        let how = reason.map_or_else(
            || "Runtime exited without providing a reason".to_owned(),
            |reason| format!("Runtime exited with error: {reason}"),
        );
        Self::new(
            "Runtime.ExitError",
            format!("RequestId: {request_id} Error: {how}"),
        )
    }
}

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
}

/// The Lambda service of one world. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    functions: BTreeMap<String, Deployed>,
    runner: Runner,
    http_client: SharedHttpClient,
    clock: Clock,
    ids: Ids,
    activity: Activity,
    tasks: Mutex<Option<JoinSet<()>>>,
    invocations: Mutex<VecDeque<InvocationRecord>>,
    dead_letters: Mutex<Vec<DeadLetter>>,
}

enum Runner {
    Nothing,
    InProcess(Handler),
    Process(process::Processes),
}

/// A function, and room for its invocations.
#[derive(Clone)]
struct Deployed {
    function: Arc<Function>,
    room: Arc<Semaphore>,
}

impl Lambda {
    /// The service with these functions.
    pub(crate) fn new(parts: Parts) -> Self {
        let deployed = |function: Function| {
            let concurrency = function.reserved_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
            let room = Arc::new(Semaphore::new(
                usize::try_from(concurrency).unwrap_or(Semaphore::MAX_PERMITS),
            ));
            (
                function.logical_id.clone(),
                Deployed {
                    function: Arc::new(function),
                    room,
                },
            )
        };
        let runner = match parts.runner {
            FunctionRunner::Nothing => Runner::Nothing,
            FunctionRunner::InProcess(handler) => Runner::InProcess(handler),
            FunctionRunner::Process(command) => {
                Runner::Process(process::Processes::new(instance::Setting {
                    command,
                    endpoint: parts.endpoint,
                    logs: parts.logs,
                    callers: parts.callers,
                    ids: parts.ids.clone(),
                    region: parts.region,
                }))
            }
        };
        let inner = Inner {
            functions: parts.functions.into_iter().map(deployed).collect(),
            runner,
            http_client: parts.http_client,
            clock: parts.clock,
            ids: parts.ids,
            activity: parts.activity,
            tasks: Mutex::new(Some(JoinSet::new())),
            invocations: Mutex::default(),
            dead_letters: Mutex::default(),
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
        let Ok(_room) = deployed.room.acquire().await else {
            return Err(FunctionError::new(
                "ServiceException",
                "the world is closed",
            ));
        };
        let request_id = self.inner.ids.uuid();
        self.inner
            .attempt(&deployed.function, &request_id, payload, 1)
            .await
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

impl Inner {
    /// Runs a function once, and records what came of it.
    async fn attempt(
        &self,
        function: &Arc<Function>,
        request_id: &str,
        payload: Value,
        attempt: u32,
    ) -> Result<Value, FunctionError> {
        let at = self.clock.now();
        let invocation = Invocation {
            function: Arc::clone(function),
            request_id: request_id.to_owned(),
            attempt,
            payload: payload.clone(),
            deadline: at.checked_add(function.timeout).unwrap_or(Timestamp::MAX),
            http_client: self.http_client.clone(),
            clock: self.clock,
        };
        let outcome = match &self.runner {
            Runner::Nothing => Err(FunctionError::new(
                "Runtime.NotBuilt",
                "this world was started without functions",
            )),
            Runner::InProcess(handler) => in_process::run(handler, invocation).await,
            Runner::Process(processes) => processes.run(&invocation).await,
        };
        if let Err(error) = &outcome {
            tracing::warn!(function = function.logical_id, request_id, attempt, %error, "an invocation failed");
        }
        let record = InvocationRecord {
            function: function.logical_id.clone(),
            request_id: request_id.to_owned(),
            attempt,
            payload,
            outcome: outcome.clone(),
            at,
            ended: self.clock.now(),
        };
        let mut invocations = lock(&self.invocations);
        if invocations.len() == KEPT {
            invocations.pop_front();
        }
        invocations.push_back(record);
        drop(invocations);
        outcome
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
