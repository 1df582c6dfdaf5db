//! KMS, which is only used by way of other services here.

use super::check::{Check, Needs, Scene};
use crate::ACCOUNT;
use crate::iam::context::Context;

/// What the caller of a copy needs for a key of its own ("Permissions for IAM users", Amazon EBS encryption). A key of
/// AWS for EBS lets every principal of the account use it; a key by its alias is not built here.
pub(super) fn through_ec2(scene: &Scene<'_>, region: &str, key: &str) -> Needs {
    if key.contains("alias/aws/") {
        return Some(Vec::new());
    }
    if key.contains("alias/") {
        return None;
    }
    let arn = match key.starts_with("arn:") {
        true => key.to_owned(),
        false => scene.arn("kms", region, &format!("key/{key}")),
    };
    let context = Context::default()
        .with("kms:ViaService", format!("ec2.{region}.amazonaws.com"))
        .with("kms:CallerAccount", ACCOUNT);
    let used = [
        "Decrypt",
        "DescribeKey",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    ];
    let mut checks: Vec<Check> = used
        .map(|action| Check::new(format!("kms:{action}"), &arn).with(context.clone()))
        .into();
    let for_ebs = context.with("kms:GrantIsForAWSResource", "true");
    checks.push(Check::new("kms:CreateGrant", &arn).with(for_ebs));
    Some(checks)
}

/// Decrypting a SecureString ("How AWS Systems Manager Parameter Store uses AWS KMS"): this world's are all encrypted
/// with one key of the customer's, the case that needs a permission.
pub(super) fn through_ssm(scene: &Scene<'_>, region: &str, parameter_arn: &str) -> Check {
    let key = scene.arn("kms", region, "key/00000000-0000-0000-0000-000000000000");
    let context = Context::default()
        .with("kms:ViaService", format!("ssm.{region}.amazonaws.com"))
        .with("kms:CallerAccount", ACCOUNT)
        .with("kms:EncryptionContext:PARAMETER_ARN", parameter_arn)
        .with_many("kms:EncryptionContextKeys", ["PARAMETER_ARN"]);
    Check::new("kms:Decrypt", key).with(context)
}
