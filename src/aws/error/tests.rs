use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_sdk_s3::config::SharedCredentialsProvider;

use super::super::Aws;
use super::*;

#[tokio::test]
async fn missing_credentials_are_recognized() {
    let provider =
        provide_credentials_fn(async || Err(CredentialsError::not_loaded("no profile has any")));
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .build();
    let read = Aws::with_config(config)
        .head_object("images", "web.image.yaml")
        .await;
    let error = read.unwrap_err();
    assert!(error.lacks_credentials(), "{error}");
    assert!(error.message.ends_with("no profile has any"), "{error}");
    assert_eq!(error.status, None);
}

#[test]
fn classifies_errors_by_code_and_status() {
    let remedy_of = |code, status| remedy_of("GetObject", code, status);
    assert_eq!(remedy_of(Some("SlowDown"), 503), Remedy::Later);
    assert_eq!(remedy_of(Some("Throttling"), 400), Remedy::Later);
    assert_eq!(remedy_of(Some("InternalError"), 200), Remedy::Later);
    assert_eq!(remedy_of(None, 502), Remedy::Later);
    assert_eq!(remedy_of(Some("AccessDenied"), 403), Remedy::Never);
    assert_eq!(remedy_of(Some("NotImplemented"), 501), Remedy::Never);
    assert_eq!(remedy_of(None, 200), Remedy::Ambiguous);
}

#[test]
fn errors_of_permissions_and_of_credentials_are_told_apart() {
    let (denied, refuses_credentials, neither) = ((true, false), (false, true), (false, false));
    for (code, status, expected) in [
        (Some("AccessDenied"), 403, denied),
        (Some("AccessDeniedException"), 400, denied),
        (Some("AllAccessDisabled"), 403, denied),
        (Some("AuthorizationError"), 403, denied),
        (Some("Forbidden"), 403, denied),
        (Some("UnauthorizedOperation"), 403, denied),
        (Some("AuthFailure"), 403, denied),
        (None, 403, denied),
        (Some("AuthFailure"), 401, refuses_credentials),
        (Some("ExpiredToken"), 400, refuses_credentials),
        (Some("ExpiredTokenException"), 400, refuses_credentials),
        (Some("InvalidAccessKeyId"), 403, refuses_credentials),
        (Some("InvalidClientTokenId"), 403, refuses_credentials),
        (Some("InvalidToken"), 400, refuses_credentials),
        (Some("RequestExpired"), 400, refuses_credentials),
        (Some("SignatureDoesNotMatch"), 403, refuses_credentials),
        (
            Some("UnrecognizedClientException"),
            400,
            refuses_credentials,
        ),
        (Some("NoSuchBucket"), 404, neither),
        (Some("InternalError"), 403, neither),
        (Some(NO_CREDENTIALS), 403, neither),
        (None, 404, neither),
    ] {
        let error = AwsError {
            code: code.map(str::to_owned),
            status: Some(status),
            ..AwsError::unexplained("HeadObject", "reading", Remedy::Never, "no")
        };
        let found = (error.is_denied(), error.refuses_credentials());
        assert_eq!(found, expected, "{code:?} {status}");
    }
}

#[test]
fn a_quota_of_what_runs_at_once_passes_and_one_of_what_exists_does_not() {
    let code = Some("ResourceLimitExceeded");
    for action in ["CopyImage", "ImportImage", "ImportSnapshot"] {
        assert_eq!(remedy_of(action, code, 400), Remedy::Later, "{action}");
        for code in [
            "ConcurrentSnapshotLimitExceeded",
            "PendingSnapshotLimitExceeded",
        ] {
            assert_eq!(remedy_of(action, Some(code), 400), Remedy::Later, "{code}");
        }
    }
    assert_eq!(remedy_of("ModifyImageAttribute", code, 400), Remedy::Never);
    // An account has them, whatever ends.
    let code = Some("SnapshotLimitExceeded");
    assert_eq!(remedy_of("ImportSnapshot", code, 400), Remedy::Never);
}

/// A file of this machine that cannot be read is no silence of AWS.
#[test]
fn only_what_nothing_answered_is_unanswered() {
    let of = |remedy| AwsError::unexplained("PutObject", "sending", remedy, "no");
    assert!(of(Remedy::Ambiguous).is_unanswered());
    assert!(!of(Remedy::Never).is_unanswered());
    let gateway = AwsError {
        status: Some(502),
        ..of(Remedy::Ambiguous)
    };
    assert!(!gateway.is_unanswered());
}
