//! Bodies that are too large for memory: they wait in files, on their way in and on their way out.
//!
//! A [`crate::wire::Request`] or [`crate::wire::Response`] holds its body in memory. Where that body is large, it is
//! empty there, and the message's extensions have an [`Incoming`] or an [`Outgoing`] instead.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, timeout_at};

/// Bytes of a body that are kept in memory at most. Manifests and API calls are smaller; parts of uploads are larger.
pub(crate) const IN_MEMORY: usize = 1 << 20;

/// Longest body, in bytes: S3's largest single upload ("Amazon S3 multipart upload limits").
pub const MAX_BODY: u64 = 5 << 30;

/// Bytes that are read from a file at once.
const CHUNK: usize = 256 * 1024;

/// A client that sends less than [`LEAST`] bytes in this time is not waited for. S3 does not say how long it waits
/// before its `RequestTimeout`; clients see about 20 seconds.
const PATIENCE: Duration = Duration::from_secs(20);
const LEAST: usize = 16 * 1024;

/// A request's body in a file, which goes with its last owner unless it was moved away.
#[derive(Debug)]
pub(crate) struct Spooled {
    pub(crate) path: PathBuf,
    /// Bytes.
    pub(crate) length: u64,
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // Gone already if it became an object.
        let _ = fs::remove_file(&self.path);
    }
}

/// The extension of a request whose body is in a file.
#[derive(Debug, Clone)]
pub(crate) struct Incoming(pub(crate) Arc<Spooled>);

/// The extension of an answer whose body is a part of a file.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) file: Arc<File>,
    /// The first byte, and how many.
    pub(crate) from: u64,
    pub(crate) length: u64,
}

