//! Changes as lines: what something is, and what it will be.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::image::message::{kept_text, protection_text};
use crate::image::publish::{Planned, Shown};
use crate::image::status::{Action, KeptReason, Protection};

/// What is only seen once an AMI is deregistered.
const IF_OWN: &str =
    "unless another AMI uses it, or its tags do not show that it was made for this manifest";

/// What becomes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cli) enum Sign {
    /// It is created or added.
    Create,
    /// It is changed in place.
    Change,
    /// It is removed or revoked.
    Remove,
    /// It is not done, for a reason.
    Blocked,
    /// Something of somebody else is in the way.
    Conflict,
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "+",
            Self::Change => "~",
            Self::Remove => "-",
            Self::Blocked => "!",
            Self::Conflict => "?",
        })
    }
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Line {
    /// What becomes of it.
    pub(in crate::cli) change: Sign,
    /// The Region.
    pub(in crate::cli) region: String,
    /// The AMI that it is about; none for one that is yet to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) image: Option<String>,
    /// What it is, as `description` or `tag team`.
    pub(in crate::cli) what: String,
    /// Its value now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) from: Option<String>,
    /// Its value then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) to: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) why: Option<String>,
}

impl Line {
    /// A line without values.
    pub(in crate::cli) fn new(change: Sign, region: &str, what: impl Into<String>) -> Self {
        Self {
            change,
            region: region.to_owned(),
            image: None,
            what: what.into(),
            from: None,
            to: None,
            why: None,
        }
    }

    /// Something that is not done.
    pub(in crate::cli) fn blocked(
        region: &str,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::new(Sign::Blocked, region, what).because(why)
    }

    /// The same about this AMI.
    pub(in crate::cli) fn of(mut self, image: Option<&str>) -> Self {
        self.image = image.map(str::to_owned);
        self
    }

    /// The same with this reason.
    pub(in crate::cli) fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// The same with these values.
    pub(in crate::cli) fn values(mut self, from: Option<String>, to: Option<String>) -> Self {
        (self.from, self.to) = (from, to);
        self
    }
}

/// The lines of a change with what is there before it; `image` is the AMI of the Region.
pub(in crate::cli) fn lines(planned: &Planned, image: Option<&str>) -> Vec<Line> {
    let (what, before) = (&planned.what, planned.before.as_ref());
    let region = &what.region;
    let of_image = |line: Line| line.of(image);
    match &what.action {
        Action::CopyImage { kms_key_id, .. } => {
            let key = kms_key_id.as_ref();
            let line = Line::new(Sign::Create, region, "copy");
            vec![line.values(None, key.map(|key| format!("encrypted with {key}")))]
        }
        Action::RemoveFailedCopy { image, reason } => {
            let line = Line::new(Sign::Remove, region, "failed copy").of(Some(image));
            vec![line.because(reason)]
        }
        Action::SetDescription { text } => {
            let now = before.and_then(|it| it.description.clone());
            let line = changed(region, "description", now, Some(text.clone()));
            vec![of_image(line)]
        }
        action @ (Action::SetTags { tags } | Action::RemoveTags { tags }) => {
            let is_set = matches!(action, Action::SetTags { .. });
            let tags = tags.iter().map(|tag| tag_line(region, tag, before, is_set));
            tags.map(of_image).collect()
        }
        Action::SetProductCode { code } => {
            let now = before.and_then(|it| it.product_codes.as_ref()?.first().cloned());
            vec![of_image(changed(region, "product code", now, code.clone()))]
        }
        action @ (Action::ShareSnapshot { snapshot, accounts }
        | Action::RevokeSnapshot { snapshot, accounts }) => {
            let is_added = matches!(action, Action::ShareSnapshot { .. });
            let shares = snapshot_shares(region, snapshot, accounts, is_added);
            shares.map(of_image).collect()
        }
        Action::ChangeGrants { add, remove } => {
            let added = add.iter().map(|it| share(region, "share", it, true));
            let removed = remove.iter().map(|it| share(region, "share", it, false));
            added.chain(removed).map(of_image).collect()
        }
        Action::SetDeprecation { at } => {
            let now = before.and_then(|it| it.deprecate_at).map(text);
            vec![of_image(changed(region, "deprecation", now, at.map(text)))]
        }
        Action::SetProtection { protection } => {
            let now = before.and_then(Shown::current_protection).map(protected);
            let then = protection.map(protected);
            vec![of_image(changed(region, "protection", now, then))]
        }
        Action::PutParameter { name, value, .. } => {
            let (from, to) = (planned.value.clone(), Some(value.clone()));
            vec![parameter(region, name, from, to)]
        }
        // It stays as it is.
        Action::LeaveParameter { .. } | Action::LeaveShare { .. } => Vec::new(),
        action @ (Action::DeprecatePrevious { .. }
        | Action::UnprotectPrevious { .. }
        | Action::ProtectPrevious { .. }
        | Action::DeregisterPrevious { .. }
        | Action::RevokePrevious { .. }
        | Action::DeleteSnapshot { .. }) => of_retired(region, action),
    }
}

