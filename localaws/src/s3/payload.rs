//! The bytes of an object on their way in, in memory or in a file, and the work on them.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use http::Extensions;
use s3s::crypto::{Checksum as _, Sha256};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::checksum::Digests;
use super::failure::failed;
use super::record::Checksums;
use crate::large_body::{Incoming, Spooled};

/// Bytes of an object.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    Memory(Bytes),
    /// A file that becomes the object's.
    File(Arc<Spooled>),
    /// A part of another object's file: its first byte, and how many.
    Part(Arc<File>, u64, u64),
}

impl Payload {
    /// The body of a request.
    ///
    /// # Errors
    /// 400 `IncompleteBody`.
    pub(super) async fn of(extensions: &Extensions, body: Option<StreamingBlob>) -> S3Result<Self> {
        if let Some(Incoming(file)) = extensions.get::<Incoming>() {
            return Ok(Self::File(Arc::clone(file)));
        }
        let Some(body) = body else {
            return Ok(Self::Memory(Bytes::new()));
        };
        let whole = body.try_fold(BytesMut::new(), |mut whole, chunk| async move {
            whole.extend_from_slice(&chunk);
            Ok(whole)
        });
        let whole = whole
            .await
            .map_err(|error| S3Error::with_source(S3ErrorCode::IncompleteBody, error))?;
        Ok(Self::Memory(whole.freeze()))
    }

    /// Whether work on these bytes takes long enough to keep others waiting.
    pub(super) fn is_large(&self) -> bool {
        match self {
            Self::Memory(bytes) => bytes.len() > crate::large_body::IN_MEMORY,
            Self::File(_) => true,
            Self::Part(_, _, length) => *length > crate::large_body::IN_MEMORY as u64,
        }
    }

    /// Computes over the bytes.
    pub(super) fn digests(&self, asked: &Checksums) -> S3Result<Digests> {
        let read = |path: &Path, bytes: io::Result<Digests>| bytes.map_err(failed("read", path));
        match self {
            Self::Memory(bytes) => read(Path::new("a body"), Digests::of(&bytes[..], asked)),
            Self::File(file) => {
                let bytes = File::open(&file.path).and_then(|file| Digests::of(file, asked));
                read(&file.path, bytes)
            }
            Self::Part(file, from, length) => {
                let part = part(file, *from, *length);
                read(
                    Path::new("an object"),
                    part.and_then(|part| Digests::of(part, asked)),
                )
            }
        }
    }

    /// Makes a file of the bytes: the one that they are in, if it is theirs.
    pub(super) fn write(&self, path: &Path) -> S3Result<()> {
        let written = match self {
            Self::Memory(bytes) => fs::write(path, bytes),
            Self::File(file) => fs::rename(&file.path, path),
            Self::Part(file, from, length) => part(file, *from, *length).and_then(|mut part| {
                let mut written = File::create(path)?;
                io::copy(&mut part, &mut written).map(|_| ())
            }),
        };
        written.map_err(failed("write", path))
    }
}

fn part(file: &File, from: u64, length: u64) -> io::Result<impl Read> {
    let mut file = file;
    file.seek(SeekFrom::Start(from))?;
    Ok(file.take(length))
}

/// SHA-256 of a body.
pub(super) fn sha256(body: &Spooled) -> S3Result<Vec<u8>> {
    let digest = || {
        let mut file = File::open(&body.path)?;
        let mut sha256 = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(sha256.finalize().as_ref().to_vec()),
                read => sha256.update(&buffer[..read]),
            }
        }
    };
    digest().map_err(failed("read", &body.path))
}

/// Decodes a body in `aws-chunked` coding into a file of its own, and gives the headers that followed it. Nothing if it
/// is not in this coding or ends early.
pub(super) fn decoded(coded: &Spooled, into: &Path) -> S3Result<Option<(Spooled, Trailers)>> {
    let mut decoded = Spooled {
        path: into.to_owned(),
        length: 0,
    };
    let mut decode = || {
        let reader = BufReader::new(File::open(&coded.path)?);
        let mut writer = BufWriter::new(File::create(into)?);
        let trailers = super::chunked::decode(reader, &mut writer)?;
        writer.flush()?;
        decoded.length = writer.get_ref().metadata()?.len();
        Ok(trailers)
    };
    let trailers = decode().map_err(failed("decode", &coded.path))?;
    Ok(trailers.map(|trailers| (decoded, trailers)))
}

/// Headers that follow a body.
pub(super) type Trailers = Vec<(String, String)>;
