//! EC2: the Regions, and which of them the account has enabled.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::connect::Aws;
use super::error::AwsError;

/// For how long the answer is used again: every image of a tick asks, and a Region that was just enabled is to be seen
/// by the next one.
const REMEMBERED: Duration = Duration::from_secs(30);

/// EC2's word for a Region that the account has not enabled (DescribeRegions, OptInStatus).
const NOT_ENABLED: &str = "not-opted-in";

impl Aws {
    /// Whether the account can use a Region: it exists in this partition, and is enabled. In one that is not, EC2 answers
    /// every call as if the credentials were wrong, so ask before.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn is_enabled_region(&self, region: &str) -> Result<bool, AwsError> {
        let mut known = self.enabled_regions.0.lock().await;
        if let Some((at, regions)) = &*known
            && at.elapsed() < REMEMBERED
        {
            return Ok(regions.get(region).copied().unwrap_or_default());
        }
        let request = self.ec2().describe_regions().all_regions(true);
        let doing = "looking which Regions the account has enabled";
        let answer = self.send_ec2("DescribeRegions", doing, Box::pin(request.send()));
        let regions: BTreeMap<String, bool> = answer
            .await?
            .regions
            .unwrap_or_default()
            .into_iter()
            .filter_map(|region| {
                let is_enabled = region.opt_in_status.as_deref() != Some(NOT_ENABLED);
                Some((region.region_name?, is_enabled))
            })
            .collect();
        let is_enabled = regions.get(region).copied().unwrap_or_default();
        *known = Some((Instant::now(), regions));
        Ok(is_enabled)
    }
}
