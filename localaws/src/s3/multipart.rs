//! Multipart uploads: a folder each beside the buckets, with a file per part.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{CompletedPart, ETag};
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::checksum::{Digests, compute};
use super::failure::{failed, invalid_argument, with_details};
use super::payload::Payload;
use super::record::{Checksums, Completed, Headers, PartRecord, Record, Stamp};
use super::store::{Draft, New, Store, stamp_of};
use crate::wire::hex;

/// The smallest part but for the last ("Amazon S3 multipart upload limits").
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
/// Parts are numbered from 1 to this.
const LAST_PART: i32 = 10_000;

/// What an upload was begun with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) acl: String,
    pub(super) headers: Headers,
    /// The object's.
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// The checksums that its parts must come with.
    #[serde(default)]
    pub(super) algorithm: Option<String>,
    /// Whether the object's checksum is of the whole, not of its parts' checksums.
    #[serde(default)]
    pub(super) full_object: bool,
    /// When it was begun, in seconds since 1970.
    #[serde(default)]
    pub(super) begun_at: u64,
}

/// Completed uploads that are remembered at most.
const MOST_COMPLETED: usize = 10_000;

fn named_part(part: &CompletedPart) -> (i32, String) {
    let etag = part.e_tag.as_ref().map(|etag| etag.value().to_owned());
    (
        part.part_number.unwrap_or_default(),
        etag.unwrap_or_default(),
    )
}

/// Names an upload in a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct UploadName<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) id: &'a str,
}

/// A part that has arrived.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) stamp: Stamp,
    pub(super) etag: String,
    /// The checksum of the upload's algorithm.
    pub(super) checksums: Checksums,
}

impl Upload {
    /// What is computed of each part, and of the object: the checksum of the upload's algorithm.
    pub(super) fn asked(&self) -> Checksums {
        let algorithm = self.algorithm.as_deref();
        algorithm
            .map(|algorithm| Checksums::one(algorithm, ""))
            .unwrap_or_default()
    }
}

impl Store {
    /// Begins an upload and names it.
    pub(super) fn begin_upload(&self, upload: &Upload) -> S3Result<String> {
        let key = &upload.key;
        self.bucket(&upload.bucket)?;
        super::place::relative(key).map_err(|why| super::failure::not_a_file(key, why))?;
        let json = serde_json::to_vec(upload).map_err(|error| s3_error!(error, InternalError))?;
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
        payload: &Payload,
        digests: &Digests,
    ) -> S3Result<Part> {
        let (folder, upload) = self.upload(name)?;
        if !(1..=LAST_PART).contains(&number) {
            return Err(invalid_argument(
                "partNumber",
                &number.to_string(),
                format!("Part number must be an integer between 1 and {LAST_PART}, inclusive"),
            ));
        }
        let path = folder.join(part_file(number));
        let draft = self.draft(payload, digests.etag())?;
        self.date(&draft.path)?;
        let stamp = stamp_of(&draft.path).ok_or_else(|| s3_error!(InternalError))?;
        let asked = upload.asked();
        let part = Part {
            number,
            stamp,
            etag: digests.etag(),
            checksums: digests.checksums.only(&asked),
        };
        let json = serde_json::to_vec(&part).map_err(|error| s3_error!(error, InternalError))?;
        // A part without its description does not count, so this comes last.
        fs::rename(&draft.path, &path).map_err(failed("write", &path))?;
        let path = path.with_extension("json");
        fs::write(&path, json).map_err(failed("write", &path))?;
        Ok(part)
    }

    /// The parts that have arrived, by number.
    pub(super) fn parts(&self, name: UploadName<'_>) -> S3Result<Vec<Part>> {
        let (folder, _) = self.upload(name)?;
        let mut parts: Vec<Part> = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed("read", &folder))? {
            let path = entry.map_err(failed("read", &folder))?.path();
            let is_part = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("part-") && name.ends_with(".json"));
            if is_part {
                let json = fs::read(&path).map_err(failed("read", &path))?;
                let part = serde_json::from_slice(&json);
                parts.push(part.map_err(|error| s3_error!(error, InternalError))?);
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
            return Err(s3_error!(MalformedXML));
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
        let mut joined: Vec<PartRecord> = Vec::new();
        for (index, (number, wanted)) in numbers.iter().zip(wanted).enumerate() {
            let part = arrived.iter().find(|part| part.number == *number);
            let part = named(&upload, part, wanted)?;
            joined.push(PartRecord {
                number: *number,
                size: part.stamp.size,
                checksums: part.checksums.clone(),
            });
            if part.stamp.size < SMALLEST_PART && index + 1 < numbers.len() {
                return Err(too_small(part));
            }
            let path = folder.join(part_file(*number));
            let copied = File::open(&path).and_then(|mut from| io::copy(&mut from, &mut whole));
            copied.map_err(failed("read", &path))?;
            digests.update(&bytes_of_hex(&part.etag));
        }
        draft.etag = format!("{}-{}", hex(&digests.finalize()), numbers.len());
        let checksums = match upload.algorithm.as_deref() {
            None => Checksums::default(),
            Some(algorithm) if upload.full_object => {
                let asked = Checksums::one(algorithm, "");
                let found = File::open(&draft.path).and_then(|file| Digests::of(file, &asked));
                found.map_err(failed("read", &draft.path))?.checksums
            }
            Some(algorithm) => composite(algorithm, &joined),
        };
        Ok((
            draft,
            New {
                acl: upload.acl,
                headers: upload.headers,
                tags: upload.tags,
                checksums,
                parts: joined,
            },
        ))
    }

