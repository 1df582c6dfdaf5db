//! EC2: looking at snapshots and removing them; tagging what may be tagged later.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Snapshot;

use super::ec2::{filter, our_tags, sdk_tags};
use super::{Aws, AwsError};
use crate::image::observed::ObservedSnapshot;

/// The largest page of DescribeSnapshots ("MaxResults", EC2 API Reference).
const PAGE_MAX: i32 = 1000;

impl Aws {
    /// The account's own snapshots that have one of these values for a filter. At most
    /// [`FILTER_VALUES_MAX`](super::FILTER_VALUES_MAX) values. An id that EC2 does not know is left out; it does not
    /// fail the call.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn find_snapshots(
        &self,
        name: &str,
        values: &[String],
    ) -> Result<Vec<ObservedSnapshot>, AwsError> {
        let request = self
            .ec2()
            .describe_snapshots()
            .owner_ids("self")
            .filters(filter(name, values))
            .max_results(PAGE_MAX);
        self.ask_ec2_for_all(
            "DescribeSnapshots",
            &format!("looking for snapshots by {name}"),
            |token| request.clone().set_next_token(token).send(),
            |page| {
                let snapshots = page.snapshots.unwrap_or_default().into_iter();
                (snapshots.map(observed).collect(), page.next_token)
            },
        )
        .await
    }

    /// Deletes a snapshot.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: with `InvalidSnapshot.NotFound` where it is gone, with
    /// `InvalidSnapshot.InUse` where an AMI has it.
    pub async fn delete_snapshot(&self, id: &str) -> Result<(), AwsError> {
        let request = self.ec2().delete_snapshot().snapshot_id(id);
        let doing = format!("deleting the snapshot {id}");
        self.ask_ec2("DeleteSnapshot", doing, request.send())
            .await?;
        Ok(())
    }

    /// Sets tags on resources of any kind; other tags stay as they are. At most 1000 resources (CreateTags,
    /// "ResourceId.N").
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: then none of the resources is tagged.
    pub async fn create_tags(
        &self,
        ids: &[String],
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let request = self
            .ec2()
            .create_tags()
            .set_resources(Some(ids.to_vec()))
            .set_tags(Some(sdk_tags(tags)));
        let doing = format!("tagging {}", ids.join(", "));
        self.ask_ec2("CreateTags", doing, request.send()).await?;
        Ok(())
    }
}

fn observed(snapshot: Snapshot) -> ObservedSnapshot {
    ObservedSnapshot {
        id: snapshot.snapshot_id.unwrap_or_default(),
        state: snapshot
            .state
            .map(|state| state.as_str().to_owned())
            .unwrap_or_default(),
        description: snapshot.description.unwrap_or_default(),
        tags: our_tags(snapshot.tags),
    }
}
