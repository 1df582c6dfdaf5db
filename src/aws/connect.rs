//! The clients: one HTTP client for all services, each built on first use. Nothing is called at start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::SharedCredentialsProvider;
use aws_sdk_s3::config::retry::RetryPartition;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;

use super::attempts::Attempts;
use super::client_settings::{
    app_name, endpoint, endpoints, flag, https_client, timeouts, with_credentials,
};
use super::profile::Profile;
use super::rate_limiter::{PATIENT_WAIT_MAX, RateLimiter, WAIT_MAX};
use super::reach::{Trouble, Try, listened};
/// The AWS clients of one Region. Each is built on first use, so that a function contains only those that it needs.
/// Clones share them.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    path_style: bool,
    /// Whether to read each service's own endpoint variable here; the SDK's configuration loader does so itself.
    reads_endpoints: bool,
    rate_limiter: Arc<RateLimiter>,
    /// How long calls to EC2 wait for their tokens.
    pub(super) token_wait: Duration,
    clients: Arc<Clients>,
    /// The clients of other Regions: a client has its own endpoint and its own connections, and takes milliseconds to
    /// build. Those of a Region do not hold this map, so that nothing holds itself.
    others: Arc<Mutex<BTreeMap<String, Aws>>>,
    /// Which Regions the account has enabled.
    pub(super) enabled_regions: Arc<EnabledRegions>,
}

/// What DescribeRegions answered last and when: each Region, and whether it is enabled.
#[derive(Debug, Default)]
pub(super) struct EnabledRegions(
    pub(super) tokio::sync::Mutex<Option<(tokio::time::Instant, BTreeMap<String, bool>)>>,
);

#[derive(Debug, Default)]
struct Clients {
    s3: OnceLock<aws_sdk_s3::Client>,
    ec2: OnceLock<aws_sdk_ec2::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
}

