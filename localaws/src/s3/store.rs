//! The folder: one sub-folder per bucket, one file per object, and beside them `.state` with what files cannot hold.
//!
//! Everything here is synchronous. A condition is checked and its write done as one step under the one lock; large files
//! are read, hashed and copied without it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use s3s::dto::{ObjectCannedACL, ObjectOwnership};
use s3s::{S3Result, s3_error};

use super::acl;
use super::event::Events;
use super::failure::failed;
use super::payload::Payload;
use super::record::{Checksums, Completed, DEFAULT_ACL, Headers, PartRecord, Record, Stamp};
use super::versioning::{self, Versioning};
use crate::lock::lock;

/// The folder beside the buckets for what is not an object. Its dot keeps it from being a bucket's name.
const STATE: &str = ".state";

/// A bucket and a key in it.
pub(super) type Object = (String, String);

/// Of new buckets since April 2023 ("Controlling ownership of objects and disabling ACLs", Amazon S3 User Guide).
pub(super) const DEFAULT_OWNERSHIP: &str = ObjectOwnership::BUCKET_OWNER_ENFORCED;

/// The folder and what is remembered of it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) root: PathBuf,
    pub(super) state: PathBuf,
    pub(super) events: Events,
    drafts: AtomicU64,
    inner: Mutex<Inner>,
    /// The most keys that a page of a listing holds.
    pub(super) page_limit: AtomicUsize,
}

/// What is remembered between calls.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// Buckets whose events go to EventBridge.
    pub(super) event_bridge: BTreeSet<String>,
    /// Buckets that refuse public ACLs.
    pub(super) private: BTreeSet<String>,
    /// The `ObjectOwnership` of buckets that were given one.
    pub(super) ownership: BTreeMap<String, String>,
    /// What was said of the versions of a bucket.
    pub(super) versioning: HashMap<String, Versioning>,
    /// Records as last read or written.
    pub(super) records: HashMap<Object, Record>,
    /// Uploads that were completed in this run, by id.
    pub(super) completed: HashMap<String, Completed>,
    /// The contents that were announced on the bus; the watcher announces nothing twice.
    pub(super) announced: BTreeMap<Object, Stamp>,
}

/// New content, complete but not yet in its place.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) path: PathBuf,
    pub(super) etag: String,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already if it was committed.
        let _ = fs::remove_file(&self.path);
    }
}

/// What a write says of the object beside its bytes.
#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) acl: String,
    pub(super) headers: Headers,
    pub(super) checksums: Checksums,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) parts: Vec<PartRecord>,
}

impl Default for New {
    fn default() -> Self {
        Self {
            acl: DEFAULT_ACL.to_owned(),
            headers: Headers::default(),
            checksums: Checksums::default(),
            tags: BTreeMap::new(),
            parts: Vec::new(),
        }
    }
}

impl Store {
    /// Opens the folder, which is made if it is missing. What an interrupted write left is cleared away.
    pub(super) fn open(root: &Path, events: Events) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let state = root.join(STATE);
        let drafts = state.join("drafts");
        if drafts.exists() {
            fs::remove_dir_all(&drafts)?;
        }
        for folder in ["buckets", "drafts", "objects", "uploads", "versions"] {
            fs::create_dir_all(state.join(folder))?;
        }
        let inner = Inner {
            versioning: versioning::kept(&state)?,
            ..Inner::default()
        };
        Ok(Self {
            root,
            state,
            events,
            drafts: AtomicU64::new(0),
            inner: Mutex::new(inner),
            page_limit: AtomicUsize::new(usize::MAX),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// The folder of drafts.
    pub(super) fn drafts(&self) -> PathBuf {
        self.state.join("drafts")
    }

    /// A fresh path for a draft.
    pub(super) fn draft_path(&self) -> PathBuf {
        self.drafts()
            .join(self.drafts.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// The name of the canned ACL that was asked for, or of the default.
    ///
    /// # Errors
    /// 400 for a name that S3 does not know, or where ACLs are disabled; 403 for a public ACL in a bucket that blocks them.
    pub(super) fn acl(&self, bucket: &str, acl: Option<&ObjectCannedACL>) -> S3Result<String> {
        let name = acl::canned(acl)?;
        let of_owner = name == ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL;
        if acl.is_some() && !of_owner && self.disables_acls(bucket) {
            return Err(acl::disabled());
        }
        if acl::is_public(&name) && self.lock().private.contains(bucket) {
            return Err(s3_error!(
                AccessDenied,
                "Access Denied: the bucket {bucket} blocks public ACLs"
            ));
        }
        Ok(name)
    }

    /// Whether ACLs are disabled: the bucket's owner owns and controls what is in it ("Controlling ownership of objects and
    /// disabling ACLs", S3 User Guide). So it is in new buckets.
    pub(super) fn disables_acls(&self, bucket: &str) -> bool {
        let inner = self.lock();
        let given = inner.ownership.get(bucket).map(String::as_str);
        given.unwrap_or(DEFAULT_OWNERSHIP) == ObjectOwnership::BUCKET_OWNER_ENFORCED
    }

    /// Writes new content beside the buckets.
    pub(super) fn draft(&self, payload: &Payload, etag: String) -> S3Result<Draft> {
        let draft = Draft {
            path: self.draft_path(),
            etag,
        };
        payload.write(&draft.path)?;
        Ok(draft)
    }

    /// The bucket's folder.
    ///
    /// # Errors
    /// 404 `NoSuchBucket`.
    pub(super) fn bucket(&self, bucket: &str) -> S3Result<PathBuf> {
        let folder = self.root.join(bucket);
        if s3s::path::check_bucket_name(bucket) && folder.is_dir() {
            return Ok(folder);
        }
        Err(s3_error!(
            NoSuchBucket,
            "The specified bucket does not exist"
        ))
    }

    /// Makes a bucket, or changes where its events go. Says whether it is new.
    pub(super) fn create_bucket(&self, bucket: &str, event_bridge: Option<bool>) -> S3Result<bool> {
        if !s3s::path::check_bucket_name(bucket) {
            return Err(s3_error!(
                InvalidBucketName,
                "The specified bucket is not valid: {bucket}"
            ));
        }
        let mut inner = self.lock();
        match event_bridge {
            Some(true) => _ = inner.event_bridge.insert(bucket.to_owned()),
            Some(false) => _ = inner.event_bridge.remove(bucket),
            None => {}
        }
        let folder = self.root.join(bucket);
        let new = !folder.is_dir();
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        Ok(new)
    }

    /// Whether this bucket's events go to EventBridge.
    pub(super) fn publishes(inner: &Inner, bucket: &str) -> bool {
        inner.event_bridge.contains(bucket)
    }

    /// Dates a file that is written now, by the clock that clients have.
    pub(super) fn date(&self, file: &Path) -> S3Result<()> {
        let now = SystemTime::from(self.events.clock.outside_now());
        let dated = File::options()
            .write(true)
            .open(file)
            .and_then(|file| file.set_modified(now));
        dated.map_err(failed("date", file))
    }
}

/// The stamp of a regular file; nothing for anything else, symbolic links included: they may lead anywhere.
pub(super) fn stamp_of(path: &Path) -> Option<Stamp> {
    fs::symlink_metadata(path)
        .ok()
        .filter(fs::Metadata::is_file)
        .map(|metadata| Stamp::of(&metadata))
}
