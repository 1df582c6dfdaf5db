//! Which Regions the account can use ("Specify which AWS Regions your account can use", Account Management guide).

use http::StatusCode;

use crate::ec2::model::region::Store;
use crate::ec2::wire::error::{Failure, refuse_with};

/// The Regions of the partition `aws` that every account has ("Amazon EC2 service endpoints").
pub(crate) const ALWAYS_ENABLED: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Those that an account has to enable before it can use them.
pub(crate) const OPT_IN: [&str; 17] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

impl Store {
    /// Whether the account can use the Region. One that is on neither list (another partition's, or a made-up one) is
    /// enabled: this service cannot know.
    pub(crate) fn is_enabled(&self, region: &str) -> bool {
        !OPT_IN.contains(&region) || self.opted_in.contains(region)
    }

    /// `optInStatus` of the Region.
    pub(crate) fn opt_in_status(&self, region: &str) -> &'static str {
        if ALWAYS_ENABLED.contains(&region) {
            "opt-in-not-required"
        } else if self.is_enabled(region) {
            "opted-in"
        } else {
            "not-opted-in"
        }
    }

    /// What EC2 answers in a Region that is off: credentials are not known there (fog-aws issue 585).
    pub(crate) fn check_enabled(&self, region: &str) -> Result<(), Failure> {
        if self.is_enabled(region) {
            return Ok(());
        }
        let message = "AWS was not able to validate the provided access credentials";
        Err(refuse_with(
            StatusCode::UNAUTHORIZED,
            "AuthFailure",
            message,
        ))
    }
}
