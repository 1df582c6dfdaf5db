//! S3 on a folder: each bucket is a sub-folder, each object a file that people can read and copy in.
//!
//! `s3s` reads and writes S3's protocol; `store` keeps the objects. Beside the buckets, `.state` has what files
//! cannot hold (ETags, content types, canned ACLs, parts of uploads); all of it survives a restart.
//!
//! Built: buckets (create, head, location, list, delete; reading where events go and who owns objects), objects (put, browser forms, get with
//! ranges, head, copy, delete one or many), conditional reads and writes, listing in pages (both versions), canned ACLs,
//! tags (with the object, or set later), attributes, keys that end with a slash, multipart uploads with checksums of parts and of the whole, versions and delete markers, virtual-hosted
//! and path style, signed URLs, `aws-chunked` bodies. Nothing expires. All else answers 501 `NotImplemented`, and so do keys
//! that no file can have (see `place`).

mod acl;
mod action;
mod attributes;
mod bodies;
mod buckets;
mod changing;
mod checksum;
mod chunked;
mod condition;
mod copying;
mod deleting;
mod ends;
mod error_body;
mod event;
mod failure;
mod finding;
mod form;
mod front;
mod held;
mod list;
mod listing;
mod listing_versions;
mod long_work;
mod members;
mod multipart;
mod operations;
mod payload;
mod place;
mod reading;
mod record;
mod service;
mod store;
mod tagging;
mod uploads;
mod versioning;
mod versions;
mod watch;
mod writing;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use s3s::S3Error;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::wire::{Request, Response};

pub(crate) use self::action::action;
use self::bodies::Bodies;
pub(crate) use self::deleting::{Deletions, MayDelete, Named};
pub use self::ends::Ends;
use self::event::{About, Events, Reason};
use self::front::Asked;
pub(crate) use self::front::RequestRegion;
use self::long_work::LongWork;
pub(crate) use self::members::headers_of_query;
use self::payload::Payload;
use self::service::Service;
use self::store::{New, Store};
pub(crate) use self::tagging::{MOST_TAGS, is_text};
use self::versioning::Versioning;
pub use self::watch::Watching;

/// Why S3 could not do what the world asked of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of buckets cannot be used.
    #[error("the folder of S3's buckets, {}, cannot be opened; it must be a folder that you may write to", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The folders cannot be watched.
    #[error("the folder of S3's buckets, {}, cannot be watched for files that are copied in", path.display())]
    Watch {
        /// The folder.
        path: PathBuf,
        /// What the system says; on Linux it may be `fs.inotify.max_user_watches` that is too low.
        #[source]
        source: notify::Error,
    },
    /// S3 refused, as it would refuse a client.
    #[error("S3 refused {doing}: {code}: {message}")]
    Refused {
        /// What was asked for, and of what.
        doing: String,
        /// S3's error code.
        code: String,
        /// S3's message.
        message: String,
    },
}

impl Error {
    fn refused(doing: String) -> impl FnOnce(S3Error) -> Self {
        move |error| Self::Refused {
            doing,
            code: error.code().as_str().to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
        }
    }
}

/// S3 with its buckets. Cheap to clone; clones are the same S3.
#[derive(Debug, Clone)]
pub struct S3 {
    store: Arc<Store>,
    service: S3Service,
    bodies: Bodies,
    ids: Ids,
}

impl S3 {
    /// S3 on the folder `root`, whose sub-folders are the buckets. It is made if it is missing.
    ///
    /// # Errors
    /// If the folder cannot be made or written to.
    pub fn open(
        root: &Path,
        clock: Clock,
        ids: Ids,
        bus: Bus,
        region: &str,
    ) -> Result<Self, Error> {
        let events = Events::new(bus, clock, ids.clone(), region);
        let store = Store::open(root, events).map_err(|source| Error::Open {
            path: root.to_owned(),
            source,
        })?;
        let store = Arc::new(store);
        let bodies = Bodies {
            store: Arc::clone(&store),
            long: LongWork::default(),
        };
        let service = S3ServiceBuilder::new(Service {
            store: Arc::clone(&store),
            long: bodies.long.clone(),
        })
        .build();
        Ok(Self {
            store,
            service,
            bodies,
            ids,
        })
    }

    /// The folder where large bodies wait until they are objects: on the same disk, so that they need not be copied.
    pub(crate) fn incoming(&self) -> PathBuf {
        self.store.drafts()
    }

