//! What changes which objects there are. A condition is checked and its write done as one step under the one lock.

use std::fs;
use std::io;
use std::path::Path;

use s3s::{S3Result, s3_error};

use super::condition;
use super::event::{About, Gone, Reason};
use super::failure::{failed, not_a_file};
use super::place;
use super::record::{NULL, Record, Stamp};
use super::store::{Draft, Inner, New, Store, stamp_of};
use super::versions::Kept;

/// What was deleted.
#[derive(Debug)]
pub(super) struct Removed {
    /// The version that was deleted, or that the delete marker is which was made.
    pub(super) version: Option<String>,
    /// Whether that is a delete marker.
    pub(super) is_marker: bool,
}

impl Store {
    /// Puts a draft in its place if the condition holds, and sends the event to EventBridge. What was there stays as a
    /// version, if the bucket keeps them.
    pub(super) fn commit(
        &self,
        about: About<'_>,
        draft: &Draft,
        new: New,
        condition: &condition::Write,
        reason: Reason,
    ) -> S3Result<Record> {
        let (bucket, key) = (about.bucket, about.key);
        // So that what is there now is not read under the lock.
        self.find(bucket, key)?;
        let mut inner = self.lock();
        let folder = self.bucket(bucket)?;
        let path = folder.join(place::relative(key).map_err(|why| not_a_file(key, why))?);
        let current = self.find_in(&mut inner, bucket, key)?;
        condition.check(current.as_ref().map(|(_, record)| record))?;
        self.make_room(key, &path)?;
        self.date(&draft.path)?;
        let version = self.new_version(&inner, bucket, key);
        if let Some((path, record)) = current.filter(|(_, record)| record.version != version) {
            self.archive(bucket, &path, &record)?;
        }
        if version.is_none() && inner.versioning.contains_key(bucket) {
            self.forget_null(bucket, key)?;
        }
        let stamp = put_in_place(&draft.path, &path)?;
        let record = Record {
            key: key.to_owned(),
            version,
            stamp,
            etag: draft.etag.clone(),
            acl: new.acl,
            headers: new.headers,
            checksums: new.checksums,
            tags: new.tags,
            parts: new.parts,
        };
        self.keep(bucket, &record)?;
        let object = (bucket.to_owned(), key.to_owned());
        inner.records.insert(object.clone(), record.clone());
        inner.announced.insert(object, stamp);
        if Self::publishes(&inner, bucket) {
            self.events.created(about, &record, reason);
        }
        Ok(record)
    }

