//! Files that people put into the buckets' folders, or take out of them, raise the events that calls would.
//!
//! Linux says when a writer closes a file, so a file is announced complete. For folders that arrive as a whole
//! (or files that were in a new folder before it could be watched), and on systems that do not report closing,
//! a file counts as complete when it has not changed for [`SETTLED`].

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::event::{About, Gone, Reason};
use super::place::{key_of, relative};
use super::record::Stamp;
use super::store::{Inner, Store, stamp_of};

/// How long a file whose closing was not observed must stay unchanged. Copying programs write much more often than
/// this.
const SETTLED: Duration = Duration::from_millis(500);
/// Ends of names that programs give files they are still writing.
const UNFINISHED: [&str; 6] = ["~", ".tmp", ".swp", ".swx", ".partial", ".crdownload"];

/// Watches while it lives.
#[derive(Debug)]
pub struct Watching {
    // Dropping it ends the events, which ends the thread that takes them.
    _watcher: RecommendedWatcher,
}

/// Begins to watch. What is in the folders now is already known.
pub(super) fn begin(store: Arc<Store>) -> notify::Result<Watching> {
    let (sender, events) = channel();
    let mut watcher = notify::recommended_watcher(sender)?;
    watcher.watch(&store.root, RecursiveMode::Recursive)?;
    let files = Files {
        store,
        unsettled: BTreeMap::new(),
        new_folders: BTreeSet::new(),
        due: None,
    };
    files.remember_all();
    std::thread::Builder::new()
        .name("s3-watch".to_owned())
        .spawn(move || files.watch(&events))?;
    Ok(Watching { _watcher: watcher })
}

/// The watching thread's side.
struct Files {
    store: Arc<Store>,
    /// Files that may still be written to, as last seen.
    unsettled: BTreeMap<PathBuf, Stamp>,
    /// Folders that are new: what is put in one before the system watches it goes unseen, so it is searched again.
    new_folders: BTreeSet<PathBuf>,
    /// When to check them again.
    due: Option<Instant>,
}

