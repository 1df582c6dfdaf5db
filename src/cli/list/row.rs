//! One image of a list.

use jiff::{SignedDuration, Timestamp};

use super::usual::Usual;
use crate::cli::progress_text::{self, task_state};
use crate::cli::text::{plain, span};
use crate::image::Status;
use crate::image::message::wait_text;
use crate::image::status::Change;
use crate::image::task::{Task, TaskKind};
use crate::image::words::{CancelBy, State, Step, counted};

/// What is known of an image.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known<'a> {
    /// No status yet; whether it has an open marker.
    Nothing {
        /// Whether work on it has begun.
        is_open: bool,
    },
    /// Its status.
    Status(&'a Status),
    /// How the last version ended, and that a new one is about to start.
    Before,
    /// Why its status cannot be read.
    Unreadable(&'a str),
}

/// What an image is to who looks at a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// In progress.
    Open,
    /// It did not become available.
    Failed,
    /// Nobody waits for it any more: its manifest was removed, or another one decides.
    Over,
    /// Available.
    Available,
}

/// What EC2 is doing for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    /// Percent, where EC2 says it.
    pub(crate) percent: Option<u8>,
}

/// One image of a list. All texts are safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Key of its manifest.
    pub(crate) key: String,
    /// What it is to who looks at a list.
    pub(crate) kind: Kind,
    /// One or two words: what is done for it, or how it ended.
    pub(crate) state: String,
    /// What EC2 is doing for it now.
    pub(crate) work: Option<Work>,
    /// How far it is, its first problem, or its name.
    pub(crate) detail: String,
    /// Ids of its AMIs, that of the stack's Region first.
    pub(crate) images: Vec<String>,
    /// When its manifest was uploaded.
    pub(crate) uploaded_at: Option<Timestamp>,
    /// When its state was last changed.
    pub(crate) changed_at: Option<Timestamp>,
    /// When it ended.
    pub(crate) ended_at: Option<Timestamp>,
    /// Whether everybody was told how it ended.
    pub(crate) is_notified: bool,
}

impl Row {
    /// The row of an image.
    pub(crate) fn of(key: &str, known: Known<'_>, usual: &Usual, now: Timestamp) -> Self {
        let waiting = |detail: &str| Self {
            key: plain(key),
            kind: Kind::Open,
            state: "waiting".to_owned(),
            work: None,
            detail: detail.to_owned(),
            images: Vec::new(),
            uploaded_at: None,
            changed_at: None,
            ended_at: None,
            is_notified: false,
        };
        match known {
            Known::Nothing { is_open: true } => waiting("uploaded"),
            Known::Nothing { is_open: false } => waiting("no status yet: is it uploaded?"),
            Known::Before => waiting("waiting for the new version to start"),
            Known::Unreadable(reason) => Self {
                kind: Kind::Failed,
                state: "unreadable".to_owned(),
                ..waiting(&plain(reason))
            },
            Known::Status(status) => Self::of_status(key, status, usual, now),
        }
    }

    fn of_status(key: &str, status: &Status, usual: &Usual, now: Timestamp) -> Self {
        let is_final = status.state.is_final();
        let task = status
            .polled_task()
            .filter(|_| !is_final && status.build.waiting.is_none());
        let changed_at = changed_at(status);
        Self {
            key: plain(key),
            kind: kind(status.state),
            state: state(status),
            work: task.map(|task| Work {
                percent: percent(task),
            }),
            detail: plain(&match status.state {
                State::Working => progress(status, usual, now),
                _ => outcome(status),
            }),
            images: images(status),
            uploaded_at: Some(status.manifest.uploaded_at),
            changed_at: Some(changed_at),
            ended_at: is_final.then_some(changed_at),
            is_notified: !status.notices.is_empty() && status.unsent().next().is_none(),
        }
    }

    /// How long ago its manifest was uploaded.
    pub(crate) fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.uploaded_at.map(|at| now.duration_since(at))
    }

    /// How long it took from the upload to its end; how long it takes already, if it has not ended.
    pub(crate) fn took(&self, now: Timestamp) -> Option<SignedDuration> {
        self.age(self.ended_at.unwrap_or(now))
    }
}

fn kind(state: State) -> Kind {
    match state {
        State::Working => Kind::Open,
        State::Failed | State::Incomplete | State::Rejected | State::Cancelled => Kind::Failed,
        State::Superseded | State::Deleted => Kind::Over,
        State::Available => Kind::Available,
    }
}

/// When the image came to where it is, by its history; by its step, where the history does not reach back so far.
pub(crate) fn changed_at(status: &Status) -> Timestamp {
    let place = status.place();
    let reached = |change: &&Change| change.to == place && change.from != place;
    let change = status.history.iter().rev().find(reached);
    change.map_or(status.build.step_since, |change| change.at)
}

