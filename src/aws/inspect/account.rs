//! EC2: block public access for snapshots.

use crate::aws::connect::Aws;
use crate::aws::error::AwsError;

impl Aws {
    /// EC2's word for block public access for snapshots, as `block-new-sharing`.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn snapshot_block(&self) -> Result<String, AwsError> {
        let request = self.ec2().get_snapshot_block_public_access_state();
        let action = "GetSnapshotBlockPublicAccessState";
        let doing = format!(
            "reading block public access for snapshots in {}",
            self.region()
        );
        let answer = self
            .send_ec2(action, doing, Box::pin(request.send()))
            .await?;
        let state = answer.state.as_ref().map(|state| state.as_str());
        Ok(state.unwrap_or_default().to_owned())
    }
}
