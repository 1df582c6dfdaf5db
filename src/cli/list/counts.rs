//! How many images are in which state.

use serde_json::{Value, json};

use super::row::{Kind, Row};

/// The states that are counted, in the order in which they are named.
const STATES: [&str; 8] = [
    "failed",
    "incomplete",
    "rejected",
    "cancelled",
    "unreadable",
    "superseded",
    "deleted",
    "available",
];

fn number(rows: &[Row], state: &str) -> usize {
    let is = |row: &&Row| row.kind != Kind::Open && row.state == state;
    rows.iter().filter(is).count()
}

fn open(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.kind == Kind::Open).count()
}

/// `2 open`, `1 failed`, `57 available`: those that there are.
pub(crate) fn counts(rows: &[Row]) -> Vec<String> {
    let states = STATES.map(|state| (number(rows, state), state));
    std::iter::once((open(rows), "open"))
        .chain(states)
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {state}"))
        .collect()
}

/// The same for programs.
pub(crate) fn summary(rows: &[Row]) -> Value {
    let mut summary = json!({"images": rows.len(), "open": open(rows)});
    for state in STATES {
        summary[state] = json!(number(rows, state));
    }
    summary
}
