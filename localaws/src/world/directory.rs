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
    pub(super) fn open(path: Option<&Path>) -> Result<Self, WorldError> {
        let Some(path) = path else {
            let temporary = tempfile::Builder::new().prefix("localaws-").tempdir();
            let failed = |source| WorldError::Directory {
                path: std::env::temp_dir(),
                source,
            };
            return temporary.map(Self::Temporary).map_err(failed);
        };
        let failed = |source| WorldError::Directory {
            path: path.to_owned(),
            source,
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
