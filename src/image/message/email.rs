//! The body of the email.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, Unit};

use super::headline::{self, Sender};
use super::quoting::{more, quoted, word};
use super::waiting::{not_listed, wait_text};
use super::{advice, billing, drift, facts, release, remains, retiring, settings};
use crate::image::status::{Failure, SourceObject, Status};
use crate::image::task::{Phase, Task, TaskKind};
use crate::image::words::{CancelBy, NoticeKind, Step, WaitReason};
use crate::manifest::key;

/// How much of a status there is room for in an email.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Problems.
    pub(super) shown: usize,
    /// Entries of each other list.
    pub(super) listed: usize,
}

/// The body of the email.
pub(super) fn compose(
    status: &Status,
    kind: NoticeKind,
    room: Room,
    now: Timestamp,
    sender: Sender<'_>,
) -> String {
    let Room { shown, listed } = room;
    let mut text = headline::first_line(status, kind, now);
    text.push('\n');
    text.push_str(&headline::links(status, sender));
    text.push('\n');
    let _ = writeln!(text, "  {:<10} {}", "Account", account(sender));
    for (name, value) in facts(status, kind, listed, now) {
        let _ = writeln!(text, "  {name:<10} {value}");
    }
    let notes = [name_of_imported(status), replaced_source(status)];
    notes.iter().flatten().for_each(|it| text.push_str(it));
    match kind {
        NoticeKind::Rejected => text.push_str(&problems(status, shown)),
        NoticeKind::Ignored => text.push_str(&ignored_text(status)),
        NoticeKind::Failed | NoticeKind::Lost => {
            if let Some(failure) = &status.build.failure {
                text.push_str(&failure_text(status, failure));
            }
        }
        NoticeKind::WaitingLong => text.push_str(waiting_text(status)),
        NoticeKind::Stalled => text.push_str(&stalled_text(status)),
        NoticeKind::Started => {
            text.push_str("\nNo action needed: you will be notified when it finishes.\n");
        }
        NoticeKind::Changed => {
            text.push_str(&drift::repaired(status, listed));
            text.push_str(&settings::changes(status, listed));
        }
        NoticeKind::Drifted => text.push_str(&drift::text(status, listed)),
        NoticeKind::Retired => text.push_str(&retiring::text(status, listed)),
        NoticeKind::Incomplete => text.push_str(&incomplete_text(status, listed)),
        NoticeKind::Completed => text.push_str(&billing::lost_license(status)),
        NoticeKind::Cancelled => {}
    }
    if kind.is_final() {
        text.push_str(&remains::clean_up_text(status, kind, listed));
    }
    if kind == NoticeKind::Cancelled {
        text.push_str(&after_all_text(status));
    }
    if kind.is_final() {
        text.push_str(&retiring::replaced_text(status, listed));
        text.push_str(&remains::previous_text(status, listed));
    }
    if kind.is_final() || matches!(kind, NoticeKind::Changed | NoticeKind::Retired) {
        text.push_str(&remains::unseen_copies_text(status, listed));
    }
    let _ = write!(
        text,
        "\nMore: amiwright status {}\n",
        facts::manifest_word(status)
    );
    text
}

/// The body where there is no room for more.
pub(super) fn minimal(
    status: &Status,
    kind: NoticeKind,
    now: Timestamp,
    sender: Sender<'_>,
) -> String {
    format!(
        "{}\n{}\n  {:<10} {}\n\nThe status says more than an email has room for: see there.\n",
        headline::first_line(status, kind, now),
        headline::links(status, sender),
        "Account",
        account(sender),
    )
}

/// What to do about a name that is not a manifest's. Not in the problem's words: who may write a status could put any there.
fn ignored_text(status: &Status) -> String {
    let meant = key::meant(&status.manifest.key).map(|meant| word(&meant));
    let meant = meant.map(|it| format!("\nTo make an image of it, upload it as {it}.\n"));
    let mut text = meant.unwrap_or_default();
    text.push_str("If it is not meant as a manifest, no action is needed: you will not be told of this upload again. The stack's parameter NotifyIgnored switches such emails off.\n");
    text
}

/// `111122223333, us-east-1`.
fn account(sender: Sender<'_>) -> String {
    format!("{}, {}", word(sender.account), word(sender.region))
}

