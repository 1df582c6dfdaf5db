//! Encryption by default: what others could not use, or what could not be public.

use super::finding::Check;
use super::public::made_in;
use super::scene::Scene;
use crate::aws::{Aws, Encryption};
use crate::manifest::image::{ImageManifest, RegionCopy, Source};

/// The alias of the key that AWS manages for EBS.
const MANAGED: &str = "alias/aws/ebs";

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for region in made_in(scene) {
        checks.push(one(scene, &scene.aws.in_region(region), region).await);
    }
    checks
}

async fn one(scene: &Scene<'_>, aws: &Aws, region: &str) -> Check {
    let subject = format!("encryption by default in {region}");
    let encryption = match aws.default_encryption().await {
        Ok(encryption) => encryption,
        Err(error) => {
            let permission = "ec2:GetEbsEncryptionByDefault and ec2:GetEbsDefaultKmsKeyId";
            return Check::not_seen(subject, permission, &error);
        }
    };
    let applies = scene
        .spec
        .as_ref()
        .is_some_and(|spec| is_encrypted_by_default(spec, &encryption, region, scene.home()));
    if !encryption.is_by_default && !applies {
        return Check::ok(
            subject,
            format!("off; the key by default is {}", encryption.key),
        );
    }
    let text = match encryption.is_by_default {
        true => format!("on, with {}", encryption.key),
        false => format!(
            "off, but the manifest says encrypted, with {}",
            encryption.key
        ),
    };
    if !applies || !scene.is_shared() {
        return Check::ok(subject, text);
    }
    if scene.is_public() {
        let what = format!("{text}: an encrypted AMI cannot be public");
        let next = format!(
            "disable it: aws ec2 disable-ebs-encryption-by-default --region {region}, and take encryption out of the manifest"
        );
        return Check::todo(subject, what, next);
    }
    match is_managed(aws, &encryption.key).await {
        Ok(false) => Check::ok(
            subject,
            format!("{text}: that key's policy has to let the others use it"),
        ),
        Ok(true) => {
            let what = format!("{text}, which AWS manages: the AMI cannot be shared");
            let next = format!(
                "name a key of your own in the manifest, or make one the default: aws ec2 modify-ebs-default-kms-key-id --region {region} --kms-key-id KEY"
            );
            Check::todo(subject, what, next)
        }
        Err(check) => check.into_check(subject),
    }
}

/// Whether the snapshots that the manifest makes in the Region get the key by default. An AMI of a snapshot has that
/// snapshot as it is.
fn is_encrypted_by_default(
    spec: &ImageManifest,
    encryption: &Encryption,
    region: &str,
    home: &str,
) -> bool {
    if region != home {
        let copy = spec.publish.regions.get(region).and_then(Option::as_ref);
        let has_key = copy.is_some_and(|copy: &RegionCopy| copy.kms_key_id.is_some());
        // What is encrypted stays so in a copy ("Encryption and copying", EC2 User Guide), here with the key by default.
        let (is_source_encrypted, _) = spec.build.source.encryption();
        return (encryption.is_by_default || is_source_encrypted) && !has_key;
    }
    match &spec.build.source {
        Source::Disk(_) | Source::Vm(_) | Source::Stored(_) | Source::Image(_) => {
            let (is_encrypted, key) = spec.build.source.encryption();
            (is_encrypted || encryption.is_by_default) && key.is_none()
        }
        Source::Snapshot(_) | Source::Bundle(_) | Source::Instance(_) => false,
    }
}

/// Why the kind of a key is not known.
enum NotKnown {
    Missing(String),
    Error(crate::aws::AwsError),
}

impl NotKnown {
    fn into_check(self, subject: String) -> Check {
        match self {
            Self::Missing(key) => {
                let what = format!("its key {key} does not exist");
                let next = "set another: aws ec2 modify-ebs-default-kms-key-id";
                Check::todo(subject, what, next)
            }
            Self::Error(error) => Check::not_seen(subject, "kms:DescribeKey on its key", &error),
        }
    }
}

async fn is_managed(aws: &Aws, key: &str) -> Result<bool, NotKnown> {
    if key == MANAGED {
        return Ok(true);
    }
    match aws.kms_key(key).await {
        Ok(Some(key)) => Ok(key.is_managed_by_aws),
        Ok(None) => Err(NotKnown::Missing(key.to_owned())),
        Err(error) => Err(NotKnown::Error(error)),
    }
}
