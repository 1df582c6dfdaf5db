//! How objects begin and end, for those who look at what they are and need no more.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use bytes::Bytes;

/// How an object begins and ends.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Bytes of the whole.
    pub size: u64,
    /// Its first bytes.
    pub head: Bytes,
    /// Its last bytes.
    pub tail: Bytes,
}

impl Ends {
    pub(super) fn of(mut file: File, size: u64, longest: u64) -> std::io::Result<Self> {
        let mut read = |from: u64| {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(from))?;
            (&mut file).take(longest).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(Bytes::from(bytes))
        };
        let head = read(0)?;
        let tail = read(size.saturating_sub(longest))?;
        Ok(Self { size, head, tail })
    }
}
