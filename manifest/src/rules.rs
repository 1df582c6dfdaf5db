//! What EC2 would refuse, checked before any call: one file per family of rules, all of the same shape.
//!
//! Every rule names its source. A rule that reads more than the value it speaks of says so
//! ([`Finding::because_of`](crate::findings::Finding::because_of)), so that one mistake is one problem.

mod access;
mod deprecate;
mod devices;
pub(crate) mod forms;
mod naming;
pub(crate) mod parameters;
mod publish;
mod regions;
mod register;
mod source;
pub(crate) mod tags;
mod volumes;

use jiff::Timestamp;

use crate::{findings::Findings, spec::ImageManifest};

/// Applies every rule.
pub(super) fn check(manifest: &ImageManifest, now: Timestamp, findings: &mut Findings) {
    naming::check(manifest, findings);
    source::check(manifest, findings);
    register::check(manifest, findings);
    devices::check(manifest, findings);
    volumes::check(manifest, findings);
    tags::check(manifest, findings);
    access::check(manifest, findings);
    regions::check(manifest, findings);
    deprecate::check(manifest, now, findings);
    parameters::check(manifest, findings);
    publish::check(manifest, findings);
}