fn facts(
    status: &Status,
    kind: NoticeKind,
    listed: usize,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let mut list = images(status, listed);
    let build = &status.build;
    list.extend(release::facts(status, kind, listed));
    list.extend(settings::shares_left(status, kind, listed));
    list.extend(facts::of_version(status));
    // The last tasks: one of them is polled.
    let omitted = build.tasks.len().saturating_sub(listed);
    list.extend(more(omitted).map(|it| ("Task", it)));
    for task in build.tasks.iter().skip(omitted) {
        list.push(("Task", task_text(task)));
        let is_stored = task.kind == TaskKind::StoreImage && task.phase() == Phase::Complete;
        if let Some(object) = task.object.as_ref().filter(|_| is_stored) {
            list.push(("Stored", word(object)));
        }
    }
    if !build.deleted.is_empty() {
        list.push(("Deleted", words(&build.deleted, listed)));
    }
    if let Some(waiting) = &build.waiting {
        list.push(("Waiting", wait_text(&waiting.reason)));
    }
    match kind {
        NoticeKind::Changed | NoticeKind::Retired | NoticeKind::Drifted | NoticeKind::Ignored => {}
        NoticeKind::Incomplete
        | NoticeKind::Rejected
        | NoticeKind::Completed
        | NoticeKind::Failed
        | NoticeKind::Cancelled
        | NoticeKind::Lost => list.push(("Took", took(status, now))),
        NoticeKind::WaitingLong | NoticeKind::Started | NoticeKind::Stalled => {
            list.push(("Elapsed", took(status, now)));
        }
    }
    list
}

/// The AMI in each Region, with its snapshots.
fn images(status: &Status, listed: usize) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    for (region, image) in status.regions.iter().take(listed) {
        let (id, state) = (word(&image.image), word(&image.image_state));
        let region = word(region);
        let unlisted = image.unseen_since.map(not_listed);
        let unlisted = unlisted.map(|it| format!("; {it}")).unwrap_or_default();
        list.push(("AMI", format!("{id} in {region} ({state}{unlisted})")));
        if !image.snapshots.is_empty() {
            list.push(("Snapshots", words(&image.snapshots, listed)));
        }
        list.extend(settings::of_region(status, image, listed));
        list.extend(billing::of_image(image));
    }
    list.extend(more(status.regions.len().saturating_sub(listed)).map(|it| ("AMI", it)));
    list
}

/// `import-snapshot import-snap-1: active, 42 %, converting`. What EC2 said on the way is old news once the task has
/// ended, and why it failed is stated separately.
fn task_text(task: &Task) -> String {
    let (id, state) = (word(&task.id), word(&task.state));
    let mut text = format!("{} {id}: {state}", task.kind);
    let is_under_way = matches!(task.phase(), Phase::Running | Phase::Ending);
    if let Some(progress) = task.progress.filter(|_| is_under_way) {
        let _ = write!(text, ", {progress} %");
    }
    if let Some(message) = task.message.as_ref().filter(|_| is_under_way) {
        let _ = write!(text, ", {}", quoted(message));
    }
    if let Some(since) = task.unseen_since {
        let _ = write!(text, " ({})", not_listed(since));
    }
    text
}

/// Words after one another, so many at most.
fn words(foreign: &[String], listed: usize) -> String {
    let shown = foreign.iter().take(listed).map(|it| word(it));
    let omitted = more(foreign.len().saturating_sub(listed));
    let words: Vec<String> = shown.chain(omitted).collect();
    words.join(", ")
}

fn took(status: &Status, now: Timestamp) -> String {
    let began = status.build.started_at;
    let elapsed = now
        .duration_since(began)
        .max(SignedDuration::ZERO)
        .round(Unit::Second)
        .unwrap_or_default();
    format!("{elapsed:#} ({began} to {now})")
}

fn problems(status: &Status, shown: usize) -> String {
    let mut text = "\nWhat is wrong:\n".to_owned();
    for problem in status.problems.iter().take(shown) {
        let place = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!("{line}:{column} "),
            _ => String::new(),
        };
        let path = if problem.path.is_empty() {
            String::new()
        } else {
            format!("{}: ", word(&problem.path))
        };
        let _ = writeln!(text, "  - {place}{path}{}", quoted(&problem.message));
        if let Some(hint) = &problem.hint {
            let _ = writeln!(text, "    hint: {}", quoted(hint));
        }
        if let Some(rule) = &problem.rule {
            let _ = writeln!(text, "    rule: {}", quoted(rule));
        }
    }
    let left = status.problem_count().saturating_sub(shown);
    if left > 0 {
        let kept = match status.problems_omitted {
            0 => "all in the status".to_owned(),
            _ => format!("the first {} in the status", status.problems.len()),
        };
        let _ = writeln!(text, "  and {left} more, {kept}");
    }
    text.push_str(if status.build.step == Step::CheckObject {
        "\nUpload the right object, or correct the manifest; then upload the manifest again.\n"
    } else {
        "\nFix the manifest and upload it again.\n"
    });
    text
}

/// What failed about an AMI that is kept, and what was changed all the same.
fn incomplete_text(status: &Status, listed: usize) -> String {
    let mut text = drift::repaired(status, listed);
    if let Some(failure) = &status.build.failure {
        text.push_str(&failure_text(status, failure));
    }
    for (region, failure) in status.failed_places().take(listed) {
        let _ = write!(text, "\nIn {}:", word(region));
        text.push_str(&failure_text(status, failure));
    }
    if !status.changes.is_empty() {
        text.push_str(&settings::changes(status, listed));
    }
    text
}

