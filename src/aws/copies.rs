//! EC2: copying AMIs, within a Region or from another one.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::ResourceType;

use super::connect::Aws;
use super::ec2::{incomplete, non_empty, tag_specifications};
use super::error::AwsError;

/// CopyImage's parameters. The copy is made in the Region of the call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopiedImage {
    /// `ami-…`.
    pub source_id: String,
    /// Its Region.
    pub source_region: String,
    /// The copy's name. EC2 does not check that it is unique.
    pub name: String,
    /// The copy's description; none for EC2's default.
    pub description: Option<String>,
    /// Repeated requests with the same token and parameters make one copy.
    pub client_token: String,
    /// The tags of the copy and of its snapshots, the ownership tags among them.
    pub tags: BTreeMap<String, String>,
    /// Whether its snapshots are encrypted though the AMI's are not. With a key they are in any case.
    pub encrypted: bool,
    /// The KMS key, of the Region of the call, that its snapshots are encrypted with; none for the account's default.
    pub kms_key_id: Option<String>,
    /// Further tags of the copy alone; those of `tags` go before.
    pub further_tags: BTreeMap<String, String>,
    /// Within how many minutes it is to be complete; none for EC2's best effort.
    pub completion_minutes: Option<i64>,
}

impl Aws {
    /// Starts to copy an AMI; returns the copy's id.
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then it may have started, and a retry with the same client token finds out.
    pub async fn copy_image(&self, params: &CopiedImage) -> Result<String, AwsError> {
        let mut image_tags = params.further_tags.clone();
        image_tags.extend(params.tags.clone());
        let mut tagged = tag_specifications(&image_tags, &[ResourceType::Image]);
        if let (Some(tagged), Some(snapshots)) = (
            &mut tagged,
            tag_specifications(&params.tags, &[ResourceType::Snapshot]),
        ) {
            tagged.extend(snapshots);
        }
        let request = self
            .ec2()
            .copy_image()
            .source_image_id(&params.source_id)
            .source_region(&params.source_region)
            .name(&params.name)
            .set_description(params.description.clone())
            .client_token(&params.client_token)
            // "If you specify a KMS key, the encrypted state must be true" (CopyImage, KmsKeyId).
            .set_encrypted((params.encrypted || params.kms_key_id.is_some()).then_some(true))
            .set_kms_key_id(params.kms_key_id.clone())
            .set_snapshot_copy_completion_duration_minutes(params.completion_minutes)
            .set_tag_specifications(tagged);
        let doing = format!(
            "copying the AMI {} from {} to {}",
            params.source_id,
            params.source_region,
            self.region()
        );
        let answer = self
            .send_ec2("CopyImage", &doing, Box::pin(request.send()))
            .await?;
        non_empty(answer.image_id).ok_or_else(|| incomplete("CopyImage", doing, "the AMI"))
    }
}
