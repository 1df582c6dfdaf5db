//! The output of the demo.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use localaws::world::World;

use super::examples::UPLOADS;
use super::outcome::{Email, Outcome};
use crate::cli::list::{self, Row, Table, Time};
use crate::cli::local_stack::LocalStack;
use crate::cli::terminal::Terminal;
use crate::cli::text::{plain, size};
use crate::image::words::counted;
use crate::manifest::location::s3_uri;

/// Lines of each function's log that are shown when a check fails.
const LOG_LINES: usize = 20;

/// What is going to happen, and where.
pub(super) fn opening(stack: &LocalStack, out: &mut dyn Write) -> io::Result<()> {
    let functions: Vec<&str> = stack
        .world
        .stack()
        .functions
        .iter()
        .map(|function| function.binary.as_str())
        .collect();
    writeln!(
        out,
        "The stack of template.yaml runs at {} (without an AWS account; nothing leaves this machine).",
        stack.url()
    )?;
    writeln!(
        out,
        "Functions: {}. State: {}.",
        functions.join(", "),
        s3_uri(&stack.state_bucket, "")
    )?;
    writeln!(out, "\nUploading to {}:", s3_uri(&stack.bucket, ""))?;
    for (key, content) in UPLOADS {
        writeln!(out, "  {key} ({})", size(content.len() as u64))?;
    }
    writeln!(out)?;
    out.flush()
}

/// The emails: one line each, or in full.
pub(super) fn emails(outcome: &Outcome, in_full: bool, out: &mut dyn Write) -> io::Result<()> {
    let how = if in_full { "" } else { " (--emails: in full)" };
    let count = counted(outcome.emails.len(), "email");
    writeln!(out, "\n{count} received{how}:\n")?;
    for email in &outcome.emails {
        match in_full {
            true => write_email(email, out)?,
            false => writeln!(out, "  {}", plain(&email.subject))?,
        }
    }
    Ok(())
}

/// The images, as `amiwright status` shows them.
pub(super) fn images(
    rows: &[Row],
    terminal: Terminal,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let table = Table {
        terminal,
        is_wide: false,
        all: true,
        time: Time::Took,
    };
    writeln!(out)?;
    for line in list::table(rows, table, now) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn write_email(email: &Email, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  | From: {}", plain(&email.from))?;
    writeln!(out, "  | To: {}", plain(&email.to))?;
    writeln!(out, "  | Subject: {}", plain(&email.subject))?;
    writeln!(out, "  |")?;
    for line in email.text.trim_end().lines() {
        writeln!(out, "{}", format!("  | {}", plain(line)).trim_end())?;
    }
    writeln!(out)
}

/// The last lines of each function's log.
pub(super) fn log_tails(world: &World) -> Vec<(String, String)> {
    let folder = world.directory().join("logs");
    let tail = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.log"))).ok()?;
        let lines: Vec<String> = text.lines().map(plain).collect();
        Some((
            name.to_owned(),
            lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"),
        ))
    };
    world
        .stack()
        .functions
        .iter()
        .filter_map(|function| tail(&function.name))
        .collect()
}

/// The result of the checks, and the exit code for it.
pub(super) fn verdict(failed: &[String], out: &mut dyn Write) -> io::Result<ExitCode> {
    if failed.is_empty() {
        writeln!(
            out,
            "All checks passed: 5 AMIs available, 1 import cancelled and cleaned up, 7 emails, nothing left open."
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "Failed checks:")?;
    for difference in failed {
        writeln!(out, "  - {}", plain(difference))?;
    }
    Ok(ExitCode::FAILURE)
}
