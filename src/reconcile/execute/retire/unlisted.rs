//! Snapshots that EC2 does not list as the account's.

use crate::aws::{Aws, AwsError};
use crate::config::Config;
use crate::image::publish::retire::SnapshotSeen;
use crate::image::status::SnapshotKept;

/// What there is of a snapshot that is not listed as one of the account's: another account's never is. Another look, as one
/// answer may be older than what it is about.
pub(super) async fn not_listed(
    aws: &Aws,
    config: &Config,
    id: &String,
) -> Result<SnapshotSeen, AwsError> {
    let found = match aws.named_snapshots(std::slice::from_ref(id)).await {
        Err(error) if error.has_code("InvalidSnapshot.NotFound") => Vec::new(),
        found => found?,
    };
    let own = config.account_id.as_deref();
    Ok(match found.first() {
        None => SnapshotSeen::Absent,
        Some(shown) if own.is_some_and(|own| shown.owner.id != own) => {
            SnapshotSeen::Kept(SnapshotKept::Unproven)
        }
        // The two answers contradict each other.
        Some(_) => SnapshotSeen::Unknown,
    })
}
