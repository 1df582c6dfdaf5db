//! What an AMI is published with, and what was changed about it, in words.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::facts::Fact;
use super::quoting::{quoted, word};
use crate::image::status::{
    Action, AppliedChange, Grantee, Protection, RegionAction, RegionStatus, Status,
};
use crate::image::words::counted;

/// Members of a list that a line of history names.
const NAMED: usize = 5;

/// What was set on the AMI of a Region.
pub(super) fn of_region(region: &RegionStatus, listed: usize) -> Vec<Fact> {
    let settings = &region.applied.settings;
    let mut facts = Vec::new();
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
    if let Some(protection) = settings.protection {
        facts.push(("Protected", protection_text(protection).to_owned()));
    }
    facts
}

/// What was changed, one line each.
pub(super) fn changes(status: &Status, listed: usize) -> String {
    if status.changes.is_empty() {
        return "\nThe AMI had all settings of the manifest already: nothing was changed.\n"
            .to_owned();
    }
    let mut text = "\nWhat was changed:\n".to_owned();
    for change in status.changes.iter().take(listed) {
        text.push_str("  - ");
        text.push_str(&applied_line(change));
        text.push('\n');
    }
    let omitted = status.changes.len().saturating_sub(listed);
    if omitted > 0 {
        text.push_str(&format!("  and {omitted} more, see the status\n"));
    }
    text
}

/// What failed, Region by Region.
pub(super) fn failures(status: &Status) -> Vec<(String, &crate::image::status::Failure)> {
    let images = status.regions.iter();
    let images = images.filter_map(|(region, it)| Some((region.clone(), it.failure.as_ref()?)));
    let copies = status.copies.iter();
    let copies = copies.filter_map(|(region, it)| Some((region.clone(), it.failure.as_ref()?)));
    images.chain(copies).collect()
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
    let text = match &what.action {
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
        Action::ShareSnapshot { snapshot, accounts } => {
            format!("{} shared with {}", word(snapshot), list(accounts, listed))
        }
        Action::RevokeSnapshot { snapshot, accounts } => {
            let accounts = list(accounts, listed);
            format!("{} no longer shared with {accounts}", word(snapshot))
        }
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
    };
    format!("{}: {text}", word(&what.region))
}

fn protection_text(protection: Protection) -> &'static str {
    match protection {
        Protection::On => "against deregistration",
        Protection::WithCooldown => {
            "against deregistration, until 24 hours after that is switched off"
        }
    }
}

/// The first members, and how many more there are.
fn list<T: Display>(members: impl IntoIterator<Item = T>, listed: usize) -> String {
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
