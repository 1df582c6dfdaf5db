//! The stack that a command works with, and how its statuses are read.

use super::connection::{self, Aside};
use super::hints::{cannot_load, cannot_read};
use super::options::Options;
use crate::aws::{Aws, Profile};
use crate::cli::error::Error;
use crate::config::Config;
use crate::manifest::guardrails::Guardrails;
use crate::manifest::key;
use crate::manifest::location::{S3Address, s3_uri};
use crate::reconcile::Context;
use crate::status_store::{self, Loaded};

/// Least similarity (Jaro-Winkler, 0 to 1) of a key that is suggested for one that does not exist.
const SIMILARITY_MIN: f64 = 0.8;

/// The stack that a command works with.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Manifest bucket of the stack
    #[arg(long, env = "AMIWRIGHT_BUCKET")]
    bucket: Option<String>,
    /// State bucket of the stack
    #[arg(long, env = "AMIWRIGHT_STATE_BUCKET")]
    state_bucket: Option<String>,
    /// Region of the buckets [default: AWS_REGION, AWS_DEFAULT_REGION, or the profile's]
    #[arg(long)]
    region: Option<String>,
    /// Endpoint of AWS, such as http://127.0.0.1:4566 for `amiwright local` [default: AWS_ENDPOINT_URL]
    #[arg(long)]
    endpoint_url: Option<String>,
}

impl Target {
    /// The configuration for the buckets that the options name.
    ///
    /// # Errors
    /// If a bucket or the Region is not given.
    pub(super) async fn config(&self) -> Result<Config, Error> {
        let region = region_of(self.region.as_deref()).await;
        self.config_from(None, region)
    }

    /// The configuration for a manifest that is named by its key or by `s3://BUCKET/KEY`, and its key.
    ///
    /// # Errors
    /// If a bucket or the Region is not given.
    pub(super) async fn config_for<'a>(&self, name: &'a str) -> Result<(Config, &'a str), Error> {
        let (bucket, key) = bucket_and_key(name);
        let region = region_of(self.region.as_deref()).await;
        Ok((self.config_from(bucket, region)?, key))
    }

    /// The configuration for manifests that are named so, and their keys. Without any, that of the options.
    ///
    /// # Errors
    /// If a bucket or the Region is not given, or the manifests are in several buckets.
    pub(super) async fn config_for_all(
        &self,
        names: &[String],
    ) -> Result<(Config, Vec<String>), Error> {
        let mut config: Option<Config> = None;
        let mut keys = Vec::new();
        for name in names {
            let (other, key) = self.config_for(name).await?;
            let config = config.get_or_insert_with(|| other.clone());
            if other.bucket != config.bucket {
                let message = format!(
                    "{} and {} are different buckets",
                    config.bucket, other.bucket
                );
                return Err(Error::new(message).with_hint("name images of one bucket at a time"));
            }
            keys.push(key.to_owned());
        }
        match config {
            Some(config) => Ok((config, keys)),
            None => Ok((self.config().await?, keys)),
        }
    }

    /// A client for the Region of this configuration.
    pub(super) async fn connect(&self, config: &Config, aside: Aside) -> Aws {
        let aws = Aws::from_env(&config.region, self.endpoint_url.as_deref()).await;
        connection::told(aws, aside)
    }

    /// The same for a command that polls: it tries again by itself, and says so.
    pub(super) async fn connect_to_poll(&self, config: &Config) -> Aws {
        connection::polled(Aws::from_env(&config.region, self.endpoint_url.as_deref()).await)
    }

    fn config_from(
        &self,
        bucket_of_key: Option<&str>,
        region: Result<String, Error>,
    ) -> Result<Config, Error> {
        let given = |bucket: Option<&str>| bucket.filter(|it| !it.is_empty()).map(str::to_owned);
        let bucket = given(bucket_of_key.or(self.bucket.as_deref())).ok_or_else(|| {
            Error::new("no manifest bucket given").with_hint(
                "use --bucket or AMIWRIGHT_BUCKET; the name is the output BucketName of the stack",
            )
        })?;
        let state_bucket = given(self.state_bucket.as_deref()).ok_or_else(|| {
            Error::new("no state bucket given").with_hint(
                "use --state-bucket or AMIWRIGHT_STATE_BUCKET; the name is the output StateBucketName of the stack",
            )
        })?;
        Ok(config_of(bucket, state_bucket, region?))
    }
}

