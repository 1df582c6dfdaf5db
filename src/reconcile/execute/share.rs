//! The stage `share`: who may launch the AMI, and copy it.

use crate::aws::{Aws, AwsError};
use crate::image::status::Action;

pub(super) async fn perform(aws: &Aws, image: &str, action: &Action) -> Result<(), AwsError> {
    match action {
        Action::ShareSnapshot { snapshot, accounts } => {
            aws.share_snapshot(snapshot, accounts).await
        }
        Action::RevokeSnapshot { snapshot, accounts } => {
            aws.revoke_snapshot(snapshot, accounts).await
        }
        Action::ChangeGrants { add, remove } => {
            aws.change_launch_permissions(image, add, remove).await
        }
        _ => Ok(()),
    }
}
