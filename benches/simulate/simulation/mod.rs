//! Whole histories, played on the embedded world and judged: users, operators and strangers, and a world in which everything
//! goes wrong that can; then all of that ends, time runs on, and the world is looked at. docs/simulation.md says what must
//! be so.
//!
//! A script is made of a seed before it is played, and with it everything is decided: what happens, all ids, and all chance.

mod beside;
mod bundles;
mod by_drift;
mod by_hand;
mod conditions;
mod coverage;
mod disowned;
mod excuses;
mod generate;
mod logs;
mod lost;
mod made;
mod manifest;
mod monitor;
mod orphans;
mod others;
mod play;
mod rest;
mod script;
mod set_back;
mod setting;
mod settled;
mod shrink;
mod source_shares;
mod told;
mod unwanted;
mod weather;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

pub(crate) use self::coverage::Coverage;
pub(crate) use self::generate::script;
use self::logs::Logs;
pub(crate) use self::monitor::{Line, Monitor};
pub(crate) use self::script::Script;
pub(crate) use self::shrink::shrunk;

/// What became of a script.
pub(crate) struct Outcome {
    /// What was wrong; nothing if all was well.
    pub(crate) wrong: Vec<String>,
    /// What happened.
    pub(crate) lines: Vec<Line>,
    pub(crate) coverage: Coverage,
    /// The emails as they were received.
    pub(crate) emails: Vec<String>,
}

/// Plays a script, and judges it.
pub(crate) fn run(script: &Script, monitor: Monitor) -> Outcome {
    // What the SDK takes by chance, pauses and tokens, it takes from this.
    fastrand::seed(script.seed);
    let monitor = Arc::new(monitor);
    let logs = Logs::default();
    let _guard = logs.collect();
    let (mut judged, mut emails) = (Vec::new(), Vec::new());
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let played = play::play(script, &monitor).await;
            judged = rest::check(&played).await;
            if let Some(beside) = &played.beside {
                judged.extend(beside::check(beside).await);
            }
            emails = rest::emails(&played);
            // The stack has the last word.
            drop(played);
        });
    }));
    let mut wrong = monitor.violations();
    wrong.append(&mut judged);
    if let Err(panic) = ended {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        wrong.push(text.unwrap_or_else(|| "a panic".to_owned()));
    }
    wrong.extend(monitor.leaks("a log", &logs.text()));
    let mut coverage = monitor.coverage();
    coverage.histories = 1;
    Outcome {
        wrong,
        lines: monitor.lines(),
        coverage,
        emails,
    }
}

/// A member of a document as text; empty if it is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer);
    found.and_then(Value::as_str).unwrap_or_default()
}
