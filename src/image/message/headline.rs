//! The subject of an email and its first lines: what happened to what, where, and when after which upload. They are what a
//! telephone shows.

use jiff::{SignedDuration, Timestamp, Unit};

use super::quoting::word;
use super::{drift, retiring};
use crate::image::status::{Failure, Status};
use crate::image::words::{CancelBy, NoticeKind, counted};
use crate::manifest::guardrails::is_region;
use crate::manifest::text;

/// Longest subject: SNS takes fewer than 100 characters (Publish, parameter Subject).
const SUBJECT_MAX: usize = 99;

/// The least of a name that a subject shows, in characters, whatever comes after it.
const NAME_MIN: usize = 40;

/// The stack that sends an email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender<'a> {
    /// The partition of its Region: `aws`.
    pub partition: &'a str,
    /// Its Region.
    pub region: &'a str,
    /// Its account.
    pub account: &'a str,
}

impl<'a> Sender<'a> {
    /// The stack of a topic, by its ARN: `arn:aws:sns:us-east-1:111122223333:amiwright`.
    #[must_use]
    pub fn of_topic(arn: &'a str) -> Option<Self> {
        let mut parts = arn.split(':').skip(1);
        let (partition, _, region, account) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            partition,
            region,
            account,
        })
    }
}

/// The subject: `Available: web-2026-11-25-150551d8 (us-east-1)`. Of a long name as much is there as there is room for.
pub(super) fn subject(status: &Status, kind: NoticeKind, sender: Sender<'_>) -> String {
    let (outcome, name) = (outcome(status, kind), name(status));
    let mut place = place(status, sender);
    if let Some(detail) = detail(status, kind) {
        place.push_str(": ");
        place.push_str(&detail);
    }
    let others = outcome.len() + ": ".len() + place.chars().count();
    let room = SUBJECT_MAX.saturating_sub(others).max(NAME_MIN);
    let name = text::cut(&name, room - 2).replace('…', "...");
    clean(&format!("{outcome}: {name}{place}"))
}

/// What happened, in a word or two.
fn outcome(status: &Status, kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Completed => "Available",
        NoticeKind::Incomplete if status.only_storing() => "Available but not stored",
        NoticeKind::Incomplete => "Incomplete",
        NoticeKind::Failed => "Failed",
        NoticeKind::Rejected => "Rejected",
        NoticeKind::Ignored => "Ignored",
        NoticeKind::WaitingLong => "Still waiting",
        NoticeKind::Started => "Started",
        NoticeKind::Cancelled => "Cancelled",
        NoticeKind::Stalled => "Stalled",
        NoticeKind::Lost => "Lost",
        NoticeKind::Drifted => "Drifted",
        NoticeKind::Changed if drift::is_repaired(status) => "Repaired",
        NoticeKind::Changed => "Changed",
        NoticeKind::Retired if status.is_removed() => "Manifest removed",
        NoticeKind::Retired if retiring::is_all_kept(status) => "Previous AMIs kept",
        NoticeKind::Retired => "Previous AMIs retired",
    }
}

/// The name of the image; of one whose name is not known the name of its manifest's file.
fn name(status: &Status) -> String {
    let file = status.manifest.key.rsplit('/').next();
    let file = file.unwrap_or(&status.manifest.key);
    word(status.build.name.as_deref().unwrap_or(file))
}

/// ` (us-east-1)`, ` (us-east-1 and 3 more Regions)`.
fn place(status: &Status, sender: Sender<'_>) -> String {
    let home = word(sender.region);
    let others = status.regions.keys().filter(|it| *it != sender.region);
    match others.count() {
        0 => format!(" ({home})"),
        1 => format!(" ({home} and 1 more Region)"),
        count => format!(" ({home} and {count} more Regions)"),
    }
}

/// Why, in a word.
fn detail(status: &Status, kind: NoticeKind) -> Option<String> {
    match kind {
        NoticeKind::Rejected => Some(counted(status.problem_count(), "problem")),
        NoticeKind::Failed | NoticeKind::Lost | NoticeKind::Incomplete => {
            let failures = status.failed_places().map(|(_, failure)| failure);
            let first = status.build.failure.iter().chain(failures).next();
            first
                .and_then(|failure: &Failure| failure.code.as_deref())
                .map(word)
        }
        _ => None,
    }
}

/// SNS takes printable ASCII without line breaks, fewer than 100 characters, starting with a letter (Publish, Subject).
fn clean(text: &str) -> String {
    let clean = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().take(SUBJECT_MAX).map(clean).collect()
}

