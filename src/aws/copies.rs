//! EC2: AMIs that are copied, within a Region or from another one.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::ResourceType;

use super::ec2::{said, tag_specifications, unnamed};
use super::{Aws, AwsError};

/// What is copied: CopyImage's parameters. The copy is made in the Region that is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopiedImage {
    /// `ami-…`.
    pub source_id: String,
    /// The Region that it is in.
    pub source_region: String,
    /// The copy's name. EC2 does not check that it is unique.
    pub name: String,
    /// The copy's description; none leaves it to EC2.
    pub description: Option<String>,
    /// The same token with the same parameters is the same copy, however often it is asked for.
    pub client_token: String,
    /// The tags of the copy and of its snapshots, the ownership tags among them.
    pub tags: BTreeMap<String, String>,
}

impl Aws {
    /// Begins to copy an AMI; returns the copy's id.
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then it may have begun, and asking again with the same client token tells.
    pub async fn copy_image(&self, wanted: &CopiedImage) -> Result<String, AwsError> {
        let request = self
            .ec2()
            .copy_image()
            .source_image_id(&wanted.source_id)
            .source_region(&wanted.source_region)
            .name(&wanted.name)
            .set_description(wanted.description.clone())
            .client_token(&wanted.client_token)
            .set_tag_specifications(tag_specifications(
                &wanted.tags,
                &[ResourceType::Image, ResourceType::Snapshot],
            ));
        let doing = format!(
            "copying the image {} of {}",
            wanted.source_id, wanted.source_region
        );
        let answer = self.ask_ec2("CopyImage", &doing, request.send()).await?;
        said(answer.image_id).ok_or_else(|| unnamed("CopyImage", doing, "the AMI"))
    }
}
