//! What a world keeps on disk besides objects, emails and logs: one JSON file a service, and its time, under
//! `DIR/state/`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::Value;

use crate::lock::lock;

/// The name of the file that has the world's time.
const CLOCK: &str = "clock";

/// The folder of state files.
#[derive(Debug)]
pub(crate) struct StateFiles {
    directory: PathBuf,
    /// One writer at a time, so that an older state never replaces a newer one.
    writing: Mutex<()>,
}

impl StateFiles {
    /// Files in this folder, which is made if need be.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            writing: Mutex::new(()),
        })
    }

    /// The path of a service's file.
    pub(crate) fn path(&self, service: &str) -> PathBuf {
        self.directory.join(format!("{service}.json"))
    }

    /// What a service saved; `None` if it has not yet.
    pub(crate) fn read(&self, service: &str) -> io::Result<Option<Value>> {
        match std::fs::read(self.path(service)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Saves what `state` gives as a service's: the old file is there until the new one is whole.
    pub(crate) fn write(&self, service: &str, state: impl FnOnce() -> Value) -> io::Result<()> {
        let _one = lock(&self.writing);
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(&serde_json::to_vec_pretty(&state())?)?;
        file.as_file().sync_data()?;
        file.persist(self.path(service))
            .map_err(|error| error.error)?;
        Ok(())
    }

    /// The path of the file that has the world's time.
    pub(crate) fn time_path(&self) -> PathBuf {
        self.path(CLOCK)
    }

    /// The world's time when it was last saved.
    ///
    /// A world that runs faster than the real one ends in the real one's future. The next one on the same directory
    /// has to continue from there: images of the future could not be seen yet.
    pub(crate) fn time(&self) -> io::Result<Option<Timestamp>> {
        let saved = self.read(CLOCK)?;
        Ok(saved.map(serde_json::from_value).transpose()?)
    }

    /// Saves the world's time.
    pub(crate) fn write_time(&self, now: impl FnOnce() -> Timestamp) -> io::Result<()> {
        self.write(CLOCK, || Value::String(now().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_finds_what_it_saved() {
        let directory = tempfile::tempdir().unwrap();
        let files = StateFiles::open(&directory.path().join("state")).unwrap();
        assert_eq!(files.read("ec2").unwrap(), None);
        files
            .write("ec2", || serde_json::json!({"images": [1]}))
            .unwrap();
        files
            .write("ec2", || serde_json::json!({"images": [1, 2]}))
            .unwrap();
        assert_eq!(
            files.read("ec2").unwrap(),
            Some(serde_json::json!({"images": [1, 2]}))
        );
        assert_eq!(
            std::fs::read_dir(directory.path().join("state"))
                .unwrap()
                .count(),
            1
        );
    }
}
