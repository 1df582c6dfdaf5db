//! One status, in full.

use std::io::{self, Write};

use crate::cli::text::plain;
use crate::image::Notice;
use crate::image::status::{Failure, Status};

/// Writes out what a person asks about one image.
pub(super) fn write(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    for (name, value) in facts(status) {
        writeln!(out, "{name:<10} {}", plain(&value))?;
    }
    if let Some(failure) = &status.failure {
        write_failure(failure, out)?;
    }
    if !status.problems.is_empty() {
        writeln!(out, "\nProblems")?;
        for problem in &status.problems {
            writeln!(out, "  - {}", plain(&problem.to_string()))?;
        }
    }
    if !status.notices.is_empty() {
        writeln!(out, "\nNotices")?;
        for notice in &status.notices {
            writeln!(
                out,
                "  {}  {:<13} {}",
                notice.at,
                notice.kind,
                plain(&sending(notice))
            )?;
        }
    }
    writeln!(out, "\nHistory")?;
    for change in &status.history {
        writeln!(
            out,
            "  {}  {:<23} {}",
            change.at,
            plain(&change.to),
            plain(&change.why)
        )?;
    }
    Ok(())
}

fn facts(status: &Status) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Manifest", status.manifest.uri()),
        ("State", status.place()),
    ];
    facts.push(("Since", status.step_since.to_string()));
    facts.extend(
        status
            .waiting
            .iter()
            .map(|waiting| ("Waits for", waiting.message.clone())),
    );
    facts.extend(status.name.iter().map(|name| ("Name", name.clone())));
    for (region, image) in &status.images {
        facts.push(("AMI", format!("{} in {region} ({})", image.id, image.state)));
        if !image.snapshots.is_empty() {
            facts.push(("Snapshots", image.snapshots.join(", ")));
        }
    }
    for (region, id) in &status.previous {
        let valid = if status.invalidates_previous() {
            "no longer valid"
        } else {
            "kept"
        };
        facts.push(("Previous", format!("{id} in {region} ({valid})")));
    }
    facts.extend(
        status
            .source
            .iter()
            .map(|source| ("Source", source.clone())),
    );
    facts.extend(
        status
            .bundle
            .iter()
            .map(|bundle| ("Bundle", format!("s3://{}/{}", bundle.bucket, bundle.key))),
    );
    facts.push(("Uploaded", status.manifest.uploaded_at.to_string()));
    facts.extend(
        status
            .manifest
            .version_id
            .iter()
            .map(|version| ("Version", version.clone())),
    );
    facts.push(("SHA-256", status.manifest.sha256.clone()));
    facts
}

fn write_failure(failure: &Failure, out: &mut dyn Write) -> io::Result<()> {
    let code = failure
        .code
        .as_deref()
        .map(|code| format!("{code}: "))
        .unwrap_or_default();
    let reason = if failure.is_of_service() {
        "AWS said"
    } else {
        "reason"
    };
    writeln!(out, "\nFailure")?;
    writeln!(out, "  while      {}", plain(&failure.doing))?;
    writeln!(
        out,
        "  {reason:<10} {}",
        plain(&format!("{code}{}", failure.message))
    )?;
    if let Some(request_id) = &failure.request_id {
        writeln!(out, "  request id {}", plain(request_id))?;
    }
    writeln!(out, "  what to do {}", plain(&failure.hint))
}

fn sending(notice: &Notice) -> String {
    match (notice.sent_at, notice.attempts) {
        (Some(sent_at), _) => format!(
            "sent {sent_at}, message {}",
            notice.message_id.as_deref().unwrap_or("unknown")
        ),
        (None, 0) => "not sent yet".to_owned(),
        (None, attempts) => format!("not sent yet, tried {attempts} times"),
    }
}
