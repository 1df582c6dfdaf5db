//! How far images are: a bar for each on a terminal, a line for each change elsewhere. `watch` and `demo` share it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressFinish, ProgressStyle};

use super::progress_text;
use super::text::{cut_front, plain};
use crate::image::Status;
use crate::image::status::{State, Step};
use crate::image::transition::counted;

/// The whole way of an image, in percent of a bar.
const WHOLE: u8 = 100;
/// Of which the task of EC2 that makes it has this part: where it begins and where it ends.
const TASK: (u8, u8) = (10, 80);
/// Characters of a key that are shown beside a bar; lines have all of it.
const KEY_WIDTH: usize = 26;

/// How far an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    /// Percent of the whole way; 100 once nothing more will happen.
    pub(super) percent: u8,
    /// In words.
    pub(super) words: String,
}

impl Stage {
    /// The stage of an image with this status; `open` says whether it has an open marker, where that is known.
    pub(super) fn of(status: Option<&Status>, open: Option<bool>) -> Self {
        match status {
            None => Self::new(0, "uploaded"),
            Some(status) if !status.state.is_final() => {
                Self::new(under_way(status), progress_text::summary(status))
            }
            Some(status) => ended(status, open),
        }
    }

    /// A stage in one's own words.
    pub(super) fn new(percent: u8, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { percent, words }
    }
}

/// How far an image is whose making is under way, in percent of the whole way.
fn under_way(status: &Status) -> u8 {
    let (begin, end) = TASK;
    match status.step {
        Step::CheckManifest => 2,
        Step::CheckObject => 4,
        Step::StartTask => 6,
        Step::AwaitTask => {
            let part = u16::from(task_percent(status)) * u16::from(end - begin);
            begin + u8::try_from(part / 100).unwrap_or(0)
        }
        Step::CheckBundle => end.min(if status.tasks.is_empty() { 6 } else { end }),
        Step::TagImported => end,
        Step::RegisterImage => 85,
        // A copy shows no progress of its own until it ends.
        Step::AwaitImage if status.followed_task().is_some() => begin,
        Step::AwaitImage => 90,
        Step::StoreImage => 92,
        Step::CleanUp => 95,
    }
}

/// How far the task is. The percent of a bundle task may be those of its present state alone ("BundleTask", EC2 API
/// Reference, does not say): with a half of the bar for bundling and one for storing, it never goes back.
fn task_percent(status: &Status) -> u8 {
    let percent = status.progress.unwrap_or(0).min(100);
    match status.tasks.last().map(|task| task.state.as_str()) {
        Some("bundling") => percent / 2,
        Some("storing") => 50 + percent / 2,
        _ => percent,
    }
}

/// What became of an image, and who knows of it.
fn ended(status: &Status, open: Option<bool>) -> Stage {
    let what = what_became(status);
    let has_unsent = status.unsent().next().is_some();
    let sent = if status.notices.is_empty() {
        String::new()
    } else {
        ", mail sent".to_owned()
    };
    match (has_unsent, open) {
        (true, _) => Stage::new(97, what),
        (false, Some(true)) => Stage::new(99, what + &sent),
        (false, Some(false)) => Stage::new(WHOLE, format!("{what}{sent}, settled")),
        (false, None) => Stage::new(WHOLE, what + &sent),
    }
}

fn what_became(status: &Status) -> String {
    let ids: Vec<&str> = status
        .images
        .values()
        .map(|image| image.id.as_str())
        .collect();
    let ids = ids.join(" ");
    let what = match status.state {
        State::Rejected => format!("rejected, {}", counted(status.problems.len(), "problem")),
        State::Failed => {
            let failure = status.failure.as_ref();
            let why = failure.map(|failure| failure.code.as_ref().unwrap_or(&failure.message));
            why.map_or_else(|| "failed".to_owned(), |why| format!("failed, {why}"))
        }
        State::Cancelled if !status.removed.is_empty() => {
            format!("cancelled, removed {}", status.removed.join(" "))
        }
        state if ids.is_empty() => state.to_string(),
        state => format!("{ids} {state}"),
    };
    plain(&what)
}

