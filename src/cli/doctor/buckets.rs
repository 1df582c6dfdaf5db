//! The two buckets: whether they are there, send their events, and have ACLs.

use super::finding::Check;
use super::scene::Scene;
use crate::manifest::image::Source;

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (output, what) in [("BucketName", "manifest"), ("StateBucketName", "state")] {
        if let Some(name) = scene.output(output) {
            let subject = format!("{what} bucket {name}");
            checks.extend(bucket(scene, subject, name).await);
        }
    }
    checks
}

async fn bucket(scene: &Scene<'_>, subject: String, name: &str) -> Vec<Check> {
    let aws = scene.aws;
    let there = match aws.bucket(name).await {
        Ok(Some(bucket)) => match bucket.region {
            Some(region) if region != scene.home() => {
                let what = format!("it is in {region}, and the stack in {}", scene.home());
                let next =
                    "use a bucket of the stack's Region: S3 sends events within a Region only";
                return vec![Check::todo(subject, what, next)];
            }
            _ => Check::ok(&subject, "there"),
        },
        Ok(None) => {
            let next =
                "create it again, with the settings of docs/operating.md, or deploy the stack anew";
            return vec![Check::todo(subject, "it does not exist", next)];
        }
        Err(error) => {
            let permission = format!("s3:ListBucket on {name}");
            return vec![Check::not_seen(subject, &permission, &error)];
        }
    };
    let events = format!("{subject}, events");
    let events = match aws.sends_events(name).await {
        Ok(true) => Check::ok(events, "sent to EventBridge"),
        Ok(false) => {
            let what = "they are not sent to EventBridge: only schedules find what is uploaded";
            let next = format!(
                "add {{\"EventBridgeConfiguration\": {{}}}} to its notification configuration (aws s3api put-bucket-notification-configuration --bucket {name})"
            );
            Check::todo(events, what, next)
        }
        Err(error) => {
            let permission = format!("s3:GetBucketNotification on {name}");
            Check::not_seen(events, &permission, &error)
        }
    };
    vec![there, events, acls(scene, &subject, name).await]
}

/// EC2 reads and writes bundles through ACLs, and nothing else needs any.
async fn acls(scene: &Scene<'_>, subject: &str, name: &str) -> Check {
    let subject = format!("{subject}, ACLs");
    let is_needed = matches!(
        scene.source(),
        Some(Source::Bundle(_) | Source::Instance(_))
    );
    match scene.aws.has_acls(name).await {
        Ok(true) => Check::ok(subject, "enabled, as bundles need it"),
        Ok(false) if is_needed => {
            let what = "disabled (bucket owner enforced): EC2 cannot read bundles";
            let next = "set its object ownership to \"bucket owner preferred\"";
            Check::todo(subject, what, next)
        }
        Ok(false) => Check::ok(subject, "disabled: no bundles can be kept in it"),
        Err(error) => {
            let permission = format!("s3:GetBucketOwnershipControls on {name}");
            Check::not_seen(subject, &permission, &error)
        }
    }
}
