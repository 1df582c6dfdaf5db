//! HTTP on a port of this machine.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::app::Setup;
use super::service::Console;
use crate::cli::error::Error;

/// How long a browser may take for the headers of a request.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);

/// Pause after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How long the end waits for requests that are being answered.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// A console that listens.
#[derive(Debug)]
pub struct Server {
    console: Console,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on this port of 127.0.0.1; 0 for any free one.
    ///
    /// # Errors
    /// If the port is in use, or no token can be made.
    pub async fn start(setup: Setup, port: u16) -> Result<Self, Error> {
        let cannot = |error: io::Error| {
            let message = format!("cannot listen on port {port} of 127.0.0.1");
            Error::from_source(message, error).with_hint("use --port 0 for any free port")
        };
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        let console = Console::new(setup, port)?;
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, console.clone(), stopped));
        Ok(Self {
            console,
            stop,
            accepting,
        })
    }

    /// The address that lets a browser in.
    #[must_use]
    pub fn address(&self) -> String {
        self.console.address()
    }

    /// Ends it; what is being answered has a moment left.
    pub async fn close(self) {
        // Whoever listens is gone already otherwise.
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(LAST_ANSWERS, self.accepting).await;
    }
}

async fn accept(listener: TcpListener, console: Console, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // For example too many open files: others may close some.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, console.clone(), stop.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits until the server ends or its handle is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn connection(stream: TcpStream, console: Console, mut stop: watch::Receiver<bool>) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let console = console.clone();
        async move { Ok::<_, Infallible>(console.answer(request.map(Body::new)).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
