//! Where the worlds of tests are kept.

use std::path::{Path, PathBuf};

/// Bytes that have to be free: a container may have 64 MiB of such memory.
const ROOM: u64 = 1 << 30;

/// Memory, where the system has a folder in it with room: most of what a test writes is gone a second later, and no disk has
/// to see it.
pub(super) fn directory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let found = rustix::fs::statvfs(memory);
    match found.is_ok_and(|it| it.f_bavail.saturating_mul(it.f_frsize) > ROOM) {
        true => memory.to_owned(),
        false => std::env::temp_dir(),
    }
}
