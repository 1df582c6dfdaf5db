//! Manifests are uploaded: what becomes of each kind of image.

mod attempts;
pub(crate) mod bundles;
mod copied_images;
mod drops;
mod empty;
mod endings;
mod forged;
mod guardrails;
mod identity;
mod notices;
mod paid;
mod paid_codes;
mod parameters_of_sources;
mod pinned;
mod publish;
mod publish_audit;
mod publish_audit_parameters;
mod publish_blocked;
mod publish_delete;
mod publish_regions;
mod publish_release;
mod publish_retire;
mod publish_table;
mod replace_in_place;
mod requests;
mod tasks;
mod versions;
