//! The instance metadata service, by its second version alone (IMDSv2: a token first), with the SDK's own client.

use std::error::Error;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::imds;
use aws_config::imds::client::error::{ImdsError, TokenError};
use aws_config::provider_config::ProviderConfig;
use aws_sdk_s3::error::SdkError;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// Longest wait for an answer. The service is on the instance's own host; elsewhere nothing ever answers.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Longest call with its retries, of a service that answers with errors.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the token is good: one request needs it, and the SDK asks for another two minutes before its end.
const TOKEN_TTL: Duration = Duration::from_secs(300);

/// Why the instance metadata service returned nothing.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Nothing answered.
    #[error("no instance metadata service answers")]
    Unanswered(#[source] Box<dyn Error + Send + Sync>),
    /// It answered that it will not tell.
    #[error("the instance metadata service refuses to answer")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// It answered with this HTTP status.
    #[error("the instance metadata service answered with HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// Anything else: an endpoint of a wrong form, an answer that is not text.
    #[error("cannot use the instance metadata service")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

/// What an instance can read about itself.
#[derive(Debug, Clone)]
pub struct InstanceMetadata {
    client: imds::Client,
}

impl InstanceMetadata {
    /// The service of this machine, or the one that `AWS_EC2_METADATA_SERVICE_ENDPOINT` or the profile names.
    #[must_use]
    pub fn from_env() -> Self {
        let provider = ProviderConfig::empty()
            .with_http_client(aws_smithy_http_client::Builder::new().build_http())
            .with_sleep_impl(TokioSleep::new())
            .with_time_source(SystemTimeSource::new());
        Self::new(&provider)
    }

    /// By a given configuration: for tests, which connect to a simulated world.
    #[must_use]
    pub fn with_config(config: &SdkConfig) -> Self {
        let mut provider = ProviderConfig::empty();
        if let Some(client) = config.http_client() {
            provider = provider.with_http_client(client);
        }
        if let Some(sleep) = config.sleep_impl() {
            provider = provider.with_sleep_impl(sleep);
        }
        if let Some(time) = config.time_source() {
            provider = provider.with_time_source(time);
        }
        Self::new(&provider)
    }

    fn new(provider: &ProviderConfig) -> Self {
        let client = imds::Client::builder()
            .configure(provider)
            .connect_timeout(TIMEOUT)
            .read_timeout(TIMEOUT)
            .operation_attempt_timeout(TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .token_ttl(TOKEN_TTL)
            .build();
        Self { client }
    }

    /// The product codes of this instance, one a line in the service's answer; none where it knows no such data.
    ///
    /// # Errors
    /// If nothing answers, or the service refuses.
    pub async fn product_codes(&self) -> Result<Vec<String>, MetadataError> {
        match self.client.get("/latest/meta-data/product-codes").await {
            Ok(text) => {
                let lines = text.as_ref().lines().map(str::trim);
                Ok(lines
                    .filter(|line| !line.is_empty())
                    .map(str::to_owned)
                    .collect())
            }
            Err(ImdsError::ErrorResponse(error)) => match error.response().status().as_u16() {
                404 => Ok(Vec::new()),
                status => Err(MetadataError::Status { status }),
            },
            Err(error) => Err(classified(error)),
        }
    }
}

fn classified(error: ImdsError) -> MetadataError {
    match &error {
        ImdsError::IoError(_) => MetadataError::Unanswered(error.into()),
        ImdsError::FailedToLoadToken(_) => {
            let source = error.source();
            match source.and_then(|it| it.downcast_ref::<SdkError<TokenError, HttpResponse>>()) {
                Some(SdkError::ServiceError(_)) => MetadataError::Refused(error.into()),
                Some(SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)) => {
                    MetadataError::Unanswered(error.into())
                }
                _ => MetadataError::Other(error.into()),
            }
        }
        _ => MetadataError::Other(error.into()),
    }
}
