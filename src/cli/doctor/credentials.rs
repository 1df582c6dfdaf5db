//! The credentials.

use super::super::hints::credentials_hint;
use super::finding::Check;
use crate::aws::{Aws, Caller};

const SUBJECT: &str = "credentials";

/// Whose they are; none if AWS does not take them.
pub(super) async fn check(aws: &Aws) -> (Check, Option<Caller>) {
    match aws.caller().await {
        Ok(caller) => {
            let text = format!("{} in {}", caller.arn, aws.region());
            (Check::ok(SUBJECT, text), Some(caller))
        }
        Err(error) => {
            let check = match credentials_hint(&error) {
                Some(hint) => Check::todo(SUBJECT, error.to_string(), hint),
                None => Check::not_seen(SUBJECT, "no permission", &error),
            };
            (check, None)
        }
    }
}
