//! The credentials.

use super::super::target::{RENEW_CREDENTIALS, SET_CREDENTIALS};
use super::finding::{Check, is_about_credentials};
use crate::aws::{Aws, Caller};

const SUBJECT: &str = "credentials";

/// Whose they are; none if AWS does not take them.
pub(super) async fn check(aws: &Aws) -> (Check, Option<Caller>) {
    match aws.caller().await {
        Ok(caller) => {
            let text = format!("{} in {}", caller.arn, aws.region());
            (Check::ok(SUBJECT, text), Some(caller))
        }
        Err(error) if error.lacks_credentials() => (
            Check::todo(SUBJECT, error.to_string(), SET_CREDENTIALS),
            None,
        ),
        Err(error) if is_about_credentials(&error) => (
            Check::todo(SUBJECT, error.to_string(), RENEW_CREDENTIALS),
            None,
        ),
        Err(error) => (Check::not_seen(SUBJECT, "no permission", &error), None),
    }
}
