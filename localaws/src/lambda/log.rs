//! A function's log file: what its processes print, between lines like those that Lambda writes.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::lock::lock;

/// An open log file. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Log {
    file: Arc<Mutex<File>>,
}

impl Log {
    /// Opens `DIRECTORY/FUNCTION.log` to append to it.
    pub(super) fn open(directory: &Path, function: &str) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(directory.join(format!("{function}.log")))?;
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
        })
    }

    /// Adds a line.
    pub(super) fn line(&self, line: &str) {
        let mut file = lock(&self.file);
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "a line of a function's log was lost");
        }
    }

    /// The line before an invocation.
    pub(super) fn start(&self, request_id: &str) {
        self.line(&format!("START RequestId: {request_id} Version: $LATEST"));
    }

    /// The lines after an invocation. Billed in whole milliseconds; memory in use is not measured here, so it is left out.
    pub(super) fn end(&self, request_id: &str, took: Duration, memory: u32) {
        self.line(&format!("END RequestId: {request_id}"));
        let (duration, billed) = (took.as_secs_f64() * 1000.0, took.as_micros().div_ceil(1000));
        self.line(&format!(
            "REPORT RequestId: {request_id}\tDuration: {duration:.2} ms\tBilled Duration: {billed} ms\t\
             Memory Size: {memory} MB"
        ));
    }

    /// Copies what a process prints, line by line, until it ends.
    pub(super) async fn copy(self, output: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            self.line(&String::from_utf8_lossy(&line));
        }
    }
}
