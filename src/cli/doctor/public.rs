//! What is in the way of public AMIs: block public access, and their quota.

use super::finding::Check;
use super::in_order::in_order;
use super::scene::Scene;
use crate::aws::Aws;
use crate::image::publish::PublicBlock;

/// The quota of public AMIs in a Region, unless it was raised ("AMI quotas", EC2 User Guide).
const QUOTA: usize = 5;

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let regions = made_in(scene).into_iter();
    let looks = regions.map(async |region| {
        let aws = scene.aws.in_region(region);
        let images = images(scene, &aws, region).await;
        let snapshots = snapshots(&aws, region).await;
        [images, snapshots, quota(scene, &aws, region).await]
    });
    in_order(looks).await.into_iter().flatten().collect()
}

/// The Regions that get the manifest's AMIs.
pub(super) fn made_in<'a>(scene: &'a Scene<'_>) -> Vec<&'a str> {
    let copies = scene.copy_regions();
    let regions = scene.regions.iter().map(String::as_str);
    regions
        .filter(|region| *region == scene.home() || copies.contains(region))
        .collect()
}

async fn images(scene: &Scene<'_>, aws: &Aws, region: &str) -> Check {
    let subject = format!("block public access for AMIs in {region}");
    let block = match aws.image_block().await {
        Ok(block) => block,
        Err(error) => {
            return Check::not_seen(subject, "ec2:GetImageBlockPublicAccessState", &error);
        }
    };
    let next = match PublicBlock::of(block.is_on(), block.by_policy) {
        Some(PublicBlock::Policy) if scene.is_public() => {
            "a declarative policy of the organization sets it: ask its administrator".to_owned()
        }
        Some(PublicBlock::Account) if scene.is_public() => format!(
            "to allow it: aws ec2 disable-image-block-public-access --region {region} (takes up to 10 minutes)"
        ),
        _ => return Check::ok(subject, block.state),
    };
    let what = format!("{}, and the manifest says public", block.state);
    Check::todo(subject, what, next)
}

/// No manifest makes snapshots public: whatever it is, it is in nobody's way.
async fn snapshots(aws: &Aws, region: &str) -> Check {
    let subject = format!("block public access for snapshots in {region}");
    match aws.snapshot_block().await {
        Ok(state) => Check::ok(
            subject,
            format!("{state}; amiwright makes no snapshot public"),
        ),
        Err(error) => Check::not_seen(subject, "ec2:GetSnapshotBlockPublicAccessState", &error),
    }
}

async fn quota(scene: &Scene<'_>, aws: &Aws, region: &str) -> Check {
    let subject = format!("public AMIs in {region}");
    match aws.find_images("is-public", &["true".to_owned()]).await {
        Ok(images) if images.len() < QUOTA || !scene.is_public() => Check::ok(
            subject,
            format!(
                "{}; the quota is {QUOTA} unless it was raised",
                images.len()
            ),
        ),
        Ok(images) => {
            let what = format!(
                "{}, and the quota is {QUOTA} unless it was raised",
                images.len()
            );
            let next =
                "check \"Public AMIs\" in Service Quotas, and raise it or make others private";
            Check::todo(subject, what, next)
        }
        Err(error) => Check::not_seen(subject, "ec2:DescribeImages", &error),
    }
}
