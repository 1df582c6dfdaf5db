//! Lines on standard output that nobody has to read: whoever reads slowly, or not at all, does not stop the stack.

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that wait for a slow reader. What is beyond is dropped.
const WAITING_MAX: usize = 1000;

/// How long the end waits for lines that were not read yet.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Prints lines in a thread of its own.
pub(super) struct Printer {
    lines: SyncSender<String>,
    ended: Receiver<()>,
}

impl Printer {
    pub(super) fn new() -> Self {
        let (lines, received) = sync_channel::<String>(WAITING_MAX);
        let (end, ended) = channel();
        thread::spawn(move || {
            for line in received {
                let mut out = io::stdout().lock();
                // Whoever closed it wants no more of it; the stack is not there for that alone.
                if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                    break;
                }
            }
            // Nobody may be waiting.
            let _ = end.send(());
        });
        Self { lines, ended }
    }

    pub(super) fn print(&self, line: String) {
        // Full or closed: nobody reads it.
        let _ = self.lines.try_send(line);
    }

    /// Waits shortly for what was not printed yet.
    pub(super) fn close(self) {
        drop(self.lines);
        let _ = self.ended.recv_timeout(LAST_WORDS);
    }
}
