//! EC2: what uses an AMI.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    ImageReferenceOptionName, ImageReferenceResourceType, ResourceTypeOption, ResourceTypeRequest,
};

use super::connect::Aws;
use super::error::AwsError;

/// The most AMIs of one request (DescribeImageReferences, ImageIds).
pub const REFERENCED_IDS_MAX: usize = 10;

/// All states but `terminated` ("How AMI reference checks work", EC2 User Guide).
const STATES: [&str; 5] = ["pending", "running", "shutting-down", "stopping", "stopped"];

/// The most versions of a launch template that are looked through (the same page).
const VERSION_DEPTH: &str = "10000";

/// Something that uses an AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// EC2's word for what it is, as `ec2:Instance`.
    pub kind: String,
    /// Its ARN.
    pub arn: String,
}

impl Aws {
    /// What of this account uses these AMIs in the Region: instances that are not terminated, launch templates of any
    /// version, and parameters. At most [`REFERENCED_IDS_MAX`] AMIs.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn image_references(
        &self,
        images: &[String],
    ) -> Result<BTreeMap<String, Vec<Reference>>, AwsError> {
        let request = self
            .ec2()
            .describe_image_references()
            .set_image_ids(Some(images.to_vec()))
            .set_resource_types(Some(kinds()));
        let doing = format!("looking what uses {}", images.join(", "));
        let found = self
            .send_ec2_for_all_pages(
                "DescribeImageReferences",
                &doing,
                |token| Box::pin(request.clone().set_next_token(token).send()),
                |page| {
                    let references = page.image_references.unwrap_or_default();
                    (references, page.next_token)
                },
            )
            .await?;
        let mut by_image: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
        for reference in found {
            let image = reference.image_id.unwrap_or_default();
            let kind = reference.resource_type.map(|kind| kind.as_str().to_owned());
            by_image.entry(image).or_default().push(Reference {
                kind: kind.unwrap_or_default(),
                arn: reference.arn.unwrap_or_default(),
            });
        }
        Ok(by_image)
    }
}

/// Only what the functions are granted to look at: what EC2 does about other types is not documented.
fn kinds() -> Vec<ResourceTypeRequest> {
    let option = |name: ImageReferenceOptionName, values: &[&str]| {
        let values = values.iter().map(|&value| value.to_owned());
        ResourceTypeOption::builder()
            .option_name(name)
            .set_option_values(Some(values.collect()))
            .build()
    };
    let kind = |kind| ResourceTypeRequest::builder().resource_type(kind);
    vec![
        kind(ImageReferenceResourceType::Ec2Instance)
            .resource_type_options(option(ImageReferenceOptionName::StateName, &STATES))
            .build(),
        kind(ImageReferenceResourceType::Ec2LaunchTemplate)
            .resource_type_options(option(
                ImageReferenceOptionName::VersionDepth,
                &[VERSION_DEPTH],
            ))
            .build(),
        kind(ImageReferenceResourceType::SsmParameter).build(),
    ]
}
