//! What the clients are made with: time-outs, endpoints, credentials for a simulated world, and whose certificates they
//! trust.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{AppName, ConfigLoader, timeout::TimeoutConfig};
use aws_sdk_s3::config::Credentials;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::version::VERSION;

/// Longest wait for a connection: the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// Longest single attempt of a call. Every function's timeout is longer than one call with its retries.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);

/// Longest call with its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest single attempt to send a file or a part: 8 MiB at 30 kB/s. The SDK ends one that stalls much earlier.
const FILE_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(300);

/// Longest time for a file or a part with all its attempts.
const FILE_TIMEOUT: Duration = Duration::from_secs(1800);

/// How often a file or a part is tried.
const FILE_ATTEMPTS: u32 = 8;

/// The certificate authorities of AWS's own endpoints ("Amazon Trust Services" repository).
/// Loading them takes a fraction of the time that the system's more than one hundred take, in every function's start.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// Names this program in the User-Agent of each call, as CloudTrail records it.
#[expect(
    clippy::expect_used,
    reason = "what build.rs makes of a version and a commit has only letters, digits, dots and hyphens"
)]
pub(super) fn app_name() -> AppName {
    AppName::new(format!("amiwright-{VERSION}")).expect("a valid name")
}

/// An endpoint's URL from a variable, if it is set.
pub(super) fn endpoint(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

/// All endpoints that the environment sets, for all services or for one.
pub(super) fn endpoints() -> Vec<String> {
    let variables = [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_EC2",
        "AWS_ENDPOINT_URL_SNS",
        "AWS_ENDPOINT_URL_SSM",
    ];
    variables.into_iter().filter_map(endpoint).collect()
}

/// Variables that configure credentials.
const CREDENTIALS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// A simulated world on this machine accepts any credentials. Without any, the SDK would look for a profile and then
/// for an instance's role, and fail after seconds; so placeholders are used.
pub(super) fn with_credentials(loader: ConfigLoader, endpoints: &[String]) -> ConfigLoader {
    let configured = CREDENTIALS
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if configured || endpoints.is_empty() || !endpoints.iter().all(|url| is_loopback(url)) {
        return loader;
    }
    loader.credentials_provider(Credentials::new(
        "local",
        "local",
        None,
        None,
        "placeholder for a loopback endpoint",
    ))
}

/// Whether an endpoint can only be on this machine.
fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return false;
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// What differs for calls that send a file or a part of one: they take longer than the others may.
pub(super) fn for_files() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(FILE_ATTEMPT_TIMEOUT)
        .operation_timeout(FILE_TIMEOUT);
    aws_sdk_s3::config::Builder::new()
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(FILE_ATTEMPTS))
}

/// The SDK has no default timeouts for a call or an attempt.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// A Boolean setting of the SDKs; none if it is neither `true` nor `false`.
pub(super) fn flag(variable: &str) -> Option<bool> {
    std::env::var(variable)
        .ok()?
        .to_ascii_lowercase()
        .parse()
        .ok()
}

/// TLS by ring: its first connection takes 3 ms, that of the SDK's default library 44 ms.
pub(super) fn https_client(region: &str, custom_endpoint: bool) -> SharedHttpClient {
    // Custom endpoints, and those of AWS China, have certificates of other authorities.
    let system_roots = custom_endpoint || region.starts_with("cn-");
    let trust_store = TrustStore::empty()
        .with_native_roots(system_roots)
        .with_pem_certificate(AMAZON_ROOTS);
    let provider = Provider::Rustls(CryptoMode::Ring);
    let builder = aws_smithy_http_client::Builder::new().tls_provider(provider);
    match TlsContext::builder().with_trust_store(trust_store).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // The default context trusts the system's roots, which are a superset of Amazon's.
        Err(_) => builder.build_https(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_endpoint_is_on_this_machine() {
        let local = [
            "http://127.0.0.1:4566",
            "http://localhost:4566/",
            "https://[::1]:4566",
            "http://127.0.0.2",
        ];
        let elsewhere = [
            "https://s3.amazonaws.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://user@10.0.0.1",
            "127.0.0.1",
        ];
        assert!(local.iter().all(|url| is_loopback(url)));
        assert!(!elsewhere.iter().any(|url| is_loopback(url)));
    }
}
