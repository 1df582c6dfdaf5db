//! The stage `protect`: deprecation and deregistration protection.

use crate::aws::{Aws, AwsError};
use crate::image::status::Action;

pub(super) async fn perform(aws: &Aws, image: &str, action: &Action) -> Result<(), AwsError> {
    match action {
        Action::SetDeprecation { at } => aws.set_deprecation(image, *at).await,
        Action::SetProtection { protection } => aws.set_protection(image, *protection).await,
        _ => Ok(()),
    }
}
