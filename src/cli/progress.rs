//! The progress of images: a screen that is redrawn on a terminal, a line for each change elsewhere. For `watch` and
//! `demo`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use super::terminal::Terminal;
use super::text::plain;

/// Columns that are kept for a key; lines show all of it.
const KEY_WIDTH: usize = 26;

/// How often a screen is drawn: what turns on it should not stumble.
const FRAME: Duration = Duration::from_millis(200);

/// What is shown of images in progress.
pub(super) struct Progress {
    terminal: Terminal,
    /// Without a terminal: what was said last of each image.
    shown: BTreeMap<String, String>,
    /// On a terminal: how many lines are on the screen.
    drawn: usize,
    frames: usize,
}

impl Progress {
    /// Nothing yet.
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            shown: BTreeMap::new(),
            drawn: 0,
            frames: 0,
        }
    }

    /// Whether a screen is drawn.
    pub(super) fn is_live(&self) -> bool {
        self.terminal.live
    }

    /// Says how far an image is, if that has changed: without a terminal.
    pub(super) fn line(
        &mut self,
        key: &str,
        text: &str,
        elapsed: Duration,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if self.shown.get(key).is_some_and(|shown| shown == text) {
            return Ok(());
        }
        self.shown.insert(key.to_owned(), text.to_owned());
        let seconds = elapsed.as_secs_f64();
        writeln!(out, "  {seconds:>5.1} s  {:<KEY_WIDTH$} {text}", plain(key))?;
        out.flush()
    }

    /// Draws the screen in place of the last one. `lines` makes it for the size of the terminal and the number of the frame.
    pub(super) fn draw(
        &mut self,
        lines: impl FnOnce(Terminal, usize) -> Vec<String>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let before = self.terminal;
        self.terminal = before.resized();
        let mut text = String::new();
        if self.terminal != before {
            // What the terminal made of the last screen is not known: lines may be wrapped.
            text.push_str("\x1b[2J\x1b[H");
            self.drawn = 0;
        }
        text.push_str(&self.back());
        // The last row is for the cursor: writing below it would scroll the screen.
        let room = self
            .terminal
            .height
            .map_or(usize::MAX, |height| height.saturating_sub(1));
        let lines = lines(self.terminal, self.frames);
        self.drawn = lines.len().min(room);
        self.frames += 1;
        for line in lines.iter().take(room) {
            let _ = write!(text, "{line}\x1b[K\r\n");
        }
        text.push_str("\x1b[J");
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// The way to the first line of the screen.
    fn back(&self) -> String {
        match self.drawn {
            0 => String::new(),
            lines => format!("\r\x1b[{lines}A"),
        }
    }

    /// Says something between the changes; on a terminal above the screen.
    pub(super) fn say(&mut self, text: &str, out: &mut dyn Write) -> io::Result<()> {
        self.finish(out)?;
        let indent = if self.is_live() { "  " } else { "           " };
        for line in text.lines() {
            writeln!(out, "{indent}{}", plain(line))?;
        }
        out.flush()
    }

    /// Removes the screen: further output takes its place.
    pub(super) fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.drawn > 0 {
            let text = self.back() + "\x1b[J";
            self.drawn = 0;
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }

    /// Waits for something, and lets `draw` draw the screen meanwhile.
    pub(super) async fn during<T>(
        &mut self,
        what: impl Future<Output = T>,
        mut draw: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> io::Result<T> {
        let mut what = pin!(what);
        loop {
            if !self.is_live() {
                return Ok(what.await);
            }
            tokio::select! {
                biased;
                done = &mut what => return Ok(done),
                () = tokio::time::sleep(FRAME) => draw(self)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    #[test]
    fn without_a_terminal_each_change_is_a_line() {
        let mut progress = Progress::new(Terminal::PLAIN);
        let mut out = Vec::new();
        let seconds = Duration::from_secs;
        for (at, text) in [(1, "checking"), (2, "checking"), (3, "ami-1 available")] {
            let key = "web\x1b.image.yaml";
            progress.line(key, text, seconds(at), &mut out).unwrap();
        }
        progress.finish(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("  1.0 s  web\u{fffd}.image.yaml"), "{text}");
    }

    fn screen(out: &[u8]) -> String {
        let [rows, columns] = [6, 20].map(|size| NonZeroU16::new(size).unwrap());
        let mut screen = vt100::Parser::new(rows, columns, 100);
        screen.process(out);
        screen.screen().contents()
    }

    #[test]
    fn a_screen_takes_the_place_of_the_last_one() {
        let terminal = Terminal {
            width: Some(20),
            height: Some(6),
            live: true,
            ..Terminal::PLAIN
        };
        let mut progress = Progress::new(terminal);
        let mut out = b"$ amiwright watch\r\n".to_vec();
        let rows = |count: usize, frame| (0..count).map(move |row| format!("{row} {frame}"));
        for count in [2, 9, 5, 3] {
            progress
                .draw(|_, frame| rows(count, frame).collect(), &mut out)
                .unwrap();
        }
        // Nine did not fit: what stood above the screen was scrolled away, and no row is doubled.
        assert_eq!(screen(&out), "0 3\n1 3\n2 3");
        progress.say("cancelled\r", &mut out).unwrap();
        progress
            .draw(|_, _| vec!["0 4".to_owned()], &mut out)
            .unwrap();
        progress.finish(&mut out).unwrap();
        out.extend(b"Finished");
        let text = screen(&out).replace('\n', " ");
        assert!(
            text.contains("cancelled") && text.ends_with("Finished"),
            "{text}"
        );
        assert!(!text.contains("0 4"), "{text}");
    }
}
