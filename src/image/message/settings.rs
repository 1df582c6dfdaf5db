//! What an AMI is published with, and what was changed about it, in words.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use super::facts::Fact;
use super::quoting::{more, quoted, word};
use super::release;
use crate::image::status::{
    Action, AppliedChange, Deviation, Difference, Grantee, Protection, RegionAction, RegionStatus,
    Status,
};
use crate::image::words::{NoticeKind, counted};

/// Members of a list that a line of history names.
const NAMED: usize = 5;

/// What was set on the AMI of a Region, or was asked for and does not show yet.
pub(super) fn of_region(status: &Status, region: &RegionStatus, listed: usize) -> Vec<Fact> {
    let settings = &region.applied.settings;
    let mut facts = Vec::new();
    // Of a manifest that is removed, what became of its AMIs is told; nobody looks whether it shows.
    let is_seen = region.applied.intended.is_none() || status.is_removed();
    // A product code that EC2 has refused was never set.
    let shown = region.billing.iter().flat_map(|it| &it.product_codes);
    let is_set = |code: &&String| is_seen || shown.clone().any(|it| it == *code);
    if let Some(code) = settings.product_code.as_ref().filter(is_set) {
        facts.push(("Sold as", word(code)));
    }
    if !settings.grants.is_empty() {
        facts.push(("Shared", list(&settings.grants, listed)));
    }
    let accounts: BTreeSet<&String> = settings.snapshots.values().flatten().collect();
    if !accounts.is_empty() {
        facts.push(("Copyable", format!("by {}", list(accounts, listed))));
    }
    if let Some(at) = settings.deprecate_at {
        facts.push(("Deprecated", at.to_string()));
    }
    // One that was switched off, so that the AMI could go, may not be on again yet.
    let intended = region.applied.intended.as_ref();
    let may_be_off = intended.is_some_and(|it| it.settings.protection.is_none());
    if let Some(protection) = settings.protection.filter(|_| is_seen || !may_be_off) {
        facts.push(("Protected", protection_text(protection).to_owned()));
    }
    if !is_seen {
        let asked = "what was asked for last was not seen to be set";
        facts.push(("Settings", asked.to_owned()));
    }
    let drift = status.drift.iter().filter(|it| !it.repairing);
    let mut drift = drift.flat_map(|it| &it.found);
    let is_its =
        |it: &Deviation| it.image == region.image && matches!(it.what, Difference::Setting { .. });
    if drift.any(is_its) {
        let changed = "some were changed by others since";
        facts.push(("Settings", changed.to_owned()));
    }
    facts
}

/// The shares that are left, where not all changes are listed.
pub(super) fn shares_left(status: &Status, kind: NoticeKind, listed: usize) -> Vec<Fact> {
    let is_left = |it: &&AppliedChange| matches!(it.what.action, Action::LeaveShare { .. });
    let left = status.changes.iter().filter(is_left);
    let left = left.take(listed).map(|it| ("Left", applied_line(it)));
    match kind {
        NoticeKind::Completed => left.collect(),
        _ => Vec::new(),
    }
}

/// What was changed, one line each.
pub(super) fn changes(status: &Status, listed: usize) -> String {
    if status.changes.is_empty() {
        return "\nThe AMI had all settings of the manifest already: nothing was changed.\n"
            .to_owned();
    }
    let mut text = "\nWhat was changed:\n".to_owned();
    for change in status.changes.iter().take(listed) {
        let _ = writeln!(text, "  - {}", applied_line(change));
    }
    if let Some(more) = more(status.changes.len().saturating_sub(listed)) {
        let _ = writeln!(text, "  {more}");
    }
    text
}

fn applied_line(change: &AppliedChange) -> String {
    let line = line(&change.what, usize::MAX);
    match change.omitted {
        0 => line,
        omitted => format!("{line}, and {omitted} more"),
    }
}

/// One change, as a line of history.
#[must_use]
pub fn change_line(what: &RegionAction) -> String {
    line(what, NAMED)
}

fn line(what: &RegionAction, listed: usize) -> String {
    let text = action_text(&what.action, listed);
    format!("{}: {text}", word(&what.region))
}

