//! The stage `product_codes`: what an AMI is sold by.

use crate::aws::{Aws, AwsError};
use crate::image::status::Action;

pub(super) async fn perform(aws: &Aws, image: &str, action: &Action) -> Result<(), AwsError> {
    match action {
        Action::SetProductCode { code: Some(code) } => aws.set_product_code(image, code).await,
        // Never planned: EC2 removes none.
        _ => Ok(()),
    }
}
