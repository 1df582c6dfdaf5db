//! HTTP/1.1 connections on a loopback port, for the server and for the functions' Runtime API.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::large_body::{Incoming, Lost, Outgoing, Received, receive};
use crate::wire::AnswerLost;
use crate::wire::{Request, Response, s3_error};

/// Pause after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What answers requests. An answer that is lost on purpose closes the connection.
pub(crate) type Serve =
    Arc<dyn Fn(Request) -> BoxFuture<'static, Result<Response, AnswerLost>> + Send + Sync>;

/// Serves connections until `stop` is true or its sender is gone; then those that are open end after their request.
/// Large bodies of requests are put into the folder `bodies`; without one there are no large bodies.
pub(crate) async fn accept(
    listener: TcpListener,
    serve: Serve,
    bodies: Option<PathBuf>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // For example too many open files: others may close some, so continue, but not in a tight loop.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
        };
        while connections.try_join_next().is_some() {}
        let (serve, bodies) = (Arc::clone(&serve), bodies.clone());
        connections.spawn(connection(stream, serve, bodies, stop.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    serve: Serve,
    bodies: Option<PathBuf>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| answer(request, Arc::clone(&serve), bodies.clone()));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).keep_alive(true);
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

/// Waits until the server stops or its handle is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// A body as it goes out.
type Sent = UnsyncBoxBody<Bytes, std::io::Error>;

async fn answer(
    request: http::Request<hyper::body::Incoming>,
    serve: Serve,
    bodies: Option<PathBuf>,
) -> Result<http::Response<Sent>, AnswerLost> {
    let (mut parts, body) = request.into_parts();
    // S3 answers every `Expect: 100-continue` with `100 Continue`, hyper only one whose body is not empty. botocore takes
    // the final answer for it and then misreads the next one on the same connection, which therefore ends.
    let ends = body.is_end_stream() && parts.headers.contains_key(http::header::EXPECT);
    let body = match receive(body, bodies.as_deref()).await {
        Ok(Received::Memory(body)) => body,
        Ok(Received::File(file)) => {
            parts.extensions.insert(Incoming(Arc::new(file)));
            Bytes::new()
        }
        Err(lost) => return not_received(&parts.method, &lost),
    };
    let mut answer = serve(Request::from_parts(parts, body)).await?;
    if ends {
        close(&mut answer);
    }
    Ok(sent(answer))
}

/// Says that the connection ends with this answer.
fn close(answer: &mut Response) {
    let close = http::HeaderValue::from_static("close");
    answer.headers_mut().insert(http::header::CONNECTION, close);
}

fn sent(mut response: Response) -> http::Response<Sent> {
    match response.extensions_mut().remove::<Outgoing>() {
        Some(file) => response.map(|_| StreamBody::new(file.frames()).boxed_unsync()),
        None => response.map(|body| {
            Full::new(body)
                .map_err(|never| match never {})
                .boxed_unsync()
        }),
    }
}

/// The answer to a request whose body did not arrive; its connection ends, for the rest of the body may follow.
fn not_received(method: &Method, lost: &Lost) -> Result<http::Response<Sent>, AnswerLost> {
    let (status, code, message) = match lost {
        // The client closed the connection during its request: there is no one to answer.
        Lost::Left => return Err(AnswerLost),
        Lost::TooSlow => (
            StatusCode::BAD_REQUEST,
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.".to_owned(),
        ),
        Lost::TooLong(longest) => (
            StatusCode::BAD_REQUEST,
            "EntityTooLarge",
            format!("Your proposed upload exceeds the maximum allowed size: {longest} bytes"),
        ),
        Lost::Disk { path, source } => {
            tracing::error!(%source, path = %path.display(), "a request's body could not be kept");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("{lost}: {source}"),
            )
        }
    };
    let mut answer = s3_error(method, status, (code, &message), "-");
    close(&mut answer);
    Ok(sent(answer))
}