/// A change without its Region.
pub(super) fn action_text(action: &Action, listed: usize) -> String {
    match action {
        Action::SetDescription { text } if text.is_empty() => "description removed".to_owned(),
        Action::SetDescription { text } => format!("description: {}", quoted(text)),
        Action::SetTags { tags } => {
            let tags: Vec<String> = tags
                .iter()
                .map(|(key, value)| format!("{}={}", word(key), word(value)))
                .collect();
            format!("tags set: {}", list(tags, listed))
        }
        Action::RemoveTags { tags } => {
            let keys: Vec<String> = tags.keys().map(|key| word(key)).collect();
            format!("tags removed: {}", list(keys, listed))
        }
        Action::SetProductCode { code: Some(code) } => format!("product code set: {}", word(code)),
        Action::SetProductCode { code: None } => "product code removed".to_owned(),
        Action::ShareSnapshot { snapshot, accounts } => {
            format!("{} shared with {}", word(snapshot), list(accounts, listed))
        }
        Action::RevokeSnapshot { snapshot, accounts }
        | Action::RevokePrevious {
            snapshot, accounts, ..
        } => {
            let accounts = list(accounts, listed);
            format!("{} no longer shared with {accounts}", word(snapshot))
        }
        Action::LeaveShare {
            image,
            snapshot,
            accounts,
        } => share_left(image, snapshot, accounts, listed),
        Action::ChangeGrants { add, remove } => {
            let added = (!add.is_empty()).then(|| format!("shared with {}", list(add, listed)));
            let removed = (!remove.is_empty())
                .then(|| format!("no longer shared with {}", list(remove, listed)));
            let texts: Vec<String> = added.into_iter().chain(removed).collect();
            texts.join("; ")
        }
        Action::SetDeprecation { at: Some(at) } => format!("deprecated at {at}"),
        Action::SetDeprecation { at: None } => "deprecation removed".to_owned(),
        Action::SetProtection {
            protection: Some(protection),
        } => format!("protected {}", protection_text(*protection)),
        Action::SetProtection { protection: None } => {
            "deregistration protection switched off".to_owned()
        }
        Action::CopyImage {
            kms_key_id,
            image,
            was_there,
            ..
        } => copied(image.as_deref(), kms_key_id.as_deref(), *was_there),
        Action::RemoveFailedCopy { image, reason } => {
            format!(
                "the failed copy {} was deleted: {}",
                word(image),
                quoted(reason)
            )
        }
        Action::DeprecatePrevious { image, at, .. } => {
            format!("{} deprecated at {at}", word(image))
        }
        Action::UnprotectPrevious { image, cooldown } => unprotected(image, *cooldown),
        Action::ProtectPrevious { image, protection } => protected_again(image, *protection),
        Action::DeregisterPrevious { image, .. } => format!("{} deregistered", word(image)),
        Action::DeleteSnapshot { snapshot, .. } => format!("{} deleted", word(snapshot)),
        Action::PutParameter { name, value, .. } => release::written(name, value),
        Action::LeaveParameter { name, value } => release::left(name, value.as_deref()),
    }
}

fn copied(image: Option<&str>, key: Option<&str>, was_there: bool) -> String {
    if let Some(image) = image.filter(|_| was_there) {
        return format!("{}, which was there, belongs to it again", word(image));
    }
    let image = image.map(|id| format!(" as {}", word(id)));
    let key = key.map(|key| format!(", encrypted with {}", word(key)));
    format!(
        "copied{}{}",
        image.unwrap_or_default(),
        key.unwrap_or_default()
    )
}

/// A share that nobody asks for any more, and that stays because its accounts may launch this AMI; so many are named.
#[must_use]
pub fn share_left(
    image: &str,
    snapshot: &str,
    accounts: &BTreeSet<String>,
    listed: usize,
) -> String {
    let (image, snapshot, accounts) = (word(image), word(snapshot), list(accounts, listed));
    format!(
        "{snapshot} stays shared with {accounts}, who may launch {image}, another AMI of it: if they are not to have it, remove \
         that manually"
    )
}

fn unprotected(image: &str, cooldown: bool) -> String {
    let holds = match cooldown {
        true => ", which holds for 24 hours more",
        false => "",
    };
    let image = word(image);
    format!("deregistration protection of {image} switched off{holds}")
}

fn protected_again(image: &str, protection: Protection) -> String {
    let how = protection_text(protection);
    format!("{} protected again {how}", word(image))
}

/// A deregistration protection.
#[must_use]
pub fn protection_text(protection: Protection) -> &'static str {
    match protection {
        Protection::On => "against deregistration",
        Protection::WithCooldown => {
            "against deregistration, until 24 hours after that is switched off"
        }
    }
}

/// The first members, and how many more there are.
pub(super) fn list<T: Display>(members: impl IntoIterator<Item = T>, listed: usize) -> String {
    let members: Vec<String> = members
        .into_iter()
        .map(|it| word(&it.to_string()))
        .collect();
    let omitted = members.len().saturating_sub(listed);
    let shown = members.len() - omitted;
    let shown = members.get(..shown).unwrap_or_default().join(", ");
    match omitted {
        0 => shown,
        omitted => format!("{shown} and {}", counted(omitted, "other")),
    }
}

impl Display for Grantee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Account(id) => id,
            Self::Organization(arn) | Self::OrganizationalUnit(arn) => arn,
            Self::Public => "everybody",
        })
    }
}