/// A body that has arrived.
#[derive(Debug)]
pub(crate) enum Received {
    Memory(Bytes),
    File(Spooled),
}

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// It came too slowly, or stopped.
    #[error("the client sent nothing for too long")]
    TooSlow,
    #[error("the body is longer than {0} bytes")]
    TooLong(u64),
    /// The client closed the connection.
    #[error("the client left")]
    Left,
    #[error("a body could not be kept in {}", path.display())]
    Disk {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Takes a body in: what is larger than [`IN_MEMORY`] into a file in this folder, if there is one.
///
/// # Errors
/// It does not arrive, or cannot be kept.
pub(crate) async fn receive<B>(mut body: B, folder: Option<&Path>) -> Result<Received, Lost>
where
    B: Body<Data = Bytes> + Unpin,
{
    let longest = folder.map_or(IN_MEMORY as u64 * 16, |_| MAX_BODY);
    let mut held = BytesMut::new();
    let mut file: Option<(File, Spooled)> = None;
    let (mut length, mut lately) = (0_u64, 0);
    let mut deadline = Instant::now() + PATIENCE;
    while let Some(frame) = timeout_at(deadline, body.frame())
        .await
        .map_err(|_| Lost::TooSlow)?
    {
        let Ok(data) = frame.map_err(|_| Lost::Left)?.into_data() else {
            continue;
        };
        length += data.len() as u64;
        lately += data.len();
        if length > longest {
            return Err(Lost::TooLong(longest));
        }
        if lately >= LEAST {
            (deadline, lately) = (Instant::now() + PATIENCE, 0);
        }
        held.extend_from_slice(&data);
        if let Some(folder) = folder.filter(|_| held.len() > IN_MEMORY) {
            file = Some(keep(folder, file, held.split().freeze()).await?);
            // Writing is not the client's time.
            deadline = Instant::now() + PATIENCE;
        }
    }
    match (file, folder) {
        (Some(file), Some(folder)) => {
            let (_, mut spooled) = keep(folder, Some(file), held.freeze()).await?;
            spooled.length = length;
            Ok(Received::File(spooled))
        }
        _ => Ok(Received::Memory(held.freeze())),
    }
}

/// Adds these bytes to the file, which is made if there is none.
async fn keep(
    folder: &Path,
    file: Option<(File, Spooled)>,
    bytes: Bytes,
) -> Result<(File, Spooled), Lost> {
    let path = match &file {
        Some((_, spooled)) => spooled.path.clone(),
        None => fresh(folder),
    };
    let made = path.clone();
    let written = tokio::task::spawn_blocking(move || {
        let (mut file, spooled) = match file {
            Some(file) => file,
            None => {
                let (path, length) = (path, 0);
                (File::create(&path)?, Spooled { path, length })
            }
        };
        file.write_all(&bytes)?;
        Ok((file, spooled))
    });
    let written = written
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    written.map_err(|source| Lost::Disk { path: made, source })
}

/// A path in this folder that no other body has.
fn fresh(folder: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    folder.join(format!("body-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

impl Outgoing {
    /// The bytes as a client takes them: no more of them are in memory than it has yet to take.
    pub(crate) fn frames(self) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
        futures_util::stream::try_unfold(self, |left| async move {
            if left.length == 0 {
                return Ok(None);
            }
            let read = tokio::task::spawn_blocking(move || left.next());
            let (bytes, left) = read.await.map_err(io::Error::other)??;
            Ok(Some((Frame::data(bytes), left)))
        })
    }

    /// All bytes at once.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) async fn whole(self) -> io::Result<Bytes> {
        let mut left = self;
        let read = tokio::task::spawn_blocking(move || {
            let mut whole = BytesMut::new();
            while left.length > 0 {
                let (bytes, rest) = left.next()?;
                whole.extend_from_slice(&bytes);
                left = rest;
            }
            Ok(whole.freeze())
        });
        read.await.map_err(io::Error::other)?
    }

    /// The next bytes, and what is left.
    fn next(mut self) -> io::Result<(Bytes, Self)> {
        let size = usize::try_from(self.length).unwrap_or(CHUNK).min(CHUNK);
        let mut bytes = vec![0; size];
        let mut file = self.file.as_ref();
        file.seek(SeekFrom::Start(self.from))?;
        file.read_exact(&mut bytes)?;
        self.from += size as u64;
        self.length -= size as u64;
        Ok((Bytes::from(bytes), self))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;
    use tempfile::TempDir;

    use super::*;

    /// A body of so many pieces, each a second after the one before.
    fn body(pieces: usize, size: usize) -> impl Body<Data = Bytes, Error = io::Error> + Unpin {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Frame::data(Bytes::from(vec![b'x'; size])))
        });
        StreamBody::new(Box::pin(pieces))
    }

    use futures_util::StreamExt as _;

    #[tokio::test(start_paused = true)]
    async fn a_large_body_is_in_a_file_that_goes_with_it() {
        let folder = TempDir::new().unwrap();
        let received = receive(body(10, 300_000), Some(folder.path()))
            .await
            .unwrap();
        let Received::File(spooled) = received else {
            panic!("it is in memory");
        };
        assert_eq!(spooled.length, 3_000_000);
        assert_eq!(fs::metadata(&spooled.path).unwrap().len(), 3_000_000);
        drop(spooled);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let small = receive(body(3, 100_000), Some(folder.path()))
            .await
            .unwrap();
        assert!(matches!(small, Received::Memory(bytes) if bytes.len() == 300_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_ended_and_a_slow_one_is_not() {
        let trickling = receive(body(100, 1), None).await.unwrap_err();
        assert!(matches!(trickling, Lost::TooSlow), "{trickling}");
        assert!(receive(body(100, 1000), None).await.is_ok());
        assert!(receive(body(10, 1), None).await.is_ok());
    }

    #[tokio::test]
    async fn a_part_of_a_file_is_sent_in_pieces() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("object");
        let content: Vec<u8> = (0..700_000_u32)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        fs::write(&path, &content).unwrap();
        let part = Outgoing {
            file: Arc::new(File::open(&path).unwrap()),
            from: 10,
            length: 600_000,
        };
        let frames: Vec<_> = Box::pin(part.clone().frames()).collect().await;
        let pieces = frames
            .into_iter()
            .map(|frame| frame.unwrap().into_data().unwrap());
        let pieces: Vec<Bytes> = pieces.collect();
        assert!(pieces.iter().all(|piece| piece.len() <= CHUNK));
        assert_eq!(pieces.concat(), content[10..600_010]);
        assert_eq!(part.whole().await.unwrap(), content[10..600_010]);
    }
}