/// The configuration of who only looks and asks: the functions have their own.
pub(super) fn config_of(bucket: String, state_bucket: String, region: String) -> Config {
    Config {
        bucket,
        state_bucket,
        // Nothing is measured from here.
        stack: String::new(),
        region,
        account_id: None,
        topic_arn: None,
        bundle_key_parameter: None,
        vm_import_role: None,
        notify_started: false,
        notify_ignored: false,
        // Nothing is made from here.
        guardrails: Guardrails::default(),
    }
}

/// The Region and the endpoint of a command that needs no bucket.
#[derive(Debug, clap::Args)]
pub(super) struct Endpoint {
    /// Region to ask [default: AWS_REGION, AWS_DEFAULT_REGION, or the profile's]
    #[arg(long)]
    region: Option<String>,
    /// Endpoint of AWS, such as http://127.0.0.1:4566 for `amiwright local` [default: AWS_ENDPOINT_URL]
    #[arg(long)]
    endpoint_url: Option<String>,
}

impl Endpoint {
    /// A client for this Region.
    ///
    /// # Errors
    /// If the Region is not given.
    pub(super) async fn connect(&self, options: &Options) -> Result<Aws, Error> {
        let region = region_of(self.region.as_deref()).await?;
        let aws = Aws::from_env(&region, self.endpoint_url.as_deref()).await;
        Ok(connection::told(aws, Aside::new(options)))
    }
}

/// The Region that is given, or that of the environment, or that of the profile.
async fn region_of(given: Option<&str>) -> Result<String, Error> {
    if let Some(region) = named_region(given, |name| std::env::var(name).ok()) {
        return Ok(region);
    }
    Profile::read().await.region.ok_or_else(|| {
        Error::new("no Region given")
            .with_hint("use --region, AWS_REGION, or a profile (AWS_PROFILE) that has a `region`")
    })
}

