//! What became of AMIs that were to be retired, in words.

use std::fmt::Write as _;

use super::quoting::{more, quoted, word};
use super::settings::list;
use crate::image::observed::MANIFEST_TAG;
use crate::image::status::{
    KeptReason, KeptSnapshot, PreviousVersion, RegionStatus, Replaced, Retire, RetireOutcome,
    Retirement, SnapshotKept, Status,
};
use crate::image::words::{State, counted};

/// What is said of an AMI whose protection was switched off, and not on again as far as is known.
const UNPROTECTED: &str = "; its protection against deregistration, which was to be switched off for that, may be off: check it";

/// What is said of an AMI that is kept after EC2 was asked to deprecate it, and whose answer is not known.
const DEPRECATED: &str =
    "; EC2 was asked before to deprecate it, and it may be deprecated: check it";

/// What is known of an earlier AMI whose deregistration was begun, and nothing finishes or takes back.
#[must_use]
pub fn begun_text(known: &RegionStatus) -> String {
    let retiring = &known.retiring;
    if let Some(at) = retiring.deregistered_at {
        return format!("was deregistered at {at}{}", left_text(known));
    }
    let protection = retiring.protection.map_or("", |_| UNPROTECTED);
    let deprecated = retiring.deprecate_at.map_or("", |_| DEPRECATED);
    match retiring.asked_at {
        Some(at) => {
            let left = left_text(known);
            format!(
                "may be gone, as EC2 was asked at {at} to deregister it: check it{protection}{left}"
            )
        }
        None if retiring.protection.is_some() => {
            format!("was to be deregistered, and is kept{deprecated}{protection}")
        }
        None => format!("was to be retired, and is kept{deprecated}"),
    }
}

/// What a deregistered AMI leaves.
fn left_text(known: &RegionStatus) -> String {
    let snapshots = list(&known.retiring.snapshots, usize::MAX);
    let shared = list(known.granted().map(|(snapshot, _)| snapshot), usize::MAX);
    let mut text = String::new();
    if !snapshots.is_empty() {
        let _ = write!(
            text,
            "; its snapshots, which were to be deleted, may be there: {snapshots}"
        );
    }
    if !shared.is_empty() {
        let _ = write!(
            text,
            "; its snapshots may still be shared as they were: {shared}"
        );
    }
    text
}

/// How to find the AMIs of earlier versions that not even a status names any more.
pub(crate) fn unnamed_text(count: usize) -> String {
    let amis = counted(count, "AMI");
    format!(
        "{amis} of even older versions, which no record names: find them by their tag {MANIFEST_TAG}"
    )
}

/// Which AMIs had to go before this one could be registered, why, and how long there was none in their place.
pub(super) fn replaced_text(status: &Status, listed: usize) -> String {
    let mut text = String::new();
    for it in status.replaced.iter().take(listed) {
        let (image, region, at) = (word(&it.image), word(&it.region), it.at);
        let gap = match it.until {
            Some(until) => format!("From then until {until} there was no AMI in its place."),
            None => "Since then there is no AMI in its place.".to_owned(),
        };
        let why = replaced_why(status, it);
        let _ = write!(
            text,
            "\nThe previous AMI, {image} in {region}, was deregistered at {at}, {why}.\n{gap}\n"
        );
    }
    text
}

/// Why an AMI had to go: it had the name, or its bundle was overwritten.
fn replaced_why(status: &Status, it: &Replaced) -> &'static str {
    const NAME: &str = "to make room for this one";
    const BUNDLE: &str = "because its bundle was overwritten";
    let Some(now) = &status.build.bundle else {
        return NAME;
    };
    let is_of = |version: &&PreviousVersion| {
        let mut known = version.regions.values();
        known.any(|known| known.image == it.image)
    };
    match status.previous.iter().rev().find(is_of) {
        Some(of) if of.is_overwritten(&now.bucket, &now.key, &now.sha256) => BUNDLE,
        Some(_) => NAME,
        // It was forgotten at once, as nothing was to be retired: one that has the name goes only where that is asked for.
        None if !status.replaces => BUNDLE,
        None => "before this one was registered",
    }
}

