//! Encryption by default: what others could not use, or what could not be public.

use super::finding::Check;
use super::in_order::in_order;
use super::public::made_in;
use super::scene::Scene;
use crate::aws::{Aws, AwsError};
use crate::image::publish::{AccountSettings, Encryption, not_public, not_shareable};
use crate::image::words::UnshareableReason;
use crate::manifest::ids::is_managed_key;
use crate::manifest::image::{ImageManifest, RegionCopy, Source};

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let regions = made_in(scene).into_iter();
    let looks = regions.map(async |region| one(scene, &scene.aws.in_region(region), region).await);
    in_order(looks).await
}

async fn one(scene: &Scene<'_>, aws: &Aws, region: &str) -> Check {
    let subject = format!("encryption by default in {region}");
    let (encrypts_by_default, key) = match by_default(aws).await {
        Ok(seen) => seen,
        Err(error) => {
            let permission = "ec2:GetEbsEncryptionByDefault and ec2:GetEbsDefaultKmsKeyId";
            return Check::not_seen(subject, permission, &error);
        }
    };
    let mut account = AccountSettings {
        encrypts_by_default,
        ..AccountSettings::default()
    };
    let made = scene
        .spec
        .as_ref()
        .map_or(Encryption::Off, |spec| made(spec, region, scene.home()));
    let applies = made.takes_default_key(account);
    let text = match (encrypts_by_default, applies) {
        (true, _) => format!("on, with {key}"),
        (false, true) => format!("off, but the manifest says encrypted, with {key}"),
        (false, false) => format!("off; the key by default is {key}"),
    };
    if !applies || !scene.is_shared() {
        return Check::ok(subject, text);
    }
    let why = if scene.is_public() {
        not_public(made, false, account)
    } else {
        account.has_managed_key = match is_managed(aws, &key).await {
            Ok(is_managed) => is_managed,
            Err(not_known) => return not_known.into_check(subject),
        };
        not_shareable(made, account)
    };
    match why {
        None => Check::ok(
            subject,
            format!("{text}: that key's policy has to let the others use it"),
        ),
        Some(UnshareableReason::ManagedKey) => {
            let what = format!("{text}, which AWS manages: the AMI cannot be shared");
            let next = format!(
                "name a key of your own in the manifest, or make one the default: aws ec2 modify-ebs-default-kms-key-id --region {region} --kms-key-id KEY"
            );
            Check::todo(subject, what, next)
        }
        Some(_) => {
            let what = format!("{text}: an encrypted AMI cannot be public");
            let next = format!(
                "disable it: aws ec2 disable-ebs-encryption-by-default --region {region}, and take encryption out of the manifest"
            );
            Check::todo(subject, what, next)
        }
    }
}

/// Whether all is encrypted by default, and with which key.
async fn by_default(aws: &Aws) -> Result<(bool, String), AwsError> {
    Ok((aws.encrypts_by_default().await?, aws.default_key().await?))
}

/// How the snapshots that the manifest makes in the Region are encrypted. An AMI of a snapshot has that snapshot as it is.
fn made(spec: &ImageManifest, region: &str, home: &str) -> Encryption {
    let (is_encrypted, key) = spec.build.source.encryption();
    if region != home {
        let copy = spec.publish.regions.get(region).and_then(Option::as_ref);
        let has_key = copy.is_some_and(|copy: &RegionCopy| copy.kms_key_id.is_some());
        return Encryption::of_new(is_encrypted, has_key);
    }
    match &spec.build.source {
        Source::Disk(_) | Source::Vm(_) | Source::Stored(_) | Source::Image(_) => {
            Encryption::of_new(is_encrypted, key.is_some())
        }
        Source::Snapshot(_) | Source::Bundle(_) | Source::Instance(_) => Encryption::Off,
    }
}

/// Why the kind of a key is not known.
enum NotKnown {
    Missing(String),
    Error(AwsError),
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
    if is_managed_key(key) {
        return Ok(true);
    }
    match aws.kms_key(key).await {
        Ok(Some(key)) => Ok(key.is_managed_by_aws),
        Ok(None) => Err(NotKnown::Missing(key.to_owned())),
        Err(error) => Err(NotKnown::Error(error)),
    }
}
