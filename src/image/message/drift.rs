//! How an AMI differs from what its manifest says, in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::facts::manifest_word;
use super::failures;
use super::quoting::{more, pasted, quoted, word};
use super::settings::{action_text, list};
use crate::image::ownership;
use crate::image::status::{
    Action, Deviation, Difference, Drift, Protection, RegionAction, Settings, Status,
};

/// Deviations that a line of history or a condition names.
const NAMED: usize = 3;

/// What differs, as a line of history.
#[must_use]
pub(crate) fn drift_line(drift: &Drift) -> String {
    let named = drift.found.iter().take(NAMED).map(deviation_line);
    let left = drift.found.len().saturating_sub(NAMED);
    let omitted = usize::try_from(drift.omitted).unwrap_or(usize::MAX);
    let omitted = left.saturating_add(omitted);
    let all: Vec<String> = named.chain(more(omitted)).collect();
    all.join("; ")
}

/// What `repair: true` does about what differs.
fn by_itself(drift: &Drift) -> &'static str {
    match drift.is_repairable() {
        true => "With `repair: true` in the manifest, amiwright sets back by itself what it can.",
        false => {
            "Not even `repair: true` in the manifest sets anything back while something differs that it cannot set back."
        }
    }
}

/// What differs, and what to do about it.
pub(super) fn text(status: &Status, listed: usize) -> String {
    let Some(drift) = &status.drift else {
        return String::new();
    };
    let mut text = found(drift, listed);
    let differences = || drift.found.iter().map(|it| &it.what);
    let retry = format!("amiwright retry {}", manifest_word(status));
    if differences().any(|it| {
        matches!(
            it,
            Difference::Setting { .. } | Difference::Parameter { blocked: false, .. }
        )
    }) {
        let _ = write!(
            text,
            "\nIf a change of settings was intended, change the manifest. To set them back, run:\n  {retry}\n\
             {}\n",
            by_itself(drift)
        );
    }
    let blocked = drift.found.iter().filter_map(blocked_text);
    for why in blocked.collect::<BTreeSet<_>>() {
        let _ = write!(text, "\nNot set back now: {why}.\n");
    }
    if differences().any(|it| matches!(it, Difference::Parameter { blocked: true, .. })) {
        text.push_str("\nA parameter that somebody else has written is only set back with `takeOver: true` in the manifest. If it is to stay\nas it is, remove it from the manifest.\n");
    }
    let mut enabled = BTreeSet::new();
    for it in &drift.found {
        let is_disabled =
            matches!(&it.what, Difference::NotAvailable { state } if state == "disabled");
        if is_disabled && enabled.insert(&it.region) && enabled.len() <= listed {
            let _ = write!(
                text,
                "\nA disabled AMI cannot be launched and has lost its launch permissions. To enable it, run:\n  \
                 aws ec2 enable-image --region {} --image-id {}\n",
                pasted(&it.region),
                pasted(&it.image)
            );
        }
    }
    if differences().any(|it| matches!(it, Difference::Untagged)) {
        let tags = ownership::ownership_tags(status);
        let tags = tags
            .iter()
            .map(|(key, value)| format!("  {key} = {}\n", word(value)));
        let _ = write!(
            text,
            "\nBy its tags amiwright knows what is its own. Find out who removed them. If you know that the AMI is of this\n\
             manifest, set them again:\n{}",
            tags.collect::<String>()
        );
    }
    if differences().any(|it| matches!(it, Difference::Deregistered { .. })) {
        let _ = write!(
            text,
            "\nAn AMI that was deregistered may still be in the Recycle Bin: restore it from there. To make it again, with \
             another id, run:\n  {retry}\nIf that was intended, remove the Region, or the manifest.\n"
        );
    }
    text
}

/// Why EC2 would not set this back.
fn blocked_text(it: &Deviation) -> Option<String> {
    let Difference::Setting {
        change,
        blocked: Some(why),
        ..
    } = &it.what
    else {
        return None;
    };
    let what = RegionAction {
        region: it.region.clone(),
        action: change.clone(),
    };
    Some(failures::blocked(&what, *why).message)
}

/// Whether what others have changed was set back.
pub(super) fn is_repaired(status: &Status) -> bool {
    status.drift.as_ref().is_some_and(|drift| drift.repairing)
}

/// What was repaired; nothing if nothing was.
pub(super) fn repaired(status: &Status, listed: usize) -> String {
    let drift = status.drift.as_ref().filter(|drift| drift.repairing);
    drift.map_or_else(String::new, |drift| found(drift, listed))
}

