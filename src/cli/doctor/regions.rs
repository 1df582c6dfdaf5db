//! The Regions: whether the account has enabled them.

use super::finding::Check;
use super::scene::Scene;
use crate::manifest::image::Source;

/// The lines, and the Regions that are not known to be off.
pub(super) async fn check(scene: &Scene<'_>) -> (Vec<Check>, Vec<String>) {
    let mut regions = vec![scene.home()];
    regions.extend(scene.copy_regions());
    if let Some(Source::Image(image)) = scene.source() {
        regions.push(&image.region);
    }
    let mut checks = Vec::new();
    let mut usable = Vec::new();
    for region in regions {
        if usable.iter().any(|known| known == region) {
            continue;
        }
        let subject = format!("Region {region}");
        match scene.aws.is_enabled_region(region).await {
            Ok(true) => {
                checks.push(Check::ok(subject, "enabled"));
                usable.push(region.to_owned());
            }
            Ok(false) => {
                let next =
                    format!("enable it with: aws account enable-region --region-name {region}");
                checks.push(Check::todo(subject, "the account has not enabled it", next));
            }
            Err(error) => {
                checks.push(Check::not_seen(subject, "ec2:DescribeRegions", &error));
                // The other checks say themselves what they could not look at.
                usable.push(region.to_owned());
            }
        }
    }
    (checks, usable)
}