/// The first line: what happened, and how long after the upload of which file.
pub(super) fn first_line(status: &Status, kind: NoticeKind, now: Timestamp) -> String {
    let name = name(status);
    let after = after_upload(status, now);
    match kind {
        NoticeKind::Completed if status.store.is_some() => {
            format!("{name} is available and stored in S3, {after}.")
        }
        NoticeKind::Completed => format!("{name} is available, {after}."),
        NoticeKind::Incomplete if status.only_storing() => {
            format!("{name} is available, but storing it in S3 failed, {after}.")
        }
        NoticeKind::Incomplete => {
            format!("{name} is available, but it is not all that its manifest says, {after}.")
        }
        NoticeKind::Failed => format!("{name} failed, {after}."),
        NoticeKind::Rejected => {
            let problems = counted(status.problem_count(), "problem");
            // A protection may have been off for a day, and be on again.
            let untouched = match status.build.has_changed_previous {
                true => "",
                false => " Nothing was changed in AWS.",
            };
            format!("{name} was rejected: {problems}.{untouched}")
        }
        NoticeKind::Ignored => format!(
            "{name} looks like an image manifest, and is left alone: its name does not end as a manifest's."
        ),
        NoticeKind::WaitingLong => {
            format!(
                "{name} is still waiting, {after}: since {}.",
                waiting_since(status)
            )
        }
        NoticeKind::Started => {
            format!("{name} passed the checks and is being made, {after}.")
        }
        NoticeKind::Cancelled => format!(
            "{name} was cancelled: {}.",
            match status.cancel.map(|cancel| cancel.by) {
                Some(CancelBy::ManifestRemoved) => "its manifest was removed",
                Some(CancelBy::Command) | None => "an operator ran amiwright cancel",
            }
        ),
        NoticeKind::Stalled => format!(
            "{name} has stalled, {after}: nothing has changed since {}.",
            status.unchanged_since()
        ),
        NoticeKind::Lost => format!("{name} is lost: EC2 no longer lists it, {after}."),
        NoticeKind::Drifted => format!(
            "{name} was changed outside amiwright: it is not as its manifest says any more."
        ),
        NoticeKind::Changed if drift::is_repaired(status) => format!(
            "{name} was changed outside amiwright, and was repaired: it is as its manifest says again."
        ),
        NoticeKind::Changed => format!("{name} was changed: it is as its manifest says now."),
        NoticeKind::Retired if status.is_removed() => format!(
            "The manifest of {name} was removed: {}",
            retiring::asked(status)
        ),
        NoticeKind::Retired => {
            format!(
                "{name} is finished. Its previous AMIs: {}.",
                retiring::retired(status)
            )
        }
    }
}

/// `22m after golden/web.image.yaml was uploaded`. A later version may have waited for the end of the one before, and an
/// attempt that was asked for has no upload of its own.
fn after_upload(status: &Status, now: Timestamp) -> String {
    let since = |at| {
        // The clocks of two functions, and S3's, differ.
        let elapsed = now.duration_since(at).max(SignedDuration::ZERO);
        elapsed.round(Unit::Second).unwrap_or_default()
    };
    let began = status.build.started_at;
    // Settings of a finished image have an upload of their own.
    let uploaded = match status.completed_at {
        Some(_) => began.max(status.manifest.last_uploaded_at()),
        None => began,
    };
    let key = word(&status.manifest.key);
    match (status.build.is_retry, status.build.attempt) {
        (true, _) => format!("{:#} after a new attempt of {key} began", since(began)),
        (false, 0) => format!("{:#} after {key} was uploaded", since(uploaded)),
        (false, _) => format!("{:#} after this version of {key} was started", since(began)),
    }
}

/// Since when it waits, whatever the reasons were; a step that polls waits only while it cannot, and what is retired may have
/// to be waited for by its nature.
fn waiting_since(status: &Status) -> Timestamp {
    let build = &status.build;
    match &build.waiting {
        Some(waiting) if build.step.polls() || build.step.retires() => waiting.since,
        Some(_) | None => status.kept_since(),
    }
}

/// For the AMI in the stack's own Region, else in the first that has one: the page of the console, and what to paste after
/// a command of the AWS CLI. Nothing if there is no AMI, or if what the status says of it is not as EC2 writes it: whoever
/// may write a status cannot have a link of theirs sent.
pub(super) fn links(status: &Status, sender: Sender<'_>) -> String {
    let own = status.regions.get_key_value(sender.region);
    let Some((region, image)) = own.or_else(|| status.regions.iter().next()) else {
        return String::new();
    };
    let id = image.image.as_str();
    let hex = id.strip_prefix("ami-").unwrap_or_default();
    let is_id = !hex.is_empty() && hex.len() <= 17 && hex.chars().all(|c| c.is_ascii_hexdigit());
    if !is_id || !is_region(region) {
        return String::new();
    }
    let page = console(sender.partition, region);
    let page =
        page.map(|page| format!("\n  {page}/ec2/home?region={region}#ImageDetails:imageId={id}"));
    let page = page.unwrap_or_default();
    format!("{page}\n  --image-id {id} --region {region}\n")
}

/// The console of a Region ("AWS Management Console", and the user guides of the other partitions).
fn console(partition: &str, region: &str) -> Option<String> {
    match partition {
        "aws" => Some(format!("https://{region}.console.aws.amazon.com")),
        "aws-cn" => Some(format!("https://{region}.console.amazonaws.cn")),
        "aws-us-gov" => Some("https://console.amazonaws-us-gov.com".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_in_the_arn_of_its_topic() {
        let sender = Sender::of_topic("arn:aws-cn:sns:cn-north-1:111122223333:amiwright");
        let expected = Sender {
            partition: "aws-cn",
            region: "cn-north-1",
            account: "111122223333",
        };
        assert_eq!(sender, Some(expected));
        assert_eq!(Sender::of_topic("amiwright"), None);
    }
}
