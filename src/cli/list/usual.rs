//! How long tasks of EC2 usually take here, as far as earlier ones tell.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::image::Status;
use crate::image::task::{Phase, Task, TaskKind};

/// Tasks of a kind that are needed before anything is said: one may have been anything.
const TASKS_MIN: usize = 2;

/// How long tasks of each kind usually take: the median of those that are complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Usual(BTreeMap<TaskKind, SignedDuration>);

impl Usual {
    /// What these statuses tell.
    pub(crate) fn of<'a>(statuses: impl IntoIterator<Item = &'a Status>) -> Self {
        let mut times: BTreeMap<TaskKind, Vec<SignedDuration>> = BTreeMap::new();
        let tasks = statuses.into_iter().flat_map(|status| &status.build.tasks);
        for task in tasks.filter(|task| task.phase() == Phase::Complete) {
            let time = task.updated_at.duration_since(task.started_at);
            times.entry(task.kind).or_default().push(time);
        }
        let medians = times.into_iter().filter_map(|(kind, mut times)| {
            times.sort();
            let median = times.get(times.len() / 2)?;
            (times.len() >= TASKS_MIN).then_some((kind, *median))
        });
        Self(medians.collect())
    }

    /// How long a task like this one usually takes.
    pub(crate) fn time(&self, task: &Task) -> Option<SignedDuration> {
        self.0.get(&task.kind).copied()
    }
}
