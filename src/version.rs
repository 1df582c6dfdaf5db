//! Which amiwright this is.

/// The version and, in release builds, the commit that was built: `0.2.0-3d11224aa0b1`; with `-dirty` at its end if
/// files were changed since that commit, and `0.2.0-dev` in a development build. It is in `amiwright --version`, in the
/// first line of each function's log, and in the User-Agent of every call of AWS, which CloudTrail records.
pub const VERSION: &str = env!("AMIWRIGHT_VERSION");