fn failure_text(status: &Status, failure: &Failure) -> String {
    let mut text = format!("\nWhat failed: {}\n", quoted(&failure.doing));
    let code = failure
        .code
        .as_deref()
        .map(|code| format!("{}: ", word(code)))
        .unwrap_or_default();
    let reason = if failure.is_of_aws() {
        "AWS said:"
    } else {
        "Reason:"
    };
    let message = quoted(&failure.message);
    let _ = writeln!(text, "{reason:<12} {code}{message}");
    if let Some(request_id) = &failure.request_id {
        let _ = writeln!(text, "Request id:  {}", word(request_id));
    }
    let _ = writeln!(text, "What to do:  {}", advice::hint(status, failure));
    text
}

/// ImportImage takes no name ("Import your VM as an image"); a manifest may set the tag itself.
fn name_of_imported(status: &Status) -> Option<String> {
    let task = status
        .build
        .tasks
        .iter()
        .find(|task| task.kind == TaskKind::ImportImage)?;
    let name = word(status.build.name.as_deref()?);
    (!status.regions.is_empty()).then(|| {
        format!(
            "\nEC2 named the AMI after its task, {}. The tag Name holds {name}, unless the manifest sets that tag.\n",
            word(&task.id)
        )
    })
}

/// What EC2 imported was replaced since that began: it is told a key, no version, and does not say when it reads.
fn replaced_source(status: &Status) -> Option<String> {
    let mut objects = status.build.object.iter().flat_map(SourceObject::all);
    let replaced = objects.find(|it| it.is_replaced)?;
    let further = objects.filter(|it| it.is_replaced).count();
    let others = match further {
        0 => String::new(),
        _ => format!(" (and {further} more)"),
    };
    (!status.regions.is_empty()).then(|| {
        format!(
            "\nReplaced since its import began, and EC2 may have read either: {}{others}.\n\
             Check what the AMI contains. To import what is there now, upload the manifest again; with another name, if the new AMI \
             would get the same one.\n",
            word(&replaced.uri())
        )
    })
}

fn stalled_text(status: &Status) -> String {
    let again = "\nNo action needed: amiwright keeps polling, and continues when EC2 does.\n\
                 You will be notified again if nothing changes for as long once more.\n";
    if let Some(cancel) = status.cancel {
        return format!(
            "{again}Its cancellation was requested at {}: EC2 is asked again until it ends the task.\n",
            cancel.asked_at
        );
    }
    if status.only_storing() {
        return format!("{again}The AMI is available already; EC2 cannot cancel storing it.\n");
    }
    let manifest = facts::manifest_word(status);
    format!("{again}To end it, remove the manifest or run:\n  amiwright cancel {manifest}\n")
}

/// What to do about what is waited for.
fn waiting_text(status: &Status) -> &'static str {
    let waiting = status.build.waiting.as_ref();
    match waiting.map(|waiting| &waiting.reason) {
        Some(
            WaitReason::ObjectMissing { .. }
            | WaitReason::ObjectEmpty { .. }
            | WaitReason::BundleManifestMissing { .. }
            | WaitReason::PartsMissing { .. }
            | WaitReason::PartsSizeMismatch { .. },
        ) => {
            "\nNo action needed if the upload is still running: amiwright keeps checking.\n\
             If it was interrupted, upload again what is missing.\n"
        }
        Some(WaitReason::Retrying { .. }) => {
            "\nNo action needed if this passes by itself: amiwright keeps retrying.\n\
             If it names a missing permission, allow that.\n"
        }
        Some(WaitReason::NoSuccessor { .. }) => {
            "\nIf it is to replace them, make it available again, with its tags: they are retired then.\n\
             If that takes hours, they are kept, and another email says so.\n"
        }
        Some(
            WaitReason::ManifestGone
            | WaitReason::RateLimited { .. }
            | WaitReason::InstanceBusy { .. }
            | WaitReason::StoreUnanswered { .. }
            | WaitReason::CancelUnanswered
            | WaitReason::CancelRefused { .. }
            | WaitReason::ImageNotVisible { .. }
            | WaitReason::DeletionNotVisible
            | WaitReason::SettingsNotVisible { .. }
            | WaitReason::ImagePending { .. }
            | WaitReason::CopyPending { .. }
            | WaitReason::ProtectionCooldown { .. }
            | WaitReason::ParameterNotConfirmed { .. }
            | WaitReason::Unproven { .. },
        )
        | None => "\nNo action needed: amiwright keeps checking.\n",
    }
}

/// A removed manifest cannot be retried.
fn after_all_text(status: &Status) -> String {
    let uploaded_at = status.manifest.last_uploaded_at();
    if status
        .cancel
        .is_some_and(|cancel| uploaded_at > cancel.uploaded_at)
    {
        return "\nIts manifest was uploaded again meanwhile: another attempt begins.\n".to_owned();
    }
    match status.cancel.map(|cancel| cancel.by) {
        Some(CancelBy::ManifestRemoved) => {
            "\nTo make the image after all, upload its manifest again.\n".to_owned()
        }
        Some(CancelBy::Command) | None => format!(
            "\nTo make the image after all, run:\n  amiwright retry {}\n",
            facts::manifest_word(status)
        ),
    }
}
