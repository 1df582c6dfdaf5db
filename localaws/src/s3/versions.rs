//! The versions of a key that are not its file: those before it, and delete markers.
//!
//! The current version is the file in the bucket's folder, which people can read. The others are in `.state/versions`: a
//! folder a key, and there for each version its description, and its bytes if it is no marker. A key without a file has
//! a marker as its newest version; one whose file people removed while nobody watched just has no current version.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::crypto::{Checksum as _, Sha256};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::failure::failed;
use super::record::{NULL, Record, Stamp};
use super::store::{Inner, Store};
use super::versioning::Versioning;
use crate::wire::hex;

/// Characters of a version id, as S3 forms them.
pub(super) const ID_LENGTH: usize = 32;

/// A version that is not the key's file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) key: String,
    /// None for the null version.
    pub(super) version: Option<String>,
    pub(super) stamp: Stamp,
    /// What is known of the object; none for a delete marker.
    pub(super) object: Option<Record>,
}

impl Kept {
    pub(super) fn id(&self) -> &str {
        self.version.as_deref().unwrap_or(NULL)
    }
}

/// Where a version is described, by its place among the versions of its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(PathBuf);

impl Place {
    fn is_of(&self, id: &str) -> bool {
        let name = self.0.file_stem().and_then(|name| name.to_str());
        name.and_then(|name| name.split_once('-'))
            .is_some_and(|(_, of)| of == id)
    }

    /// The file of its bytes.
    pub(super) fn bytes(&self) -> PathBuf {
        self.0.with_extension("bytes")
    }

    pub(super) fn read(&self) -> S3Result<Kept> {
        let json = fs::read(&self.0).map_err(failed("read", &self.0))?;
        serde_json::from_slice(&json).map_err(|error| s3_error!(error, InternalError))
    }

    pub(super) fn write(&self, kept: &Kept) -> S3Result<()> {
        let json = serde_json::to_vec(kept).map_err(|error| s3_error!(error, InternalError))?;
        fs::write(&self.0, json).map_err(failed("write", &self.0))
    }
}

impl Store {
    /// The id of a version that is made now; none if it is the null version.
    pub(super) fn new_version(&self, inner: &Inner, bucket: &str, key: &str) -> Option<String> {
        if inner.versioning.get(bucket) != Some(&Versioning::Enabled) {
            return None;
        }
        // Numbers grow over restarts, too, so that no id comes twice.
        let unique = format!("{:016X}/{bucket}/{key}", self.events.number());
        let digest = Sha256::checksum(unique.as_bytes());
        let bytes = &digest.as_ref()[..ID_LENGTH / 4 * 3];
        Some(URL_SAFE_NO_PAD.encode(bytes).replace('-', "."))
    }

    /// The folder of a bucket's keys that have such versions.
    pub(super) fn versions_folder(&self, bucket: &str) -> PathBuf {
        self.state.join("versions").join(bucket)
    }

    fn versions_of(&self, bucket: &str, key: &str) -> PathBuf {
        let digest = hex(Sha256::checksum(key.as_bytes()).as_ref());
        self.versions_folder(bucket).join(digest)
    }

    /// Where the versions of a key are described, the newest first.
    pub(super) fn places(&self, bucket: &str, key: &str) -> S3Result<Vec<Place>> {
        places(&self.versions_of(bucket, key))
    }

    pub(super) fn place(&self, bucket: &str, key: &str, id: &str) -> S3Result<Option<Place>> {
        let places = self.places(bucket, key)?;
        Ok(places.into_iter().find(|place| place.is_of(id)))
    }

    fn new_place(&self, bucket: &str, kept: &Kept) -> S3Result<Place> {
        let folder = self.versions_of(bucket, &kept.key);
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        let name = format!("{:016X}-{}.json", self.events.number(), kept.id());
        Ok(Place(folder.join(name)))
    }

    /// Keeps what is the key's file now as a version of it. The file stays, for what follows to replace or remove.
    pub(super) fn archive(&self, bucket: &str, path: &Path, record: &Record) -> S3Result<()> {
        let kept = Kept {
            key: record.key.clone(),
            version: record.version.clone(),
            stamp: record.stamp,
            object: Some(record.clone()),
        };
        let place = self.new_place(bucket, &kept)?;
        let bytes = place.bytes();
        // A second name for the same bytes: who reads the file meanwhile finds it. Some file systems have no such.
        fs::hard_link(path, &bytes)
            .or_else(|_| fs::rename(path, &bytes))
            .map_err(failed("keep", path))?;
        place.write(&kept)
    }

    /// Makes a delete marker the newest version of a key.
    pub(super) fn mark(&self, bucket: &str, key: &str, version: Option<String>) -> S3Result<()> {
        let now = self.events.clock.outside_now().as_nanosecond();
        let kept = Kept {
            key: key.to_owned(),
            version,
            stamp: Stamp {
                size: 0,
                modified: u64::try_from(now).unwrap_or_default(),
            },
            object: None,
        };
        self.new_place(bucket, &kept)?.write(&kept)
    }

    /// Forgets the null version of a key, if it is not the key's file.
    pub(super) fn forget_null(&self, bucket: &str, key: &str) -> S3Result<()> {
        match self.place(bucket, key, NULL)? {
            Some(place) => self.forget(bucket, key, &place),
            None => Ok(()),
        }
    }

    pub(super) fn forget(&self, bucket: &str, key: &str, place: &Place) -> S3Result<()> {
        fs::remove_file(&place.0).map_err(failed("remove", &place.0))?;
        // A marker has none.
        let _ = fs::remove_file(place.bytes());
        let _ = fs::remove_dir(self.versions_of(bucket, key));
        Ok(())
    }

    /// Makes the newest version the key's file again, if it is an object. Says whether it was.
    pub(super) fn promote(
        &self,
        inner: &mut Inner,
        bucket: &str,
        key: &str,
        path: &Path,
    ) -> S3Result<bool> {
        let Some(newest) = self.places(bucket, key)?.into_iter().next() else {
            return Ok(false);
        };
        let Some(record) = newest.read()?.object else {
            return Ok(false);
        };
        let bytes = newest.bytes();
        fs::rename(&bytes, path).map_err(failed("write", path))?;
        self.forget(bucket, key, &newest)?;
        self.keep(bucket, &record)?;
        let object = (bucket.to_owned(), key.to_owned());
        inner.announced.insert(object.clone(), record.stamp);
        inner.records.insert(object, record);
        Ok(true)
    }
}

/// Where the versions in this folder are described, the newest first.
pub(super) fn places(folder: &Path) -> S3Result<Vec<Place>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("read", folder))?,
    };
    let mut places = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed("read", folder))?.path();
        if path.extension().is_some_and(|end| end == "json") {
            places.push(Place(path));
        }
    }
    places.sort_unstable_by(|one, other| other.cmp(one));
    Ok(places)
}
