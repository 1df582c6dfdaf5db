//! Reads the logs of a stack's functions, again and again: nothing is read twice, and nothing that comes late is missed.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::entry::{Entry, pattern};
use crate::aws::{Aws, AwsError, LogEvent, LogFilter};
use crate::limits;

/// How late an entry may come and is still read: Lambda hands lines over in batches, some seconds after they were written,
/// and clocks differ. Each reading begins so long before the last one.
pub const LATE: SignedDuration = SignedDuration::from_mins(5);

/// A function's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionLog {
    /// The function as it is shown: `register-image`.
    pub function: String,
    /// Its log group.
    pub group: String,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Reading {
    /// The entries that were not read before, by time.
    pub entries: Vec<Entry>,
    /// Whether there is more than is read at once: what comes after the last entry is left to the next reading.
    pub is_cut: bool,
}

/// The logs of a stack's functions, and what was read of them.
#[derive(Debug)]
pub struct Tail {
    logs: Vec<FunctionLog>,
    key: Option<String>,
    pattern: Option<String>,
    since: Timestamp,
    /// To when everything was read.
    read_at: Option<Timestamp>,
    /// What was read already, of the time that the next reading asks for again: the time, the log, the id.
    seen: BTreeSet<(Timestamp, usize, String)>,
}

impl Tail {
    /// What is about this manifest, or everything, from `since` on.
    #[must_use]
    pub fn new(logs: Vec<FunctionLog>, key: Option<&str>, since: Timestamp) -> Self {
        Self {
            logs,
            key: key.map(str::to_owned),
            pattern: key.and_then(pattern),
            since,
            read_at: None,
            seen: BTreeSet::new(),
        }
    }

    /// Reads what is new now.
    ///
    /// # Errors
    /// If a log cannot be read. Then nothing counts as read.
    pub async fn read(&mut self, aws: &Aws, now: Timestamp) -> Result<Reading, AwsError> {
        let from = self.next_from();
        let mut found: Vec<(usize, LogEvent)> = Vec::new();
        let mut end: Option<Timestamp> = None;
        for at in 0..self.logs.len() {
            let read_to = self.read_one(aws, at, from, &mut found).await?;
            end = end.into_iter().chain(read_to).min();
        }
        found.sort_by_key(|(_, event)| event.at);
        // As far as all logs were read.
        let is_read = |event: &LogEvent| end.is_none_or(|end| event.at <= end);
        found.retain(|(_, event)| is_read(event));
        let is_cut = end.is_some();
        self.read_at = Some(end.unwrap_or(now));
        // What is older is asked for no more.
        let next_from = self.next_from();
        self.seen.retain(|(at, _, _)| *at >= next_from);
        let mut entries = Vec::new();
        for (log, event) in found {
            let entry = Entry::read(&self.logs[log].function, &event);
            if event.at >= next_from {
                self.seen.insert((event.at, log, event.id));
            }
            let key = self.key.as_deref();
            if key.is_none_or(|key| entry.is_about(key)) {
                entries.push(entry);
            }
        }
        Ok(Reading { entries, is_cut })
    }

    /// From when on the next reading asks for entries.
    fn next_from(&self) -> Timestamp {
        let from = self.read_at.map_or(self.since, |at| at - LATE);
        from.max(self.since)
    }

    /// Adds what is new in one log; to when it was read, if there is more.
    async fn read_one(
        &self,
        aws: &Aws,
        log: usize,
        from: Timestamp,
        found: &mut Vec<(usize, LogEvent)>,
    ) -> Result<Option<Timestamp>, AwsError> {
        let filter = LogFilter {
            group: &self.logs[log].group,
            from,
            pattern: self.pattern.as_deref(),
        };
        let (mut next, mut count) = (None, 0);
        loop {
            let page = aws.log_page(filter, next).await?;
            let events = page.events.into_iter();
            let is_new = |event: &LogEvent| !self.seen.contains(&(event.at, log, event.id.clone()));
            let before = found.len();
            found.extend(events.filter(is_new).map(|event| (log, event)));
            count += found.len() - before;
            next = page.next;
            if next.is_none() {
                return Ok(None);
            }
            if count >= limits::LOG_EVENTS {
                return Ok(found.last().map(|(_, event)| event.at));
            }
        }
    }
}
