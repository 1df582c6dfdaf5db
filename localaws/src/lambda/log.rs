//! A function's log file: what its processes print, between lines like those that Lambda writes, in the function's log
//! format ("Configuring JSON and plain text log formats", Lambda Developer Guide). Of what is in CloudWatch's embedded
//! metric format, metrics are made.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::clock::{Clock, date};
use crate::lock::lock;
use crate::logs::{self, metrics};
use crate::template::stack::Function;

/// An open log file. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Log {
    file: Arc<Mutex<File>>,
    is_json: bool,
    /// The lowest level that gets into the log.
    level: Level,
    log_group: String,
    metrics: PathBuf,
}

/// How severe a line is ("Log-level filtering", Lambda Developer Guide).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    /// The level of this name; "if the level value field is invalid or missing", INFO.
    fn named(name: Option<&str>) -> Self {
        match name.map(str::to_uppercase).as_deref() {
            Some("TRACE") => Self::Trace,
            Some("DEBUG") => Self::Debug,
            Some("WARN") => Self::Warn,
            Some("ERROR") => Self::Error,
            Some("FATAL") => Self::Fatal,
            _ => Self::Info,
        }
    }
}

impl Log {
    /// Opens the log file of a function in this directory to append to it.
    pub(super) fn open(directory: &Path, function: &Function) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(logs::file(directory, &function.name))?;
        let variable = |name| function.environment.get(name).map(String::as_str);
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
            is_json: variable("AWS_LAMBDA_LOG_FORMAT") == Some("JSON"),
            level: Level::named(variable("AWS_LAMBDA_LOG_LEVEL")),
            log_group: function.log_group.clone(),
            metrics: metrics::file(directory),
        })
    }

    /// Adds a line that the function printed, at this time outside, unless the function's level leaves it out. Metrics are
    /// made of what gets into the log.
    pub(super) fn printed(&self, line: &str, at: Timestamp) {
        if self.is_json
            && let Ok(Value::Object(object)) = serde_json::from_str(line)
            && Level::named(object.get("level").and_then(Value::as_str)) < self.level
        {
            return;
        }
        self.line(line);
        let mut lines = String::new();
        for datum in metrics::of_line(line, &self.log_group, at) {
            lines += &format!("{}\n", json!(datum));
        }
        if lines.is_empty() {
            return;
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(&self.metrics);
        if let Err(error) = file.and_then(|mut file| file.write_all(lines.as_bytes())) {
            tracing::warn!(%error, "metrics were lost");
        }
    }

    /// Adds a line.
    pub(super) fn line(&self, line: &str) {
        let mut file = lock(&self.file);
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "a line of a function's log was lost");
        }
    }

    /// The line before an invocation, at this time outside.
    pub(super) fn start(&self, request_id: &str, at: Timestamp) {
        if self.is_json {
            let record = json!({"requestId": request_id, "version": "$LATEST"});
            return self.platform("start", at, &record);
        }
        self.line(&format!("START RequestId: {request_id} Version: $LATEST"));
    }

    /// The lines after an invocation that ended so, at this time outside. Billed in whole milliseconds; memory in use is
    /// not measured here, so it is left out.
    pub(super) fn end(
        &self,
        (request_id, status): (&str, &str),
        at: Timestamp,
        took: Duration,
        memory: u32,
    ) {
        let (duration, billed) = (took.as_secs_f64() * 1000.0, took.as_micros().div_ceil(1000));
        if self.is_json {
            let metrics = json!({
                "durationMs": duration,
                "billedDurationMs": u64::try_from(billed).unwrap_or(u64::MAX),
                "memorySizeMB": memory,
            });
            let record = json!({"requestId": request_id, "metrics": metrics, "status": status});
            return self.platform("report", at, &record);
        }
        self.line(&format!("END RequestId: {request_id}"));
        self.line(&format!(
            "REPORT RequestId: {request_id}\tDuration: {duration:.2} ms\tBilled Duration: {billed} ms\t\
             Memory Size: {memory} MB"
        ));
    }

    /// A line of Lambda's own in JSON ("Lambda Telemetry API Event schema reference").
    fn platform(&self, kind: &str, at: Timestamp, record: &Value) {
        let line = json!({"time": date(at), "type": format!("platform.{kind}"), "record": record});
        self.line(&line.to_string());
    }

    /// Copies what a process prints, line by line, until it ends.
    pub(super) async fn copy(self, output: impl AsyncRead + Unpin, clock: Clock) {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            self.printed(&String::from_utf8_lossy(&line), clock.outside_now());
        }
    }
}
