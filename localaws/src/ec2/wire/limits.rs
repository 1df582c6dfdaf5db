//! Request limits: one token bucket per action and Region ("Request throttling for the Amazon EC2 API").

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use crate::ec2::wire::error::{Failure, refuse_with};

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
    buckets: BTreeMap<(String, String), (f64, Timestamp)>,
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
        let (tokens, filled_at) = self.buckets.entry(key).or_insert((rate.bucket, now));
        let waited = now
            .duration_since(*filled_at)
            .max(SignedDuration::ZERO)
            .as_secs_f64();
        *tokens = (*tokens + waited * rate.refill).min(rate.bucket);
        *filled_at = now;
        if *tokens < 1.0 {
            self.refused += 1;
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(refuse_with(
                status,
                "RequestLimitExceeded",
                "Request limit exceeded.",
            ));
        }
        *tokens -= 1.0;
        Ok(())
    }
}
