//! EC2: describing and deleting snapshots; tagging resources that exist.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Snapshot, SnapshotState};
use jiff::Timestamp;

use super::connect::Aws;
use super::ec2::{filter, our_tags, sdk_tags, unless_gone};
use super::error::AwsError;
use crate::image::observed::{NamedSnapshot, ObservedSnapshot};
use crate::manifest::guardrails::Owner;

/// The largest page of DescribeSnapshots ("MaxResults", EC2 API Reference).
const PAGE_MAX: i32 = 1000;

impl Aws {
    /// The account's own snapshots that match one of these values of a filter. At most
    /// [`FILTER_VALUES_MAX`](super::FILTER_VALUES_MAX) values. An unknown id is left out; it does not fail the call.
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
        self.send_ec2_for_all_pages(
            "DescribeSnapshots",
            &format!("looking for snapshots by {name}"),
            |token| Box::pin(request.clone().set_next_token(token).send()),
            |page| {
                let snapshots = page.snapshots.unwrap_or_default().into_iter();
                (snapshots.map(observed).collect(), page.next_token)
            },
        )
        .await
    }

    /// Whose these snapshots are and how they are encrypted, by their ids: the account's own, and those that others share with
    /// it.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: with `InvalidSnapshot.NotFound` if the account may not see one of them.
    pub async fn named_snapshots(&self, ids: &[String]) -> Result<Vec<NamedSnapshot>, AwsError> {
        let request = self
            .ec2()
            .describe_snapshots()
            .set_snapshot_ids(Some(ids.to_vec()));
        let doing = format!("looking whose snapshots {} are", ids.join(", "));
        let answer = self.send_ec2("DescribeSnapshots", doing, Box::pin(request.send()));
        let snapshots = answer.await?.snapshots.unwrap_or_default().into_iter();
        let named = |snapshot: Snapshot| NamedSnapshot {
            id: snapshot.snapshot_id.unwrap_or_default(),
            owner: Owner {
                id: snapshot.owner_id.unwrap_or_default(),
                alias: snapshot.owner_alias,
            },
            has_failed: snapshot.state == Some(SnapshotState::Error),
            is_encrypted: snapshot.encrypted.unwrap_or_default(),
            kms_key_id: snapshot.kms_key_id,
        };
        Ok(snapshots.map(named).collect())
    }

    /// Deletes a snapshot, if it is not gone already.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: with `InvalidSnapshot.InUse` if an AMI uses it.
    pub async fn delete_snapshot(&self, id: &str) -> Result<(), AwsError> {
        let request = self.ec2().delete_snapshot().snapshot_id(id);
        let doing = format!("deleting the snapshot {id}");
        let answer = self.send_ec2("DeleteSnapshot", doing, Box::pin(request.send()));
        unless_gone(answer.await)
    }

    /// Sets tags on resources of any type, and keeps their other tags. At most 1000 resources (CreateTags,
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
        self.send_ec2("CreateTags", doing, Box::pin(request.send()))
            .await?;
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
        started_at: snapshot
            .start_time
            .and_then(|time| Timestamp::from_second(time.secs()).ok()),
        is_encrypted: snapshot.encrypted,
        kms_key_id: snapshot.kms_key_id,
    }
}
