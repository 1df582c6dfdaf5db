//! Sends one file to the manifest bucket: not at all if the same is there, and where an interrupted upload stopped if there
//! is one. What S3 has is all that is remembered.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::file::{LocalFile, Part, Sums, etag, whole};
use super::report::Outcome;
use crate::aws::{Aws, AwsError, FileRange, Remedy, SentPart};
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::cli::hints;
use crate::cli::text::plain;
use crate::config::Config;

/// Parts of a file that are sent at once.
const PARTS_AT_ONCE: usize = 4;
/// Begun uploads of one object whose parts are compared: others are of other people or long gone.
const UPLOADS_LOOKED_AT: usize = 5;
/// Begun uploads of one object whose parts are listed: many may have been begun and given up before their first part.
const UPLOADS_LISTED: usize = 50;

/// Where a file goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    pub(super) aws: &'a Aws,
    pub(super) config: &'a Config,
    pub(super) key: &'a str,
}

/// Sends a file. `advance` is called with the bytes of each part that S3 has.
///
/// # Errors
/// If the file cannot be read or changes meanwhile, or S3 does not answer, or refuses.
pub(super) async fn send(
    to: Destination<'_>,
    file: &Arc<LocalFile>,
    advance: &(dyn Fn(u64) + Sync),
) -> Result<Outcome, Error> {
    if is_there(to, file).await? {
        advance(file.size);
        return Ok(Outcome::Same { size: file.size });
    }
    if file.is_large() {
        return send_in_parts(to, file, advance).await;
    }
    let part = file.parts()[0];
    let sums = sums(file, part).await?;
    let range = range(file, part, &sums);
    let sent = to.aws.send_file(&to.config.bucket, to.key, range).await;
    sent.map_err(|error| cannot_send(to, file, &error))?;
    unchanged(file)?;
    advance(file.size);
    let size = file.size;
    Ok(Outcome::Sent { size, now: size })
}

/// Whether the bucket has the same file under this key already. Uploaders may list the bucket but not read what is in
/// it, so this goes by size and `ETag`.
async fn is_there(to: Destination<'_>, file: &Arc<LocalFile>) -> Result<bool, Error> {
    let found = to.aws.listed_object(&to.config.bucket, to.key).await;
    let found = found.map_err(|error| cannot_send(to, file, &error))?;
    let Some(found) = found.filter(|found| found.size == file.size) else {
        return Ok(false);
    };
    // What was sent in other parts has another ETag, whatever is in it: no need to read the file.
    let parts = file.parts();
    let count = found.etag.trim_matches('"').rsplit_once('-');
    let count = count.and_then(|(_, count)| count.parse().ok());
    if count != file.is_large().then_some(parts.len()) {
        return Ok(false);
    }
    let mut all = Vec::new();
    for part in parts {
        all.push((part, sums(file, part).await?));
    }
    Ok(found.etag.trim_matches('"') == etag(file, &all))
}

async fn send_in_parts(
    to: Destination<'_>,
    file: &Arc<LocalFile>,
    advance: &(dyn Fn(u64) + Sync),
) -> Result<Outcome, Error> {
    let (id, before) = match begun(to, file).await? {
        Some(found) => found,
        None => (begin(to, file).await?, BTreeMap::new()),
    };
    let upload = Upload { id, before };
    match upload.send(to, file, advance).await {
        Ok(sent) => Ok(sent),
        Err(Failure::Other(error)) => Err(error),
        // Another push of the same file has completed it, or has sent parts of another one into it.
        Err(Failure::UploadEnded(_)) if is_there(to, file).await? => {
            Ok(Outcome::Same { size: file.size })
        }
        Err(Failure::UploadEnded(_)) => {
            let upload = Upload {
                id: begin(to, file).await?,
                before: BTreeMap::new(),
            };
            // What was counted stays: a bar does not go back.
            let sent = upload.send(to, file, &|_| {}).await;
            sent.map_err(|failure| match failure {
                Failure::Other(error) => error,
                Failure::UploadEnded(error) => cannot_send(to, file, &error),
            })
        }
    }
}

async fn begin(to: Destination<'_>, file: &LocalFile) -> Result<String, Error> {
    let id = to.aws.begin_upload(&to.config.bucket, to.key).await;
    id.map_err(|error| cannot_send(to, file, &error))
}

