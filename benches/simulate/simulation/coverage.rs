//! What histories have seen: which events, faults, states and actions, and how often.

use std::collections::BTreeMap;

use localaws::faults::Exchange;
use serde_json::Value;

use super::script::Event;
use super::text;

/// Counts by name.
type Counts = BTreeMap<String, u64>;

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Coverage {
    /// Events of scripts, by kind.
    pub(crate) events: Counts,
    /// Calls that failed, by service, action and how.
    pub(crate) failures: Counts,
    /// Calls that were refused for good, by action and code.
    pub(crate) refusals: Counts,
    /// The same request refused several times in a row, by action, code and how often.
    pub(crate) rows: Counts,
    /// Changes of EC2 and SSM that were made, by action.
    pub(crate) actions: Counts,
    /// From which state or step a status went to which.
    pub(crate) transitions: Counts,
    /// States of images in the end.
    pub(crate) ends: Counts,
    /// Notices, by kind.
    pub(crate) notices: Counts,
    pub(crate) calls: u64,
    pub(crate) histories: u64,
}

fn count(counts: &mut Counts, name: String) {
    *counts.entry(name).or_default() += 1;
}

impl Coverage {
    pub(super) fn event(&mut self, event: &Event) {
        let value = serde_json::to_value(event).unwrap_or_default();
        let kind = value.as_object().and_then(|it| it.keys().next().cloned());
        let mut name = kind.unwrap_or_else(|| value.as_str().unwrap_or_default().to_owned());
        match event {
            Event::Fail { fault, .. } | Event::Storm { fault, .. } => {
                name += &format!(" {fault:?}").to_lowercase();
            }
            Event::Edit { edit, .. } => name += &format!(" {edit:?}").to_lowercase(),
            Event::Update { change } => {
                let change = serde_json::to_value(change).unwrap_or_default();
                name += &format!(" {change}");
            }
            Event::Drop { manifest, .. } => {
                name += &format!(" {:?}", manifest.source).to_lowercase();
            }
            _ => {}
        }
        count(&mut self.events, name);
    }

    pub(super) fn call(&mut self, exchange: &Exchange) {
        self.calls += 1;
        let call = &exchange.call;
        let how = match &exchange.answer {
            None => "died".to_owned(),
            Some(answer) if answer.status().is_success() => return,
            Some(answer) => answer.status().as_u16().to_string(),
        };
        let name = format!("{} {} {how}", call.service, call.action);
        count(&mut self.failures, name);
    }

    pub(super) fn refused(&mut self, what: &str) {
        count(&mut self.refusals, what.to_owned());
    }

    /// The same was refused so often.
    pub(super) fn refused_again(&mut self, action: &str, code: &str, often: u32) {
        if often > 1 {
            count(&mut self.rows, format!("{action} {code} {often} times"));
        }
    }

    pub(super) fn action(&mut self, action: &str) {
        count(&mut self.actions, action.to_owned());
    }

    pub(super) fn transition(&mut self, before: &Value, after: &Value) {
        let (from, to) = (place(before), place(after));
        if from != to {
            count(&mut self.transitions, format!("{from} → {to}"));
        }
    }

    /// An image has ended so.
    pub(super) fn end(&mut self, state: &str) {
        count(&mut self.ends, state.to_owned());
    }

    /// A notice of this kind was recorded.
    pub(super) fn notice(&mut self, kind: &str) {
        count(&mut self.notices, kind.to_owned());
    }

    /// Adds what another history has seen.
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.events, &other.events),
            (&mut self.failures, &other.failures),
            (&mut self.refusals, &other.refusals),
            (&mut self.rows, &other.rows),
            (&mut self.actions, &other.actions),
            (&mut self.transitions, &other.transitions),
            (&mut self.ends, &other.ends),
            (&mut self.notices, &other.notices),
        ];
        for (all, more) in pairs {
            for (name, times) in more {
                *all.entry(name.clone()).or_default() += times;
            }
        }
        self.calls += other.calls;
        self.histories += other.histories;
    }

    /// All of it as tables.
    pub(crate) fn tables(&self) -> String {
        let table = |title: &str, counts: &Counts| {
            let mut rows: Vec<_> = counts.iter().collect();
            rows.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
            let lines = rows
                .iter()
                .map(|(name, times)| format!("{times:>9}  {name}\n"));
            format!("{title} ({})\n{}\n", rows.len(), lines.collect::<String>())
        };
        [
            table("events", &self.events),
            table("calls that failed", &self.failures),
            table("calls refused for good", &self.refusals),
            table("refused in a row", &self.rows),
            table("changes", &self.actions),
            table("states and steps", &self.transitions),
            table("notices", &self.notices),
            table("ends", &self.ends),
        ]
        .concat()
    }
}

/// Where an image is: its state, or the step it is in.
fn place(status: &Value) -> String {
    match (text(status, "/state"), text(status, "/build/step")) {
        ("", _) => "nothing".to_owned(),
        ("working", step) => step.to_owned(),
        (state, _) => state.to_owned(),
    }
}
