//! What the demo prints.

use std::io::{self, Write};
use std::process::ExitCode;

use localaws::ec2::Image;
use localaws::world::World;

use super::examples::DROPPED;
use super::outcome::{Mail, Outcome};
use crate::cli::local_stack::LocalStack;
use crate::cli::text::plain;

/// Lines of each function's log that are shown when something went wrong.
const LOG_LINES: usize = 20;

/// What is about to happen, and where.
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
        "The stack of template.yaml runs at {} (no AWS account, nothing leaves this machine).",
        stack.url()
    )?;
    writeln!(
        out,
        "Functions: {}. Bucket: {}.",
        functions.join(", "),
        stack.bucket
    )?;
    writeln!(out, "\nDropping into s3://{}:", stack.bucket)?;
    for (key, content) in DROPPED {
        writeln!(out, "  {key} ({} bytes)", content.len())?;
    }
    writeln!(out)?;
    out.flush()
}

/// The AMIs and the mails.
pub(super) fn outcome(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nRegistered AMIs:\n")?;
    for image in &outcome.images {
        write_image(image, out)?;
    }
    writeln!(out, "Mails as received:\n")?;
    for mail in &outcome.mails {
        write_mail(mail, out)?;
    }
    out.flush()
}

fn write_image(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  {}  {}  {}",
        image.id,
        plain(&image.name),
        image.state
    )?;
    for (key, value) in &image.tags {
        writeln!(out, "    {} = {}", plain(key), plain(value))?;
    }
    writeln!(out)
}

fn write_mail(mail: &Mail, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  | From: {}", plain(&mail.from))?;
    writeln!(out, "  | To: {}", plain(&mail.to))?;
    writeln!(out, "  | Subject: {}", plain(&mail.subject))?;
    writeln!(out, "  |")?;
    for line in mail.text.trim_end().lines() {
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

/// Says how it went; the exit code says the same.
pub(super) fn verdict(wrong: &[String], out: &mut dyn Write) -> io::Result<ExitCode> {
    if wrong.is_empty() {
        writeln!(
            out,
            "\nAll as it should be: 5 AMIs available, 1 import cancelled that left nothing behind, 7 mails, nothing left open."
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "\nNot as it should be:")?;
    for difference in wrong {
        writeln!(out, "  - {}", plain(difference))?;
    }
    Ok(ExitCode::FAILURE)
}
