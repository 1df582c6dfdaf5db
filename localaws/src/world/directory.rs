//! Where a world is kept.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::error::WorldError;

/// The world's folder.
pub(super) enum Directory {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Directory {
    /// The folder at `path`; without one, a new one in `temporary`.
    pub(super) fn open(path: Option<&Path>, temporary: &Path) -> Result<Self, WorldError> {
        let failed = |source| WorldError::Directory {
            path: path.unwrap_or(temporary).to_owned(),
            source,
        };
        let Some(path) = path else {
            let made = tempfile::Builder::new()
                .prefix("localaws-")
                .tempdir_in(temporary);
            return made.map(Self::Temporary).map_err(failed);
        };
        std::fs::create_dir_all(path).map_err(failed)?;
        path.canonicalize().map(Self::Kept).map_err(failed)
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }
}
