//! What EC2 would refuse, checked before any call: one file per family of rules, all of the same shape.

use jiff::Timestamp;

use super::{findings::Findings, image::ImageManifest};

/// Applies every rule.
pub(super) fn check(_manifest: &ImageManifest, _now: Timestamp, _findings: &mut Findings) {}