/// What became of an AMI, as a line of history.
#[must_use]
pub fn retirement_line(it: &Retirement) -> String {
    let (region, image) = (word(&it.region), word(&it.image));
    let outcome = match (it.outcome, &it.why) {
        (RetireOutcome::Deregistered, _) => "deregistered".to_owned(),
        (RetireOutcome::Gone, _) => "was deregistered by somebody else before".to_owned(),
        (RetireOutcome::Deprecated, None) => "deprecated".to_owned(),
        (RetireOutcome::Deprecated, Some(why)) => {
            format!("deprecated, not deregistered: {}", kept_text(why))
        }
        (RetireOutcome::Kept, None) => "kept".to_owned(),
        (RetireOutcome::Kept, Some(why)) => format!("kept: {}", kept_text(why)),
    };
    let protection = if it.unprotected { UNPROTECTED } else { "" };
    let deprecated = if it.may_be_deprecated { DEPRECATED } else { "" };
    let forgotten = match it.forgotten {
        true => "; too many AMIs are kept, and this one is not tried again: deregister it manually",
        false => "",
    };
    format!("{region}: {image} {outcome}{deprecated}{protection}{forgotten}")
}

/// How retiring ended, as the reason of the step's end.
pub(crate) fn retired(status: &Status) -> String {
    if status.retired.is_empty() {
        return "there is nothing to retire".to_owned();
    }
    let count = |outcome| {
        let retired = status.retired.iter();
        retired.filter(|it| it.outcome == outcome).count()
    };
    let parts = [
        (RetireOutcome::Deregistered, "deregistered"),
        (RetireOutcome::Deprecated, "deprecated"),
        (RetireOutcome::Kept, "kept"),
        (RetireOutcome::Gone, "gone already"),
    ];
    let parts = parts.map(|(outcome, name)| (count(outcome), name));
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, name)| format!("{} {name}", counted(*count, "AMI")))
        .collect();
    parts.join(", ")
}

/// Whether every AMI that was to be retired was kept.
pub(super) fn is_all_kept(status: &Status) -> bool {
    let mut retired = status.retired.iter();
    retired.all(|it| it.outcome == RetireOutcome::Kept)
}

/// What the manifest had said of its AMIs, should it be removed.
pub(super) fn asked(status: &Status) -> &'static str {
    if has_ended_otherwise(status) {
        return "its last version did not become available, and the AMIs that are known of it are kept.";
    }
    match status.on_delete {
        Some(Retire {
            deregister: true, ..
        }) => "it had said that its AMIs are deregistered then.",
        Some(_) => "it had said that its AMIs are deprecated then.",
        None => "its AMIs are kept.",
    }
}

/// Whether the version whose manifest was removed had ended before, and did not become available.
fn has_ended_otherwise(status: &Status) -> bool {
    !matches!(status.state, State::Working | State::Deleted)
}

/// What becomes of what was not retired.
fn outlook(status: &Status) -> &'static str {
    match (status.is_removed(), status.state) {
        (false, _) if !status.replaces => "",
        (false, _) => {
            "\nWhat was not done is tried again when the next version is finished, or the manifest's settings change.\n"
        }
        (true, State::Working) => {
            "\nThe manifest was uploaded again meanwhile: nothing more is retired.\n"
        }
        (true, _) if has_ended_otherwise(status) => {
            "\nTo have them retired, do it manually, or upload a manifest, and remove it once its AMI is available.\n"
        }
        (true, _) => {
            "\nWhat was not done is not tried again: do it manually, or upload the manifest and remove it once more.\n"
        }
    }
}

/// What became of each AMI and of its snapshots.
pub(super) fn text(status: &Status, listed: usize) -> String {
    let mut text = "\nWhat became of it:\n".to_owned();
    for it in status.retired.iter().take(listed) {
        text.push_str(&format!("  - {}\n", retirement_line(it)));
        for snapshot in it.deleted.iter().take(listed) {
            text.push_str(&format!("    {} deleted\n", word(snapshot)));
        }
        for KeptSnapshot { snapshot, why } in it.kept.iter().take(listed) {
            let (snapshot, why) = (word(snapshot), snapshot_text(why));
            text.push_str(&format!("    {snapshot} {why}\n"));
        }
        text.push_str(&shares_text(it, listed));
    }
    if let Some(more) = more(status.retired.len().saturating_sub(listed)) {
        let _ = writeln!(text, "  {more}");
    }
    let stays = |it: &Retirement| it.why.is_some();
    let is_interrupted = status.is_removed() && status.state == State::Working;
    if is_interrupted || status.retired.iter().any(stays) {
        text.push_str(outlook(status));
    }
    text
}

