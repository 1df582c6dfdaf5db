//! How far the images are: bars on a terminal, a line for each step elsewhere.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::text::plain;
use crate::image::Status;
use crate::image::status::{State, Step};
use crate::image::transition::counted;

/// Stages of an image: uploaded, taken up, registering, pending, told, settled.
const STAGES: u64 = 5;

/// What is shown of each manifest.
pub(super) struct Progress {
    bars: Option<MultiProgress>,
    rows: BTreeMap<&'static str, Row>,
}

struct Row {
    bar: Option<ProgressBar>,
    shown: String,
}

impl Progress {
    /// A row for each manifest; `on_terminal` makes it a bar.
    pub(super) fn new(on_terminal: bool, keys: impl Iterator<Item = &'static str>) -> Self {
        let bars = on_terminal.then(MultiProgress::new);
        let rows = keys
            .map(|key| {
                (
                    key,
                    Row {
                        bar: bars.as_ref().map(|bars| bars.add(bar(key))),
                        shown: String::new(),
                    },
                )
            })
            .collect();
        Self { bars, rows }
    }

    /// Shows where a manifest's image is, if that is news.
    pub(super) fn show(
        &mut self,
        key: &str,
        status: Option<&Status>,
        open: bool,
        elapsed: Duration,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let Some(row) = self.rows.get_mut(key) else {
            return Ok(());
        };
        let (stage, words) = stage(status, open);
        if row.shown == words {
            return Ok(());
        }
        row.shown.clone_from(&words);
        match &row.bar {
            Some(bar) => {
                bar.set_position(stage);
                bar.set_message(words);
                if stage == STAGES {
                    bar.finish();
                }
                Ok(())
            }
            None => {
                writeln!(out, "  {:>5.1} s  {key:<26} {words}", elapsed.as_secs_f64())?;
                out.flush()
            }
        }
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

fn bar(key: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(STAGES).with_prefix(key);
    // The template is fixed and well-formed; without it the bar has its usual looks. `wide_msg` cuts off what a narrow
    // terminal would wrap: a wrapped line is drawn anew each time, and the old one stays.
    if let Ok(style) =
        ProgressStyle::with_template("  {prefix:<26} {bar:10} {elapsed:>4}  {wide_msg}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// How far an image is, as a number up to [`STAGES`] and in words.
fn stage(status: Option<&Status>, open: bool) -> (u64, String) {
    let Some(status) = status else {
        return (0, "uploaded".to_owned());
    };
    let waiting = status
        .waiting
        .as_ref()
        .map(|waiting| plain(&waiting.message));
    match (status.state, status.step) {
        (State::Working, Step::CheckManifest | Step::CheckBundle) => {
            (1, waiting.unwrap_or_else(|| "checking".to_owned()))
        }
        (State::Working, Step::RegisterImage) => {
            (2, waiting.unwrap_or_else(|| "registering".to_owned()))
        }
        (State::Working, Step::AwaitImage) => {
            (3, format!("{} registered, pending", images(status)))
        }
        (state, _) => {
            let what = match state {
                State::Rejected => {
                    format!("rejected, {}", counted(status.problems.len(), "problem"))
                }
                _ => format!("{} {state}", images(status)),
            };
            match (status.unsent().next().is_some(), open) {
                (true, _) => (4, what),
                (false, true) => (4, format!("{what}, mail sent")),
                (false, false) => (STAGES, format!("{what}, mail sent, settled")),
            }
        }
    }
}

fn images(status: &Status) -> String {
    let ids: Vec<&str> = status
        .images
        .values()
        .map(|image| image.id.as_str())
        .collect();
    plain(&ids.join(" "))
}