fn found(drift: &Drift, listed: usize) -> String {
    let mut text = "\nWhat differed from the manifest:\n".to_owned();
    for it in drift.found.iter().take(listed) {
        let _ = write!(text, "  - {}", deviation_line(it));
        if let Some(at) = it.verified_at {
            let _ = write!(text, "\n    last seen right at {at}");
        }
        text.push('\n');
    }
    let omitted = usize::try_from(drift.omitted).unwrap_or(usize::MAX);
    let left = drift.found.len().saturating_sub(listed);
    if let Some(more) = more(left.saturating_add(omitted)) {
        let _ = writeln!(text, "  {more}");
    }
    text
}

/// One thing that differs.
fn deviation_line(it: &Deviation) -> String {
    let (region, image) = (word(&it.region), word(&it.image));
    let what = match &it.what {
        Difference::NotAvailable { state } => format!("{image} is {}", word(state)),
        Difference::Parameter {
            name, value: None, ..
        } => {
            format!(
                "the parameter {} is gone, it pointed to {image}",
                word(name)
            )
        }
        Difference::Parameter {
            name,
            value: Some(value),
            ..
        } => format!(
            "the parameter {} holds {}, not {image}",
            word(name),
            quoted(value)
        ),
        Difference::Untagged => {
            format!("{image} has lost amiwright's tags, and nothing about it is changed")
        }
        Difference::Deregistered { since } => {
            format!("{image} is deregistered: EC2 has not listed it since {since}")
        }
        Difference::Setting {
            change,
            omitted,
            shown,
            ..
        } => {
            let more = match omitted {
                0 => String::new(),
                omitted => format!(", and {omitted} more"),
            };
            return format!("{region}: {}{more}", setting(change, shown));
        }
    };
    format!("{region}: {what}")
}

fn setting(change: &Action, shown: &Settings) -> String {
    let all = usize::MAX;
    match change {
        Action::SetDescription { text } => format!(
            "description is {}, the manifest says {}",
            text_or_none(shown.description.as_deref()),
            text_or_none(Some(text))
        ),
        Action::SetTags { tags } => {
            let one = |(key, value): (&String, &String)| {
                let key = word(key);
                match shown.tags.get(key.as_str()) {
                    Some(is) => format!(
                        "tag {key} is {}, the manifest says {}",
                        quoted(is),
                        quoted(value)
                    ),
                    None => format!("tag {key} is missing, the manifest says {}", quoted(value)),
                }
            };
            let tags: Vec<String> = tags.iter().map(one).collect();
            tags.join("; ")
        }
        Action::ChangeGrants { add, remove } => {
            let gone =
                (!add.is_empty()).then(|| format!("no longer shared with {}", list(add, all)));
            let new = (!remove.is_empty()).then(|| {
                format!(
                    "shared with {}, which the manifest does not say",
                    list(remove, all)
                )
            });
            let texts: Vec<String> = gone.into_iter().chain(new).collect();
            texts.join("; ")
        }
        Action::ShareSnapshot { snapshot, accounts } => format!(
            "{} no longer shared with {}",
            word(snapshot),
            list(accounts, all)
        ),
        Action::RevokeSnapshot { snapshot, accounts } => format!(
            "{} shared with {}, which the manifest does not say",
            word(snapshot),
            list(accounts, all)
        ),
        Action::SetDeprecation { at } => {
            let text =
                |at: Option<jiff::Timestamp>| at.map_or("none".to_owned(), |at| at.to_string());
            let (is, says) = (text(shown.deprecate_at), text(*at));
            format!("time of deprecation is {is}, the manifest says {says}")
        }
        Action::SetProtection { protection } => {
            let text = |it: Option<Protection>| match it {
                None => "switched off",
                Some(Protection::On) => "on",
                Some(Protection::WithCooldown) => "on with a cooldown",
            };
            let (is, says) = (text(shown.protection), text(*protection));
            format!("deregistration protection is {is}, the manifest says {says}")
        }
        Action::SetProductCode { code } => format!(
            "its product code is another one, the manifest says {}",
            code.as_deref().map_or("none".to_owned(), word)
        ),
        other => action_text(other, all),
    }
}

fn text_or_none(text: Option<&str>) -> String {
    match text.unwrap_or_default() {
        "" => "empty".to_owned(),
        text => quoted(text),
    }
}
