//! The functions of one world, and one attempt to run one of them.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::caller::Callers;
use super::in_process;
use super::invocation::{FunctionError, Handler, Invocation};
use super::process::Processes;
use super::record::{DeadLetter, InvocationRecord};
use crate::activity::Activity;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::lock::lock;
use crate::template::stack::Function;
use crate::watcher::Watcher;

/// How many attempts are remembered: more than any test makes, and a week of ticks in a world that keeps running.
const KEPT: usize = 10_000;

/// The functions, how they run, and what came of it.
pub(super) struct Functions {
    pub(super) functions: BTreeMap<String, Deployed>,
    pub(super) runner: Runner,
    pub(super) http_client: SharedHttpClient,
    pub(super) callers: Callers,
    pub(super) clock: Clock,
    /// Where the functions' logs are.
    pub(super) logs: PathBuf,
    pub(super) ids: Ids,
    pub(super) activity: Activity,
    pub(super) tasks: Mutex<Option<JoinSet<()>>>,
    pub(super) invocations: Mutex<VecDeque<InvocationRecord>>,
    pub(super) dead_letters: Mutex<Vec<DeadLetter>>,
    /// Is shown each attempt that has ended.
    pub(super) watcher: Option<Watcher<InvocationRecord>>,
}

pub(super) enum Runner {
    Nothing,
    InProcess(Handler),
    Process(Processes),
}

/// A function, and room for its invocations. Clones share what an update changes.
#[derive(Clone)]
pub(super) struct Deployed {
    current: Arc<Mutex<Current>>,
    pub(super) room: Arc<Semaphore>,
}

/// A function as it is now.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) function: Arc<Function>,
    /// How often the stack was updated so far.
    pub(super) revision: u64,
}

impl Deployed {
    /// A function as the stack was deployed with.
    pub(super) fn new(function: Function, room: Arc<Semaphore>) -> Self {
        let current = Current {
            function: Arc::new(function),
            revision: 0,
        };
        Self {
            current: Arc::new(Mutex::new(current)),
            room,
        }
    }

    /// As it is now.
    pub(super) fn current(&self) -> Current {
        lock(&self.current).clone()
    }

    /// What begins from now on is this.
    pub(super) fn update(&self, function: Function) {
        let mut current = lock(&self.current);
        current.function = Arc::new(function);
        current.revision += 1;
    }
}

impl Functions {
    /// Runs a function once, as it is now, and records what came of it.
    pub(super) async fn attempt(
        &self,
        deployed: &Deployed,
        request_id: &str,
        payload: Value,
        attempt: u32,
    ) -> Result<Value, FunctionError> {
        let at = self.clock.now();
        let Current { function, revision } = deployed.current();
        let access_key_id = format!("LOCALFUNCTION{}", function.logical_id.to_uppercase());
        self.callers.issue(&access_key_id, &function.logical_id);
        let invocation = Invocation {
            function: Arc::clone(&function),
            revision,
            request_id: request_id.to_owned(),
            attempt,
            payload: payload.clone(),
            deadline: at.checked_add(function.timeout).unwrap_or(Timestamp::MAX),
            access_key_id,
            http_client: self.http_client.clone(),
            clock: self.clock,
            logs: self.logs.clone(),
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
        if let Some(watcher) = &self.watcher {
            watcher.show(&record);
        }
        let mut invocations = lock(&self.invocations);
        if invocations.len() == KEPT {
            invocations.pop_front();
        }
        invocations.push_back(record);
        drop(invocations);
        outcome
    }
}
