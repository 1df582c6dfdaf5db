//! The progress of images: a bar for each on a terminal, a line for each change elsewhere. For `watch` and `demo`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressFinish, ProgressStyle};

use super::progress_text;
use super::text::{cut_front, plain};
use crate::image::Status;
use crate::image::words::{State, Step, counted};

/// The length of a bar, in percent.
const COMPLETE: u8 = 100;
/// The part of a bar for the EC2 task that creates the image: its start and its end, in percent.
const TASK: (u8, u8) = (10, 80);
/// Characters of a key that are shown beside a bar; lines show all of it.
const KEY_WIDTH: usize = 26;

/// The progress of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    /// Percent of the whole; 100 once nothing more will happen.
    pub(super) percent: u8,
    /// A short description.
    pub(super) text: String,
}

impl Stage {
    /// The stage of an image with this status; `open` says whether it has an open marker, if that is known.
    pub(super) fn of(status: Option<&Status>, open: Option<bool>) -> Self {
        match status {
            None => Self::new(0, "uploaded"),
            Some(status) if !status.state.is_final() => {
                Self::new(percent_done(status), progress_text::summary(status))
            }
            Some(status) => ended(status, open),
        }
    }

    /// A stage with any description.
    pub(super) fn new(percent: u8, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { percent, text }
    }
}

/// The percentage for an image that is not final.
fn percent_done(status: &Status) -> u8 {
    let (begin, end) = TASK;
    match status.build.step {
        Step::CheckManifest => 2,
        Step::CheckObject => 4,
        Step::StartTask => 6,
        Step::AwaitTask => {
            let part = u16::from(task_percent(status)) * u16::from(end - begin);
            begin + u8::try_from(part / 100).unwrap_or(0)
        }
        Step::CheckBundle => end.min(if status.build.tasks.is_empty() {
            6
        } else {
            end
        }),
        Step::TagImported => end,
        Step::RegisterImage => 85,
        // A copy shows no progress of its own until it ends.
        Step::AwaitImage if status.polled_task().is_some() => begin,
        Step::AwaitImage => 90,
        Step::Publish => 91,
        Step::StoreImage => 92,
        Step::AwaitStore => 93,
        Step::CleanUp => 95,
    }
}

/// The percentage of the task. That of a bundle task may be of its current state only ("BundleTask", EC2 API Reference,
/// does not say): with one half for bundling and one for storing, the bar never moves backwards.
fn task_percent(status: &Status) -> u8 {
    let percent = status.build.progress.unwrap_or(0).min(100);
    match status.build.tasks.last().map(|task| task.state.as_str()) {
        Some("bundling") => percent / 2,
        Some("storing") => 50 + percent / 2,
        _ => percent,
    }
}

/// The stage of an image that is final: complete once its email is sent and its open marker is removed.
fn ended(status: &Status, open: Option<bool>) -> Stage {
    let what = outcome(status);
    let has_unsent = status.unsent().next().is_some();
    let sent = if status.notices.is_empty() {
        String::new()
    } else {
        ", email sent".to_owned()
    };
    match (has_unsent, open) {
        (true, _) => Stage::new(97, what),
        (false, Some(true)) => Stage::new(99, what + &sent),
        (false, Some(false)) => Stage::new(COMPLETE, format!("{what}{sent}, done")),
        (false, None) => Stage::new(COMPLETE, what + &sent),
    }
}

fn outcome(status: &Status) -> String {
    let ids: Vec<&str> = status
        .regions
        .values()
        .map(|region| region.image.as_str())
        .collect();
    let ids = ids.join(" ");
    let what = match status.state {
        State::Rejected => format!("rejected, {}", counted(status.problem_count(), "problem")),
        State::Failed => {
            let failure = status.build.failure.as_ref();
            let why = failure.map(|failure| failure.code.as_ref().unwrap_or(&failure.message));
            why.map_or_else(|| "failed".to_owned(), |why| format!("failed, {why}"))
        }
        State::Cancelled if !status.build.deleted.is_empty() => {
            format!("cancelled, deleted {}", status.build.deleted.join(" "))
        }
        state if ids.is_empty() => state.to_string(),
        state => format!("{ids} {state}"),
    };
    plain(&what)
}

/// What is shown of each image.
pub(super) struct Progress {
    bars: Option<MultiProgress>,
    rows: BTreeMap<String, Row>,
}

struct Row {
    bar: Option<ProgressBar>,
    shown: String,
}

impl Progress {
    /// Nothing yet; `on_terminal` selects bars, drawn on standard error.
    pub(super) fn new(on_terminal: bool) -> Self {
        Self {
            bars: on_terminal.then(MultiProgress::new),
            rows: BTreeMap::new(),
        }
    }

