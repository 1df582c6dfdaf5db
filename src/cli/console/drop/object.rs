//! A file that is sent on to the bucket while it arrives: of a large one no more than two parts are held.

use std::error::Error as StdError;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use crc_fast::CrcAlgorithm::Crc64Nvme;
use crc_fast::{checksum, checksum_combine};
use futures_util::{Stream, StreamExt as _};
use tokio::time::timeout;

use super::super::app::App;
use super::super::failed::Failed;
use crate::aws::{AwsError, SentPart};
use crate::cli::error::Error;
use crate::cli::hints::cannot_send;
use crate::cli::push::file::part_size;
use crate::cli::text::size;

/// A file that arrives, cut into parts.
struct Parts<S> {
    stream: S,
    /// What arrived beyond the last part.
    rest: Bytes,
    part_size: usize,
    received: u64,
    /// The CRC-64/NVME of what was received; that of nothing is 0.
    crc64: u64,
}

/// Without a byte for so long, an upload makes room for others.
const STALLED: Duration = Duration::from_secs(60);

/// A part that has arrived.
struct Part {
    content: Vec<u8>,
    crc64: u64,
}

impl<S, E> Parts<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: StdError + Send + Sync + 'static,
{
    /// The next part: shorter than the others only at the end, and empty after it.
    async fn next(&mut self) -> Result<Part, Failed> {
        let mut content = Vec::new();
        loop {
            let room = self.part_size - content.len();
            let taken = self.rest.split_to(self.rest.len().min(room));
            content.extend_from_slice(&taken);
            if content.len() == self.part_size {
                break;
            }
            match timeout(STALLED, self.stream.next()).await {
                Ok(None) => break,
                Ok(Some(Ok(chunk))) => self.rest = chunk,
                Ok(Some(Err(error))) => {
                    let error = Error::from_source("the file did not arrive", error);
                    return Err(Failed::from(error).with_status(StatusCode::BAD_REQUEST));
                }
                Err(_) => {
                    let error = Error::new("nothing of the file arrived for a minute");
                    return Err(Failed::from(error).with_status(StatusCode::REQUEST_TIMEOUT));
                }
            }
        }
        let (size, crc64) = (content.len() as u64, checksum(Crc64Nvme, &content));
        self.received += size;
        self.crc64 = checksum_combine(Crc64Nvme, self.crc64, crc64, size);
        Ok(Part { content, crc64 })
    }

    /// Whether this was the last part.
    fn is_last(&self, part: &Part) -> bool {
        part.content.len() < self.part_size
    }
}

/// Sends a file. `most` is how many bytes it has at most, `exactly` how many it has if that is known: then an end before
/// that is no end. Returns how many it has.
///
/// # Errors
/// If it does not arrive, or S3 does not answer, or refuses. Nothing of it is in the bucket then.
pub(super) async fn send<E>(
    app: &App,
    key: &str,
    most: u64,
    exactly: Option<u64>,
    stream: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<u64, Failed>
where
    E: StdError + Send + Sync + 'static,
{
    // What waits is not read: the browser's progress shows it.
    let _permit = app.uploads.acquire().await;
    let mut parts = Parts {
        stream,
        rest: Bytes::new(),
        part_size: usize::try_from(part_size(most)).unwrap_or(usize::MAX),
        received: 0,
        crc64: 0,
    };
    let (bucket, failed) = (&app.config.bucket, |error: AwsError| {
        Failed::from(cannot_send(&app.config, &error))
    });
    let first = parts.next().await?;
    if parts.is_last(&first) {
        is_whole(parts.received, exactly)?;
        let sent = app.aws.send_bytes(bucket, key, first.content, first.crc64);
        sent.await.map_err(failed)?;
        return Ok(parts.received);
    }
    let id = app.aws.begin_upload(bucket, key).await.map_err(failed)?;
    let completed = async {
        let sent = send_parts(app, (key, &id), first, &mut parts).await?;
        is_whole(parts.received, exactly)?;
        let completed = app
            .aws
            .complete_upload(bucket, key, &id, &sent, parts.crc64);
        completed.await.map_err(failed)
    }
    .await;
    if let Err(failed) = completed {
        // What cannot be aborted is ended by the bucket's lifecycle. What was completed after all is not there to be aborted.
        let _ = app.aws.abort_upload(bucket, key, &id).await;
        return Err(failed);
    }
    Ok(parts.received)
}

/// Sends each part while the next one arrives.
async fn send_parts<S, E>(
    app: &App,
    (key, id): (&str, &str),
    first: Part,
    parts: &mut Parts<S>,
) -> Result<Vec<SentPart>, Failed>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: StdError + Send + Sync + 'static,
{
    let bucket = &app.config.bucket;
    let (mut sent, mut part, mut number) = (Vec::new(), first, 1);
    loop {
        let is_last = parts.is_last(&part);
        let Part { content, crc64 } = part;
        let sending = app
            .aws
            .send_part_of_bytes(bucket, key, (id, number), content, crc64);
        let (done, next) = match is_last {
            true => (sending.await, None),
            false => {
                let (done, next) = tokio::join!(sending, parts.next());
                (done, Some(next?))
            }
        };
        sent.push(done.map_err(|error| cannot_send(&app.config, &error))?);
        match next {
            // The file ended with the part before.
            Some(next) if next.content.is_empty() => return Ok(sent),
            Some(next) => part = next,
            None => return Ok(sent),
        }
        number += 1;
    }
}

/// A connection that breaks looks like an end.
fn is_whole(received: u64, exactly: Option<u64>) -> Result<(), Failed> {
    match exactly {
        Some(expected) if expected != received => {
            let text = format!(
                "the file ended after {}, and has {}",
                size(received),
                size(expected)
            );
            let error = Error::new(text).with_hint("drop it again");
            Err(Failed::from(error).with_status(StatusCode::BAD_REQUEST))
        }
        _ => Ok(()),
    }
}
