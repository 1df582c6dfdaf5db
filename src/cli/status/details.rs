//! One status, in full.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::cli::list;
use crate::cli::progress_text::{requester, summary_with_age, task_state};
use crate::cli::regions;
use crate::cli::text::{plain, span};
use crate::image::message::facts::{Fact, of_version};
use crate::image::message::{advice, begun_text, billing, orphan_text, unnamed_text, wait_text};
use crate::image::status::{Condition, ConditionStatus, Failure, Notice, Status};
use crate::image::task::{Task, polling_interval};
use crate::manifest::location::s3_uri;

/// Writes all that is known of an image.
pub(in crate::cli::status) fn write(
    status: &Status,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (name, value) in facts(status, now) {
        writeln!(out, "{name:<10} {}", plain(&value))?;
    }
    if let Some(table) = regions::render(status, now) {
        writeln!(out, "\nRegions")?;
        for line in table.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    if !status.build.tasks.is_empty() {
        writeln!(out, "\nTasks")?;
        for task in &status.build.tasks {
            write_task(status, task, now, out)?;
        }
    }
    if let Some(failure) = &status.build.failure {
        write_failure(status, failure, out)?;
    }
    if !status.problems.is_empty() {
        writeln!(out, "\nProblems")?;
        for problem in &status.problems {
            writeln!(out, "  - {}", plain(&problem.to_string()))?;
        }
        if status.problems_omitted > 0 {
            writeln!(out, "  and {} more", status.problems_omitted)?;
        }
    }
    if !status.conditions.is_empty() {
        writeln!(out, "\nConditions")?;
        for condition in &status.conditions {
            write_condition(condition, out)?;
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

/// What is known of an image, name by name.
pub(in crate::cli) fn facts(status: &Status, now: Timestamp) -> Vec<Fact> {
    let mut facts = vec![("State", status.place())];
    facts.extend(activity(status, now));
    facts.extend(endings(status));
    facts.extend(images(status));
    facts.extend(of_version(status));
    if let Some(store) = &status.store {
        facts.push(("Stored in", s3_uri(&store.bucket, "")));
    }
    facts.push(("Uploaded", status.manifest.uploaded_at.to_string()));
    facts
}

/// What is being done since when, or what it waits for, and who wants it cancelled.
fn activity(status: &Status, now: Timestamp) -> Vec<Fact> {
    let since = list::changed_at(status);
    let mut facts = vec![("Since", since.to_string())];
    match &status.build.waiting {
        Some(waiting) => facts.push(("Waiting", wait_text(&waiting.reason))),
        None if !status.state.is_final() => facts.push(("Now", summary_with_age(status, now))),
        None => {}
    }
    if let Some(cancel) = status.cancel {
        let by = requester(cancel.by);
        let text = format!("requested {} by {by}", cancel.asked_at);
        facts.push(("Cancelled", text));
    }
    facts
}

/// The AMIs of this version and of the previous one.
fn images(status: &Status) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (region, image) in &status.regions {
        let mut left = status.left_unprotected();
        let is_left = left.any(|(_, it)| it.image == image.image);
        let mut what = image.image_state.clone();
        if is_left {
            what.push_str(&format!("; {}", begun_text(image)));
        }
        let text = format!("{} in {region} ({what})", image.image);
        facts.push(("AMI", text));
        if !image.snapshots.is_empty() {
            facts.push(("Snapshots", image.snapshots.join(", ")));
        }
        facts.extend(billing::of_image(image));
    }
    let validity = if status.invalidates_previous() {
        "no longer valid"
    } else {
        "kept"
    };
    let previous = status.last_previous();
    let is_retiring = status.build.step.retires() && !status.state.is_final();
    let mut begun = status.begun_previous();
    begun.retain(|(_, it)| !(is_retiring && it.retiring.is_only_deprecation_begun()));
    for (region, image) in previous.iter().flat_map(|it| it.images()) {
        if begun.iter().all(|(_, it)| it.image != image.image) {
            let text = format!("{} in {region} ({validity})", image.image);
            facts.push(("Previous", text));
        }
    }
    for (region, image) in begun {
        let is_last = previous.is_some_and(|it| it.images().any(|(_, it)| it.image == image.image));
        let mut text = begun_text(image);
        if is_last && status.invalidates_previous() {
            text.push_str("; no longer valid");
        }
        let text = format!("{} in {region} ({text})", image.image);
        facts.push(("Previous", text));
    }
    for it in status.forgotten_previous() {
        let text = "kept; not retired automatically any more: deregister it manually";
        let text = format!("{} in {} ({text})", it.image, it.region);
        facts.push(("Previous", text));
    }
    let unnamed = status.unnamed_forgotten();
    if unnamed > 0 {
        facts.push(("Previous", unnamed_text(unnamed)));
    }
    let unanswered = status.previous.last();
    for region in unanswered.iter().flat_map(|it| it.copies.keys()) {
        let text =
            format!("a copy in {region} was asked for; EC2 has not said whether it made one");
        facts.push(("Previous", text));
    }
    facts
}

/// What was created for the image and is deleted, and what could not be deleted.
fn endings(status: &Status) -> Vec<Fact> {
    let mut facts = Vec::new();
    if !status.build.deleted.is_empty() {
        facts.push(("Deleted", status.build.deleted.join(", ")));
    }
    let orphans = status.build.orphans.iter();
    facts.extend(orphans.map(|orphan| {
        (
            "Left over",
            format!("{}: {}", orphan.what, orphan_text(&orphan.reason)),
        )
    }));
    facts
}

fn write_task(status: &Status, task: &Task, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let percent = task
        .progress
        .map(|progress| format!("{progress} % "))
        .unwrap_or_default();
    let words = plain(&format!("{percent}{}", task_state(task)));
    writeln!(out, "  {}  {}  {words}", task.kind, plain(&task.id))?;
    write!(
        out,
        "    started {}, last change {}",
        task.started_at, task.updated_at
    )?;
    let is_polled = status.polled_task() == Some(task) && !status.state.is_final();
    if is_polled {
        let interval = polling_interval(now.duration_since(task.started_at));
        write!(out, "; polled every {}", span(interval))?;
    }
    writeln!(out)?;
    if let Some(sent_at) = task.cancel_sent_at {
        writeln!(out, "    cancellation requested {sent_at}")?;
    }
    let others = [task.image.clone(), task.object.clone()];
    let created: Vec<String> = task
        .snapshots
        .iter()
        .cloned()
        .chain(others.into_iter().flatten())
        .collect();
    if !created.is_empty() {
        writeln!(out, "    created {}", plain(&created.join(", ")))?;
    }
    Ok(())
}

fn write_failure(status: &Status, failure: &Failure, out: &mut dyn Write) -> io::Result<()> {
    let code = failure
        .code
        .as_deref()
        .map(|code| format!("{code}: "))
        .unwrap_or_default();
    let reason = if failure.is_of_aws() {
        "AWS said"
    } else {
        "reason"
    };
    writeln!(out, "\nFailure")?;
    writeln!(out, "  during     {}", plain(&failure.doing))?;
    writeln!(
        out,
        "  {reason:<10} {}",
        plain(&format!("{code}{}", failure.message))
    )?;
    if let Some(request_id) = &failure.request_id {
        writeln!(out, "  request id {}", plain(request_id))?;
    }
    writeln!(
        out,
        "  what to do {}",
        plain(&advice::hint(status, failure))
    )
}

fn write_condition(condition: &Condition, out: &mut dyn Write) -> io::Result<()> {
    let holds = match condition.status {
        ConditionStatus::True => "true",
        ConditionStatus::False => "false",
        ConditionStatus::Unknown => "unknown",
    };
    let (since, kind) = (condition.since, condition.kind);
    let mut reason = condition.reason.to_string();
    if !condition.message.is_empty() {
        reason = format!("{reason}: {}", condition.message);
    }
    writeln!(out, "  {since}  {kind:<9} {holds:<7} {}", plain(&reason))
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
