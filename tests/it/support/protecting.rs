//! An AMI is protected by what its manifest once said.

use amiwright::keys;
use localaws::ec2::DeregistrationProtection;
use serde_json::json;

use super::{REGION, TestStack};

impl TestStack {
    /// As if the manifest had said `protect: {cooldown: true}` of this AMI, and it had been set.
    pub(crate) async fn protect_as_ours(&self, manifest_key: &str, image: &str) {
        let protection = DeregistrationProtection::EnabledWithCooldown;
        let protected = (protection, "with-cooldown");
        self.protected_as(manifest_key, (REGION, image), protected)
            .await;
    }

    /// The same of a copy.
    pub(crate) async fn protect_copy_as_ours(&self, manifest_key: &str, region: &str, image: &str) {
        let protected = (
            DeregistrationProtection::EnabledWithCooldown,
            "with-cooldown",
        );
        self.protected_as(manifest_key, (region, image), protected)
            .await;
    }

    /// The same of `protect: true`.
    pub(crate) async fn protect_as_ours_without_cooldown(&self, manifest_key: &str, image: &str) {
        let protection = DeregistrationProtection::EnabledWithoutCooldown;
        self.protected_as(manifest_key, (REGION, image), (protection, "on"))
            .await;
    }

    async fn protected_as(
        &self,
        manifest_key: &str,
        (region, image): (&str, &str),
        (protection, recorded): (DeregistrationProtection, &str),
    ) {
        let ec2 = self.world.ec2();
        let is_there = ec2.edit_image(region, image, |it| {
            it.deregistration_protection = protection;
        });
        assert!(is_there, "{image}");
        let mut status = self.status(manifest_key).await;
        let known = &mut status["regions"][region];
        assert_eq!(known["image"], image);
        known["applied"]["protection"] = json!(recorded);
        self.write_state(&keys::status_key(manifest_key), status.to_string());
    }
}
