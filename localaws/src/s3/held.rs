//! What a request names by its key, and maybe by a version of it: the object, or why there is none ("Retrieving object
//! versions from a versioning-enabled bucket", "Working with delete markers", Amazon S3 User Guide).

use std::fs::File;
use std::path::PathBuf;

use http::HeaderMap;
use http::header::{ALLOW, HeaderName, HeaderValue, LAST_MODIFIED};
use s3s::{S3Error, S3Result, s3_error};

use super::condition;
use super::failure::failed;
use super::record::{NULL, Record, http_date};
use super::store::{Inner, Store};
use super::versions::{ID_LENGTH, Kept, Place};

/// Checks that a version id is one that S3 could have made.
///
/// # Errors
/// 400 `InvalidArgument`.
pub(super) fn check_id(id: &str) -> S3Result<()> {
    if id.is_empty() {
        return Err(s3_error!(
            InvalidArgument,
            "Version id cannot be the empty string"
        ));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
    if id == NULL || (id.len() == ID_LENGTH && id.bytes().all(is_plain)) {
        return Ok(());
    }
    Err(invalid_id())
}

fn invalid_id() -> S3Error {
    s3_error!(InvalidArgument, "Invalid version id specified")
}

impl Store {
    /// What answers say is the version of this object: nothing in a bucket that never kept versions.
    pub(super) fn shown_version(&self, bucket: &str, record: &Record) -> Option<String> {
        self.versioning(bucket)?;
        Some(record.version().to_owned())
    }

    /// The version of this id that is not the key's file.
    ///
    /// # Errors
    /// 400 for what cannot be an id.
    pub(super) fn kept(
        &self,
        inner: &Inner,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> S3Result<Option<(Place, Kept)>> {
        check_id(id)?;
        if id != NULL && !inner.versioning.contains_key(bucket) {
            return Err(invalid_id());
        }
        let Some(place) = self.place(bucket, key, id)? else {
            return Ok(None);
        };
        let kept = place.read()?;
        Ok(Some((place, kept)))
    }

    /// An object: the key's current one, or the version of this id.
    ///
    /// # Errors
    /// 404 if there is none, 405 for a delete marker, 400 for what cannot be an id.
    pub(super) fn held(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> S3Result<(PathBuf, Record)> {
        // A file that did not come through S3 is not read under the lock.
        let current = self.find(bucket, key)?;
        match version {
            None => current.ok_or_else(|| self.no_such_key(bucket, key)),
            Some(id) => self.held_in(&mut self.lock(), bucket, key, id),
        }
    }

    fn held_in(
        &self,
        inner: &mut Inner,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> S3Result<(PathBuf, Record)> {
        let kept = self.kept(inner, bucket, key, id)?;
        if let Some((path, record)) = self.find_in(inner, bucket, key)?
            && record.version() == id
        {
            return Ok((path, record));
        }
        match kept {
            Some((
                place,
                Kept {
                    object: Some(record),
                    ..
                },
            )) => Ok((place.bytes(), record)),
            Some((_, marker)) => Err(not_allowed(Some(&marker))),
            None => Err(s3_error!(
                NoSuchVersion,
                "The specified version does not exist."
            )),
        }
    }

    /// Opens an object: its record, and its file as of that record.
    pub(super) fn open_held(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> S3Result<(Record, File)> {
        let Some(id) = version else {
            return self.open_object(bucket, key);
        };
        self.find(bucket, key)?;
        // Under the lock, so that it is not moved in between.
        let mut inner = self.lock();
        let (path, record) = self.held_in(&mut inner, bucket, key, id)?;
        let file = File::open(&path).map_err(failed("read", &path))?;
        Ok((record, file))
    }

    /// Changes what is kept of an object beside its bytes.
    pub(super) fn change(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        change: impl FnOnce(&mut Record),
    ) -> S3Result<Record> {
        self.find(bucket, key)?;
        let mut inner = self.lock();
        let kept = version.map(|id| self.kept(&inner, bucket, key, id));
        let current = self.find_in(&mut inner, bucket, key)?;
        let current = current.map(|(_, record)| record);
        if let Some(mut record) = current.filter(|it| version.is_none_or(|id| it.version() == id)) {
            change(&mut record);
            self.keep(bucket, &record)?;
            let object = (bucket.to_owned(), key.to_owned());
            inner.records.insert(object, record.clone());
            return Ok(record);
        }
        match kept.transpose()?.flatten() {
            Some((place, mut kept)) => {
                let Some(record) = &mut kept.object else {
                    return Err(not_allowed(Some(&kept)));
                };
                change(record);
                let record = record.clone();
                place.write(&kept)?;
                Ok(record)
            }
            None if version.is_some() => Err(s3_error!(
                NoSuchVersion,
                "The specified version does not exist."
            )),
            None if self.marker(bucket, key).is_some() => Err(not_allowed(None)),
            None => Err(condition::no_such_key()),
        }
    }

    /// The delete marker that is the newest version of a key without a file.
    fn marker(&self, bucket: &str, key: &str) -> Option<Kept> {
        let newest = self.places(bucket, key).ok()?.into_iter().next()?;
        newest.read().ok().filter(|kept| kept.object.is_none())
    }

    /// 404: the key has no object; and whether that is because of a delete marker.
    pub(super) fn no_such_key(&self, bucket: &str, key: &str) -> S3Error {
        let mut error = condition::no_such_key();
        if let Some(marker) = self.marker(bucket, key) {
            error.set_headers(headers_of(&marker));
        }
        error
    }
}

fn headers_of(marker: &Kept) -> HeaderMap {
    let version = HeaderValue::from_str(marker.id());
    let is_marker = HeaderValue::from_static("true");
    let named = [
        ("x-amz-delete-marker", Ok(is_marker)),
        ("x-amz-version-id", version),
    ];
    let named = named.into_iter();
    named
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), value.ok()?)))
        .collect()
}

/// 405: a delete marker can only be deleted. Named by its id, it says that it is one.
fn not_allowed(marker: Option<&Kept>) -> S3Error {
    let mut headers = marker.map(headers_of).unwrap_or_default();
    headers.insert(ALLOW, HeaderValue::from_static("DELETE"));
    let date = marker.and_then(|marker| http_date(Some(&marker.stamp.last_modified())));
    if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
        headers.insert(LAST_MODIFIED, date);
    }
    let mut error = s3_error!(
        MethodNotAllowed,
        "The specified method is not allowed against this resource."
    );
    error.set_headers(headers);
    error
}
