//! Encryption by default: what others could not use, or what could not be public.

use super::finding::Check;
use super::in_order::in_order;
use super::key_manager::is_managed;
use super::public::made_in;
use super::scene::Scene;
use super::sources::{self, Sources};
use crate::aws::{Aws, AwsError};
use crate::image::publish::{AccountSettings, Encryption, not_public, not_shareable};
use crate::image::words::UnshareableReason;
use crate::manifest::image::{ImageManifest, RegionCopy, Source};

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let sources = sources::look(scene).await;
    let regions = made_in(scene).into_iter();
    let looks = regions.map(async |region| {
        let aws = scene.aws.in_region(region);
        one(scene, &sources, &aws, region).await
    });
    let mut checks = in_order(looks).await;
    checks.extend(sources.checks);
    checks
}

async fn one(scene: &Scene<'_>, sources: &Sources, aws: &Aws, region: &str) -> Check {
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
    let made = scene.spec.as_ref().map_or(Encryption::Off, |spec| {
        made(spec, sources, region, scene.home())
    });
    let applies = made.takes_default_key(account);
    let text = match (encrypts_by_default, applies) {
        (true, _) => format!("on, with {key}"),
        (false, true) => {
            let says = scene.source().is_some_and(|source| source.encryption().0);
            let what = if says {
                "the manifest says"
            } else {
                "what is copied is"
            };
            format!("off, but {what} encrypted, with {key}")
        }
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

/// How the snapshots that the manifest makes in the Region are encrypted.
fn made(spec: &ImageManifest, sources: &Sources, region: &str, home: &str) -> Encryption {
    let source = &spec.build.source;
    if region != home {
        let is_encrypted = source.encryption().0 || sources.is_encrypted;
        let copy = spec.publish.regions.get(region).and_then(Option::as_ref);
        let has_key = copy.is_some_and(|copy: &RegionCopy| copy.kms_key_id.is_some());
        return Encryption::of_new(is_encrypted, has_key);
    }
    match Encryption::of_made(source) {
        Encryption::ByAccount if sources.takes_default_key => Encryption::DefaultKey,
        // It keeps its key, which was looked at.
        Encryption::ByAccount if sources.is_encrypted && matches!(source, Source::Image(_)) => {
            Encryption::Off
        }
        made => made,
    }
}