    /// Makes the folders that a key's file is in.
    fn make_room(&self, key: &str, path: &Path) -> S3Result<()> {
        if path.is_dir() {
            return Err(not_a_file(key, "other keys have it as their folder"));
        }
        let parent = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                not_a_file(key, "one of its folders is an object itself")
            }
            _ => failed("make", parent)(error),
        })
    }

    /// Deletes an object if the condition holds, and sends the event to EventBridge: for good in a bucket without
    /// versions, else by a delete marker. With a version, deletes that one for good.
    pub(super) fn remove(
        &self,
        about: About<'_>,
        version: Option<&str>,
        condition: &condition::Write,
    ) -> S3Result<Removed> {
        let (bucket, key) = (about.bucket, about.key);
        self.find(bucket, key)?;
        let mut inner = self.lock();
        if let Some(id) = version {
            return self.remove_version(&mut inner, about, id);
        }
        let current = self.find_in(&mut inner, bucket, key)?;
        condition.check(current.as_ref().map(|(_, record)| record))?;
        if !inner.versioning.contains_key(bucket) {
            if let Some((path, record)) = current {
                self.take_away(&mut inner, bucket, &path, &record)?;
                self.announce_gone(&inner, about, &record);
            }
            return Ok(Removed {
                version: None,
                is_marker: false,
            });
        }
        let version = self.new_version(&inner, bucket, key);
        if let Some((path, record)) = current {
            if record.version != version {
                self.archive(bucket, &path, &record)?;
            }
            self.take_away(&mut inner, bucket, &path, &record)?;
        }
        self.mark_deleted(&inner, about, version)
    }

    /// Makes a delete marker the newest version of a key, and sends the event to EventBridge.
    pub(super) fn mark_deleted(
        &self,
        inner: &Inner,
        about: About<'_>,
        version: Option<String>,
    ) -> S3Result<Removed> {
        if version.is_none() {
            self.forget_null(about.bucket, about.key)?;
        }
        self.mark(about.bucket, about.key, version.clone())?;
        if Self::publishes(inner, about.bucket) {
            self.events
                .deleted(about, &Gone::marked(version.as_deref()));
        }
        Ok(Removed {
            version: Some(version.unwrap_or_else(|| NULL.to_owned())),
            is_marker: true,
        })
    }

    /// Deletes a version for good. Without the newest one, the one before it is the key's file again.
    fn remove_version(&self, inner: &mut Inner, about: About<'_>, id: &str) -> S3Result<Removed> {
        let (bucket, key) = (about.bucket, about.key);
        let kept = self.kept(inner, bucket, key, id)?;
        let current = self.find_in(inner, bucket, key)?;
        let has_file = current.is_some();
        let mut removed = Removed {
            version: Some(id.to_owned()),
            is_marker: false,
        };
        if let Some((path, record)) = current.filter(|(_, record)| record.version() == id) {
            self.take_away(inner, bucket, &path, &record)?;
            self.make_current(inner, bucket, key)?;
            self.announce_gone(inner, about, &record);
            return Ok(removed);
        }
        let Some((place, Kept { object, .. })) = kept else {
            return Ok(removed);
        };
        self.forget(bucket, key, &place)?;
        if !has_file {
            self.make_current(inner, bucket, key)?;
        }
        removed.is_marker = object.is_none();
        match object {
            Some(record) => self.announce_gone(inner, about, &record),
            None if Self::publishes(inner, bucket) => {
                let version = Some(id).filter(|id| *id != NULL);
                self.events.deleted(about, &Gone::unmarked(version));
            }
            None => {}
        }
        Ok(removed)
    }

    /// The newest version becomes the key's file, unless it is a delete marker.
    fn make_current(&self, inner: &mut Inner, bucket: &str, key: &str) -> S3Result<()> {
        let folder = self.bucket(bucket)?;
        // A key that no file can have has markers only.
        let Ok(relative) = place::relative(key) else {
            return Ok(());
        };
        let path = folder.join(relative);
        let made = self.make_room(key, &path);
        let promoted = made.and_then(|()| self.promote(inner, bucket, key, &path));
        if !matches!(promoted, Ok(true)) {
            self.prune(&path);
        }
        promoted.map(|_| ())
    }

    /// Removes a key's file and what is kept of it.
    fn take_away(
        &self,
        inner: &mut Inner,
        bucket: &str,
        path: &Path,
        record: &Record,
    ) -> S3Result<()> {
        match fs::remove_file(path) {
            // It was moved to be a version.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(failed("remove", path))?,
        }
        self.prune(path);
        let _ = fs::remove_file(self.record_path(bucket, &record.key));
        let object = (bucket.to_owned(), record.key.clone());
        inner.records.remove(&object);
        inner.announced.remove(&object);
        Ok(())
    }

    fn announce_gone(&self, inner: &Inner, about: About<'_>, record: &Record) {
        if Self::publishes(inner, about.bucket) {
            self.events.deleted(about, &Gone::of(record));
        }
    }

    /// Removes the folders that a removed object leaves empty: S3 has no folders, and they would bar keys.
    fn prune(&self, path: &Path) {
        let above = path.ancestors().skip(1);
        let folders = above.take_while(|folder| {
            folder
                .parent()
                .is_some_and(|parent| parent != self.root && parent.starts_with(&self.root))
        });
        for folder in folders {
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }
}

fn put_in_place(draft: &Path, path: &Path) -> S3Result<Stamp> {
    fs::rename(draft, path).map_err(failed("write", path))?;
    stamp_of(path).ok_or_else(|| {
        s3_error!(
            InternalError,
            "{} went away as it was written",
            path.display()
        )
    })
}
