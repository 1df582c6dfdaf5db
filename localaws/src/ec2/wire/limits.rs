//! Request limits: one token bucket per action and Region ("Request throttling for the Amazon EC2 API").

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;

use crate::ec2::wire::error::{Failure, refuse_with};
use crate::token_bucket::TokenBucket;

/// How many requests at once, and how many more a second.
#[derive(Debug, Clone, Copy)]
struct Rate {
    bucket: f64,
    refill: f64,
}

/// The documented rates, as far as this world has the actions.
fn rate(action: &str) -> Rate {
    let (bucket, refill) = match action {
        "RegisterImage" | "ImportSnapshot" | "ImportImage" | "BundleInstance"
        | "CancelBundleTask" => (50.0, 5.0),
        "CopyImage" => (100.0, 1.0),
        "EnableImageBlockPublicAccess" | "DisableImageBlockPublicAccess" => (1.0, 0.1),
        "CreateStoreImageTask" | "CreateRestoreImageTask" => (50.0, 0.1),
        "DescribeStoreImageTasks" => (50.0, 0.5),
        "CreateTags" | "DeleteTags" => (100.0, 10.0),
        "DeleteSnapshot"
        | "DeregisterImage"
        | "ModifyImageAttribute"
        | "ModifySnapshotAttribute" => (100.0, 5.0),
        read if read.starts_with("Describe") || read.starts_with("Get") => (100.0, 20.0),
        _mutating => (50.0, 5.0),
    };
    Rate { bucket, refill }
}

/// The buckets. Not part of the saved world: a restart takes longer than a refill.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) on: bool,
    /// How many requests were refused.
    pub(crate) refused: u64,
    buckets: BTreeMap<(String, String), TokenBucket>,
}

impl Limits {
    /// Takes a token, or refuses with `RequestLimitExceeded`.
    pub(crate) fn take(
        &mut self,
        region: &str,
        action: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if !self.on {
            return Ok(());
        }
        let rate = rate(action);
        let key = (region.to_owned(), action.to_owned());
        let bucket = self.buckets.entry(key);
        let bucket = bucket.or_insert_with(|| TokenBucket::full(rate.bucket, now));
        if bucket.take(rate.bucket, rate.refill, now) {
            return Ok(());
        }
        self.refused += 1;
        Err(refuse_with(
            StatusCode::SERVICE_UNAVAILABLE,
            "RequestLimitExceeded",
            "Request limit exceeded.",
        ))
    }
}
