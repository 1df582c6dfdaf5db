//! CloudWatch Logs: FilterLogEvents (CloudWatch Logs API Reference) of what the functions wrote.
//!
//! The log files of the world are the log groups: what a function's processes print is there to be read, and it survives
//! a restart. An event has the time that its line says; a line without one has that of the line before it. Other log
//! groups do not exist, and every option but the range of time, the pattern and the page answers 501.

mod events;
pub(crate) mod metrics;
#[cfg(test)]
mod metrics_tests;
mod pattern;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use self::events::{Event, Position};
pub use self::metrics::Datum;
use self::pattern::Pattern;
use crate::ids::Ids;
use crate::json_protocol::{self, Failure, Members, refuse};
use crate::template::stack::Stack;
use crate::wire::{self, Request, Response};

/// Events of one answer ("Up to 10,000", FilterLogEvents, `limit`).
const PAGE: u64 = 10_000;

/// Bytes of the events of one answer ("as many log events as can fit in 1 MB", FilterLogEvents).
const PAGE_BYTES: usize = 1024 * 1024;

/// Bytes of a log file that are read, the last ones: a function that runs for months writes without end.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The log groups of one world. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Logs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    region: String,
    ids: Ids,
    /// The file of each log group.
    groups: BTreeMap<String, PathBuf>,
    /// The log group of each function, by its logical id.
    functions: BTreeMap<String, String>,
    /// The file with the metrics of all of them.
    metrics: PathBuf,
}

/// The file that has the log of a function of this name.
pub(crate) fn file(directory: &Path, function: &str) -> PathBuf {
    directory.join(format!("{function}.log"))
}

impl Logs {
    /// The log groups of the functions of this stack, whose files are in this directory.
    pub(crate) fn new(stack: &Stack, directory: &Path, region: &str, ids: Ids) -> Self {
        let functions = stack.functions.iter();
        let groups = functions
            .clone()
            .map(|it| (it.log_group.clone(), file(directory, &it.name)));
        let inner = Inner {
            region: region.to_owned(),
            ids,
            groups: groups.collect(),
            functions: functions
                .map(|it| (it.logical_id.clone(), it.log_group.clone()))
                .collect(),
            metrics: metrics::file(directory),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Adds a line to the log of a function, as if it had printed it.
    ///
    /// # Errors
    /// If there is no such function, or its file cannot be written.
    pub fn append(&self, logical_id: &str, line: &str) -> io::Result<()> {
        let group = self.inner.functions.get(logical_id);
        let path = group.and_then(|group| self.inner.groups.get(group));
        let path = path.ok_or_else(|| io::Error::other(format!("no function {logical_id}")))?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path)?;
        file.write_all(format!("{line}\n").as_bytes())
    }

    /// The metrics that CloudWatch made of what the functions printed, in the order in which it came.
    ///
    /// # Errors
    /// If their file cannot be read.
    pub fn metrics(&self) -> io::Result<Vec<Datum>> {
        metrics::read(&self.inner.metrics)
    }

    /// Answers a request in its inside form.
    pub(crate) fn handle(&self, region: &str, action: &str, request: &Request) -> Response {
        let id = self.inner.ids.uuid();
        let refuse =
            |status, code: &str, message: &str| json_protocol::refusal(status, code, message, &id);
        match self.answer(region, action, request) {
            Ok(answer) => json_protocol::answer(StatusCode::OK, &answer, &id),
            Err(Failure::Refused(code, message)) => refuse(StatusCode::BAD_REQUEST, code, &message),
            Err(Failure::NotBuilt(what)) => {
                let sentence = wire::not_built_sentence("logs", &what);
                refuse(StatusCode::NOT_IMPLEMENTED, wire::NOT_BUILT, &sentence)
            }
        }
    }

    fn answer(&self, region: &str, action: &str, request: &Request) -> Result<Value, Failure> {
        if action != "FilterLogEvents" {
            return Err(Failure::NotBuilt(action.to_owned()));
        }
        let mut members = Members::of(action, request)?;
        let group = members.text("logGroupName")?.unwrap_or_default();
        let asked = Asked::read(&mut members)?;
        members.finish()?;
        let path = self.inner.groups.get(&group);
        let path = path.filter(|_| region == self.inner.region);
        let path = path.ok_or_else(|| {
            let message = "The specified log group does not exist.";
            refuse("ResourceNotFoundException", message)
        })?;
        let events = events::read(path, FILE_BYTES);
        let events =
            events.map_err(|error| refuse("ServiceUnavailableException", error.to_string()))?;
        Ok(asked.page(events))
    }
}

/// What a request asks for.
struct Asked {
    pattern: Pattern,
    from: Option<u64>,
    to: Option<u64>,
    most: usize,
    after: Option<Position>,
}

impl Asked {
    fn read(members: &mut Members) -> Result<Self, Failure> {
        let pattern = members.text("filterPattern")?.unwrap_or_default();
        let most = members.number("limit")?.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&most) {
            let message = format!("limit must be from 1 to {PAGE}");
            return Err(refuse("InvalidParameterException", message));
        }
        let after = members.text("nextToken")?.map(|token| {
            let position = Position::parse(&token);
            let message = "The specified nextToken is invalid.";
            position.ok_or_else(|| refuse("InvalidParameterException", message))
        });
        Ok(Self {
            pattern: Pattern::parse(&pattern)?,
            from: members.number("startTime")?,
            to: members.number("endTime")?,
            most: usize::try_from(most).unwrap_or(usize::MAX),
            after: after.transpose()?,
        })
    }

    /// The first page of what is asked for: sorted by time, as FilterLogEvents says.
    fn page(&self, mut events: Vec<Event>) -> Value {
        events.sort_by_key(|event| event.position);
        let mut bytes = 0;
        let mut found = Vec::new();
        let mut next = None;
        for event in events.iter().filter(|event| self.is_asked_for(event)) {
            bytes += event.message.len();
            if found.len() == self.most || (bytes > PAGE_BYTES && !found.is_empty()) {
                next = found.last().map(|event: &&Event| event.position);
                break;
            }
            found.push(event);
        }
        let found: Vec<Value> = found.into_iter().map(Event::json).collect();
        let mut answer = json!({"events": found, "searchedLogStreams": []});
        if let Some(next) = next {
            answer["nextToken"] = next.to_string().into();
        }
        answer
    }

    fn is_asked_for(&self, event: &Event) -> bool {
        let at = event.position.millisecond;
        self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at <= to)
            && self.after.is_none_or(|after| event.position > after)
            && self.pattern.matches(&event.message)
    }
}
