//! Which files `amiwright check` reads.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::manifest::key::{self, Kind};

/// A file to check, or why there is none under a name that was given.
pub(super) type Found = Result<PathBuf, (PathBuf, io::Error)>;

/// The files that are named, and the manifests in the directories that are, however deep; in the order of their names.
/// Links to other directories are not followed.
pub(super) fn find(named: &[PathBuf]) -> Vec<Found> {
    named.iter().flat_map(|path| in_one(path)).collect()
}

fn in_one(path: &Path) -> Vec<Found> {
    if !path.is_dir() {
        return vec![Ok(path.to_owned())];
    }
    let entries = WalkDir::new(path).sort_by_file_name().into_iter();
    let found: Vec<Found> = entries
        .filter_map(|entry| match entry {
            Ok(entry) if entry.file_type().is_dir() => None,
            Ok(entry) => is_manifest(entry.path()).then(|| Ok(entry.into_path())),
            Err(error) => {
                let at = error.path().unwrap_or(path).to_owned();
                Some(Err((at, error.into())))
            }
        })
        .collect();
    if found.is_empty() {
        let none = io::Error::new(
            io::ErrorKind::NotFound,
            "there is no manifest in this directory",
        );
        return vec![Err((path.to_owned(), none))];
    }
    found
}

fn is_manifest(path: &Path) -> bool {
    path.to_str().is_some_and(|name| kind(name).is_some())
}

/// Only the file name counts: the local directory is not part of the key.
pub(super) fn kind(name: &str) -> Option<Kind> {
    key::kind(Path::new(name).file_name()?.to_str()?)
}
