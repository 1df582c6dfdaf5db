//! The lines of a log file as events.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

/// Where an event is among all of its log group: first by its time, then by its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Of its time, since 1970.
    pub(super) millisecond: u64,
    /// Of its line in the file.
    byte: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}{:040}", self.millisecond, self.byte)
    }
}

impl Position {
    /// Reads what `Display` writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (millisecond, byte) = text.split_at_checked(16)?;
        Some(Self {
            millisecond: millisecond.parse().ok()?,
            byte: byte.parse().ok()?,
        })
    }
}

/// One line of a log.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) position: Position,
    pub(super) message: String,
}

impl Event {
    /// As FilterLogEvents answers it.
    pub(super) fn json(&self) -> Value {
        json!({
            "eventId": self.position.to_string(),
            "ingestionTime": self.position.millisecond,
            "logStreamName": "local",
            "message": self.message,
            "timestamp": self.position.millisecond,
        })
    }
}

/// The events of a log file that does not have to be there: of its last `most` bytes, the whole lines.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<Event>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let start = length.saturating_sub(most);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    let mut events = Vec::new();
    let (mut byte, mut millisecond) = (start, 0);
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let here = byte;
        byte += u64::try_from(line.len()).unwrap_or_default();
        // Half a line: its beginning was not read, or its end is not written yet.
        if (at == 0 && start > 0) || line.last() != Some(&b'\n') {
            continue;
        }
        let message = String::from_utf8_lossy(&line[..line.len() - 1]).into_owned();
        millisecond = time(&message).unwrap_or(millisecond);
        if !message.is_empty() {
            let position = Position {
                millisecond,
                byte: here,
            };
            events.push(Event { position, message });
        }
    }
    Ok(events)
}

/// The time that a line in JSON says: `timestamp` of a function's own, `time` of Lambda's ("Working with Lambda function
/// logs", Lambda Developer Guide).
fn time(message: &str) -> Option<u64> {
    let line: Value = serde_json::from_str(message).ok()?;
    let time = line.get("timestamp").or_else(|| line.get("time"))?;
    let time: Timestamp = time.as_str()?.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}
