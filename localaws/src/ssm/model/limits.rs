//! Request limits per account and Region: 40 a second for all that gets parameters, 3 for PutParameter. The latter is not
//! documented, AWS support named it (terraform-aws-github-runner issue 2944).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::ssm::request::{Failure, refuse};

const GETS: f64 = 40.0;
const PUTS: f64 = 3.0;

/// One token bucket a Region and kind of call. Not part of the saved world.
#[derive(Debug, Default)]
pub(crate) struct Limits(BTreeMap<(String, &'static str), (f64, Timestamp)>);

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
        let (tokens, filled_at) = bucket.or_insert((rate, now));
        let waited = now.duration_since(*filled_at).max(SignedDuration::ZERO);
        *tokens = (*tokens + waited.as_secs_f64() * rate).min(rate);
        *filled_at = now;
        if *tokens < 1.0 {
            return Err(refuse("ThrottlingException", "Rate exceeded"));
        }
        *tokens -= 1.0;
        Ok(())
    }
}
