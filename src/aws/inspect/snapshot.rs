//! How snapshots are encrypted.

use aws_sdk_ec2::types::Snapshot;

use crate::aws::connect::Aws;
use crate::aws::error::AwsError;

/// How a snapshot is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotEncryption {
    /// The snapshot's id.
    pub id: String,
    /// Whether it is.
    pub is_encrypted: bool,
    /// The ARN of the KMS key, as EC2 shows it.
    pub key: Option<String>,
}

impl Aws {
    /// How these are encrypted.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: with `InvalidSnapshot.NotFound` if the account may not see one of them.
    pub async fn snapshot_encryption(
        &self,
        ids: &[String],
    ) -> Result<Vec<SnapshotEncryption>, AwsError> {
        let request = self.ec2().describe_snapshots();
        let request = request.set_snapshot_ids(Some(ids.to_vec()));
        let doing = format!("looking how {} are encrypted", ids.join(", "));
        let answer = self.send_ec2("DescribeSnapshots", doing, Box::pin(request.send()));
        let snapshots = answer.await?.snapshots.unwrap_or_default().into_iter();
        let encryption = |snapshot: Snapshot| SnapshotEncryption {
            id: snapshot.snapshot_id.unwrap_or_default(),
            is_encrypted: snapshot.encrypted.unwrap_or_default(),
            key: snapshot.kms_key_id,
        };
        Ok(snapshots.map(encryption).collect())
    }
}
