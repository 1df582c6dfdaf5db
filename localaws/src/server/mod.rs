//! The endpoint for other programs: AWS over HTTP on the loopback address, for the aws CLI, boto3 and functions'
//! processes (`AWS_ENDPOINT_URL`).

#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use crate::large_body::MAX_BODY;

use crate::ACCOUNT;
use crate::connection::{self, Serve};
use crate::iam::Grant;
use crate::wire::AnswerLost;
use crate::wire::{Request, Response, response};
use crate::world::World;

/// How long open requests may take to end when the server closes.
const GRACE: Duration = Duration::from_secs(5);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Something else listens there.
    #[error(
        "port {port} of 127.0.0.1 is in use; stop what listens there or choose another port (0 takes any free one)"
    )]
    InUse {
        /// The port.
        port: u16,
    },
    /// The port cannot be listened on.
    #[error("cannot listen on port {port} of 127.0.0.1")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The buckets' folders cannot be watched for files that are copied into them.
    #[error("cannot watch the buckets' folders: {problem}")]
    Watch {
        /// What the system says.
        problem: String,
    },
}

/// A world's front door over HTTP. It never listens on anything but 127.0.0.1.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    _watch: Box<dyn std::any::Any + Send>,
}

impl Server {
    /// Listens on this port of 127.0.0.1 (0: any free one) and answers from now on. Files that are copied into the
    /// buckets' folders raise events from now on.
    ///
    /// # Errors
    /// The port is in use or forbidden, or the folders cannot be watched.
    pub async fn bind(world: &World, port: u16) -> Result<Self, ServerError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(|source| match source.kind() {
                io::ErrorKind::AddrInUse => ServerError::InUse { port },
                _ => ServerError::Listen { port, source },
            })?;
        let address = listener
            .local_addr()
            .map_err(|source| ServerError::Listen { port, source })?;
        let ready = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = watch::channel(false);
        let serve = front_door(world, &ready);
        let bodies = Some(world.s3().incoming());
        let accepting = tokio::spawn(connection::accept(listener, serve, bodies, stopped));
        let watched = world
            .s3()
            .watch()
            .await
            .map_err(|error| ServerError::Watch {
                problem: error.to_string(),
            })?;
        world.announce(&format!("http://{address}"));
        ready.store(true, Ordering::SeqCst);
        Ok(Self {
            address,
            stop,
            accepting,
            _watch: Box::new(watched),
        })
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For `--endpoint-url` and `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening, and waits a few seconds for requests that are being answered.
    pub async fn close(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(GRACE, &mut self.accepting)
            .await
            .is_err()
        {
            tracing::warn!("requests that took too long were cut off");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn front_door(world: &World, ready: &Arc<AtomicBool>) -> Serve {
    let (world, ready) = (world.clone(), Arc::clone(ready));
    Arc::new(move |request| {
        let (world, ready) = (world.clone(), ready.load(Ordering::SeqCst));
        Box::pin(answer(world, ready, request))
    })
}

async fn answer(world: World, ready: bool, request: Request) -> Result<Response, AnswerLost> {
    match request.uri().path().strip_prefix("/_local") {
        // A bucket's name does not begin with `_`, so nothing of S3 is hidden by this.
        Some("/health") if matches!(*request.method(), Method::GET | Method::HEAD) => {
            Ok(health(&world, ready))
        }
        Some("/grants") if matches!(*request.method(), Method::GET | Method::HEAD) => {
            Ok(grants(&world))
        }
        Some(rest) if rest.starts_with("/instances/") => Ok(metadata(&world, rest, &request)),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let message = "there is nothing here; the state of this world is at /_local/health, and what its policies grant at /_local/grants\n";
            Ok(response(StatusCode::NOT_FOUND, "text/plain", message))
        }
        _ => world.dispatch(request).await,
    }
}

/// The metadata service of an instance, at `/_local/instances/ID`, for `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
fn metadata(world: &World, rest: &str, request: &Request) -> Response {
    let rest = rest.strip_prefix("/instances/").unwrap_or_default();
    let (instance, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    world.metadata(instance, path, request)
}

fn health(world: &World, ready: bool) -> Response {
    let stack = world.stack();
    let functions: Vec<&str> = stack
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    let state: Value = json!({
        "ready": ready,
        "bucket": stack.outputs.get("BucketName").or(stack.buckets.first().map(|it| &it.name)),
        "stateBucket": stack.outputs.get("StateBucketName"),
        "topic": stack.topics.first().map(|topic| &topic.arn),
        "functions": functions,
        "account": ACCOUNT,
        "region": world.region(),
        "credentials": world.iam().users(),
    });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    response(status, "application/json", state.to_string())
}

/// What policies grant, used and unused, and the calls that were refused.
fn grants(world: &World) -> Response {
    let (unused, used): (Vec<Grant>, Vec<Grant>) = world
        .iam()
        .grants()
        .into_iter()
        .partition(|it| it.uses == 0);
    let denials = world.iam().denials();
    let grants = json!({"used": used, "unused": unused, "refused": denials});
    response(StatusCode::OK, "application/json", grants.to_string())
}
