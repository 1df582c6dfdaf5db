//! Invocations, as a function's code sees them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use super::log::Log;
use crate::clock::Clock;
use crate::template::stack::Function;

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
    /// By one handler, in this process. It distinguishes functions by [`Invocation::function`].
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
    /// How often the stack had been updated when it began.
    pub revision: u64,
    /// The same for all attempts of one event, as in Lambda.
    pub request_id: String,
    /// 1 for the first attempt of an event.
    pub attempt: u32,
    /// The event.
    pub payload: Value,
    /// When its time is up, in the world's time.
    pub deadline: Timestamp,
    /// The access key id of the function; an SDK client's calls are made with the function's policies if it has it. The
    /// secret may be anything.
    pub access_key_id: String,
    /// The way into this world for an SDK client.
    pub http_client: SharedHttpClient,
    /// The world's time.
    pub clock: Clock,
    /// Where the functions' logs are.
    pub(super) logs: PathBuf,
}

impl Invocation {
    /// Adds a line to the function's log, as if its process had printed it.
    ///
    /// # Errors
    /// If the log cannot be opened.
    pub fn print(&self, line: &str) -> std::io::Result<()> {
        let log = Log::open(&self.logs, &self.function)?;
        log.printed(line, self.clock.outside_now());
        Ok(())
    }
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
    pub(super) fn timed_out(request_id: &str, limit: std::time::Duration) -> Self {
        let message = format!(
            "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
            limit.as_secs_f64()
        );
        Self::new("Sandbox.Timedout", message)
    }

    /// A process that ended, as Lambda words it.
    pub(super) fn exited(request_id: &str, reason: Option<&str>) -> Self {
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
