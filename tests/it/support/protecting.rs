//! An AMI is protected by what its manifest once said.

use amiwright::keys;
use localaws::ec2::DeregistrationProtection;
use serde_json::json;

use super::{REGION, TestStack};

impl TestStack {
    /// As if the manifest had said `protect: {cooldown: true}` of this AMI, and it had been set.
    pub(crate) async fn protect_as_ours(&self, manifest_key: &str, image: &str) {
        let ec2 = self.world.ec2();
        let is_there = ec2.edit_image(REGION, image, |it| {
            it.deregistration_protection = DeregistrationProtection::EnabledWithCooldown;
        });
        assert!(is_there, "{image}");
        let mut status = self.status(manifest_key).await;
        let known = &mut status["regions"][REGION];
        assert_eq!(known["image"], image);
        known["applied"]["protection"] = json!("with-cooldown");
        self.write_state(&keys::status_key(manifest_key), status.to_string());
    }
}
