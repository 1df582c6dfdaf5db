//! One process of a function: an execution environment, in Lambda's words.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::caller::{Caller, Callers, Registered};
use super::invocation::{CommandOf, FunctionError, Invocation};
use super::log::Log;
use super::runtime_api::{RuntimeApi, Work};
use crate::clock::Clock;
use crate::ids::Ids;
use crate::template::stack::Function;

/// How long a process may take to ask for its first event, before the function's own time-out begins ("The Init phase
/// is limited to 10 seconds", Lambda Developer Guide).
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// What processes need of their world.
pub(super) struct Setting {
    pub(super) command: CommandOf,
    /// Where the server answers, once there is one.
    pub(super) endpoint: watch::Receiver<Option<String>>,
    pub(super) logs: PathBuf,
    pub(super) callers: Callers,
    pub(super) ids: Ids,
    pub(super) region: String,
}

/// A running process. It is killed when dropped.
pub(super) struct Instance {
    child: Child,
    api: RuntimeApi,
    caller: Caller,
    log: Log,
    /// When it was last used.
    pub(super) idle_since: Instant,
    _known: Registered,
}

/// What came of waiting for a process.
enum Ended<T> {
    Done(T),
    Exited(std::io::Result<ExitStatus>),
    Crashed,
    TimedOut,
}

impl Instance {
    /// Starts a process of the function that makes its AWS calls at `endpoint`.
    pub(super) async fn start(
        setting: &Setting,
        (function, revision): (&Function, u64),
        endpoint: &str,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let log = Log::open(&setting.logs, function)?;
        let api = RuntimeApi::listen().await?;
        let access_key = format!("LOCAL{}", setting.ids.hex(15).to_uppercase());
        let caller = Caller::new(&function.logical_id, revision);
        let known = setting.callers.register(&access_key, caller.clone());
        let mut command = (setting.command)(function);
        let own: Vec<(OsString, OsString)> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command.env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(environment(setting, function, &api.address().to_string()));
        command
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", access_key);
        command.envs(&function.environment).envs(own);
        let mut command = Command::from(command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        if let Some(output) = child.stdout.take() {
            tokio::spawn(log.clone().copy(output, clock));
        }
        if let Some(output) = child.stderr.take() {
            tokio::spawn(log.clone().copy(output, clock));
        }
        Ok(Self {
            child,
            api,
            caller,
            log,
            idle_since: Instant::now(),
            _known: known,
        })
    }

    /// Whether the process has not ended by itself, and has what the stack has given its function since.
    pub(super) fn is_usable(&mut self, revision: u64) -> bool {
        self.caller.revision() == revision && matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs one attempt. The second part is whether the process can take another.
    pub(super) async fn run(
        &mut self,
        invocation: &Invocation,
    ) -> (Result<Value, FunctionError>, bool) {
        let (handed_out, taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let (function, id) = (&invocation.function, &invocation.request_id);
        self.api.submit(Work {
            request_id: id.clone(),
            function_arn: function.arn.clone(),
            trace_id: trace_id(invocation),
            payload: invocation.payload.to_string().into(),
            timeout: function.timeout,
            handed_out,
            answer,
        });
        let init = self.wait(taken, INIT_LIMIT + function.timeout).await;
        if !matches!(init, Ended::Done(_)) {
            return (Err(self.failed(init, invocation).await), false);
        }
        self.log.start(id, invocation.clock.outside_now());
        let started = Instant::now();
        let ended = self.wait(answered, function.timeout).await;
        let outcome = match ended {
            Ended::Done(Ok(outcome)) => (outcome, true),
            ended => (Err(self.failed(ended, invocation).await), false),
        };
        self.log.end(
            (id, status(&outcome.0)),
            invocation.clock.outside_now(),
            started.elapsed(),
            function.memory,
        );
        self.idle_since = Instant::now();
        outcome
    }

    /// Kills the process and waits for its end.
    pub(super) async fn end(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::debug!(%error, "a process of a function had already ended");
        }
    }

    async fn wait<T>(
        &mut self,
        done: oneshot::Receiver<T>,
        limit: Duration,
    ) -> Ended<Result<T, oneshot::error::RecvError>> {
        tokio::select! {
            biased;
            done = done => Ended::Done(done),
            () = self.caller.crashed() => Ended::Crashed,
            status = self.child.wait() => Ended::Exited(status),
            () = tokio::time::sleep(limit) => Ended::TimedOut,
        }
    }

    /// Puts an end to a process that did not answer, and words it as Lambda does.
    async fn failed<T>(&mut self, ended: Ended<T>, invocation: &Invocation) -> FunctionError {
        let id = &invocation.request_id;
        let error = match ended {
            Ended::TimedOut => FunctionError::timed_out(id, invocation.function.timeout),
            Ended::Crashed => FunctionError::exited(id, Some("signal: killed")),
            Ended::Exited(Ok(status)) if status.success() => FunctionError::exited(id, None),
            Ended::Exited(Ok(status)) => FunctionError::exited(id, Some(&status.to_string())),
            Ended::Exited(Err(error)) => FunctionError::exited(id, Some(&error.to_string())),
            Ended::Done(_) => FunctionError::exited(id, None),
        };
        if let Err(error) = self.child.kill().await {
            tracing::debug!(%error, "a process of a function had already ended");
        }
        self.log.line(&error.message);
        self.api.init_error().unwrap_or(error)
    }
}

/// How an invocation ended, in the words of `platform.report` ("Lambda Telemetry API Event schema reference").
fn status(outcome: &Result<Value, FunctionError>) -> &'static str {
    match outcome {
        Ok(_) => "success",
        Err(error) if error.kind == "Sandbox.Timedout" => "timeout",
        Err(error) if error.kind.starts_with("Runtime.") => "failure",
        Err(_) => "error",
    }
}

/// The variables that Lambda itself sets ("Defined runtime environment variables", Lambda Developer Guide).
fn environment(
    setting: &Setting,
    function: &Function,
    runtime_api: &str,
) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            function.memory.to_string(),
        ),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_REGION", setting.region.clone()),
        ("AWS_DEFAULT_REGION", setting.region.clone()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
    ]
}

/// An X-Ray trace header that says that nothing is traced.
fn trace_id(invocation: &Invocation) -> String {
    let hex: String = invocation
        .request_id
        .chars()
        .filter(char::is_ascii_hexdigit)
        .collect();
    let seconds = invocation.clock.now().as_second();
    format!(
        "Root=1-{seconds:08x}-{};Parent={};Sampled=0",
        &hex[..24.min(hex.len())],
        &hex[..16.min(hex.len())]
    )
}
