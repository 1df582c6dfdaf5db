//! What people can do where an AMI could not be published.

use super::quoting::{pasted, word};
use crate::image::words::UnshareableReason;

/// What a person can do about a Region that the account cannot use.
pub(super) const REGION_DISABLED: &str = "enable the Region for the account (AWS Account Management, \"Enable or disable AWS Regions\"), or leave it out \
             of `regions`";

/// What a person can do about an AMI that somebody has disabled.
pub(super) fn for_disabled(region: &str, image: &str) -> String {
    format!(
        "find out who disabled it and why; if it may be used, enable it: aws ec2 enable-image --region {} --image-id {} (its \
         launch permissions are granted again)",
        pasted(region),
        pasted(image)
    )
}

/// What a person can do about an AMI that cannot be shared.
pub(super) fn for_unshareable(why: UnshareableReason) -> &'static str {
    match why {
        UnshareableReason::Encrypted => {
            "make the AMI of an unencrypted snapshot, in a Region without encryption by default, or share it with accounts, \
             organizations or units in place of `public`"
        }
        UnshareableReason::ProductCode => {
            "share it with accounts, organizations or units in place of `public`"
        }
        UnshareableReason::PublicBlocked => {
            "if AMIs of this account may be public, switch it off there (aws ec2 disable-image-block-public-access; it takes \
             up to 10 minutes), or leave `public` out"
        }
        UnshareableReason::PublicBlockedByPolicy => {
            "leave `public` out, or have the organization's administrators change the policy"
        }
        UnshareableReason::ManagedKey => {
            "name a key of your own (`kmsKeyId` of the source, or `regions.REGION.kmsKeyId` for a copy), whose policy lets the \
             recipients use it, or make one the default key for EBS in that Region"
        }
    }
}

/// What a person can do about a copy that failed. EC2 does not say why; it looks at the key only after it has taken the
/// request (CopyImage, KmsKeyId).
pub(super) fn for_failed_copy(kms_key_id: Option<&str>) -> String {
    match kms_key_id {
        Some(key) => format!(
            "check that {} is a symmetric key in that Region, that it is enabled and not pending deletion, and that its \
             policy and the function's role allow kms:DescribeKey, CreateGrant, Decrypt, ReEncrypt* and \
             GenerateDataKeyWithoutPlaintext (the role by the stack's parameter KmsKeys); the same holds for the key of the \
             AMI itself if it is encrypted",
            word(key)
        ),
        None => "if the AMI is encrypted, or the account encrypts by default in that Region, the Region's default key is \
                 used: check that key and its policy (aws ec2 get-ebs-default-kms-key-id), or name a key of that Region in \
                 `regions.REGION.kmsKeyId`"
            .to_owned(),
    }
}
