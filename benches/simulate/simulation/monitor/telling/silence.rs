//! What lasts for long is told, once calls do not fail any more.

use jiff::Timestamp;
use localaws::faults::Call;
use serde_json::Value;

use super::{WAITING_LONG, polled, stalled_after, unchanged_since};
use crate::simulation::monitor::{State, text};

/// Functions look every minute; so much later they have, whatever the clocks of their machines say.
const SLACK: i64 = 30 * 60;

/// What takes its time, or has a date.
const USUAL: [&str; 4] = [
    "copy-pending",
    "image-pending",
    "protection-cooldown",
    "parameter-not-confirmed",
];

impl State {
    /// Whatever has been waited for or was silent for longer than its limit was told before anybody writes something else.
    pub(super) fn judge_silence(&mut self, call: &Call, key: &str, before: &Value) {
        let Some(calm_since) = self.calm_since else {
            return;
        };
        let moment = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_second);
        let lasts = |since: &str, limit: i64| {
            let since = moment(since).map(|it| it + limit);
            since.is_some_and(|it| call.at.as_second() > it.max(calm_since.as_second()) + SLACK)
        };
        if text(before, "/state") != "working" {
            return;
        }
        let build = &before["build"];
        // What EC2 registers itself is no task, and is polled, too, unless it is to be cancelled.
        let is_polled = polled(before).is_some()
            || (text(build, "/step") == "await-image" && before["cancel"].is_null());
        // Each time it is told after twice as long.
        let told = build["stalls"].as_u64().unwrap_or_default().min(20);
        if is_polled && lasts(unchanged_since(before), stalled_after(before) << told) {
            let what = format!("{key}: nobody was told that its task is silent: {before}");
            self.wrong(call, &what);
        }
        let waiting = &build["waiting"];
        let (since, step_since) = (text(waiting, "/since"), text(build, "/stepSince"));
        let is_long = waiting.is_object()
            && !USUAL.contains(&text(waiting, "/reason"))
            && lasts(since, WAITING_LONG)
            && lasts(step_since, WAITING_LONG);
        // Its settings may have changed since.
        let step = format!("waiting-long of {key} ");
        let mut told = self.telling.counts.keys();
        let is_told = told.any(|it| it.starts_with(&step) && it.ends_with(step_since));
        if is_long && !is_told {
            let what = format!("{key}: nobody was told what is waited for: {before}");
            self.wrong(call, &what);
        }
    }
}
