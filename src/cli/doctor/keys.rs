//! The KMS keys that the manifest names: whether they are there, can be used, and who manages them.

use super::finding::Check;
use super::in_order::in_order;
use super::scene::Scene;
use crate::manifest::image::ImageManifest;

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let named = scene.spec.as_ref().map(ImageManifest::kms_keys);
    let named = named.unwrap_or_default().into_iter();
    let named = named.map(|it| (it.region.unwrap_or(scene.home()), it.key));
    let usable = named.filter(|(region, _)| scene.regions.iter().any(|it| it == region));
    in_order(usable.map(async |(region, key)| one(scene, region, key).await)).await
}

async fn one(scene: &Scene<'_>, region: &str, key: &str) -> Check {
    let subject = format!("KMS key {key} in {region}");
    let found = match scene.aws.in_region(region).kms_key(key).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let what = "it does not exist";
            return Check::todo(subject, what, "name a key of this Region in the manifest");
        }
        Err(error) => {
            let permission = format!("kms:DescribeKey on {key}");
            return Check::not_seen(subject, &permission, &error);
        }
    };
    if found.state != "Enabled" {
        let next = "enable it, or name another in the manifest";
        return Check::todo(subject, found.state, next);
    }
    match found.is_managed_by_aws {
        true if scene.is_shared() => {
            let what = "AWS manages it: the AMI cannot be shared";
            Check::todo(subject, what, "name a key of your own in the manifest")
        }
        true => Check::ok(subject, "enabled, managed by AWS"),
        false => Check::ok(
            subject,
            "enabled, your own; whether its policy lets the functions use it is not checked",
        ),
    }
}
