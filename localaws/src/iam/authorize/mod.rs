//! Which permissions a call needs: the actions and resources that AWS checks, each with its condition keys.
//!
//! From the Service Authorization Reference ("Actions, resources, and condition keys for AWS services"): the keys of a
//! check are those that it lists for that action and that resource type, no more. A call that is not in these tables is
//! answered with 501 to whoever has policies, never allowed.

mod check;
mod ec2;
mod kms;
mod management;
mod other;
mod s3;
mod table;

pub(crate) use self::check::{Check, Scene};
pub(crate) use self::s3::listing;
pub(crate) use self::table::takes;

use self::check::Needs;
use crate::iam::context::Context;
use crate::route::{Action, Target};
use crate::wire::Request;

impl Scene<'_> {
    /// What this call needs; nothing at all is needed to ask who one is.
    pub(crate) fn needs(&self, target: &Target, action: &Action, request: &Request) -> Needs {
        let checks = match target.service.as_str() {
            "ec2" => ec2::needs(self, &target.region, &action.name, request),
            "s3" => s3::needs(self, action, request),
            "logs" => other::logs(self, &target.region, &action.name, request),
            "sns" => other::sns(&action.name, request),
            "ssm" => other::ssm(self, &target.region, &action.name, request),
            "cloudformation" | "events" | "iam" | "kms" | "lambda" => management::needs(
                self,
                (&target.service, &target.region),
                &action.name,
                request,
            ),
            // "No permissions are required to perform this operation" (GetCallerIdentity, STS API Reference).
            "sts" if action.name == "GetCallerIdentity" => Some(Vec::new()),
            _ => None,
        };
        let region = Context::default().with("aws:RequestedRegion", target.region.as_str());
        checks.map(|checks| {
            checks
                .into_iter()
                .map(|check| check.with(region.clone()))
                .collect()
        })
    }
}
