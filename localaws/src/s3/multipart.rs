//! Multipart uploads: a folder each beside the buckets, with a file per part.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::CompletedPart;
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::record::{Checksums, Headers, Stamp, hex, md5_of_file};
use super::store::{Draft, New, Store, failed, stamp_of};

/// The smallest part but for the last ("Amazon S3 multipart upload limits").
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
/// Parts are numbered from 1 to this.
const LAST_PART: i32 = 10_000;

/// What an upload was begun with.
#[derive(Debug, Serialize, Deserialize)]
struct Upload {
    bucket: String,
    key: String,
    acl: String,
    headers: Headers,
}

/// Names an upload in a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct UploadName<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) id: &'a str,
}

/// A part that has arrived.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) stamp: Stamp,
    pub(super) etag: String,
}

impl Store {
    /// Begins an upload and names it.
    pub(super) fn begin_upload(
        &self,
        bucket: &str,
        key: &str,
        acl: String,
        headers: Headers,
    ) -> S3Result<String> {
        self.bucket(bucket)?;
        super::place::relative(key).map_err(|why| super::store::not_a_file(key, why))?;
        let upload = Upload {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            acl,
            headers,
        };
        let json = serde_json::to_vec(&upload).map_err(|error| s3_error!(error, InternalError))?;
        loop {
            let id = self.events.ids.hex(32);
            let folder = self.state.join("uploads").join(&id);
            match fs::create_dir(&folder) {
                // An earlier run with the same seed may have made the same id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(failed("make", &folder))?,
            }
            let path = folder.join("upload.json");
            fs::write(&path, json).map_err(failed("write", &path))?;
            return Ok(id);
        }
    }

    /// Keeps a part; one that was sent before under this number is replaced.
    pub(super) fn put_part(
        &self,
        name: UploadName<'_>,
        number: i32,
        body: &[u8],
        etag: String,
    ) -> S3Result<()> {
        let (folder, _) = self.upload(name)?;
        if !(1..=LAST_PART).contains(&number) {
            return Err(s3_error!(
                InvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive"
            ));
        }
        let path = folder.join(part_file(number));
        let draft = self.draft(body, etag)?;
        fs::rename(&draft.path, &path).map_err(failed("write", &path))
    }

    /// The parts that have arrived, by number.
    pub(super) fn parts(&self, name: UploadName<'_>) -> S3Result<Vec<Part>> {
        let (folder, _) = self.upload(name)?;
        let mut parts = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed("read", &folder))? {
            let path = entry.map_err(failed("read", &folder))?.path();
            let number = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_prefix("part-"));
            if let (Some(number), Some(stamp)) = (
                number.and_then(|number| number.parse().ok()),
                stamp_of(&path),
            ) {
                let etag = md5_of_file(&path).map_err(failed("read", &path))?;
                parts.push(Part {
                    number,
                    stamp,
                    etag,
                });
            }
        }
        parts.sort_unstable_by_key(|part| part.number);
        Ok(parts)
    }

    /// Joins parts to the content of an object, and says what the upload was begun with.
    pub(super) fn assemble(
        &self,
        name: UploadName<'_>,
        wanted: &[CompletedPart],
    ) -> S3Result<(Draft, New)> {
        let (folder, upload) = self.upload(name)?;
        let arrived = self.parts(name)?;
        if wanted.is_empty() {
            return Err(s3_error!(
                MalformedXML,
                "You must specify at least one part"
            ));
        }
        let numbers: Vec<i32> = wanted
            .iter()
            .map(|part| part.part_number.unwrap_or_default())
            .collect();
        if !numbers.is_sorted_by(|one, next| one < next) {
            return Err(s3_error!(
                InvalidPartOrder,
                "The list of parts was not in ascending order."
            ));
        }
        let mut draft = Draft {
            path: self.draft_path(),
            etag: String::new(),
        };
        let mut whole = File::create(&draft.path).map_err(failed("write", &draft.path))?;
        let mut digests = Md5::new();
        for (index, (number, wanted)) in numbers.iter().zip(wanted).enumerate() {
            let part = arrived.iter().find(|part| part.number == *number);
            let part = part.filter(|part| {
                wanted
                    .e_tag
                    .as_ref()
                    .is_some_and(|etag| etag.value() == part.etag)
            });
            let part = part.ok_or_else(|| {
                s3_error!(
                    InvalidPart,
                    "Part {number} could not be found, or its entity tag is not the one you named."
                )
            })?;
            if part.stamp.size < SMALLEST_PART && index + 1 < numbers.len() {
                return Err(s3_error!(
                    EntityTooSmall,
                    "Part {number} is smaller than the minimum allowed size of 5 MiB."
                ));
            }
            let path = folder.join(part_file(*number));
            let copied = File::open(&path).and_then(|mut from| io::copy(&mut from, &mut whole));
            copied.map_err(failed("read", &path))?;
            digests.update(&bytes_of_hex(&part.etag));
        }
        draft.etag = format!("{}-{}", hex(&digests.finalize()), numbers.len());
        Ok((
            draft,
            New {
                acl: upload.acl,
                headers: upload.headers,
                checksums: Checksums::default(),
            },
        ))
    }

    /// Forgets an upload and its parts.
    pub(super) fn end_upload(&self, name: UploadName<'_>) -> S3Result<()> {
        let (folder, _) = self.upload(name)?;
        fs::remove_dir_all(&folder).map_err(failed("remove", &folder))
    }

    fn upload(&self, name: UploadName<'_>) -> S3Result<(PathBuf, Upload)> {
        self.bucket(name.bucket)?;
        let no_such_upload = || {
            s3_error!(
                NoSuchUpload,
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
            )
        };
        // An id is of our making, or it is none: it must not lead to another folder.
        if name.id.is_empty() || !name.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(no_such_upload());
        }
        let folder = self.state.join("uploads").join(name.id);
        let json = fs::read(folder.join("upload.json")).map_err(|_| no_such_upload())?;
        let upload: Upload =
            serde_json::from_slice(&json).map_err(|error| s3_error!(error, InternalError))?;
        if upload.bucket != name.bucket || upload.key != name.key {
            return Err(no_such_upload());
        }
        Ok((folder, upload))
    }
}

fn part_file(number: i32) -> String {
    format!("part-{number:05}")
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .filter_map(|digit| digit.try_into().ok())
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