/// What became of the shares of an AMI's snapshots.
fn shares_text(it: &Retirement, listed: usize) -> String {
    let mut text = String::new();
    for (snapshot, accounts) in it.revoked.iter().take(listed) {
        let (snapshot, accounts) = (word(snapshot), list(accounts, listed));
        let _ = writeln!(text, "    {snapshot} no longer shared with {accounts}");
    }
    for (snapshot, accounts) in it.shared.iter().take(listed) {
        let (snapshot, accounts) = (word(snapshot), list(accounts, listed));
        let _ = writeln!(
            text,
            "    {snapshot} stays shared with {accounts}: if they are not to have it, remove that manually"
        );
    }
    text
}

/// Why an AMI is not what was asked for.
#[must_use]
pub fn kept_text(why: &KeptReason) -> String {
    match why {
        KeptReason::InUse { by, omitted } => {
            let by: Vec<String> = by.iter().map(|arn| word(arn)).collect();
            let more = match omitted {
                0 => String::new(),
                omitted => format!(" and {omitted} more"),
            };
            format!("in use by {}{more}", by.join(", "))
        }
        KeptReason::Launched { at } => {
            format!("it is shared, and was last launched at {at}")
        }
        KeptReason::Unproven => {
            "its tags do not show that it is of this manifest and version".to_owned()
        }
        KeptReason::ProtectedAgain => {
            "somebody has switched its deregistration protection on again".to_owned()
        }
        KeptReason::Protected => {
            "somebody has protected it against deregistration: switch that off if it is to go"
                .to_owned()
        }
        KeptReason::NoSuccessor => {
            "there is no AMI in its Region that replaces it, or none that is available".to_owned()
        }
        KeptReason::RegionClosed => {
            "the stack's parameter CopyRegions does not list its Region: retire it manually if it is to go"
                .to_owned()
        }
        KeptReason::NotAllowed { message } => quoted(message),
        KeptReason::NotAskedAnyMore => "the manifest does not ask for it any more".to_owned(),
        KeptReason::UploadedAgain => "the manifest was uploaded again".to_owned(),
        KeptReason::NotCurrent => {
            "the version that was uploaded last did not become available; the AMI was not looked at again"
                .to_owned()
        }
        KeptReason::Refused { code, message } => refused(code.as_deref(), message),
        KeptReason::NotKnown { message } => format!(
            "for hours it was not clear whether it can be deregistered: {}",
            quoted(message)
        ),
    }
}

/// What became of a snapshot that was not deleted.
fn snapshot_text(why: &SnapshotKept) -> String {
    match why {
        SnapshotKept::NotShown => {
            "not deleted: EC2 does not show it, so it is gone, or no longer shared with this account"
                .to_owned()
        }
        SnapshotKept::DeregisteredByOthers => {
            "not deleted: somebody else has deregistered its AMI, and it was not looked for"
                .to_owned()
        }
        SnapshotKept::NotAsked => "kept: the manifest does not ask to delete it".to_owned(),
        SnapshotKept::Unproven => {
            "kept: its tags do not show that it was made for this manifest".to_owned()
        }
        SnapshotKept::GivenUp { why } => format!("kept: it was not deleted: {}", kept_text(why)),
        SnapshotKept::UsedBy { image } => format!("kept: {} uses it", word(image)),
        SnapshotKept::Refused { code, message } => {
            format!("kept: {}", refused(code.as_deref(), message))
        }
    }
}

fn refused(code: Option<&str>, message: &str) -> String {
    let message = quoted(message);
    match code {
        Some(code) => format!("EC2 refused: {}: {message}", word(code)),
        None => format!("EC2 refused: {message}"),
    }
}