    /// Shows the stage of an image if it has changed.
    pub(super) fn show(
        &mut self,
        key: &str,
        stage: &Stage,
        elapsed: Duration,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let bars = self.bars.as_ref();
        let row = self.rows.entry(key.to_owned()).or_insert_with(|| Row {
            bar: bars.map(|bars| bars.add(bar())),
            shown: String::new(),
        });
        if row.shown == stage.text {
            return Ok(());
        }
        row.shown.clone_from(&stage.text);
        match &row.bar {
            Some(bar) => {
                bar.set_position(u64::from(stage.percent));
                let key = cut_front(key, KEY_WIDTH);
                bar.set_message(format!("{key:<KEY_WIDTH$}  {}", stage.text));
                if stage.percent == COMPLETE {
                    bar.abandon();
                }
                Ok(())
            }
            None => {
                writeln!(
                    out,
                    "  {:>5.1} s  {:<KEY_WIDTH$} {}",
                    elapsed.as_secs_f64(),
                    plain(key),
                    stage.text
                )?;
                out.flush()
            }
        }
    }

    /// Shows a message between the changes.
    pub(super) fn say(&mut self, text: &str, out: &mut dyn Write) -> io::Result<()> {
        for line in text.lines() {
            match &self.bars {
                Some(bars) => bars.println(format!("  {}", plain(line)))?,
                None => writeln!(out, "           {}", plain(line))?,
            }
        }
        out.flush()
    }

    /// Keeps the bars on the screen; further output comes below them.
    pub(super) fn finish(self) {
        for bar in self
            .rows
            .into_values()
            .filter_map(|row| row.bar)
            .filter(|bar| !bar.is_finished())
        {
            bar.abandon();
        }
        drop(self.bars);
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(u64::from(COMPLETE))
        // After Ctrl-C the bar stays readable.
        .with_finish(ProgressFinish::Abandon);
    // The template is constant and valid. `wide_msg` truncates what a narrow terminal would wrap, for each update of a
    // wrapped line leaves the old one on the screen: so the key is part of it.
    if let Ok(style) = ProgressStyle::with_template("  {bar:10} {elapsed:>4}  {wide_msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::observed::ObservedTask;
    use crate::image::status::ManifestVersion;
    use crate::image::task::{Task, TaskKind};

    fn status() -> Status {
        let uploaded_at = "2026-11-21T09:00:00Z".parse().unwrap();
        let manifest = ManifestVersion {
            bucket: "images".to_owned(),
            key: "web.image.yaml".to_owned(),
            etag: "\"1\"".to_owned(),
            version_id: None,
            sha256: "0123456789abcdef".to_owned(),
            publish_digest: None,
            uploaded_at,
            repeated_at: None,
        };
        Status::new(manifest, uploaded_at)
    }

    #[test]
    fn the_task_fills_most_of_the_bar() {
        let mut status = status();
        assert_eq!(Stage::of(None, None), Stage::new(0, "uploaded"));
        assert_eq!(Stage::of(Some(&status), None).text, "checking");
        let seen = ObservedTask {
            id: "import-snap-1".to_owned(),
            state: "active".to_owned(),
            progress: Some(50),
            message: Some("converting".to_owned()),
            ..ObservedTask::default()
        };
        let task = Task::started(
            TaskKind::ImportSnapshot,
            "us-east-1",
            &seen,
            status.build.step_since,
        );
        status.build.tasks.push(task);
        (status.build.step, status.build.progress) = (Step::AwaitTask, Some(50));
        let stage = Stage::of(Some(&status), None);
        assert_eq!(stage, Stage::new(45, "import-snapshot 50 % converting"));
    }

    #[test]
    fn an_image_is_done_without_its_open_marker() {
        let mut status = status();
        status.state = State::Cancelled;
        status.build.deleted = vec!["snap-1".to_owned()];
        let text = "cancelled, deleted snap-1";
        assert_eq!(Stage::of(Some(&status), Some(true)), Stage::new(99, text));
        let done = format!("{text}, done");
        assert_eq!(
            Stage::of(Some(&status), Some(false)),
            Stage::new(COMPLETE, done)
        );
        assert_eq!(Stage::of(Some(&status), None), Stage::new(COMPLETE, text));
    }

    #[test]
    fn without_a_terminal_each_change_is_a_line() {
        let mut progress = Progress::new(false);
        let mut out = Vec::new();
        let seconds = Duration::from_secs;
        for (at, text) in [(1, "checking"), (2, "checking"), (3, "ami-1 available")] {
            let stage = Stage::new(1, text);
            progress
                .show("web\x1b.image.yaml", &stage, seconds(at), &mut out)
                .unwrap();
        }
        progress.finish();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("  1.0 s  web\u{fffd}.image.yaml"), "{text}");
    }
}
