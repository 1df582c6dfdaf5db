//! HTTP/1.1 connections on a loopback port, for the server and for the functions' Runtime API.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::wire::AnswerLost;
use crate::wire::{Request, Response, response};

/// Longest body of a request, in bytes. Bodies are held in memory as a whole; larger objects go in parts
/// (multipart upload), as S3 advises from 100 MB on.
pub const MAX_BODY: usize = 1 << 30;

/// Pause after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What answers requests. An answer that is lost on purpose closes the connection.
pub(crate) type Serve =
    Arc<dyn Fn(Request) -> BoxFuture<'static, Result<Response, AnswerLost>> + Send + Sync>;

/// Serves connections until `stop` is true or its sender is gone; then those that are open end after their request.
pub(crate) async fn accept(listener: TcpListener, serve: Serve, mut stop: watch::Receiver<bool>) {
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
        connections.spawn(connection(stream, Arc::clone(&serve), stop.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, serve: Serve, mut stop: watch::Receiver<bool>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&serve)));
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

async fn answer(
    request: http::Request<Incoming>,
    serve: Serve,
) -> Result<http::Response<Full<Bytes>>, AnswerLost> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!(
                "a body here is at most {MAX_BODY} bytes; send larger objects as multipart uploads\n"
            );
            return Ok(
                response(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", message).map(Full::new),
            );
        }
        // The client closed the connection during its request: there is no one to answer.
        Err(_) => return Err(AnswerLost),
    };
    let response = serve(Request::from_parts(parts, body)).await?;
    Ok(response.map(Full::new))
}