impl Aws {
    /// From Lambda's environment: credentials and endpoints are in variables; there are no files and no profiles.
    /// Without the SDK's chain of other credential sources, a function starts faster and is a tenth smaller.
    #[must_use]
    pub fn in_lambda(region: &str) -> Self {
        let endpoints = endpoints();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .app_name(app_name())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .http_client(https_client(
                region,
                endpoints.iter().any(|url| url.starts_with("https:")),
            ))
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts());
        config.set_endpoint_url(endpoint("AWS_ENDPOINT_URL"));
        config.set_use_fips(flag("AWS_USE_FIPS_ENDPOINT"));
        config.set_use_dual_stack(flag("AWS_USE_DUALSTACK_ENDPOINT"));
        Self {
            reads_endpoints: true,
            ..Self::new(config.build(), !endpoints.is_empty())
        }
    }

    /// From the environment and its profile: credentials and endpoints; `endpoint_url` applies to all services and
    /// overrides those. No call is made here.
    pub async fn from_env(region: &str, endpoint_url: Option<&str>) -> Self {
        let profile = Profile::read().await;
        let mut endpoints = endpoint_url.map_or_else(endpoints, |url| vec![url.to_owned()]);
        if endpoints.is_empty() {
            endpoints.extend(profile.endpoint_url.clone());
        }
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .app_name(app_name())
            .region(Region::new(region.to_owned()))
            .http_client(https_client(
                region,
                endpoints.iter().any(|url| url.starts_with("https:")),
            ))
            .timeout_config(timeouts());
        let mut loader = with_credentials(loader, &endpoints);
        if let Some(url) = endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = profile.advise(loader.load().await);
        Self::new(config, !endpoints.is_empty())
    }

    /// From a given configuration: for tests, which connect to a simulated world. Buckets are addressed by path there.
    #[must_use]
    pub fn with_config(config: SdkConfig) -> Self {
        let config = config.into_builder().timeout_config(timeouts()).build();
        Self::new(config, true)
    }

    fn new(config: SdkConfig, path_style: bool) -> Self {
        Self {
            config,
            path_style,
            reads_endpoints: false,
            rate_limiter: Arc::default(),
            token_wait: WAIT_MAX,
            clients: Arc::default(),
            others: Arc::default(),
            enabled_regions: Arc::default(),
        }
    }

    /// The same clients, which try each call once: for a caller that asks again by itself.
    #[must_use]
    pub fn without_retries(self) -> Self {
        let config = self.config.to_builder();
        let config = config.retry_config(RetryConfig::disabled()).build();
        self.configured(config)
    }

    /// The same clients; the listener is told of each try that does not reach a service, or that has no answer for long.
    /// The services that credentials come from are left out.
    #[must_use]
    pub fn with_listener(self, listener: impl Fn(&Trouble, Try) + Send + Sync + 'static) -> Self {
        let Some(client) = self.config.http_client() else {
            return self;
        };
        let config = self.config.to_builder();
        let config = config
            .http_client(listened(client, Arc::new(listener)))
            .build();
        self.configured(config)
    }

    fn configured(self, config: SdkConfig) -> Self {
        Self {
            config,
            clients: Arc::default(),
            others: Arc::default(),
            ..self
        }
    }

    /// The same clients with a shared rate limiter: EC2's request limits apply to the account, not to a client.
    #[must_use]
    pub fn with_rate_limiter(self, rate_limiter: Arc<RateLimiter>) -> Self {
        Self {
            rate_limiter,
            others: Arc::default(),
            ..self
        }
    }

    /// The same clients, for calls that many images wait for: they wait for their tokens a second longer than other calls may.
    /// So they get some however many others there are.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self {
            token_wait: PATIENT_WAIT_MAX,
            ..self.clone()
        }
    }

    /// Clients of a Region, with the same credentials and request limits. They are built once.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        if region == self.region() {
            return self.clone();
        }
        // Whoever held the lock only ever inserted a whole entry.
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let token_wait = self.token_wait;
        if let Some(known) = others.get(region) {
            return Self {
                token_wait,
                ..known.clone()
            };
        }
        let config = self.config.to_builder();
        let config = config.region(Region::new(region.to_owned())).build();
        let other = Self {
            reads_endpoints: self.reads_endpoints,
            rate_limiter: self.rate_limiter.clone(),
            enabled_regions: self.enabled_regions.clone(),
            ..Self::new(config, self.path_style)
        };
        others.insert(region.to_owned(), other.clone());
        Self {
            token_wait,
            ..other
        }
    }

    /// What keeps these clients within EC2's request limits.
    #[must_use]
    pub fn rate_limiter(&self) -> &Arc<RateLimiter> {
        &self.rate_limiter
    }

    /// The Region of all calls.
    #[must_use]
    pub fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }

    /// The configuration of all clients, for those that are built where they are used.
    #[cfg(feature = "doctor")]
    pub(super) fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }

    fn endpoint(&self, variable: &str) -> Option<String> {
        self.reads_endpoints.then(|| endpoint(variable)).flatten()
    }

    /// What one of these clients may spend on retries is its own: 500 tokens, as by default. There all clients of a service and
    /// Region in a process share them, and worlds that are in one process would affect one another.
    fn retries(&self) -> RetryPartition {
        RetryPartition::custom(self.region().to_owned()).build()
    }

    pub(super) fn s3(&self) -> &aws_sdk_s3::Client {
        self.clients.s3.get_or_init(|| {
            let mut config = aws_sdk_s3::config::Builder::from(&self.config)
                .force_path_style(self.path_style)
                .retry_partition(self.retries())
                .interceptor(Attempts);
            if let Some(url) = self.endpoint("AWS_ENDPOINT_URL_S3") {
                config.set_endpoint_url(Some(url));
            }
            aws_sdk_s3::Client::from_conf(config.build())
        })
    }

    pub(super) fn ec2(&self) -> &aws_sdk_ec2::Client {
        self.clients.ec2.get_or_init(|| {
            let mut config = aws_sdk_ec2::config::Builder::from(&self.config)
                .retry_partition(self.retries())
                .interceptor(Attempts);
            if let Some(url) = self.endpoint("AWS_ENDPOINT_URL_EC2") {
                config.set_endpoint_url(Some(url));
            }
            aws_sdk_ec2::Client::from_conf(config.build())
        })
    }

    pub(super) fn sns(&self) -> &aws_sdk_sns::Client {
        self.clients.sns.get_or_init(|| {
            let mut config = aws_sdk_sns::config::Builder::from(&self.config)
                .retry_partition(self.retries())
                .interceptor(Attempts);
            if let Some(url) = self.endpoint("AWS_ENDPOINT_URL_SNS") {
                config.set_endpoint_url(Some(url));
            }
            aws_sdk_sns::Client::from_conf(config.build())
        })
    }

    pub(super) fn ssm(&self) -> &aws_sdk_ssm::Client {
        self.clients.ssm.get_or_init(|| {
            let mut config = aws_sdk_ssm::config::Builder::from(&self.config)
                .retry_partition(self.retries())
                .interceptor(Attempts);
            if let Some(url) = self.endpoint("AWS_ENDPOINT_URL_SSM") {
                config.set_endpoint_url(Some(url));
            }
            aws_sdk_ssm::Client::from_conf(config.build())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_of_a_region_are_built_once() {
        let config = SdkConfig::builder().region(Region::new("us-east-1"));
        let aws = Aws::with_config(config.build());
        let is_same = |one: &Aws, other: &Aws| Arc::ptr_eq(&one.clients, &other.clients);
        let there = aws.in_region("eu-west-1");
        assert_eq!(there.region(), "eu-west-1");
        assert!(is_same(&there, &aws.in_region("eu-west-1")));
        assert!(!is_same(&there, &aws));
        assert!(is_same(&aws.in_region("us-east-1"), &aws));
        assert!(Arc::ptr_eq(&there.rate_limiter, &aws.rate_limiter));
    }
}
