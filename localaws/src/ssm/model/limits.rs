//! Request limits per account and Region: 40 a second for all that gets parameters, 3 for PutParameter. The latter is not
//! documented, AWS support named it (terraform-aws-github-runner issue 2944).

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::ssm::request::{Failure, refuse};
use crate::token_bucket::TokenBucket;

const GETS: f64 = 40.0;
const PUTS: f64 = 3.0;

/// One token bucket a Region and kind of call. Not part of the saved world.
#[derive(Debug, Default)]
pub(crate) struct Limits(BTreeMap<(String, &'static str), TokenBucket>);

impl Limits {
    /// Takes a token, or refuses with `ThrottlingException`.
    pub(crate) fn take(
        &mut self,
        region: &str,
        action: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (kind, rate) = match action {
            "PutParameter" => ("put", PUTS),
            "GetParameter" | "GetParameters" | "GetParametersByPath" => ("get", GETS),
            _ => return Ok(()),
        };
        let bucket = self.0.entry((region.to_owned(), kind));
        let bucket = bucket.or_insert_with(|| TokenBucket::full(rate, now));
        if bucket.take(rate, rate, now) {
            Ok(())
        } else {
            Err(refuse("ThrottlingException", "Rate exceeded"))
        }
    }
}