    /// Makes a bucket, or changes an existing one: with `event_bridge` its events go to the bus.
    ///
    /// # Errors
    /// If the name is not a valid bucket name or the folder cannot be made.
    #[expect(
        clippy::unused_async,
        reason = "all of a service's calls are asynchronous to those who make them"
    )]
    pub async fn create_bucket(&self, name: &str, event_bridge: bool) -> Result<(), Error> {
        let made = self.store.create_bucket(name, Some(event_bridge));
        made.map(|_| ())
            .map_err(Error::refused(format!("to make the bucket {name}")))
    }

    /// The most keys that a page of ListObjects and ListObjectsV2 holds, whatever `max-keys` says: "The response might contain
    /// fewer keys but will never contain more" (ListObjectsV2).
    pub fn set_page_limit(&self, limit: usize) {
        self.store.page_limit.store(limit, Ordering::Relaxed);
    }

    /// Whether there is such a bucket.
    pub(crate) fn has_bucket(&self, name: &str) -> bool {
        self.store.bucket(name).is_ok()
    }

    /// Says whether a bucket keeps versions, as the template does, unless that was said of it before.
    ///
    /// # Errors
    /// If there is no such bucket, or no such status.
    pub(crate) fn begin_versioning(&self, bucket: &str, status: &str) -> Result<(), Error> {
        let refused = Error::refused(format!("to set the versioning of {bucket}"));
        let Some(versioning) = Versioning::named(status) else {
            return Err(refused(s3s::s3_error!(
                IllegalVersioningConfigurationException,
                "{status} is not a status of versioning"
            )));
        };
        match self.store.versioning(bucket) {
            Some(_) => Ok(()),
            None => self
                .store
                .set_versioning(bucket, versioning)
                .map_err(refused),
        }
    }

    /// Makes a bucket refuse public ACLs (`BlockPublicAcls`, "Blocking public access to your Amazon S3 storage").
    pub(crate) fn block_public_acls(&self, bucket: &str) {
        self.store.lock().private.insert(bucket.to_owned());
    }

    /// Gives a bucket an `ObjectOwnership` ("Controlling ownership of objects and disabling ACLs").
    pub(crate) fn set_ownership(&self, bucket: &str, ownership: &str) {
        let (bucket, ownership) = (bucket.to_owned(), ownership.to_owned());
        self.store.lock().ownership.insert(bucket, ownership);
    }

    /// Answers a request of S3's REST protocol.
    pub async fn handle(&self, request: Request) -> Response {
        let mut request = request;
        let id = self.ids.hex(16).to_ascii_uppercase();
        let (asked, understood) = Asked::of(&mut request, id);
        let ready = match understood {
            Ok(()) => {
                let home = &self.store.events.region;
                front::request(request, &asked, &self.bodies, home).await
            }
            Err(error) => Err(error),
        };
        let ready = match ready {
            Ok(ready) => ready,
            Err(error) => return front::refusal(error, &asked).await,
        };
        match self.service.call(ready).await {
            Ok(answer) => front::answer(answer, &asked).await,
            Err(error) => {
                tracing::error!(?error, "s3s could not answer");
                front::refusal(s3s::s3_error!(InternalError), &asked).await
            }
        }
    }

    /// Puts an object as a client's PutObject would.
    ///
    /// # Errors
    /// If S3 refuses, or the file cannot be written.
    pub async fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) -> Result<(), Error> {
        self.put_with(bucket, key, body, record::DEFAULT_ACL, BTreeMap::new())
            .await
    }

    /// Puts an object with a canned ACL and tags, as a client's PutObject would.
    ///
    /// # Errors
    /// If S3 refuses, or the file cannot be written.
    #[expect(
        clippy::unused_async,
        reason = "all of a service's calls are asynchronous to those who make them"
    )]
    pub async fn put_with(
        &self,
        bucket: &str,
        key: &str,
        body: impl Into<Bytes>,
        acl: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let body = body.into();
        let request_id = self.ids.hex(16).to_ascii_uppercase();
        let about = About {
            bucket,
            key,
            request_id: &request_id,
        };
        let put = self.store.bucket(bucket).and_then(|_| {
            if acl != record::DEFAULT_ACL && self.store.disables_acls(bucket) {
                return Err(acl::disabled());
            }
            let body = Payload::Memory(body);
            let etag = body.digests(&record::Checksums::default())?.etag();
            let draft = self.store.draft(&body, etag)?;
            self.store.commit(
                about,
                &draft,
                New {
                    acl: acl.to_owned(),
                    tags,
                    ..New::default()
                },
                &condition::Write::default(),
                Reason::PutObject,
            )
        });
        put.map(|_| ())
            .map_err(Error::refused(format!("to put {bucket}/{key}")))
    }

    /// The content of an object, if there is one.
    ///
    /// # Errors
    /// If there is no such bucket, or the file cannot be read.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Bytes>, Error> {
        let read = |store: &Store, bucket: &str, key: &str| {
            let (_, mut file) = store.open_object(bucket, key)?;
            let mut body = Vec::new();
            let read = file.read_to_end(&mut body);
            read.map_err(failure::failed("read", &store.root.join(bucket)))?;
            Ok(Bytes::from(body))
        };
        self.look(bucket, key, read).await
    }

    /// How an object begins and ends, if there is one: up to `longest` bytes of either.
    ///
    /// # Errors
    /// If there is no such bucket, or the file cannot be read.
    pub async fn ends(&self, bucket: &str, key: &str, longest: u64) -> Result<Option<Ends>, Error> {
        let read = move |store: &Store, bucket: &str, key: &str| {
            let (record, file) = store.open_object(bucket, key)?;
            let ends = Ends::of(file, record.stamp.size, longest);
            ends.map_err(failure::failed("read", &store.root.join(bucket)))
        };
        self.look(bucket, key, read).await
    }

    /// Reads something of an object, if there is one; where that takes long, where it keeps nobody waiting.
    async fn look<T: Send + 'static>(
        &self,
        bucket: &str,
        key: &str,
        read: impl FnOnce(&Store, &str, &str) -> s3s::S3Result<T> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let found = if self.store.is_large(bucket, key) {
            let store = Arc::clone(&self.store);
            let (bucket, key) = (bucket.to_owned(), key.to_owned());
            let read = move || read(&store, &bucket, &key);
            self.bodies.long.run(read).await
        } else {
            read(&self.store, bucket, key)
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if *error.code() == s3s::S3ErrorCode::NoSuchKey => Ok(None),
            Err(error) => Err(Error::refused(format!("to read {bucket}/{key}"))(error)),
        }
    }

    /// All keys of a bucket that start with `prefix`, in S3's order.
    ///
    /// # Errors
    /// If there is no such bucket, or its folder cannot be read.
    #[expect(
        clippy::unused_async,
        reason = "all of a service's calls are asynchronous to those who make them"
    )]
    pub async fn keys(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Error> {
        let folder = self.store.bucket(bucket);
        let keys = folder.and_then(|folder| {
            list::keys(&folder, prefix).map_err(failure::failed("list", &folder))
        });
        keys.map_err(Error::refused(format!("to list {bucket}")))
    }

    /// The name of an object's canned ACL, if there is such an object; `private` if it was given none.
    ///
    /// # Errors
    /// If there is no such bucket, or the file cannot be read.
    pub async fn acl(&self, bucket: &str, key: &str) -> Result<Option<String>, Error> {
        let read = |store: &Store, bucket: &str, key: &str| {
            let found = store.find(bucket, key)?;
            // What an ACL said before they were disabled counts no longer.
            let is_ignored = store.disables_acls(bucket);
            let acl = |record: record::Record| match is_ignored {
                true => record::DEFAULT_ACL.to_owned(),
                false => record.acl,
            };
            Ok(found.map(|(_, record)| acl(record)))
        };
        Ok(self.look(bucket, key, read).await?.flatten())
    }

    /// Whether an object, or a version of one, is there and has tags.
    pub(crate) fn has_tags(&self, bucket: &str, key: &str, version: Option<&str>) -> bool {
        let held = self.store.held(bucket, key, version);
        held.is_ok_and(|(_, record)| !record.tags.is_empty())
    }

    /// Watches the buckets' folders: a file that is copied, moved or written there, in sub-folders too, raises
    /// `Object Created` once it is complete, and one that is removed `Object Deleted`, as a call would. What was there
    /// before raises nothing; nor do files whose names begin with a dot or say that they are temporary (`.tmp`, `~`, …).
    /// Ends when the answer is dropped.
    ///
    /// # Errors
    /// If the system cannot watch the folders.
    #[expect(
        clippy::unused_async,
        reason = "all of a service's calls are asynchronous to those who make them"
    )]
    pub async fn watch(&self) -> Result<Watching, Error> {
        let path = self.store.root.clone();
        watch::begin(Arc::clone(&self.store)).map_err(|source| Error::Watch { path, source })
    }
}

#[cfg(test)]
mod tests;
