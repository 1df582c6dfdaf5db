//! A function's code in this process: on a task of its own, dropped when its time is up or when a fault kills it.

use super::caller::Caller;
use super::invocation::{FunctionError, Handler, Invocation};

use serde_json::Value;
use tokio::task::{JoinError, JoinHandle};

/// Runs one attempt.
pub(super) async fn run(handler: &Handler, invocation: Invocation) -> Result<Value, FunctionError> {
    let (clock, deadline) = (invocation.clock, invocation.deadline);
    let (limit, request_id) = (invocation.function.timeout, invocation.request_id.clone());
    let caller = Caller::new(&invocation.function.logical_id, invocation.revision);
    let handler = handler.clone();
    let code = async move { handler(invocation).await };
    let mut task = Aborted(tokio::spawn(caller.clone().scope(code)));
    let error = tokio::select! {
        biased;
        () = caller.crashed() => FunctionError::exited(&request_id, Some("signal: killed")),
        ended = &mut task.0 => return ended.unwrap_or_else(|error| Err(panicked(error))),
        () = clock.sleep_until(deadline) => FunctionError::timed_out(&request_id, limit),
    };
    task.end().await;
    Err(error)
}

/// A task that does not outlive who waits for it.
struct Aborted<T>(JoinHandle<T>);

impl<T> Aborted<T> {
    /// Ends the task; it is gone when this returns, so that a retry never runs beside it.
    async fn end(&mut self) {
        self.0.abort();
        // Only its end matters: cancelled, or just done.
        let _ = (&mut self.0).await;
    }
}

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn panicked(error: JoinError) -> FunctionError {
    let Ok(panic) = error.try_into_panic() else {
        return FunctionError::new(
            "Runtime.ExitError",
            "the invocation was cancelled: the world is closed",
        );
    };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    FunctionError::new("Panic", format!("Lambda panicked: {text}"))
}