impl Files {
    fn watch(mut self, events: &Receiver<notify::Result<Event>>) {
        loop {
            let event = match self.due {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => events.recv_timeout(due.saturating_duration_since(real_now())),
            };
            if self.due.is_some_and(|due| due <= real_now()) {
                self.settle();
            }
            match event {
                Ok(Ok(event)) => self.take(&event),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the buckets' folder could not be watched for a moment");
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, event: &Event) {
        if event.need_rescan() {
            // More happened than the system could queue: whatever is here may be new.
            let root = self.store.root.clone();
            self.look_at(&root);
        }
        for path in &event.paths {
            match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => self.arrived(path),
                // It will be closed: then it is complete.
                EventKind::Create(CreateKind::File) if cfg!(target_os = "linux") => {}
                // The first path of a move is the old one, which is gone; the second is the new one.
                EventKind::Modify(ModifyKind::Name(RenameMode::Both)) | EventKind::Create(_) => {
                    self.look_at(path);
                }
                EventKind::Modify(ModifyKind::Name(RenameMode::To)) if path.is_file() => {
                    self.arrived(path);
                }
                EventKind::Modify(ModifyKind::Name(_)) => self.look_at(path),
                EventKind::Remove(_) => self.left(path),
                EventKind::Modify(ModifyKind::Data(_)) if cfg!(not(target_os = "linux")) => {
                    self.look_at(path);
                }
                _ => {}
            }
        }
    }

    /// Something is new or gone here, and may not be complete yet.
    fn look_at(&mut self, path: &Path) {
        if let Some(stamp) = stamp_of(path) {
            self.watch_closely(path.to_owned(), stamp);
        } else if path.is_dir() {
            self.new_folders.insert(path.to_owned());
            self.due.get_or_insert_with(|| real_now() + SETTLED);
            self.search(path);
        } else {
            self.left(path);
        }
    }

    fn search(&mut self, folder: &Path) {
        for (path, stamp) in self.files_below(folder) {
            self.watch_closely(path, stamp);
        }
    }

    fn watch_closely(&mut self, path: PathBuf, stamp: Stamp) {
        self.unsettled.insert(path, stamp);
        self.due.get_or_insert_with(|| real_now() + SETTLED);
    }

    /// Announces the files that have been left alone.
    fn settle(&mut self) {
        self.due = None;
        for (path, seen) in std::mem::take(&mut self.unsettled) {
            match stamp_of(&path) {
                Some(now) if now == seen => self.arrived(&path),
                Some(now) => self.watch_closely(path, now),
                None => self.left(&path),
            }
        }
        for folder in std::mem::take(&mut self.new_folders) {
            self.search(&folder);
        }
    }

    /// A complete file is here: an event, unless this content was announced.
    fn arrived(&mut self, path: &Path) {
        self.unsettled.remove(path);
        let Some((bucket, key)) = self.object(path).filter(|_| !is_unfinished(path)) else {
            return;
        };
        let Some(stamp) = stamp_of(path) else { return };
        let object = (bucket, key);
        if self.store.lock().announced.get(&object) == Some(&stamp) {
            return;
        }
        let (bucket, key) = (object.0.clone(), object.1.clone());
        match self.store.record(&bucket, &key, path, stamp) {
            Ok(record) => {
                let mut inner = self.store.lock();
                // A call may have written it while it was read here.
                if inner.announced.insert(object, stamp) == Some(stamp) {
                    return;
                }
                if Store::publishes(&inner, &bucket) {
                    let request_id = self.request_id();
                    let about = About {
                        bucket: &bucket,
                        key: &key,
                        request_id: &request_id,
                    };
                    self.store.events.created(about, &record, Reason::PutObject);
                }
            }
            Err(error) => {
                tracing::warn!(%error, bucket, key, "a file that was put into a bucket cannot be read");
            }
        }
    }

    /// A file or folder is gone: so are the announced objects that no longer exist.
    fn left(&mut self, path: &Path) {
        self.unsettled
            .retain(|unsettled, _| !unsettled.starts_with(path));
        let Some((bucket, key)) = self.object(path) else {
            return;
        };
        let mut inner = self.store.lock();
        let below = format!("{key}/");
        let candidates = inner.announced.range((bucket.clone(), key.clone())..);
        let candidates = candidates
            .map(|(object, _)| object)
            .take_while(|object| object.0 == bucket && object.1.starts_with(&key));
        let gone: Vec<_> = candidates
            .filter(|object| object.1 == key || object.1.starts_with(&below))
            .filter(|object| {
                let file = relative(&object.1).map(|path| self.store.root.join(&bucket).join(path));
                file.map_or(true, |file| stamp_of(&file).is_none())
            })
            .cloned()
            .collect();
        for object in gone {
            inner.announced.remove(&object);
            let request_id = self.request_id();
            let about = About {
                bucket: &bucket,
                key: &object.1,
                request_id: &request_id,
            };
            self.deleted(&inner, about);
        }
    }

    /// What a call would do whose file is gone: its bytes cannot be kept.
    fn deleted(&self, inner: &Inner, about: About<'_>) {
        let store = &self.store;
        if inner.versioning.contains_key(about.bucket) {
            let version = store.new_version(inner, about.bucket, about.key);
            if let Err(error) = store.mark_deleted(inner, about, version) {
                tracing::warn!(%error, bucket = about.bucket, key = about.key, "no delete marker could be made");
            }
        } else if Store::publishes(inner, about.bucket) {
            store.events.deleted(about, &Gone::unknown());
        }
    }

    fn remember_all(&self) {
        let files = self.files_below(&self.store.root);
        let mut inner = self.store.lock();
        for (path, stamp) in files {
            if let Some(object) = self.object(&path) {
                inner.announced.insert(object, stamp);
            }
        }
    }

    fn files_below(&self, folder: &Path) -> Vec<(PathBuf, Stamp)> {
        super::list::files(folder).unwrap_or_else(|error| {
            tracing::warn!(%error, folder = %folder.display(), "a folder in a bucket cannot be read");
            Vec::new()
        })
    }

    /// The bucket and key that a path stands for, if it is in a bucket.
    fn object(&self, path: &Path) -> Option<(String, String)> {
        let (bucket, key) = path
            .strip_prefix(&self.store.root)
            .ok()?
            .to_str()?
            .split_once('/')?;
        self.store.bucket(bucket).ok()?;
        Some((bucket.to_owned(), key_of(key).to_owned()))
    }

    fn request_id(&self) -> String {
        self.store.events.ids.hex(16).to_ascii_uppercase()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "people and their programs write files in real time"
)]
fn real_now() -> Instant {
    Instant::now()
}

/// Whether a name says that it is not a file's final one.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio::time::timeout;