/// Why an upload was not completed.
enum Failure {
    /// It was ended meanwhile, or its parts were replaced.
    UploadEnded(AwsError),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// A multipart upload that was begun.
struct Upload {
    id: String,
    /// The parts that S3 has, by their numbers.
    before: BTreeMap<i32, SentPart>,
}

impl Upload {
    /// Sends the parts that S3 does not have, and completes the object.
    async fn send(
        &self,
        to: Destination<'_>,
        file: &Arc<LocalFile>,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<Outcome, Failure> {
        let Self { id, before } = self;
        let failed = |error: AwsError| match error.has_code("NoSuchUpload")
            || error.has_code("InvalidPart")
        {
            true => Failure::UploadEnded(error),
            false => Failure::Other(cannot_send(to, file, &error)),
        };
        let (bucket, key) = (&to.config.bucket, to.key);
        let each = file.parts().into_iter().map(async |part| {
            let sums = sums(file, part).await?;
            let same = before.get(&part.number);
            let (sent, bytes) = match same.filter(|sent| is_same(sent, part, &sums)) {
                Some(sent) => (sent.clone(), 0),
                None => {
                    let range = range(file, part, &sums);
                    let sent = to.aws.send_part(bucket, key, id, part.number, range);
                    (sent.await.map_err(failed)?, part.size)
                }
            };
            advance(part.size);
            Ok::<_, Failure>((sent, (part, sums), bytes))
        });
        let each = stream::iter(each).buffered(PARTS_AT_ONCE);
        let all: Result<Vec<_>, Failure> = each.try_collect().await;
        // Also where a part could not be read, or did not match its sums, for that.
        if let Err(changed) = unchanged(file) {
            // Nobody needs these parts any more; what cannot be aborted is ended by the bucket's lifecycle.
            let _ = to.aws.abort_upload(bucket, key, id).await;
            return Err(changed.into());
        }
        let all = all?;
        let now = all.iter().map(|(_, _, bytes)| bytes).sum();
        let (sent, parts): (Vec<_>, Vec<_>) =
            all.into_iter().map(|(sent, part, _)| (sent, part)).unzip();
        let completed = to
            .aws
            .complete_upload(bucket, key, id, &sent, whole(&parts));
        completed.await.map_err(failed)?;
        let size = file.size;
        Ok(Outcome::Sent { size, now })
    }
}

/// The begun upload of this object that has a part of this file, and its parts by their numbers; none if there is none.
/// The others may be of somebody else and are left alone: the bucket's lifecycle ends them.
async fn begun(
    to: Destination<'_>,
    file: &Arc<LocalFile>,
) -> Result<Option<(String, BTreeMap<i32, SentPart>)>, Error> {
    let failed = |error: AwsError| cannot_send(to, file, &error);
    let uploads = to.aws.begun_uploads(&to.config.bucket, to.key).await;
    let parts = file.parts();
    let mut looked_at = 0;
    for upload in uploads.map_err(failed)?.into_iter().take(UPLOADS_LISTED) {
        let sent = match to
            .aws
            .sent_parts(&to.config.bucket, to.key, &upload.id)
            .await
        {
            Ok(sent) => sent,
            // It was ended since it was listed.
            Err(error) if error.has_code("NoSuchUpload") => continue,
            Err(error) => return Err(failed(error)),
        };
        let sent: BTreeMap<i32, SentPart> = sent.into_iter().map(|it| (it.number, it)).collect();
        let first = parts
            .iter()
            .find_map(|part| Some((*part, sent.get(&part.number)?)));
        let Some((part, first)) = first else { continue };
        if is_same(first, part, &sums(file, part).await?) {
            return Ok(Some((upload.id, sent)));
        }
        looked_at += 1;
        if looked_at == UPLOADS_LOOKED_AT {
            break;
        }
    }
    Ok(None)
}

fn is_same(sent: &SentPart, part: Part, sums: &Sums) -> bool {
    sent.size == part.size && sent.crc64 == Some(sums.crc64)
}

/// Adds up a part beside the other work.
async fn sums(file: &Arc<LocalFile>, part: Part) -> Result<Sums, Error> {
    let reading = Arc::clone(file);
    let sums = tokio::task::spawn_blocking(move || reading.sums(part)).await;
    let sums = sums.unwrap_or_else(|ended| Err(std::io::Error::other(ended)));
    sums.map_err(|error| Error::from_source(format!("cannot read {}", name(file)), error))
}

fn range<'a>(file: &'a LocalFile, part: Part, sums: &Sums) -> FileRange<'a> {
    FileRange {
        path: &file.path,
        offset: part.offset,
        size: part.size,
        crc64: sums.crc64,
    }
}

/// Nothing may be completed of two states of a file.
fn unchanged(file: &LocalFile) -> Result<(), Error> {
    if !file.has_changed() {
        return Ok(());
    }
    let message = format!("{} was changed while it was sent", name(file));
    Err(Error::new(message).with_hint("push it again once it is complete"))
}

fn name(file: &LocalFile) -> String {
    plain(&file.path.display().to_string())
}

/// What S3 refuses has its own hint; anything else may work the next time.
fn cannot_send(to: Destination<'_>, file: &LocalFile, error: &AwsError) -> Error {
    if error.remedy == Remedy::Never || hints::credentials_hint(error).is_some() {
        return hints::cannot_send(to.config, error);
    }
    let mut failed = Error::from_source(format!("cannot send {}", name(file)), error.clone());
    if error.is_unanswered() {
        failed = failed.with_exit(Exit::Unreachable);
    }
    failed.with_hint("run the same command again: what has been sent is not sent again")
}
