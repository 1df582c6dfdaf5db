//! What EC2 would refuse, checked before any call: one file per family of rules, all of the same shape.
//!
//! Every rule names its source. A rule that reads more than the value it speaks of says so
//! ([`Finding::because_of`](crate::findings::Finding::because_of)), so that one mistake is one problem.

mod access;
mod deprecate;
mod devices;
pub(crate) mod forms;
pub(crate) mod keys;
mod machine;
mod naming;
pub(crate) mod parameters;
mod publish;
mod regions;
mod register;
mod source;
pub(crate) mod tags;
mod volumes;

use jiff::Timestamp;

pub use deprecate::YEARS_PUBLIC;
pub use regions::INSTANCE_STORE_COPY;

use crate::{findings::Findings, spec::ImageManifest};

/// Where the AMI is made, as far as it is known: a file that is checked offline can be for any account and Region.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stack<'a> {
    /// The account that owns the AMI, 12 digits.
    pub(super) account: Option<&'a str>,
    /// The Region that it is made in.
    pub(super) region: Option<&'a str>,
}

/// Applies every rule.
pub(super) fn check(
    manifest: &ImageManifest,
    stack: Stack<'_>,
    now: Timestamp,
    findings: &mut Findings,
) {
    naming::check(manifest, findings);
    source::check(manifest, findings);
    register::check(manifest, findings);
    devices::check(manifest, findings);
    volumes::check(manifest, findings);
    tags::check(manifest, findings);
    access::check(manifest, stack, findings);
    keys::check(manifest, findings);
    regions::check(manifest, stack, findings);
    deprecate::check(manifest, now, findings);
    parameters::check(manifest, stack, findings);
    publish::check(manifest, findings);
}

/// Says what EC2 will refuse later, or what is hardly meant so.
pub(super) fn warn(manifest: &ImageManifest, findings: &mut Findings) {
    naming::warn(manifest, findings);
}