    use crate::bus::{self, Bus};
    use crate::clock::Clock;
    use crate::ids::Ids;
    use crate::s3::S3;

    use super::*;

    /// Real files are watched in real time; this is only so that a failure ends.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// The next `n` events, sorted: what and key.
    async fn next(events: &mut UnboundedReceiver<bus::Event>, n: usize) -> Vec<String> {
        let mut announced = Vec::new();
        for _ in 0..n {
            let event = timeout(PATIENCE, events.recv())
                .await
                .expect("an event in time")
                .unwrap();
            announced.push(format!(
                "{} {}",
                event.detail_type,
                event.detail["object"]["key"].as_str().unwrap()
            ));
        }
        announced.sort();
        announced
    }

    #[tokio::test]
    async fn files_that_come_and_go_raise_one_event_each() {
        let folder = tempfile::TempDir::new().unwrap();
        let clock = Clock::new("2026-11-21T10:00:00Z".parse().unwrap(), 1.0);
        let (bus, mut events) = Bus::new();
        let s3 = S3::open(folder.path(), clock, Ids::new(1), bus, "us-east-1").unwrap();
        s3.create_bucket("images", true).await.unwrap();
        let bucket = folder.path().join("images");
        fs::write(bucket.join("there.before"), "x").unwrap();
        let watching = s3.watch().await.unwrap();

        fs::write(bucket.join("written"), "hello").unwrap();
        assert_eq!(next(&mut events, 1).await, ["Object Created written"]);
        // Reading a file must not make its event go missing.
        fs::write(folder.path().join("elsewhere"), "x").unwrap();
        fs::rename(folder.path().join("elsewhere"), bucket.join("moved")).unwrap();
        s3.keys("images", "").await.unwrap();
        s3.acl("images", "moved").await.unwrap();
        assert_eq!(next(&mut events, 1).await, ["Object Created moved"]);
        fs::write(bucket.join(".hidden"), "x").unwrap();
        fs::write(bucket.join("half.tmp"), "x").unwrap();
        s3.put("images", "put", "x").await.unwrap();
        fs::create_dir_all(bucket.join("a/b")).unwrap();
        fs::write(bucket.join("a/b/c"), "x").unwrap();
        fs::write(bucket.join("a/d"), "x").unwrap();
        let announced = next(&mut events, 3).await;
        assert_eq!(
            announced,
            [
                "Object Created a/b/c",
                "Object Created a/d",
                "Object Created put"
            ]
        );
        fs::rename(bucket.join("half.tmp"), bucket.join("whole")).unwrap();
        assert_eq!(next(&mut events, 1).await, ["Object Created whole"]);
        fs::write(bucket.join("put"), "copied").unwrap();
        assert_eq!(next(&mut events, 1).await, ["Object Created put"]);
        fs::rename(bucket.join("a"), folder.path().join("taken-away")).unwrap();
        fs::remove_file(bucket.join("written")).unwrap();
        let announced = next(&mut events, 3).await;
        assert_eq!(
            announced,
            [
                "Object Deleted a/b/c",
                "Object Deleted a/d",
                "Object Deleted written"
            ]
        );
        fs::write(bucket.join("last"), "x").unwrap();
        assert_eq!(next(&mut events, 1).await, ["Object Created last"]);
        drop(watching);
        assert!(events.try_recv().is_err());
    }
}