/// The lines of what is done to an AMI that is retired.
fn of_retired(region: &str, action: &Action) -> Vec<Line> {
    match action {
        Action::DeprecatePrevious { image, at, why } => {
            vec![deprecated(region, image, *at, why.as_ref())]
        }
        Action::UnprotectPrevious { image, cooldown } => {
            vec![unprotected(region, image, *cooldown)]
        }
        Action::ProtectPrevious { image, protection } => {
            let line = changed(region, "protection", None, Some(protected(*protection)));
            vec![line.of(Some(image))]
        }
        Action::DeregisterPrevious { image, .. } => {
            vec![Line::new(Sign::Remove, region, "AMI").of(Some(image))]
        }
        Action::RevokePrevious {
            image,
            snapshot,
            accounts,
        } => {
            let shares = snapshot_shares(region, snapshot, accounts, false);
            shares.map(|line| line.of(Some(image))).collect()
        }
        Action::DeleteSnapshot { image, snapshot } => {
            let line = Line::new(Sign::Remove, region, "snapshot").of(Some(image));
            vec![line.values(Some(snapshot.clone()), None).because(IF_OWN)]
        }
        _ => Vec::new(),
    }
}

/// The line of a parameter that is to point to an AMI.
pub(in crate::cli) fn parameter(
    region: &str,
    name: &str,
    from: Option<String>,
    to: Option<String>,
) -> Line {
    changed(region, &format!("parameter {name}"), from, to)
}

/// The line of a tag that is set, or removed.
fn tag_line(
    region: &str,
    (key, value): (&String, &String),
    before: Option<&Shown>,
    is_set: bool,
) -> Line {
    let now = before.and_then(|it| it.tags.get(key).cloned());
    let (name, value) = (format!("tag {key}"), value.clone());
    match is_set {
        true => changed(region, &name, now, Some(value)),
        false => changed(region, &name, Some(value), None),
    }
}

/// The lines of accounts that a snapshot is shared with, or no more.
fn snapshot_shares(
    region: &str,
    snapshot: &str,
    accounts: &BTreeSet<String>,
    is_added: bool,
) -> impl Iterator<Item = Line> {
    let shares = accounts.iter().map(move |it| format!("{snapshot}: {it}"));
    shares.map(move |it| share(region, "snapshot share", &it, is_added))
}

/// The line of an AMI that is deprecated because another one replaces it.
fn deprecated(region: &str, image: &str, at: Timestamp, why: Option<&KeptReason>) -> Line {
    let line = Line::new(Sign::Change, region, "deprecation").of(Some(image));
    let line = line.values(None, Some(text(at)));
    match why {
        Some(why) => line.because(format!("not deregistered: {}", kept_text(why))),
        None => line,
    }
}

/// The line of an AMI that may be deregistered from then on.
fn unprotected(region: &str, image: &str, cooldown: bool) -> Line {
    let line = Line::new(Sign::Remove, region, "protection").of(Some(image));
    match cooldown {
        true => line.because("it holds for 24 hours more, and nothing is deregistered before"),
        false => line,
    }
}

fn share(region: &str, what: &str, grantee: &impl ToString, is_added: bool) -> Line {
    let grantee = Some(grantee.to_string());
    match is_added {
        true => changed(region, what, None, grantee),
        false => changed(region, what, grantee, None),
    }
}

fn changed(region: &str, what: &str, from: Option<String>, to: Option<String>) -> Line {
    let present = |value: Option<String>| value.filter(|value| !value.is_empty());
    let (from, to) = (present(from), present(to));
    let sign = match (&from, &to) {
        (Some(_), Some(_)) => Sign::Change,
        (Some(_), None) => Sign::Remove,
        (None, _) => Sign::Create,
    };
    Line::new(sign, region, what).values(from, to)
}

fn text(at: Timestamp) -> String {
    at.to_string()
}

fn protected(protection: Protection) -> String {
    protection_text(protection).to_owned()
}
