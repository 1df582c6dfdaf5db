//! How findings are printed.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::finding::{Check, Finding};
use crate::cli::exit_code::Exit;
use crate::cli::json as output;
use crate::cli::text::plain;

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    stack: String,
    region: String,
    pub(in crate::cli) checks: Vec<Check>,
}

impl Report {
    pub(super) fn new(stack: &str, region: &str) -> Self {
        Self {
            stack: stack.to_owned(),
            region: region.to_owned(),
            checks: Vec::new(),
        }
    }

    /// 0 if all is ok, 3 if there is something to do, 4 if something could not be looked at.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.counts() {
            (_, 0, 0) => Exit::Done,
            (_, 0, _) => Exit::Unknown,
            _ => Exit::ToDo,
        }
        .code()
    }

    /// How many are ok, to do, and not known.
    pub(in crate::cli) fn counts(&self) -> (usize, usize, usize) {
        let count = |word: &str| {
            let checks = self.checks.iter();
            checks
                .filter(|check| outcome(&check.finding) == word)
                .count()
        };
        (count("ok"), count("todo"), count("unknown"))
    }

    /// Writes one line for each, and a last one with their counts; or all of it as one JSON object.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, json: bool, out: &mut dyn Write) -> io::Result<()> {
        if json {
            let (ok, todo, unknown) = self.counts();
            let summary = json!({"ok": ok, "todo": todo, "unknown": unknown});
            let facts = json!({"stack": self.stack, "region": self.region, "summary": summary});
            return output::write("doctor", facts, self.to_json(), out);
        }
        self.checks.iter().try_for_each(|it| write_line(it, out))?;
        let (ok, todo, unknown) = self.counts();
        let (stack, region) = (plain(&self.stack), plain(&self.region));
        writeln!(
            out,
            "stack {stack} in {region}: {ok} ok, {todo} to do, {unknown} could not be looked at"
        )
    }

    /// Writes one line for each that is not ok, and nothing else.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_findings(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut checks = self.checks.iter();
        checks.try_for_each(|check| match check.finding {
            Finding::Ok(_) => Ok(()),
            Finding::Todo { .. } | Finding::Unknown { .. } => write_line(check, out),
        })
    }

    fn to_json(&self) -> Vec<Value> {
        let check = |check: &Check| {
            let mut value = json!({"check": check.subject, "outcome": outcome(&check.finding)});
            match &check.finding {
                Finding::Ok(text) => value["message"] = text.as_str().into(),
                Finding::Todo { what, next } => {
                    value["message"] = what.as_str().into();
                    value["next"] = next.as_str().into();
                }
                Finding::Unknown { why } => value["message"] = why.as_str().into(),
            }
            value
        };
        self.checks.iter().map(check).collect()
    }
}

fn write_line(check: &Check, out: &mut dyn Write) -> io::Result<()> {
    let (subject, word) = (plain(&check.subject), outcome(&check.finding));
    let text = match &check.finding {
        Finding::Ok(text) => plain(text),
        Finding::Todo { what, next } => format!("{}; {}", plain(what), plain(next)),
        Finding::Unknown { why } => format!("could not look: {}", plain(why)),
    };
    writeln!(out, "{word:<8} {subject}: {text}")
}

fn outcome(finding: &Finding) -> &'static str {
    match finding {
        Finding::Ok(_) => "ok",
        Finding::Todo { .. } => "todo",
        Finding::Unknown { .. } => "unknown",
    }
}
