//! How that is encrypted which the manifest names: a snapshot is shared as it is, and a copy is as encrypted as its source.

use super::finding::Check;
use super::key_manager::{NotKnown, is_managed};
use super::scene::Scene;
use crate::aws::AwsError;
use crate::image::observed::NamedSnapshot;
use crate::manifest::image::{Image, Source};

/// What the manifest names, as far as it matters to whom its AMI is to be shared with.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) checks: Vec<Check>,
    /// Whether any of it is encrypted.
    pub(super) is_encrypted: bool,
    /// Whether the AMI of the stack's Region gets the key by default because of it.
    pub(super) takes_default_key: bool,
}

/// Looks at the snapshots and the AMI that the manifest names; at nothing where its AMI is not shared.
pub(super) async fn look(scene: &Scene<'_>) -> Sources {
    let mut sources = Sources::default();
    let Some(spec) = scene.spec.as_ref().filter(|_| scene.is_shared()) else {
        return sources;
    };
    let named = spec.named_sources.iter().filter(|it| it.region.is_none());
    let mut ids: Vec<String> = named.map(|it| it.id.clone()).collect();
    if let Source::Image(image) = &spec.build.source {
        ids.extend(copied(scene, image, &mut sources).await);
    }
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return sources;
    }
    match scene.aws.named_snapshots(&ids).await {
        Ok(found) => {
            for snapshot in &found {
                sources.is_encrypted |= snapshot.is_encrypted;
                sources.checks.push(one(scene, snapshot).await);
            }
        }
        Err(error) => sources.checks.push(not_seen(&ids.join(", "), &error)),
    }
    sources
}

/// The snapshots of the AMI whose keys its copy keeps: those of one that is encrypted in the stack's Region, and that is not
/// encrypted anew ("Encryption and copying", EC2 User Guide).
async fn copied(scene: &Scene<'_>, image: &Image, sources: &mut Sources) -> Vec<String> {
    let aws = scene.aws.in_region(&image.region);
    let found = match aws.named_image(&image.id).await {
        Ok(found) => found,
        Err(error) => {
            let subject = format!("encryption of {} in {}", image.id, image.region);
            let check = Check::not_seen(subject, "ec2:DescribeImages", &error);
            sources.checks.push(check);
            return Vec::new();
        }
    };
    sources.is_encrypted |= found.is_encrypted;
    let keeps = image.encrypted != Some(true) && image.kms_key_id.is_none() && found.is_encrypted;
    sources.takes_default_key = keeps && image.region != scene.home();
    match keeps && image.region == scene.home() {
        true => found.snapshots,
        false => Vec::new(),
    }
}

async fn one(scene: &Scene<'_>, snapshot: &NamedSnapshot) -> Check {
    let subject = format!("encryption of {} in {}", snapshot.id, scene.home());
    if !snapshot.is_encrypted {
        return Check::ok(subject, "not encrypted");
    }
    if scene.is_public() {
        let what = "encrypted: an encrypted AMI cannot be public";
        let next =
            "name one that is not encrypted, or share the AMI with accounts in place of public";
        return Check::todo(subject, what, next);
    }
    let Some(key) = &snapshot.kms_key_id else {
        return Check::unknown(subject, "EC2 does not say with which key");
    };
    match is_managed(scene.aws, key).await {
        Ok(false) => Check::ok(
            subject,
            format!("with {key}: that key's policy has to let the others use it"),
        ),
        Ok(true) => {
            let what = format!("with {key}, which AWS manages: the AMI cannot be shared");
            let region = scene.home();
            let next = format!(
                "copy it with a key of your own, and name the copy in the manifest: aws ec2 copy-snapshot --region {region} --source-region {region} --source-snapshot-id {} --encrypted --kms-key-id KEY",
                snapshot.id
            );
            Check::todo(subject, what, next)
        }
        Err(NotKnown::Missing(key)) => {
            let what = format!("its key {key} does not exist");
            Check::todo(subject, what, "name another snapshot in the manifest")
        }
        Err(not_known) => not_known.into_check(subject),
    }
}

fn not_seen(ids: &str, error: &AwsError) -> Check {
    Check::not_seen(
        format!("encryption of {ids}"),
        "ec2:DescribeSnapshots",
        error,
    )
}
