//! An AMI is protected by what its manifest once said.

use amiwright::keys;
use localaws::ec2::DeregistrationProtection;
use serde_json::json;

use super::{REGION, TestStack};

impl TestStack {
    /// As if the manifest had said `protect: {cooldown: true}` of this AMI, and it had been set.
    pub(crate) async fn protect_as_ours(&self, manifest_key: &str, image: &str) {
        let protection = DeregistrationProtection::EnabledWithCooldown;
        self.protected_as(manifest_key, image, (protection, "with-cooldown"))
            .await;
    }

    /// The same of `protect: true`.
    pub(crate) async fn protect_as_ours_without_cooldown(&self, manifest_key: &str, image: &str) {
        let protection = DeregistrationProtection::EnabledWithoutCooldown;
        self.protected_as(manifest_key, image, (protection, "on"))
            .await;
    }

    async fn protected_as(
        &self,
        manifest_key: &str,
        image: &str,
        (protection, recorded): (DeregistrationProtection, &str),
    ) {
        let ec2 = self.world.ec2();
        let is_there = ec2.edit_image(REGION, image, |it| {
            it.deregistration_protection = protection;
        });
        assert!(is_there, "{image}");
        let mut status = self.status(manifest_key).await;
        let known = &mut status["regions"][REGION];
        assert_eq!(known["image"], image);
        known["applied"]["protection"] = json!(recorded);
        self.write_state(&keys::status_key(manifest_key), status.to_string());
    }
}