fn named_region(given: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    given
        .map(str::to_owned)
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// The parts of `s3://BUCKET/KEY`; any other text is a key.
fn bucket_and_key(text: &str) -> (Option<&str>, &str) {
    match S3Address::split(text) {
        Some((bucket, key)) => (Some(bucket), key),
        None => (None, text),
    }
}

/// Refuses a key that cannot be a manifest: there will never be a status for it.
///
/// # Errors
/// If it is not the key of a manifest.
pub(super) fn check_key(key: &str) -> Result<(), Error> {
    match key::kind(key) {
        Some(_) => Ok(()),
        None => {
            const ENDINGS: &str = ".image.yaml, .image.yml, .image.json or .manifest.xml";
            let hint = match key::meant(key) {
                Some(meant) => format!(
                    "an object with this name is left alone: upload it as {meant}; keys of manifests end in {ENDINGS}"
                ),
                None => format!("keys of manifests end in {ENDINGS}"),
            };
            Err(Error::new(format!("{key} is not a manifest")).with_hint(hint))
        }
    }
}

/// Reads the status of a manifest that should have one.
///
/// # Errors
/// If the bucket cannot be read, or there is no such status; the hint names the one that was probably meant.
pub(super) async fn load(context: Context<'_>, key: &str) -> Result<Loaded, Error> {
    match status_store::load(context.aws, context.config, key).await {
        Ok(Some(loaded)) => Ok(loaded),
        Ok(None) => Err(no_status(context, key).await),
        Err(error) => Err(cannot_load(context.config, &error)),
    }
}

/// The error for a status that does not exist.
async fn no_status(context: Context<'_>, key: &str) -> Error {
    let config = context.config;
    let existing = match status_store::list_status_keys(context.aws, config).await {
        Ok(existing) => existing,
        Err(error) => return cannot_read(config, &error),
    };
    let error = Error::new(format!(
        "no status for {key} in {}",
        s3_uri(&config.state_bucket, "")
    ));
    if let Some(similar) = most_similar(key, &existing) {
        error.with_hint(format!("did you mean {similar}?"))
    } else if let Err(error) = check_key(key) {
        error
    } else if existing.is_empty() {
        error.with_hint("the bucket has no status at all: was a manifest uploaded, and is it the state bucket of the stack?")
    } else {
        error.with_hint(
            "`amiwright status` lists all; a manifest that was just uploaded takes a few seconds",
        )
    }
}

/// The key that was probably meant: the only one that contains `key`, else the most similar one.
fn most_similar<'a>(key: &str, existing: &'a [String]) -> Option<&'a str> {
    let containing: Vec<&String> = existing
        .iter()
        .filter(|other| other.contains(key))
        .collect();
    if let [only] = containing.as_slice() {
        return Some(only);
    }
    existing
        .iter()
        .map(|other| (strsim::jaro_winkler(key, other), other))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, most)| most.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(bucket: Option<&str>) -> Target {
        Target {
            bucket: bucket.map(str::to_owned),
            state_bucket: Some("images-state".to_owned()),
            region: Some("us-east-1".to_owned()),
            endpoint_url: None,
        }
    }

    #[test]
    fn the_region_comes_from_the_flag_or_the_environment() {
        let variable = |name: &str| match name {
            "AWS_REGION" => Some(String::new()),
            "AWS_DEFAULT_REGION" => Some("eu-west-1".to_owned()),
            _ => None,
        };
        let region = |given| named_region(given, variable);
        assert_eq!(region(None).as_deref(), Some("eu-west-1"));
        assert_eq!(region(Some("us-east-1")).as_deref(), Some("us-east-1"));
        assert_eq!(named_region(None, |_| None), None);
    }

    #[test]
    fn what_is_not_given_is_named_by_the_output_of_the_stack_that_has_it() {
        let region = || Ok("eu-west-1".to_owned());
        let error = target(None).config_from(None, region()).unwrap_err();
        assert!(error.report().contains("BucketName"), "{}", error.report());
        let mut target = target(Some("images"));
        let config = target.config_from(None, region()).unwrap();
        assert_eq!(config.region, "eu-west-1");
        target.state_bucket = None;
        let error = target.config_from(None, region()).unwrap_err();
        assert!(
            error.report().contains("StateBucketName"),
            "{}",
            error.report()
        );
    }

    #[tokio::test]
    async fn an_s3_address_names_the_bucket_too() {
        let target = target(Some("other"));
        let (config, key) = target
            .config_for("s3://images/golden/web.image.yaml")
            .await
            .unwrap();
        assert_eq!((&*config.bucket, key), ("images", "golden/web.image.yaml"));
        let (config, key) = target.config_for("golden/web.image.yaml").await.unwrap();
        assert_eq!((&*config.bucket, key), ("other", "golden/web.image.yaml"));
    }

    #[test]
    fn the_most_similar_key_is_suggested() {
        let existing = ["golden/web.image.yaml", "golden/db.image.yaml"].map(str::to_owned);
        assert_eq!(
            most_similar("web", &existing),
            Some("golden/web.image.yaml")
        );
        assert_eq!(
            most_similar("golden/wep.image.yaml", &existing),
            Some("golden/web.image.yaml")
        );
        assert_eq!(most_similar("xyz", &existing), None);
        assert_eq!(most_similar("x", &[]), None);
    }

    #[test]
    fn only_keys_of_manifests_are_accepted() {
        check_key("golden/web.image.yaml").unwrap();
        for key in ["web.yaml", "open/web.image.yaml.open"] {
            let report = check_key(key).unwrap_err().report();
            assert!(
                report.contains(&format!("{key} is not a manifest")),
                "{report}"
            );
        }
    }
}
