//! The calls that a manifest cannot do without, and what becomes of it where they are refused or have no answer.

use super::{SOURCE_REGION, Wanted, has_own_name, is_made_by, is_shared};
use crate::simulation::script::{Event, Kind, Meant, SILENT, Source, Wrong};
use crate::simulation::setting::region;

impl Wanted<'_> {
    /// What is refused for this: one action, or any.
    pub(super) fn refused_by(&self, event: &Event) -> Option<String> {
        let Event::Storm {
            what,
            fault: Wrong::Denied,
            ..
        } = event
        else {
            return None;
        };
        let refused = match what {
            Meant::Action(_, action) => format!("request-refused {action}"),
            Meant::Service(_) | Meant::Region(_) => "request-refused".to_owned(),
        };
        self.needs(what).then_some(refused)
    }

    /// Whether the Region of the AMI that it copies is silent for long.
    pub(super) fn may_have_no_source(&self) -> bool {
        let events = self.script.moves.iter().map(|each| &each.event);
        let is_meant = |event: &&Event| match event {
            Event::Storm { what, .. } => match what {
                Meant::Region(at) => region(*at) == SOURCE_REGION,
                Meant::Service(service) => service == "ec2",
                Meant::Action(_, action) => action == "DescribeImages",
            },
            _ => false,
        };
        let silence: u64 = events.filter(is_meant).map(Event::silence).sum();
        silence >= SILENT && self.any(|it| it.source == Source::Image)
    }

    /// Whether it cannot do without these calls.
    pub(super) fn needs(&self, what: &Meant) -> bool {
        match what {
            Meant::Region(at) => self.is_in(region(*at)),
            Meant::Service(service) => self.needs_action(service, ""),
            Meant::Action(service, action) => self.needs_action(service, action),
        }
    }

    fn needs_action(&self, service: &str, action: &str) -> bool {
        match (service, action) {
            ("sns", _) => false,
            // The key that lets EC2 write bundles is in one, too.
            ("ssm", _) => self.has_parameters() || self.any(|it| it.source == Source::Instance),
            (_, "RegisterImage") => self.any(|it| is_made_by(it, None)),
            (_, "ImportSnapshot") => self.any(|it| is_made_by(it, Some(Kind::ImportSnapshot))),
            (_, "CopyImage") => self.any(|it| is_made_by(it, Some(Kind::CopyImage))),
            (_, "ModifySnapshotAttribute") => self.any(|it| it.copy),
            (_, "ModifyImageAttribute") => {
                self.any(|it| is_shared(it) || it.description.is_some() || it.product_code)
            }
            (_, "BundleInstance") => self.any(|it| is_made_by(it, Some(Kind::BundleInstance))),
            (_, "ImportImage" | "DescribeImportImageTasks") => {
                self.any(|it| is_made_by(it, Some(Kind::ImportImage)))
            }
            (_, "CreateRestoreImageTask") => {
                self.any(|it| is_made_by(it, Some(Kind::RestoreImage)))
            }
            (_, "CreateStoreImageTask" | "DescribeStoreImageTasks") => self.any(|it| it.store),
            (_, "DeleteTags") => self.any(|it| it.team.is_some()),
            (_, "EnableImageDeprecation" | "DisableImageDeprecation") => {
                self.any(|it| it.deprecate.is_some() || it.deprecate_at.is_some() || it.public)
            }
            (_, "EnableImageDeregistrationProtection" | "DisableImageDeregistrationProtection") => {
                self.any(|it| it.protect.is_some())
            }
            (_, "GetImageBlockPublicAccessState") => self.any(|it| it.public),
            // The earlier AMI may have to go first.
            (_, "DeregisterImage" | "DeleteSnapshot" | "DescribeImageReferences") => {
                self.any(has_own_name)
            }
            _ => true,
        }
    }
}