/// What is shown of each manifest.
pub(super) struct Progress {
    bars: Option<MultiProgress>,
    rows: BTreeMap<String, Row>,
}

struct Row {
    bar: Option<ProgressBar>,
    shown: String,
}

impl Progress {
    /// Nothing yet; `on_terminal` makes bars, drawn on standard error.
    pub(super) fn new(on_terminal: bool) -> Self {
        Self {
            bars: on_terminal.then(MultiProgress::new),
            rows: BTreeMap::new(),
        }
    }

    /// Shows where a manifest's image is, if that is news.
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
        if row.shown == stage.words {
            return Ok(());
        }
        row.shown.clone_from(&stage.words);
        match &row.bar {
            Some(bar) => {
                bar.set_position(u64::from(stage.percent));
                let key = cut_front(key, KEY_WIDTH);
                bar.set_message(format!("{key:<KEY_WIDTH$}  {}", stage.words));
                if stage.percent == WHOLE {
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
                    stage.words
                )?;
                out.flush()
            }
        }
    }

    /// Says something between the changes.
    #[cfg(feature = "local")]
    pub(super) fn say(&mut self, text: &str, out: &mut dyn Write) -> io::Result<()> {
        for line in text.lines() {
            match &self.bars {
                Some(bars) => bars.println(format!("  {}", plain(line)))?,
                None => writeln!(out, "           {}", plain(line))?,
            }
        }
        out.flush()
    }

    /// Leaves the bars as they are; what is written next comes below them.
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
    let bar = ProgressBar::new(u64::from(WHOLE))
        // A bar that is dropped half-way, by Ctrl-C, stays to be read.
        .with_finish(ProgressFinish::Abandon);
    // The template is fixed and well-formed; without it the bar has its usual looks. `wide_msg` cuts off what a narrow
    // terminal would wrap: a wrapped line is drawn anew each time, and the old one stays. So the key is part of it.
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
            uploaded_at,
            repeated_at: None,
        };
        Status::new(manifest, uploaded_at)
    }

    #[test]
    fn the_task_has_most_of_the_bar() {
        let mut status = status();
        assert_eq!(Stage::of(None, None), Stage::new(0, "uploaded"));
        assert_eq!(Stage::of(Some(&status), None).words, "checking");
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
            status.step_since,
        );
        status.tasks.push(task);
        (status.step, status.progress) = (Step::AwaitTask, Some(50));
        let stage = Stage::of(Some(&status), None);
        assert_eq!(stage, Stage::new(45, "import-snapshot 50 % converting"));
    }

    #[test]
    fn it_has_ended_when_it_is_told_and_settled() {
        let mut status = status();
        status.state = State::Cancelled;
        status.removed = vec!["snap-1".to_owned()];
        let words = "cancelled, removed snap-1";
        assert_eq!(Stage::of(Some(&status), Some(true)), Stage::new(99, words));
        let settled = format!("{words}, settled");
        assert_eq!(
            Stage::of(Some(&status), Some(false)),
            Stage::new(WHOLE, settled)
        );
        assert_eq!(Stage::of(Some(&status), None), Stage::new(WHOLE, words));
    }

    #[test]
    fn elsewhere_than_on_a_terminal_each_change_is_a_line() {
        let mut progress = Progress::new(false);
        let mut out = Vec::new();
        let seconds = Duration::from_secs;
        for (at, words) in [(1, "checking"), (2, "checking"), (3, "ami-1 available")] {
            let stage = Stage::new(1, words);
            progress
                .show("web\x1b.image.yaml", &stage, seconds(at), &mut out)
                .unwrap();
        }
        progress.finish();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("  1.0 s  web .image.yaml"), "{text}");
    }
}
