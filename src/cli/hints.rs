//! The errors of commands that AWS does not let do what they are to do, each with what the person can do about it.

use super::text::plain;
use crate::aws::AwsError;
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::config::Config;
use crate::keys;
use crate::status_store::StoreError;

/// The output of the stack that names its state bucket.
const STATE_BUCKET: &str = "StateBucketName";

/// What to do without credentials.
const SET_CREDENTIALS: &str = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// What to do with credentials that AWS does not take.
const RENEW_CREDENTIALS: &str = "the credentials are invalid or expired: renew them";

/// What to do where nothing answers.
pub(super) const CHECK_NETWORK: &str =
    "check the network and, if set, AWS_ENDPOINT_URL (for `amiwright local`: is it running?)";

/// The error for a status that cannot be read.
pub(super) fn cannot_load(config: &Config, error: &StoreError) -> Error {
    match error {
        StoreError::Aws(error) => cannot_read(config, error),
        error => Error::new(error.to_string()),
    }
}

/// The error for statuses that cannot be read, with a hint for the usual causes.
pub(super) fn cannot_read(config: &Config, error: &AwsError) -> Error {
    let (bucket, statuses) = (&config.state_bucket, keys::STATUSES);
    let permissions = format!(
        "allow s3:ListBucket on {bucket}, and s3:GetObject on {bucket}/{statuses}*, as the stack's output UploaderPolicyArn does"
    );
    with_hint(config, (bucket, STATE_BUCKET), error, permissions)
}

/// The error for a request that cannot be made, with a hint for the usual causes.
pub(super) fn cannot_request(config: &Config, error: &AwsError) -> Error {
    let (bucket, requests) = (&config.state_bucket, keys::REQUESTS);
    let permissions = format!(
        "allow s3:PutObject on {bucket}/{requests}*, as the stack's output OperatorPolicyArn does"
    );
    with_hint(config, (bucket, STATE_BUCKET), error, permissions)
}

/// The error for what cannot be sent to the manifest bucket, with a hint for the usual causes.
pub(super) fn cannot_send(config: &Config, error: &AwsError) -> Error {
    let bucket = &config.bucket;
    let permissions = format!(
        "allow {} on the manifest bucket {bucket}, as the stack's output UploaderPolicyArn does",
        error.action
    );
    with_hint(config, (bucket, "BucketName"), error, permissions)
}

/// The error for a manifest that cannot be read, with a hint for the usual causes.
pub(super) fn cannot_find_manifest(config: &Config, error: &AwsError) -> Error {
    let bucket = &config.bucket;
    let permissions = format!(
        "allow s3:ListBucket and s3:GetObject on the manifest bucket {bucket}, as the stack's output OperatorPolicyArn does"
    );
    with_hint(config, (bucket, "BucketName"), error, permissions)
}

/// The error for what a plan cannot look up, with a hint for the usual causes.
pub(super) fn cannot_plan(config: &Config, error: &AwsError) -> Error {
    let bucket = &config.bucket;
    let permissions = format!(
        "allow {} as the stack's output OperatorPolicyArn does",
        error.action
    );
    with_hint(config, (bucket, "BucketName"), error, permissions)
}

/// `bucket` is what was asked for, and the output of the stack that names it.
fn with_hint(
    config: &Config,
    (bucket, output): (&str, &str),
    error: &AwsError,
    permissions: String,
) -> Error {
    let region = &config.region;
    let hint = match error.code.as_deref() {
        Some("NoSuchBucket") => {
            format!("bucket {bucket} does not exist; the name is the output {output} of the stack")
        }
        Some(
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        ) => format!("the bucket is not in {region}: use --region"),
        // Answers to HEAD requests have no body, so no code.
        None if error.has_status(301) => format!("the bucket is not in {region}: use --region"),
        None if error.has_status(400) => format!(
            "the credentials are invalid or expired, or the bucket is not in {region}: renew them, or use --region"
        ),
        _ if error.is_denied() => permissions,
        _ => match credentials_hint(error) {
            Some(hint) => hint.to_owned(),
            None if error.is_unanswered() => {
                return Error::new(plain(&error.to_string()))
                    .with_hint(CHECK_NETWORK)
                    .with_exit(Exit::Unreachable);
            }
            None => return Error::new(plain(&error.to_string())),
        },
    };
    Error::new(plain(&error.to_string())).with_hint(hint)
}

/// What to do about an error of the credentials; none for any other.
pub(super) fn credentials_hint(error: &AwsError) -> Option<&str> {
    if error.lacks_credentials() {
        Some(error.advice().unwrap_or(SET_CREDENTIALS))
    } else {
        error.refuses_credentials().then_some(RENEW_CREDENTIALS)
    }
}