    /// Forgets an upload's parts, and remembers with what it was completed: the same request may come again.
    pub(super) fn complete_upload(
        &self,
        name: UploadName<'_>,
        parts: &[CompletedPart],
        object: &Record,
    ) -> S3Result<()> {
        self.end_upload(name)?;
        let done = Completed {
            bucket: name.bucket.to_owned(),
            key: name.key.to_owned(),
            parts: parts.iter().map(named_part).collect(),
            etag: object.etag.clone(),
            version: object.version.clone(),
        };
        let mut inner = self.lock();
        if inner.completed.len() >= MOST_COMPLETED {
            inner.completed.clear();
        }
        inner.completed.insert(name.id.to_owned(), done);
        Ok(())
    }

    /// The object that this very request made before, if it is still there.
    pub(super) fn completed(
        &self,
        name: UploadName<'_>,
        parts: &[CompletedPart],
    ) -> S3Result<Option<Record>> {
        let (etag, version) = match self.lock().completed.get(name.id) {
            Some(done)
                if done.bucket == name.bucket
                    && done.key == name.key
                    && done.parts == parts.iter().map(named_part).collect::<Vec<_>>() =>
            {
                (done.etag.clone(), done.version.clone())
            }
            _ => return Ok(None),
        };
        let found = self.held(name.bucket, name.key, version.as_deref()).ok();
        Ok(found
            .map(|(_, record)| record)
            .filter(|record| record.etag == etag))
    }

    /// Forgets an upload and its parts.
    pub(super) fn end_upload(&self, name: UploadName<'_>) -> S3Result<()> {
        let (folder, _) = self.upload(name)?;
        fs::remove_dir_all(&folder).map_err(failed("remove", &folder))
    }

    /// The uploads to a bucket that are under way, by key and id.
    pub(super) fn uploads(&self, bucket: &str) -> S3Result<BTreeMap<(String, String), Upload>> {
        self.bucket(bucket)?;
        let folder = self.state.join("uploads");
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(failed("read", &folder))? {
            let entry = entry.map_err(failed("read", &folder))?;
            let json = fs::read(entry.path().join("upload.json")).ok();
            let upload = json.and_then(|json| serde_json::from_slice::<Upload>(&json).ok());
            let id = entry.file_name().into_string().ok();
            if let (Some(upload), Some(id)) = (upload.filter(|it| it.bucket == bucket), id) {
                found.insert((upload.key.clone(), id), upload);
            }
        }
        Ok(found)
    }

    pub(super) fn upload(&self, name: UploadName<'_>) -> S3Result<(PathBuf, Upload)> {
        self.bucket(name.bucket)?;
        let no_such_upload = || {
            let error = s3_error!(
                NoSuchUpload,
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
            );
            with_details(error, &[("UploadId", name.id)])
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

/// The part, if it is the one that the completing request names by entity tag and checksum. Where the object's checksum
/// is made of the parts', the request must name them.
fn named<'a>(
    upload: &Upload,
    part: Option<&'a Part>,
    wanted: &CompletedPart,
) -> S3Result<&'a Part> {
    let number = wanted.part_number.unwrap_or_default();
    let no_part = || {
        s3_error!(
            InvalidPart,
            "Part {number} could not be found, or its entity tag or checksum is not the one you named."
        )
    };
    let tag = wanted.e_tag.as_ref().map(ETag::value);
    let part = part.filter(|part| tag == Some(part.etag.as_str()));
    let part = part.ok_or_else(no_part)?;
    let Some(algorithm) = upload.algorithm.as_deref() else {
        return Ok(part);
    };
    let checksum = Checksums {
        crc32: wanted.checksum_crc32.clone(),
        crc32c: wanted.checksum_crc32c.clone(),
        crc64nvme: wanted.checksum_crc64nvme.clone(),
        sha1: wanted.checksum_sha1.clone(),
        sha256: wanted.checksum_sha256.clone(),
    }
    .get(algorithm);
    if checksum.is_none() && !upload.full_object {
        let algorithm = algorithm.to_ascii_lowercase();
        return Err(s3_error!(
            InvalidRequest,
            "The upload was created using a {algorithm} checksum. The complete request must include the checksum for each part. It was missing for part {number} in the request."
        ));
    }
    match checksum.is_none() || checksum == part.checksums.get(algorithm) {
        true => Ok(part),
        false => Err(no_part()),
    }
}

/// The checksum of the parts' checksums, and how many there are ("Using part-level checksums for multipart uploads").
fn composite(algorithm: &str, parts: &[PartRecord]) -> Checksums {
    let of_parts = parts
        .iter()
        .filter_map(|part| part.checksums.get(algorithm));
    let bytes: Vec<u8> = of_parts
        .filter_map(|checksum| STANDARD.decode(checksum).ok())
        .flatten()
        .collect();
    let whole = compute(&Checksums::one(algorithm, ""), &bytes);
    let whole = whole.get(algorithm).unwrap_or_default();
    Checksums::one(algorithm, &format!("{whole}-{}", parts.len()))
}

fn too_small(part: &Part) -> S3Error {
    let error = s3_error!(
        EntityTooSmall,
        "Your proposed upload is smaller than the minimum allowed size"
    );
    let (number, size) = (part.number.to_string(), part.stamp.size.to_string());
    let least = SMALLEST_PART.to_string();
    with_details(
        error,
        &[
            ("ETag", &part.etag),
            ("MinSizeAllowed", &least),
            ("PartNumber", &number),
            ("ProposedSize", &size),
        ],
    )
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
