//! The Lambda Runtime API for one process ("Using the Lambda runtime API for custom runtimes", Lambda Developer Guide).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use super::invocation::FunctionError;
use crate::connection::{self, Serve};
use crate::lock::lock;
use crate::wire::{Request, Response, response};

/// Where the outcome of an invocation goes.
type Answer = oneshot::Sender<Result<Value, FunctionError>>;

/// One event for the process.
pub(super) struct Work {
    pub(super) request_id: String,
    pub(super) function_arn: String,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
    pub(super) timeout: Duration,
    /// Sent when the process has asked for it.
    pub(super) handed_out: oneshot::Sender<()>,
    /// Gets what the process made of it.
    pub(super) answer: Answer,
}

/// The process's end of Lambda. It stops listening when dropped.
pub(super) struct RuntimeApi {
    address: SocketAddr,
    work: mpsc::UnboundedSender<Work>,
    state: Arc<State>,
    stop: watch::Sender<bool>,
}

struct State {
    queue: tokio::sync::Mutex<mpsc::UnboundedReceiver<Work>>,
    /// The event that the process has, by its request id.
    current: Mutex<Option<(String, Answer)>>,
    init_error: Mutex<Option<FunctionError>>,
}

impl RuntimeApi {
    /// Listens on a loopback port of its own.
    pub(super) async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (work, queue) = mpsc::unbounded_channel();
        let queue = tokio::sync::Mutex::new(queue);
        let state = Arc::new(State {
            queue,
            current: Mutex::default(),
            init_error: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let serving = Arc::clone(&state);
        let serve: Serve = Arc::new(move |request| {
            let state = Arc::clone(&serving);
            Box::pin(async move { Ok(state.handle(request).await) })
        });
        tokio::spawn(connection::accept(listener, serve, None, stopped));
        Ok(Self {
            address,
            work,
            state,
            stop,
        })
    }

    /// `AWS_LAMBDA_RUNTIME_API` of the process.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the process its next event.
    pub(super) fn submit(&self, work: Work) {
        if self.work.send(work).is_err() {
            tracing::debug!("the runtime API is gone; its process is ending");
        }
    }

    /// What the process reported of a failed start.
    pub(super) fn init_error(&self) -> Option<FunctionError> {
        lock(&self.state.init_error).take()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl State {
    async fn handle(&self, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        let Some(call) = path.strip_prefix("/2018-06-01/runtime/") else {
            return problem(StatusCode::NOT_FOUND, "UnknownPath", &path);
        };
        let parts: Vec<&str> = call.split('/').collect();
        match (request.method(), &parts[..]) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => match payload(request.body()) {
                Ok(payload) => self.answer(id, Ok(payload)),
                Err(error) => self.answer(id, Err(error)),
            },
            (&Method::POST, ["invocation", id, "error"]) => {
                self.answer(id, Err(reported(&request)))
            }
            (&Method::POST, ["init", "error"]) => {
                *lock(&self.init_error) = Some(reported(&request));
                accepted()
            }
            _ => problem(StatusCode::NOT_FOUND, "UnknownPath", &path),
        }
    }

    async fn next(&self) -> Response {
        let Some(work) = self.queue.lock().await.recv().await else {
            return problem(
                StatusCode::GONE,
                "Shutdown",
                "there will be no further invocation",
            );
        };
        let mut answer = response(StatusCode::OK, "application/json", work.payload);
        let headers = answer.headers_mut();
        put(headers, "lambda-runtime-aws-request-id", &work.request_id);
        put(
            headers,
            "lambda-runtime-deadline-ms",
            &deadline_ms(work.timeout).to_string(),
        );
        put(
            headers,
            "lambda-runtime-invoked-function-arn",
            &work.function_arn,
        );
        put(headers, "lambda-runtime-trace-id", &work.trace_id);
        let mut current = lock(&self.current);
        *current = Some((work.request_id, work.answer));
        // There is no receiver if the world is just ending the process.
        let _ = work.handed_out.send(());
        answer
    }

    fn answer(&self, id: &str, outcome: Result<Value, FunctionError>) -> Response {
        let mut current = lock(&self.current);
        let Some((_, answer)) = current.take_if(|(current, _)| current == id) else {
            return problem(
                StatusCode::BAD_REQUEST,
                "InvalidRequestID",
                "this invocation is not running",
            );
        };
        // There is no receiver if it has just timed out.
        let _ = answer.send(outcome);
        accepted()
    }
}

/// When the time of an invocation that starts now is up, in epoch milliseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a process of its own lives by the machine's clock, whatever the speed of the world's"
)]
fn deadline_ms(timeout: Duration) -> u128 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    (now + timeout).as_millis()
}

fn payload(body: &[u8]) -> Result<Value, FunctionError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        FunctionError::new(
            "Runtime.MarshalError",
            format!("the function's response is not JSON: {error}"),
        )
    })
}

/// The error that the runtime reports: the body, else the header that the guide names for its type.
fn reported(request: &Request) -> FunctionError {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let header = request
        .headers()
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok());
    let kind = body["errorType"].as_str().or(header).unwrap_or("Unhandled");
    FunctionError::new(kind, body["errorMessage"].as_str().unwrap_or_default())
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn accepted() -> Response {
    response(
        StatusCode::ACCEPTED,
        "application/json",
        r#"{"status":"OK"}"#,
    )
}

fn problem(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = serde_json::json!({"errorMessage": message, "errorType": kind});
    response(status, "application/json", body.to_string())
}