/// What is done for an image, or how it ended, in a word or two.
fn state(status: &Status) -> String {
    let word = match (status.state, status.build.step) {
        (State::Working, Step::CleanUp) => "cleaning up",
        (State::Working, _) if status.cancel.is_some() => "cancelling",
        (State::Working, step) => match step {
            _ if status.build.waiting.is_some() => "waiting",
            Step::CheckManifest | Step::CheckBundle | Step::CheckObject => "checking",
            Step::StartTask => "starting",
            Step::AwaitTask | Step::AwaitStore | Step::AwaitImage => match status.polled_task() {
                Some(task) => working(task.kind),
                None => "pending",
            },
            Step::TagImported => "tagging",
            Step::RegisterImage => "registering",
            Step::Publish => "publishing",
            Step::StoreImage => "storing",
            Step::Retire => "retiring",
            Step::CleanUp => "cleaning up",
        },
        (state, _) => return state.to_string(),
    };
    word.to_owned()
}

/// What a task does.
fn working(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::ImportSnapshot | TaskKind::ImportImage => "importing",
        TaskKind::BundleInstance => "bundling",
        TaskKind::CopyImage => "copying",
        TaskKind::RestoreImage => "restoring",
        TaskKind::StoreImage => "storing",
    }
}

/// The percentage of a task. That of a bundle task may be of its current state only ("BundleTask", EC2 API Reference,
/// does not say): with one half for bundling and one for storing, a bar never moves backwards.
fn percent(task: &Task) -> Option<u8> {
    let percent = task.progress?.min(100);
    Some(match task.state.as_str() {
        "bundling" => percent / 2,
        "storing" if task.kind == TaskKind::BundleInstance => 50 + percent / 2,
        _ => percent,
    })
}

/// How far an image in progress is.
fn progress(status: &Status, usual: &Usual, now: Timestamp) -> String {
    let mut text = match (&status.build.waiting, status.polled_task()) {
        (Some(waiting), _) => wait_text(&waiting.reason),
        (None, Some(task)) => of_task(task, usual, now),
        (None, None) => progress_text::summary(status),
    };
    if status.build.stalls > 0 {
        let still = span(now.duration_since(status.unchanged_since()));
        text.push_str(&format!(", no change for {still}"));
    }
    text
}

/// How far a task is, and how long it will take, if earlier ones tell.
fn of_task(task: &Task, usual: &Usual, now: Timestamp) -> String {
    let said = match (percent(task), task.kind.is_image()) {
        (Some(percent), _) => format!("{percent} % {}", task_state(task)),
        (None, true) => format!("{} (EC2 gives no percent)", working(task.kind)),
        (None, false) => task_state(task),
    };
    let elapsed = now.duration_since(task.started_at);
    let left = usual.time(task).map(|time| (time, time - elapsed));
    match left {
        Some((_, left)) if percent(task).is_some() && left.is_positive() => {
            format!("{said}, about {} left", span(left))
        }
        Some((time, _)) => format!("{said}, usually {}", span(time)),
        None => said,
    }
}

/// How an image ended: its name, or its first problem.
fn outcome(status: &Status) -> String {
    match status.state {
        State::Working => String::new(),
        State::Available => status.build.name.clone().unwrap_or_default(),
        State::Rejected => {
            let count = counted(status.problem_count(), "problem");
            let first = status.problems.first();
            first.map_or(count.clone(), |problem| format!("{count}: {problem}"))
        }
        State::Superseded => "the image manifest of the bundle is used instead".to_owned(),
        State::Deleted if status.regions.is_empty() => {
            "the manifest was removed, and its AMIs were deregistered".to_owned()
        }
        State::Deleted => "the manifest was removed, and its AMIs were kept".to_owned(),
        State::Cancelled => {
            let by = match status.cancel.map(|cancel| cancel.by) {
                Some(CancelBy::ManifestRemoved) => "the manifest was removed",
                Some(CancelBy::Command) | None => "by amiwright cancel",
            };
            match status.build.deleted.as_slice() {
                [] => by.to_owned(),
                deleted => format!("{by}; deleted {}", deleted.join(" ")),
            }
        }
        State::Failed | State::Incomplete => {
            let failure = status.failures().next();
            failure.map_or_else(String::new, |failure| match &failure.code {
                Some(code) => format!("{code}: {}", failure.message),
                None => failure.message.clone(),
            })
        }
    }
}

/// The ids of the AMIs, that of the stack's Region first.
fn images(status: &Status) -> Vec<String> {
    let (copies, home): (Vec<_>, Vec<_>) = status
        .regions
        .iter()
        .partition(|(region, _)| status.copies.contains_key(*region));
    let all = home.into_iter().chain(copies);
    all.map(|(_, image)| plain(&image.image)).collect()
}
