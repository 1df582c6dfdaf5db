//! What a key holds: its file, and the record of it that is kept beside the buckets.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use s3s::crypto::{Checksum as _, Sha256};
use s3s::{S3Result, s3_error};

use super::checksum::Digests;
use super::failure::failed;
use super::place;
use super::record::{Checksums, Record, Stamp};
use super::store::{Inner, Store, stamp_of};
use crate::wire::hex;

impl Store {
    /// What the key holds now. A key that cannot be a file holds nothing.
    pub(super) fn find(&self, bucket: &str, key: &str) -> S3Result<Option<(PathBuf, Record)>> {
        let Some((path, stamp)) = self.file(bucket, key)? else {
            return Ok(None);
        };
        let record = self.record(bucket, key, &path, stamp)?;
        Ok(Some((path, record)))
    }

    /// The file of a key, if there is one.
    fn file(&self, bucket: &str, key: &str) -> S3Result<Option<(PathBuf, Stamp)>> {
        let folder = self.bucket(bucket)?;
        let path = place::relative(key).ok().map(|key| folder.join(key));
        Ok(path.and_then(|path| stamp_of(&path).map(|stamp| (path, stamp))))
    }

    /// Whether finding what this key holds takes long: a large file that did not come through S3 is read for its entity
    /// tag.
    pub(super) fn is_unread(&self, bucket: &str, key: &str) -> bool {
        let file = self.file(bucket, key).ok().flatten();
        file.is_some_and(|(_, stamp)| {
            stamp.is_large() && self.known(&mut self.lock(), bucket, key, stamp).is_none()
        })
    }

    /// Whether this key holds more than is quickly read.
    pub(super) fn is_large(&self, bucket: &str, key: &str) -> bool {
        let file = self.file(bucket, key).ok().flatten();
        file.is_some_and(|(_, stamp)| stamp.is_large())
    }

    pub(super) fn find_in(
        &self,
        inner: &mut Inner,
        bucket: &str,
        key: &str,
    ) -> S3Result<Option<(PathBuf, Record)>> {
        let Some((path, stamp)) = self.file(bucket, key)? else {
            return Ok(None);
        };
        let record = match self.known(inner, bucket, key, stamp) {
            Some(record) => record,
            None => self.make_known(inner, bucket, by_hand(key, &path, stamp)?)?,
        };
        Ok(Some((path, record)))
    }

    /// The record of the file that has this stamp: remembered, kept, or made now. A file is read without the lock.
    pub(super) fn record(
        &self,
        bucket: &str,
        key: &str,
        path: &Path,
        stamp: Stamp,
    ) -> S3Result<Record> {
        if let Some(record) = self.known(&mut self.lock(), bucket, key, stamp) {
            return Ok(record);
        }
        let made = by_hand(key, path, stamp)?;
        let mut inner = self.lock();
        match self.known(&mut inner, bucket, key, stamp) {
            // A write of the same size and time came in between.
            Some(record) => Ok(record),
            None => self.make_known(&mut inner, bucket, made),
        }
    }

    /// The record of the file that has this stamp, if it is remembered or kept.
    fn known(&self, inner: &mut Inner, bucket: &str, key: &str, stamp: Stamp) -> Option<Record> {
        let object = (bucket.to_owned(), key.to_owned());
        if let Some(record) = inner.records.get(&object)
            && record.stamp == stamp
        {
            return Some(record.clone());
        }
        let kept = fs::read(self.record_path(bucket, key)).ok()?;
        let kept = serde_json::from_slice::<Record>(&kept).ok()?;
        if kept.stamp != stamp {
            return None;
        }
        inner.records.insert(object, kept.clone());
        Some(kept)
    }

    fn make_known(&self, inner: &mut Inner, bucket: &str, mut made: Record) -> S3Result<Record> {
        made.version = self.new_version(inner, bucket, &made.key);
        if made.version.is_none() && inner.versioning.contains_key(bucket) {
            self.forget_null(bucket, &made.key)?;
        }
        self.keep(bucket, &made)?;
        let object = (bucket.to_owned(), made.key.clone());
        inner.records.insert(object, made.clone());
        Ok(made)
    }

    /// Opens an object: its record, and its file as of that record.
    pub(super) fn open_object(&self, bucket: &str, key: &str) -> S3Result<(Record, File)> {
        loop {
            let found = self.find(bucket, key)?;
            let (path, record) = found.ok_or_else(|| self.no_such_key(bucket, key))?;
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file.map_err(failed("read", &path))?,
            };
            let metadata = file.metadata().map_err(failed("read", &path))?;
            // It may be replaced between the two.
            if Stamp::of(&metadata) == record.stamp {
                return Ok((record, file));
            }
        }
    }

    pub(super) fn record_path(&self, bucket: &str, key: &str) -> PathBuf {
        // Keys are longer than file names may be; their digest is not.
        let digest = hex(Sha256::checksum(key.as_bytes()).as_ref());
        self.state
            .join("objects")
            .join(bucket)
            .join(digest + ".json")
    }

    pub(super) fn keep(&self, bucket: &str, record: &Record) -> S3Result<()> {
        let path = self.record_path(bucket, &record.key);
        let json = serde_json::to_vec(record).map_err(|error| s3_error!(error, InternalError))?;
        // Not in one step with the old one's end, which costs a flush on many file systems: a record that a crash cuts
        // short is made again from its file.
        let _ = fs::remove_file(&path);
        let written = match fs::write(&path, &json) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(&self.state);
                fs::create_dir_all(parent).map_err(failed("make", parent))?;
                fs::write(&path, &json)
            }
            written => written,
        };
        written.map_err(failed("write", &path))
    }
}

/// The record of a file that did not come through S3.
fn by_hand(key: &str, path: &Path, stamp: Stamp) -> S3Result<Record> {
    let digests = File::open(path).and_then(|file| Digests::of(file, &Checksums::default()));
    let etag = digests.map_err(failed("read", path))?.etag();
    Ok(Record::by_hand(key, etag, stamp))
}
