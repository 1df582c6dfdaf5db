//! Which KMS key a copy has that an earlier request has made.

use crate::aws::{Aws, AwsError};
use crate::image::observed::ObservedImage;
use crate::manifest::guardrails::Allowed;
use crate::manifest::ids::is_managed_key;
use crate::reconcile::step_context::StepContext;

/// The key that a copy has, or that it has none.
pub(super) struct Key(pub(super) Option<String>);

/// The key of a copy, if it is another one than is `asked` for, or if it has none and one is. Where none is asked for, another
/// one is one which manifests may name, and with which the account does not encrypt by default.
pub(super) async fn other_key(
    step: &StepContext<'_>,
    aws: &Aws,
    copy: &ObservedImage,
    asked: Option<&str>,
) -> Result<Option<Key>, AwsError> {
    let named = match &step.config().guardrails.kms_keys {
        Allowed::Only(keys) => keys,
        Allowed::Any => return Ok(None),
    };
    // No manifest of this stack names a key.
    if asked.is_none() && named.is_empty() {
        return Ok(None);
    }
    let Some(Key(key)) = key_of(aws, copy).await? else {
        return Ok(None);
    };
    let is_other = match (asked, &key) {
        (Some(asked), Some(key)) => !is_same_key(asked, key),
        (None, Some(key)) => named.contains(key) && !is_default(&aws.default_key().await?, key),
        (asked, None) => asked.is_some(),
    };
    Ok(is_other.then_some(Key(key)))
}

/// The KMS key that an AMI is encrypted with, by its ARN, or that one of its snapshots is not encrypted; none while that does
/// not show. A copy that is encrypted when it is made has one key for all of its snapshots (CopyImage, KmsKeyId).
async fn key_of(aws: &Aws, image: &ObservedImage) -> Result<Option<Key>, AwsError> {
    if image.snapshots.is_empty() {
        return Ok(None);
    }
    let snapshots = aws.find_snapshots("snapshot-id", &image.snapshots).await?;
    if snapshots.iter().any(|it| it.is_encrypted == Some(false)) {
        return Ok(Some(Key(None)));
    }
    let key = snapshots.into_iter().find_map(|it| it.kms_key_id);
    Ok(key.map(|key| Key(Some(key))))
}

/// Whether this is the key that was asked for. That can only be told of a key's ARN, which is what the stack allows.
fn is_same_key(asked: &str, arn: &str) -> bool {
    asked == arn || !asked.contains(":key/")
}

/// Whether this may be the key by default, which EC2 may name by an id, an alias, or the ARN of either. What an alias of
/// the account's own stands for is not told.
fn is_default(default: &str, arn: &str) -> bool {
    let is_alias = default.contains("alias/");
    match is_alias {
        true => !is_managed_key(default),
        false => default == arn || arn.ends_with(&format!("/{default}")),
    }
}
