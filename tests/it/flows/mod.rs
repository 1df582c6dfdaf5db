//! Manifests are uploaded: what becomes of each kind of image.

mod attempts;
pub(crate) mod bundles;
mod drops;
mod endings;
mod forged;
mod guardrails;
mod identity;
mod notices;
mod paid;
mod publish;
mod publish_regions;
mod publish_release;
mod publish_retire;
mod requests;
mod tasks;
mod versions;
