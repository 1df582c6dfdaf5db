//! What is said about the parameters that point to the AMI.

use std::fmt::Write as _;

use super::facts::Fact;
use super::quoting::{more, word};
use crate::image::publish::{Conflict, ConflictReason};
use crate::image::status::{
    Action, AppliedChange, Deviation, Failure, ParameterId, ParameterStatus, Status,
};
use crate::image::words::{FailureKind, NoticeKind};
use crate::manifest::text::excerpt;

/// The parameters that point to the AMI, and those that were left where they are.
pub(super) fn facts(status: &Status, kind: NoticeKind, listed: usize) -> Vec<Fact> {
    // Before there is an AMI, they are those of the version before.
    if !status.is_built() {
        return Vec::new();
    }
    let named = status.release.named();
    let mut facts: Vec<Fact> = named
        .take(listed)
        .map(|(id, known)| ("Parameter", parameter(status, id, known)))
        .collect();
    let omitted = status.release.named().count().saturating_sub(listed);
    facts.extend(more(omitted).map(|it| ("Parameter", it)));
    // Where all changes are listed, this is one of them.
    if kind == NoticeKind::Completed {
        let left = status.changes.iter().filter(|change| {
            let action = &change.what.action;
            matches!(action, Action::LeaveParameter { .. })
        });
        facts.extend(left.take(listed).map(|it| ("Left", left_line(it))));
    }
    facts
}

/// `/images/web in us-east-1: ami-1 (version 4)`.
fn parameter(status: &Status, id: &ParameterId, known: &ParameterStatus) -> String {
    let name = format!("{} in {}", word(&id.name), word(&id.region));
    let image = status.image_in(&id.region).map(|it| &it.image);
    let (Some(value), Some(version)) = (&known.value, known.version) else {
        return format!("{name}: not set");
    };
    let mut text = format!("{name}: {} (version {version})", word(value));
    let drift = status.drift.iter().filter(|it| !it.repairing);
    let drift = drift.flat_map(|it| &it.found);
    let is_conflict = |it: &Failure| matches!(it.kind, FailureKind::ParameterConflict { .. });
    if Some(value) != image {
        text.push_str("; not set to this AMI");
    } else if known.failure.as_ref().is_some_and(is_conflict)
        || drift.filter_map(Deviation::parameter).any(|it| it == *id)
    {
        text.push_str("; it was changed by others since");
    }
    if known.is_text {
        text.push_str(
            "; its data type is text and stays so: EC2 and Auto Scaling take an AMI from aws:ec2:image only",
        );
    }
    if let Some(overwritten) = known.overwritten {
        let _ = write!(
            text,
            "; version {overwritten}, which somebody else wrote meanwhile, was overwritten"
        );
    }
    text
}

/// Somebody wrote a parameter between our read and our write.
#[must_use]
pub fn raced_line(id: &ParameterId, overwritten: u64) -> String {
    format!(
        "{}: version {overwritten} of the parameter {}, which somebody else wrote meanwhile, was overwritten",
        word(&id.region),
        word(&id.name)
    )
}

fn left_line(change: &AppliedChange) -> String {
    let region = word(&change.what.region);
    match &change.what.action {
        Action::LeaveParameter { name, value } => {
            format!("{region}: {}", left(name, value.as_deref()))
        }
        _ => region,
    }
}

/// A parameter was written. That SSM took it proves nothing yet.
pub(super) fn written(name: &str, value: &str) -> String {
    format!("parameter {} written: {}", word(name), word(value))
}

/// The manifest stopped naming a parameter.
pub(super) fn left(name: &str, value: Option<&str>) -> String {
    let value = value.map(|value| format!(": {}", word(value)));
    format!(
        "parameter {}, which the manifest no longer names, left as it is{}",
        word(name),
        value.unwrap_or_default()
    )
}

/// A parameter was written and does not show the AMI yet, or may come to show another.
pub(super) fn not_confirmed(region: &str, name: &str) -> String {
    format!(
        "waiting until the parameter {} in {} shows the AMI for good: Systems Manager validates values first, for minutes",
        word(name),
        word(region)
    )
}

/// What a person can do about a parameter that SSM refuses (PutParameter, errors); none for what is not about parameters
/// alone.
pub(super) fn for_put(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDeniedException" => {
            "allow the function's role ssm:PutParameter on it: the stack's parameter ParameterPrefix does so for the names \
             below it (service control policies count, too)"
        }
        "ParameterLimitExceeded" => {
            "delete parameters that are not needed, or have the account's quota raised"
        }
        "ParameterMaxVersionLimitExceeded" => {
            "move the label from the parameter's oldest version to another one"
        }
        "ParameterPatternMismatchException" => {
            "the parameter has an allowed pattern that no AMI id matches: change it, or name another parameter"
        }
        _ => return None,
    })
}

/// What a person can do about a parameter that was written and never showed the AMI.
pub(super) const NOT_VALIDATED: &str = "check that the AMI is available in that Region, and that the function's role may call ec2:DescribeImages there: \
     Systems Manager looks at the AMI with it";

/// What a person can do about a parameter that somebody else has written.
pub(super) fn for_conflict(can_take_over: bool, is_contested: bool, retry: &str) -> String {
    if is_contested {
        format!(
            "two manifests set it, each to its own AMI: remove it from the `parameters` of one of them and upload that one; \
             to take it over once more, run: {retry}"
        )
    } else if can_take_over {
        format!(
            "if it may be overwritten, write {{name: …, takeOver: true}} in the manifest's `parameters` and upload the \
             manifest; if not, name another parameter there; to try again once it was set back, run: {retry}"
        )
    } else {
        format!(
            "name another parameter in the manifest and upload it; or delete this one, then run: {retry}"
        )
    }
}

/// A parameter has a value that somebody else wrote.
#[must_use]
pub fn conflict(conflict: &Conflict) -> Failure {
    let shown = &conflict.shown;
    let holds = format!(
        "it holds {} (version {})",
        excerpt(&shown.value),
        shown.version
    );
    let message = match &conflict.why {
        ConflictReason::NotOurs => format!("{holds}, which amiwright did not write"),
        ConflictReason::Changed { value, version } => format!(
            "{holds}, which somebody else wrote after amiwright had set it to {value} (version {version})"
        ),
        ConflictReason::OtherManifest { manifest } => format!(
            "{holds}, to which another manifest has set it since: {}",
            excerpt(manifest)
        ),
        ConflictReason::OtherType => {
            format!("it is a {}, and an AMI's parameter is a String", shown.kind)
        }
    };
    let kind = FailureKind::ParameterConflict {
        can_take_over: conflict.why != ConflictReason::OtherType,
        is_contested: matches!(conflict.why, ConflictReason::OtherManifest { .. }),
    };
    Failure::new(kind, setting_parameter(&conflict.parameter), message)
}

/// A parameter was written again and again, and never showed the value.
#[must_use]
pub fn not_validated(id: &ParameterId, puts: u32) -> Failure {
    let message = format!(
        "it was written {puts} times and did not show the AMI: Systems Manager validates it after it was written, and says \
         nothing if that fails"
    );
    Failure::new(
        FailureKind::ParameterNotValidated,
        setting_parameter(id),
        message,
    )
}

/// A parameter could not be read for too long.
#[must_use]
pub fn unseen(id: &ParameterId, reason: &str) -> Failure {
    let message = format!("this did not change for too long: {reason}");
    Failure::new(FailureKind::NotPublished, setting_parameter(id), message)
}

fn setting_parameter(id: &ParameterId) -> String {
    format!("setting the parameter {} in {}", id.name, id.region)
}
