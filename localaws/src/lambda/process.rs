//! Functions as real processes: started when needed, used again while warm, ended when idle for long.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::instance::{Instance, Setting};
use super::invocation::{FunctionError, Invocation};
use crate::lock::lock;

/// How long a process is kept without work. Lambda does not say how long it keeps one; some minutes are usual.
const KEEP_IDLE: Duration = Duration::from_secs(5 * 60);
/// How often idle processes are checked.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Warm processes by the function's logical id.
type Idle = Arc<Mutex<BTreeMap<String, Vec<Instance>>>>;

/// All processes of a world's functions.
pub(super) struct Processes {
    setting: Setting,
    idle: Idle,
    sweeper: Mutex<Option<JoinHandle<()>>>,
}

impl Processes {
    /// No process yet.
    pub(super) fn new(setting: Setting) -> Self {
        let idle = Idle::default();
        let sweeper = tokio::spawn(sweep(Arc::clone(&idle)));
        Self {
            setting,
            idle,
            sweeper: Mutex::new(Some(sweeper)),
        }
    }

    /// Runs one attempt on a warm process, or on a new one. Before there is a server it waits for it: the process
    /// could make no AWS call.
    pub(super) async fn run(&self, invocation: &Invocation) -> Result<Value, FunctionError> {
        let function = &invocation.function;
        let mut instance = match self.take_idle(&function.logical_id, invocation.revision) {
            Some(instance) => instance,
            None => self.start(invocation).await?,
        };
        let (outcome, usable) = instance.run(invocation).await;
        if usable {
            lock(&self.idle)
                .entry(function.logical_id.clone())
                .or_default()
                .push(instance);
        }
        outcome
    }

    /// Kills all that is idle, and waits until it is gone. What runs is killed by whoever drops the invocation.
    pub(super) async fn shutdown(&self) {
        if let Some(sweeper) = lock(&self.sweeper).take() {
            sweeper.abort();
        }
        let idle = std::mem::take(&mut *lock(&self.idle));
        for instance in idle.into_values().flatten() {
            instance.end().await;
        }
    }

    fn take_idle(&self, logical_id: &str, revision: u64) -> Option<Instance> {
        let mut idle = lock(&self.idle);
        let of_function = idle.get_mut(logical_id)?;
        while let Some(mut instance) = of_function.pop() {
            if instance.is_usable(revision) {
                return Some(instance);
            }
        }
        None
    }

    async fn start(&self, invocation: &Invocation) -> Result<Instance, FunctionError> {
        let mut endpoint = self.setting.endpoint.clone();
        let closed = || FunctionError::new("Runtime.ExitError", "the world is closed");
        let endpoint = endpoint
            .wait_for(Option::is_some)
            .await
            .map_err(|_| closed())?
            .clone()
            .ok_or_else(closed)?;
        let started = Instance::start(
            &self.setting,
            (&invocation.function, invocation.revision),
            &endpoint,
            invocation.clock,
        )
        .await;
        started.map_err(|error| {
            let function = &invocation.function.logical_id;
            let message = format!("could not start a process of function {function}: {error}; has its binary been built?");
            FunctionError::new("Runtime.InvalidEntrypoint", message)
        })
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        if let Some(sweeper) = lock(&self.sweeper).take() {
            sweeper.abort();
        }
    }
}

async fn sweep(idle: Idle) {
    let mut beat = tokio::time::interval(SWEEP_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let mut old = Vec::new();
        for instances in lock(&idle).values_mut() {
            old.extend(
                instances.extract_if(.., |instance| instance.idle_since.elapsed() >= KEEP_IDLE),
            );
        }
        for instance in old {
            instance.end().await;
        }
    }
}
