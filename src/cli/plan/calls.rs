//! The calls that change something in AWS, which a plan will take. Reads are not counted: how many there are depends on
//! how long AWS takes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::image::status::Action;
use crate::image::words::SourceKind;

/// How many calls there are, by their name.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Calls {
    /// All of them.
    pub(super) total: usize,
    /// Those of each name, as in `EC2`'s API reference.
    pub(super) by_name: BTreeMap<&'static str, usize>,
}

impl Calls {
    /// Counts the calls of an AMI that is made from this.
    pub(super) fn add_build(&mut self, source: SourceKind) {
        for name in source.making_calls() {
            self.add(name);
        }
    }

    /// Counts the call of a change.
    pub(super) fn add_action(&mut self, action: &Action) {
        self.add(match action {
            Action::CopyImage { .. } => "CopyImage",
            // And DeleteSnapshot, for what EC2 shows then.
            Action::RemoveFailedCopy { .. } | Action::DeregisterPrevious { .. } => {
                "DeregisterImage"
            }
            Action::SetDescription { .. }
            | Action::SetProductCode { .. }
            | Action::ChangeGrants { .. } => "ModifyImageAttribute",
            Action::SetTags { .. } => "CreateTags",
            Action::RemoveTags { .. } => "DeleteTags",
            Action::ShareSnapshot { .. }
            | Action::RevokeSnapshot { .. }
            | Action::RevokePrevious { .. } => "ModifySnapshotAttribute",
            Action::SetDeprecation { at: None } => "DisableImageDeprecation",
            Action::SetDeprecation { at: Some(_) } | Action::DeprecatePrevious { .. } => {
                "EnableImageDeprecation"
            }
            Action::SetProtection {
                protection: Some(_),
            }
            | Action::ProtectPrevious { .. } => "EnableImageDeregistrationProtection",
            Action::SetProtection { protection: None } | Action::UnprotectPrevious { .. } => {
                "DisableImageDeregistrationProtection"
            }
            Action::DeleteSnapshot { .. } => "DeleteSnapshot",
            Action::PutParameter { .. } => "PutParameter",
            Action::LeaveParameter { .. } | Action::LeaveShare { .. } => return,
        });
    }

    /// Counts one call.
    pub(super) fn add(&mut self, name: &'static str) {
        self.total += 1;
        *self.by_name.entry(name).or_default() += 1;
    }
}
