//! What a status knows of earlier versions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::copying::CopyRequest;
use super::records::{BundleVersion, RegionStatus};
use crate::image::words::FailureKind;

/// An earlier version of the manifest that has AMIs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousVersion {
    /// Its identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its AMIs.
    pub regions: BTreeMap<String, RegionStatus>,
    /// The copies that EC2 was asked for and had not answered when the next version came: there may be such AMIs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub copies: BTreeMap<String, CopyRequest>,
    /// The bundle that they were registered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleVersion>,
    /// Whether a later version has finished retiring its AMIs: what is still there of them stays, as was told, unless a version
    /// that asks for more finishes that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_dealt_with: bool,
    /// Whether they were only deprecated then: no version that deregisters earlier AMIs has finished that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_only_deprecated: bool,
}

impl PreviousVersion {
    /// Its AMIs, with their Regions, without those that are known to be deregistered.
    pub fn images(&self) -> impl Iterator<Item = (&String, &RegionStatus)> {
        let all = self.regions.iter();
        all.filter(|(_, it)| it.retiring.deregistered_at.is_none())
    }

    /// Whether one of them is being retired, or was to be and is kept until it can be: then they are not forgotten.
    #[must_use]
    pub fn is_to_be_retired(&self) -> bool {
        let mut images = self.regions.values();
        images.any(|it| it.retiring.kept_at.is_some() || it.retiring.is_begun())
    }

    /// A version has finished retiring its AMIs, which deregisters earlier ones, or only deprecates them.
    pub(in crate::image) fn deal_with(&mut self, deregisters: bool) {
        self.is_only_deprecated = !deregisters && (self.is_only_deprecated || !self.is_dealt_with);
        self.is_dealt_with = true;
    }

    /// Whether a version that deregisters earlier AMIs, or only deprecates them, has nothing left to do about its AMIs.
    pub(in crate::image) fn is_done(&self, deregisters: bool) -> bool {
        self.is_dealt_with && !(deregisters && self.is_only_deprecated)
    }

    /// Whether it has the same AMIs as another one of the same content, and nothing else is known of it.
    pub(super) fn has_the_same_amis(&self, other: &Self) -> bool {
        let ids = self.regions.iter().map(|(region, it)| (region, &it.image));
        let others = other.regions.iter().map(|(region, it)| (region, &it.image));
        self.digest == other.digest && self.copies.is_empty() && ids.eq(others)
    }

    /// Whether the bundle that they were registered from is now another one, with this content at this place ("any
    /// modifications … invalidates its registration", RegisterImage).
    #[must_use]
    pub fn is_overwritten(&self, bucket: &str, key: &str, sha256: &str) -> bool {
        self.bundle.as_ref().is_some_and(|before| {
            (before.bucket.as_str(), before.key.as_str()) == (bucket, key)
                && before.sha256 != sha256
        })
    }
}

impl RegionStatus {
    /// Whether the AMI is gone for certain: that EC2 did not list it once proves nothing.
    #[must_use]
    pub fn is_known_to_be_gone(&self) -> bool {
        let failure = self.failure.as_ref();
        self.retiring.deregistered_at.is_some()
            || failure.is_some_and(|it| matches!(it.kind, FailureKind::ImageDeregistered { .. }))
    }
}
